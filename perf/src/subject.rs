//! What the workloads ask of a logger.

use std::path::PathBuf;

/// How a subject is to be set up.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// One of the subject's variants.
    pub(crate) variant: String,
    /// The file that records go to.
    pub(crate) file: PathBuf,
    /// What to do when the logger cannot keep up.
    pub(crate) overflow: Overflow,
    /// Adds loggers, handlers and filters that the measured call does not reach, so that a disabled
    /// call is measured under a configuration of some size.
    pub(crate) elaborate: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    /// As the logger comes.
    Default,
    /// Callers wait, so that every record is written.
    Block,
    /// Records are dropped at once.
    Drop,
}

/// What a subject knows at its end.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Ended {
    /// Records that it says it dropped, if it counts them.
    pub(crate) dropped: Option<u64>,
}

/// A logger under measurement. The calls must be inlined as a user's would be.
pub(crate) trait Subject: Sync + Sized {
    /// Logs two integers and a float: `Logging int: {}, int: {}, double: {}`.
    fn ints(&self, a: u64, b: u64, c: f64);
    /// Logs a string and an integer: `Logging str: {}, int: {}`.
    fn text(&self, text: &str, n: i32);
    /// The call of [`ints`](Self::ints) at a level that is off.
    fn off(&self, a: u64, b: u64, c: f64);
    /// Writes everything out and ends.
    fn end(self) -> Ended;
}

/// Reads the counter and logs nothing: the floor under every stamped record.
pub(crate) struct Floor;

impl Subject for Floor {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        std::hint::black_box((crate::machine::ticks(), a, b, c));
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        std::hint::black_box((crate::machine::ticks(), text, n));
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        std::hint::black_box((a, b, c));
    }
    fn end(self) -> Ended {
        Ended::default()
    }
}
