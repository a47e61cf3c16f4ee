//! Platforms where memory is not shared with a file.

use crate::sync::AtomicU64;
use std::io;
use std::path::Path;

/// Never made.
#[derive(Debug)]
pub(crate) enum SharedMap {}

impl SharedMap {
    /// Not available here.
    ///
    /// # Errors
    ///
    /// Always `Unsupported`.
    pub(crate) fn create(_path: &Path, _words: usize) -> io::Result<Self> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "memory is not mapped on this platform"))
    }

    /// Not available here.
    ///
    /// # Errors
    ///
    /// Always `Unsupported`.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::create(path, 0)
    }

    pub(crate) fn len(&self) -> usize {
        match *self {}
    }

    pub(crate) fn start(&self) -> *mut u64 {
        match *self {}
    }

    pub(crate) fn words(&self, _from: usize, _count: usize) -> &[AtomicU64] {
        match *self {}
    }
}
