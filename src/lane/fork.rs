//! What a forked child inherits: copies of everything but the threads.
//!
//! The thread that forks holds, while it does, the locks that a thread without a part in it could
//! leave closed for ever in the child: those behind this gate, which is passed by whoever takes
//! one of the runtime's leaf locks.

use crate::sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard, lock};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

static GATE: RwLock<()> = RwLock::new(());

/// Passes the gate, to take a leaf lock while the guard lives.
pub(crate) fn pass() -> RwLockReadGuard<'static, ()> {
    GATE.read().unwrap_or_else(PoisonError::into_inner)
}

/// Closes the gate for the length of a fork.
pub(crate) fn close() -> RwLockWriteGuard<'static, ()> {
    GATE.write().unwrap_or_else(PoisonError::into_inner)
}

/// A fork that is over or not: the drain stands still until it is.
#[derive(Debug, Default)]
pub(crate) struct Fork {
    over: Mutex<bool>,
    changed: Condvar,
}

impl Fork {
    /// The fork is over, in the parent.
    pub(crate) fn end(&self) {
        *lock(&self.over) = true;
        self.changed.notify_all();
    }

    /// Waits for the end, up to `limit`: somebody may die in the midst of it.
    pub(crate) fn wait(&self, limit: Duration) {
        let until = Instant::now() + limit;
        let mut over = lock(&self.over);
        while !*over {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            over = match self.changed.wait_timeout(over, left) {
                Ok((over, _)) => over,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}
