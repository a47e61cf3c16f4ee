//! The file operations under the file handlers, behind one trait, so that tests can make any of
//! them fail.
//!
//! Every method has the real operation as its default; [`Disk`] is the storage that changes none.

use crate::error::Error;
use crate::sys;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
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
    /// cut short by somebody else gets no hole. A symbolic link that another user may have
    /// planted is not followed.
    fn open(&self, path: &Path, how: How) -> io::Result<File> {
        let follow = is_trusted_link(path)?;
        let pipe = std::fs::metadata(path).is_ok_and(|meta| sys::is_plain_pipe(&meta));
        let mut options = sys::options(how.permissions, pipe, !follow);
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

    /// Opens a regular file for reading; no link is followed.
    fn open_read(&self, path: &Path) -> io::Result<File> {
        // A pipe that stands there must not stall the call.
        let file = sys::options(0, true, true).read(true).open(path)?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// Reads what the system gives at once.
    fn read(&self, mut file: &File, into: &mut [u8]) -> io::Result<usize> {
        file.read(into)
    }

    /// Sees to it that what was written to a file survives a power failure.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    /// Sees to it that the names in a directory survive a power failure.
    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        sys::sync_dir(path)
    }

    /// Sees to it that everything written to a file's file system survives a power failure.
    fn sync_file_system(&self, file: &File) -> io::Result<()> {
        sys::sync_file_system(file)
    }

    /// Gives a new file to a user, a group, or both.
    fn set_owner(&self, file: &File, user: Option<u32>, group: Option<u32>) -> io::Result<()> {
        sys::set_owner(file, user, group)
    }

    /// Gives a file the permissions, the time and, if we may, the owner of another one.
    fn copy_rights(&self, from: &Metadata, to: &File) -> io::Result<()> {
        sys::copy_rights(from, to)?;
        to.set_modified(from.modified()?)
    }

    /// Writes what the system takes at once.
    fn write(&self, mut file: &File, bytes: &[u8]) -> io::Result<usize> {
        file.write(bytes)
    }

    /// Writes all of `bytes` at a place of a file that was opened to be mapped.
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        sys::write_all_at(file, bytes, at)
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

    /// Moves a file to a name that nothing has; `AlreadyExists` if something has it.
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        sys::rename_new(from, to)
    }

    /// Asks a path; a symbolic link is told as such.
    fn link_metadata(&self, path: &Path) -> io::Result<Metadata> {
        std::fs::symlink_metadata(path)
    }

    /// Makes a symbolic link.
    fn symlink(&self, target: &Path, at: &Path) -> io::Result<()> {
        sys::symlink(target, at)
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

/// Returns true if a link is at the path and may be followed, false if no link is there.
///
/// The time between this look and the opening is closed by opening without following.
fn is_trusted_link(path: &Path) -> io::Result<bool> {
    let Ok(link) = std::fs::symlink_metadata(path) else { return Ok(false) };
    if !link.file_type().is_symlink() {
        return Ok(false);
    }
    let directory = match path.parent() {
        Some(directory) if directory != Path::new("") => directory,
        _ => Path::new("."),
    };
    match sys::may_follow(&link, &std::fs::metadata(directory)?) {
        true => Ok(true),
        false => Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "a symbolic link of another user is there, in a directory that others may write to",
        )),
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
pub(crate) mod testing;

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
