//! A small file system, and what troubles it.

use crate::child;
use crate::mount::Mount;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{env, fs, io, thread};

/// A mounted file system in memory, which goes with the value.
pub(crate) struct Disk {
    folder: PathBuf,
    _mounted: Mount,
}

/// Whether this process may mount one.
pub(crate) fn can_be_mounted() -> io::Result<()> {
    let folder = env::temp_dir().join(format!("sawmill-disks-probe-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mounted = Disk::mount(&folder, 1 << 20).map(drop);
    let _ = fs::remove_dir(&folder);
    mounted
}

impl Disk {
    pub(crate) fn mount(folder: &Path, bytes: u64) -> io::Result<Self> {
        let size = format!("size={bytes}");
        let mounted = Mount::new(&["-t", "tmpfs", "-o", &size, "none"], folder)?;
        Ok(Self { folder: folder.to_owned(), _mounted: mounted })
    }

    /// Takes all the room there is.
    fn fill(&self) {
        let Ok(mut ballast) = fs::File::options().append(true).create(true).open(self.ballast())
        else {
            return;
        };
        for size in [65_536, 4096, 512, 1] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
    }

    /// Gives the room back.
    pub(crate) fn free(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }

    /// Fills and frees the disk and moves archives away, for a while. Returns whether it is full at
    /// the end, which it may be if so told.
    pub(crate) fn trouble(&self, seed: u64, life: Duration, may_end_full: bool) -> bool {
        let until = Instant::now() + life;
        let mut state = seed;
        let mut is_full = false;
        while Instant::now() < until {
            state = child::random(state);
            thread::sleep(Duration::from_millis(20 + state % 150));
            is_full = !is_full;
            if is_full {
                self.fill()
            } else {
                self.free()
            }
            if state >> 32 & 1 == 0 {
                self.move_archives();
            }
            // What others gave back is taken again.
            if is_full && state >> 33 & 1 == 0 {
                self.fill();
            }
        }
        if is_full && !may_end_full {
            self.free();
            is_full = false;
        }
        is_full
    }

    /// Moves compressed files elsewhere, as a shipper does.
    fn move_archives(&self) {
        let out = self.folder.with_file_name(child::SHIPPED);
        let _ = fs::create_dir_all(&out);
        for file in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = file.path();
            if path.extension().is_some_and(|end| end == "gz") {
                let moved = out.join(file.file_name());
                if fs::copy(&path, &moved).is_ok() {
                    let _ = fs::remove_file(path);
                }
            }
        }
    }
}
