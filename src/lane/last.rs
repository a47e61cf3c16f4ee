//! The last call: how a process that a signal ends and the drain find each other.
//!
//! The signal's handler may use neither locks nor the heap, so all of it is flags that are looked
//! at again and again. The drain looks once a turn; the handler naps between its looks.

use crate::sync::{AtomicBool, AtomicU8, AtomicU64, Ordering};

/// Pairs with [`WRITTEN_SEE`]: whoever sees that all is written ends the process behind it.
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

/// The flags of one runtime.
#[derive(Debug)]
pub(crate) struct LastCall {
    asked: AtomicU8,
    written: AtomicBool,
    /// The system's number of the drain's thread; 0: there is none.
    drain: AtomicU64,
    /// How long the process's end may be held up, in milliseconds.
    patience: AtomicU64,
}

impl LastCall {
    pub(crate) fn new() -> Self {
        Self {
            asked: AtomicU8::new(Ask::Nothing as u8),
            written: AtomicBool::new(false),
            drain: AtomicU64::new(0),
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

    /// The drain has written everything that was published.
    pub(crate) fn tell_written(&self) {
        self.written.store(true, WRITTEN_TELL);
    }

    /// Whether the drain has written everything that was published.
    pub(crate) fn is_written(&self) -> bool {
        self.written.load(WRITTEN_SEE)
    }

    /// Nothing is asked any more: it was a flush, or the process went on after all.
    pub(crate) fn reset(&self) {
        self.asked.store(Ask::Nothing as u8, Ordering::Relaxed);
        self.written.store(false, Ordering::Relaxed);
    }
}
