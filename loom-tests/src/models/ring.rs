//! `src/lane/ring.rs`: words arrive whole and in order, and are not written over before they have
//! been read.

use crate::spsc::{self, Memory};
use crate::sync::{Arc, AtomicU64, thread};
use loom::cell::UnsafeCell;

const CAPACITY: usize = 2;

/// Words with a checked cell beside each: loom looks at the cells, the ends at the words.
struct Checked {
    words: Box<[std::cell::UnsafeCell<u64>; CAPACITY]>,
    cells: [UnsafeCell<()>; CAPACITY],
    head: AtomicU64,
    tail: AtomicU64,
}

// SAFETY: who touches which word when is what the model checks.
#[allow(unsafe_code)]
unsafe impl Send for Checked {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Checked {}

// SAFETY: the words are boxed, so that they stay where they are; nobody else touches them.
#[allow(unsafe_code)]
unsafe impl Memory for Checked {
    fn words(&self) -> *mut u64 {
        self.words[0].get()
    }

    fn capacity(&self) -> usize {
        CAPACITY
    }

    fn head(&self) -> &AtomicU64 {
        &self.head
    }

    fn tail(&self) -> &AtomicU64 {
        &self.tail
    }

    fn note_write(&self, at: usize, count: usize) {
        self.cells[at..at + count].iter().for_each(|cell| cell.with_mut(|_| ()));
    }

    fn note_read(&self, at: usize, count: usize) {
        self.cells[at..at + count].iter().for_each(|cell| cell.with(|_| ()));
    }
}

fn ends() -> (spsc::Producer<Checked>, spsc::Consumer<Checked>) {
    let memory = Arc::new(Checked {
        words: Box::new(std::array::from_fn(|_| std::cell::UnsafeCell::new(0))),
        cells: std::array::from_fn(|_| UnsafeCell::new(())),
        head: AtomicU64::new(0),
        tail: AtomicU64::new(0),
    });
    // SAFETY: the memory is new.
    #[allow(unsafe_code)]
    unsafe {
        spsc::ring(memory)
    }
}

fn push(producer: &mut spsc::Producer<Checked>, word: u64) -> bool {
    let Some(space) = producer.space(1, 0) else { return false };
    space[0].write(word);
    // SAFETY: the word was written just now.
    #[allow(unsafe_code)]
    unsafe {
        producer.publish(1);
    }
    true
}

/// Three words through a ring of two, so that the first place is written over. Each side gives up
/// after a few tries: what matters is what it sees when it succeeds.
#[test]
fn words_arrive_whole_and_in_order() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        let publishing = thread::spawn(move || {
            let mut next = 1;
            for _ in 0..4 {
                if next <= 3 && push(&mut producer, next) {
                    next += 1;
                } else {
                    thread::yield_now();
                }
            }
        });
        let mut expected = 1;
        for _ in 0..3 {
            let (head, tail) = (consumer.head(), consumer.tail());
            let (first, second) = consumer.words(head, tail);
            for word in first.iter().chain(second) {
                assert_eq!(*word, expected);
                expected += 1;
            }
            if tail != head {
                consumer.release(tail);
            } else {
                thread::yield_now();
            }
        }
        publishing.join().unwrap();
    });
}

/// Both words of one space, published one by one: the second is written when the first may have
/// been read already.
#[test]
fn a_space_may_be_published_in_parts() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        let publishing = thread::spawn(move || {
            let space = producer.space(2, 0).unwrap();
            let next = space.as_mut_ptr();
            for at in 0..2 {
                producer.memory().note_write(at, 1);
                // SAFETY: the space has two words, of which this one is not published.
                #[allow(unsafe_code)]
                unsafe {
                    next.add(at).write(std::mem::MaybeUninit::new(at as u64 + 1));
                    producer.publish(1);
                }
            }
        });
        let mut expected = 1;
        for _ in 0..3 {
            let (head, tail) = (consumer.head(), consumer.tail());
            for word in consumer.words(head, tail).0 {
                assert_eq!(*word, expected);
                expected += 1;
            }
            consumer.release(tail);
            thread::yield_now();
        }
        publishing.join().unwrap();
    });
}

/// A refused reach beyond the tail or behind the head gives nothing.
#[test]
fn what_is_not_there_is_not_given() {
    loom::model(|| {
        let (mut producer, mut consumer) = ends();
        assert!(push(&mut producer, 1) && push(&mut producer, 2) && !push(&mut producer, 3));
        assert_eq!((producer.free(), consumer.words(0, 2).0.len()), (0, 2));
        assert!(consumer.words(0, 3).0.is_empty());
        consumer.release(1);
        assert!(consumer.words(0, 2).0.is_empty());
        assert!(push(&mut producer, 3));
        assert_eq!(consumer.words(1, 3), (&[2][..], &[3][..]));
    });
}
