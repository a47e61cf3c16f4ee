//! Rotation of files that are written through a mapping.

mod builder;
mod files;

pub use builder::MmapRotatingFileHandlerBuilder;

use super::base::with_suffix;
use super::lines::{Bounds, LineSink};
use super::names::Naming;
use super::output::{Options, Output, absolute};
use super::reopen::reopenings;
use super::rotate::Rotate;
use super::rotation::{Plan, Rotation};
use super::segment::{self, Broken, Segment};
use super::storage::{self, FileMode, How, Storage};
use super::sync::SyncPolicy;
use crate::error::Error;
use crate::handler::{Context, Handler, HandlerRef};
use crate::record::LogRecord;
use crate::sync::Arc;
use crate::sys;
use crate::text::{Room, Sheet};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How often a batch looks whether the path still leads to the open file.
const LOOK_EVERY: Duration = Duration::from_millis(250);

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
/// * `hot.log.000001` and on are full files, cut to their exact length before they get the name;
///   see [`Naming`](crate::Naming) for others.
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
/// others, and on a full disk, lines are written with `write(2)` as by
/// [`FileHandler`](crate::FileHandler), to the same names; the next file is mapped again if that is
/// possible. Making the handler installs a handler for the signal SIGBUS once for the process,
/// which passes on what does not concern these files; without it a file cut short from outside
/// would end the process. `copytruncate` loses what was logged between copy and cut, as with any
/// file; the mapping goes on behind the cut. A live file that is moved or removed is noticed within
/// a second and made anew.
///
/// | option | default | |
/// |---|---|---|
/// | `max_bytes` | 256 MiB | a line that would pass it goes to the next file |
/// | `backup_count` | 0: all are kept | the oldest are removed |
/// | `rotate`, `keep` | | the same and more: by the clock, by age, at the start |
/// | `naming` | `Naming::Rising` | |
/// | `compress`, `latest` | none | as for [`FileHandler`](crate::FileHandler) |
/// | `window_bytes` | 4 MiB | mapped and allocated at a time; memory in use |
/// | `require_mapping` | `false` | `build` fails where files cannot be mapped |
/// | `sync`, `on_failure` | | as for [`FileHandler`](crate::FileHandler) |
/// | `terminator` | `"\n"` | |
/// | `permissions`, `owner` | `0o640` | of new files, less the umask |
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
    rotation: Rotation,
    window_bytes: u64,
    require_mapping: bool,
    state: State,
    lock: Option<File>,
    line: Sheet,
    /// Why the last file could not be mapped, to be reported at the next record.
    unmapped: Option<Error>,
    looked: Instant,
    synced: Instant,
    sync_due: bool,
    /// Something was stored to a file that was left unsynced.
    behind: bool,
    reopenings: u64,
}

#[derive(Debug)]
enum State {
    Closed,
    Mapped(Segment),
    Plain(Box<Output>),
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

    /// Moves the live file away now, whatever its size, and begins the next one.
    ///
    /// # Errors
    ///
    /// If a file cannot be cut, moved or opened; the records go on into the old file if it was
    /// not moved.
    pub fn do_rollover(&mut self) -> Result<(), Error> {
        self.roll(&mut Context::detached())
    }

    fn roll(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.open_files()?;
        let done = self.try_roll(cx);
        self.rotation.note(done.is_ok());
        done
    }

    fn try_roll(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let disk = self.disk();
        if let State::Plain(output) = &mut self.state {
            output.write_all(cx)?;
        }
        // A live file that was not cut stays closed: opening it again recovers it.
        self.finish(&*disk)?;
        let moved = self.rotation.archive(&self.live);
        let opened = self.open_live(&*disk);
        moved.and(opened)?;
        self.rotation.link(&self.live, cx);
        Ok(())
    }

