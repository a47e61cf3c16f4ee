//! Where the file is, and how long: what others may have done to it.

use super::*;
use crate::handler::Place;

impl Output {
    /// Looks whether the path leads to the open file, and whether that is as long as we know; if
    /// not, somebody moved, removed or cut it, and the path is opened anew, as Python's
    /// `reopenIfNeeded`. Returns true if another file is open now, or none.
    pub(crate) fn look_around(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        self.looked = Instant::now();
        let asked = reopenings();
        let reopen = std::mem::replace(&mut self.reopenings, asked) != asked;
        let Some(open) = &mut self.file else { return Ok(false) };
        let there = match self.options.storage.metadata(&self.path) {
            Ok(meta) => Some(meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            // Who gave up the right to look keeps the right to write.
            Err(_) if !self.watched => return Ok(false),
            Err(error) => return Err(Error::io("examine", &self.path, error)),
        };
        let id = there.as_ref().and_then(sys::file_id);
        if let (Some(meta), false) = (&there, reopen)
            && id == open.id
            && (id.is_some() || !self.watched)
        {
            if open.regular && meta.len() != open.size {
                open.disagree(meta.len());
            }
            return Ok(false);
        }
        let regular = open.regular;
        if there.is_none() && regular && !self.watched && self.is_removed() {
            let removed = io::Error::new(io::ErrorKind::NotFound, "somebody removed it");
            cx.report(Error::io("find", &self.path, removed));
        }
        // A file of ours at the path is not to be emptied.
        self.appends |= !self.watched;
        if reopen || self.watched || self.is_removed() {
            self.release_file();
            self.open()?;
            return Ok(true);
        }
        // It was moved: as long as no other can be opened, it is better than none.
        let moved = self.file.take();
        match self.open() {
            Ok(()) => {
                let new = std::mem::replace(&mut self.file, moved);
                self.release_file();
                self.file = new;
                Ok(true)
            }
            Err(error) => {
                self.file = moved;
                cx.report(error);
                Ok(false)
            }
        }
    }

    /// Returns true if the open file has no name any more: what is written to it is lost.
    fn is_removed(&self) -> bool {
        let Some(open) = &self.file else { return true };
        self.options.storage.stat(&open.file).is_ok_and(|meta| sys::is_removed(&meta))
    }

    /// Writes what waits, closes the file and opens its path again, whatever is there.
    pub(crate) fn reopen_now(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.write_out(true, cx)?;
        self.release_file();
        self.open_to_append()
    }

    /// The size that the file has with all complete lines written; asks the system if nothing
    /// waits, so that what others appended counts.
    pub(crate) fn size(&mut self) -> u64 {
        let Some(open) = &mut self.file else { return self.committed as u64 };
        if self.committed == 0
            && open.regular
            && let Ok(meta) = self.options.storage.stat(&open.file)
            && meta.len() != open.size
        {
            open.disagree(meta.len());
        }
        open.size + self.committed as u64
    }

    /// How long the open file really is.
    pub(crate) fn length(&mut self) -> Option<u64> {
        let open = self.file.as_ref()?;
        Some(self.options.storage.stat(&open.file).ok()?.len())
    }

    /// Where the lines end up: a plain file that is open.
    pub(crate) fn place(&mut self, fresh: bool) -> Option<Place<'_>> {
        if fresh {
            self.size();
        }
        let open = self.file.as_ref().filter(|open| open.regular)?;
        Some(Place {
            path: &self.path,
            id: open.id?.numbers(),
            written: open.size,
            waiting: self.committed as u64,
            shared: self.options.shared,
            blocks: self.blocks.as_ref().map(|blocks| blocks.last(self.files)),
        })
    }

    /// As [`size`](Self::size), without asking the system.
    pub(crate) fn known_size(&self) -> u64 {
        self.file.as_ref().map_or(0, |open| open.size) + self.committed as u64
    }

    /// Returns true unless a file of another kind (a device, a pipe) is at the path.
    pub(crate) fn is_regular(&self) -> bool {
        match &self.file {
            Some(open) => open.regular,
            None => self.options.storage.metadata(&self.path).map_or(true, |meta| meta.is_file()),
        }
    }
}
