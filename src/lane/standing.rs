//! Where a thread stands: a caller, or part of a drain; and which handler is at work on it.

use std::cell::Cell;

thread_local! {
    /// Set on drains and workers, and while a caller drains inline.
    static BACKEND: Cell<bool> = const { Cell::new(false) };
    /// The handler at work on this thread, 0 for none; records it causes are not offered to it.
    static ORIGIN: Cell<u64> = const { Cell::new(0) };
}

/// Whether this thread is a drain or a worker, or drains inline at the moment.
pub(crate) fn is_on_drain() -> bool {
    BACKEND.try_with(Cell::get).unwrap_or(false)
}

/// Marks this thread as one that must never wait for a drain, while the guard lives.
#[derive(Debug)]
pub(crate) struct OnBackend {
    before: bool,
}

/// Enters the backend on this thread.
pub(crate) fn enter_backend() -> OnBackend {
    OnBackend { before: BACKEND.try_with(|mark| mark.replace(true)).unwrap_or(false) }
}

impl Drop for OnBackend {
    fn drop(&mut self) {
        let _ = BACKEND.try_with(|mark| mark.set(self.before));
    }
}

/// Stands for a handler at work on a record that a handler caused: what it logs in turn could go
/// round for ever, so it goes nowhere and is counted.
pub(crate) const CAUSED_IN_TURN: u64 = u64::MAX;

/// The handler at work on this thread.
pub(crate) fn origin() -> Option<u64> {
    ORIGIN.try_with(Cell::get).ok().filter(|origin| *origin != 0)
}

/// Runs `f` with `handler` as the cause of every record made meanwhile on this thread.
#[inline]
pub(crate) fn with_origin<R>(handler: u64, f: impl FnOnce() -> R) -> R {
    let before = ORIGIN.try_with(|origin| origin.replace(handler)).unwrap_or(0);
    let result = f();
    let _ = ORIGIN.try_with(|origin| origin.set(before));
    result
}
