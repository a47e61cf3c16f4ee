//! The identity of a handler, filter or formatter, and the way of the thing itself to its home.
//!
//! Users hold a clonable reference with an identity; the boxed object waits in its seat until a
//! runtime's drain takes it home, where it is used through `&mut` without a lock.

use crate::sync::{AtomicU64, Mutex, Ordering, lock};

static NEXT: AtomicU64 = AtomicU64::new(1);

/// A process-wide unique identity. Never re-used.
pub(crate) fn next_id() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Holds a boxed object until its home takes it.
pub(crate) struct Seat<T: ?Sized> {
    id: u64,
    waiting: Mutex<Option<Box<T>>>,
}

impl<T: ?Sized> Seat<T> {
    pub(crate) fn new(value: Box<T>) -> Self {
        Self { id: next_id(), waiting: Mutex::new(Some(value)) }
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Takes the object; `None` if a home has it already.
    pub(crate) fn take(&self) -> Option<Box<T>> {
        lock(&self.waiting).take()
    }

    /// Puts the object back, when its home ends.
    pub(crate) fn put_back(&self, value: Box<T>) {
        *lock(&self.waiting) = Some(value);
    }

    /// Calls `f` with the object if it still waits here.
    pub(crate) fn with_waiting<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        lock(&self.waiting).as_deref_mut().map(f)
    }
}
