//! Threads that are held in the midst of a call while the process ends, as if they had lost their
//! processor to somebody else.

use crate::shared::{Shared, THREADS};
use std::os::unix::thread::JoinHandleExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a thread is held.
const HELD: Duration = Duration::from_millis(30);
/// How long the process's end waits for a call that returns.
const LIMIT: Duration = Duration::from_millis(200);

/// How many threads have been held.
static ENTERED: AtomicUsize = AtomicUsize::new(0);
static SHARED: OnceLock<&'static Shared> = OnceLock::new();

/// Has the process end when the first call returns that was held. To be called before there is a
/// runtime: exit handlers run last to first.
pub(crate) fn end_with_first_call(shared: &'static Shared) {
    extern "C" fn end() {
        let Some(shared) = SHARED.get() else { return };
        let returned = || (0..THREADS).map(|thread| shared.returned(thread)).sum::<u64>();
        let (before, until) = (returned(), Instant::now() + LIMIT);
        while returned() == before && Instant::now() < until {
            std::hint::spin_loop();
        }
        // SAFETY: ends the process.
        unsafe { libc::_exit(0) };
    }
    let _ = SHARED.set(shared);
    // SAFETY: a plain function of this program.
    unsafe { libc::atexit(end) };
}

/// Holds every thread that logs, each behind a record of its own.
pub(crate) fn hold(threads: &[JoinHandle<()>], shared: &Shared) {
    extern "C" fn held(_: libc::c_int) {
        ENTERED.fetch_add(1, Ordering::Relaxed);
        let time = libc::timespec { tv_sec: 0, tv_nsec: HELD.as_nanos() as libc::c_long };
        // SAFETY: the structure is alive and valid.
        unsafe { libc::nanosleep(&time, std::ptr::null_mut()) };
    }
    // SAFETY: a plain function of this program, which does what a handler may.
    unsafe { libc::signal(libc::SIGUSR1, held as *const () as libc::sighandler_t) };
    let until = Instant::now() + LIMIT;
    for (number, thread) in threads.iter().enumerate() {
        let before = shared.returned(number);
        while shared.returned(number) == before && Instant::now() < until {
            std::hint::spin_loop();
        }
        // SAFETY: the thread lives, for it has not been joined.
        unsafe { libc::pthread_kill(thread.as_pthread_t(), libc::SIGUSR1) };
    }
    while ENTERED.load(Ordering::Relaxed) < threads.len() && Instant::now() < until {
        std::thread::yield_now();
    }
}
