//! Where a lane's ring lies: on the heap, or in a file that outlives the process.

use super::keep::{HEAD, HEADER_WORDS, Header, TAIL};
use super::ring::{self, Memory};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::sys::SharedMap;
use crossbeam_utils::CachePadded;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::ptr::NonNull;

/// A lane's ends.
pub(crate) type Producer = ring::Producer<LaneMemory>;
/// A lane's ends.
pub(crate) type Consumer = ring::Consumer<LaneMemory>;

/// The ends' marks, each on cache lines of its own.
#[derive(Debug, Default)]
struct Marks {
    head: CachePadded<AtomicU64>,
    tail: CachePadded<AtomicU64>,
}

#[derive(Debug)]
enum Backing {
    Heap(NonNull<Marks>),
    /// The mapping, and the file that goes when the ring does and is empty.
    Mapped(SharedMap, PathBuf),
}

/// The memory of one ring.
#[derive(Debug)]
pub(crate) struct LaneMemory {
    words: NonNull<u64>,
    capacity: usize,
    head: NonNull<AtomicU64>,
    tail: NonNull<AtomicU64>,
    backing: Backing,
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
        // SAFETY: the marks were made just now; both references end within these lines.
        let (head, tail) =
            unsafe { (NonNull::from(&*marks.as_ref().head), NonNull::from(&*marks.as_ref().tail)) };
        Arc::new(Self { words, capacity, head, tail, backing: Backing::Heap(marks) })
    }

    /// A new file's memory: a header, then `capacity` words, a power of two.
    pub(crate) fn mapped(map: SharedMap, capacity: usize, path: PathBuf) -> Arc<Self> {
        assert!(capacity.is_power_of_two() && map.len() == HEADER_WORDS + capacity);
        let mark = |at: usize| NonNull::from(&map.words(at, 1)[0]);
        let (head, tail) = (mark(HEAD), mark(TAIL));
        // SAFETY: the mapping is longer than the header, and no mapping begins at address 0.
        let words = unsafe { NonNull::new_unchecked(map.start().add(HEADER_WORDS)) };
        Arc::new(Self { words, capacity, head, tail, backing: Backing::Mapped(map, path) })
    }

    /// The memory of a lane that a dead process left; `None` if nobody used it, or it is none.
    pub(crate) fn inherited(map: SharedMap, path: PathBuf) -> Option<Arc<Self>> {
        if map.len() <= HEADER_WORDS {
            return None;
        }
        let capacity = Header::new(map.words(0, HEADER_WORDS)).capacity()?;
        (map.len() == HEADER_WORDS + capacity).then(|| Self::mapped(map, capacity, path))
    }

    /// What stands before the words of a lane that outlives its process.
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        match &self.backing {
            Backing::Heap(_) => None,
            Backing::Mapped(map, _) => Some(Header::new(map.words(0, HEADER_WORDS))),
        }
    }

    /// Both ends of a ring on this memory, of which the producing one is not to be used: its words
    /// are read from `position` on.
    pub(crate) fn reader(self: &Arc<Self>, position: u64) -> Option<Consumer> {
        let tail = self.tail().load(Ordering::Acquire);
        let length = tail.checked_sub(position)?;
        if length > self.capacity as u64 {
            return None;
        }
        self.head().store(position, Ordering::Relaxed);
        // SAFETY: the process whose ends these were is dead, and whoever inherits a lane makes one
        // reader of it.
        Some(unsafe { ring::ring(self.clone()) }.1)
    }
}

impl Drop for LaneMemory {
    fn drop(&mut self) {
        match &self.backing {
            Backing::Heap(marks) => {
                let words = self.words.cast::<MaybeUninit<u64>>();
                let words = NonNull::slice_from_raw_parts(words, self.capacity);
                // SAFETY: both came from boxes of just these types and length, and the ends, which
                // share this value's ownership, are gone.
                unsafe {
                    drop(Box::from_raw(words.as_ptr()));
                    drop(Box::from_raw(marks.as_ptr()));
                }
            }
            Backing::Mapped(_, path) => {
                if self.head().load(Ordering::Relaxed) == self.tail().load(Ordering::Relaxed) {
                    let _ = std::fs::remove_file(path);
                }
            }
        }
    }
}

// SAFETY: words and marks lie at one address as long as the value lives; `LaneMemory` touches them
// itself only when it begins and ends. Another process that has the file mapped touches it only
// when this one is dead.
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
        // SAFETY: the mark lives as long as `self`, and is only ever shared.
        unsafe { self.head.as_ref() }
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        // SAFETY: as above.
        unsafe { self.tail.as_ref() }
    }
}

/// Makes both ends of a ring on new memory.
pub(crate) fn new_ring(memory: Arc<LaneMemory>) -> (Producer, Consumer) {
    debug_assert_eq!(Arc::strong_count(&memory), 1);
    // SAFETY: the memory was just made, and nobody else has it.
    unsafe { ring::ring(memory) }
}
