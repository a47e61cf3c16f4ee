//! What the operating system offers and the standard library does not: one folder, the same names
//! for each platform, chosen here, so that no caller writes a `cfg` of its own.
//!
//! Nothing here knows of logging. Functions that a platform cannot offer say so by their result
//! (`false`, `None`, [`io::ErrorKind::Unsupported`](std::io::ErrorKind::Unsupported)).
//!
//! `RUSTFLAGS="--cfg sawmill_portable"` takes what stands in for an unknown platform on any: a
//! machine that has but one checks the others' files so.

#[cfg_attr(all(unix, not(sawmill_portable)), path = "unix/mod.rs")]
#[cfg_attr(not(all(unix, not(sawmill_portable))), path = "fallback/mod.rs")]
mod imp;
#[cfg_attr(all(target_os = "linux", not(sawmill_portable)), path = "map_linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(sawmill_portable))), path = "map_none.rs")]
mod map;
#[cfg_attr(all(target_os = "linux", not(sawmill_portable)), path = "share_linux.rs")]
#[cfg_attr(not(all(target_os = "linux", not(sawmill_portable))), path = "share_none.rs")]
mod share;
mod vector;

pub(crate) use imp::file::{
    FileId, allocate, allocated_bytes, allocation_is_real, copy_rights, create_private_dir,
    file_id, is_full, is_locked_by_others, is_plain_pipe, is_removed, lock_exclusive, lock_shared,
    mapping_is_safe, may_follow, options, rename_new, set_owner, status_changed, symlink, sync_dir,
    sync_file_system, unlock, write_all_at,
};
pub(crate) use imp::page_bytes;
pub(crate) use imp::process_start;
pub(crate) use imp::signal::{Caught, catch_signals, nap, without_requests};
pub(crate) use imp::{
    barrier_of_all_threads, has_barrier, lower_priority, never_waits, pin_current_thread,
    poll_writable, thread_id, write_fd,
};
pub(crate) use map::Window;
pub(crate) use share::SharedMap;
pub(crate) use vector::{Loops, vectorized};

use crate::sync::{Mutex, OnceLock, Ordering, fence, lock};
use std::io;

/// What is to run at the end of the process, last registered first.
static AT_EXIT: Mutex<Vec<fn()>> = Mutex::new(Vec::new());

/// Runs `hook` when the process ends by a return from `main` or by `exit`, before or after the
/// hooks of others, in the reverse order of registration. A panic in it goes no further.
///
/// Returns false if the platform took no registration; the hook will not run then.
pub(crate) fn on_exit(hook: fn()) -> bool {
    let mut hooks = lock(&AT_EXIT);
    hooks.push(hook);
    let taken = imp::register_exit(run_last_exit_hook);
    if !taken {
        hooks.pop();
    }
    taken
}

/// Registered once for each hook: the platform calls in reverse order, and so does the list.
extern "C" fn run_last_exit_hook() {
    let hook = lock(&AT_EXIT).pop();
    if let Some(hook) = hook {
        // A panic must not cross into C.
        let _ = std::panic::catch_unwind(hook);
    }
}

/// A barrier for platforms that have none across threads. A thread that runs has its stores seen
/// within far less than this, and one that does not run passed a barrier when it was stopped.
fn barrier_by_waiting() {
    const LONG: std::time::Duration = std::time::Duration::from_millis(1);
    fence(Ordering::SeqCst);
    crate::sync::thread::sleep(LONG);
    fence(Ordering::SeqCst);
}

/// What to call around a fork: before, after in the parent, after in the child.
static AT_FORK: OnceLock<[fn(); 3]> = OnceLock::new();

/// Has functions called on the thread that forks. Only the first registration counts; false where
/// processes do not fork.
pub(crate) fn at_fork(prepare: fn(), parent: fn(), child: fn()) -> bool {
    let mut new = false;
    AT_FORK.get_or_init(|| {
        new = true;
        [prepare, parent, child]
    });
    !new || imp::register_fork(before_fork, after_fork_in_parent, after_fork_in_child)
}

fn call_at_fork(which: usize) {
    if let Some(hooks) = AT_FORK.get() {
        // A panic must not cross into C.
        let _ = std::panic::catch_unwind(hooks[which]);
    }
}

