//! One process that drains the lanes of others while they live, and after they died.
//!
//! A worker's folder is that of any run with mapped lanes, but for a mark in its control page: its
//! process drains nothing. The collector holds the directory's lock, finds folders and lanes as
//! they come (a count in the control page tells that there are new ones), reads what the dictionary
//! has grown by, and is the only one to read the rings and to give their space back. A worker is
//! dead when its folder's lock is free.

use super::dictionary::Reading;
use super::{
    CONTROL, Control, DICTIONARY, DISCARDED, Foreign, LANE, LOCK, Progress, UNFINISHED, discard,
    open_lock,
};
use crate::clock::Anchor;
use crate::lane::memory::LaneMemory;
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::sys::{self, SharedMap};
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Held by the process that collects a directory's lanes.
const COLLECTOR: &str = "collector";
/// How often folders that came, and workers that went, are looked for.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A new lane of a worker, and how far it was read by an earlier collector.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) worker: u64,
    pub(crate) memory: Arc<LaneMemory>,
    pub(crate) progress: Progress,
    pub(crate) foreign: Arc<Foreign>,
}

/// A living or dead worker's folder.
#[derive(Debug)]
struct Worker {
    /// Different for each in this process, from 1.
    id: u64,
    folder: PathBuf,
    control: Control,
    dictionary: Reading,
    foreign: Arc<Foreign>,
    /// The lanes' files that were found, and how many the worker had made by then.
    lanes: HashSet<OsString>,
    seen: u64,
    /// Its folder's lock, ours since it died.
    lock: Option<File>,
    /// Its folder is gone: it ended in order.
    is_gone: bool,
}

/// What a collector has of the workers.
#[derive(Debug)]
pub(crate) struct Collection {
    dir: PathBuf,
    _lock: File,
    workers: Vec<Worker>,
    looked: Option<Instant>,
    /// Workers that were ever found.
    pub(crate) found: u64,
}

/// Whether another process collects the lanes of a directory.
pub(super) fn is_collected(dir: &Path) -> bool {
    open_lock(&dir.join(COLLECTOR), false)
        .is_ok_and(|lock| sys::lock_exclusive(&lock).is_ok_and(|free| !free))
}

impl Collection {
    /// Becomes the collector of a directory, which is made if need be. `None`: another process is.
    ///
    /// # Errors
    ///
    /// If the directory or the lock in it cannot be made or opened.
    pub(crate) fn begin(dir: &Path) -> io::Result<Option<Self>> {
        sys::create_private_dir(dir)?;
        let lock = open_lock(&dir.join(COLLECTOR), true)?;
        if !sys::lock_exclusive(&lock)? {
            return Ok(None);
        }
        Ok(Some(Self {
            dir: dir.to_owned(),
            _lock: lock,
            workers: Vec::new(),
            looked: None,
            found: 0,
        }))
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Workers that live, or have left something to be read.
    pub(crate) fn workers(&self) -> usize {
        self.workers.len()
    }

    /// Looks for workers and lanes that came, and for workers that went. `counts` says which epochs
    /// of earlier collectors count; `clock` is ours.
    pub(crate) fn look(&mut self, counts: &dyn Fn(u64, u64) -> bool, clock: Anchor) -> Vec<Found> {
        let now = Instant::now();
        if self.looked.is_none_or(|looked| now.duration_since(looked) >= LOOK_EVERY) {
            self.looked = Some(now);
            self.look_for_workers(clock);
            self.workers.iter_mut().for_each(Worker::look_whether_it_lives);
        }
        let mut found = Vec::new();
        for worker in &mut self.workers {
            worker.find_lanes(counts, &mut found);
        }
        found
    }

    fn look_for_workers(&mut self, clock: Anchor) {
        let Ok(entries) = fs::read_dir(&self.dir) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let folder = entry.path();
            if name.starts_with(DISCARDED)
                || name.starts_with(UNFINISHED)
                || self.workers.iter().any(|worker| worker.folder == folder)
            {
                continue;
            }
            if let Some(worker) = Worker::open(folder, clock) {
                self.found += 1;
                self.workers.push(worker);
            }
        }
    }

    /// Reads what the dictionaries have grown by, and has `each` know of the worker's new one.
    pub(crate) fn learn(&mut self, clock: Anchor, mut each: impl FnMut(u64, &Arc<Foreign>)) {
        for worker in &mut self.workers {
            if worker.learn(clock) {
                each(worker.id, &worker.foreign);
            }
        }
    }

    /// Whether a worker publishes no more: what its lanes have is all there will be.
    pub(crate) fn has_ended(&self, worker: u64) -> bool {
        let found = self.workers.iter().find(|known| known.id == worker);
        found.is_none_or(|worker| worker.lock.is_some() || worker.is_gone)
    }

