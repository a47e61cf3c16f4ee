//! Handing things over to the drain: new lanes, requests, installed generations.
//!
//! A queue behind a mutex and a flag that lets the drain look without locking. What is taken is
//! decided under the mutex; the flag saves locking it while nothing waits, so it needs no order
//! of its own. Model: `what_is_handed_over_arrives_once_and_in_order`.

use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use std::collections::VecDeque;

/// A hand-over queue.
#[derive(Debug)]
pub(crate) struct Intake<T> {
    waiting: AtomicBool,
    queue: Mutex<VecDeque<T>>,
}

impl<T> Intake<T> {
    pub(crate) fn new() -> Self {
        Self { waiting: AtomicBool::new(false), queue: Mutex::new(VecDeque::new()) }
    }

    /// Adds an item; the drain finds it at its next look.
    pub(crate) fn push(&self, item: T) {
        let mut queue = lock(&self.queue);
        queue.push_back(item);
        self.waiting.store(true, Ordering::Relaxed);
    }

    /// Returns true if something waits: one load.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes everything that waits, as far as the flag tells: what another thread pushed a moment
    /// ago may be found at the next look.
    pub(crate) fn take(&self) -> VecDeque<T> {
        if self.is_waiting() { self.take_surely() } else { VecDeque::new() }
    }

    /// Takes everything that waits, whatever the flag tells: for a taker who holds proof that
    /// something was pushed. The proof need not be a synchronising edge: what came after the push
    /// cannot be seen before the mutex was let go. Model: `a_frame_finds_its_generation`.
    #[cold]
    pub(crate) fn take_surely(&self) -> VecDeque<T> {
        let mut queue = lock(&self.queue);
        self.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }
}
