//! A lane's two ends: of a ring on the heap, or of one in a file that outlives the process.

use super::heap;
use super::keep::Header;
use super::memory::LaneMemory;
use super::ring;
use super::view::LaneView;
use crate::sync::Arc;
use std::mem::MaybeUninit;

/// The end that publishes.
#[derive(Debug)]
pub(crate) enum Producer {
    Heap(heap::Producer),
    Mapped(ring::Producer<LaneMemory>),
}

/// The end that takes. Positions count the words since the ring was made.
#[derive(Debug)]
pub(crate) enum Consumer {
    Heap(heap::Consumer),
    Mapped(ring::Consumer<LaneMemory>),
}

/// Both ends of a new ring on the heap, for `capacity` words, a power of two.
pub(crate) fn on_heap(capacity: usize) -> (Producer, Consumer) {
    let (producer, consumer) = heap::ring(capacity);
    (Producer::Heap(producer), Consumer::Heap(consumer))
}

/// As [`on_heap`], with a view of the ring for a signal's handler.
pub(crate) fn viewed(capacity: usize) -> (Producer, Consumer, Arc<LaneView>) {
    let (producer, consumer, view) = heap::viewed(capacity);
    (Producer::Heap(producer), Consumer::Heap(consumer), view)
}

/// Both ends of a ring in new memory.
pub(crate) fn mapped(memory: Arc<LaneMemory>) -> (Producer, Consumer) {
    debug_assert_eq!(Arc::strong_count(&memory), 1);
    // SAFETY: the memory was just made, and nobody else has it.
    let (producer, consumer) = unsafe { ring::ring(memory) };
    (Producer::Mapped(producer), Consumer::Mapped(consumer))
}

impl Producer {
    /// Whether a signal's handler has a view of the ring, which is not to be freed then.
    pub(crate) fn is_viewed(&self) -> bool {
        matches!(self, Self::Heap(ring) if ring.header().is_some())
    }

    /// How far a ring is read and written out, if its records outlive the process.
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        match self {
            Self::Heap(ring) => ring.header(),
            Self::Mapped(ring) => Some(ring.memory().header()),
        }
    }

    /// The ring's size in words.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Heap(ring) => ring.capacity(),
            Self::Mapped(ring) => ring.capacity(),
        }
    }

    /// Free words now.
    pub(crate) fn free(&self) -> usize {
        match self {
            Self::Heap(ring) => ring.free(),
            Self::Mapped(ring) => ring.free(),
        }
    }

    /// Where the consumer has given words back to, now.
    pub(crate) fn head(&self) -> u64 {
        match self {
            Self::Heap(ring) => ring.head(),
            Self::Mapped(ring) => ring.head(),
        }
    }

    /// Returns true if `words` words are free, wherever they lie.
    #[inline(always)]
    pub(crate) fn has(&mut self, words: usize) -> bool {
        match self {
            Self::Heap(ring) => ring.has(words),
            Self::Mapped(ring) => ring.has(words),
        }
    }

    /// Words up to the end of the memory, free or not.
    pub(crate) fn to_end(&self) -> usize {
        match self {
            Self::Heap(ring) => ring.to_end(),
            Self::Mapped(ring) => ring.to_end(),
        }
    }

    /// Lends the next `words` words and publishes them, if they lie together and `margin` more are
    /// free. False: nothing has happened.
    ///
    /// # Safety
    ///
    /// `fill` writes every word that it is lent.
    #[inline(always)]
    pub(crate) unsafe fn write(
        &mut self,
        words: usize,
        margin: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u64>]),
    ) -> bool {
        match self {
            // SAFETY: as the caller promises.
            Self::Heap(ring) => unsafe { ring.write(words, margin, fill) },
            // SAFETY: as above.
            Self::Mapped(ring) => unsafe { write_mapped(ring, words, margin, fill) },
        }
    }
}

/// As [`Producer::write`], in a ring that outlives the process.
///
/// # Safety
///
/// As [`Producer::write`]: `fill` writes every word that it is lent.
#[inline(always)]
pub(super) unsafe fn write_mapped(
    ring: &mut ring::Producer<LaneMemory>,
    words: usize,
    margin: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u64>]),
) -> bool {
    let Some(space) = ring.space(words, margin) else { return false };
    heap::fetch_ahead(space.as_ptr());
    fill(space);
    // SAFETY: `fill` wrote every word of `space`, as the caller promises.
    unsafe { ring.publish(words) };
    true
}

impl Consumer {
    /// How far a ring is read and written out, if its records outlive the process.
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        match self {
            Self::Heap(ring) => ring.header(),
            Self::Mapped(ring) => Some(ring.memory().header()),
        }
    }

    /// The ring's size in words.
    pub(crate) fn capacity(&self) -> usize {
        match self {
            Self::Heap(ring) => ring.capacity(),
            Self::Mapped(ring) => ring.capacity(),
        }
    }

    /// Given back to here.
    pub(crate) fn head(&self) -> u64 {
        match self {
            Self::Heap(ring) => ring.head(),
            Self::Mapped(ring) => ring.head(),
        }
    }

    /// Where the memory says that it was given back to: by another process, if that reads the ring.
    pub(crate) fn head_now(&self) -> u64 {
        match self {
            Self::Heap(ring) => ring.head(),
            Self::Mapped(ring) => ring.memory().head_now(),
        }
    }

    /// Published to here: a look at the producer's cache line.
    pub(crate) fn tail(&self) -> u64 {
        match self {
            Self::Heap(ring) => ring.tail(),
            Self::Mapped(ring) => ring.tail(),
        }
    }

    /// Lends the words between two positions: those up to the end of the memory, then those from
    /// its beginning. Nothing if they are not published, or given back already.
    #[inline(always)]
    pub(crate) fn with_words<R>(
        &mut self,
        from: u64,
        to: u64,
        then: impl FnOnce(&[u64], &[u64]) -> R,
    ) -> R {
        match self {
            Self::Heap(ring) => ring.with_words(from, to, then),
            Self::Mapped(ring) => {
                let (first, second) = ring.words(from, to);
                then(first, second)
            }
        }
    }

    /// Gives everything before `position` back to the producer.
    pub(crate) fn release(&mut self, position: u64) {
        match self {
            Self::Heap(ring) => ring.release(position),
            Self::Mapped(ring) => ring.release(position),
        }
    }
}
