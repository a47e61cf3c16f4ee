//! A file, rotated or not.

use super::lines::Bounds;
use super::output::{Options, Output, absolute};
use super::rotate::Rotate;
use super::rotation::{Plan, Rotation};
use super::storage::FileMode;
use crate::error::Error;
use crate::handler::{Context, Handler, HandlerRef};
use crate::record::LogRecord;
use std::path::{Path, PathBuf};

/// Writes records to a file, Python's `FileHandler`, and moves it away when told to.
///
/// The path is made absolute when the handler is made. Lines are written whole, at the end of the
/// file wherever that is, so that a file which is emptied from outside (`copytruncate`) gets no
/// hole. A file that others move or remove is noticed and opened anew. After a close the next
/// record opens the file again, unless the mode is [`FileMode::Truncate`], as in Python.
///
/// A file that takes nothing (a full disk, a dead mount, a directory that is gone) keeps lines
/// waiting and is tried again; see [`OnFailure`](crate::OnFailure). Nothing has to be done for it
/// to recover, and the file tells then what is missing.
///
/// # Rotation
///
/// [`rotate`](FileHandlerBuilder::rotate) says when the file is moved away: by size, by the clock,
/// at the start, or all of these. A rotated file gets a [name](crate::Naming) that no other file
/// had and keeps it; nothing is ever moved over a file that is there. The file at the path is
/// always the one being written. Files of earlier runs count for the limits of
/// [`Keep`](crate::Keep), and a compression that was interrupted is resumed at the next start. A
/// rotation that fails is reported and tried again after a second, doubling to a minute; the file
/// grows on meanwhile. For Python's chain of names see [`Naming::Shifting`](crate::Naming) and
/// [`RotatingFileHandler`](crate::RotatingFileHandler).
///
/// | option | default | |
/// |---|---|---|
/// | `mode` | `Append` | what becomes of a file that exists |
/// | `delay` | `false` | open at the first record |
/// | `encoding` | UTF-8 | |
/// | `errors` | `strict` | for characters that the encoding lacks |
/// | `terminator` | `"\n"` | |
/// | `permissions` | `0o640` | of new files, less the umask; Unix only |
/// | `owner` | the process's | of new files; Unix only |
/// | `create_dirs` | `false` | a missing directory is an error that names it |
/// | `reserve` | `true` | allocate space ahead of the writes, which then cost less |
/// | `shared` | `false` | other processes write and rotate the file, under a lock beside it; Unix only |
/// | `follow` | `true` | notice a file that was moved or removed |
/// | `mend` | `true` | end a line that a power failure left unfinished |
/// | `sync` | `SyncPolicy::Never` | when what was written is to reach the disk |
/// | `on_failure` | 1 MiB waits, then shed | on a full disk |
/// | `rotate` | never | when the file is moved away |
/// | `naming` | `Naming::Dated` | of rotated files |
/// | `keep` | all | limits by number, bytes and age |
/// | `compress` | `Compress::None` | gzip or zstd, on a thread of its own |
/// | `latest` | none | a symbolic link to the file |
///
/// A symbolic link at the path is followed, unless another user made it in a directory that
/// others may write to.
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-{}", std::process::id()));
/// use sawmill::{FileHandler, Keep, Rotate};
/// use std::time::Duration;
///
/// let handler = FileHandler::builder(directory.join("app.log"))
///     .create_dirs(true)
///     .rotate(Rotate::size(64 << 20).or_daily())
///     .keep(Keep::files(30).bytes(1 << 30).age(Duration::from_secs(30 * 86_400)))
///     .build()?;
/// assert!(handler.path().is_absolute());
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct FileHandler {
    output: Output,
    rotation: Option<Box<Rotation>>,
}

/// Builds a [`FileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct FileHandlerBuilder {
    options: Options,
    plan: Plan,
}

impl FileHandlerBuilder {
    common_steps!(options);
    plan_steps!(plan);

