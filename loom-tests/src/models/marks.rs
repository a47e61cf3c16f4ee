//! `src/lane/keep/marks.rs`: a lane that another process collects is drained before it is given up,
//! and booked whole.

use crate::marks::{MARK_WORDS, Marks};
use crate::ring::ring;
use crate::sync::{Arc, AtomicU64, Ordering, thread};

type Words = Arc<Vec<AtomicU64>>;

fn words() -> Words {
    Arc::new((0..MARK_WORDS).map(|_| AtomicU64::new(0)).collect())
}

fn marks(words: &Words) -> Marks<'_, 1> {
    Marks::new(words)
}

#[test]
fn a_collected_lane_that_has_ended_is_drained() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let words = words();
        let publishing = {
            let words = words.clone();
            thread::spawn(move || {
                producer.push(1);
                producer.push(2);
                marks(&words).tell_end();
            })
        };
        let mut taken = Vec::new();
        for _ in 0..3 {
            let has_ended = marks(&words).has_ended();
            taken.extend(std::iter::from_fn(|| consumer.pop()));
            if has_ended {
                assert_eq!(taken, [1, 2]);
                break;
            }
        }
        publishing.join().unwrap();
    });
}

#[test]
fn a_collector_sees_a_loss_after_what_was_published_before_it() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let words = words();
        let losing = {
            let words = words.clone();
            thread::spawn(move || {
                producer.push(1);
                marks(&words).note_dropped([1]);
            })
        };
        // Begun second, as in the model of the lanes' own books.
        let collecting = thread::spawn(move || {
            let dropped = marks(&words).dropped();
            let taken = consumer.pop();
            assert!(dropped == [0] || taken == Some(1), "the loss came first");
        });
        collecting.join().unwrap();
        losing.join().unwrap();
    });
}

#[test]
fn no_record_is_collected_before_it_is_published() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(1);
        let (words, published) = (words(), Arc::new(AtomicU64::new(0)));
        let publishing = {
            let published = published.clone();
            thread::spawn(move || {
                published.store(1, Ordering::Relaxed);
                producer.push(1);
            })
        };
        let collecting = {
            let words = words.clone();
            thread::spawn(move || {
                if consumer.pop().is_some() {
                    marks(&words).note_collected(1, [0]);
                }
            })
        };
        let taken = marks(&words).taken();
        let published = published.load(Ordering::Relaxed);
        assert!(taken <= published, "{taken} taken of {published}");
        publishing.join().unwrap();
        collecting.join().unwrap();
    });
}

#[test]
fn a_lane_that_is_done_with_is_booked_whole() {
    loom::model(|| {
        let words = words();
        let collecting = {
            let words = words.clone();
            thread::spawn(move || {
                marks(&words).note_collected(7, [3]);
                marks(&words).tell_done();
            })
        };
        if marks(&words).is_done() {
            assert_eq!((marks(&words).taken(), marks(&words).told()), (7, [3]));
        }
        collecting.join().unwrap();
    });
}
