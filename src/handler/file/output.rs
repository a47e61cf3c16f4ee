//! An open log file with the lines that wait for it: what all file handlers share.
//!
//! Lines gather in a buffer and are written whole, when 256 KiB are full or somebody asks. A
//! write that fails keeps what it did not take and is tried again, less and less often; only when
//! the buffer is full are records refused. Space is allocated ahead of the writes while the file
//! is ours alone, and given back when it is closed.

use super::encoding::Encoding;
use super::storage::{self, Disk, FileMode, How, Storage};
use crate::error::Error;
use crate::handler::Context;
use crate::record::LogRecord;
use crate::sync::Arc;
use crate::sys::{self, FileId};
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are written at once: larger batches cost the same per byte.
const BATCH_BYTES: usize = 256 << 10;
/// Bytes that wait while the file takes none; beyond, records are refused.
const HELD_BYTES: usize = 1 << 20;
/// Bytes written to a file before space is allocated ahead of the next ones.
const UNRESERVED_BYTES: u64 = 64 << 10;
/// The first and the largest piece of space allocated ahead.
const FIRST_RESERVE_BYTES: u64 = 1 << 20;
const LAST_RESERVE_BYTES: u64 = 16 << 20;
/// How soon a failed write is tried again, at first and at last.
const FIRST_RETRY: Duration = Duration::from_millis(10);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// What the builders of all file handlers have in common.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) path: PathBuf,
    pub(crate) mode: FileMode,
    pub(crate) delay: bool,
    /// Not opened when made, whatever `delay` says, but when [`Output::open_as_told`] is called.
    pub(crate) later: bool,
    pub(crate) encoding: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) permissions: u32,
    pub(crate) create_dirs: bool,
    pub(crate) reserve: bool,
    pub(crate) terminator: String,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Options {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: FileMode::Append,
            delay: false,
            later: false,
            encoding: None,
            errors: None,
            permissions: 0o640,
            create_dirs: false,
            reserve: true,
            terminator: "\n".into(),
            storage: Arc::new(Disk),
        }
    }
}

/// An open log file with the lines that wait for it.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    options: Options,
    /// `None`: UTF-8, which needs no work.
    encoding: Option<Encoding>,
    file: Option<Open>,
    /// Python's `_closed`: set by the first close, never cleared.
    closed: bool,
    watched: bool,
    /// The next opening appends, whatever the mode: the file has lines of this very use of it.
    appends: bool,
    /// Complete lines up to `committed`, then the line being made.
    buffer: Vec<u8>,
    committed: usize,
    /// Where each record in the buffer ends.
    ends: VecDeque<usize>,
    /// The line being made, if it has to be encoded.
    text: Vec<u8>,
    trouble: Option<Trouble>,
}

/// A file that refused bytes.
#[derive(Debug)]
struct Trouble {
    retry_at: Instant,
    wait: Duration,
}

#[derive(Debug)]
struct Open {
    file: File,
    id: Option<FileId>,
    regular: bool,
    /// The size as far as we know: what it was, and what we wrote.
    size: u64,
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

impl Output {
    /// Opens the file, unless the options say to wait for the first record.
    pub(crate) fn new(options: Options) -> Result<Self, Error> {
        let path = absolute(&options.path)?;
        let encoding = match &options.encoding {
            None if options.errors.is_some() => {
                // Known, though UTF-8 can hold every character.
                Encoding::find("utf-8", options.errors.as_deref())?;
                None
            }
            None => None,
            Some(name) => Some(Encoding::find(name, options.errors.as_deref())?),
        };
        let mut this = Self {
            path,
            encoding: encoding.filter(|encoding| !encoding.is_utf8()),
            file: None,
            closed: false,
            watched: false,
            appends: false,
            buffer: Vec::new(),
            committed: 0,
            ends: VecDeque::new(),
            text: Vec::new(),
            trouble: None,
            options,
        };
        if !this.options.delay && !this.options.later {
            this.open()?;
        }
        Ok(this)
    }

