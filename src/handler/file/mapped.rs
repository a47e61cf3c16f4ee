//! Rotation of files that are written through a mapping.

use super::base::{remove_existing, with_suffix};
use super::output::{Options, Output};
use super::segment::{self, Broken, Segment};
use super::storage::{self, FileMode, How, Storage};
use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::record::LogRecord;
use crate::sync::Arc;
use crate::sys;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How soon a rotation that failed is tried again, at first and at last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

/// How rotated files are numbered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Numbering {
    /// `hot.log.000001`, `hot.log.000002` and on: the newest has the highest number. A file is
    /// renamed once and never again, and no number is used twice while a higher one exists.
    #[default]
    Rising,
    /// Python's `hot.log.1`, `hot.log.2`: the newest is 1, and all are renamed at each rotation.
    Shifting,
}

/// Writes records to a file by stores to a mapping, and moves it away when it is full.
///
/// A store is in the kernel's hands at once: what was logged survives `kill -9` of the process
/// without a system call per record (not a crash of the machine, for nothing is synced).
///
/// # Files
///
/// For the path `hot.log`:
///
/// * `hot.log.live` is the file being written. Until it is closed NUL bytes follow the last line,
///   which is why it has a name of its own that log shippers are to skip.
/// * `hot.log.000001` and on are full files, cut to their exact length before they get the name.
/// * `hot.log` itself is there while no process writes: closing cuts the live file and gives it
///   that name, opening takes it back.
/// * `hot.log.lock` is there while a process writes, and locked; a second handler on the path is
///   an error.
///
/// A process that is killed leaves `hot.log.live`; the next one cuts its NUL bytes off, ends a
/// line that was not finished, and goes on behind it.
///
/// # When it cannot map
///
/// Mapping needs Linux and ext4, XFS, F2FS or tmpfs, where space can be secured beforehand. On
/// others, on a full disk, or when somebody cuts the live file short, lines are written with
/// `write(2)` as by [`FileHandler`](crate::FileHandler), to the same names; the next file is
/// mapped again if that is possible. Making the handler installs a handler for the signal SIGBUS
/// once for the process, which passes on what does not concern these files; without it a file cut
/// short from outside would end the process. `copytruncate` loses what was cut off, as with any
/// mapped file.
///
/// | option | default | |
/// |---|---|---|
/// | `max_bytes` | 256 MiB | a line that would pass it goes to the next file |
/// | `backup_count` | 0: all are kept | the oldest are removed |
/// | `numbering` | `Rising` | |
/// | `window_bytes` | 4 MiB | mapped and allocated at a time; memory in use |
/// | `require_mapping` | `false` | `build` fails where files cannot be mapped |
/// | `terminator` | `"\n"` | |
/// | `permissions` | `0o640` | of new files, less the umask |
/// | `create_dirs` | `false` | |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-m-{}", std::process::id()));
/// use sawmill::MmapRotatingFileHandler;
///
/// let handler = MmapRotatingFileHandler::builder(directory.join("hot.log"))
///     .create_dirs(true)
///     .max_bytes(256 << 20)
///     .backup_count(20)
///     .build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct MmapRotatingFileHandler {
    options: Options,
    path: PathBuf,
    live: PathBuf,
    max_bytes: u64,
    backup_count: u32,
    numbering: Numbering,
    window_bytes: u64,
    require_mapping: bool,
    state: State,
    lock: Option<File>,
    line: Vec<u8>,
    trouble: Option<(Instant, Duration)>,
    /// Why the last file could not be mapped, to be reported at the next record.
    unmapped: Option<Error>,
}

#[derive(Debug)]
enum State {
    Closed,
    Mapped(Segment),
    Plain(Box<Output>),
}

/// Builds a [`MmapRotatingFileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct MmapRotatingFileHandlerBuilder {
    options: Options,
    max_bytes: u64,
    backup_count: u32,
    numbering: Numbering,
    window_bytes: u64,
    require_mapping: bool,
}

impl MmapRotatingFileHandlerBuilder {
    /// Sets the size that no file passes, in bytes, unless a single line does; at least 1.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many full files are kept; 0 keeps all.
    pub fn backup_count(mut self, files: u32) -> Self {
        self.backup_count = files;
        self
    }

    /// Sets how full files are numbered. [`Numbering::Shifting`] needs a `backup_count`.
    pub fn numbering(mut self, numbering: Numbering) -> Self {
        self.numbering = numbering;
        self
    }

    /// Sets how much is mapped and allocated at a time, in bytes: 64 KiB to 1 GiB, rounded up to
    /// whole pages.
    pub fn window_bytes(mut self, bytes: u64) -> Self {
        self.window_bytes = bytes;
        self
    }

