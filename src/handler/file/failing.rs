//! What a file handler does while its file takes nothing: a full disk, a dead mount, a directory
//! that is gone.

use crate::error::Error;
use crate::handler::{Context, HandlerRef};
use crate::level::{CLASS_LEVELS, CLASSES, Level};
use crate::record::{LogRecord, Notice, OwnedRecord, ValueBuf};
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// How soon a failed write is tried again, at first and at last.
const FIRST_RETRY: Duration = Duration::from_millis(10);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// What a file handler does while its file takes nothing.
///
/// Lines gather in memory and the file is tried again after 10 ms, doubling to 1 s, and whenever
/// something is flushed. When half of the memory is full, records below a level are shed; when all
/// is, every record is. As soon as the file takes lines again those that waited are written, and
/// behind them one that tells how many records were shed, of which levels, from when to when.
///
/// | option | default | |
/// |---|---|---|
/// | `buffer_bytes` | 1 MiB | lines that wait; at least 512 KiB |
/// | `shed_below` | `WARNING` | shed from half of that on |
/// | `wait` | not at all | lets the drain, and so all handlers, wait before records are shed |
/// | `delete_archives` | `false` | the oldest rotated file goes when the disk is full |
/// | `fallback` | none | gets what is shed |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-of-{}", std::process::id()));
/// use sawmill::{FileHandler, Level, OnFailure, Rotate, StreamHandler};
///
/// let handler = FileHandler::builder(directory.join("app.log"))
///     .create_dirs(true)
///     .rotate(Rotate::daily())
///     .on_failure(
///         OnFailure::new()
///             .delete_archives(true)
///             .shed_below(Level::INFO)
///             .fallback(StreamHandler::stderr()),
///     )
///     .build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct OnFailure {
    pub(crate) buffer_bytes: usize,
    pub(crate) shed_below: Level,
    pub(crate) wait: Duration,
    pub(crate) delete_archives: bool,
    pub(crate) fallback: Option<HandlerRef>,
}

impl Default for OnFailure {
    fn default() -> Self {
        Self::new()
    }
}

impl OnFailure {
    /// The defaults of the table above.
    pub fn new() -> Self {
        Self {
            buffer_bytes: 1 << 20,
            shed_below: Level::WARNING,
            wait: Duration::ZERO,
            delete_archives: false,
            fallback: None,
        }
    }

    /// Sets how many bytes of lines may wait, at least 512 KiB.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes.max(512 << 10);
        self
    }

    /// Sheds records below this level when half of the memory is full, the others when all is.
    pub fn shed_below(mut self, level: Level) -> Self {
        self.shed_below = level;
        self
    }

    /// Waits for the file before records are shed, at most so long from the first failure until
    /// it takes lines again.
    ///
    /// The drain waits, and with it every handler that has no worker of its own; callers follow
    /// their overflow policy when their rings are full.
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// Removes the oldest rotated file of this handler each time that the disk is full.
    pub fn delete_archives(mut self, delete: bool) -> Self {
        self.delete_archives = delete;
        self
    }

    /// Gives what is shed to another handler, by its level and filters. It counts as shed here
    /// and as offered there.
    pub fn fallback(mut self, handler: impl Into<HandlerRef>) -> Self {
        self.fallback = Some(handler.into());
        self
    }
}

/// A handler that may be told of its fallback after it was made, as configurations do.
#[cfg(feature = "config")]
pub(crate) trait TakesFallback {
    fn set_fallback(&mut self, handler: HandlerRef);
}

/// A file that refused bytes.
#[derive(Debug)]
pub(crate) struct Trouble {
    retry_at: Instant,
    pause: Duration,
    /// What is left of [`OnFailure::wait`].
    patience: Duration,
    /// The first record that was shed since was told of.
    pub(crate) told: bool,
}

impl Trouble {
    pub(crate) fn new(patience: Duration) -> Self {
        Self { retry_at: Instant::now() + FIRST_RETRY, pause: FIRST_RETRY, patience, told: false }
    }

    pub(crate) fn again(&mut self) {
        self.pause = (self.pause * 2).min(LAST_RETRY);
        self.retry_at = Instant::now() + self.pause;
    }

    pub(crate) fn is_due(&self) -> bool {
        Instant::now() >= self.retry_at
    }

    /// Lets a moment of the patience pass. False: there is none left.
    pub(crate) fn wait_a_moment(&mut self) -> bool {
        let moment = self.patience.min(FIRST_RETRY);
        if moment.is_zero() {
            return false;
        }
        self.patience -= moment;
        crate::sync::thread::sleep(moment);
        true
    }
}

/// The records that were shed and not told of in the file yet.
#[derive(Debug)]
pub(crate) struct Gap {
    by_class: [u64; CLASSES],
    first: OwnedRecord,
    first_ns: i64,
    last_ns: i64,
}

impl Gap {
    pub(crate) fn new(record: &LogRecord<'_>) -> Self {
        let at = record.time_ns();
        Self { by_class: [0; CLASSES], first: record.keep(), first_ns: at, last_ns: at }
    }

    pub(crate) fn add(&mut self, record: &LogRecord<'_>) {
        self.by_class[record.level().class().index()] += 1;
        self.last_ns = self.last_ns.max(record.time_ns());
        self.first_ns = self.first_ns.min(record.time_ns());
    }

    /// The record that tells of it: how many, of which levels, from when to when.
    pub(crate) fn record(&self, path: &Path, cx: &Context<'_>) -> OwnedRecord {
        let total: u64 = self.by_class.iter().sum();
        let classes = || CLASS_LEVELS.into_iter().zip(self.by_class).filter(|(_, lost)| *lost != 0);
        let worst = classes().map(|(level, _)| level).max().unwrap_or(Level::WARNING);
        let what = if total == 1 { "record" } else { "records" };
        let mut text = format!("lost {total} {what}:");
        for (level, lost) in classes() {
            let _ = write!(text, " {level} {lost}");
        }
        let _ = write!(text, ", {} took nothing", path.display());
        let by_level = classes().map(|(level, lost)| (level.to_string(), ValueBuf::of(&lost)));
        let notice = Notice::new(worst.max(Level::WARNING), text)
            .logger("sawmill")
            .time_ns(cx.now_ns())
            .field("lost", ValueBuf::of(&total))
            .field("lost_by_level", ValueBuf::map(by_level))
            .field("first_ns", ValueBuf::of(&self.first_ns))
            .field("last_ns", ValueBuf::of(&self.last_ns));
        self.first.view().beside(&notice)
    }
}

/// What is told when the first record is shed.
pub(crate) fn shedding(path: &Path, cause: Option<Error>) -> Error {
    let text = format!("{} takes nothing and its buffer is full: records are shed", path.display());
    let error = Error::new(crate::error::ErrorKind::Io, text);
    match cause {
        Some(cause) => error.because(cause),
        None => error,
    }
}
