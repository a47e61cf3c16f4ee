//! Where a lane's ring lies.

use super::ring::{self, Memory};
use crate::sync::{Arc, AtomicU64};
use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// A lane's ends.
pub(crate) type Producer = ring::Producer<LaneMemory>;
/// A lane's ends.
pub(crate) type Consumer = ring::Consumer<LaneMemory>;

/// The ends' marks, each on cache lines of its own.
#[derive(Debug, Default)]
#[repr(C)]
pub(crate) struct Marks {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU64>,
}

/// The memory of one ring.
#[derive(Debug)]
pub(crate) struct LaneMemory {
    words: NonNull<u64>,
    capacity: usize,
    marks: NonNull<Marks>,
}

// SAFETY: plain memory and atomics; who may touch which words when is the ring's protocol.
unsafe impl Send for LaneMemory {}
// SAFETY: as above.
unsafe impl Sync for LaneMemory {}

impl LaneMemory {
    /// Memory of the heap for `capacity` words, a power of two.
    pub(crate) fn on_heap(capacity: usize) -> Arc<Self> {
        assert!(capacity.is_power_of_two());
        let words: Box<[MaybeUninit<u64>]> = Box::new_uninit_slice(capacity);
        let words = NonNull::from(Box::leak(words)).cast();
        let marks = NonNull::from(Box::leak(Box::<Marks>::default()));
        Arc::new(Self { words, capacity, marks })
    }

    fn marks(&self) -> &Marks {
        // SAFETY: the marks live as long as `self` and are only ever shared.
        unsafe { self.marks.as_ref() }
    }
}

impl Drop for LaneMemory {
    fn drop(&mut self) {
        let words =
            NonNull::slice_from_raw_parts(self.words.cast::<MaybeUninit<u64>>(), self.capacity);
        // SAFETY: both came from boxes of just these types and length, and the ends, which share
        // this value's ownership, are gone.
        unsafe {
            drop(Box::from_raw(words.as_ptr()));
            drop(Box::from_raw(self.marks.as_ptr()));
        }
    }
}

// SAFETY: the words and marks lie at one address as long as the value lives; `LaneMemory` touches
// them itself only when it ends.
unsafe impl Memory for LaneMemory {
    #[inline(always)]
    fn words(&self) -> *mut u64 {
        self.words.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        &self.marks().head
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        &self.marks().tail
    }
}

/// Makes both ends of a ring on new memory.
pub(crate) fn new_ring(memory: Arc<LaneMemory>) -> (Producer, Consumer) {
    debug_assert_eq!(Arc::strong_count(&memory), 1);
    // SAFETY: the memory was just made, and nobody else has it.
    unsafe { ring::ring(memory) }
}