    /// Looks before each write whether the path still leads to the open file.
    pub(crate) fn watch(&mut self) {
        self.watched = true;
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    pub(crate) fn storage(&self) -> &Arc<dyn Storage> {
        &self.options.storage
    }

    pub(crate) fn held(&self) -> u64 {
        self.ends.len() as u64
    }

    pub(crate) fn set_terminator(&mut self, terminator: &str) {
        self.options.terminator = terminator.into();
    }

    /// Opens the file unless it is to be opened by its first record: for handlers of a
    /// configuration, which are made before the file of that name is given up by older ones.
    pub(crate) fn open_as_told(&mut self) -> Result<(), Error> {
        if self.options.delay || self.closed { Ok(()) } else { self.open() }
    }

    /// Opens the file to append to it, whatever the mode of the options.
    pub(crate) fn open_to_append(&mut self) -> Result<(), Error> {
        self.appends = true;
        self.open()
    }

    /// Opens the file with the mode of the options; nothing happens if it is open.
    pub(crate) fn open(&mut self) -> Result<(), Error> {
        if self.file.is_some() {
            return Ok(());
        }
        let mode = if self.appends { FileMode::Append } else { self.options.mode };
        let disk = &*self.options.storage;
        if self.options.create_dirs
            && let Some(parent) = self.path.parent()
            && !storage::exists(disk, parent)?
        {
            disk.create_dirs(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        let how = How { mode, permissions: self.options.permissions, mapped: false };
        let failed = |error| Error::io("open", &self.path, error);
        let file = disk.open(&self.path, how).map_err(failed)?;
        let meta = disk.stat(&file).map_err(failed)?;
        let regular = meta.is_file();
        let mut open =
            Open { id: sys::file_id(&meta), file, regular, size: 0, reserve: Reserve::Never };
        if regular {
            open.size = meta.len();
            // Held by every writer of ours, so that none trims under another's hands.
            let alone = self.options.reserve && sys::lock_shared(&open.file).unwrap_or(false);
            if alone && sys::allocation_is_real(&open.file) {
                open.reserve = Reserve::Waiting { from: open.size + UNRESERVED_BYTES };
                open.trim_leftover(disk, &meta);
            }
        }
        self.file = Some(open);
        self.appends = false;
        Ok(())
    }

    /// Makes a record's line at the end of the buffer, to be taken by [`finish`](Self::finish).
    ///
    /// # Errors
    ///
    /// If the formatter fails, or the buffer is full because the file takes nothing.
    pub(crate) fn begin(
        &mut self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        self.make_room()?;
        if self.encoding.is_some() {
            self.text.clear();
            return cx.format_into(record, &mut self.text);
        }
        cx.format_into(record, &mut self.buffer)
    }

    /// Takes a line that is made already, with its end, in UTF-8.
    ///
    /// # Errors
    ///
    /// If the buffer is full because the file takes nothing.
    pub(crate) fn add_line(&mut self, line: &[u8]) -> Result<(), Error> {
        self.make_room()?;
        self.buffer.extend_from_slice(line);
        self.committed = self.buffer.len();
        self.ends.push_back(self.committed);
        Ok(())
    }

    fn make_room(&mut self) -> Result<(), Error> {
        // A formatter that panicked may have left half a line.
        self.buffer.truncate(self.committed);
        if self.committed >= HELD_BYTES {
            let done = self.write_out(self.is_due());
            if self.committed >= HELD_BYTES {
                return Err(match done {
                    Err(error) => error,
                    Ok(()) => Error::io(
                        "write to",
                        &self.path,
                        io::Error::other("it takes nothing, and the buffer is full"),
                    ),
                });
            }
        }
        Ok(())
    }

    fn begun(&self) -> &[u8] {
        if self.encoding.is_some() { &self.text } else { &self.buffer[self.committed..] }
    }

    /// The characters of the line being made, without its end.
    pub(crate) fn begun_chars(&self) -> u64 {
        // Every byte but the continuing ones begins a character.
        self.begun().iter().filter(|byte| (**byte as i8) >= -0x40).count() as u64
    }

    /// The bytes of the line being made, without its end and before it is encoded.
    pub(crate) fn begun_bytes(&self) -> u64 {
        self.begun().len() as u64
    }

    /// Takes the line that was begun: it will be written.
    ///
    /// # Errors
    ///
    /// If the line cannot be encoded.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let terminator = self.options.terminator.as_bytes();
        match &self.encoding {
            None => self.buffer.extend_from_slice(terminator),
            Some(encoding) => {
                self.text.extend_from_slice(terminator);
                let empty = self.file.as_ref().is_none_or(|open| open.size == 0);
                if empty && self.committed == 0 {
                    encoding.begin(&mut self.buffer);
                }
                let encoded = encoding.encode(&self.text, &mut self.buffer);
                encoded.inspect_err(|_| self.buffer.truncate(self.committed))?;
            }
        }
        self.committed = self.buffer.len();
        self.ends.push_back(self.committed);
        Ok(())
    }

    /// Python's `FileHandler.emit`: opens if need be, takes the line, writes if a batch is full.
    ///
    /// A record for a file of mode `w` that was closed is dropped, as Python drops it.
    pub(crate) fn emit(
        &mut self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        if !self.reopen(cx)? {
            return Ok(());
        }
        self.begin(record, cx)?;
        self.finish()?;
        self.write_full(cx)
    }

    /// Opens the file for a record if it is not open. False: the record is not to be written.
    pub(crate) fn reopen(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if self.file.is_none() && self.closed && self.options.mode == FileMode::Truncate {
            cx.shed(1);
            return Ok(false);
        }
        self.reopen_always(cx)?;
        Ok(true)
    }

    /// Opens the file for a record if it is not open. While lines wait for a file that failed,
    /// further ones may join them without it.
    pub(crate) fn reopen_always(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.file.is_some() {
            return Ok(());
        }
        if self.committed > 0 && !self.is_due() {
            return Ok(());
        }
        match self.open() {
            Err(error) if self.committed > 0 => {
                self.note_trouble();
                cx.report(error);
                Ok(())
            }
            done => done,
        }
    }

    /// Writes if a batch is full. The record at hand is taken, so an error is only reported.
    pub(crate) fn write_full(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.committed >= BATCH_BYTES
            && let Err(error) = self.write_out(self.is_due())
        {
            cx.report(error);
        }
        Ok(())
    }

    fn is_due(&self) -> bool {
        self.trouble.as_ref().is_none_or(|trouble| Instant::now() >= trouble.retry_at)
    }

    fn note_trouble(&mut self) {
        let wait = match &self.trouble {
            None => FIRST_RETRY,
            Some(trouble) => (trouble.wait * 2).min(LAST_RETRY),
        };
        self.trouble = Some(Trouble { retry_at: Instant::now() + wait, wait });
    }

    /// Writes what waits, if it has not just failed.
    pub(crate) fn batch_end(&mut self) -> Result<(), Error> {
        self.write_out(self.is_due())
    }

    /// Writes what waits, whatever happened before.
    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.write_out(true)
    }

    fn write_out(&mut self, now: bool) -> Result<(), Error> {
        if self.committed == 0 || !now {
            return Ok(());
        }
        let done = self.try_write();
        match &done {
            Ok(()) => self.trouble = None,
            Err(error) => {
                self.note_trouble();
                let full = error.io_error().is_some_and(|error| {
                    sys::is_full(error) || error.kind() == io::ErrorKind::WouldBlock
                });
                if !full {
                    // Whatever ails it, a fresh descriptor may not have it.
                    self.file = None;
                    self.appends = true;
                }
            }
        }
        done
    }

    fn try_write(&mut self) -> Result<(), Error> {
        if self.watched {
            self.follow_path()?;
        }
        self.open()?;
        let Self { file: Some(open), options, path, buffer, committed, ends, .. } = self else {
            return Ok(());
        };
        let storage = &*options.storage;
        open.reserve(storage, *committed as u64);
        let mut written = 0;
        let mut result = Ok(());
        while written < *committed {
            match storage.write(&open.file, &buffer[written..*committed]) {
                Ok(0) => {
                    result = Err(io::ErrorKind::WriteZero.into());
                    break;
                }
                Ok(n) => written += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        open.size += written as u64;
        buffer.drain(..written);
        *committed -= written;
        while ends.front().is_some_and(|end| *end <= written) {
            ends.pop_front();
        }
        ends.iter_mut().for_each(|end| *end -= written);
        result.map_err(|error| Error::io("write to", path, error))
    }

    /// Closes the file if its path leads elsewhere by now, and opens it anew, as Python's
    /// `reopenIfNeeded`.
    pub(crate) fn follow_path(&mut self) -> Result<(), Error> {
        let Some(open) = &self.file else { return Ok(()) };
        let there = match self.options.storage.metadata(&self.path) {
            Ok(meta) => sys::file_id(&meta),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("examine", &self.path, error)),
        };
        if there.is_none() || there != open.id {
            self.release_file();
            self.open()?;
        }
        Ok(())
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

    /// Returns true unless a file of another kind (a device, a pipe) is at the path.
    pub(crate) fn is_regular(&self) -> bool {
        match &self.file {
            Some(open) => open.regular,
            None => self.options.storage.metadata(&self.path).map_or(true, |meta| meta.is_file()),
        }
    }

    /// Gives back the space ahead and closes the descriptor. Lines that wait keep waiting.
    pub(crate) fn release_file(&mut self) {
        if let Some(mut open) = self.file.take() {
            open.trim(&*self.options.storage);
        }
    }

    /// Writes what waits and closes the file; what cannot be written is told as lost.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.buffer.truncate(self.committed);
        // The second attempt has a fresh descriptor, if the first one failed for another reason
        // than a lack of room.
        let done = self.flush().or_else(|_| self.flush());
        self.release_file();
        self.closed = true;
        self.trouble = None;
        if let Err(error) = done {
            self.buffer = Vec::new();
            self.committed = 0;
            match std::mem::take(&mut self.ends).len() as u64 {
                0 => return Err(error),
                lost => cx.lost(lost, error),
            }
        }
        Ok(())
    }
}

/// The path that a handler keeps, whatever becomes of the working directory.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, Error> {
    if path.file_name().is_none() {
        let path = path.display().to_string();
        return Err(Error::invalid(format!("filename: {path:?} does not name a file")));
    }
    std::path::absolute(path).map_err(|error| Error::io("open", path, error))
}

impl Drop for Output {
    fn drop(&mut self) {
        self.buffer.truncate(self.committed);
        let _ = self.flush();
        self.release_file();
    }
}

impl Open {
    /// Sees to it that `len` more bytes find space, as far as that can be had. A refusal is no
    /// error: the write will meet it and tell.
    fn reserve(&mut self, storage: &dyn Storage, len: u64) {
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
    fn disagree(&mut self, size: u64) {
        self.reserve = match self.reserve {
            // Who copies and truncates does not append: it remains ours.
            Reserve::Waiting { .. } | Reserve::Ahead { .. } if size < self.size => {
                Reserve::Waiting { from: size + UNRESERVED_BYTES }
            }
            _ => Reserve::Never,
        };
        self.size = size;
    }

    /// Gives the space ahead back, if the file is still as we know it.
    fn trim(&mut self, storage: &dyn Storage) {
        if let Reserve::Ahead { to, .. } = self.reserve
            && to > self.size
            && storage.stat(&self.file).is_ok_and(|meta| meta.len() == self.size)
        {
            let _ = storage.truncate(&self.file, self.size);
        }
        self.reserve = Reserve::Never;
    }

    /// Gives back what a killed process had allocated ahead.
    fn trim_leftover(&mut self, storage: &dyn Storage, meta: &std::fs::Metadata) {
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
