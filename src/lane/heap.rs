//! A lane's ring on the heap: rtrb's, with its two positions counted on.
//!
//! rtrb keeps its positions to itself; lanes need them (what a flush waits for, when the head has
//! moved), so each end counts what it publishes and gives back.

use super::keep::Header;
use super::view::LaneView;
use crate::sync::Arc;
use std::hint::assert_unchecked;
use std::mem::MaybeUninit;
use std::ptr::NonNull;

/// The end that publishes. What a call looks at comes first, see [`Writer`](super::Writer).
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Producer {
    ring: rtrb::Producer<u64>,
    /// Published to here.
    tail: u64,
    capacity: usize,
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

    pub(crate) fn has(&mut self, words: usize) -> bool {
        self.ring.write_chunk_uninit(words).is_ok()
    }

    pub(crate) fn to_end(&self) -> usize {
        self.capacity - (self.tail as usize & (self.capacity - 1))
    }

    /// The next `words` words, if they lie together and `margin` more are free.
    pub(crate) fn space(&mut self, words: usize, margin: usize) -> Option<&mut [MaybeUninit<u64>]> {
        if !self.has(words + margin) {
            return None;
        }
        let mut chunk = self.ring.write_chunk_uninit(words).ok()?;
        let first = chunk.as_mut_slices().0;
        if first.len() < words {
            return None;
        }
        // SAFETY: the slice again, for as long as this end is borrowed: until then nobody else
        // touches the words, and the ring lives.
        Some(unsafe { std::slice::from_raw_parts_mut(first.as_mut_ptr(), words) })
    }

    /// Publishes the next `words` words.
    ///
    /// # Safety
    ///
    /// They are among those that the latest [`space`](Self::space) gave, and each of them has been
    /// written.
    #[inline(always)]
    pub(crate) unsafe fn publish(&mut self, words: usize) {
        // SAFETY: `space` asked this end for them, which remembers how many words are free, and
        // what was published since was among them. Spares the question a second time.
        unsafe { assert_unchecked(words <= self.ring.cached_slots()) };
        let Ok(chunk) = self.ring.write_chunk_uninit(words) else { return };
        // SAFETY: a chunk has what was asked for, and the words have been written, as the caller
        // promises.
        unsafe {
            assert_unchecked(chunk.len() == words);
            chunk.commit_all();
        }
        self.tail = self.tail.wrapping_add(words as u64);
    }
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
        let Some(space) = producer.space(words.len(), 0) else { return false };
        for (slot, word) in space.iter_mut().zip(words) {
            slot.write(*word);
        }
        // SAFETY: every word was written just now.
        unsafe { producer.publish(words.len()) };
        true
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
