//! Handlers that write to files.
//!
//! All of them gather whole lines and write them when 256 KiB are full or the rings ran dry, with
//! space allocated ahead where the file system gains by it, so that readers see exactly the bytes
//! that were written. [`FileHandler`] is the plain one.

mod base;
mod encoding;
mod mapped;
mod output;
mod schedule;
mod segment;
mod storage;

pub use mapped::{MmapRotatingFileHandler, MmapRotatingFileHandlerBuilder, Numbering};
pub use rotating::{RotatingFileHandler, RotatingFileHandlerBuilder};
pub use schedule::When;
pub use storage::FileMode;
pub use timed::{TimedRotatingFileHandler, TimedRotatingFileHandlerBuilder};
pub use watched::{WatchedFileHandler, WatchedFileHandlerBuilder};

use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::record::LogRecord;
use output::{Options, Output};
use std::path::{Path, PathBuf};

/// The building steps that all file handlers share; `$inner` leads to their [`Options`].
macro_rules! common_steps {
    ($($inner:ident).+) => {
        /// Opens the file at the first record, not at once.
        pub fn delay(mut self, delay: bool) -> Self {
            self.$($inner).+.delay = delay;
            self
        }

        /// Leaves the opening to [`Handler::open`](crate::Handler::open).
        #[cfg(feature = "config")]
        #[cfg(feature = "config")]
        pub(crate) fn opened_later(mut self) -> Self {
            self.$($inner).+.later = true;
            self
        }

        /// Sets the text encoding, by any of Python's names for it.
        ///
        /// UTF-8, `utf-8-sig`, ASCII, Latin-1, UTF-16 and UTF-32 are always known, code pages
        /// with the cargo feature `encodings`. A record that cannot be encoded counts as failed.
        pub fn encoding(mut self, name: impl Into<String>) -> Self {
            self.$($inner).+.encoding = Some(name.into());
            self
        }

        /// Sets what becomes of characters that the encoding cannot hold: `strict` (the record
        /// fails), `ignore`, `replace`, `backslashreplace` or `xmlcharrefreplace`.
        pub fn errors(mut self, name: impl Into<String>) -> Self {
            self.$($inner).+.errors = Some(name.into());
            self
        }

        /// Sets the permission bits of files that are created; the umask still applies.
        pub fn permissions(mut self, bits: u32) -> Self {
            self.$($inner).+.permissions = bits;
            self
        }

        /// Makes the file's directory, and those above it, if they are missing.
        pub fn create_dirs(mut self, create: bool) -> Self {
            self.$($inner).+.create_dirs = create;
            self
        }

        /// Sets what ends each line.
        pub fn terminator(mut self, terminator: impl Into<String>) -> Self {
            self.$($inner).+.terminator = terminator.into();
            self
        }

        /// Allocates space ahead of the writes: 1 to 16 MiB behind the end of the file, given
        /// back when it is closed or, after a crash, opened again. Happens only under the file's
        /// advisory lock, while nobody else writes to it, on file systems that gain by it (ext4,
        /// XFS, F2FS), and once 64 KiB were written.
        pub fn reserve(mut self, reserve: bool) -> Self {
            self.$($inner).+.reserve = reserve;
            self
        }

        /// Puts other file operations under the handler.
        // Every builder has it; not every one is tested with it.
        #[cfg(test)]
        #[allow(dead_code)]
        pub(crate) fn storage(
            mut self,
            storage: crate::sync::Arc<dyn crate::handler::file::storage::Storage>,
        ) -> Self {
            self.$($inner).+.storage = storage;
            self
        }
    };
}

/// The building steps that rotating handlers share; `$hooks` is their [`base::Hooks`].
macro_rules! rotation_steps {
    ($hooks:ident) => {
        /// Sets a function that makes the name of a rotated file of the default one.
        pub fn namer(mut self, namer: impl Fn(&Path) -> PathBuf + Send + Sync + 'static) -> Self {
            self.$hooks.set_namer(namer);
            self
        }

        /// Sets a function that moves a file (the first path) to its rotated name (the second),
        /// in place of a rename. It runs on the drain: what takes long, as compression does,
        /// is better left to a thread of its own.
        pub fn rotator(
            mut self,
            rotator: impl Fn(&Path, &Path) -> io::Result<()> + Send + Sync + 'static,
        ) -> Self {
            self.$hooks.set_rotator(rotator);
            self
        }
    };
}