    /// Sets what becomes of a file that exists already.
    pub fn mode(mut self, mode: FileMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets when the file is moved away.
    pub fn rotate(mut self, rotate: Rotate) -> Self {
        self.plan.rotate = Some(rotate);
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood; the text names the path or
    /// the option.
    pub fn build(self) -> Result<FileHandler, Error> {
        let Self { options, plan } = self;
        let path = absolute(&options.path)?;
        let rotation = plan.build(&path, &options.storage)?;
        // A file that is there is looked at before it is opened, which may empty or make it.
        let opens = !options.delay && !options.later;
        let output = Output::new(Options { later: true, ..options })?;
        let mut handler = FileHandler { output, rotation: rotation.map(Box::new) };
        if let Some(rotation) = &handler.rotation {
            handler.output.set_archives(rotation.archives().clone());
        }
        if opens {
            handler.start()?;
        }
        Ok(handler)
    }
}

impl FileHandler {
    /// Opens a file to append to, with the defaults of the table above.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> FileHandlerBuilder {
        FileHandlerBuilder { options: Options::new(path), plan: Plan::default() }
    }

    /// The absolute path of the file, Python's `baseFilename`.
    pub fn path(&self) -> &Path {
        self.output.path()
    }

    /// The mode that the file is opened with.
    pub fn mode(&self) -> FileMode {
        self.output.options().mode
    }

    /// Sets what ends each line from now on.
    pub fn set_terminator(&mut self, terminator: &str) {
        self.output.set_terminator(terminator);
    }

    /// Writes what waits, closes the file and opens its path again, for tools that move files
    /// away (`logrotate`). The file at the path is appended to, whatever the mode.
    ///
    /// # Errors
    ///
    /// If lines cannot be written or the path cannot be opened; the next record tries again.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.output.reopen_now(&mut Context::detached())
    }

    /// Moves the file away now, whatever its size and time, and begins the next one. Nothing
    /// happens if it is empty, or if no rotation was asked for.
    ///
    /// # Errors
    ///
    /// If lines cannot be written, or a file cannot be moved or opened; the records go on into
    /// the old file.
    pub fn do_rollover(&mut self) -> Result<(), Error> {
        let cx = &mut Context::detached();
        if self.rotation.is_none() {
            return Ok(());
        }
        self.start()?;
        if self.output.size() == 0 { Ok(()) } else { self.roll(cx) }
    }

    /// Opens the file for the first time since it was made or closed.
    fn start(&mut self) -> Result<(), Error> {
        if let Some(rotation) = self.rotation.as_mut().filter(|rotation| !rotation.has_started()) {
            let meta = self.output.storage().metadata(self.output.path()).ok();
            let meta = meta.filter(|meta| meta.is_file());
            if rotation.start(meta.as_ref()) {
                if let Err(error) = rotation.archive(self.output.path()) {
                    // Not with a mode that might empty it.
                    let _ = self.output.open_to_append();
                    return Err(error);
                }
                rotation.note(true);
            }
            self.output.open()?;
            rotation.took(self.output.file_number());
            return rotation.try_link(self.output.path());
        }
        self.output.open()
    }

    #[cold]
    fn roll(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let Self { output, rotation: Some(rotation) } = self else { return Ok(()) };
        let done = try_roll(output, rotation, cx);
        // A file that takes no lines has a pause of its own, which may be over sooner.
        if done.is_ok() || !output.is_in_trouble() {
            rotation.note(done.is_ok());
        }
        done
    }

    /// Writes what waits to a shared file, which is moved away before if it is time: with the lock,
    /// for only then is it known what the others have written and whether they have moved it.
    fn write_shared(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.output.waiting_bytes() == 0 {
            return Ok(());
        }
        self.output.hold(cx)?;
        let (number, waiting) = (self.output.file_number(), self.output.waiting_bytes());
        let size = self.output.known_size() - waiting;
        let due = self.rotation.as_mut().is_some_and(|rotation| {
            let latest = rotation.latest_ns();
            rotation.is_due(number, latest, size, waiting)
        });
        if due
            && !self.output.is_in_trouble()
            && self.output.is_regular()
            && let Some(rotation) = &mut self.rotation
        {
            self.output.release_file();
            let done = rotation.archive(self.output.path());
            rotation.note(done.is_ok());
            if let Err(error) = done {
                cx.report(error);
            }
            if let Err(error) = self.output.open_to_append() {
                cx.report(error);
            }
            rotation.link(self.output.path(), cx);
        }
        let done = self.output.batch_end(cx);
        self.output.let_go();
        done
    }

