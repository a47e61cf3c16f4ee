//! The memory of a process whose many threads log now and then.

use crate::machine;
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books, count_lines};
use std::sync::Barrier;
use std::time::Duration;

const RECORDS: u64 = 10;
const ROUNDS: u64 = 5;
const ROUND_THREADS: u64 = 64;

/// First a thousand threads at once, then rounds of 64 that start and end. The memory of the
/// threads themselves (their stacks) is measured beforehand, with threads that do not log.
pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    subject.ints(0, 0, 0.0);
    let start = machine::resident();
    let bare = with_threads(size.threads, |_| {});
    let logging = with_threads(size.threads, |me| {
        for n in 0..RECORDS {
            subject.ints(me, n, 0.5);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut attempted = 1 + size.threads as u64 * RECORDS;

    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        with_threads(ROUND_THREADS as usize, |me| {
            for n in 0..RECORDS {
                subject.ints(me, n, 0.5);
            }
        });
        attempted += ROUND_THREADS * RECORDS;
        std::thread::sleep(Duration::from_millis(50));
        rounds.push(machine::resident().0);
    }
    let ended = subject.end();
    let (lines, _) = count_lines(&setup.file, b"Logging int:").unwrap_or((0, 0));
    let growth = rounds[rounds.len() - 1] as f64 - rounds[0] as f64;
    let mut figures = vec![
        Figure::new("threads", "threads", size.threads as f64),
        Figure::new("rss anon at start", "bytes", start.0 as f64),
        Figure::new("rss anon silent", "bytes", bare.0 as f64),
        Figure::new("rss anon", "bytes", logging.0 as f64),
        Figure::new("rss", "bytes", logging.1 as f64),
        Figure::new(
            "a logging thread",
            "bytes",
            (logging.0 as f64 - bare.0 as f64) / size.threads as f64,
        ),
        Figure::new("growth over rounds", "bytes", growth),
    ];
    add_books(&mut figures, attempted, lines, ended.dropped);
    figures
}

/// Runs `work` on that many threads at once and says what was resident when all had done it and
/// none had ended.
fn with_threads(count: usize, work: impl Fn(u64) + Sync) -> (u64, u64) {
    let (done, leave) = (Barrier::new(count + 1), Barrier::new(count + 1));
    std::thread::scope(|scope| {
        for me in 0..count as u64 {
            let (work, done, leave) = (&work, &done, &leave);
            scope.spawn(move || {
                work(me);
                done.wait();
                leave.wait();
            });
        }
        done.wait();
        let resident = machine::resident();
        leave.wait();
        resident
    })
}
