//! Platforms where files are not mapped: space cannot be secured beforehand, or a file cut short
//! cannot be survived.

use std::fs::File;
use std::io;

/// Never made.
#[derive(Debug)]
pub(crate) enum Window {}

/// Never told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Window {
    /// Not available here.
    ///
    /// # Errors
    ///
    /// Always `Unsupported`.
    pub(crate) fn map(_file: &File, _offset: u64, _len: usize) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "files are not mapped on this platform"))
    }

    pub(crate) fn len(&self) -> usize {
        match *self {}
    }

    pub(crate) fn populate(&self, _at: usize, _len: usize) -> io::Result<()> {
        match *self {}
    }

    pub(crate) fn store(&mut self, _at: usize, _bytes: &[u8]) -> Result<(), Lost> {
        match *self {}
    }

    pub(crate) fn is_lost(&self) -> bool {
        match *self {}
    }
}

/// There are no windows to be mended.
#[cfg(all(unix, not(sawmill_portable)))]
pub(super) fn asks_first(_handler: usize) {}

/// There are no windows to be mended.
#[cfg(all(unix, not(sawmill_portable)))]
pub(super) fn mend(_info: *mut libc::siginfo_t) -> bool {
    false
}
