//! The memory of a process whose many threads log now and then.

use crate::machine;
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books, count_lines};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::Builder;
use std::time::Duration;

const RECORDS: u64 = 10;
const ROUNDS: u64 = 5;
const ROUND_THREADS: u64 = 64;

/// Every thread's own; what it logs needs less.
const STACK_BYTES: usize = 128 << 10;

/// First a thousand threads at once, then ten thousand, or as many as the system allows, then
/// rounds of 64 that start and end. The memory of the threads themselves (their stacks) is measured
/// beforehand, with threads that do not log.
pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    subject.ints(0, 0, 0.0);
    let mut attempted = 1;
    let start = machine::resident();
    let mut figures = vec![Figure::new("rss anon at start", "bytes", start.0 as f64)];
    for (prefix, threads) in [("", size.threads), ("many ", size.threads * 10)] {
        let silent = with_threads(threads, |_| {});
        let logging = with_threads(silent.threads, |me| {
            for n in 0..RECORDS {
                subject.ints(me, n, 0.5);
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        attempted += logging.threads as u64 * RECORDS;
        let each = (logging.anonymous as f64 - silent.anonymous as f64) / logging.threads as f64;
        let mut figure = |name: &str, unit, value| {
            figures.push(Figure::new(&format!("{prefix}{name}"), unit, value));
        };
        figure("threads", "threads", logging.threads as f64);
        figure("rss anon silent", "bytes", silent.anonymous as f64);
        figure("rss anon", "bytes", logging.anonymous as f64);
        figure("rss", "bytes", logging.resident as f64);
        figure("a logging thread", "bytes", each);
    }

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
    figures.push(Figure::new("growth over rounds", "bytes", growth));
    add_books(&mut figures, attempted, lines, ended.dropped);
    figures
}

/// What was resident while so many threads lived.
struct Crowd {
    threads: usize,
    anonymous: u64,
    resident: u64,
}

/// Runs `work` on that many threads at once, or on as many as the system allows, and says what was
/// resident when all had done it and none had ended.
fn with_threads(count: usize, work: impl Fn(u64) + Sync) -> Crowd {
    // How many have done it, and whether they may leave.
    let state = &Mutex::new((0, false));
    let (done, leave) = (&Condvar::new(), &Condvar::new());
    let lock = || state.lock().unwrap_or_else(PoisonError::into_inner);
    std::thread::scope(|scope| {
        let start = |me: usize| {
            let work = &work;
            let run = move || {
                work(me as u64);
                let mut state = lock();
                state.0 += 1;
                done.notify_one();
                while !state.1 {
                    state = leave.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            };
            Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, run).is_ok()
        };
        let threads = (0..count).take_while(|&me| start(me)).count();
        let mut state = lock();
        while state.0 < threads {
            state = done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let (anonymous, resident) = machine::resident();
        state.1 = true;
        leave.notify_all();
        Crowd { threads, anonymous, resident }
    })
}
