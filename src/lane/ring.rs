//! The ring itself: one producer, one consumer, 64-bit words, whatever memory they lie in.
//!
//! Positions count the words since the ring was made and never wrap; a word lies at its position
//! modulo the capacity. Each end keeps its own position to itself and remembers the other's, so
//! that the other's cache line is looked at only when what is remembered does not suffice.
//!
//! The memory is another process's too where lanes are mapped: what the tail says is all that a
//! reader goes by, and it moves after the words are in place. Model: `models/ring.rs`.

use crate::sync::{Arc, AtomicU64, Ordering};
use std::cell::Cell;
use std::mem::MaybeUninit;

/// Pairs with [`SEE_PUBLISHED`]: a consumer that sees the tail sees the words before it.
/// Model: `words_arrive_whole_and_in_order`.
const PUBLISH: Ordering = Ordering::Release;
/// Pairs with [`PUBLISH`].
const SEE_PUBLISHED: Ordering = Ordering::Acquire;

/// Pairs with [`SEE_RELEASED`]: a producer that sees the head writes after the consumer has read.
/// Model: `words_arrive_whole_and_in_order`.
const RELEASE: Ordering = Ordering::Release;
/// Pairs with [`RELEASE`].
const SEE_RELEASED: Ordering = Ordering::Acquire;

/// Where a ring lies.
///
/// # Safety
///
/// `words` points to `capacity` words (a power of two, the same each time) that live as long as
/// the value, at one address, and are touched by nobody but the ring's two ends; `head` and `tail`
/// are two marks at one address each, changed by nobody else while both ends live.
pub(crate) unsafe trait Memory {
    /// The first word.
    fn words(&self) -> *mut u64;
    /// How many words there are.
    fn capacity(&self) -> usize;
    /// Where the consumer has given words back to.
    fn head(&self) -> &AtomicU64;
    /// Where the producer has published to.
    fn tail(&self) -> &AtomicU64;
    /// The next steps may write words here; for the models.
    #[inline(always)]
    fn note_write(&self, _at: usize, _count: usize) {}
    /// The next steps may read words here; for the models.
    #[inline(always)]
    fn note_read(&self, _at: usize, _count: usize) {}
}

/// The end that publishes.
#[derive(Debug)]
pub(crate) struct Producer<M: Memory> {
    memory: Arc<M>,
    words: *mut u64,
    capacity: usize,
    /// Published to here.
    tail: u64,
    /// The head as seen last.
    head: u64,
}

/// The end that takes.
#[derive(Debug)]
pub(crate) struct Consumer<M: Memory> {
    memory: Arc<M>,
    words: *mut u64,
    capacity: usize,
    /// Given back to here.
    head: u64,
    /// The tail as seen last.
    tail: Cell<u64>,
}

// SAFETY: the pointer is that of `memory`, which both ends may use from any thread; each end is
// used by one thread at a time, as `&mut` and the lack of `Sync` on `Cell` see to.
unsafe impl<M: Memory + Send + Sync> Send for Producer<M> {}
// SAFETY: as above.
unsafe impl<M: Memory + Send + Sync> Send for Consumer<M> {}

/// Makes both ends of a ring that begins where its memory's marks stand.
///
/// # Safety
///
/// No other end of the same kind is in use on this memory.
pub(crate) unsafe fn ring<M: Memory>(memory: Arc<M>) -> (Producer<M>, Consumer<M>) {
    let (words, capacity) = (memory.words(), memory.capacity());
    let (head, tail) = (memory.head().load(SEE_RELEASED), memory.tail().load(SEE_PUBLISHED));
    let producer = Producer { memory: memory.clone(), words, capacity, tail, head };
    (producer, Consumer { memory, words, capacity, head, tail: Cell::new(tail) })
}

impl<M: Memory> Producer<M> {
    /// The ring's size in words.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory that the ring lies in.
    pub(crate) fn memory(&self) -> &Arc<M> {
        &self.memory
    }

