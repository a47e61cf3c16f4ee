//! The flight recorder, as users ask for it.

use crate::drain::{RecorderOptions, RecorderTarget};
use crate::error::Error;
use crate::handler::HandlerRef;
use crate::level::Level;
use crate::tree::Recording;
use std::time::Duration;

/// Keeps the latest records that no handler gets, and has them written when something happens that
/// they may explain; see [`RuntimeBuilder::flight_recorder`].
///
/// Records below their logger's level, down to the recorder's own, are kept in memory as the binary
/// frames that calls make: up to a number of bytes, then the oldest are thrown out, counted. They
/// are formatted when
///
/// * a record at the [trigger](Self::trigger) level or above is delivered (a panic's record too, with
///   [`CrashHandling`](crate::CrashHandling)): what is kept is written before it,
/// * a signal ends the process, with [`CrashHandling`](crate::CrashHandling),
/// * [`Runtime::dump_recorder`](crate::Runtime::dump_recorder) is called,
/// * the next process takes over what a dead one left, with
///   [mapped lanes](crate::Lanes::Mapped).
///
/// A dump is in the order of time, its records carry the field `recorded`, and what is written is
/// no longer kept. It takes the way that the records would have taken: through their loggers'
/// filters (which may have to redact them) to their handlers with their levels and filters; or, if
/// a [handler](Self::handler) is named, to that one, whatever its level, and the record that had the
/// dump written goes there too.
///
/// A call that is recorded costs its caller what an enabled one does: its arguments are evaluated
/// and copied, and it takes room in the thread's lane. Not kept is what a
/// [disabled](crate::Logger::set_disabled) logger or [`Runtime::disable`](crate::Runtime::disable)
/// switches off. [`Logger::is_enabled_for`](crate::Logger::is_enabled_for),
/// [`Logger::effective_level`](crate::Logger::effective_level) and
/// [`log_enabled!`](crate::log_enabled) keep answering for handlers alone: what a program only
/// computes under such a question is not computed for the recorder.
///
/// | option | default | unit, range |
/// |---|---|---|
/// | [`new`](Self::new) | | bytes kept, 4 KiB to 1 GiB, 40 to 80 of them for each record beside its frame |
/// | [`level`](Self::level) | `DEBUG` | level, below the trigger |
/// | [`trigger`](Self::trigger) | `ERROR` | level, at most `CRITICAL`, which a panic's record has |
/// | [`every`](Self::every) | 10 s | at most one dump by records in this time, up to 1 day; others are counted |
/// | [`handler`](Self::handler), [`handler_named`](Self::handler_named) | the loggers' own | |
///
/// [`RuntimeBuilder::flight_recorder`]: crate::RuntimeBuilder::flight_recorder
///
/// # Examples
///
/// ```
/// use sawmill::{FlightRecorder, Level, debug, error};
///
/// let runtime = sawmill::Runtime::builder()
///     .capture()
///     .level(Level::INFO)
///     .flight_recorder(FlightRecorder::new(1 << 20))
///     .build()?;
/// runtime.scope(|| {
///     debug!("cache is cold");
///     assert!(runtime.records().is_empty());
///     error!("request failed");
/// });
/// let messages: Vec<_> =
///     runtime.records().iter().map(|record| record.view().message()).collect::<Result<_, _>>()?;
/// assert_eq!(messages, ["cache is cold", "request failed"]);
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct FlightRecorder {
    bytes: usize,
    level: Level,
    trigger: Level,
    every: Duration,
    target: Option<RecorderTarget>,
}

impl FlightRecorder {
    /// Keeps up to so many bytes.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self {
            bytes,
            level: Level::DEBUG,
            trigger: Level::ERROR,
            every: Duration::from_secs(10),
            target: None,
        }
    }

    /// The least level that is kept. Every call down to it costs what an enabled one does.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// The level from which on a record has what is kept written.
    #[must_use]
    pub fn trigger(mut self, level: Level) -> Self {
        self.trigger = level;
        self
    }

    /// Records have at most one dump written in this time. Those that come sooner are counted
    /// ([`Stats::dumps_withheld`](crate::Stats::dumps_withheld)), and what is kept stays for the
    /// next one. Signals and calls are not held up.
    #[must_use]
    pub fn every(mut self, time: Duration) -> Self {
        self.every = time;
        self
    }

    /// Writes dumps to a handler, which need not be attached to any logger.
    #[must_use]
    pub fn handler(mut self, handler: impl Into<HandlerRef>) -> Self {
        self.target = Some(RecorderTarget::Handler(handler.into()));
        self
    }

    /// Writes dumps to the handler of this name, as it is when a dump is written; should there be
    /// none then, to the loggers' own.
    #[must_use]
    pub fn handler_named(mut self, name: &str) -> Self {
        self.target = Some(RecorderTarget::Named(name.to_owned()));
        self
    }

    /// The handler that dumps go to, if it was given itself.
    pub(super) fn target(&self) -> Option<&HandlerRef> {
        match &self.target {
            Some(RecorderTarget::Handler(handler)) => Some(handler),
            _ => None,
        }
    }

    pub(super) fn check<'n>(&self, mut names: impl Iterator<Item = &'n str>) -> Result<(), Error> {
        let wrong = |why: String| Err(Error::invalid(format!("flight_recorder: {why}")));
        if !(4 << 10..=1 << 30).contains(&self.bytes) {
            return wrong(format!("{} bytes are not between 4 KiB and 1 GiB", self.bytes));
        }
        if self.level >= self.trigger {
            let (level, trigger) = (self.level, self.trigger);
            return wrong(format!("the level {level} is not below the trigger {trigger}"));
        }
        if self.trigger > Level::CRITICAL {
            return wrong(format!("the trigger {} is above CRITICAL", self.trigger));
        }
        if self.every > Duration::from_secs(24 * 3600) {
            return wrong(format!("every: {:?} is longer than 1 day", self.every));
        }
        match &self.target {
            Some(RecorderTarget::Named(name)) if !names.any(|known| known == name) => {
                wrong(format!("handler_named: there is no handler {name:?}"))
            }
            _ => Ok(()),
        }
    }

    /// What the tree has to know.
    pub(super) fn recording(&self) -> Recording {
        Recording { level: self.level, target: self.target().cloned() }
    }

    /// What the drain has to know.
    pub(super) fn options(&self) -> RecorderOptions {
        let Self { bytes, trigger, every, target, .. } = self.clone();
        RecorderOptions { bytes, trigger, every, target }
    }
}
