//! What `src/sync.rs` offers the protocols, on loom's primitives.

pub(crate) use loom::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
pub(crate) use loom::sync::{Arc, Condvar, Mutex, MutexGuard};
pub(crate) use thread::Thread;

/// Threads that park as the standard library's do.
///
/// NOTE: loom's own `unpark` also ends a wait for a mutex or for another thread's end, and its
/// condition variable may lose one of two notices, which the real ones do not. So parking is a
/// loop that yields here; one that nobody ends exceeds loom's limit of steps and fails the model.
pub(crate) mod thread {
    use super::{Arc, AtomicBool, Ordering};
    pub(crate) use loom::thread::{spawn, yield_now};

    /// A thread's token: `unpark` leaves it, `park` takes it.
    #[derive(Debug, Clone)]
    pub(crate) struct Thread {
        token: Arc<AtomicBool>,
    }

    loom::thread_local! {
        static CURRENT: Thread = Thread { token: Arc::new(AtomicBool::new(false)) };
    }

    pub(crate) fn current() -> Thread {
        CURRENT.with(Thread::clone)
    }

    impl Thread {
        pub(crate) fn unpark(&self) {
            self.token.swap(true, Ordering::Release);
        }
    }

    /// Parks until unparked: no model may owe its progress to a timer.
    pub(crate) fn park_timeout(_: std::time::Duration) {
        let thread = current();
        while !thread.token.swap(false, Ordering::Acquire) {
            loom::thread::yield_now();
        }
    }
}

/// Locks a mutex.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Half of a barrier across threads; loom has no other half, so it is a whole one.
pub(crate) fn light_fence(order: Ordering) {
    fence(order);
}
