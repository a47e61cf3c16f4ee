//! Failures while delivering: contained, counted, reported once per cause.

use crate::error::Error;
use crate::handler::HandlerRef;
use crate::record::LogRecord;
use crate::sync::Arc;
use std::collections::HashMap;
use std::fmt;
use std::time::{Duration, Instant};

/// What was at work when something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// A handler or its formatter; or the handler was flushed or closed.
    Handler,
    /// A filter of a logger or a handler.
    Filter,
    /// A handler that could not open its file, at the door that follows Python, where that fails
    /// the call and the handlers behind it get nothing.
    Call,
    /// Nothing: there is no handler for the record, and no last resort. Told once.
    Unrouted,
    /// The process's end: not everything was written in time.
    End,
}

/// Something went wrong while a record was delivered; given to the error hook.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// What was at work.
    pub kind: FailureKind,
    /// The handler, where one was at work.
    pub handler: Option<&'a HandlerRef>,
    /// The record, where one was being delivered.
    pub record: Option<&'a LogRecord<'a>>,
    /// What went wrong.
    pub error: &'a Error,
    /// How often this handler failed for this cause, this time included.
    pub times: u64,
}

impl fmt::Display for Failure<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sawmill: ")?;
        if let Some(handler) = self.handler {
            write!(f, "{handler:?}: ")?;
        }
        write!(f, "{}", self.error)?;
        if let Some(record) = self.record {
            write!(
                f,
                " (record of {} at {}:{})",
                record.logger(),
                record.pathname(),
                record.line()
            )?;
        }
        Ok(())
    }
}

/// Gets every failure that is to be reported.
pub(crate) type ErrorHook = Arc<dyn Fn(&Failure<'_>) + Send + Sync>;

/// Causes remembered; beyond them everything counts as one cause more.
const CAUSES: usize = 256;
/// A cause is reported again after this long, with the number of times.
const AGAIN: Duration = Duration::from_secs(60);

/// Decides which failures are reported.
pub(crate) struct Failures {
    hook: ErrorHook,
    /// Every failure goes to the hook, as Python's `handleError` would report it.
    every: bool,
    causes: HashMap<(u64, String), Cause>,
    total: u64,
    /// One line for each cause, for reports.
    reasons: Vec<String>,
}

struct Cause {
    times: u64,
    reported: Instant,
}

impl fmt::Debug for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failures").field("total", &self.total).finish_non_exhaustive()
    }
}

impl Failures {
    pub(crate) fn new(hook: ErrorHook, every: bool) -> Self {
        Self { hook, every, causes: HashMap::new(), total: 0, reasons: Vec::new() }
    }

    /// Counts a failure and reports it if its cause is new or has not been told for a minute.
    #[cold]
    pub(crate) fn report(
        &mut self,
        kind: FailureKind,
        handler: Option<&HandlerRef>,
        record: Option<&LogRecord<'_>>,
        error: &Error,
    ) {
        self.total += 1;
        let text = error.to_string();
        let mut key = (handler.map_or(0, HandlerRef::id), text);
        if self.causes.len() >= CAUSES && !self.causes.contains_key(&key) {
            // Of whatever handler: they come and go with configurations.
            key = (0, String::new());
        }
        let now = Instant::now();
        let cause = self.causes.entry(key).or_insert_with_key(|(_, text)| {
            let who = handler.map(|handler| format!("{handler:?}: ")).unwrap_or_default();
            self.reasons.push(match text.is_empty() {
                true => "further causes".to_owned(),
                false => format!("{who}{text}"),
            });
            Cause { times: 0, reported: now }
        });
        cause.times += 1;
        let due = cause.times == 1 || now.duration_since(cause.reported) >= AGAIN;
        if due || self.every {
            cause.reported = now;
            let failure = Failure { kind, handler, record, error, times: cause.times };
            let call = std::panic::AssertUnwindSafe(|| (self.hook)(&failure));
            // A hook that panics must not take the drain with it; the failure is counted already.
            let _ = std::panic::catch_unwind(call);
        }
    }

    pub(crate) fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

/// The default hook: one line on stderr.
pub(crate) fn to_stderr(failure: &Failure<'_>) {
    let mut line = failure.to_string();
    if failure.times > 1 {
        line.push_str(&format!(" ({} times)", failure.times));
    }
    line.push('\n');
    let _ = crate::sys::write_all_fd(2, line.as_bytes());
}
