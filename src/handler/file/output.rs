//! A log file with the lines that wait for it: what all file handlers share.
//!
//! Lines gather in a buffer and are written whole, when 256 KiB are full or somebody asks. A
//! write that fails keeps what it did not take and is tried again, less and less often; only when
//! the buffer is full are records shed, and told of in the file as soon as it takes lines again.

mod blocks;
mod durable;
mod follow;
mod options;
mod pressure;
mod share;

pub(crate) use blocks::{Blocks, Mark};
pub(crate) use options::Options;

use super::archives::Archives;
use super::encoding::{Encoding, State};
use super::failing::{Gap, OnFailure, Trouble, shedding};
use super::lines::LineSink;
use super::open::Open;
use super::reopen::reopenings;
use super::storage::{self, FileMode, Storage};
use super::sync::SyncPolicy;
use crate::error::Error;
use crate::handler::{Context, HandlerRef};
use crate::level::Level;
use crate::record::LogRecord;
use crate::sync::Arc;
use crate::sys::{self, FileId};
use crate::text::{Room, Sheet};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Bytes that are written at once: larger batches cost the same per byte.
const BATCH_BYTES: usize = 256 << 10;
/// How often a batch looks whether the path still leads to the open file.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A log file with the lines that wait for it.
#[derive(Debug)]
pub(crate) struct Output {
    path: PathBuf,
    options: Options,
    /// `None`: UTF-8, which needs no work.
    encoding: Option<Encoding>,
    /// What the encoding remembers of the file that is open.
    state: State,
    /// Records have to be looked at before their lines are made.
    special: bool,
    file: Option<Open>,
    /// The file was open once: what fails now is the file, not the configuration.
    opened: bool,
    /// Python's `_closed`: set by the first close, never cleared.
    closed: bool,
    watched: bool,
    /// The next opening appends, whatever the mode: the file has lines of this very use of it.
    appends: bool,
    /// Complete lines up to `committed`, then the line being made.
    buffer: Sheet,
    committed: usize,
    /// Where each line in the buffer ends.
    ends: VecDeque<usize>,
    /// Which of these are lines that tell of a gap, and no records.
    notices: VecDeque<usize>,
    /// The line being made, if it has to be encoded.
    text: Vec<u8>,
    trouble: Option<Trouble>,
    gap: Option<Gap>,
    /// The rotated files that may go when the disk is full.
    archives: Option<Arc<Archives>>,
    looked: Instant,
    synced: Instant,
    /// A record that wants to be synced was written, or waits.
    sync_due: bool,
    /// A file that was left behind has not been synced.
    behind: bool,
    /// Counts the files that were opened one after the other.
    files: u64,
    share: share::Share,
    /// A batch is full with so many bytes.
    batch_bytes: usize,
    last_id: Option<FileId>,
    reopenings: u64,
    /// What waits is blocks of a binary log, not lines.
    blocks: Option<Box<Blocks>>,
}

