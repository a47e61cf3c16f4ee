//! Unix: space allocated ahead, advisory locks, identities of files.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

/// What tells a file from all others, as long as it exists.
pub(crate) fn file_id(metadata: &Metadata) -> Option<FileId> {
    Some(FileId(metadata.dev(), metadata.ino()))
}

/// Options for opening: new files get `permissions` less the umask; `nonblocking` makes a pipe
/// without reader an error instead of a wait.
pub(crate) fn options(permissions: u32, nonblocking: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(permissions);
    if nonblocking {
        options.custom_flags(libc::O_NONBLOCK);
    }
    options
}

/// Returns true for a named pipe, which must not be opened for writing without a reader.
pub(crate) fn is_plain_pipe(metadata: &Metadata) -> bool {
    metadata.file_type().is_fifo()
}

/// Returns true if an error says that there is no more room: disk, quota or size limit.
pub(crate) fn is_full(error: &io::Error) -> bool {
    let full = [libc::ENOSPC, libc::EDQUOT, libc::EFBIG];
    error.raw_os_error().is_some_and(|number| full.contains(&number))
}

/// The bytes of storage that a file takes up, whatever its size says.
pub(crate) fn allocated_bytes(metadata: &Metadata) -> Option<u64> {
    // POSIX leaves the unit open; it is 512 on all systems that Rust's library knows.
    Some(metadata.blocks() * 512)
}

/// Takes the file's shared advisory lock without waiting. False: somebody has it exclusively.
///
/// # Errors
///
/// As `flock(2)`.
pub(crate) fn lock_shared(file: &File) -> io::Result<bool> {
    lock(file, libc::LOCK_SH)
}

/// Takes the file's exclusive advisory lock without waiting. False: somebody else has one, and a
/// shared lock of our own is gone.
///
/// # Errors
///
/// As `flock(2)`.
pub(crate) fn lock_exclusive(file: &File) -> io::Result<bool> {
    lock(file, libc::LOCK_EX)
}

fn lock(file: &File, kind: libc::c_int) -> io::Result<bool> {
    loop {
        // SAFETY: the descriptor is open as long as `file` lives.
        if unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) } == 0 {
            return Ok(true);
        }
        let error = io::Error::last_os_error();
        match error.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock => return Ok(false),
            _ => return Err(error),
        }
    }
}

/// Gives a range of a file real space on the disk, so that stores to it cannot meet a full disk.
/// With `keep_size` the file's size stays as it is.
///
/// # Errors
///
/// A full disk, or `Unsupported` where the file system cannot do it; never glibc's emulation,
/// which writes to the file.
pub(crate) fn allocate(file: &File, offset: u64, len: u64, keep_size: bool) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let mode = if keep_size { libc::FALLOC_FL_KEEP_SIZE } else { 0 };
        let signed = |n: u64| {
            libc::off_t::try_from(n).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))
        };
        let (offset, len) = (signed(offset)?, signed(len)?);
        loop {
            // SAFETY: numbers only; the descriptor is open as long as `file` lives.
            if unsafe { libc::fallocate(file.as_raw_fd(), mode, offset, len) } == 0 {
                return Ok(());
            }
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::ENODEV | libc::EINVAL) => {
                    return Err(io::Error::new(io::ErrorKind::Unsupported, error));
                }
                _ => return Err(error),
            }
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (file, offset, len, keep_size);
        Err(io::Error::new(io::ErrorKind::Unsupported, "no allocation ahead on this platform"))
    }
}

/// Returns true if [`allocate`] gives a file on this file system blocks that later stores use.
///
/// Memory file systems have nothing to gain from it, network file systems answer for another
/// machine, and copy-on-write file systems take new blocks at each store all the same. Only file
/// systems known to be neither are named here.
pub(crate) fn allocation_is_real(file: &File) -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        matches!(file_system(file), Some(EXT | XFS | F2FS))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = file;
        false
    }
}

/// Returns true if space that [`allocate`] gave is there when a page of a mapping is stored to:
/// the file systems above, and tmpfs, which takes the memory at once.
pub(crate) fn mapping_is_safe(file: &File) -> bool {
    #[cfg(target_os = "linux")]
    {
        matches!(file_system(file), Some(EXT | XFS | F2FS | TMPFS))
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = file;
        false
    }
}

/// Numbers of linux/magic.h. XFS with reflinks writes in place what nobody shares.
#[cfg(any(target_os = "linux", target_os = "android"))]
const EXT: u64 = 0xef53;
#[cfg(any(target_os = "linux", target_os = "android"))]
const XFS: u64 = 0x5846_5342;
#[cfg(any(target_os = "linux", target_os = "android"))]
const F2FS: u64 = 0xf2f5_2010;
#[cfg(target_os = "linux")]
const TMPFS: u64 = 0x0102_1994;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn file_system(file: &File) -> Option<u64> {
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let mut told: libc::statfs = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is open, the structure alive and writable.
    let done = unsafe { libc::fstatfs(file.as_raw_fd(), &mut told) };
    (done == 0).then_some(told.f_type as u64 & 0xffff_ffff)
}