    /// The file, and how far it is written to without a question.
    pub(super) fn bounded(&mut self) -> Option<(&mut Output, Bounds)> {
        let Self { output, rotation } = self;
        let Some(rotation) = rotation else { return Some((output.takes_lines()?, Bounds::NONE)) };
        // Others may have written to a shared file, or moved it.
        if output.is_shared() {
            return None;
        }
        let (until_ns, max_bytes) = rotation.bounds(output.file_number())?;
        let output = output.takes_lines()?;
        let room_bytes = max_bytes.saturating_sub(output.size());
        Some((output, Bounds { until_ns, room_bytes }))
    }

    fn emit_rotated(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.as_ref().is_some_and(|rotation| !rotation.has_started())
            && let Err(error) = self.start()
        {
            cx.report(error);
        }
        if !self.output.reopen(cx)? || !self.output.begin(record, cx)? {
            return Ok(());
        }
        if self.output.is_shared() {
            if let Some(rotation) = &mut self.rotation {
                rotation.note_time(record.time_ns());
            }
            self.output.finish()?;
            if self.output.wants_write()
                && let Err(error) = self.write_shared(cx)
            {
                cx.report(error);
            }
            return Ok(());
        }
        let (size, more) = (self.output.size(), self.output.begun_size());
        let number = self.output.file_number();
        let rotation = self.rotation.as_mut();
        if rotation.is_some_and(|rotation| rotation.is_due(number, record.time_ns(), size, more))
            && !self.output.is_in_trouble()
            && self.output.is_regular()
            && let Err(error) = self.roll(cx)
        {
            cx.report(error);
        }
        self.output.finish()?;
        self.output.write_full(cx);
        Ok(())
    }
}

/// Writes what waits, gives the file its new name, and opens the path anew.
pub(super) fn try_roll(
    output: &mut Output,
    rotation: &mut Rotation,
    cx: &mut Context<'_>,
) -> Result<(), Error> {
    let before = output.file_number();
    output.hold(cx)?;
    let done = match output.is_shared() && output.file_number() != before {
        // Another process moved it meanwhile.
        true => Ok(()),
        false => roll_held(output, rotation, cx),
    };
    output.let_go();
    done
}

fn roll_held(
    output: &mut Output,
    rotation: &mut Rotation,
    cx: &mut Context<'_>,
) -> Result<(), Error> {
    // The lines that wait belong to the old file.
    output.write_all(cx)?;
    if output.look_around(cx)? || !output.is_regular() {
        // Another process moved it already; or it is nothing that could be moved.
        return Ok(());
    }
    output.release_file();
    let moved = rotation.archive(output.path());
    // Not with the handler's mode, which might empty a file that was not moved. If that fails as
    // well, the next record opens it and tells.
    let opened = output.open_to_append();
    moved.and(opened)?;
    rotation.link(output.path(), cx);
    Ok(())
}

takes_fallback!(FileHandler, in output);

impl Handler for FileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        match self.rotation {
            None => self.output.emit_or_escape(record, cx),
            Some(_) => self.emit_rotated(record, cx),
        }
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.is_some() && self.output.is_shared() {
            return self.write_shared(cx);
        }
        self.output.batch_end(cx)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.is_some() && self.output.is_shared() {
            self.write_shared(cx)?;
        }
        self.output.flush(cx)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let done = self.output.close(cx);
        if let Some(rotation) = &mut self.rotation {
            rotation.end();
            rotation.tick(cx);
        }
        done
    }

    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.is_some() && !self.output.options().delay {
            return self.start();
        }
        self.output.open_as_told()
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if let Some(rotation) = &mut self.rotation {
            rotation.tick(cx);
            let past = rotation.is_past(cx.now_ns(), self.output.known_size());
            if past && !self.output.is_in_trouble() {
                self.roll(cx)?;
            }
        }
        self.output.tick(cx)
    }

    fn held(&self) -> u64 {
        self.output.held()
    }

    fn length(&mut self) -> Option<u64> {
        self.output.length()
    }

    fn place(&mut self, fresh: bool) -> Option<crate::handler::Place<'_>> {
        self.output.place(fresh)
    }

    fn set_batch(&mut self, owner: u64, number: u64) {
        self.output.set_batch(owner, number);
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.output.targets()
    }
}