/// The methods that rotating handlers share; `$base` is their [`base::BaseRotating`].
macro_rules! rotation_methods {
    ($base:ident) => {
        /// The absolute path of the file, Python's `baseFilename`.
        pub fn path(&self) -> &Path {
            self.$base.output.path()
        }

        /// Sets what ends each line from now on.
        pub fn set_terminator(&mut self, terminator: &str) {
            self.$base.output.set_terminator(terminator);
        }

        /// Sets a function that makes the name of a rotated file of the default one.
        pub fn set_namer(&mut self, namer: impl Fn(&Path) -> PathBuf + Send + Sync + 'static) {
            self.$base.hooks.set_namer(namer);
        }

        /// Sets a function that moves a file (the first path) to its rotated name (the second).
        pub fn set_rotator(
            &mut self,
            rotator: impl Fn(&Path, &Path) -> io::Result<()> + Send + Sync + 'static,
        ) {
            self.$base.hooks.set_rotator(rotator);
        }

        /// The name of a rotated file: the default one, or what the namer makes of it.
        pub fn rotation_filename(&self, default: impl Into<PathBuf>) -> PathBuf {
            self.$base.hooks.rotation_filename(default.into())
        }
    };
}

// Below the macros, which they use.
mod rotating;
mod timed;
mod watched;

/// Writes records to a file, Python's `FileHandler`.
///
/// The path is made absolute when the handler is made. Lines are written whole, at the end of the
/// file wherever that is, so that a file which is emptied from outside (`copytruncate`) gets no
/// hole. After a close the next record opens the file again, unless the mode is
/// [`FileMode::Truncate`], as in Python.
///
/// A file that takes nothing (a full disk, a dead mount) keeps up to 1 MiB waiting and is tried
/// again after 10 ms, doubling to 1 s, and whenever something is flushed; records that find no
/// room count as failed. Nothing has to be done for it to recover.
///
/// | option | default | |
/// |---|---|---|
/// | `mode` | `Append` | what becomes of a file that exists |
/// | `delay` | `false` | open at the first record |
/// | `encoding` | UTF-8 | |
/// | `errors` | `strict` | for characters that the encoding lacks |
/// | `terminator` | `"\n"` | |
/// | `permissions` | `0o640` | of new files, less the umask; Unix only |
/// | `create_dirs` | `false` | a missing directory is an error that names it |
/// | `reserve` | `true` | allocate space ahead of the writes, which then cost less |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-{}", std::process::id()));
/// use sawmill::{FileHandler, FileMode};
///
/// let handler = FileHandler::builder(directory.join("app.log"))
///     .mode(FileMode::Truncate)
///     .create_dirs(true)
///     .build()?;
/// assert!(handler.path().is_absolute());
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct FileHandler {
    output: Output,
}

/// Builds a [`FileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct FileHandlerBuilder {
    options: Options,
}

impl FileHandlerBuilder {
    common_steps!(options);

    /// Sets what becomes of a file that exists already.
    pub fn mode(mut self, mode: FileMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood; the text names the path or
    /// the option.
    pub fn build(self) -> Result<FileHandler, Error> {
        Ok(FileHandler { output: Output::new(self.options)? })
    }
}

impl FileHandler {
    /// Opens a file to append to, with the defaults of the table above.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> FileHandlerBuilder {
        FileHandlerBuilder { options: Options::new(path) }
    }

    /// The absolute path of the file, Python's `baseFilename`.
    pub fn path(&self) -> &Path {
        self.output.path()
    }

    /// The mode that the file is opened with.
    pub fn mode(&self) -> FileMode {
        self.output.options().mode
    }

    /// Sets what ends each line from now on.
    pub fn set_terminator(&mut self, terminator: &str) {
        self.output.set_terminator(terminator);
    }

    /// Writes what waits, closes the file and opens its path again, for tools that move files
    /// away (`logrotate`). The file at the path is appended to, whatever the mode.
    ///
    /// # Errors
    ///
    /// If the path cannot be opened; the next record tries again.
    pub fn reopen(&mut self) -> Result<(), Error> {
        self.output.flush()?;
        self.output.release_file();
        self.output.open_to_append()
    }
}

impl Handler for FileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.emit(record, cx)
    }

    fn batch_end(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.batch_end()
    }

    fn flush(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.flush()
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.close(cx)
    }

    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.open_as_told()
    }

    fn held(&self) -> u64 {
        self.output.held()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod full_disk;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
