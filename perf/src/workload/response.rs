//! Calls at a fixed rate, whether the logger keeps up or not.
//!
//! Every call has its time; what it took counts from that time and not from when the caller came to
//! it, so that one long call is charged with all those that had to wait behind it.

use crate::machine::{self, ticks};
use crate::report::{Figure, add_percentiles};
use crate::subject::Subject;
use crate::workload::Size;
use std::time::Duration;

/// Calls a second, up to more than a file takes as text.
const RATES: [u64; 6] = [10_000, 100_000, 1_000_000, 2_000_000, 4_000_000, 8_000_000];
/// Between two rates, so that what one left in the queues does not burden the next.
const PAUSE: Duration = Duration::from_millis(100);

pub(crate) fn run<S: Subject>(subject: S, size: &Size) -> Vec<Figure> {
    machine::pin(0);
    let mut figures = Vec::new();
    for rate in RATES {
        // A second of each, or what the size allows.
        let calls = rate.min(size.messages / 2).max(1);
        let interval = machine::ticks_per_ns() * 1e9 / rate as f64;
        // Written once: first touches are not what is measured.
        let mut late = vec![f64::NAN; calls as usize];
        std::thread::sleep(PAUSE);
        let start = ticks();
        for (n, late) in (0..).zip(&mut late) {
            let due = start + (n as f64 * interval) as u64;
            while ticks() < due {
                std::hint::spin_loop();
            }
            subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
            *late = machine::ns(due, ticks());
        }
        let reached = calls as f64 / machine::ns(start, ticks()) * 1e9;
        let prefix = match rate {
            1_000_000.. => format!("{} M/s ", rate / 1_000_000),
            _ => format!("{} k/s ", rate / 1_000),
        };
        figures.push(Figure::new(&format!("{prefix}rate"), "1/s", reached));
        add_percentiles(&mut figures, &prefix, &mut late);
    }
    if let Some(dropped) = subject.end().dropped {
        figures.push(Figure::new("dropped", "records", dropped as f64));
    }
    figures
}