    /// Free words now.
    pub(crate) fn free(&self) -> usize {
        self.free_before(self.head())
    }

    /// Where the consumer has given words back to, now.
    pub(crate) fn head(&self) -> u64 {
        self.memory.head().load(SEE_RELEASED)
    }

    #[inline(always)]
    fn free_before(&self, head: u64) -> usize {
        self.capacity - self.tail.wrapping_sub(head) as usize
    }

    /// Returns true if `words` words are free, wherever they lie.
    #[inline(always)]
    pub(crate) fn has(&mut self, words: usize) -> bool {
        if self.free_before(self.head) >= words {
            return true;
        }
        self.head = self.memory.head().load(SEE_RELEASED);
        self.free_before(self.head) >= words
    }

    /// Words up to the end of the memory, free or not.
    #[inline(always)]
    pub(crate) fn to_end(&self) -> usize {
        self.capacity - self.place()
    }

    #[inline(always)]
    fn place(&self) -> usize {
        self.tail as usize & (self.capacity - 1)
    }

    /// The next `words` words, if they lie together and `margin` more are free.
    #[inline(always)]
    pub(crate) fn space(&mut self, words: usize, margin: usize) -> Option<&mut [MaybeUninit<u64>]> {
        if !self.has(words + margin) || self.to_end() < words {
            return None;
        }
        let at = self.place();
        self.memory.note_write(at, words);
        // SAFETY: the words lie within the memory, for `to_end` is at least `words`; they are
        // free, so that the consumer does not touch them before they are published, and the
        // borrow of `self` keeps everybody else off.
        Some(unsafe { std::slice::from_raw_parts_mut(self.words.add(at).cast(), words) })
    }

    /// Publishes the next `words` words.
    ///
    /// # Safety
    ///
    /// They are among those that the latest [`space`](Self::space) gave, and each of them has been
    /// written.
    #[inline(always)]
    pub(crate) unsafe fn publish(&mut self, words: usize) {
        self.tail = self.tail.wrapping_add(words as u64);
        self.memory.tail().store(self.tail, PUBLISH);
    }
}

impl<M: Memory> Consumer<M> {
    /// The ring's size in words.
    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    /// The memory that the ring lies in.
    pub(crate) fn memory(&self) -> &Arc<M> {
        &self.memory
    }

    /// Given back to here.
    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    /// Published to here: a look at the producer's cache line.
    pub(crate) fn tail(&self) -> u64 {
        let tail = self.memory.tail().load(SEE_PUBLISHED);
        self.tail.set(tail);
        tail
    }

    /// The words between two positions: those up to the end of the memory, then those from its
    /// beginning. Nothing if they are not published, or given back already.
    #[inline]
    pub(crate) fn words(&self, from: u64, to: u64) -> (&[u64], &[u64]) {
        let length = to.wrapping_sub(from) as usize;
        let back = from.wrapping_sub(self.head) as usize;
        let fits = |tail: u64| back + length <= tail.wrapping_sub(self.head) as usize;
        if back > self.capacity
            || length > self.capacity
            || !(fits(self.tail.get()) || fits(self.tail()))
        {
            return (&[], &[]);
        }
        let at = from as usize & (self.capacity - 1);
        let first = length.min(self.capacity - at);
        self.memory.note_read(at, first);
        self.memory.note_read(0, length - first);
        // SAFETY: both ranges lie within the memory and between head and tail: they were written
        // before the tail moved, and the producer leaves them alone until the head moves, which
        // takes `&mut self`.
        unsafe {
            (
                std::slice::from_raw_parts(self.words.add(at), first),
                std::slice::from_raw_parts(self.words, length - first),
            )
        }
    }

    /// Gives everything before `position` back to the producer.
    pub(crate) fn release(&mut self, position: u64) {
        debug_assert!(position.wrapping_sub(self.head) <= self.tail.get().wrapping_sub(self.head));
        self.head = position;
        self.memory.head().store(position, RELEASE);
    }
}
