//! A lane's ring on the heap: rtrb's, with its two positions counted on.
//!
//! rtrb keeps its positions to itself; lanes need them (what a flush waits for, when the head has
//! moved), so each end counts what it publishes and gives back.

use super::keep::Header;
use super::view::LaneView;
use crate::sync::Arc;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// Words ahead of a frame that the producer's core is told to fetch for writing: those of a burst
/// to come.
const AHEAD: usize = 320;

/// The end that publishes.
#[derive(Debug)]
pub(crate) struct Producer {
    ring: rtrb::Producer<u64>,
    capacity: usize,
    /// Published to here.
    tail: u64,
    view: Option<Arc<LaneView>>,
}

/// The end that takes.
#[derive(Debug)]
pub(crate) struct Consumer {
    ring: rtrb::Consumer<u64>,
    capacity: usize,
    /// Given back to here.
    head: u64,
    view: Option<Arc<LaneView>>,
}

/// Makes both ends of a ring for `capacity` words, a power of two. Its memory is touched.
pub(crate) fn ring(capacity: usize) -> (Producer, Consumer) {
    let (producer, consumer, _) = make(capacity);
    (producer, consumer)
}

/// As [`ring`], with a view of it for a signal's handler. The view must not be used when both ends
/// are gone.
pub(crate) fn viewed(capacity: usize) -> (Producer, Consumer, Arc<LaneView>) {
    let (mut producer, mut consumer, words) = make(capacity);
    let view = Arc::new(LaneView::new(&consumer.ring, words, capacity));
    producer.view = Some(view.clone());
    consumer.view = Some(view.clone());
    (producer, consumer, view)
}

fn make(capacity: usize) -> (Producer, Consumer, NonNull<u64>) {
    /// A page, at least.
    const PAGE_WORDS: usize = 4096 / 8;
    assert!(capacity.is_power_of_two());
    let (mut producer, consumer) = rtrb::RingBuffer::new(capacity);
    let mut words = NonNull::dangling();
    // First-touch page faults are the real tail of a fresh ring: take them now.
    if let Ok(mut chunk) = producer.write_chunk_uninit(capacity) {
        let all = chunk.as_mut_slices().0;
        words = NonNull::from(&mut *all).cast();
        for page in all.chunks_mut(PAGE_WORDS) {
            page[0].write(0);
        }
    }
    let producer = Producer { ring: producer, capacity, tail: 0, view: None };
    (producer, Consumer { ring: consumer, capacity, head: 0, view: None }, words)
}

impl Producer {
    /// How far a viewed ring is read and written out.
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        self.view.as_ref().map(|view| view.header())
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn free(&self) -> usize {
        self.ring.slots()
    }

    pub(crate) fn head(&self) -> u64 {
        self.tail.wrapping_sub((self.capacity - self.free()) as u64)
    }

    #[inline(always)]
    pub(crate) fn has(&mut self, words: usize) -> bool {
        self.ring.write_chunk_uninit(words).is_ok()
    }

    #[inline(always)]
    pub(crate) fn to_end(&self) -> usize {
        self.capacity - (self.tail as usize & (self.capacity - 1))
    }

    /// As [`super::ends::Producer::write`].
    ///
    /// # Safety
    ///
    /// As there.
    #[inline(always)]
    pub(crate) unsafe fn write(
        &mut self,
        words: usize,
        margin: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u64>]),
    ) -> bool {
        let Ok(mut chunk) = self.ring.write_chunk_uninit(words + margin) else { return false };
        let Some(space) = chunk.as_mut_slices().0.get_mut(..words) else { return false };
        fetch_ahead(space.as_ptr());
        fill(space);
        // SAFETY: `fill` wrote every word of `space`, as it promises, the first of the chunk.
        unsafe { chunk.commit(words) };
        self.tail = self.tail.wrapping_add(words as u64);
        true
    }
}

