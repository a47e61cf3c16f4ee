//! A control group with little memory, so that the kernel kills whoever eats more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// Tells the child which group to enter.
pub(crate) const VARIABLE: &str = "SAWMILL_DEATH_GROUP";
/// Enough for the program, its lanes and what its file has in the page cache.
const BYTES: u64 = 64 << 20;

/// A group of the first or the second version, gone when this is.
pub(crate) struct Group {
    path: PathBuf,
    is_second: bool,
}

impl Group {
    /// Makes one where the memory controller is mounted.
    ///
    /// # Errors
    ///
    /// If there is no such place, or this user may not write there.
    pub(crate) fn make() -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sawmill-crash-{}-{number}", std::process::id());
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for (root, is_second) in mounts() {
            let group = Self { path: root.join(&name), is_second };
            match fs::create_dir(&group.path).and_then(|()| group.limit()) {
                Ok(()) => return Ok(group),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn limit(&self) -> io::Result<()> {
        let set = |file: &str, value: &str| fs::write(self.path.join(file), value);
        let limit = if self.is_second { "memory.max" } else { "memory.limit_in_bytes" };
        set(limit, &BYTES.to_string())?;
        // What is swapped out would not be short; where there is no swap there is no such file.
        if self.is_second {
            let _ = set("memory.swap.max", "0");
        } else {
            let _ = set("memory.swappiness", "0");
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// How many processes of the group the kernel has killed for want of memory.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or has no such count.
    pub(crate) fn kills(&self) -> io::Result<u64> {
        let file = if self.is_second { "memory.events" } else { "memory.oom_control" };
        let text = fs::read_to_string(self.path.join(file))?;
        let count =
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok());
        count.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Busy while the last process is on its way out.
        for _ in 0..200 {
            match fs::remove_dir(&self.path) {
                Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                    thread::sleep(Duration::from_millis(5));
                }
                _ => return,
            }
        }
    }
}

/// Where groups can be made, and whether they are of the second version.
fn mounts() -> Vec<(PathBuf, bool)> {
    let known = fs::read_to_string("/proc/mounts").unwrap_or_default();
    let mount = |line: &str| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, place, kind, options, ..] = fields[..] else { return None };
        let is_first = kind == "cgroup" && options.split(',').any(|option| option == "memory");
        (is_first || kind == "cgroup2").then(|| (PathBuf::from(place), kind == "cgroup2"))
    };
    known.lines().filter_map(mount).collect()
}

/// Enters the group that the parent has made.
pub(crate) fn enter() {
    let group = PathBuf::from(std::env::var_os(VARIABLE).expect("told a group"));
    fs::write(group.join("cgroup.procs"), std::process::id().to_string()).expect("in the group");
}

/// Why the kernel cannot be had to kill a process here.
pub(crate) fn cannot_be_limited() -> Option<&'static str> {
    let can = Group::make().is_ok_and(|group| group.kills().is_ok());
    (!can).then_some("no group with a limit of memory can be made here")
}
