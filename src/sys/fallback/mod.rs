//! Platforms other than Unix: what the standard library and the C runtime give.
#![allow(unsafe_code)]

pub(super) mod file;
pub(super) mod signal;

use crate::sync::{AtomicU64, Ordering};
use std::io::{self, Write};
use std::time::Duration;

/// A number for the calling thread, unique within the process.
pub(crate) fn thread_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static ID: u64 = NEXT.fetch_add(1, Ordering::Relaxed));
    // The value has no destructor, so it can be read at any time of the thread's life.
    ID.with(|id| *id)
}

/// As on Unix, where the system has no call for it.
pub(crate) fn barrier_of_all_threads() {
    super::barrier_by_waiting();
}

/// It takes a millisecond.
pub(crate) fn has_barrier() -> bool {
    false
}

/// Threads keep their priority here.
pub(crate) fn lower_priority() {}

/// Writes to standard output (1) or standard error (2). May write less than asked.
///
/// # Errors
///
/// As the stream; `Unsupported` for other numbers.
pub(crate) fn write_fd(fd: i32, bytes: &[u8]) -> io::Result<usize> {
    match fd {
        1 => {
            let mut out = io::stdout().lock();
            out.write_all(bytes)?;
            out.flush()?;
            Ok(bytes.len())
        }
        2 => io::stderr().lock().write(bytes),
        _ => Err(io::Error::new(io::ErrorKind::Unsupported, "only descriptors 1 and 2 are known")),
    }
}

/// There is no waiting for room here: writes to the streams block.
///
/// # Errors
///
/// None.
pub(crate) fn poll_writable(_fd: i32, _timeout: Duration) -> io::Result<bool> {
    Ok(true)
}

/// Processes do not fork here.
pub(super) fn register_fork(
    _prepare: extern "C" fn(),
    _parent: extern "C" fn(),
    _child: extern "C" fn(),
) -> bool {
    false
}

/// Registers `hook` to run when the process ends in order.
pub(super) fn register_exit(hook: extern "C" fn()) -> bool {
    #[cfg(windows)]
    {
        // SAFETY: the declaration of the C runtime's `atexit`, as its header has it.
        unsafe extern "C" {
            fn atexit(hook: extern "C" fn()) -> std::ffi::c_int;
        }
        // SAFETY: the C runtime's own function, given a plain function of this program.
        (unsafe { atexit(hook) }) == 0
    }
    #[cfg(not(windows))]
    {
        let _ = hook;
        false
    }
}

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn pin_current_thread(_cpu: usize) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "CPU affinity is not available here"))
}

/// Returns false: there is no telling a slow stream from a fast one here.
pub(crate) fn never_waits(_fd: i32) -> bool {
    false
}

/// Not told here.
pub(crate) fn process_start(_process: u32) -> Option<u64> {
    None
}

/// The size of a page of memory, in bytes, as far as anything here depends on it.
pub(crate) fn page_bytes() -> usize {
    4096
}
