//! The drain's sleep, and who ends it.
//!
//! The sleeper says that it sleeps, *then* looks once more for work, then parks. Whoever makes
//! work publishes it, *then* looks whether the drain sleeps. A full barrier stands between the two
//! steps on both sides, so at least one of them sees the other (Dekker's argument): either the
//! sleeper finds the work or the other one finds the sleeper and unparks it.
//!
//! Producers look only above the near-full mark: a record below it may wait for the drain's next
//! timer. A drain that parks without one closes the gates of the lanes first (see
//! [`ProducerBooks`](super::books::ProducerBooks)): a call that meets one looks as well, and one
//! that passed before is seen by its count. Where that barrier would take too long every call looks.

use crate::sync::{AtomicU32, Mutex, Ordering, Thread, fence, lock, thread};
use std::time::Duration;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;

/// The barrier on both sides: pairs with itself, see the module's text.
/// Model: `a_sleeping_drain_is_woken`.
const WAKE_BARRIER: Ordering = Ordering::SeqCst;

/// Sleep and wake-up of one drain.
#[derive(Debug)]
pub(crate) struct Wake {
    state: AtomicU32,
    sleeper: Mutex<Option<Thread>>,
}

impl Wake {
    pub(crate) fn new() -> Self {
        Self { state: AtomicU32::new(AWAKE), sleeper: Mutex::new(None) }
    }

    /// Makes the calling thread the one that sleeps.
    pub(crate) fn register(&self) {
        *lock(&self.sleeper) = Some(thread::current());
    }

    /// Nobody sleeps here any more.
    pub(crate) fn unregister(&self) {
        *lock(&self.sleeper) = None;
    }

    /// Sleeps until woken or until `limit` passes, unless `has_work` finds some.
    ///
    /// `has_work` runs after the sleeper is visible to producers.
    pub(crate) fn sleep(&self, limit: Duration, has_work: impl FnOnce() -> bool) {
        self.state.store(ASLEEP, Ordering::Relaxed);
        fence(WAKE_BARRIER);
        if !has_work() {
            thread::park_timeout(limit);
        }
        self.state.store(AWAKE, Ordering::Relaxed);
    }

    /// Wakes the drain if it sleeps; call after what it is to see has been published.
    ///
    /// A fence and a load; 7 to 15 microseconds if there is somebody to wake.
    pub(crate) fn wake(&self) {
        fence(WAKE_BARRIER);
        if self.state.load(Ordering::Relaxed) == ASLEEP && self.is_mine_to_wake() {
            self.unpark();
        }
    }

    /// As [`wake`](Self::wake) for a signal's handler, which must not wait for a lock: the sleeper
    /// wakes by its timer if somebody else holds it.
    pub(crate) fn wake_from_signal(&self) {
        fence(WAKE_BARRIER);
        if self.state.load(Ordering::Relaxed) == ASLEEP
            && let Ok(sleeper) = self.sleeper.try_lock()
            && let Some(thread) = &*sleeper
        {
            thread.unpark();
        }
    }

    /// One of those who see the sleeper is the one who wakes it.
    #[cold]
    fn is_mine_to_wake(&self) -> bool {
        let woken =
            self.state.compare_exchange(ASLEEP, AWAKE, Ordering::Relaxed, Ordering::Relaxed);
        woken.is_ok()
    }

    #[cold]
    fn unpark(&self) {
        if let Some(thread) = &*lock(&self.sleeper) {
            thread.unpark();
        }
    }
}
