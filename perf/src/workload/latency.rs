//! What a call costs its caller when calls come in small batches, as in a service.

use crate::machine::{self, ticks};
use crate::report::{Figure, add_percentiles};
use crate::stats::percentiles;
use crate::subject::Subject;
use crate::workload::Size;
use std::time::Duration;

/// 35 bytes.
pub(crate) const TEXT: &str = "a string argument of 35 characters!";

/// Calls in a batch.
const BATCH: usize = 20;
/// The pause between two batches, spent spinning, so that the core neither sleeps nor changes pace.
const PAUSE: Duration = Duration::from_millis(1);

/// Two passes: whole batches, which resolve half a nanosecond, and single calls, which resolve one
/// step of the counter and include one read of it; of these also the medians by their place in the
/// batch, for what a pause costs the call after it.
pub(crate) fn run<S: Subject>(subject: S, size: &Size, call: impl Fn(&S, u64)) -> Vec<Figure> {
    machine::pin(0);
    let mut n = 0;
    let mut next = || {
        n += 1;
        n
    };
    for _ in 0..size.batches / 10 {
        for _ in 0..BATCH {
            call(&subject, next());
        }
        machine::spin_for(PAUSE);
    }

    let mut batches = Vec::with_capacity(size.batches);
    for _ in 0..size.batches {
        let from = ticks();
        for _ in 0..BATCH {
            call(&subject, next());
        }
        batches.push(machine::ns(from, ticks()) / BATCH as f64);
        machine::spin_for(PAUSE);
    }

    let mut singles = Vec::with_capacity(size.batches * BATCH);
    for _ in 0..size.batches {
        for _ in 0..BATCH {
            let value = next();
            let from = ticks();
            call(&subject, value);
            singles.push(machine::ns(from, ticks()));
        }
        machine::spin_for(PAUSE);
    }

    let mut figures = Vec::new();
    let median = |places: std::ops::Range<usize>| {
        let mut chosen: Vec<f64> =
            singles.chunks_exact(BATCH).flat_map(|batch| &batch[places.clone()]).copied().collect();
        percentiles(&mut chosen).at(0.5)
    };
    for (name, places) in [("first call", 0..1), ("second call", 1..2), ("later calls", 2..BATCH)] {
        figures.push(Figure::new(name, "ns", median(places)));
    }
    add_percentiles(&mut figures, "", &mut batches);
    add_percentiles(&mut figures, "single ", &mut singles);
    if let Some(dropped) = subject.end().dropped {
        figures.push(Figure::new("dropped", "records", dropped as f64));
    }
    figures
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_text_is_as_long_as_it_says() {
        assert_eq!(super::TEXT.len(), 35);
    }
}
