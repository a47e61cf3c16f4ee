//! What a power failure leaves at each point: images of the disk, and the next start on them.
//!
//! The model of the disk: names (creation, renaming, removal) reach it in order, at the latest
//! with a sync of the directory; the bytes of a file reach it in order and each file for itself, at
//! the latest with a sync of the file. Nothing else may be relied on, so what was not synced is
//! there up to a point that the test draws.

use super::storage::{Disk, How, Storage};
use super::testing::{Desk, TestDir, lines_of};
use super::*;
use crate::error::Error;
use crate::handler::Handler;
use crate::sync::{Arc, Mutex, lock};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

const LINES: usize = 30;

#[derive(Debug, Clone)]
enum Op {
    Create(usize, PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    Write(usize, Vec<u8>),
    Cut(usize, usize),
    Sync(usize),
    SyncNames,
    SyncAll,
}

/// The disk, and what was done to it.
#[derive(Debug, Default)]
struct Journal(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ops: Vec<Op>,
    names: HashMap<PathBuf, usize>,
    descriptors: HashMap<i32, usize>,
    files: usize,
}

impl Journal {
    fn note(&self, file: &File, op: impl FnOnce(usize) -> Op) {
        let mut state = lock(&self.0);
        let id = state.descriptors[&file.as_raw_fd()];
        state.ops.push(op(id));
    }

    fn len(&self) -> usize {
        lock(&self.0).ops.len()
    }
}

impl Storage for Journal {
    fn open(&self, path: &Path, how: How) -> io::Result<File> {
        let file = Disk.open(path, how)?;
        let mut state = lock(&self.0);
        let id = match state.names.get(path) {
            Some(id) => *id,
            None => {
                state.files += 1;
                let id = state.files;
                state.names.insert(path.into(), id);
                state.ops.push(Op::Create(id, path.into()));
                id
            }
        };
        state.descriptors.insert(file.as_raw_fd(), id);
        Ok(file)
    }
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        let written = Disk.write(file, bytes)?;
        self.note(file, |id| Op::Write(id, bytes[..written].to_vec()));
        Ok(written)
    }
    fn truncate(&self, file: &File, len: u64) -> io::Result<()> {
        Disk.truncate(file, len)?;
        self.note(file, |id| Op::Cut(id, len as usize));
        Ok(())
    }
    fn sync(&self, file: &File) -> io::Result<()> {
        self.note(file, Op::Sync);
        Ok(())
    }
    fn sync_dir(&self, _path: &Path) -> io::Result<()> {
        lock(&self.0).ops.push(Op::SyncNames);
        Ok(())
    }
    fn sync_file_system(&self, _file: &File) -> io::Result<()> {
        lock(&self.0).ops.push(Op::SyncAll);
        Ok(())
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        Disk.rename(from, to)?;
        let mut state = lock(&self.0);
        if let Some(id) = state.names.remove(from) {
            state.names.insert(to.into(), id);
            state.ops.push(Op::Rename(from.into(), to.into()));
        }
        Ok(())
    }
    fn rename_new(&self, from: &Path, to: &Path) -> io::Result<()> {
        if to.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.rename(from, to)
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        Disk.remove(path)?;
        let mut state = lock(&self.0);
        state.names.remove(path);
        state.ops.push(Op::Remove(path.into()));
        Ok(())
    }
}

/// Numbers that look drawn.
struct Draw(u64);

impl Draw {
    /// From `least` to `most`, both included.
    fn between(&mut self, least: usize, most: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        least + (self.0 >> 33) as usize % (most - least + 1)
    }
}

/// What may be on the disk after the first operations.
fn image(ops: &[Op], draw: &mut Draw) -> BTreeMap<PathBuf, Vec<u8>> {
    let synced = |is: &dyn Fn(&Op) -> bool| ops.iter().rposition(is).map_or(0, |at| at + 1);
    let named = synced(&|op| matches!(op, Op::SyncNames | Op::SyncAll));
    let named = draw.between(named, ops.len());
    let mut names: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for op in &ops[..named] {
        match op {
            Op::Create(id, path) => drop(names.insert(path.clone(), *id)),
            Op::Rename(from, to) => {
                let id = names.remove(from).expect("names reach the disk in order");
                names.insert(to.clone(), id);
            }
            Op::Remove(path) => drop(names.remove(path)),
            _ => {}
        }
    }
    let mut contents = |id: usize| {
        let least = synced(&|op| matches!(op, Op::Sync(of) if *of == id))
            .max(synced(&|op| matches!(op, Op::SyncAll)));
        let reached = draw.between(least, ops.len());
        let mut bytes = Vec::new();
        let mut last = 0;
        for op in &ops[..reached] {
            match op {
                Op::Write(of, more) if *of == id => {
                    last = bytes.len();
                    bytes.extend_from_slice(more);
                }
                Op::Cut(of, len) if *of == id => bytes.truncate(*len),
                _ => {}
            }
        }
        // The last write may have come a part of the way.
        if reached > least && last < bytes.len() && matches!(ops[reached - 1], Op::Write(..)) {
            let end = draw.between(last, bytes.len());
            if matches!(&ops[reached - 1], Op::Write(of, _) if *of == id) {
                bytes.truncate(end);
            }
        }
        bytes
    };
    names.into_iter().map(|(path, id)| (path, contents(id))).collect()
}

type Make<'a, H> = &'a dyn Fn(&Path, Arc<dyn Storage>) -> Result<H, Error>;

