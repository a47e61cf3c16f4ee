//! Unix: thin wrappers around libc.
#![allow(unsafe_code)]

pub(super) mod file;
pub(super) mod signal;

#[cfg(any(target_os = "linux", target_os = "android"))]
use crate::sync::OnceLock;
use std::io;
use std::time::Duration;

/// The operating system's number for the calling thread. Unique among living threads.
pub(crate) fn thread_id() -> u64 {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SAFETY: takes no arguments and cannot fail.
        (unsafe { libc::gettid() }) as u64
    }
    #[cfg(any(target_os = "macos", target_os = "ios"))]
    {
        let mut id = 0;
        // SAFETY: thread 0 means the calling one; `id` outlives the call.
        unsafe { libc::pthread_threadid_np(0, &mut id) };
        id
    }
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_os = "macos",
        target_os = "ios"
    )))]
    {
        // SAFETY: takes no arguments and cannot fail.
        (unsafe { libc::pthread_self() }) as u64
    }
}

/// Has every other thread of the process pass a full barrier before this returns: what they stored
/// before theirs is seen behind it, and what they load behind theirs is not older than what was
/// stored before it. Takes microseconds.
pub(crate) fn barrier_of_all_threads() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if membarrier(EXPEDITED) || (membarrier(REGISTER_EXPEDITED) && membarrier(EXPEDITED)) {
        return;
    }
    super::barrier_by_waiting();
}

/// Whether [`barrier_of_all_threads`] takes microseconds, not a millisecond.
pub(crate) fn has_barrier() -> bool {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        static HAS: OnceLock<bool> = OnceLock::new();
        *HAS.get_or_init(|| membarrier(REGISTER_EXPEDITED))
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
const EXPEDITED: libc::c_int = 1 << 3;
#[cfg(any(target_os = "linux", target_os = "android"))]
const REGISTER_EXPEDITED: libc::c_int = 1 << 4;

#[cfg(any(target_os = "linux", target_os = "android"))]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: numbers only; the call changes nothing that a program could see.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// Makes the calling thread yield to all others that have something to do, where the platform
/// has such a thing for threads.
pub(crate) fn lower_priority() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const NICE: libc::c_int = 10;
        // SAFETY: numbers only; 0 is the calling thread on Linux. A refusal changes nothing.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
    }
}

/// One `write(2)` to a raw descriptor, past the standard library's buffers and locks. May write
/// less than asked.
///
/// # Errors
///
/// As `write(2)`; `Interrupted` and `WouldBlock` are the caller's to handle. A pipe without a
/// reader is an error and no signal as long as SIGPIPE is ignored, as Rust programs do.
pub(crate) fn write_fd(fd: i32, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the pointer and length are those of a live slice, which the call only reads.
    let written = unsafe { libc::write(fd, bytes.as_ptr().cast(), bytes.len()) };
    usize::try_from(written).map_err(|_| io::Error::last_os_error())
}

/// Waits until a descriptor takes bytes, or has an error that the next write will tell.
/// Returns false if `timeout` passed first; interruptions do not lengthen it.
///
/// # Errors
///
/// As `poll(2)`; a descriptor that is not open is `InvalidInput`.
pub(crate) fn poll_writable(fd: i32, timeout: Duration) -> io::Result<bool> {
    let deadline = std::time::Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(std::time::Instant::now());
        // Rounded up, lest the last millisecond become a busy loop.
        let millis = left.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128) as i32;
        let mut poll = libc::pollfd { fd, events: libc::POLLOUT, revents: 0 };
        // SAFETY: one entry, alive and writable for the length of the call.
        match unsafe { libc::poll(&mut poll, 1, millis) } {
            0 => return Ok(false),
            1.. if poll.revents & libc::POLLNVAL != 0 => {
                return Err(io::Error::new(io::ErrorKind::InvalidInput, "descriptor is not open"));
            }
            1.. => return Ok(true),
            _ => {
                let error = io::Error::last_os_error();
                if error.kind() != io::ErrorKind::Interrupted {
                    return Err(error);
                }
            }
        }
    }
}

/// Where the calling thread keeps the number of its latest error.
fn errno_place() -> *mut libc::c_int {
    #[cfg(any(target_os = "linux", target_os = "emscripten"))]
    // SAFETY: takes nothing and always answers.
    unsafe {
        libc::__errno_location()
    }
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    // SAFETY: takes nothing and always answers.
    unsafe {
        libc::__error()
    }
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    // SAFETY: takes nothing and always answers.
    unsafe {
        libc::__errno()
    }
}

/// Has functions called on the thread that forks: before, and after in the parent and the child.
pub(super) fn register_fork(
    prepare: extern "C" fn(),
    parent: extern "C" fn(),
    child: extern "C" fn(),
) -> bool {
    // SAFETY: plain functions of this program, valid until it ends.
    (unsafe { libc::pthread_atfork(Some(prepare), Some(parent), Some(child)) }) == 0
}

/// Registers `hook` to run when the process ends in order.
pub(super) fn register_exit(hook: extern "C" fn()) -> bool {
    // SAFETY: the hook is a plain function of this program, valid until it ends.
    (unsafe { libc::atexit(hook) }) == 0
}

/// Lets the calling thread run on one CPU only, numbered from 0.
///
/// # Errors
///
/// If there is no such CPU, the process may not use it, or the platform has no such call.
pub(crate) fn pin_current_thread(cpu: usize) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        if cpu >= libc::CPU_SETSIZE as usize {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("no CPU {cpu}")));
        }
        // SAFETY: an all-zero set is a valid empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `cpu` is below the size of the set.
        unsafe { libc::CPU_SET(cpu, &mut set) };
        // SAFETY: thread 0 means the calling one; the set is alive and of the size told.
        match unsafe { libc::sched_setaffinity(0, size_of_val(&set), &set) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = cpu;
        Err(io::Error::new(io::ErrorKind::Unsupported, "CPU affinity is not available here"))
    }
}

/// When a process started, in the system's own count; `None` if there is none or it is not told.
pub(crate) fn process_start(process: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19)?.parse().ok()
}

/// The size of a page of memory, in bytes.
pub(crate) fn page_bytes() -> usize {
    // SAFETY: takes a number and reads nothing of ours.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

/// Returns true if writes to a descriptor never wait for a reader: regular files.
pub(crate) fn never_waits(fd: i32) -> bool {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the call writes the structure, which is read only if it says that it did.
    unsafe {
        libc::fstat(fd, status.as_mut_ptr()) == 0
            && status.assume_init().st_mode & libc::S_IFMT == libc::S_IFREG
    }
}
