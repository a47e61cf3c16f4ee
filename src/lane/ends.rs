//! A lane's two ends: of a ring on the heap, or of one in a file that outlives the process.

use super::heap;
use super::keep::Header;
use super::memory::LaneMemory;
use super::ring;
use super::view::LaneView;
use crate::sync::Arc;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// How far ahead of a frame the producer's core is told to fetch for writing: the words of the
/// bursts to come, which the drain has read.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const AHEAD_BYTES: usize = 320 * 8;
/// The same, of the calls to come: what was fetched for them before a pause may have left the
/// caches in it.
#[cfg(all(target_arch = "x86_64", not(miri)))]
const NEAR_BYTES: usize = 24 * 8;

/// The end that publishes. What a call looks at comes first, see [`Writer`](super::Writer).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Producer {
    ahead: Ahead,
    ring: Ring,
}

#[derive(Debug)]
enum Ring {
    Heap(heap::Producer),
    Mapped(ring::Producer<LaneMemory>),
}

/// Words from the tail on that lie together and were free at the last look at the ring: whoever
/// needs no more of them need not look again.
///
/// Invariant: `next` points to the ring's next word, and it and the `left - 1` words behind it are
/// free, unless `left` is 0.
#[derive(Debug)]
struct Ahead {
    next: NonNull<MaybeUninit<u64>>,
    left: usize,
}

// SAFETY: the pointer is used through the `Producer` alone, which one thread has at a time.
unsafe impl Send for Ahead {}

impl Ahead {
    const NONE: Self = Self { next: NonNull::dangling(), left: 0 };
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
    (Producer::new(Ring::Heap(producer)), Consumer::Heap(consumer))
}

/// As [`on_heap`], with a view of the ring for a signal's handler.
pub(crate) fn viewed(capacity: usize) -> (Producer, Consumer, Arc<LaneView>) {
    let (producer, consumer, view) = heap::viewed(capacity);
    (Producer::new(Ring::Heap(producer)), Consumer::Heap(consumer), view)
}

/// Both ends of a ring in new memory.
pub(crate) fn mapped(memory: Arc<LaneMemory>) -> (Producer, Consumer) {
    debug_assert_eq!(Arc::strong_count(&memory), 1);
    // SAFETY: the memory was just made, and nobody else has it.
    let (producer, consumer) = unsafe { ring::ring(memory) };
    (Producer::new(Ring::Mapped(producer)), Consumer::Mapped(consumer))
}

impl Producer {
    fn new(ring: Ring) -> Self {
        Self { ring, ahead: Ahead::NONE }
    }

    /// Whether a signal's handler has a view of the ring, which is not to be freed then.
    pub(crate) fn is_viewed(&self) -> bool {
        matches!(&self.ring, Ring::Heap(ring) if ring.header().is_some())
    }

    /// How far a ring is read and written out, if its records outlive the process.
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        match &self.ring {
            Ring::Heap(ring) => ring.header(),
            Ring::Mapped(ring) => Some(ring.memory().header()),
        }
    }

    /// The ring's size in words.
    pub(crate) fn capacity(&self) -> usize {
        match &self.ring {
            Ring::Heap(ring) => ring.capacity(),
            Ring::Mapped(ring) => ring.capacity(),
        }
    }

    /// Free words now.
    pub(crate) fn free(&self) -> usize {
        match &self.ring {
            Ring::Heap(ring) => ring.free(),
            Ring::Mapped(ring) => ring.free(),
        }
    }

    /// Where the consumer has given words back to, now.
    pub(crate) fn head(&self) -> u64 {
        match &self.ring {
            Ring::Heap(ring) => ring.head(),
            Ring::Mapped(ring) => ring.head(),
        }
    }

    /// Returns true if `words` words are free, wherever they lie.
    pub(crate) fn has(&mut self, words: usize) -> bool {
        match &mut self.ring {
            Ring::Heap(ring) => ring.has(words),
            Ring::Mapped(ring) => ring.has(words),
        }
    }

    /// Words up to the end of the memory, free or not.
    pub(crate) fn to_end(&self) -> usize {
        match &self.ring {
            Ring::Heap(ring) => ring.to_end(),
            Ring::Mapped(ring) => ring.to_end(),
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
        // The tail moves.
        self.look_away();
        let space = match &mut self.ring {
            Ring::Heap(ring) => ring.space(words, margin),
            Ring::Mapped(ring) => ring.space(words, margin),
        };
        let Some(space) = space else { return false };
        fill(space);
        // SAFETY: `fill` wrote every word of the space, as the caller promises.
        unsafe { self.ring.publish(words) };
        true
    }

    /// Looks how many words [`write_ahead`](Self::write_ahead) may write so that at least `margin`
    /// stay free.
    pub(crate) fn look_ahead(&mut self, margin: usize) {
        let words = self.free().saturating_sub(margin).min(self.to_end());
        let space = match &mut self.ring {
            Ring::Heap(ring) => ring.space(words, margin),
            Ring::Mapped(ring) => ring.space(words, margin),
        };
        self.ahead = match space {
            Some(space) => Ahead { next: NonNull::from(&mut *space).cast(), left: space.len() },
            None => Ahead::NONE,
        };
    }

    /// Has [`write_ahead`](Self::write_ahead) refuse until the next look.
    pub(crate) fn look_away(&mut self) {
        self.ahead = Ahead::NONE;
    }

    /// As [`write`](Self::write), in the words that the latest look found, of which it leaves
    /// `margin`.
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn write_ahead(
        &mut self,
        words: usize,
        margin: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u64>]),
    ) -> bool {
        let Ahead { next, left } = self.ahead;
        if words + margin > left {
            return false;
        }
        fetch_ahead(next);
        // SAFETY: there are `left` words at `next`, which are free: nobody else touches them
        // before they are published.
        fill(unsafe { std::slice::from_raw_parts_mut(next.as_ptr(), words) });
        // SAFETY: not beyond the `left` words, and `fill` wrote these, as the caller promises.
        unsafe {
            self.ahead = Ahead { next: next.add(words), left: left - words };
            self.ring.publish(words);
        }
        true
    }
}

impl Ring {
    /// Publishes the next `words` words.
    ///
    /// # Safety
    ///
    /// They are among those that the latest `space` gave, and each of them has been written.
    #[inline(always)]
    unsafe fn publish(&mut self, words: usize) {
        match self {
            // SAFETY: as the caller promises.
            Self::Heap(ring) => unsafe { ring.publish(words) },
            // SAFETY: as above.
            Self::Mapped(ring) => unsafe { ring.publish(words) },
        }
    }
}

/// Fetches the cache lines that the frames to come will be written to, if that is cheap to ask for.
/// The drain has read them, and getting them back is most of what a call costs. Hints: the
/// addresses need not even exist.
#[inline(always)]
fn fetch_ahead(of: NonNull<MaybeUninit<u64>>) {
    // SAFETY: the instructions change nothing but caches, and never fault; processors without them
    // take them for no-ops.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!(
            "prefetchw [{of} + {near}]",
            "prefetchw [{of} + {ahead}]",
            of = in(reg) of.as_ptr(),
            near = const NEAR_BYTES,
            ahead = const AHEAD_BYTES,
            options(nostack, preserves_flags, readonly),
        );
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = of;
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
