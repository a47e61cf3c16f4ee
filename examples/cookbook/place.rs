//! A directory for an example's files, removed at the end.
#![allow(dead_code, reason = "each example uses what it needs")]

use std::path::{Path, PathBuf};

pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> std::io::Result<Self> {
        let name = format!("sawmill-cookbook-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The names of the files, in order.
    pub(crate) fn names(&self) -> std::io::Result<Vec<String>> {
        let name = |path: PathBuf| path.file_name().map(|it| it.to_string_lossy().into_owned());
        let mut names: Vec<String> = std::fs::read_dir(&self.0)?
            .filter_map(|entry| entry.ok().and_then(|entry| name(entry.path())))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Prints a file and returns its lines.
    pub(crate) fn show(&self, name: impl AsRef<Path>) -> std::io::Result<Vec<String>> {
        let name = name.as_ref();
        let text = std::fs::read_to_string(self.0.join(name))?;
        println!("-- {}\n{}", name.display(), text.trim_end());
        Ok(text.lines().map(Into::into).collect())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