    /// Makes [`build`](Self::build) fail where the file cannot be mapped.
    pub fn require_mapping(mut self, require: bool) -> Self {
        self.require_mapping = require;
        self
    }

    /// Sets what ends each line; it must not be empty or end in a NUL byte.
    pub fn terminator(mut self, terminator: impl Into<String>) -> Self {
        self.options.terminator = terminator.into();
        self
    }

    /// Sets the permission bits of files that are created; the umask still applies.
    pub fn permissions(mut self, bits: u32) -> Self {
        self.options.permissions = bits;
        self
    }

    /// Makes the file's directory, and those above it, if they are missing.
    pub fn create_dirs(mut self, create: bool) -> Self {
        self.options.create_dirs = create;
        self
    }

    #[cfg(test)]
    pub(crate) fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.options.storage = storage;
        self
    }

    /// Checks the options, recovers what a killed process left, and opens the live file.
    ///
    /// # Errors
    ///
    /// If an option is out of range, another handler has the path, a file cannot be opened, or
    /// mapping is required and not possible.
    pub fn build(self) -> Result<MmapRotatingFileHandler, Error> {
        let Self { options, max_bytes, backup_count, numbering, window_bytes, require_mapping } =
            self;
        if max_bytes == 0 {
            return Err(Error::invalid("max_bytes: must be at least 1"));
        }
        if !(64 << 10..=1 << 30).contains(&window_bytes) {
            return Err(Error::invalid("window_bytes: must be 64 KiB to 1 GiB"));
        }
        if numbering == Numbering::Shifting && backup_count == 0 {
            return Err(Error::invalid("backup_count: shifting numbers need at least 1"));
        }
        if options.terminator.is_empty() || options.terminator.ends_with('\0') {
            return Err(Error::invalid("terminator: must not be empty or end in a NUL byte"));
        }
        let path = super::output::absolute(&options.path)?;
        let mut handler = MmapRotatingFileHandler {
            live: with_suffix(&path, ".live"),
            path,
            options,
            max_bytes,
            backup_count,
            numbering,
            window_bytes,
            require_mapping,
            state: State::Closed,
            lock: None,
            line: Vec::new(),
            trouble: None,
            unmapped: None,
        };
        if handler.options.later {
            return Ok(handler);
        }
        handler.open_as_told()?;
        Ok(handler)
    }
}

