//! The one place that names the standard library's synchronisation primitives.
//!
//! The files that hold a hand-written protocol import nothing but this module, so that
//! `loom-tests` can include those very files beside a `sync` module of its own.

// Only where files are mapped.
#[allow(unused_imports)]
pub(crate) use std::sync::atomic::compiler_fence;
pub(crate) use std::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
};
pub(crate) use std::thread::{self, Thread};

/// Locks a mutex whose data stay consistent even if a holder panicked.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// This thread's half of a barrier whose other half, `sys::barrier_of_all_threads`, is on another
/// thread and stands in for a fence here: it keeps the compiler's order, and costs nothing.
#[inline(always)]
pub(crate) fn light_fence(order: Ordering) {
    compiler_fence(order);
}
