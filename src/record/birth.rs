//! What records of a runtime have in common, for those who look at one before the drain does.

use super::{ProcessInfo, Without};
use crate::clock::{self, ClockSource};

/// When, where and by which clock the records of a runtime are made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Birth {
    pub(crate) clock: ClockSource,
    pub(crate) start_ns: i64,
    pub(crate) process: ProcessInfo,
    pub(crate) without: Without,
}

impl Birth {
    /// What the clock shows, in nanoseconds since the Unix epoch; without the counter's precision.
    pub(crate) fn now_ns(&self) -> i64 {
        match &self.clock {
            ClockSource::Manual(clock) => clock.now_ns(),
            _ => clock::system_ns(),
        }
    }
}