/// Fetches the cache line that the frames to come will be written to, if that is cheap to ask for.
/// The drain has read it, and getting it back is most of what a call costs. A hint: the address
/// need not even exist.
#[inline(always)]
pub(super) fn fetch_ahead(of: *const MaybeUninit<u64>) {
    let at = of.wrapping_add(AHEAD);
    // SAFETY: the instruction changes nothing but caches, and never faults; processors without it
    // take it for a no-op.
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    unsafe {
        std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}

impl Consumer {
    /// As [`Producer::header`].
    pub(crate) fn header(&self) -> Option<Header<'_>> {
        self.view.as_ref().map(|view| view.header())
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn tail(&self) -> u64 {
        self.head.wrapping_add(self.ring.slots() as u64)
    }

    /// As [`super::ends::Consumer::with_words`].
    #[inline(always)]
    pub(crate) fn with_words<R>(
        &mut self,
        from: u64,
        to: u64,
        then: impl FnOnce(&[u64], &[u64]) -> R,
    ) -> R {
        let (skip, length) = (from.wrapping_sub(self.head), to.wrapping_sub(self.head));
        let (skip, length) = (skip as usize, length as usize);
        if skip > length {
            return then(&[], &[]);
        }
        match self.ring.read_chunk(length) {
            Ok(chunk) => match chunk.as_slices() {
                (first, second) if skip < first.len() => then(&first[skip..], second),
                (first, second) => then(&second[skip - first.len()..], &[]),
            },
            Err(_) => then(&[], &[]),
        }
    }

    pub(crate) fn release(&mut self, position: u64) {
        let words = position.wrapping_sub(self.head) as usize;
        if let Ok(chunk) = self.ring.read_chunk(words) {
            if let Some(view) = &self.view {
                // Before the producer may write there.
                view.set_head(position);
            }
            chunk.commit_all();
            self.head = position;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(producer: &mut Producer, words: &[u64]) -> bool {
        // SAFETY: every word is written.
        unsafe {
            producer.write(words.len(), 0, |space| {
                for (slot, word) in space.iter_mut().zip(words) {
                    slot.write(*word);
                }
            })
        }
    }

    #[test]
    fn a_view_sees_what_is_published_and_not_given_back() {
        let (mut producer, mut consumer, view) = viewed(8);
        for turn in 0..100u64 {
            let at = turn * 3;
            for word in at..at + 3 {
                assert!(push(&mut producer, &[word]));
            }
            assert_eq!(view.range(), (at, at + 3));
            let mut seen = [0; 8];
            for (place, bytes) in view.bytes(at, at + 3) {
                for (n, word) in bytes.chunks(8).enumerate() {
                    seen[place / 8 + n] = u64::from_ne_bytes(word.try_into().unwrap());
                }
            }
            (at..at + 3).for_each(|word| assert_eq!(seen[word as usize % 8], word));
            consumer.release(at + 3);
        }
        assert_eq!(view.range(), (300, 300));
        (0..8).for_each(|word| assert!(push(&mut producer, &[word])));
        assert_eq!(view.range(), (300, 308));
    }

    #[test]
    fn positions_count_on_over_the_end_of_the_ring() {
        let (mut producer, mut consumer) = ring(8);
        for turn in 0..100u64 {
            let at = turn * 3;
            assert_eq!(producer.to_end(), 8 - at as usize % 8);
            if producer.to_end() < 3 {
                assert!(!push(&mut producer, &[1, 2, 3]), "what wraps is no frame");
                for word in [1, 2, 3] {
                    assert!(push(&mut producer, &[word]));
                }
            } else {
                assert!(push(&mut producer, &[1, 2, 3]));
            }
            assert_eq!((consumer.head(), consumer.tail()), (at, at + 3));
            for skip in 0..3 {
                let words = consumer.with_words(at + skip, at + 3, |a, b| [a, b].concat());
                assert_eq!(words, &[1, 2, 3][skip as usize..]);
            }
            assert_eq!(consumer.with_words(at, at + 4, |a, b| a.len() + b.len()), 0);
            assert_eq!(producer.head(), at);
            consumer.release(at + 3);
            assert_eq!((producer.head(), producer.free()), (at + 3, 8));
        }
    }
}
