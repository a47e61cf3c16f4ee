//! How many messages a second are taken for as long as it is meant to be.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::subject::Subject;
use crate::workload::Size;

/// Looks at the clock once in so many calls.
const STRIDE: u64 = 4096;

/// One thread logs at full speed for twice the time of the idle workload; the clock stops when
/// the subject has ended. Only the newest files are kept, so that the disk need not hold all.
pub(crate) fn run<S: Subject>(subject: S, size: &Size) -> Vec<Figure> {
    let limit = size.idle.as_nanos() as f64 * 2.0;
    machine::pin(0);
    let others = machine::cpu_time_of_others();
    let from = ticks();
    let mut n = 0;
    while machine::ns(from, ticks()) < limit {
        for _ in 0..STRIDE {
            subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
            n += 1;
        }
    }
    let ended = subject.end();
    let passed = machine::ns(from, ticks());
    let others = machine::cpu_time_of_others().saturating_sub(others);
    let dropped = ended.dropped.unwrap_or(0);
    vec![
        Figure::new("rate", "1/s", (n - dropped) as f64 / passed * 1e9),
        Figure::new("messages", "records", n as f64),
        Figure::new("dropped", "records", dropped as f64),
        Figure::new("worker cpu", "ns", others.as_nanos() as f64 / n as f64),
        Figure::new("passed", "ns", passed),
    ]
}
