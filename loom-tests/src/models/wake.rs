//! `src/lane/wake.rs`: whoever publishes work finds the sleeper, or the sleeper finds the work.

use super::check;
use crate::books::ProducerBooks;
use crate::ring::ring;
use crate::sync::{Arc, AtomicUsize, Ordering, fence, thread};
use crate::wake::Wake;
use std::time::Duration;

const LIMIT: Duration = Duration::from_millis(5);

/// The work is published with the weakest ordering there is: the barrier alone must carry it.
#[test]
fn a_sleeping_drain_is_woken() {
    loom::model(|| {
        let shared = Arc::new((Wake::new(), AtomicUsize::new(0)));
        let drain = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (wake, work) = &*shared;
                wake.register();
                while work.load(Ordering::Relaxed) == 0 {
                    wake.sleep(LIMIT, || work.load(Ordering::Relaxed) != 0);
                }
                wake.unregister();
            })
        };
        shared.1.store(1, Ordering::Relaxed);
        shared.0.wake();
        drain.join().unwrap();
    });
}

#[test]
fn two_that_make_work_at_once_wake_the_drain_for_both() {
    check(3, || {
        let shared = Arc::new((Wake::new(), AtomicUsize::new(0)));
        let makers: Vec<_> = (0..2)
            .map(|_| {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.1.fetch_add(1, Ordering::Relaxed);
                    shared.0.wake();
                })
            })
            .collect();
        let (wake, work) = &*shared;
        wake.register();
        let mut seen = 0;
        while seen < 2 {
            wake.sleep(LIMIT, || work.load(Ordering::Relaxed) != seen);
            seen = work.load(Ordering::Relaxed);
        }
        for maker in makers {
            maker.join().unwrap();
        }
    });
}

/// A producer looks only above the mark: what lies below may wait for a timer, which this model
/// does not have; what lies above may not.
#[test]
fn a_lane_above_the_mark_never_waits_for_a_timer() {
    const MARK: usize = 2;
    const WORDS: u64 = 4;
    check(3, || {
        let wake = Arc::new(Wake::new());
        let (mut producer, mut consumer) = ring(WORDS as usize);
        let drain = {
            let wake = wake.clone();
            thread::spawn(move || {
                wake.register();
                let mut next = 1;
                // Below the mark nobody need come; all above it must have been taken.
                while next <= WORDS - MARK as u64 {
                    match consumer.pop() {
                        Some(word) => {
                            assert_eq!(word, next);
                            next += 1;
                        }
                        None => wake.sleep(LIMIT, || consumer.len() != 0),
                    }
                }
            })
        };
        for word in 1..=WORDS {
            producer.push(word);
            if producer.len() > MARK {
                wake.wake();
            }
        }
        drain.join().unwrap();
    });
}

/// A call that finds its gate open wakes nobody: the drain must have seen its count, and does not
/// park for good before the record has come. One that finds it closed opens it for those behind.
#[test]
fn a_drain_that_closed_the_gates_parks_on_no_record() {
    check(3, || {
        let shared = Arc::new((Wake::new(), ProducerBooks::<1>::new(), AtomicUsize::new(0)));
        let drain = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (wake, books, published) = &*shared;
                wake.register();
                let mut taken = 0;
                while taken < 2 {
                    books.close_gate_to_park();
                    // Every thread passes one; here it is theirs and ours.
                    fence(Ordering::SeqCst);
                    if books.counted() > taken as u64 {
                        // A short nap, for a call under way may wake nobody.
                        thread::yield_now();
                    } else {
                        wake.sleep(LIMIT, || {
                            published.load(Ordering::Relaxed) != taken || books.is_gate_open()
                        });
                    }
                    books.open_parked_gate();
                    taken = published.load(Ordering::Relaxed);
                }
                wake.unregister();
            })
        };
        let (wake, books, published) = &*shared;
        for number in 1..=2 {
            let passes = books.begin_call(0) == 0;
            published.store(number, Ordering::Relaxed);
            if !passes {
                books.open_parked_gate();
                wake.wake();
            }
        }
        drain.join().unwrap();
    });
}