impl MmapRotatingFileHandler {
    /// Opens a mapped file with the defaults of the table above.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or another handler has it.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).build()
    }

    /// Begins to build a handler for the files at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> MmapRotatingFileHandlerBuilder {
        MmapRotatingFileHandlerBuilder {
            options: Options::new(path),
            max_bytes: 256 << 20,
            backup_count: 0,
            numbering: Numbering::Rising,
            window_bytes: 4 << 20,
            require_mapping: false,
        }
    }

    /// The absolute path that the files are named after.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of the file being written.
    pub fn live_path(&self) -> &Path {
        &self.live
    }

    /// Returns true if lines are stored to a mapping at present, not written.
    pub fn is_mapped(&self) -> bool {
        matches!(self.state, State::Mapped(_))
    }

    fn disk(&self) -> Arc<dyn Storage> {
        self.options.storage.clone()
    }

    fn how(&self) -> How {
        How { mode: FileMode::Append, permissions: self.options.permissions, mapped: false }
    }

    /// Takes the lock and makes the live file ready; nothing happens if it is.
    fn open_files(&mut self) -> Result<(), Error> {
        if !matches!(self.state, State::Closed) {
            return Ok(());
        }
        let disk = self.disk();
        if self.options.create_dirs
            && let Some(parent) = self.path.parent()
            && !storage::exists(&*disk, parent)?
        {
            disk.create_dirs(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        self.take_lock()?;
        let ready = self.ready_live(&*disk);
        if ready.is_err() {
            self.drop_lock();
        }
        ready
    }

    /// Opens the files, and gives them up again if they have to be mapped and cannot.
    fn open_as_told(&mut self) -> Result<(), Error> {
        self.open_files()?;
        if !self.require_mapping || self.is_mapped() {
            return Ok(());
        }
        let why = self.unmapped.take();
        let _ = self.release();
        Err(why.unwrap_or_else(|| Error::invalid("require_mapping: not possible")))
    }

    fn ready_live(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        let move_to = |from: &Path, to: &Path| {
            disk.rename(from, to).map_err(|error| Error::io("rename", from, error))
        };
        if storage::exists(disk, &self.live)? {
            let terminator = self.options.terminator.as_bytes();
            segment::recover(disk, &self.live, self.how(), terminator)?;
            if storage::exists(disk, &self.path)? {
                // Older than what the killed process wrote.
                let name = self.next_backup(disk)?;
                move_to(&self.path, &name)?;
            }
        } else if storage::exists(disk, &self.path)? {
            move_to(&self.path, &self.live)?;
        }
        self.open_live(disk)
    }

    /// Opens the live file, mapped if that can be done.
    fn open_live(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        match Segment::open(disk, &self.live, self.how(), self.window_bytes.min(self.most())) {
            Ok(segment) => self.state = State::Mapped(segment),
            Err(error) => {
                self.open_plain()?;
                self.unmapped = Some(error);
            }
        }
        Ok(())
    }

    /// A window larger than the file is to become helps nobody.
    fn most(&self) -> u64 {
        self.max_bytes.next_multiple_of(sys::page_bytes() as u64)
    }

    fn open_plain(&mut self) -> Result<(), Error> {
        let options =
            Options { path: self.live.clone(), delay: false, later: false, ..self.options.clone() };
        self.state = State::Plain(Box::new(Output::new(options)?));
        Ok(())
    }

    fn lock_path(&self) -> PathBuf {
        with_suffix(&self.path, ".lock")
    }

    fn take_lock(&mut self) -> Result<(), Error> {
        if self.lock.is_some() {
            return Ok(());
        }
        let path = self.lock_path();
        let failed = |error| Error::io("lock", &path, error);
        loop {
            let file = self.options.storage.open(&path, self.how()).map_err(failed)?;
            if !sys::lock_exclusive(&file).map_err(failed)? && cfg!(unix) {
                return Err(Error::new(
                    crate::error::ErrorKind::Already,
                    format!("another handler or process writes {}", self.path.display()),
                ));
            }
            // Whoever had the lock before may have removed the file just now.
            let ours = sys::file_id(&file.metadata().map_err(failed)?);
            let there = std::fs::metadata(&path).ok().and_then(|meta| sys::file_id(&meta));
            if ours == there {
                self.lock = Some(file);
                return Ok(());
            }
        }
    }

    fn drop_lock(&mut self) {
        if self.lock.is_some() {
            // Removed first, closed after: nobody else can hold a lock that we remove.
            let _ = self.options.storage.remove(&self.lock_path());
            self.lock = None;
        }
    }

    /// The existing full files with their numbers, the oldest first.
    fn backups(&self, disk: &dyn Storage) -> Result<Vec<(u64, PathBuf)>, Error> {
        let (Some(directory), Some(base)) = (self.path.parent(), self.path.file_name()) else {
            return Ok(Vec::new());
        };
        let entries = disk.list(directory).map_err(|error| Error::io("list", directory, error))?;
        let base = base.as_encoded_bytes();
        let number = |entry: &PathBuf| {
            let name = entry.file_name()?.as_encoded_bytes().strip_prefix(base)?;
            let digits = std::str::from_utf8(name.strip_prefix(b".")?).ok()?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
            let fits = match self.numbering {
                Numbering::Rising => digits.len() >= 6,
                Numbering::Shifting => !digits.starts_with('0'),
            };
            if plain && fits { digits.parse().ok() } else { None }
        };
        let mut found: Vec<(u64, PathBuf)> =
            entries.into_iter().filter_map(|entry| Some((number(&entry)?, entry))).collect();
        found.sort();
        if self.numbering == Numbering::Shifting {
            found.reverse();
        }
        Ok(found)
    }

    /// Frees and returns the name for the newest full file.
    fn next_backup(&self, disk: &dyn Storage) -> Result<PathBuf, Error> {
        match self.numbering {
            Numbering::Rising => {
                let last = self.backups(disk)?.last().map_or(0, |(number, _)| *number);
                Ok(with_suffix(&self.path, &format!(".{:06}", last + 1)))
            }
            Numbering::Shifting => {
                let name = |number: u32| with_suffix(&self.path, &format!(".{number}"));
                for number in (1..self.backup_count).rev() {
                    let (source, dest) = (name(number), name(number + 1));
                    if storage::exists(disk, &source)? {
                        remove_existing(disk, &dest)?;
                        disk.rename(&source, &dest)
                            .map_err(|error| Error::io("rotate", &source, error))?;
                    }
                }
                remove_existing(disk, &name(1))?;
                Ok(name(1))
            }
        }
    }

    /// Removes the oldest files beyond `backup_count`.
    fn prune(&self, disk: &dyn Storage) -> Result<(), Error> {
        if self.backup_count == 0 || self.numbering == Numbering::Shifting {
            return Ok(());
        }
        let found = self.backups(disk)?;
        let surplus = found.len().saturating_sub(self.backup_count as usize);
        for (_, old) in &found[..surplus] {
            disk.remove(old).map_err(|error| Error::io("remove", old, error))?;
        }
        Ok(())
    }

    /// Moves the live file away now, whatever its size, and begins the next one.
    ///
    /// # Errors
    ///
    /// If a file cannot be cut, moved, removed or opened; the records go on into the old file if
    /// it was not moved.
    pub fn do_rollover(&mut self) -> Result<(), Error> {
        self.open_files()?;
        let done = self.try_rollover();
        self.trouble = match (&done, self.trouble) {
            (Ok(()), _) => None,
            (Err(_), None) => Some((Instant::now() + FIRST_RETRY, FIRST_RETRY)),
            (Err(_), Some((_, wait))) => {
                let wait = (wait * 2).min(LAST_RETRY);
                Some((Instant::now() + wait, wait))
            }
        };
        done
    }

    fn try_rollover(&mut self) -> Result<(), Error> {
        let disk = self.disk();
        if let State::Plain(output) = &mut self.state {
            output.flush()?;
        }
        // The name first: what fails up to here leaves the live file as it is.
        let name = self.next_backup(&*disk)?;
        // A live file that was not cut stays closed: opening it again recovers it.
        self.finish(&*disk)?;
        let moved =
            disk.rename(&self.live, &name).map_err(|error| Error::io("rotate", &self.live, error));
        let opened = self.open_live(&*disk);
        moved.and(opened)?;
        self.prune(&*disk)
    }

    /// Cuts the live file to its exact length and closes it.
    fn finish(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Ok(()),
            State::Mapped(segment) => segment.finish(disk),
            State::Plain(mut output) => {
                output.release_file();
                Ok(())
            }
        }
    }

    fn size(&mut self) -> u64 {
        match &mut self.state {
            State::Closed => 0,
            State::Mapped(segment) => segment.position(),
            State::Plain(output) => output.size(),
        }
    }

    /// The mapping is of no use any more: cuts the file to what counts and goes on with writes.
    fn unmap(&mut self, broken: Broken, cx: &mut Context<'_>) -> Result<(), Error> {
        let disk = self.disk();
        if let Err(error) = self.finish(&*disk) {
            // NUL bytes may follow the last line; cut before more is appended.
            let terminator = self.options.terminator.as_bytes();
            segment::recover(&*disk, &self.live, self.how(), terminator)?;
            cx.report(error);
        }
        cx.report(broken.error);
        self.open_plain()
    }

    /// Cuts the live file, gives it the plain name and gives the lock up.
    fn release(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::Closed) && self.lock.is_none() {
            return Ok(());
        }
        let disk = self.disk();
        let done = self.finish(&*disk).and_then(|()| {
            if !storage::exists(&*disk, &self.live)? {
                return Ok(());
            }
            disk.rename(&self.live, &self.path)
                .map_err(|error| Error::io("rename", &self.live, error))
        });
        self.drop_lock();
        done
    }
}

