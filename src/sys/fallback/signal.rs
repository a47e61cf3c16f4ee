//! Platforms other than Unix: no signals to catch.

use std::io;
use std::time::Duration;

/// Never made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caught {
    pub(crate) signal: i32,
    pub(crate) is_abort: bool,
    pub(crate) is_fault: bool,
    pub(crate) is_default: bool,
}

/// Never called.
pub(crate) type Told = fn(Caught);

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn catch_signals(_faults: bool, _asks: bool, _told: Told) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "signals are not caught on this platform"))
}

/// There are none.
pub(crate) fn without_requests<R>(start: impl FnOnce() -> R) -> R {
    start()
}

/// Sleeps.
pub(crate) fn nap(time: Duration) {
    std::thread::sleep(time);
}
