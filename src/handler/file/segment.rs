//! A file that is written by stores to a mapping.
//!
//! Space is allocated window by window before it is mapped, so that a full disk is an answer and
//! no signal, and pages are brought in ahead of the stores. While the file is open it is longer
//! than what was written: NUL bytes follow to the end of the window and a page more.
//! [`Segment::finish`] cuts it to its exact length; [`recover`] does so for one that a killed
//! process left.
//!
//! Pages are brought in by a `write(2)` of NUL bytes before they are mapped. The file system then
//! makes one large folio of them, and maps it in one fault, where it would read, allocate and
//! fault page by page for the mapping alone, at several times the cost (Linux 6.18, ext4).

use super::storage::{How, Storage};
use crate::error::Error;
use crate::sys::{self, Window};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Pages that are brought in at once, in bytes: fewer make folios too small to pay, more are out
/// of the processor's cache before they are stored to.
const POPULATE_BYTES: u64 = 256 << 10;
/// How far ahead of the stores pages are brought in when there is nothing else to do.
const AHEAD_BYTES: u64 = POPULATE_BYTES / 2;

/// An open file, a window of it, and where the next line goes.
#[derive(Debug)]
pub(crate) struct Segment {
    file: File,
    path: PathBuf,
    window: Window,
    window_bytes: u64,
    /// Offset of the window in the file.
    window_at: u64,
    /// Offset of the next byte.
    position: u64,
    /// Offset behind the last page that was brought in; nothing was written from there on.
    populated: u64,
    /// What pages are made of.
    zeros: Vec<u8>,
    /// Offset up to which everything was synced, and whether a sync failed since.
    synced: u64,
    doubtful: bool,
}

/// A segment that can be stored to no more.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) error: Error,
    /// Somebody cut the file short.
    pub(crate) cut: bool,
}

