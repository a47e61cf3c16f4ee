//! Calls at a fixed rate, whether the logger keeps up or not.
//!
//! Every call has its time; what it took counts from that time and not from when the caller came to
//! it, so that one long call is charged with all those that had to wait behind it.

use crate::machine::{self, ticks};
use crate::report::{Figure, add_percentiles};
use crate::subject::Subject;
use crate::workload::Size;

/// Calls a second.
const RATES: [u64; 4] = [10_000, 100_000, 1_000_000, 4_000_000];

pub(crate) fn run<S: Subject>(subject: S, size: &Size) -> Vec<Figure> {
    machine::pin(0);
    let mut figures = Vec::new();
    for rate in RATES {
        // A second of each, or what the size allows.
        let calls = rate.min(size.messages / 2).max(1);
        let interval = machine::ticks_per_ns() * 1e9 / rate as f64;
        let mut late = Vec::with_capacity(calls as usize);
        let start = ticks();
        for n in 0..calls {
            let due = start + (n as f64 * interval) as u64;
            while ticks() < due {
                std::hint::spin_loop();
            }
            subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
            late.push(machine::ns(due, ticks()));
        }
        let prefix = match rate {
            1_000_000.. => format!("{} M/s ", rate / 1_000_000),
            _ => format!("{} k/s ", rate / 1_000),
        };
        add_percentiles(&mut figures, &prefix, &mut late);
    }
    if let Some(dropped) = subject.end().dropped {
        figures.push(Figure::new("dropped", "records", dropped as f64));
    }
    figures
}
