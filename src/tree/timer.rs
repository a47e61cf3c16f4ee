//! Things to be done at a later time, on a thread that lives while there are any.

use crate::error::{Error, ErrorKind};
use crate::sync::{Condvar, Mutex, lock, thread};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

type Job = Box<dyn FnOnce() + Send>;

struct Due {
    at: Instant,
    number: u64,
    job: Job,
}

impl Due {
    fn order(&self) -> (Instant, u64) {
        (self.at, self.number)
    }
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}
impl Eq for Due {}
impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order().cmp(&other.order())
    }
}

struct Waiting {
    due: BinaryHeap<Reverse<Due>>,
    numbers: u64,
    /// The process whose thread sees to it: a child after a fork has none.
    seen_to_by: Option<u32>,
}

static WAITING: Mutex<Waiting> =
    Mutex::new(Waiting { due: BinaryHeap::new(), numbers: 0, seen_to_by: None });
static CHANGED: Condvar = Condvar::new();

/// Runs `job` at a time, on a thread of its own kind.
///
/// # Errors
///
/// If the thread cannot be started; the job is dropped then.
pub(super) fn at(at: Instant, job: Job) -> Result<(), Error> {
    let mut waiting = lock(&WAITING);
    let this = std::process::id();
    if waiting.seen_to_by != Some(this) {
        let thread = thread::Builder::new().name("sawmill-timer".to_owned());
        thread.spawn(run).map_err(|error| {
            Error::new(ErrorKind::Io, "cannot start the timer's thread").because(error)
        })?;
        waiting.seen_to_by = Some(this);
    }
    let number = waiting.numbers;
    waiting.numbers += 1;
    waiting.due.push(Reverse(Due { at, number, job }));
    CHANGED.notify_one();
    Ok(())
}

fn run() {
    let mut waiting = lock(&WAITING);
    loop {
        let now = Instant::now();
        let Some(Reverse(next)) = waiting.due.peek() else {
            waiting.seen_to_by = None;
            return;
        };
        let left = next.at.saturating_duration_since(now);
        if left.is_zero() {
            let due = waiting.due.pop();
            drop(waiting);
            if let Some(Reverse(due)) = due {
                (due.job)();
            }
            waiting = lock(&WAITING);
        } else {
            let woken = CHANGED.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Arc;
    use std::time::Duration;

    #[test]
    fn jobs_run_in_the_order_of_their_times_and_the_thread_comes_again() {
        for _ in 0..2 {
            let done = Arc::new((Mutex::new(Vec::new()), Condvar::new()));
            let now = Instant::now();
            for (name, ms) in [("late", 30), ("soon", 5), ("at once", 0)] {
                let done = done.clone();
                let job = Box::new(move || {
                    lock(&done.0).push(name);
                    done.1.notify_all();
                });
                at(now + Duration::from_millis(ms), job).unwrap();
            }
            let mut names = lock(&done.0);
            while names.len() < 3 {
                names = done.1.wait(names).unwrap();
            }
            assert_eq!(*names, ["at once", "soon", "late"]);
        }
    }
}
