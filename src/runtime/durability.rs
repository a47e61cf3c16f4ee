//! Where records lie until they are written.

use std::path::{Path, PathBuf};

/// Where records lie between a call and the drain; see
/// [`RuntimeBuilder::durability`](crate::RuntimeBuilder::durability).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Lanes {
    /// In memory of the process, which goes with it.
    #[default]
    Heap,
    /// In files of this directory, mapped into memory: what was published survives the process,
    /// however it ends, and is written by the next one that starts with the same directory, or by
    /// [`Runtime::recover`](crate::Runtime::recover). Linux only.
    Mapped(PathBuf),
    /// As mapped, and drained by another process, which [collects](crate::Runtime::collect) the
    /// lanes of this directory: this one formats and writes nothing, starts no thread and has no
    /// handlers.
    Collected(PathBuf),
}

impl Lanes {
    /// Mapped lanes in memory that lasts until the machine stops: below `/dev/shm`, in a directory
    /// of this name. A program's processes use one name, other programs another.
    ///
    /// # Panics
    ///
    /// If the name is empty or holds a slash.
    pub fn mapped(name: &str) -> Self {
        assert!(!name.is_empty() && !name.contains('/'), "{name:?} is no name of a directory");
        Self::Mapped(Path::new("/dev/shm").join(name))
    }

    /// The same lanes, drained by another process; see [`Collected`](Self::Collected). Lanes on the
    /// heap stay there.
    #[must_use]
    pub fn collected(self) -> Self {
        match self {
            Self::Mapped(dir) => Self::Collected(dir),
            other => other,
        }
    }
}
