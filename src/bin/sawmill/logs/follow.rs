//! A path over rotations: which file comes after the one that was read to its end.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How long a follower sleeps between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);

/// Tells files apart, whatever their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Id(u64, u64);

#[cfg(unix)]
fn id(meta: &Metadata) -> Id {
    use std::os::unix::fs::MetadataExt;
    Id(meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn id(meta: &Metadata) -> Id {
    let made = meta.created().ok().and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
    Id(0, made.map_or(0, |at| at.as_nanos() as u64))
}

/// Follows a path.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    /// The file being read, and when it was written to last.
    current: Option<(Id, SystemTime)>,
    /// Files that were at the path and were moved away before they were read.
    missed: VecDeque<PathBuf>,
}

impl Follower {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), current: None, missed: VecDeque::new() }
    }

    /// Notes that this file is read now.
    pub(crate) fn took(&mut self, file: &File) {
        if let Ok(meta) = file.metadata() {
            self.current = Some((id(&meta), changed(&meta)));
        }
    }

    /// Whether another file is at the path than the one being read, which then gets no more.
    pub(crate) fn has_moved(&self) -> bool {
        let Some((current, _)) = self.current else { return true };
        std::fs::metadata(&self.path).is_ok_and(|meta| id(&meta) != current)
    }

    /// The file to be read next: one that was rotated meanwhile, else the one at the path. The
    /// file being read is at its end.
    pub(crate) fn next(&mut self, old: Option<&File>) -> Option<File> {
        if self.missed.is_empty() {
            self.missed = self.rotated_since(old).into();
        }
        while let Some(path) = self.missed.pop_front() {
            if let Ok(file) = File::open(path) {
                return Some(file);
            }
        }
        File::open(&self.path).ok()
    }

    /// Files beside the path that bear its name, and were written after the one that was read.
    fn rotated_since(&self, old: Option<&File>) -> Vec<PathBuf> {
        let Some((current, _)) = self.current else { return Vec::new() };
        let last = old.and_then(|old| old.metadata().ok()).map(|meta| changed(&meta));
        let Some(last) = last else { return Vec::new() };
        let live = std::fs::metadata(&self.path).ok().map(|meta| id(&meta));
        let directory = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else {
            return Vec::new();
        };
        // The file of a mapped handler has a name of its own while it is written.
        let name = name.strip_suffix(".live").unwrap_or(name);
        let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
        let mut found: Vec<(SystemTime, PathBuf)> = entries
            .flatten()
            .filter(|entry| {
                let known = entry.file_name();
                let rest = known.to_str().and_then(|known| known.strip_prefix(name));
                let packed = [".gz", ".zst", ".part", ".lock"];
                rest.is_some_and(|rest| {
                    rest.starts_with('.') && !packed.iter().any(|end| rest.ends_with(end))
                })
            })
            .filter_map(|entry| {
                let meta = std::fs::symlink_metadata(entry.path()).ok()?;
                let is_other = id(&meta) != current && Some(id(&meta)) != live;
                (meta.is_file() && is_other && changed(&meta) > last)
                    .then(|| (changed(&meta), entry.path()))
            })
            .collect();
        found.sort();
        found.into_iter().map(|(_, path)| path).collect()
    }
}

fn changed(meta: &Metadata) -> SystemTime {
    meta.modified().unwrap_or(SystemTime::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_were_rotated_meanwhile_come_in_their_order() {
        let dir = std::env::temp_dir().join(format!("sawmill-follow-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let live = dir.join("a.log");
        let write = |name: &str, second: u64| {
            let path = dir.join(name);
            std::fs::write(&path, name).unwrap();
            let file = File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).unwrap();
        };
        write("a.log", 100);
        write("a.log.1", 50);
        write("a.logger", 150);
        let mut follower = Follower::new(&live);
        let first = File::open(&live).unwrap();
        follower.took(&first);
        assert!(!follower.has_moved());
        std::fs::rename(&live, dir.join("a.log.3")).unwrap();
        assert!(!follower.has_moved(), "there is no other yet");
        write("a.log.2", 120);
        write("a.log.4.gz", 130);
        write("a.log.0", 110);
        write("a.log", 140);
        assert!(follower.has_moved());
        let mut read = Vec::new();
        let mut old = first;
        for _ in 0..3 {
            let mut file = follower.next(Some(&old)).unwrap();
            follower.took(&file);
            let mut text = String::new();
            std::io::Read::read_to_string(&mut file, &mut text).unwrap();
            read.push(text);
            old = file;
        }
        std::fs::remove_dir_all(&dir).unwrap();
        assert_eq!(read, ["a.log.0", "a.log.2", "a.log"]);
    }
}
