//! `src/lane/intake.rs`: what is handed over arrives once and in order.

use super::check;
use crate::intake::Intake;
use crate::ring::ring;
use crate::sync::{Arc, AtomicU32, Ordering, thread};
use crate::wake::Wake;
use std::time::Duration;

#[test]
fn what_is_handed_over_arrives_once_and_in_order() {
    check(2, || {
        let shared = Arc::new((Wake::new(), Intake::new()));
        let givers: Vec<_> = [&[10, 11][..], &[20]]
            .into_iter()
            .map(|items| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (wake, intake) = &*shared;
                    for item in items {
                        intake.push(*item);
                        wake.wake();
                    }
                })
            })
            .collect();
        let (wake, intake) = &*shared;
        wake.register();
        let mut taken = Vec::new();
        while taken.len() < 3 {
            let before = taken.len();
            taken.extend(intake.take());
            if taken.len() == before {
                wake.sleep(Duration::from_millis(5), || intake.is_waiting());
            }
        }
        for giver in givers {
            giver.join().unwrap();
        }
        let of = |tens: i32| taken.iter().filter(move |item| **item / 10 == tens);
        assert!(of(1).eq(&[10, 11]) && of(2).eq(&[20]), "{taken:?}");
    });
}

/// An install is pushed, then the callers' word changes; a call that reads the new word publishes
/// a frame that names the generation. All accesses of the word are relaxed.
#[test]
fn a_frame_finds_its_generation() {
    loom::model(|| {
        let shared = Arc::new((Intake::new(), AtomicU32::new(0)));
        let (mut producer, mut consumer) = ring(1);
        let installing = {
            let shared = shared.clone();
            thread::spawn(move || {
                let (installs, word) = &*shared;
                installs.push(1);
                word.store(1, Ordering::Relaxed);
            })
        };
        let calling = {
            let shared = shared.clone();
            thread::spawn(move || producer.push(shared.1.load(Ordering::Relaxed).into()))
        };
        if let Some(generation) = consumer.pop() {
            let mut newest = shared.0.take_surely().pop_back().unwrap_or(0);
            if newest != generation {
                newest = shared.0.take_surely().pop_back().unwrap_or(newest);
            }
            assert!(newest >= generation, "generation {generation} is not there");
        }
        installing.join().unwrap();
        calling.join().unwrap();
    });
}