impl Output {
    /// Opens the file, unless the options say to wait for the first record.
    pub(crate) fn new(options: Options) -> Result<Self, Error> {
        let path = absolute(&options.path)?;
        if options.shared && !cfg!(unix) {
            return Err(Error::invalid("shared: there are no locks on this platform"));
        }
        if options.shared && options.mode != FileMode::Append {
            let text = "shared: a file of several processes can only be appended to";
            return Err(Error::invalid(text));
        }
        let encoding = match &options.encoding {
            None if options.errors.is_some() => {
                // Known, though UTF-8 can hold every character.
                Encoding::find("utf-8", options.errors.as_deref())?;
                None
            }
            None => None,
            Some(name) => Some(Encoding::find(name, options.errors.as_deref())?),
        };
        let encoding = encoding.filter(|encoding| !encoding.is_utf8());
        let now = Instant::now();
        let mut this = Self {
            path,
            special: encoding.is_some() || matches!(options.sync, SyncPolicy::AtLevel(_)),
            encoding,
            state: State::default(),
            file: None,
            opened: false,
            closed: false,
            watched: false,
            appends: false,
            buffer: Sheet::default(),
            committed: 0,
            ends: VecDeque::new(),
            notices: VecDeque::new(),
            text: Vec::new(),
            trouble: None,
            gap: None,
            archives: None,
            looked: now,
            synced: now,
            sync_due: false,
            behind: false,
            files: 0,
            share: share::Share::default(),
            batch_bytes: BATCH_BYTES,
            last_id: None,
            reopenings: reopenings(),
            blocks: None,
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

    /// Lets the oldest rotated files go when the disk is full, if the options say so.
    pub(crate) fn set_archives(&mut self, archives: Arc<Archives>) {
        self.archives = Some(archives);
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
        if let Some(blocks) = &self.blocks {
            return blocks.held();
        }
        (self.ends.len() - self.notices.len()) as u64
    }

    pub(crate) fn targets(&self) -> Vec<HandlerRef> {
        self.options.on_failure.fallback.iter().cloned().collect()
    }

    #[cfg(feature = "config")]
    pub(crate) fn set_fallback(&mut self, handler: HandlerRef) {
        self.options.on_failure.fallback = Some(handler);
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
        let failed = |error| Error::io("open", &self.path, error);
        let how = self.options.how(mode);
        let mut open =
            Open::new(disk, &self.path, how, self.options.reserve && !self.options.shared)
                .map_err(failed)?;
        if open.name_unsynced && self.options.owner != (None, None) {
            let (user, group) = self.options.owner;
            disk.set_owner(&open.file, user, group)
                .map_err(|error| Error::io("give an owner to", &self.path, error))?;
        }
        let terminator = self.options.terminator.as_bytes();
        // Who may not read the file, or not now, does without.
        if self.options.mend
            && self.encoding.is_none()
            && open.is_torn(disk, &self.path, terminator).unwrap_or(false)
            && let Ok(written) = disk.write(&open.file, terminator)
        {
            open.size += written as u64;
        }
        self.files += u64::from(open.id != self.last_id || open.id.is_none());
        self.last_id = open.id;
        self.state = State::opened(open.size != 0);
        self.file = Some(open);
        self.appends = false;
        self.opened = true;
        self.looked = Instant::now();
        Ok(())
    }

    /// Makes a record's line at the end of the buffer, to be taken by [`finish`](Self::finish).
    /// False: the record was shed, and that is all.
    ///
    /// # Errors
    ///
    /// If the formatter fails.
    #[inline(always)]
    pub(crate) fn begin(
        &mut self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<bool, Error> {
        // A formatter that panicked may have left half a line.
        self.buffer.truncate(self.committed);
        if self.committed >= self.batch_bytes && !self.has_room(record, cx) {
            return Ok(false);
        }
        if self.special {
            self.note(record);
            if self.encoding.is_some() {
                self.text.clear();
                cx.format_into(record, &mut self.text)?;
                return Ok(true);
            }
        }
        cx.format_on(record, &mut self.buffer)?;
        Ok(true)
    }

    /// Itself, if lines may be made in the buffer without a look at their records.
    pub(crate) fn takes_lines(&mut self) -> Option<&mut Self> {
        self.buffer.truncate(self.committed);
        (self.file.is_some() && !self.special).then_some(self)
    }

    #[inline(always)]
    fn end_line(&mut self) {
        match self.options.terminator.as_bytes() {
            [byte] => self.buffer.push(*byte),
            bytes => self.buffer.extend_from_slice(bytes),
        }
    }

    /// Takes a line that is made already, with its end, in UTF-8.
    pub(crate) fn add_line(&mut self, record: &LogRecord<'_>, line: &[u8], cx: &mut Context<'_>) {
        self.buffer.truncate(self.committed);
        if self.committed >= self.batch_bytes && !self.has_room(record, cx) {
            return;
        }
        self.note(record);
        self.buffer.extend_from_slice(line);
        self.commit();
    }

    pub(crate) fn note(&mut self, record: &LogRecord<'_>) {
        self.note_level(record.level());
    }

    /// Notes that a record of this level waits, or several up to it.
    pub(crate) fn note_level(&mut self, found: Level) {
        if let SyncPolicy::AtLevel(level) = self.options.sync {
            self.sync_due |= found.is_at_least(level);
        }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.file.is_some()
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

    /// The bytes that the line being made will take in the file, with its end.
    pub(crate) fn begun_size(&self) -> u64 {
        let plain = self.begun_bytes() + self.options.terminator.len() as u64;
        let Some(encoding) = &self.encoding else { return plain };
        let mut state = self.state;
        let mut encoded = Vec::new();
        let text = [&self.text, self.options.terminator.as_bytes()].concat();
        match encoding.encode(&mut state, &text, &mut encoded) {
            Ok(()) => encoded.len() as u64,
            Err(_) => plain,
        }
    }

    /// Takes the line that was begun: it will be written.
    ///
    /// # Errors
    ///
    /// If the line cannot be encoded.
    #[inline(always)]
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        match &self.encoding {
            None => self.end_line(),
            Some(encoding) => {
                self.text.extend_from_slice(self.options.terminator.as_bytes());
                let empty = self.file.as_ref().is_none_or(|open| open.size == 0);
                if empty && self.committed == 0 {
                    self.buffer.with_vec(|buffer| encoding.begin(buffer));
                }
                let encoded = self
                    .buffer
                    .with_vec(|buffer| encoding.encode(&mut self.state, &self.text, buffer));
                encoded.inspect_err(|_| self.buffer.truncate(self.committed))?;
            }
        }
        self.commit();
        Ok(())
    }

    #[inline(always)]
    fn commit(&mut self) {
        self.committed = self.buffer.length();
        self.ends.push_back(self.committed);
    }

    /// Python's `FileHandler.emit`: opens if need be, takes the line, writes if a batch is full.
    ///
    /// A record for a file of mode `w` that was closed is dropped, as Python drops it.
    #[inline(always)]
    pub(crate) fn emit(
        &mut self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        if !self.reopen(cx)? || !self.begin(record, cx)? {
            return Ok(());
        }
        self.write_begun(cx)
    }

    /// As [`emit`](Self::emit), for handlers of which Python lets a failure to open out.
    pub(crate) fn emit_or_escape(
        &mut self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<(), Error> {
        if !self.reopen(cx).inspect_err(|_| cx.escape())? || !self.begin(record, cx)? {
            return Ok(());
        }
        self.write_begun(cx)
    }

    fn write_begun(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.finish()?;
        self.write_full(cx);
        Ok(())
    }

    /// Opens the file for a record if it is not open. False: the record is not to be written.
    #[inline(always)]
    pub(crate) fn reopen(&mut self, cx: &mut Context<'_>) -> Result<bool, Error> {
        if self.file.is_some() {
            return Ok(true);
        }
        if self.closed && self.options.mode == FileMode::Truncate && !self.options.again {
            cx.shed(1);
            return Ok(false);
        }
        self.reopen_always(cx)?;
        Ok(true)
    }

    /// Opens the file for a record if it is not open. Lines wait for a file that was open once;
    /// for one that never was, the record fails.
    pub(crate) fn reopen_always(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.file.is_some() {
            return Ok(());
        }
        if self.closed && self.options.mode == FileMode::New {
            // Its own file is in the way, and each record fails, as in Python.
            return self.open();
        }
        let waits = self.opened || self.committed > 0;
        if waits && !self.is_due() {
            return Ok(());
        }
        match self.open() {
            Err(error) if waits => {
                self.note_trouble();
                cx.report(error);
                Ok(())
            }
            done => done,
        }
    }

    /// Writes if a batch is full. The record at hand is taken, so an error is only reported.
    #[inline(always)]
    pub(crate) fn write_full(&mut self, cx: &mut Context<'_>) {
        if self.committed >= self.batch_bytes
            && let Err(error) = self.write_out(self.is_due(), cx)
        {
            cx.report(error);
        }
    }

    fn is_due(&self) -> bool {
        self.trouble.as_ref().is_none_or(Trouble::is_due)
    }

    /// Which of the files that were at the path is open: another number for another file.
    pub(crate) fn file_number(&self) -> u64 {
        self.files
    }

    /// Returns true if a file that was left has not been synced.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind
    }

    /// Returns true while the file takes nothing.
    pub(crate) fn is_in_trouble(&self) -> bool {
        self.trouble.is_some()
    }

    fn note_trouble(&mut self) {
        match &mut self.trouble {
            None => self.trouble = Some(Trouble::new(self.options.on_failure.wait)),
            Some(trouble) => trouble.again(),
        }
    }

    /// Writes what waits, if it has not just failed.
    pub(crate) fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.write_out(self.is_due(), cx)
    }

    /// Writes what waits, whatever happened before.
    pub(crate) fn write_all(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.write_out(true, cx)
    }

    /// Writes what waits, whatever happened before, and syncs it if the caller wants that.
    pub(crate) fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.write_out(true, cx)?;
        if cx.wants_sync() {
            self.sync_all()?;
        }
        if self.behind || self.file.as_ref().is_some_and(|open| open.regular && open.unsynced) {
            cx.not_synced();
        }
        Ok(())
    }

    /// Does what is to be done now and then although nothing is logged.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if let SyncPolicy::Every(_) = self.options.sync {
            self.sync_if_due()?;
        }
        if self.file.is_some() && self.reopenings != reopenings() {
            self.look_around(cx)?;
        }
        Ok(())
    }

    fn write_out(&mut self, now: bool, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.committed == 0 || !now {
            return Ok(());
        }
        let mut done = self.try_write(cx);
        while let Err(error) = &done
            && self.make_room(error, cx)
        {
            done = self.try_write(cx);
        }
        if let Err(error) = done {
            self.note_trouble();
            if !is_full(&error) {
                // Whatever ails it, a fresh descriptor may not have it.
                self.behind |= self.file.take().is_some_and(|open| open.regular && open.unsynced);
                self.appends = true;
            }
            return Err(error);
        }
        if self.trouble.take().is_some() {
            self.tell_gap(cx);
        }
        self.sync_if_due()
    }

    fn try_write(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.hold(cx)?;
        let done = self.write_held(cx);
        self.let_go();
        done
    }

    fn write_held(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.watched || (self.options.follow && self.looked.elapsed() >= LOOK_EVERY) {
            self.look_around(cx)?;
        }
        self.open()?;
        if self.blocks.is_some() {
            self.put_head();
        }
        if self.options.shared {
            self.note_begin()?;
        }
        let Self { file: Some(open), options, buffer, committed, .. } = self else {
            return Ok(());
        };
        let storage = &*options.storage;
        open.reserve(storage, *committed as u64);
        let begin = open.partial;
        let mut written = begin;
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
        open.size += (written - begin) as u64;
        open.unsynced |= written > begin;
        open.partial = 0;
        let done = if result.is_ok() { written } else { self.whole_lines(written) };
        if self.options.shared {
            self.note_end(result.is_ok());
        }
        if self.blocks.is_some() {
            self.note_blocks(done);
        }
        self.written(done);
        result.map_err(|error| Error::io("write to", &self.path, error))
    }

    /// Where the last line ends of which all was written; the rest is taken back if that can be,
    /// lest somebody else's line come behind it.
    #[cold]
    fn whole_lines(&mut self, written: usize) -> usize {
        let at = self.ends.partition_point(|end| *end <= written);
        let whole = if at == 0 { 0 } else { self.ends[at - 1] };
        if let Some(open) = &mut self.file {
            open.partial = written - whole;
            open.untear(&*self.options.storage, true);
        }
        whole
    }

    /// Takes lines out of the buffer.
    fn written(&mut self, bytes: usize) {
        if bytes == self.committed && self.buffer.len() == bytes {
            self.buffer.clear();
            self.ends.clear();
            self.notices.clear();
            self.committed = 0;
            return;
        }
        self.buffer.remove_first(bytes);
        self.committed -= bytes;
        for ends in [&mut self.ends, &mut self.notices] {
            while ends.front().is_some_and(|end| *end <= bytes) {
                ends.pop_front();
            }
            ends.iter_mut().for_each(|end| *end -= bytes);
        }
    }

    /// Gives back the space ahead and closes the descriptor, synced before if the policy wants
    /// any. Lines that wait keep waiting.
    pub(crate) fn release_file(&mut self) {
        if self.file.is_none() {
            return;
        }
        if self.options.sync != SyncPolicy::Never {
            // What fails stays behind, and a flush tells.
            let _ = self.sync_file();
        }
        if let Some(mut open) = self.file.take() {
            open.untear(&*self.options.storage, false);
            open.trim(&*self.options.storage);
            self.behind |= open.regular && open.unsynced;
        }
    }

    /// Writes what waits and closes the file; what cannot be written is told as lost.
    pub(crate) fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.buffer.truncate(self.committed);
        // The second attempt has a fresh descriptor, if the first one failed for another reason
        // than a lack of room.
        let done = self.write_out(true, cx).or_else(|_| self.write_out(true, cx));
        self.release_file();
        self.closed = true;
        self.trouble = None;
        if let Err(error) = done {
            let lost = self.held();
            self.forget_lines();
            match lost {
                0 => return Err(error),
                lost => cx.lost(lost, error),
            }
        }
        Ok(())
    }

    fn forget_lines(&mut self) {
        if let Some(blocks) = &mut self.blocks {
            blocks.forget();
        }
        self.buffer = Sheet::default();
        self.committed = 0;
        self.ends.clear();
        self.notices.clear();
    }
}

impl LineSink for Output {
    #[inline(always)]
    fn end_bytes(&self) -> u64 {
        self.options.terminator.len() as u64
    }

    /// Nowhere if a batch is full.
    #[inline(always)]
    fn line_room(&mut self) -> Option<&mut Room> {
        (self.committed < self.batch_bytes).then(|| self.buffer.room())
    }

    #[inline(always)]
    fn take_line(&mut self, length: usize) -> bool {
        match self.options.terminator.as_bytes() {
            [byte] => self.buffer.advance_to(length, *byte),
            _ => {
                self.buffer.advance(length);
                self.end_line();
            }
        }
        self.commit();
        true
    }
}

/// A full disk gets better by itself; so does a pipe that is full.
fn is_full(error: &Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| sys::is_full(error) || error.kind() == io::ErrorKind::WouldBlock)
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
        let _ = self.write_out(true, &mut Context::detached());
        self.release_file();
    }
}
