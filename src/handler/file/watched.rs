//! A file that others move away.

use super::lines::Bounds;
use super::output::{Options, Output};
use super::storage::FileMode;
use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::record::LogRecord;
use std::path::{Path, PathBuf};

/// Writes records to a file that others may move or remove, Python's `WatchedFileHandler`.
///
/// Before lines are written, the path is compared with the open file by device and inode; if it
/// leads elsewhere, or nowhere, the file is closed and the path opened anew. That is once a batch,
/// and once a record where each record is a batch. For `logrotate` without `copytruncate`. On
/// platforms other than Unix open files are not moved, and each batch opens the path anew.
///
/// Options and defaults are those of [`FileHandler`](crate::FileHandler).
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-w-{}", std::process::id()));
/// use sawmill::WatchedFileHandler;
///
/// let path = directory.join("app.log");
/// let handler = WatchedFileHandler::builder(path).create_dirs(true).build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct WatchedFileHandler {
    output: Output,
}

/// Builds a [`WatchedFileHandler`].
#[derive(Debug, Clone)]
#[must_use]
pub struct WatchedFileHandlerBuilder {
    options: Options,
}

impl WatchedFileHandlerBuilder {
    common_steps!(options);

    /// Sets what becomes of a file that exists already, each time that the path is opened.
    pub fn mode(mut self, mode: FileMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood.
    pub fn build(self) -> Result<WatchedFileHandler, Error> {
        let mut output = Output::new(self.options)?;
        output.watch();
        Ok(WatchedFileHandler { output })
    }
}

impl WatchedFileHandler {
    /// Opens a file to append to.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> WatchedFileHandlerBuilder {
        WatchedFileHandlerBuilder { options: Options::new(path) }
    }

    /// The absolute path of the file, Python's `baseFilename`.
    pub fn path(&self) -> &Path {
        self.output.path()
    }

    /// Sets what ends each line from now on.
    pub fn set_terminator(&mut self, terminator: &str) {
        self.output.set_terminator(terminator);
    }

    /// The file, which is written to without a question.
    pub(super) fn bounded(&mut self) -> Option<(&mut Output, Bounds)> {
        Some((self.output.takes_lines()?, Bounds::NONE))
    }

    /// Opens the path anew if it does not lead to the open file any more. Lines that wait go to
    /// the new file.
    ///
    /// # Errors
    ///
    /// If the path cannot be examined or opened.
    pub fn reopen_if_needed(&mut self) -> Result<(), Error> {
        self.output.look_around(&mut Context::detached()).map(drop)
    }
}

takes_fallback!(WatchedFileHandler, in output);

impl Handler for WatchedFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.emit_or_escape(record, cx)
    }

    answered_by!(output);
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::testing::{Desk, TestDir};
    use super::*;

    #[test]
    fn a_file_that_was_moved_away_or_removed_is_made_anew() {
        let dir = TestDir::new();
        let mut desk = Desk::new(WatchedFileHandler::new(dir.join("a.log")).unwrap());
        desk.log("one").unwrap();
        std::fs::rename(dir.join("a.log"), dir.join("moved")).unwrap();
        desk.log("two").unwrap();
        std::fs::remove_file(dir.join("a.log")).unwrap();
        desk.log("three").unwrap();
        desk.log("four").unwrap();
        assert_eq!(dir.read("moved"), "one\n");
        assert_eq!(dir.read("a.log"), "three\nfour\n");
    }

    #[test]
    fn lines_wait_while_the_directory_is_gone() {
        let dir = TestDir::new();
        std::fs::create_dir(dir.join("logs")).unwrap();
        let mut desk = Desk::new(WatchedFileHandler::new(dir.join("logs/a.log")).unwrap());
        desk.log("one").unwrap();
        std::fs::rename(dir.join("logs"), dir.join("away")).unwrap();
        assert!(desk.log("two").is_err());
        assert_eq!(desk.handler.held(), 1);
        std::fs::create_dir(dir.join("logs")).unwrap();
        desk.flush().unwrap();
        assert_eq!(dir.read("logs/a.log"), "two\n");
    }
}
