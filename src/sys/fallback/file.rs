//! Platforms other than Unix: no space ahead, no advisory locks.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;
use std::time::SystemTime;

/// Not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(());

impl FileId {
    /// Never asked.
    pub(crate) fn numbers(self) -> (u64, u64) {
        (0, 0)
    }
}

/// Makes a directory and those above it.
///
/// # Errors
///
/// As the system's.
pub(crate) fn create_private_dir(path: &std::path::Path) -> io::Result<()> {
    std::fs::create_dir_all(path)
}

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn write_all_at(_file: &File, _bytes: &[u8], _at: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// There are no advisory locks here.
pub(crate) fn is_locked_by_others(_file: &File) -> bool {
    false
}

/// Not known here, where open files are neither moved nor removed.
pub(crate) fn file_id(_metadata: &Metadata) -> Option<FileId> {
    None
}

/// Open files are not removed here.
pub(crate) fn is_removed(_metadata: &Metadata) -> bool {
    false
}

/// When a file was last written to; nothing else is told here.
pub(crate) fn status_changed(metadata: &Metadata) -> Option<SystemTime> {
    metadata.modified().ok()
}

/// Options for opening; permissions are those of the directory.
pub(crate) fn options(_permissions: u32, _nonblocking: bool, _no_follow: bool) -> OpenOptions {
    OpenOptions::new()
}

/// Links need a privilege here.
pub(crate) fn may_follow(_link: &Metadata, _directory: &Metadata) -> bool {
    true
}

/// Not available here.
///
/// # Errors
///
/// `Unsupported`, unless nothing is asked for.
pub(crate) fn set_owner(_file: &File, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    if user.is_none() && group.is_none() { Ok(()) } else { Err(unsupported("no owners")) }
}

/// Permissions are those of the directory.
///
/// # Errors
///
/// None.
pub(crate) fn copy_rights(_from: &Metadata, _to: &File) -> io::Result<()> {
    Ok(())
}

/// Moves a file to a name that nothing has.
///
/// # Errors
///
/// `AlreadyExists` if something has it; the file stays where it is then.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    if std::fs::symlink_metadata(to).is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn symlink(_target: &Path, _at: &Path) -> io::Result<()> {
    Err(unsupported("no symbolic links"))
}

/// Names need no syncing of their own here.
///
/// # Errors
///
/// None.
pub(crate) fn sync_dir(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Not available here.
///
/// # Errors
///
/// Always `Unsupported`.
pub(crate) fn sync_file_system(_file: &File) -> io::Result<()> {
    Err(unsupported("no syncing of a whole file system"))
}

fn unsupported(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} on this platform"))
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

/// Nothing is locked.
///
/// # Errors
///
/// None.
pub(crate) fn unlock(_file: &File) -> io::Result<()> {
    Ok(())
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