/// Runs a handler once, cuts the power at each point, and starts it anew on what is left.
fn every_cut<H: Handler>(name: &str, make: Make<'_, H>) {
    let dir = TestDir::in_memory();
    let journal = Arc::new(Journal::default());
    let mut desk = Desk::new(make(dir.path(), journal.clone()).unwrap());
    let mut logged = BTreeSet::new();
    // How many operations had been made when so many lines were on the disk, as was said.
    let mut promised = vec![(0, 0)];
    for n in 0..LINES {
        let line = format!("line {n:03} {}", "-".repeat(n % 5 * 3));
        desk.now_ns += 600_000_000_000;
        desk.put(&line).unwrap();
        logged.insert(line);
        if n % 3 == 2 {
            desk.batch_end().unwrap();
        }
        if n % 6 == 5 {
            assert!(desk.sync().unwrap(), "{name}: {:?}", desk.delivery.errors);
            promised.push((journal.len(), n + 1));
        }
    }
    desk.close().unwrap();
    drop(desk);
    let ops = lock(&journal.0).ops.clone();

    for cut in 0..=ops.len() {
        for seed in 0..4 {
            let left = image(&ops[..cut], &mut Draw(cut as u64 * 977 + seed));
            let kept = promised.iter().rev().find(|(at, _)| *at <= cut).unwrap().1;
            let what = format!("{name}: cut at {cut} of {}, seed {seed}", ops.len());
            let found = start_on(&left, dir.path(), make);
            check(&found, &logged, kept, &what);
        }
    }
    println!("{name}: power cut at {} points, 4 images each", ops.len() + 1);
}

/// The lines after a start on an image.
fn start_on<H: Handler>(
    left: &BTreeMap<PathBuf, Vec<u8>>,
    old: &Path,
    make: Make<'_, H>,
) -> Vec<String> {
    let disk = TestDir::in_memory();
    for (path, bytes) in left {
        let name = path.strip_prefix(old).unwrap();
        std::fs::write(disk.path().join(name), bytes).unwrap();
    }
    let mut desk = Desk::new(make(disk.path(), Arc::new(Disk)).unwrap());
    desk.now_ns += 600_000_000_000 * (LINES as i64 + 1);
    desk.put("after").unwrap();
    desk.close().unwrap();
    assert!(desk.delivery.errors.is_empty(), "{:?}: {left:?}", desk.delivery.errors);
    drop(desk);
    let names = disk.names();
    assert!(!names.iter().any(|name| name.contains(".part")), "{names:?}");
    lines_of(&disk)
}

fn check(found: &[String], logged: &BTreeSet<String>, kept: usize, what: &str) {
    let whole: BTreeSet<_> = found.iter().filter(|line| logged.contains(*line)).collect();
    let twice = found.iter().filter(|line| logged.contains(*line)).count() - whole.len();
    assert_eq!(twice, 0, "{what}: lines are doubled: {found:#?}");
    for line in logged.iter().take(kept) {
        assert!(whole.contains(line), "{what}: {line:?} was synced and is gone: {found:#?}");
    }
    assert_eq!(found.iter().filter(|line| *line == "after").count(), 1, "{what}: {found:#?}");
    for line in found.iter().filter(|line| *line != "after" && !logged.contains(*line)) {
        // The end of a file that was not synced.
        let torn = logged.iter().any(|whole| whole.starts_with(line.as_str()));
        assert!(torn || line.ends_with(": no end"), "{what}: {line:?} in {found:#?}");
    }
}

fn plain(
    dir: &Path,
    storage: Arc<dyn Storage>,
    rotate: Rotate,
    change: impl Fn(FileHandlerBuilder) -> FileHandlerBuilder,
) -> Result<FileHandler, Error> {
    let builder = FileHandler::builder(dir.join("a.log")).storage(storage).inline();
    change(builder.rotate(rotate)).build()
}

#[test]
fn what_was_synced_outlives_a_power_cut_at_any_point() {
    for sync in [SyncPolicy::Never, SyncPolicy::Batch] {
        every_cut(&format!("size, dated, {sync:?}"), &|dir, storage| {
            plain(dir, storage, Rotate::size(100).utc(), |it| it.sync(sync))
        });
        every_cut(&format!("hourly or at the start, rising, {sync:?}"), &|dir, storage| {
            let rotate = Rotate::hourly().or_at_start().utc();
            plain(dir, storage, rotate, |it| it.sync(sync).naming(Naming::Rising))
        });
        every_cut(&format!("size, shifting, {sync:?}"), &|dir, storage| {
            plain(dir, storage, Rotate::size(100).utc(), |it| {
                it.sync(sync).naming(Naming::Shifting).keep(Keep::files(50))
            })
        });
        every_cut(&format!("RotatingFileHandler, {sync:?}"), &|dir, storage| {
            let builder = RotatingFileHandler::builder(dir.join("a.log")).storage(storage);
            builder.sync(sync).max_bytes(100).backup_count(50).build()
        });
    }
}

#[test]
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn compression_neither_loses_nor_doubles_a_line_by_a_power_cut() {
    let kinds =
        [(Compress::Gzip, cfg!(feature = "gzip")), (Compress::Zstd, cfg!(feature = "zstd"))];
    for (kind, _) in kinds.into_iter().filter(|(_, known)| *known) {
        for sync in [SyncPolicy::Never, SyncPolicy::Batch] {
            every_cut(&format!("size, {kind:?}, {sync:?}"), &|dir, storage| {
                plain(dir, storage, Rotate::size(150).utc(), |it| it.sync(sync).compress(kind))
            });
        }
    }
}
