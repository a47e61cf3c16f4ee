//! What a call does when its thread's ring is full.

use crate::level::{CLASSES, Level};
use std::time::Duration;

/// How long a call may wait for space before its record is dropped and counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Not at all: drop at once.
    Drop,
    /// At most this long per stall: once the time is spent, records are dropped at once until the
    /// drain moves on.
    Wait(Duration),
    /// Until there is space, as Python's blocking handlers do. The runtime's end ends the wait.
    Forever,
}

/// The overflow policy: a [`Patience`] for each class of level.
///
/// An eighth of each ring is kept free for `WARNING` and above, whatever the policy.
///
/// | policy | `WARNING` and above | below |
/// |---|---|---|
/// | `Overflow::default()` | wait up to 10 ms | wait up to 10 ms |
/// | `Overflow::block()` | wait for ever | wait for ever |
/// | `Overflow::drop()` | drop | drop |
///
/// Waiting threads yield, then sleep in steps of 50 microseconds; they never spin.
///
/// # Examples
///
/// ```
/// use sawmill::{Level, Overflow, Patience};
/// use std::time::Duration;
///
/// let errors_wait = Overflow::drop().at_least(Level::ERROR, Patience::Wait(Duration::from_millis(20)));
/// # let _ = errors_wait;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overflow {
    by_class: [Patience; CLASSES],
}

impl Default for Overflow {
    fn default() -> Self {
        // A millisecond would be shorter than a scheduler's time slice on a busy machine: a burst
        // that fills a lane while the drain waits for its turn would lose records.
        Self::all(Patience::Wait(Duration::from_millis(10)))
    }
}

impl Overflow {
    /// Every call waits until there is space.
    pub fn block() -> Self {
        Self { by_class: [Patience::Forever; CLASSES] }
    }

    /// No call waits.
    pub fn drop() -> Self {
        Self { by_class: [Patience::Drop; CLASSES] }
    }

    /// The same patience for all levels.
    pub fn all(patience: Patience) -> Self {
        Self { by_class: [patience; CLASSES] }
    }

    /// Sets the patience of `level` and everything above. Levels count in steps of ten: 35 is
    /// treated as 30.
    #[must_use]
    pub fn at_least(mut self, level: Level, patience: Patience) -> Self {
        self.by_class[level.class().index()..].fill(patience);
        self
    }

    /// How long to wait; `None` for not at all.
    pub(crate) fn patience(&self, level: Level, never: bool) -> Option<Duration> {
        match self.by_class[level.class().index()] {
            _ if never => None,
            Patience::Drop => None,
            Patience::Wait(limit) => Some(limit),
            Patience::Forever => Some(Duration::MAX),
        }
    }
}
