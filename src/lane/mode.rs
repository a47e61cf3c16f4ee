//! What calls have to do besides publishing, and how they learn that it has changed.
//!
//! A call on the slow path publishes, *then* looks at the mode once more. Whoever changes the mode
//! for an end says so, *then* looks at the lanes for the last time. A full barrier stands between the
//! two steps on both sides, so at least one of them sees the other (Dekker's argument): the record
//! is found by that look, or its call learns that it has to see to it by itself. Calls on the fast
//! path are sent here by the gates of [`ProducerBooks`](super::books::ProducerBooks).

use crate::sync::{AtomicU8, Ordering, fence};

/// The barrier on both sides: pairs with itself, see the module's text.
/// Model: `a_record_is_found_or_its_call_learns_of_the_end`.
const MODE_BARRIER: Ordering = Ordering::SeqCst;

/// What calls have to do besides publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Mode {
    /// Not configured yet: as inline, with a lane for each record only.
    Unconfigured,
    /// The caller drains its own lane after each record.
    Inline,
    /// A thread drains.
    Threaded,
    /// The process is about to end: each call waits for its own flush.
    Exiting,
    /// The runtime has ended: records are counted, and that is all.
    Ended,
    /// A signal ends the process: calls publish and do not return.
    Dying,
    /// In a forked child, where no thread drains: the first call starts one.
    Forked,
}

impl Mode {
    const ALL: [Self; 7] = [
        Self::Unconfigured,
        Self::Inline,
        Self::Threaded,
        Self::Exiting,
        Self::Ended,
        Self::Dying,
        Self::Forked,
    ];

    /// Whether calls must take the slow path.
    pub(crate) fn is_slow(self) -> bool {
        self != Self::Threaded
    }

    /// Whether somebody may have looked at the lanes for the last time.
    pub(crate) fn is_last(self) -> bool {
        matches!(self, Self::Exiting | Self::Ended | Self::Dying)
    }
}

/// The mode of a runtime.
#[derive(Debug)]
pub(crate) struct ModeWord(AtomicU8);

impl ModeWord {
    pub(crate) fn new() -> Self {
        Self(AtomicU8::new(Mode::Unconfigured as u8))
    }

    pub(crate) fn get(&self) -> Mode {
        Mode::ALL[usize::from(self.0.load(Ordering::Relaxed)) % Mode::ALL.len()]
    }

    /// Look at the lanes for the last time after this.
    pub(crate) fn set(&self, mode: Mode) {
        self.0.store(mode as u8, Ordering::Relaxed);
        fence(MODE_BARRIER);
    }

    /// The mode as a call finds it that has published, or opened a lane.
    pub(crate) fn get_behind(&self) -> Mode {
        fence(MODE_BARRIER);
        self.get()
    }
}
