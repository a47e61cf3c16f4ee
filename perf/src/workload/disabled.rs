//! What a call costs that is off.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::stats::percentiles;
use crate::subject::Subject;
use std::hint::black_box;

const CALLS: u64 = 4_000_000;
const ROUNDS: usize = 25;

/// The median round, less an empty loop of the same shape.
pub(crate) fn run<S: Subject>(subject: S) -> Vec<Figure> {
    machine::pin(0);
    // Registers the call site, which the first call pays.
    subject.off(1, 2, 3.0);
    let mut empty: Vec<f64> = Vec::with_capacity(ROUNDS);
    let mut calls: Vec<f64> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let from = ticks();
        for n in 0..CALLS {
            black_box(n);
        }
        empty.push(machine::ns(from, ticks()) / CALLS as f64);
        let from = ticks();
        for n in 0..CALLS {
            let n = black_box(n);
            subject.off(n, n, 1.5);
        }
        calls.push(machine::ns(from, ticks()) / CALLS as f64);
    }
    let (empty, calls) = (percentiles(&mut empty).at(0.5), percentiles(&mut calls).at(0.5));
    subject.end();
    vec![
        Figure::new("call", "ns", (calls - empty).max(0.0)),
        Figure::new("loop and call", "ns", calls),
        Figure::new("empty loop", "ns", empty),
    ]
}
