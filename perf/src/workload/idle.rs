//! What a logger costs that has nothing to do.

use crate::machine;
use crate::report::Figure;
use crate::subject::Subject;
use crate::workload::Size;
use std::time::{Duration, Instant};

/// Logs once, lets a tenth of a second pass, and watches the processor time of the process.
pub(crate) fn run<S: Subject>(subject: S, size: &Size) -> Vec<Figure> {
    subject.ints(1, 2, 3.0);
    std::thread::sleep(Duration::from_millis(100));
    let (used, from) = (machine::cpu_time(), Instant::now());
    std::thread::sleep(size.idle);
    let used = machine::cpu_time() - used;
    let share = used.as_secs_f64() / from.elapsed().as_secs_f64() * 100.0;
    subject.end();
    vec![Figure::new("cpu", "%", share)]
}