extern "C" fn before_fork() {
    call_at_fork(0);
}

extern "C" fn after_fork_in_parent() {
    call_at_fork(1);
}

extern "C" fn after_fork_in_child() {
    call_at_fork(2);
}

/// Writes to a raw descriptor until everything is written; for short texts at unlikely moments.
///
/// # Errors
///
/// The first error other than an interruption.
pub(crate) fn write_all_fd(fd: i32, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_fd(fd, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn thread_ids_differ_between_threads_and_stay_within_one() {
        let here = thread_id();
        assert_eq!(here, thread_id());
        let there = std::thread::spawn(thread_id).join().unwrap();
        assert_ne!(here, there);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_first_thread_of_a_linux_process_has_the_number_of_the_process() {
        let task = std::fs::read_link("/proc/thread-self").unwrap();
        let number: u64 = task.file_name().unwrap().to_str().unwrap().parse().unwrap();
        assert_eq!(thread_id(), number);
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_is_writable_until_it_is_full() {
        use std::os::fd::AsRawFd;
        let (mut reader, writer) = std::io::pipe().unwrap();
        let fd = writer.as_raw_fd();
        assert!(poll_writable(fd, Duration::ZERO).unwrap());
        write_all_fd(fd, b"ready").unwrap();
        let mut room = 1 << 20;
        while poll_writable(fd, Duration::ZERO).unwrap() {
            room -= write_fd(fd, &[0; 4096]).unwrap();
        }
        assert!(room < 1 << 20);
        let begin = Instant::now();
        assert!(!poll_writable(fd, Duration::from_millis(20)).unwrap());
        assert!(begin.elapsed() >= Duration::from_millis(15));
        let mut start = [0; 5];
        std::io::Read::read_exact(&mut reader, &mut start).unwrap();
        assert_eq!(&start, b"ready");
    }

    #[test]
    #[cfg(unix)]
    fn a_pipe_without_reader_is_an_error_and_no_signal() {
        use std::os::fd::AsRawFd;
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let error = write_fd(writer.as_raw_fd(), b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
        // An error counts as writable, so that the writer comes to know it.
        assert!(poll_writable(writer.as_raw_fd(), Duration::ZERO).unwrap());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_pinned_thread_runs_on_its_cpu_alone() {
        let allowed = || {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let line = status.lines().find(|l| l.starts_with("Cpus_allowed_list:")).unwrap();
            line.split_whitespace().nth(1).unwrap().to_owned()
        };
        std::thread::spawn(move || {
            let first: usize = allowed().split([',', '-']).next().unwrap().parse().unwrap();
            pin_current_thread(first).unwrap();
            assert_eq!(allowed(), first.to_string());
        })
        .join()
        .unwrap();
        assert!(pin_current_thread(100_000).is_err());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn space_allocated_ahead_shows_in_the_blocks_and_not_in_the_size() {
        let path = std::env::temp_dir().join(format!("sawmill-sys-{}", std::process::id()));
        let file = options(0o640, false, false).create(true).append(true).open(&path).unwrap();
        if allocation_is_real(&file) {
            allocate(&file, 0, 1 << 20, true).unwrap();
            let meta = file.metadata().unwrap();
            assert_eq!(meta.len(), 0);
            assert!(allocated_bytes(&meta).unwrap() >= 1 << 20);
            file.set_len(0).unwrap();
            assert_eq!(allocated_bytes(&file.metadata().unwrap()), Some(0));
        }
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    #[cfg(unix)]
    fn an_exclusive_lock_shuts_others_out_and_is_refused_beside_a_shared_one() {
        let path = std::env::temp_dir().join(format!("sawmill-lock-{}", std::process::id()));
        let open = || options(0o640, false, false).create(true).append(true).open(&path).unwrap();
        let (one, two) = (open(), open());
        assert!(lock_shared(&one).unwrap() && lock_shared(&two).unwrap());
        assert!(!lock_exclusive(&one).unwrap());
        drop(two);
        assert!(lock_exclusive(&one).unwrap());
        let three = open();
        assert!(!lock_shared(&three).unwrap() && !lock_exclusive(&three).unwrap());
        drop(one);
        assert!(lock_exclusive(&three).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