impl Handler for MmapRotatingFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.open_files()?;
        if let Some(error) = self.unmapped.take() {
            cx.report(error);
        }
        self.line.clear();
        cx.format_into(record, &mut self.line)?;
        self.line.extend_from_slice(self.options.terminator.as_bytes());
        let size = self.size();
        if size > 0
            && size + self.line.len() as u64 > self.max_bytes
            && self.trouble.is_none_or(|(retry_at, _)| Instant::now() >= retry_at)
            && let Err(error) = self.do_rollover()
        {
            cx.report(error);
        }
        self.open_files()?;
        if let State::Mapped(segment) = &mut self.state {
            match segment.store(&*self.options.storage, &self.line) {
                Ok(()) => return Ok(()),
                Err(broken) => self.unmap(broken, cx)?,
            }
        }
        if let State::Plain(output) = &mut self.state {
            output.add_line(&self.line)?;
            return output.write_full(cx);
        }
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match &mut self.state {
            State::Closed => Ok(()),
            State::Plain(output) => output.batch_end(),
            State::Mapped(segment) => match segment.prepare(&*self.options.storage) {
                Ok(()) => Ok(()),
                Err(broken) => self.unmap(broken, cx),
            },
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match &mut self.state {
            State::Plain(output) => output.flush(),
            State::Closed | State::Mapped(_) => self.batch_end(cx),
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if let State::Plain(output) = &mut self.state {
            output.close(cx)?;
        }
        self.release()
    }

    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        self.open_as_told()
    }

    fn held(&self) -> u64 {
        match &self.state {
            State::Plain(output) => output.held(),
            State::Closed | State::Mapped(_) => 0,
        }
    }
}

impl Drop for MmapRotatingFileHandler {
    fn drop(&mut self) {
        if let State::Plain(output) = &mut self.state {
            let _ = output.flush();
        }
        let _ = self.release();
    }
}

#[cfg(test)]
mod tests;
