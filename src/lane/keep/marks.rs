//! What the two sides of a kept lane tell each other beside the ring: losses, the end, and, where
//! another process collects the lane, what that has taken and whether it is done.
//!
//! Each word has one writer. The producer publishes, then notes losses, then its end; the
//! collector asks in the reverse order: for the end, for the losses, then looks at the ring. So what
//! it finds then is all that there will be. Backwards it notes what it has taken and told, then
//! that it is done.

use crate::sync::{AtomicU64, Ordering};

/// Pairs with [`DROPPED_SEE`]: who sees a loss sees every frame published before it.
/// Model: `a_collector_sees_a_loss_after_what_was_published_before_it`.
const DROPPED_TELL: Ordering = Ordering::Release;
/// Pairs with [`DROPPED_TELL`].
const DROPPED_SEE: Ordering = Ordering::Acquire;

/// Pairs with [`END_SEE`]: a collector that sees the end sees every frame published before it.
/// Model: `a_collected_lane_that_has_ended_is_drained`.
const END_TELL: Ordering = Ordering::Release;
/// Pairs with [`END_TELL`].
const END_SEE: Ordering = Ordering::Acquire;

/// Pairs with [`TAKEN_SEE`]: who sees a record taken by the collector sees it published.
/// Model: `no_record_is_collected_before_it_is_published`.
const TAKEN_TELL: Ordering = Ordering::Release;
/// Pairs with [`TAKEN_TELL`].
const TAKEN_SEE: Ordering = Ordering::Acquire;

/// Pairs with [`DONE_SEE`]: who sees that the collector is done sees all that it has taken.
/// Model: `a_lane_that_is_done_with_is_booked_whole`.
const DONE_TELL: Ordering = Ordering::Release;
/// Pairs with [`DONE_TELL`].
const DONE_SEE: Ordering = Ordering::Acquire;

const AT_DROPPED: usize = 0;
const AT_ENDED: usize = 12;
const AT_DONE: usize = 13;
const AT_TAKEN: usize = 14;
const AT_TOLD: usize = 16;
/// Words that the marks take; a count for each of up to twelve classes of level.
pub(crate) const MARK_WORDS: usize = 28;

/// The marks of one lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Marks<'a, const CLASSES: usize> {
    words: &'a [AtomicU64],
}

impl<'a, const CLASSES: usize> Marks<'a, CLASSES> {
    pub(crate) fn new(words: &'a [AtomicU64]) -> Self {
        debug_assert!(words.len() >= MARK_WORDS && AT_DROPPED + CLASSES <= AT_ENDED);
        Self { words }
    }

    /// The lane begins: nothing is told.
    pub(crate) fn clear(self) {
        // Release: should the process die, a later word is never there without the earlier ones.
        self.words[..MARK_WORDS].iter().for_each(|word| word.store(0, Ordering::Release));
    }

    /// Notes all losses of the lane, by class.
    pub(crate) fn note_dropped(self, dropped: [u64; CLASSES]) {
        let words = &self.words[AT_DROPPED..];
        dropped.iter().zip(words).for_each(|(n, word)| word.store(*n, DROPPED_TELL));
    }

    /// Look at the ring after this to see what was published before the losses.
    pub(crate) fn dropped(self) -> [u64; CLASSES] {
        std::array::from_fn(|class| self.words[AT_DROPPED + class].load(DROPPED_SEE))
    }

    /// The producer has published its last frame.
    pub(crate) fn tell_end(self) {
        self.words[AT_ENDED].store(1, END_TELL);
    }

    /// Ask for this before the losses and before looking at the ring.
    pub(crate) fn has_ended(self) -> bool {
        self.words[AT_ENDED].load(END_SEE) != 0
    }

    /// Notes what the collector has taken, and which losses it has told, and has written.
    pub(crate) fn note_collected(self, taken: u64, told: [u64; CLASSES]) {
        self.words[AT_TAKEN].store(taken, TAKEN_TELL);
        let words = &self.words[AT_TOLD..];
        told.iter().zip(words).for_each(|(n, word)| word.store(*n, Ordering::Release));
    }

    /// Records that the collector has taken and written.
    pub(crate) fn taken(self) -> u64 {
        self.words[AT_TAKEN].load(TAKEN_SEE)
    }

    /// Losses that the collector has told.
    pub(crate) fn told(self) -> [u64; CLASSES] {
        std::array::from_fn(|class| self.words[AT_TOLD + class].load(Ordering::Acquire))
    }

    /// The collector is done with the lane, which has ended.
    pub(crate) fn tell_done(self) {
        self.words[AT_DONE].store(1, DONE_TELL);
    }

    /// Ask for this before what it has taken.
    pub(crate) fn is_done(self) -> bool {
        self.words[AT_DONE].load(DONE_SEE) != 0
    }
}
