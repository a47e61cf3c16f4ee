//! The last call: how a process that a signal ends and the drain find each other.
//!
//! The signal's handler may use neither locks nor the heap, so all of it is flags that are looked
//! at again and again. The drain looks once a turn; the handler naps between its looks.

use crate::sync::{AtomicU8, AtomicU64, Ordering};

/// Pairs with [`WRITTEN_SEE`]: whoever sees how it came out ends the process behind it.
const WRITTEN_TELL: Ordering = Ordering::Release;
/// Pairs with [`WRITTEN_TELL`].
const WRITTEN_SEE: Ordering = Ordering::Acquire;

/// What a signal's handler asks of the drain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ask {
    /// Nothing.
    Nothing,
    /// Write what there is; the process may go on.
    Flush,
    /// Write what there is and stop the callers: the process ends.
    End,
}

/// What came of a request to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Outcome {
    /// Nothing yet.
    Pending,
    /// The drain has written everything that was published.
    Written,
    /// The drain did not get everything written in time, and touches nothing any more.
    GaveUp,
    /// What was not written lies in the spill file.
    Spilled,
}

/// The flags of one runtime.
#[derive(Debug)]
pub(crate) struct LastCall {
    asked: AtomicU8,
    outcome: AtomicU8,
    /// The system's number of the drain's thread; 0: there is none.
    drain: AtomicU64,
    /// The thread that the signal met; 0: none.
    interrupted: AtomicU64,
    /// How long the process's end may be held up, in milliseconds.
    patience: AtomicU64,
}

impl LastCall {
    pub(crate) fn new() -> Self {
        Self {
            asked: AtomicU8::new(Ask::Nothing as u8),
            outcome: AtomicU8::new(Outcome::Pending as u8),
            drain: AtomicU64::new(0),
            interrupted: AtomicU64::new(0),
            patience: AtomicU64::new(2000),
        }
    }

    /// Notes which thread answers; 0 for none.
    pub(crate) fn set_drain(&self, thread: u64) {
        self.drain.store(thread, Ordering::Relaxed);
    }

    /// Which thread answers; 0 for none.
    pub(crate) fn drain(&self) -> u64 {
        self.drain.load(Ordering::Relaxed)
    }

    pub(crate) fn set_patience(&self, millis: u64) {
        self.patience.store(millis, Ordering::Relaxed);
    }

    pub(crate) fn patience_ms(&self) -> u64 {
        self.patience.load(Ordering::Relaxed)
    }

    /// Notes the thread that a signal met first: its call, if it was in the midst of one, never ends.
    pub(crate) fn interrupt(&self, thread: u64) {
        let _ = self.interrupted.compare_exchange(0, thread, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Which thread that was; 0 for none.
    pub(crate) fn interrupted(&self) -> u64 {
        self.interrupted.load(Ordering::Relaxed)
    }

    /// Asks; a request to end is not taken back by one to flush.
    pub(crate) fn ask(&self, ask: Ask) {
        let _ = self.asked.fetch_max(ask as u8, Ordering::Relaxed);
    }

    /// What is asked: one load, for each turn of the drain.
    #[inline]
    pub(crate) fn asked(&self) -> Ask {
        match self.asked.load(Ordering::Relaxed) {
            0 => Ask::Nothing,
            1 => Ask::Flush,
            _ => Ask::End,
        }
    }

    /// Tells what came of the request to end.
    pub(crate) fn tell(&self, outcome: Outcome) {
        self.outcome.store(outcome as u8, WRITTEN_TELL);
    }

    /// What came of the request to end.
    pub(crate) fn outcome(&self) -> Outcome {
        match self.outcome.load(WRITTEN_SEE) {
            0 => Outcome::Pending,
            1 => Outcome::Written,
            2 => Outcome::GaveUp,
            _ => Outcome::Spilled,
        }
    }

    /// Nothing is asked any more: it was a flush, or the process went on after all.
    pub(crate) fn reset(&self) {
        self.interrupted.store(0, Ordering::Relaxed);
        self.asked.store(Ask::Nothing as u8, Ordering::Relaxed);
        self.outcome.store(Outcome::Pending as u8, Ordering::Relaxed);
    }
}