    /// Lets go of workers that have ended and of whom no lane is read any more.
    pub(crate) fn let_go(&mut self, is_read: impl Fn(u64) -> bool) {
        self.workers.retain(|worker| {
            let is_over =
                worker.is_gone || (worker.lock.is_some() && worker.seen >= worker.control.lanes());
            let keep = !is_over || is_read(worker.id);
            if !keep && !worker.is_gone && !worker.has_lanes() {
                discard(&worker.folder);
            }
            keep
        });
    }
}

impl Worker {
    /// Opens a folder if it is a worker's.
    fn open(folder: PathBuf, clock: Anchor) -> Option<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let control = Control::open(&folder.join(CONTROL)).ok()?;
        if !control.is_collected() {
            return None;
        }
        let dictionary = Reading::open(&folder.join(DICTIONARY))?;
        let foreign = Foreign::new(dictionary.read(), clock_of(&control, clock), true);
        let foreign = Arc::new(foreign);
        Some(Self {
            id: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            folder,
            control,
            dictionary,
            foreign,
            lanes: HashSet::new(),
            seen: 0,
            lock: None,
            is_gone: false,
        })
    }

    fn look_whether_it_lives(&mut self) {
        if self.lock.is_some() || self.is_gone {
            return;
        }
        match open_lock(&self.folder.join(LOCK), false) {
            Ok(lock) => {
                let run = &self.foreign.dictionary.run;
                let lives = run.process_start != 0
                    && sys::process_start(run.process.id) == Some(run.process_start);
                // Where locks do not reach, the process itself is looked for.
                if !lives && sys::lock_exclusive(&lock).unwrap_or(false) {
                    self.lock = Some(lock);
                    // A lane may be there that it had no time to tell of.
                    self.seen = u64::MAX;
                }
            }
            Err(error) => self.is_gone = error.kind() == io::ErrorKind::NotFound,
        }
    }

    fn find_lanes(&mut self, counts: &dyn Fn(u64, u64) -> bool, found: &mut Vec<Found>) {
        let made = self.control.lanes();
        if made == self.seen {
            return;
        }
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut all = true;
        for entry in entries.flatten() {
            let name = entry.file_name();
            if !name.to_string_lossy().starts_with(LANE) || self.lanes.contains(&name) {
                continue;
            }
            let map = SharedMap::open(&entry.path()).ok();
            let memory = map.and_then(|map| LaneMemory::attached(map, entry.path()));
            let progress = memory.as_ref().and_then(|memory| memory.header().progress(counts));
            let (Some(memory), Some(mut progress)) = (memory, progress) else {
                // It is being made.
                all = false;
                continue;
            };
            // From here on it counts whatever becomes of the folder of the one that noted it.
            progress.owner = 0;
            memory.header().mark(&progress, counts);
            self.lanes.insert(name);
            let (worker, foreign) = (self.id, self.foreign.clone());
            found.push(Found { worker, memory, progress, foreign });
        }
        if all {
            self.seen = made;
        } else if self.lock.is_some() {
            // Nobody goes on making it.
            self.seen = self.control.lanes();
        }
    }

    /// Whether files of lanes are left, which nobody could read.
    fn has_lanes(&self) -> bool {
        let Ok(entries) = fs::read_dir(&self.folder) else { return false };
        let is_lane = |name: &OsString| name.to_string_lossy().starts_with(LANE);
        entries.flatten().map(|entry| entry.file_name()).any(|name| {
            // One that nobody has used holds nothing.
            is_lane(&name)
                && SharedMap::open(&self.folder.join(&name))
                    .ok()
                    .is_some_and(|map| LaneMemory::attached(map, self.folder.join(&name)).is_some())
        })
    }

    /// Returns true if the dictionary has grown, or the clock has moved on.
    fn learn(&mut self, clock: Anchor) -> bool {
        let clock = clock_of(&self.control, clock);
        let grown = self.dictionary.length() != self.control.dictionary();
        if !grown && clock == self.foreign.clock {
            return false;
        }
        if grown {
            self.dictionary.go_on();
        }
        self.foreign = Arc::new(self.foreign.grown(self.dictionary.read(), clock));
        true
    }
}

/// How a worker's stamps read as time: by our own line, which is kept up to date, if both count
/// by the processor's counter.
fn clock_of(control: &Control, ours: Anchor) -> Anchor {
    let theirs = control.clock();
    let counts = |anchor: Anchor| anchor != Anchor::default();
    if counts(theirs) && counts(ours) { ours } else { theirs }
}