impl Segment {
    /// Opens the file, made if need be, to go on at `position`, which is its end.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened or mapped, or its space not be secured; it is as long as
    /// before then.
    pub(crate) fn open(
        storage: &dyn Storage,
        path: &Path,
        how: How,
        window_bytes: u64,
    ) -> Result<Self, Error> {
        let failed = |error| Error::io("map", path, error);
        let file = storage.open(path, How { mapped: true, ..how }).map_err(failed)?;
        if !sys::mapping_is_safe(&file) {
            return Err(failed(io::Error::new(
                io::ErrorKind::Unsupported,
                "its file system cannot secure space for a mapping",
            )));
        }
        let position = storage.stat(&file).map_err(failed)?.len();
        let mapped = map_window(storage, &file, position, window_bytes);
        let (window, window_at) = mapped.map_err(|error| {
            let _ = storage.truncate(&file, position);
            failed(error)
        })?;
        Ok(Self {
            file,
            path: path.into(),
            window,
            window_bytes,
            window_at,
            position,
            populated: position,
            zeros: vec![0; POPULATE_BYTES as usize],
            synced: position,
            doubtful: false,
        })
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Returns true if something was stored that no sync saved.
    pub(crate) fn is_unsynced(&self) -> bool {
        self.synced != self.position || self.doubtful
    }

    /// Sees to it that what was stored survives a power failure.
    ///
    /// # Errors
    ///
    /// If that fails, and from then on for this file: what it was to save may be lost.
    pub(crate) fn sync(&mut self, storage: &dyn Storage) -> Result<(), Error> {
        if !self.is_unsynced() {
            return Ok(());
        }
        let failed = |error| Error::io("sync", &self.path, error);
        if self.doubtful {
            let text = "an earlier sync failed, what it was to save may be lost";
            return Err(failed(io::Error::other(text)));
        }
        let done = storage.sync(&self.file);
        self.doubtful = done.is_err();
        done.map_err(failed)?;
        if self.synced == 0
            && let Some(directory) = self.path.parent()
        {
            storage.sync_dir(directory).map_err(failed)?;
        }
        self.synced = self.position;
        Ok(())
    }

    /// The bytes written.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Stores a line. On an error none of it counts, and the segment is to be finished.
    #[inline]
    pub(crate) fn store(&mut self, storage: &dyn Storage, bytes: &[u8]) -> Result<(), Broken> {
        // What was brought in lies in the window.
        let end = self.position + bytes.len() as u64;
        if end > self.populated {
            return self.store_further(storage, bytes);
        }
        let at = (self.position - self.window_at) as usize;
        match self.window.store(at, bytes) {
            Ok(()) => self.position = end,
            Err(_) => return Err(self.broken(self.position, cut_short())),
        }
        Ok(())
    }

    /// As [`store`](Self::store), behind what was brought in.
    #[cold]
    fn store_further(&mut self, storage: &dyn Storage, mut bytes: &[u8]) -> Result<(), Broken> {
        let begin = self.position;
        while !bytes.is_empty() {
            if self.position == self.populated {
                self.go_on(storage).map_err(|error| self.broken(begin, error))?;
            }
            let room = usize::try_from(self.populated - self.position).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at(bytes.len().min(room));
            let at = (self.position - self.window_at) as usize;
            self.window.store(at, now).map_err(|_| self.broken(begin, cut_short()))?;
            self.position += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// Brings pages in while nothing else is to be done, and looks whether the file is whole.
    pub(crate) fn prepare(&mut self, storage: &dyn Storage) -> Result<(), Broken> {
        let begin = self.position;
        let wanted = (self.position + AHEAD_BYTES).min(self.window_end());
        let done = match self.window.is_lost() {
            true => Err(cut_short()),
            false if self.populated < wanted => self.populate(storage),
            false => self.check_whole(storage),
        };
        done.map_err(|error| self.broken(begin, error))
    }

    fn window_end(&self) -> u64 {
        self.window_at + self.window.len() as u64
    }

    /// Brings more pages in, of the next window if this one is full.
    fn go_on(&mut self, storage: &dyn Storage) -> io::Result<()> {
        if self.populated == self.window_end() {
            self.next_window(storage)?;
        }
        self.populate(storage)
    }

    /// Brings the next pages of the window in.
    fn populate(&mut self, storage: &dyn Storage) -> io::Result<()> {
        self.check_whole(storage)?;
        // Folios are as large as their place in the file is even.
        let step = POPULATE_BYTES - self.populated % POPULATE_BYTES;
        let len = step.min(self.window_end() - self.populated) as usize;
        storage.write_at(&self.file, &self.zeros[..len], self.populated)?;
        self.window.populate((self.populated - self.window_at) as usize, len)?;
        // Between look and write somebody may have cut the file, which the write made longer then.
        self.check_whole(storage)?;
        self.populated += len as u64;
        Ok(())
    }

    /// Looks whether the file has the length that it was given.
    fn check_whole(&self, storage: &dyn Storage) -> io::Result<()> {
        let whole = self.window_end() + sys::page_bytes() as u64;
        if storage.stat(&self.file)?.len() < whole { Err(cut_short()) } else { Ok(()) }
    }

    fn next_window(&mut self, storage: &dyn Storage) -> io::Result<()> {
        // Making a file longer that somebody cut would leave a hole in it.
        self.check_whole(storage)?;
        (self.window, self.window_at) =
            map_window(storage, &self.file, self.position, self.window_bytes)?;
        self.populated = self.position;
        Ok(())
    }

    fn broken(&mut self, begin: u64, error: io::Error) -> Broken {
        self.position = begin;
        let cut = error.kind() == io::ErrorKind::UnexpectedEof;
        Broken { error: Error::io("store to", &self.path, error), cut }
    }

    /// Cuts the file to what was written and closes it.
    ///
    /// # Errors
    ///
    /// If that fails; the next [`recover`] does it then.
    pub(crate) fn finish(self, storage: &dyn Storage) -> Result<(), Error> {
        let Self { file, path, window, position, .. } = self;
        drop(window);
        let failed = |error| Error::io("cut", &path, error);
        // Never longer than it is: somebody may have cut it short.
        if storage.stat(&file).map_err(failed)?.len() > position {
            storage.truncate(&file, position).map_err(failed)?;
        }
        Ok(())
    }
}

fn cut_short() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "somebody cut the file short")
}

/// Allocates and maps a window that holds `position`, and allocates a page behind it: the file is
/// longer than any write into the window makes it, so that its length tells whether it was cut.
fn map_window(
    storage: &dyn Storage,
    file: &File,
    position: u64,
    window_bytes: u64,
) -> io::Result<(Window, u64)> {
    let page = sys::page_bytes() as u64;
    let len = window_bytes.next_multiple_of(page).max(page);
    let at = position / len * len;
    storage.allocate(file, at, len + page, false)?;
    // On 32-bit targets a window above the address space is an error like any other.
    let mapped = usize::try_from(len).map_err(|_| io::ErrorKind::InvalidInput.into());
    Ok((mapped.and_then(|len| Window::map(file, at, len))?, at))
}

/// Cuts the NUL bytes off that a killed process left behind its last line, and ends a line that
/// it left unfinished. Returns how many bytes were cut.
///
/// # Errors
///
/// If the file cannot be read or cut.
pub(crate) fn recover(
    storage: &dyn Storage,
    path: &Path,
    how: How,
    terminator: &[u8],
) -> Result<u64, Error> {
    let failed = |error| Error::io("recover", path, error);
    let mut file = storage.open(path, How { mapped: true, ..how }).map_err(failed)?;
    let size = storage.stat(&file).map_err(failed)?.len();
    let (end, last) = last_byte(&mut file, size).map_err(failed)?;
    if end < size {
        storage.truncate(&file, end).map_err(failed)?;
    }
    if last.is_some_and(|last| terminator.last() != Some(&last)) {
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        let mut rest = terminator;
        while !rest.is_empty() {
            let written = storage.write(&file, rest).map_err(failed)?;
            rest = &rest[written..];
        }
    }
    Ok(size - end)
}

/// Where the bytes other than NUL end, and which is the last of them.
fn last_byte(file: &mut File, size: u64) -> io::Result<(u64, Option<u8>)> {
    let mut block = vec![0; 256 << 10];
    let mut end = size;
    while end > 0 {
        let begin = end.saturating_sub(block.len() as u64);
        let part = &mut block[..(end - begin) as usize];
        file.seek(SeekFrom::Start(begin))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|byte| *byte != 0) {
            return Ok((begin + at as u64 + 1, Some(part[at])));
        }
        end = begin;
    }
    Ok((0, None))
}
