//! What the dead left behind.

use super::collect::is_collected;
use super::journal::{Batch, SHARED, has_batch};
use super::spill::{Unfolded, unfold};
use super::{
    CONTROL, Control, DICTIONARY, DISCARDED, Dictionary, Entry, LANE, LOCK, RECORDER, RecorderRing,
    UNFINISHED, discard, open_lock,
};
use super::{Foreign, Progress};
use crate::lane::memory::LaneMemory;
use crate::sync::Arc;
use crate::sys::{self, SharedMap};
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A batch that is written takes milliseconds; a process may be stopped in the midst of it.
const LONGEST_BATCH: Duration = Duration::from_secs(10);
/// Held while estates are looked at, so that only one process decides about each.
const RECOVERY: &str = "recovery";

/// What there is to be done with files of blocks, for those who do not know what these look like.
#[derive(Debug)]
pub(crate) struct BlockFiles {
    /// Whether the file at a path has, from a place on, the segment's block with that tag.
    pub(crate) has: fn(&Path, u64, u32, u64) -> io::Result<bool>,
    /// Takes back the segment's blocks behind the one with that tag, if there is one and the file
    /// has it, from a place on. Nothing is done to what others wrote.
    pub(crate) undo: fn(&Path, u64, u32, Option<u64>) -> io::Result<()>,
}

/// A dead run's folder, ours now.
#[derive(Debug)]
pub(crate) struct Estate {
    folder: PathBuf,
    _lock: File,
    pub(crate) foreign: Arc<Foreign>,
    pub(crate) control: Control,
    /// Lanes with where their reading goes on.
    pub(crate) lanes: Vec<(Arc<LaneMemory>, Progress)>,
    /// What its flight recorder kept.
    pub(crate) recorder: Option<RecorderRing>,
    /// Some lanes could not be opened: the folder has to stay.
    is_unread: bool,
    /// What was read of the lanes and not written is still there, so that files may be cut.
    is_whole: bool,
}

/// Takes over the folders of dead runs below `dir`, oldest first: decides what of each was written
/// out, cuts files that were written to in part, and finds where the reading of each lane goes on.
/// May be interrupted at any point and repeated.
///
/// What cannot be read stays where it is. Nothing is taken while another process does the same.
///
/// # Errors
///
/// If the directory or the lock in it cannot be opened.
pub(crate) fn claim(dir: &Path, files: &BlockFiles) -> io::Result<Vec<Estate>> {
    // Whoever collects the lanes there takes over those of the dead as well.
    if is_collected(dir) { Ok(Vec::new()) } else { claim_all(dir, files, &mut |_| ()) }
}

/// As [`claim`], for the one that collects the lanes there: tells, before anything is forgotten,
/// up to which epoch each dead run committed.
pub(crate) fn claim_all(
    dir: &Path,
    files: &BlockFiles,
    tell: &mut dyn FnMut(&HashMap<u64, u64>),
) -> io::Result<Vec<Estate>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let recovery = open_lock(&dir.join(RECOVERY), true)?;
    if !sys::lock_exclusive(&recovery)? {
        return Ok(Vec::new());
    }
    let mut estates: Vec<Estate> = entries.flatten().filter_map(|e| open(&e.path())).collect();
    estates.sort_by_key(|estate| estate.foreign.dictionary.run.start_ns);
    let mut committed = HashMap::new();
    for estate in &estates {
        committed.insert(estate.control.owner(), estate.resolve(files));
    }
    for estate in &mut estates {
        estate.find_lanes(&committed);
    }
    tell(&committed);
    Ok(estates)
}

/// Opens a run's folder if its process is dead.
fn open(folder: &Path) -> Option<Estate> {
    let name = folder.file_name()?.to_str()?;
    if name.starts_with(DISCARDED) {
        // Its heir died in the midst of it.
        let _ = fs::remove_dir_all(folder);
        return None;
    }
    if let Some(maker) = name.strip_prefix(UNFINISHED).and_then(|name| name.split_once('-')) {
        // Its process died before anything could be logged; or it is about to take the lock.
        if maker.0.parse().is_ok_and(|process| sys::process_start(process).is_none()) {
            let _ = fs::remove_dir_all(folder);
        }
        return None;
    }
    let lock = open_lock(&folder.join(LOCK), false).ok()?;
    if !sys::lock_exclusive(&lock).ok()? {
        return None;
    }
    let dictionary = Dictionary::read(&fs::read(folder.join(DICTIONARY)).ok()?)?;
    let run = &dictionary.run;
    if run.process_start != 0 && sys::process_start(run.process.id) == Some(run.process_start) {
        // Where locks do not reach, the process itself is looked for.
        return None;
    }
    let control = Control::open(&folder.join(CONTROL)).ok()?;
    let is_whole = unfold(folder).ok()? == Unfolded::Whole || control.inherits();
    let foreign = Arc::new(Foreign::new(Arc::new(dictionary), control.clock(), false));
    let lanes = Vec::new();
    Some(Estate {
        folder: folder.to_owned(),
        _lock: lock,
        foreign,
        control,
        lanes,
        recorder: None,
        is_unread: false,
        is_whole,
    })
}

