//! `src/lane/books.rs`: the books never show a record taken that is not published, and an ended
//! lane is emptied before it is given up.

use crate::books::{End, ProducerBooks, Taken};
use crate::ring::ring;
use crate::sync::{Arc, Ordering, fence, thread};

#[test]
fn no_record_is_taken_before_it_is_published() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let books = Arc::new((ProducerBooks::<2>::new(), Taken::new()));
        let publishing = {
            let books = books.clone();
            thread::spawn(move || {
                for class in [0, 1] {
                    books.0.count_published(class);
                    producer.push(1);
                }
            })
        };
        let drain = {
            let books = books.clone();
            thread::spawn(move || {
                let mut taken = 0;
                for _ in 0..2 {
                    if consumer.pop().is_some() {
                        taken += 1;
                        books.1.tell(taken);
                    }
                }
            })
        };
        let taken = books.1.get();
        let published: u64 = books.0.published().iter().sum();
        assert!(taken <= published, "{taken} taken of {published}");
        publishing.join().unwrap();
        drain.join().unwrap();
    });
}

#[test]
fn an_ended_lane_is_drained() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let end = Arc::new(End::new());
        let publishing = {
            let end = end.clone();
            thread::spawn(move || {
                producer.push(1);
                producer.push(2);
                end.tell();
            })
        };
        let mut taken = Vec::new();
        // Three looks at most; a lane given up too early is what the model is after.
        for _ in 0..3 {
            let has_ended = end.is_told();
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
fn a_loss_is_seen_after_what_was_published_before_it() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(2);
        let books = Arc::new(ProducerBooks::<1>::new());
        let losing = {
            let books = books.clone();
            thread::spawn(move || {
                producer.push(1);
                books.count_dropped(0);
            })
        };
        // A thread of its own, begun second: the count's own load hides the look's from loom's
        // search (see `ring`), which begins with the first thread's steps.
        let looking = thread::spawn(move || {
            let dropped = books.dropped();
            let taken = consumer.pop();
            assert!(dropped == [0] || taken == Some(1), "the loss came first");
        });
        looking.join().unwrap();
        losing.join().unwrap();
    });
}

/// Two calls, for the first may have been over long before.
#[test]
fn a_call_is_seen_or_sees_the_gate() {
    loom::model(|| {
        let books = Arc::new(ProducerBooks::<1>::new());
        let calling = {
            let books = books.clone();
            thread::spawn(move || {
                let mut passed = 0;
                for _ in 0..2 {
                    if books.begin_call(0) == 0 {
                        passed += 1;
                    } else {
                        books.take_back(0);
                    }
                }
                passed
            })
        };
        books.close_gate();
        // Every thread passes one; here it is theirs and ours.
        fence(Ordering::SeqCst);
        let counted = books.counted();
        let passed = calling.join().unwrap();
        assert!(counted >= passed, "{passed} calls passed the gate, {counted} were seen");
        assert_eq!(books.counted(), passed);
    });
}
