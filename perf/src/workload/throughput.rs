//! How many messages a second reach a file, counted in the file.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books, count_lines};

/// Every producer logs its share at full speed; the clock stops when the subject has ended, so that
/// what is still queued counts as time.
pub(crate) fn run<S: Subject>(
    subject: S,
    setup: &Setup,
    size: &Size,
    producers: usize,
) -> Vec<Figure> {
    let share = size.messages / producers as u64;
    let total = share * producers as u64;
    let work = |first: u64| {
        for n in first..first + share {
            subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
        }
    };
    let others = machine::cpu_time_of_others();
    let from = ticks();
    if producers == 1 {
        machine::pin(0);
        work(0);
    } else {
        std::thread::scope(|scope| {
            for producer in 0..producers {
                let work = &work;
                scope.spawn(move || work(producer as u64 * share));
            }
        });
    }
    let called = machine::ns(from, ticks());
    let ended = subject.end();
    let passed = machine::ns(from, ticks());
    let others = machine::cpu_time_of_others().saturating_sub(others);
    let (anonymous, resident) = machine::resident();

    let (lines, bytes) = count_lines(&setup.file, b"Logging int:").unwrap_or((0, 0));
    let mut figures = vec![
        Figure::new("rate", "1/s", lines as f64 / passed * 1e9),
        Figure::new("call", "ns", called * producers as f64 / total as f64),
        Figure::new("messages", "records", total as f64),
        Figure::new("volume", "bytes", bytes as f64),
    ];
    if producers == 1 {
        // What the logger's own threads take for a message: unlike the rate, this hardly suffers
        // from other processes on the machine.
        let each = others.as_nanos() as f64 / total as f64;
        figures.push(Figure::new("worker cpu", "ns", each));
    }
    add_books(&mut figures, total, lines, ended.dropped);
    figures.push(Figure::new("rss", "bytes", resident as f64));
    figures.push(Figure::new("rss anon", "bytes", anonymous as f64));
    figures
}