impl Estate {
    /// Decides which epoch counts, and cuts the files to what it left. Returns the epoch.
    fn resolve(&self, block_files: &BlockFiles) -> u64 {
        let (intent, committed) = self.control.epochs();
        if self.control.is_resolved() {
            return committed;
        }
        // Files of which somebody else's lines were seen to be at the end.
        let mut others = Vec::new();
        if intent == committed + 1 {
            let files = self.control.files(intent);
            let is_others = |entry: &&Entry| entry.blocks.is_none() && entry.size == u64::MAX;
            others.extend(files.iter().filter(is_others).map(|entry| entry.id));
            let whole = files.iter().all(|entry| {
                if let Some(blocks) = entry.blocks {
                    let Some((path, _)) = self.find(entry).filter(|_| blocks.waits) else {
                        return true;
                    };
                    // What cannot be read is as good as not there.
                    return blocks.last.is_some_and(|last| {
                        (block_files.has)(&path, entry.size, blocks.segment, last).unwrap_or(false)
                    });
                }
                if entry.size & SHARED != 0 {
                    return self.has_shared(entry);
                }
                // Somebody who removed it since had it whole.
                self.find(entry).is_none_or(|(_, meta)| meta.len() == entry.size)
            });
            if whole {
                self.control.resolve(intent);
                return intent;
            }
        }
        let busy_since = self.control.busy_since();
        for entry in self.control.files(committed) {
            if let Some(blocks) = entry.blocks {
                if self.is_whole
                    && busy_since != 0
                    && let Some((path, _)) = self.find(&entry)
                {
                    let _ = (block_files.undo)(&path, entry.size, blocks.segment, blocks.last);
                }
                continue;
            }
            // Nobody else's lines are cut: the file ends where this run was at work when it died.
            if self.is_whole
                && busy_since != 0
                && !others.contains(&entry.id)
                && let Some((path, meta)) = self.find(&entry)
                && meta.len() > entry.size
                && !is_younger(&meta, busy_since)
            {
                let _ = cut(&path, entry.size);
            }
        }
        self.control.resolve(committed);
        committed
    }

    /// Whether a file of several processes has the batch that was about to be written.
    fn has_shared(&self, entry: &Entry) -> bool {
        let batch = Batch { owner: self.control.owner(), number: entry.size & !SHARED };
        let path = self.foreign.dictionary.paths.get(&entry.path);
        // Where nobody said that it is shared, nothing is known.
        entry.size != u64::MAX && path.is_some_and(|path| has_batch(Path::new(path), batch))
    }

    /// Where a file is now, and how long it is: at its path, or under another name beside it.
    fn find(&self, entry: &Entry) -> Option<(PathBuf, Metadata)> {
        let path = Path::new(self.foreign.dictionary.paths.get(&entry.path)?);
        let is_it = |path: &Path| {
            let meta = fs::symlink_metadata(path).ok()?;
            let id = sys::file_id(&meta)?.numbers();
            (id == entry.id).then(|| (path.to_owned(), meta))
        };
        is_it(path).or_else(|| {
            let beside = fs::read_dir(path.parent()?).ok()?;
            beside.flatten().find_map(|file| is_it(&file.path()))
        })
    }

    /// Opens the lanes and fixes where each is to be read from, whoever committed it last.
    fn find_lanes(&mut self, committed: &HashMap<u64, u64>) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        for entry in entries.flatten() {
            if !entry.file_name().to_string_lossy().starts_with(LANE) {
                continue;
            }
            let map = match SharedMap::open(&entry.path()) {
                Ok(map) => map,
                // Its process died before it had its size: nothing was ever published there.
                Err(error) if error.kind() == io::ErrorKind::InvalidData => continue,
                Err(_) => {
                    self.is_unread = true;
                    continue;
                }
            };
            let Some(memory) = LaneMemory::inherited(map, entry.path()) else { continue };
            let header = memory.header();
            let counts = |owner: u64, epoch: u64| {
                committed.get(&owner).is_some_and(|committed| epoch <= *committed)
            };
            let Some(mut progress) = header.progress(counts) else { continue };
            // From here on it counts whatever becomes of its owner's folder.
            progress.owner = 0;
            header.mark(&progress, counts);
            self.lanes.push((memory, progress));
        }
        self.lanes.sort_by_key(|(memory, _)| memory.header().number());
        let counts = |owner: u64, epoch: u64| {
            committed.get(&owner).is_some_and(|committed| epoch <= *committed)
        };
        let map = SharedMap::open(&self.folder.join(RECORDER)).ok();
        self.recorder = map.and_then(|map| RecorderRing::inherited(map, counts));
    }

    /// What the flight recorder kept was handed to handlers, and counts as written with an epoch of
    /// this owner, or at once.
    pub(crate) fn clear_recorder(&mut self, with: Option<(u64, u64)>) {
        if let Some(recorder) = &mut self.recorder {
            recorder.clear(with);
        }
    }

    /// Whether there are lanes that could not be opened.
    pub(crate) fn is_unread(&self) -> bool {
        self.is_unread
    }

    /// Removes the folder: everything in it has been written out. What could not be read stays.
    pub(crate) fn remove(self) {
        let Self { folder, lanes, recorder, is_unread, .. } = self;
        drop((lanes, recorder));
        if !is_unread {
            discard(&folder);
        }
    }
}

/// Whether a file was written to when a run that was at work at that time had long been dead.
fn is_younger(meta: &Metadata, busy_ns: i64) -> bool {
    let written = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let busy = Duration::from_nanos(busy_ns.unsigned_abs());
    written.is_none_or(|written| written > busy + LONGEST_BATCH)
}

/// Cuts a file, unless somebody else writes to it.
fn cut(path: &Path, size: u64) -> io::Result<()> {
    let file = sys::options(0o600, true, true).write(true).open(path)?;
    if sys::is_locked_by_others(&file) {
        return Ok(());
    }
    file.set_len(size)
}
