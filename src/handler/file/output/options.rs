//! What the builders of all file handlers have in common.

use super::*;
use crate::handler::file::storage::{Disk, How};

/// What the builders of all file handlers have in common.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) path: PathBuf,
    pub(crate) mode: FileMode,
    pub(crate) delay: bool,
    /// Not opened when made, whatever `delay` says, but when [`Output::open_as_told`] is called.
    pub(crate) later: bool,
    /// A closed file of mode `w` is opened, and emptied, for the next record: Python's `w+`, `wt`.
    pub(crate) again: bool,
    /// A limit to the size leaves the mode as it is: in Python one that is set afterwards does.
    pub(crate) keeps_mode: bool,
    pub(crate) encoding: Option<String>,
    pub(crate) errors: Option<String>,
    pub(crate) permissions: u32,
    pub(crate) owner: (Option<u32>, Option<u32>),
    pub(crate) create_dirs: bool,
    pub(crate) reserve: bool,
    /// Other processes write to the file and rotate it, under one lock.
    pub(crate) shared: bool,
    /// Looks now and then whether the path still leads to the open file.
    pub(crate) follow: bool,
    /// Ends a line that a power failure left unfinished.
    pub(crate) mend: bool,
    pub(crate) sync: SyncPolicy,
    pub(crate) on_failure: OnFailure,
    pub(crate) terminator: String,
    pub(crate) storage: Arc<dyn Storage>,
}

impl Options {
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: FileMode::Append,
            delay: false,
            later: false,
            again: false,
            keeps_mode: false,
            encoding: None,
            errors: None,
            permissions: 0o640,
            owner: (None, None),
            create_dirs: false,
            reserve: true,
            shared: false,
            follow: true,
            mend: true,
            sync: SyncPolicy::Never,
            on_failure: OnFailure::new(),
            terminator: "\n".into(),
            storage: Arc::new(Disk),
        }
    }

    pub(crate) fn how(&self, mode: FileMode) -> How {
        How { mode, permissions: self.permissions, mapped: false }
    }
}
