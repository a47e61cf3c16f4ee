//! Handing things over to the drain: new lanes, requests, installed generations.
//!
//! A queue behind a mutex and a flag that lets the drain look without locking. The flag is only a
//! hint for speed: what is taken is decided under the mutex.

use crate::sync::{AtomicBool, Mutex, Ordering, lock};
use std::collections::VecDeque;

/// Pairs with [`TAKE`]: a drain that sees the flag finds the queue's mutex as the pusher left it.
/// Model: `what_is_handed_over_arrives_once_and_in_order`.
const PUSH: Ordering = Ordering::Release;
/// Pairs with [`PUSH`].
const TAKE: Ordering = Ordering::Acquire;

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
        self.waiting.store(true, PUSH);
    }

    /// Returns true if something waits: one load.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(TAKE)
    }

    /// Takes everything that waits.
    pub(crate) fn take(&self) -> VecDeque<T> {
        if !self.is_waiting() {
            return VecDeque::new();
        }
        let mut queue = lock(&self.queue);
        self.waiting.store(false, Ordering::Relaxed);
        std::mem::take(&mut *queue)
    }
}
