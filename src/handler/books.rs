//! What became of the records that a handler was offered.

use crate::sync::{AtomicU64, Ordering};

/// What the books know of one handler; every count only grows.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) offered: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) below_level: AtomicU64,
    pub(crate) filtered: AtomicU64,
    /// Told with [`Context::shed`]; each was accepted before, or in the same call.
    pub(crate) shed: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Told with [`Context::lost`] after having been accepted.
    pub(crate) lost_later: AtomicU64,
    pub(crate) held: AtomicU64,
}

/// A handler's account of the records offered to it.
///
/// `offered = delivered + below_level + filtered + shed + failed + held`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStats {
    /// Records that a route led here.
    pub offered: u64,
    /// Records handed to their destination.
    pub delivered: u64,
    /// Records below the handler's level.
    pub below_level: u64,
    /// Records that its filters refused.
    pub filtered: u64,
    /// Records dropped because its own queue was full.
    pub shed: u64,
    /// Records lost to an error or a panic.
    pub failed: u64,
    /// Records accepted and not yet at their destination.
    pub held: u64,
}

impl Books {
    pub(crate) fn stats(&self) -> HandlerStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (accepted, later, held) = (get(&self.accepted), get(&self.lost_later), get(&self.held));
        let shed = get(&self.shed);
        HandlerStats {
            offered: get(&self.offered),
            delivered: accepted.saturating_sub(later + held + shed),
            below_level: get(&self.below_level),
            filtered: get(&self.filtered),
            shed,
            failed: get(&self.failed) + later,
            held,
        }
    }

    /// Adds to a count that only the handler's home writes.
    pub(crate) fn add(count: &AtomicU64, n: u64) {
        count.store(count.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
}
