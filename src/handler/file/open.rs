//! An open log file: its descriptor, its size as far as known, space ahead of the writes.

use super::storage::{How, Storage};
use crate::sys::{self, FileId};
use std::fs::{File, Metadata};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;

/// Bytes written to a file before space is allocated ahead of the next ones.
const UNRESERVED_BYTES: u64 = 64 << 10;
/// The first and the largest piece of space allocated ahead.
const FIRST_RESERVE_BYTES: u64 = 1 << 20;
const LAST_RESERVE_BYTES: u64 = 16 << 20;

/// An open log file.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) file: File,
    pub(crate) id: Option<FileId>,
    pub(crate) regular: bool,
    /// The size as far as we know: what it was, and what we wrote.
    pub(crate) size: u64,
    /// The last bytes of the file that are the beginning of a line, the first one that waits.
    pub(crate) partial: usize,
    /// Something was written that was not synced.
    pub(crate) unsynced: bool,
    /// The file may have been made by this opening, and its name was not synced.
    pub(crate) name_unsynced: bool,
    /// A sync failed: what it was to save may be gone, whatever a later one says.
    pub(crate) doubtful: bool,
    reserve: Reserve,
}

/// Space ahead of the writes.
#[derive(Debug, Clone, Copy)]
enum Reserve {
    /// Not now: nothing is allocated below `from`.
    Waiting { from: u64 },
    /// Allocated to `to`, under our exclusive lock.
    Ahead { to: u64, step: u64 },
    /// Never for this file: not ours alone, or the file system has nothing to gain.
    Never,
}

impl Open {
    /// Opens a file to write to.
    pub(crate) fn new(
        storage: &dyn Storage,
        path: &Path,
        how: How,
        reserve: bool,
    ) -> io::Result<Self> {
        let file = storage.open(path, how)?;
        let meta = storage.stat(&file)?;
        let regular = meta.is_file();
        let mut open = Self {
            id: sys::file_id(&meta),
            file,
            regular,
            size: 0,
            partial: 0,
            unsynced: false,
            name_unsynced: regular && meta.len() == 0,
            doubtful: false,
            reserve: Reserve::Never,
        };
        if regular {
            open.size = meta.len();
            // Held by every writer of ours, so that none trims under another's hands, and that
            // nobody compresses and removes a file which is still written to.
            let locked = sys::lock_shared(&open.file).unwrap_or(false);
            if reserve && locked && sys::allocation_is_real(&open.file) {
                open.reserve = Reserve::Waiting { from: open.size + UNRESERVED_BYTES };
                open.trim_leftover(storage, &meta);
            }
        }
        Ok(open)
    }

    /// Returns true if the file ends in the midst of a line, as a power failure may leave it, and
    /// nobody else of ours has it open: a line that is being written looks the same.
    pub(crate) fn is_torn(
        &self,
        storage: &dyn Storage,
        path: &Path,
        terminator: &[u8],
    ) -> io::Result<bool> {
        if !self.regular || self.size == 0 || terminator.is_empty() {
            return Ok(false);
        }
        let alone = sys::lock_exclusive(&self.file).unwrap_or(false) || !cfg!(unix);
        let torn = if alone { self.ends_torn(storage, path, terminator) } else { Ok(false) };
        let _ = sys::lock_shared(&self.file);
        torn
    }

    fn ends_torn(&self, storage: &dyn Storage, path: &Path, terminator: &[u8]) -> io::Result<bool> {
        let mut reader = storage.open_read(path)?;
        let mut tail = vec![0; terminator.len()];
        let at = self.size.checked_sub(tail.len() as u64);
        let Some(at) = at else { return Ok(true) };
        reader.seek(SeekFrom::Start(at))?;
        let mut got = 0;
        while got < tail.len() {
            match storage.read(&reader, &mut tail[got..])? {
                0 => return Ok(false),
                n => got += n,
            }
        }
        Ok(tail != terminator)
    }

