//! An answer that one thread waits for and another gives.

use crate::sync::{Arc, Condvar, Mutex, lock};
use std::time::{Duration, Instant};

/// The waiting end.
#[derive(Debug)]
pub(crate) struct Ticket<T> {
    shared: Arc<Shared<T>>,
}

/// The answering end. Dropped without an answer, it ends the wait with `None`.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

#[derive(Debug)]
enum State<T> {
    Open,
    Given(T),
    Abandoned,
}

/// Makes both ends.
pub(crate) fn ticket<T>() -> (Ticket<T>, Answer<T>) {
    let state = Mutex::new(State::Open);
    let shared = Arc::new(Shared { state, changed: Condvar::new() });
    (Ticket { shared: shared.clone() }, Answer { shared })
}

impl<T> Ticket<T> {
    /// Waits for the answer until `deadline`. `Err(false)`: time is up; `Err(true)`: there will be
    /// no answer, because the one who was to give it has gone.
    pub(crate) fn wait_until(self, deadline: Instant) -> Result<T, bool> {
        let mut state = lock(&self.shared.state);
        loop {
            match std::mem::replace(&mut *state, State::Open) {
                State::Given(answer) => return Ok(answer),
                State::Abandoned => return Err(true),
                State::Open => {}
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Err(false);
            }
            state = match self.shared.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}

impl<T> Answer<T> {
    /// Gives the answer.
    pub(crate) fn give(self, answer: T) {
        *lock(&self.shared.state) = State::Given(answer);
        self.shared.changed.notify_all();
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        if matches!(*state, State::Open) {
            *state = State::Abandoned;
        }
        drop(state);
        self.shared.changed.notify_all();
    }
}
