//! The file operations under the file handlers, behind one trait, so that tests can make any of
//! them fail.
//!
//! Every method has the real operation as its default; [`Disk`] is the storage that changes none.

use crate::error::Error;
use crate::sys;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Python's file modes, as far as they write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum FileMode {
    /// `a`: keep what is there, append.
    #[default]
    Append,
    /// `w`: empty the file when it is opened.
    Truncate,
    /// `x`: the file must not exist yet.
    New,
}

impl std::str::FromStr for FileMode {
    type Err = Error;

    /// Understands Python's `a`, `w` and `x`, with `t` and `+` behind them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bare = text.replacen('t', "", 1).replacen('+', "", 1);
        match &*bare {
            "a" => Ok(Self::Append),
            "w" => Ok(Self::Truncate),
            "x" => Ok(Self::New),
            _ => Err(Error::invalid(format!(
                "invalid mode: '{text}' (a log file takes 'a', 'w' or 'x')"
            ))),
        }
    }
}

/// How a file is opened for writing at its end.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) mode: FileMode,
    /// Permission bits of a new file, before the umask.
    pub(crate) permissions: u32,
    /// Open for stores through a mapping: readable, and not bound to the end.
    pub(crate) mapped: bool,
}

/// The file operations under the file handlers.
pub(crate) trait Storage: Send + Sync + fmt::Debug {
    /// Opens a file for writing. Appending modes write at the end at each write, so that a file
    /// cut short by somebody else gets no hole.
    fn open(&self, path: &Path, how: How) -> io::Result<File> {
        let pipe = std::fs::metadata(path).is_ok_and(|meta| sys::is_plain_pipe(&meta));
        let mut options = sys::options(how.permissions, pipe);
        if how.mapped {
            options.read(true).write(true);
        } else {
            options.append(true);
        }
        match how.mode {
            FileMode::Append => options.create(true).open(path),
            FileMode::New => options.create_new(true).open(path),
            FileMode::Truncate => {
                // The standard library refuses to append and truncate in one step.
                let file = options.create(true).open(path)?;
                if file.metadata()?.is_file() {
                    file.set_len(0)?;
                }
                Ok(file)
            }
        }
    }

    /// Writes what the system takes at once.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Allocates space; see [`sys::allocate`].
    fn allocate(&self, file: &File, offset: u64, len: u64, keep_size: bool) -> io::Result<()> {
        sys::allocate(file, offset, len, keep_size)
    }

    /// Sets the size; to the present size, it gives back what was allocated behind it.
    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        file.set_len(len)
    }

    /// Asks an open file.
    fn stat(&self, file: &File) -> io::Result<Metadata> {
        file.metadata()
    }

    /// Asks a path, through symbolic links.
    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        std::fs::metadata(path)
    }

    /// Moves a file, over another one if need be.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    /// Makes a directory and those above it.
    fn create_dirs(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    /// The entries of a directory, in no order.
    fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect()
    }
}

/// Returns true if something is at `path`.
///
/// # Errors
///
/// If that cannot be found out. Python takes this for a no, and may then move a file over one
/// that is there.
pub(crate) fn exists(storage: &dyn Storage, path: &Path) -> Result<bool, Error> {
    match storage.metadata(path) {
        Ok(_) => Ok(true),
        Err(error)
            if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(false)
        }
        Err(error) => Err(Error::io("examine", path, error)),
    }
}

/// The real file system.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Disk;

impl Storage for Disk {}

#[cfg(test)]
pub(crate) mod testing {
    //! A storage whose operations fail when a test says so, and small things for tests on files.

    use super::*;
    use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};

    /// What a test decides about one operation.
    #[derive(Debug, Clone, Copy)]
    pub(crate) enum Fate {
        Work,
        /// Fails with this number of the operating system.
        Fail(i32),
        /// A write takes this many bytes only.
        Short(usize),
    }

    type Decide = dyn FnMut(&'static str, u64) -> Fate + Send;

    /// Asks a closure before each operation: its name and its number, from 1.
    pub(crate) struct Faulty {
        decide: Mutex<Box<Decide>>,
        count: AtomicU64,
    }

    impl Faulty {
        pub(crate) fn new(
            decide: impl FnMut(&'static str, u64) -> Fate + Send + 'static,
        ) -> Arc<Self> {
            Arc::new(Self { decide: Mutex::new(Box::new(decide)), count: AtomicU64::new(0) })
        }

        /// Fails the `n`-th operation, whatever it is, and no other.
        pub(crate) fn nth(n: u64, errno: i32) -> Arc<Self> {
            Self::new(move |_, at| if at == n { Fate::Fail(errno) } else { Fate::Work })
        }

        pub(crate) fn set(&self, decide: impl FnMut(&'static str, u64) -> Fate + Send + 'static) {
            *lock(&self.decide) = Box::new(decide);
        }

        pub(crate) fn count(&self) -> u64 {
            self.count.load(Ordering::Relaxed)
        }

        fn ask(&self, what: &'static str) -> io::Result<Option<usize>> {
            let at = self.count.fetch_add(1, Ordering::Relaxed) + 1;
            match lock(&self.decide)(what, at) {
                Fate::Work => Ok(None),
                Fate::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
                Fate::Short(n) => Ok(Some(n)),
            }
        }
    }

    impl fmt::Debug for Faulty {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("Faulty")
        }
    }

    impl Storage for Faulty {
        fn open(&self, path: &Path, how: How) -> io::Result<File> {
            self.ask("open")?;
            Disk.open(path, how)
        }
        fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
            let most = self.ask("write")?.unwrap_or(bytes.len());
            Disk.write(file, &bytes[..most.min(bytes.len())])
        }
        fn allocate(&self, file: &File, offset: u64, len: u64, keep: bool) -> io::Result<()> {
            self.ask("allocate")?;
            Disk.allocate(file, offset, len, keep)
        }
        fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
            self.ask("truncate")?;
            Disk.truncate(file, len)
        }
        fn stat(&self, file: &File) -> io::Result<Metadata> {
            self.ask("stat")?;
            Disk.stat(file)
        }
        fn metadata(&self, path: &Path) -> io::Result<Metadata> {
            self.ask("metadata")?;
            Disk.metadata(path)
        }
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            self.ask("rename")?;
            Disk.rename(from, to)
        }
        fn remove(&self, path: &Path) -> io::Result<()> {
            self.ask("remove")?;
            Disk.remove(path)
        }
        fn create_dirs(&self, path: &Path) -> io::Result<()> {
            self.ask("create_dirs")?;
            Disk.create_dirs(path)
        }
        fn list(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
            self.ask("list")?;
            Disk.list(directory)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_as_python_spells_them() {
        assert_eq!("a".parse::<FileMode>().unwrap(), FileMode::Append);
        assert_eq!("wt".parse::<FileMode>().unwrap(), FileMode::Truncate);
        assert_eq!("x+".parse::<FileMode>().unwrap(), FileMode::New);
        for wrong in ["", "r", "ab", "aw", "A"] {
            assert!(wrong.parse::<FileMode>().unwrap_err().is_invalid(), "{wrong}");
        }
    }
}