    /// Takes the beginning of a line back out of the file, if it stands at its end. What was
    /// written `just_now` stands there even if somebody cut the file short before.
    pub(crate) fn untear(&mut self, storage: &dyn Storage, just_now: bool) {
        if self.partial == 0 || !self.regular {
            return;
        }
        let Ok(meta) = storage.stat(&self.file) else { return };
        let len = meta.len();
        if len > self.size || (len < self.size && !just_now) {
            return;
        }
        let whole = len.saturating_sub(self.partial as u64);
        if storage.truncate(&self.file, whole).is_ok() {
            self.size = whole;
            self.partial = 0;
            // The space ahead went with it.
            if matches!(self.reserve, Reserve::Ahead { .. }) {
                self.reserve = Reserve::Waiting { from: whole + UNRESERVED_BYTES };
            }
        }
    }

    /// Sees to it that `len` more bytes find space, as far as that can be had. A refusal is no
    /// error: the write will meet it and tell.
    pub(crate) fn reserve(&mut self, storage: &dyn Storage, len: u64) {
        let (begin, step) = match self.reserve {
            Reserve::Never => return,
            Reserve::Waiting { from } if self.size + len < from => return,
            Reserve::Ahead { to, .. } if self.size + len <= to => return,
            Reserve::Waiting { .. } => (self.size, FIRST_RESERVE_BYTES),
            Reserve::Ahead { to, step } => (to, (step * 2).min(LAST_RESERVE_BYTES)),
        };
        let Ok(meta) = storage.stat(&self.file) else { return };
        if meta.len() != self.size {
            self.disagree(meta.len());
            return;
        }
        if matches!(self.reserve, Reserve::Waiting { .. })
            && !sys::lock_exclusive(&self.file).unwrap_or(false)
        {
            let _ = sys::lock_shared(&self.file);
            self.reserve = Reserve::Never;
            return;
        }
        let step = step.max((self.size + len).saturating_sub(begin));
        self.reserve = match storage.allocate(&self.file, begin, step, true) {
            Ok(()) => Reserve::Ahead { to: begin + step, step },
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Reserve::Never,
            // The disk is nearly full: what is left serves better as it is.
            Err(_) => Reserve::Waiting { from: self.size + len + FIRST_RESERVE_BYTES },
        };
    }

    /// Somebody else appended, or cut the file short.
    pub(crate) fn disagree(&mut self, size: u64) {
        self.reserve = match self.reserve {
            // Who copies and truncates does not append: it remains ours.
            Reserve::Waiting { .. } | Reserve::Ahead { .. } if size < self.size => {
                Reserve::Waiting { from: size + UNRESERVED_BYTES }
            }
            _ => Reserve::Never,
        };
        // The beginning of a line is gone, or not at the end any more: the line is written anew.
        self.partial = 0;
        self.size = size;
    }

    /// Gives the space ahead back, if the file is still as we know it.
    pub(crate) fn trim(&mut self, storage: &dyn Storage) {
        if let Reserve::Ahead { to, .. } = self.reserve
            && to > self.size
            && storage.stat(&self.file).is_ok_and(|meta| meta.len() == self.size)
        {
            let _ = storage.truncate(&self.file, self.size);
        }
        self.reserve = Reserve::Never;
    }

    /// Gives back what a killed process had allocated ahead.
    fn trim_leftover(&mut self, storage: &dyn Storage, meta: &Metadata) {
        let beyond = sys::allocated_bytes(meta).unwrap_or(0).saturating_sub(meta.len());
        // Metadata blocks of the file system count as well.
        if beyond >= FIRST_RESERVE_BYTES / 2
            && sys::lock_exclusive(&self.file).unwrap_or(false)
            && let Ok(now) = storage.stat(&self.file)
            && now.len() == self.size
        {
            let _ = storage.truncate(&self.file, self.size);
        }
        let _ = sys::lock_shared(&self.file);
    }
}
