//! Platforms other than Unix: no space ahead, no advisory locks.

use std::fs::{File, Metadata, OpenOptions};
use std::io;

/// Not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(());

/// Not known here, where open files are neither moved nor removed.
pub(crate) fn file_id(_metadata: &Metadata) -> Option<FileId> {
    None
}

/// Options for opening; permissions are those of the directory.
pub(crate) fn options(_permissions: u32, _nonblocking: bool) -> OpenOptions {
    OpenOptions::new()
}

/// There are none in the file system here.
pub(crate) fn is_plain_pipe(_metadata: &Metadata) -> bool {
    false
}

/// Returns true if an error says that there is no more room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}

/// Not told here.
pub(crate) fn allocated_bytes(_metadata: &Metadata) -> Option<u64> {
    None
}

/// Locks keep readers out here, so none is taken.
///
/// # Errors
///
/// None.
pub(crate) fn lock_shared(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// Locks keep readers out here, so none is taken.
///
/// # Errors
///
/// None.
pub(crate) fn lock_exclusive(_file: &File) -> io::Result<bool> {
    Ok(false)
}

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn allocate(_file: &File, _offset: u64, _len: u64, _keep: bool) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "no allocation ahead on this platform"))
}

/// Not available here.
pub(crate) fn allocation_is_real(_file: &File) -> bool {
    false
}

/// Not available here.
pub(crate) fn mapping_is_safe(_file: &File) -> bool {
    false
}
