//! Unix: space allocated ahead, advisory locks, identities of files.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// Device and inode.
    pub(crate) fn numbers(self) -> (u64, u64) {
        (self.0, self.1)
    }
}

/// Makes a directory, and those above it, that only its owner may look into; one that is there is
/// left as it is.
///
/// # Errors
///
/// As `mkdir(2)`.
pub(crate) fn create_private_dir(path: &Path) -> io::Result<()> {
    std::os::unix::fs::DirBuilderExt::mode(std::fs::DirBuilder::new().recursive(true), 0o700)
        .create(path)
}

/// Writes all of `bytes` at a place of a file: system calls only, for a signal's handler too.
///
/// # Errors
///
/// The first error other than an interruption.
pub(crate) fn write_all_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Returns true if another process holds an advisory lock on the file, or may hold one.
pub(crate) fn is_locked_by_others(file: &File) -> bool {
    let Ok(locks) = std::fs::read_to_string("/proc/locks") else { return false };
    let Ok(metadata) = file.metadata() else { return true };
    let us = std::process::id().to_string();
    // Numbers of files are given anew in each file system. Where its own number is not to be
    // had, a lock on such a file in any of them will do.
    let inode = format!(":{}", metadata.ino());
    let place = mounted_on(file).map(|(major, minor)| format!("{major:02x}:{minor:02x}{inode}"));
    locks.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let is_it = |locked: &&str| match &place {
            Some(place) => *locked == place,
            None => locked.ends_with(&inode),
        };
        words.get(5).is_some_and(is_it) && words.get(4) != Some(&&*us)
    })
}

/// The number of an open file's file system, as the system's lists show it: not on each file
/// system is it what `stat` shows.
fn mounted_on(file: &File) -> Option<(u32, u32)> {
    use std::os::fd::AsRawFd;
    let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", file.as_raw_fd())).ok()?;
    let mount = info.lines().find_map(|line| line.strip_prefix("mnt_id:"))?.trim();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    mounts.lines().find_map(|line| {
        let mut words = line.split(' ');
        let number = words.next().filter(|number| *number == mount).and_then(|_| words.nth(1))?;
        let (major, minor) = number.split_once(':')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    })
}

/// What tells a file from all others, as long as it exists.
pub(crate) fn file_id(metadata: &Metadata) -> Option<FileId> {
    Some(FileId(metadata.dev(), metadata.ino()))
}

/// Returns true if a file has no name any more: it goes when it is closed.
pub(crate) fn is_removed(metadata: &Metadata) -> bool {
    metadata.nlink() == 0
}

/// When a file was last renamed, written to, or given other rights.
pub(crate) fn status_changed(metadata: &Metadata) -> Option<SystemTime> {
    let seconds = u64::try_from(metadata.ctime()).ok()?;
    let nanos = u32::try_from(metadata.ctime_nsec()).ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds, nanos))
}

/// Options for opening: new files get `permissions` less the umask; `nonblocking` makes a pipe
/// without reader an error instead of a wait; with `no_follow` a symbolic link at the path is an
/// error.
pub(crate) fn options(permissions: u32, nonblocking: bool, no_follow: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(permissions);
    let nonblocking = if nonblocking { libc::O_NONBLOCK } else { 0 };
    options.custom_flags(nonblocking | if no_follow { libc::O_NOFOLLOW } else { 0 });
    options
}

/// Returns true if a symbolic link may be followed for writing: it is ours or root's, or nobody
/// but the owner may make links in its directory.
pub(crate) fn may_follow(link: &Metadata, directory: &Metadata) -> bool {
    // SAFETY: asks for a number, and cannot fail.
    let us = unsafe { libc::geteuid() };
    const OTHERS_WRITE: u32 = 0o022;
    [us, 0].contains(&link.uid()) || directory.mode() & OTHERS_WRITE == 0
}

/// Gives an open file to a user, a group, or both.
///
/// # Errors
///
/// As `fchown(2)`.
pub(crate) fn set_owner(file: &File, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
    std::os::unix::fs::fchown(file, user, group)
}

/// Gives a file the permissions and, where we may, the owner of another one.
///
/// # Errors
///
/// If the permissions cannot be set.
pub(crate) fn copy_rights(from: &Metadata, to: &File) -> io::Result<()> {
    // Before the permissions, which a change of owner may take away.
    let _ = set_owner(to, Some(from.uid()), Some(from.gid()));
    to.set_permissions(from.permissions())
}

/// Moves a file to a name that nothing has.
///
/// # Errors
///
/// `AlreadyExists` if something has it; the file stays where it is then.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use std::ffi::CString;
        use std::os::unix::ffi::OsStrExt;
        let c = |path: &Path| Ok::<_, io::Error>(CString::new(path.as_os_str().as_bytes())?);
        let (old, new) = (c(from)?, c(to)?);
        // SAFETY: two strings that end in NUL and outlive the call; the rest are numbers.
        let done = unsafe {
            libc::syscall(
                libc::SYS_renameat2,
                libc::AT_FDCWD,
                old.as_ptr(),
                libc::AT_FDCWD,
                new.as_ptr(),
                libc::RENAME_NOREPLACE,
            )
        };
        if done == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        let unknown = [libc::ENOSYS, libc::EINVAL, libc::EPERM];
        if !error.raw_os_error().is_some_and(|number| unknown.contains(&number)) {
            return Err(error);
        }
    }
    // A second name is never put over a file. Where there are no second names, nothing better
    // than a look beforehand is left.
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        Err(_) if std::fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

/// Makes a symbolic link.
///
/// # Errors
///
/// As `symlink(2)`.
pub(crate) fn symlink(target: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, at)
}

/// Sees to it that the names in a directory survive a power failure.
///
/// # Errors
///
/// As `fsync(2)`.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Returns true for a named pipe, which must not be opened for writing without a reader.
pub(crate) fn is_plain_pipe(metadata: &Metadata) -> bool {
    metadata.file_type().is_fifo()
}

/// Sees to it that everything written to a file's file system survives a power failure.
///
/// # Errors
///
/// As `syncfs(2)`; `Unsupported` where there is none.
pub(crate) fn sync_file_system(file: &File) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: the descriptor is open as long as `file` lives.
        match unsafe { libc::syncfs(file.as_raw_fd()) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = file;
        Err(io::Error::new(io::ErrorKind::Unsupported, "not on this platform"))
    }
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

/// Gives up whatever advisory lock of the file there is.
///
/// # Errors
///
/// As `flock(2)`.
pub(crate) fn unlock(file: &File) -> io::Result<()> {
    lock(file, libc::LOCK_UN).map(drop)
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

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_among_the_locks_by_its_file_system_and_number() {
        for folder in [std::env::temp_dir(), "/dev/shm".into()] {
            let path = folder.join(format!("sawmill-locked-{}", std::process::id()));
            let Ok(file) = File::create(&path) else { continue };
            assert!(lock_exclusive(&file).unwrap());
            let (major, minor) = mounted_on(&file).unwrap();
            let inode = file.metadata().unwrap().ino();
            let locks = std::fs::read_to_string("/proc/locks").unwrap();
            let place = format!(" {major:02x}:{minor:02x}:{inode} ");
            let _ = std::fs::remove_file(&path);
            assert!(locks.contains(&place), "{place}: {locks}");
            assert!(!is_locked_by_others(&file), "our own");
        }
    }
}