    /// Closes the live file and opens its path again, for tools that move files away.
    ///
    /// # Errors
    ///
    /// If the file cannot be cut or opened; the next record tries again.
    pub fn reopen(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::Closed) {
            return Ok(());
        }
        if let State::Plain(output) = &mut self.state {
            output.write_all(&mut Context::detached())?;
        }
        let disk = self.disk();
        self.finish(&*disk)?;
        // The lock may be gone with the directory, too.
        self.open_files()
    }

    /// The mapping, and how far it is stored to without a question.
    pub(super) fn bounded(&mut self) -> Option<(MappedLines<'_>, Bounds)> {
        let Self { options, rotation, state, line, unmapped, .. } = self;
        let State::Mapped(segment) = state else { return None };
        if unmapped.is_some() || matches!(options.sync, SyncPolicy::AtLevel(_)) {
            return None;
        }
        let (until_ns, max_bytes) = rotation.bounds(0)?;
        let room_bytes = max_bytes.saturating_sub(segment.position());
        let (storage, terminator) = (&*options.storage, options.terminator.as_bytes());
        let lines = MappedLines { segment, storage, line, terminator, broken: None };
        Some((lines, Bounds { until_ns, room_bytes }))
    }

    fn size(&mut self) -> u64 {
        match &mut self.state {
            State::Closed => 0,
            State::Mapped(segment) => segment.position(),
            State::Plain(output) => output.known_size(),
        }
    }

    /// Goes on after a store that failed: behind the cut if somebody cut the file, else, as
    /// without room, with writes.
    #[cold]
    pub(super) fn unmap(&mut self, broken: Broken, cx: &mut Context<'_>) -> Result<(), Error> {
        let disk = self.disk();
        let finished = self.finish(&*disk);
        if finished.is_err() || broken.cut {
            // NUL bytes may follow the last line; cut before more is appended.
            let terminator = self.options.terminator.as_bytes();
            segment::recover(&*disk, &self.live, self.how(), terminator)?;
        }
        if let Err(error) = finished {
            cx.report(error);
        }
        cx.report(broken.error);
        if broken.cut { self.open_live(&*disk) } else { self.open_plain() }
    }

    /// Looks whether the live file is still at its path, and makes it anew if not.
    fn look_around(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.looked = Instant::now();
        let State::Mapped(segment) = &self.state else { return Ok(()) };
        let asked = reopenings();
        if std::mem::replace(&mut self.reopenings, asked) != asked {
            return self.reopen();
        }
        let disk = self.disk();
        let failed = |error| Error::io("examine", &self.live, error);
        let ours = sys::file_id(&disk.stat(segment.file()).map_err(failed)?);
        match disk.metadata(&self.live) {
            Ok(meta) if sys::file_id(&meta) == ours => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let moved = io::Error::new(io::ErrorKind::NotFound, "somebody took it away");
                cx.report(Error::io("find", &self.live, moved));
            }
            Err(error) => return Err(failed(error)),
        }
        self.reopen()
    }

    /// Opens what a failure had closed, which cuts a file that could not be cut then.
    fn resume(&mut self) -> Result<(), Error> {
        let closed = matches!(self.state, State::Closed) && self.lock.is_some();
        if closed { self.open_files() } else { Ok(()) }
    }

    /// Sees to the mapping while nothing else is to be done.
    fn prepare(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let State::Mapped(segment) = &mut self.state else { return Ok(()) };
        if let Err(broken) = segment.prepare(&*self.options.storage) {
            self.unmap(broken, cx)?;
        }
        let asked = self.reopenings != reopenings();
        if asked || (self.options.follow && self.looked.elapsed() >= LOOK_EVERY) {
            self.look_around(cx)?;
        }
        let due = match self.options.sync {
            SyncPolicy::Never => false,
            SyncPolicy::Batch => true,
            SyncPolicy::AtLevel(_) => self.sync_due,
            SyncPolicy::Every(interval) => self.synced.elapsed() >= interval,
        };
        if due { self.sync() } else { Ok(()) }
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.sync_due = false;
        self.synced = Instant::now();
        let State::Mapped(segment) = &mut self.state else { return Ok(()) };
        segment.sync(&*self.options.storage)
    }

    fn sync_all(&mut self) -> Result<(), Error> {
        self.sync()?;
        if self.behind
            && let State::Mapped(segment) = &self.state
        {
            let failed = |error| Error::io("sync the file system of", &self.path, error);
            self.options.storage.sync_file_system(segment.file()).map_err(failed)?;
            self.behind = false;
        }
        Ok(())
    }
}

