//! Bursts after silence: what is lost and what the worst call costs when the ring fills up.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::stats::percentiles;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books, count_lines};
use std::time::Duration;

const LENGTHS: [u64; 2] = [30_000, 100_000];
const SILENCE: Duration = Duration::from_millis(10);

pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    let mut figures = Vec::new();
    let mut attempted = 0;
    for length in LENGTHS {
        let (mut worst, mut whole) = (0.0_f64, Vec::with_capacity(size.bursts));
        for _ in 0..size.bursts {
            std::thread::sleep(SILENCE);
            let from = ticks();
            let mut before = from;
            for n in 0..length {
                subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
                let after = ticks();
                worst = worst.max(machine::ns(before, after));
                before = after;
            }
            whole.push(machine::ns(from, before) / length as f64);
            attempted += length;
        }
        figures.push(Figure::new(&format!("{length} call"), "ns", percentiles(&mut whole).at(0.5)));
        figures.push(Figure::new(&format!("{length} worst"), "ns", worst));
    }
    let ended = subject.end();
    let (lines, bytes) = count_lines(&setup.file, b"Logging int:").unwrap_or((0, 0));
    figures.push(Figure::new("attempted", "records", attempted as f64));
    figures.push(Figure::new("volume", "bytes", bytes as f64));
    add_books(&mut figures, attempted, lines, ended.dropped);
    figures
}
