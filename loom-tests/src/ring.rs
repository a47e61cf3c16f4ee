//! A ring that never wraps, with the lanes' two edges and a checked cell for each word.
//!
//! NOTE: each end knows its own position and only stores it. A load before the store would hide
//! the other end's load from loom's search, which remembers one access of each kind, and orders
//! of steps would go unseen.

use crate::sync::{Arc, AtomicUsize, Ordering};
use loom::cell::UnsafeCell;

struct Shared {
    words: Vec<UnsafeCell<u64>>,
    tail: AtomicUsize,
    head: AtomicUsize,
}

/// The end that publishes.
pub(crate) struct Producer {
    shared: Arc<Shared>,
    tail: usize,
}

/// The end that takes.
pub(crate) struct Consumer {
    shared: Arc<Shared>,
    head: usize,
}

pub(crate) fn ring(capacity: usize) -> (Producer, Consumer) {
    let shared = Arc::new(Shared {
        words: (0..capacity).map(|_| UnsafeCell::new(0)).collect(),
        tail: AtomicUsize::new(0),
        head: AtomicUsize::new(0),
    });
    (Producer { shared: shared.clone(), tail: 0 }, Consumer { shared, head: 0 })
}

impl Producer {
    /// Publishes a word.
    pub(crate) fn push(&mut self, word: u64) {
        self.shared.words[self.tail].with_mut(|cell| store(cell, word));
        self.tail += 1;
        self.shared.tail.store(self.tail, Ordering::Release);
    }

    /// Words published and not yet released by the other end, as far as is known.
    pub(crate) fn len(&self) -> usize {
        self.tail - self.shared.head.load(Ordering::Acquire)
    }
}

impl Consumer {
    /// Takes a word if one is published.
    pub(crate) fn pop(&mut self) -> Option<u64> {
        if self.len() == 0 {
            return None;
        }
        let word = self.shared.words[self.head].with(load);
        self.head += 1;
        self.shared.head.store(self.head, Ordering::Release);
        Some(word)
    }

    /// Words published and not yet taken, as far as is known.
    pub(crate) fn len(&self) -> usize {
        self.shared.tail.load(Ordering::Acquire) - self.head
    }
}

#[allow(unsafe_code)]
fn store(cell: *mut u64, word: u64) {
    // SAFETY: loom hands out a pointer to the live cell, and fails the model if another thread
    // could touch it now.
    unsafe { *cell = word }
}

#[allow(unsafe_code)]
fn load(cell: *const u64) -> u64 {
    // SAFETY: as for `store`.
    unsafe { *cell }
}