/// A mapping, for lines that are made one by one and stored at once.
pub(super) struct MappedLines<'h> {
    segment: &'h mut Segment,
    storage: &'h dyn Storage,
    line: &'h mut Sheet,
    terminator: &'h [u8],
    /// A store failed: no more of them, and [`MmapRotatingFileHandler::unmap`] is to be called.
    pub(super) broken: Option<Broken>,
}

impl LineSink for MappedLines<'_> {
    fn end_bytes(&self) -> u64 {
        self.terminator.len() as u64
    }

    #[inline]
    fn line_room(&mut self) -> Option<&mut Room> {
        self.line.clear();
        Some(self.line.room())
    }

    #[inline]
    fn take_line(&mut self, length: usize) -> bool {
        self.line.advance(length);
        self.line.extend_from_slice(self.terminator);
        self.broken = self.segment.store(self.storage, self.line).err();
        self.broken.is_none()
    }
}

takes_fallback!(MmapRotatingFileHandler, options.on_failure.fallback);

impl Handler for MmapRotatingFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.open_files()?;
        if let Some(error) = self.unmapped.take() {
            cx.report(error);
        }
        self.line.clear();
        cx.format_on(record, &mut self.line)?;
        self.line.extend_from_slice(self.options.terminator.as_bytes());
        let (size, more) = (self.size(), self.line.len() as u64);
        if self.rotation.is_due(0, record.time_ns(), size, more)
            && let Err(error) = self.roll(cx)
        {
            cx.report(error);
        }
        self.open_files()?;
        if let SyncPolicy::AtLevel(level) = self.options.sync {
            self.sync_due |= record.level().is_at_least(level);
        }
        // A mapping that somebody cut is made anew, once; twice in a row is not to be waited for.
        for _ in 0..2 {
            let State::Mapped(segment) = &mut self.state else { break };
            match segment.store(&*self.options.storage, &self.line) {
                Ok(()) => return Ok(()),
                Err(broken) => self.unmap(broken, cx)?,
            }
        }
        if self.is_mapped() {
            self.finish(&*self.disk())?;
            self.open_plain()?;
        }
        if let State::Plain(output) = &mut self.state {
            output.add_line(record, &self.line, cx);
            output.write_full(cx);
        }
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        match &mut self.state {
            State::Closed => Ok(()),
            State::Plain(output) => output.batch_end(cx),
            State::Mapped(_) => self.prepare(cx),
        }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.resume()?;
        if let State::Plain(output) = &mut self.state {
            output.flush(cx)?;
        } else {
            self.batch_end(cx)?;
            if cx.wants_sync() {
                self.sync_all()?;
            }
        }
        let unsynced = match &self.state {
            State::Mapped(segment) => segment.is_unsynced(),
            State::Closed | State::Plain(_) => false,
        };
        if self.behind || unsynced {
            cx.not_synced();
        }
        Ok(())
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if let State::Plain(output) = &mut self.state {
            output.close(cx)?;
        }
        let done = self.release();
        self.rotation.tick(cx);
        done
    }

    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        self.open_as_told()
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.rotation.tick(cx);
        self.resume()?;
        let size = self.size();
        if self.rotation.is_past(cx.now_ns(), size) {
            self.roll(cx)?;
        }
        match &mut self.state {
            State::Closed => Ok(()),
            State::Plain(output) => output.tick(cx),
            State::Mapped(_) => self.prepare(cx),
        }
    }

    fn held(&self) -> u64 {
        match &self.state {
            State::Plain(output) => output.held(),
            State::Closed | State::Mapped(_) => 0,
        }
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.options.on_failure.fallback.iter().cloned().collect()
    }
}

impl Drop for MmapRotatingFileHandler {
    fn drop(&mut self) {
        if let State::Plain(output) = &mut self.state {
            let _ = output.write_all(&mut Context::detached());
        }
        let _ = self.release();
    }
}

#[cfg(test)]
mod tests;
