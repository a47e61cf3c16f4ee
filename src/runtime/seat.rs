//! Where the backend is while no thread of its own has it: callers borrow it, one at a time.
//!
//! A borrower takes it out and puts it back; the lock is held for moments only, and behind the gate
//! of forks. So whoever forks can have the backend with it, and the child finds nothing locked.

use crate::drain::Backend;
use crate::lane::{Answer, fork, ticket};
use crate::sync::{Arc, Mutex, lock};
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

/// A borrower that hears nothing looks again after so long.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The backend's place.
#[derive(Default)]
pub(super) struct Seat(Mutex<Place>);

#[derive(Default)]
struct Place {
    backend: Option<Box<Backend>>,
    lent: bool,
    waiting: Vec<Answer<()>>,
}

impl Seat {
    pub(super) fn new(backend: Box<Backend>) -> Arc<Self> {
        let seat = Self::default();
        seat.put(backend);
        Arc::new(seat)
    }

    /// Puts the backend there, or back.
    pub(super) fn put(&self, backend: Box<Backend>) {
        let _gate = fork::pass();
        let mut place = lock(&self.0);
        place.backend = Some(backend);
        place.lent = false;
        place.waiting.drain(..).for_each(|waiting| waiting.give(()));
    }

    /// Takes the backend away, for a thread of its own; `None` if one has it.
    pub(super) fn take(&self) -> Option<Box<Backend>> {
        self.wait(None, false)
    }

    /// Borrows the backend, when those who came before are done; `None` if a thread of its own has
    /// it, or the deadline has passed.
    pub(super) fn borrow(self: &Arc<Self>, deadline: Option<Instant>) -> Option<Borrowed> {
        let backend = self.wait(deadline, true)?;
        Some(Borrowed { seat: self.clone(), backend: Some(backend) })
    }

    fn wait(&self, deadline: Option<Instant>, lend: bool) -> Option<Box<Backend>> {
        loop {
            let turn = {
                let _gate = fork::pass();
                let mut place = lock(&self.0);
                if !place.lent {
                    let backend = place.backend.take();
                    place.lent = lend && backend.is_some();
                    return backend;
                }
                let (turn, answer) = ticket();
                place.waiting.push(answer);
                turn
            };
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            let again = Instant::now() + LOOK_AGAIN;
            let _ = turn.wait_until(deadline.map_or(again, |deadline| deadline.min(again)));
        }
    }

    /// Forgets who waited in the parent process.
    pub(super) fn forget_waiting(&self) {
        std::mem::forget(std::mem::take(&mut lock(&self.0).waiting));
    }
}

/// The backend, until this is dropped.
pub(super) struct Borrowed {
    seat: Arc<Seat>,
    backend: Option<Box<Backend>>,
}

impl Deref for Borrowed {
    type Target = Backend;

    fn deref(&self) -> &Backend {
        self.backend.as_ref().expect("there until it is dropped")
    }
}

impl DerefMut for Borrowed {
    fn deref_mut(&mut self) -> &mut Backend {
        self.backend.as_mut().expect("there until it is dropped")
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        if let Some(backend) = self.backend.take() {
            self.seat.put(backend);
        }
    }
}
