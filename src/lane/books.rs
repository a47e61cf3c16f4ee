//! A lane's books and its end: what each side counts alone, and anyone may read.
//!
//! Counts have one writer each, so none needs a locked instruction. A record is counted as
//! published *before* it is published, and as taken after it was taken; one edge then makes the
//! identities hold for a reader on a third thread.
//!
//! The count that a call begins with serves its end, too. When the last records are to be taken,
//! the drain closes each lane's gate, has every thread pass a barrier, and reads the counts. A call
//! counts its record, then looks at the gate: so it is seen, and waited for, or it sees the gate
//! closed, takes its count back and goes the slow way, where it learns what is afoot.
//!
//! A drain that parks until somebody wakes it does the same first, so that calls look whether it
//! sleeps only then. A call that has met such a gate opens it by itself *before* it looks; a drain
//! that finds a gate open, after it has said that it sleeps, does not park.

use crate::sync::{AtomicBool, AtomicU64, AtomicUsize, Ordering, light_fence};

/// Pairs with [`TAKEN_SEE`]: a reader who sees a record taken sees it published.
/// Model: `no_record_is_taken_before_it_is_published`.
const TAKEN_TELL: Ordering = Ordering::Release;
/// Pairs with [`TAKEN_TELL`].
const TAKEN_SEE: Ordering = Ordering::Acquire;

/// Pairs with [`DROPPED_SEE`]: a drain that sees a loss sees every frame published before it.
/// Model: `a_loss_is_seen_after_what_was_published_before_it`.
const DROPPED_TELL: Ordering = Ordering::Release;
/// Pairs with [`DROPPED_TELL`].
const DROPPED_SEE: Ordering = Ordering::Acquire;

/// Pairs with [`END_SEE`]: a drain that sees the end sees every frame published before it.
/// Model: `an_ended_lane_is_drained`.
const END_TELL: Ordering = Ordering::Release;
/// Pairs with [`END_TELL`].
const END_SEE: Ordering = Ordering::Acquire;

/// Between a call's count and its look at the gate; the drain's barrier, between closing the gate
/// and reading the counts, is the one that costs. Pairs with it, by Dekker's argument.
/// Model: `a_call_is_seen_or_sees_the_gate`.
const CALL_BARRIER: Ordering = Ordering::SeqCst;

/// Words that a closed gate asks for beyond a frame's own: no ring has them.
const CLOSED: usize = usize::MAX / 4;
/// The same for a gate that is closed as long as the drain sleeps.
const PARKED: usize = CLOSED - 1;

/// The producer's side of a lane's books, by class of level. `attempted = published + dropped`.
///
/// What a call counts and the gate that it looks at lie in one cache line.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct ProducerBooks<const CLASSES: usize> {
    published: [AtomicU64; CLASSES],
    /// Words that a call asks for beyond what it needs: 0, [`CLOSED`] or [`PARKED`]. Only the drain
    /// closes it.
    gate: AtomicUsize,
    /// The drain looks at the losses after each batch; the counts above change with each call and
    /// stay on cache lines of their own.
    _apart: [u64; 16],
    dropped: [AtomicU64; CLASSES],
    /// Records longer than the limit, published cut.
    cut: AtomicU64,
}

impl<const CLASSES: usize> ProducerBooks<CLASSES> {
    pub(crate) fn new() -> Self {
        Self {
            published: std::array::from_fn(|_| AtomicU64::new(0)),
            gate: AtomicUsize::new(0),
            _apart: [0; 16],
            dropped: std::array::from_fn(|_| AtomicU64::new(0)),
            cut: AtomicU64::new(0),
        }
    }

    /// Counts a record that the next steps publish if the ring has room for it and as many words
    /// more as this returns.
    #[inline(always)]
    pub(crate) fn begin_call(&self, class: usize) -> usize {
        self.count_published(class);
        light_fence(CALL_BARRIER);
        self.gate.load(Ordering::Relaxed)
    }

    /// Takes the count of a call back that published nothing.
    pub(crate) fn take_back(&self, class: usize) {
        let count = &self.published[class];
        count.store(count.load(Ordering::Relaxed).wrapping_sub(1), Ordering::Relaxed);
    }

    /// Has calls that begin from now on go the slow way. Behind it, and before
    /// [`counted`](Self::counted), every thread has to pass a barrier.
    pub(crate) fn close_gate(&self) {
        self.gate.store(CLOSED, Ordering::Relaxed);
    }

    /// Lets calls go the fast way again.
    pub(crate) fn open_gate(&self) {
        self.gate.store(0, Ordering::Relaxed);
    }

    /// As [`close_gate`](Self::close_gate), until the drain is woken; a gate that is closed stays so.
    pub(crate) fn close_gate_to_park(&self) {
        let _ = self.gate.compare_exchange(0, PARKED, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Opens a gate that is closed because the drain sleeps. Whoever calls has to see to it that the
    /// drain is woken: the order is that of the barrier in [`Wake`](super::wake::Wake).
    pub(crate) fn open_parked_gate(&self) {
        let _ = self.gate.compare_exchange(PARKED, 0, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether calls go the fast way.
    pub(crate) fn is_gate_open(&self) -> bool {
        self.gate.load(Ordering::Relaxed) == 0
    }

    /// How many records are published, or are about to be.
    pub(crate) fn counted(&self) -> u64 {
        self.published().iter().sum()
    }

    /// Counts a record that the next step publishes.
    #[inline(always)]
    pub(crate) fn count_published(&self, class: usize) {
        add(&self.published[class], Ordering::Relaxed);
    }

    /// Counts a record that is not published.
    pub(crate) fn count_dropped(&self, class: usize) {
        add(&self.dropped[class], DROPPED_TELL);
    }

    /// Counts a record that is published cut.
    pub(crate) fn count_cut(&self) {
        add(&self.cut, Ordering::Relaxed);
    }

    pub(crate) fn published(&self) -> [u64; CLASSES] {
        self.published.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Look at the ring after this to see what was published before the losses.
    pub(crate) fn dropped(&self) -> [u64; CLASSES] {
        self.dropped.each_ref().map(|count| count.load(DROPPED_SEE))
    }

    pub(crate) fn cut(&self) -> u64 {
        self.cut.load(Ordering::Relaxed)
    }
}

/// The drain's side of a lane's books: how many records it has taken.
#[derive(Debug)]
pub(crate) struct Taken(AtomicU64);

impl Taken {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Tells how many records the drain has taken from the ring since the lane began.
    #[inline]
    pub(crate) fn tell(&self, total: u64) {
        self.0.store(total, TAKEN_TELL);
    }

    /// Ask for this before the published ones.
    pub(crate) fn get(&self) -> u64 {
        self.0.load(TAKEN_SEE)
    }
}

/// Whether the producer has gone.
#[derive(Debug)]
pub(crate) struct End(AtomicBool);

impl End {
    pub(crate) fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The producer has published its last frame.
    pub(crate) fn tell(&self) {
        self.0.store(true, END_TELL);
    }

    /// Ask *before* looking at the ring: what is in it then is all there will be.
    pub(crate) fn is_told(&self) -> bool {
        self.0.load(END_SEE)
    }
}

/// Adds to a count that only one thread writes: no locked instruction.
#[inline(always)]
fn add(count: &AtomicU64, tell: Ordering) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(1), tell);
}
