//! Requests that every file be opened anew, for tools that move files away.

use crate::sync::{AtomicU64, Ordering};

/// Counts the requests.
static REOPENINGS: AtomicU64 = AtomicU64::new(0);

/// Has every file handler of the process open its path anew, for tools that move files away
/// (`logrotate` without `copytruncate`).
///
/// Each does so within a second, before its next batch. A file that was not moved is appended to
/// as before. Handlers notice a file that was moved by themselves, too, unless told not to.
///
/// # Examples
///
/// ```
/// // In a signal thread, or wherever the program learns that its files were moved.
/// sawmill::reopen_files();
/// ```
pub fn reopen_files() {
    REOPENINGS.fetch_add(1, Ordering::Relaxed);
}

/// How often everything was asked to open anew so far.
pub(super) fn reopenings() -> u64 {
    #[cfg(all(unix, feature = "sighup"))]
    sighup::count();
    REOPENINGS.load(Ordering::Relaxed)
}

#[cfg(all(unix, feature = "sighup"))]
pub use sighup::reopen_files_on_sighup;

#[cfg(all(unix, feature = "sighup"))]
mod sighup {
    use super::reopen_files;
    use crate::error::{Error, ErrorKind};
    use crate::sync::{Arc, AtomicBool, OnceLock, Ordering};

    /// Raised by the signal.
    static RAISED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

    /// Does [`reopen_files`] whenever the process gets the signal SIGHUP, which does not end it
    /// any more then.
    ///
    /// Handlers of the signal that were installed before are called as well, so call this before a
    /// runtime with crash handling is built: that one ends the process at a SIGHUP which nobody
    /// had handled before. Calling it again changes nothing.
    ///
    /// # Errors
    ///
    /// If the signal's handler cannot be installed.
    pub fn reopen_files_on_sighup() -> Result<(), Error> {
        if RAISED.get().is_some() {
            return Ok(());
        }
        let raised = RAISED.get_or_init(Arc::default);
        let done = signal_hook::flag::register(signal_hook::consts::SIGHUP, raised.clone());
        done.map(drop).map_err(|error| {
            Error::new(ErrorKind::Io, "cannot handle the signal SIGHUP").because(error)
        })
    }

    /// Turns a signal into a request.
    pub(super) fn count() {
        if RAISED.get().is_some_and(|raised| raised.swap(false, Ordering::Relaxed)) {
            reopen_files();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::testing::{Desk, TestDir};
    use super::super::{FileHandler, MmapRotatingFileHandler};
    use super::*;

    #[test]
    fn each_file_is_opened_anew_once_for_each_request() {
        let dir = TestDir::new();
        let plain = FileHandler::builder(dir.join("a.log")).follow(false).build().unwrap();
        let mut plain = Desk::new(plain);
        let mut mapped = Desk::new(MmapRotatingFileHandler::new(dir.join("m.log")).unwrap());
        plain.log("one").unwrap();
        mapped.log("one").unwrap();
        std::fs::rename(dir.join("a.log"), dir.join("a.old")).unwrap();
        std::fs::rename(dir.join("m.log.live"), dir.join("m.old")).unwrap();
        plain.log("two").unwrap();
        reopen_files();
        plain.tick().unwrap();
        mapped.tick().unwrap();
        plain.log("three").unwrap();
        mapped.log("three").unwrap();
        assert_eq!(dir.read("a.old"), "one\ntwo\n");
        assert_eq!(dir.read("a.log"), "three\n");
        mapped.close().unwrap();
        assert_eq!((dir.read("m.old").as_str(), dir.read("m.log").as_str()), ("one\n", "three\n"));
    }
}
