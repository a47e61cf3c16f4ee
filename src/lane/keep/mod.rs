//! Lanes that outlive their process: what they need beside their rings.
//!
//! A run has a folder: `lock`, held as long as the process lives; `dictionary`, what frames name
//! by number; `control`, what is written out; and a file for each ring. The folder goes when the
//! runtime ends in order. Whoever starts next, or is told to recover, takes over the folders of the
//! dead ([`claim`]).

pub(crate) mod bytes;
mod collect;
mod control;
pub(crate) mod dictionary;
mod estate;
mod header;
mod journal;
mod marks;
mod recorder;
mod spill;

pub(crate) use collect::{Collection, Found};
pub(crate) use control::{Blocks, Control, Entry, MOST_FILES};
pub(crate) use dictionary::{Dictionary, ForeignSite, Run};
pub(crate) use estate::{BlockFiles, Estate, claim, claim_all};
pub(crate) use header::{HEAD, Header, Progress, TAIL, WORDS as HEADER_WORDS};
pub(crate) use journal::{Batch, Journal, SHARED};
pub(crate) use recorder::{Entry as Recording, RECORDER_HEAD, Recorded, RecorderRing};
use spill::Spill;

use super::memory::LaneMemory;
use super::view::LaneView;
use crate::callsite::{self, Known};
use crate::clock::Anchor;
use crate::error::Error;
use crate::level::Level;
use crate::sync::{Arc, AtomicBool, AtomicU64, Mutex, Ordering, lock};
use crate::sys::{self, SharedMap};
use crate::value::Shape;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const LOCK: &str = "lock";
const DICTIONARY: &str = "dictionary";
const CONTROL: &str = "control";
const LANE: &str = "lane-";
const RECORDER: &str = "recorder";
/// A folder that nobody needs any more: should its remover die, the next one goes on.
const DISCARDED: &str = ".old-";
/// A folder that is being made, and not yet anybody's.
const UNFINISHED: &str = ".new-";

/// What it takes to read another process's frames.
#[derive(Debug)]
pub(crate) struct Foreign {
    pub(crate) dictionary: Arc<Dictionary>,
    /// The dictionary's, to be lent to whoever decodes.
    pub(crate) shapes: Arc<HashMap<u32, &'static Shape>>,
    pub(crate) clock: Anchor,
    /// Loggers of this process that stand for those of the other.
    pub(crate) loggers: Mutex<HashMap<u32, u32>>,
    /// Up to where the other's flight recorder has each lane's records.
    pub(crate) recorded: Mutex<HashMap<u32, u64>>,
    /// It lived when this was begun: its records come in turn, and need no mark.
    pub(crate) is_live: bool,
}

impl Foreign {
    fn new(dictionary: Arc<Dictionary>, clock: Anchor, is_live: bool) -> Self {
        let shapes = Arc::new(dictionary.shapes.clone());
        let (loggers, recorded) = (Mutex::default(), Mutex::default());
        Self { dictionary, shapes, clock, loggers, recorded, is_live }
    }

    /// The same with more in the dictionary, or another clock.
    fn grown(&self, dictionary: Arc<Dictionary>, clock: Anchor) -> Self {
        let same = Arc::ptr_eq(&dictionary, &self.dictionary);
        let shapes = if same { self.shapes.clone() } else { Arc::new(dictionary.shapes.clone()) };
        let loggers = Mutex::new(lock(&self.loggers).clone());
        let recorded = Mutex::default();
        Self { dictionary, shapes, clock, loggers, recorded, is_live: self.is_live }
    }

    /// Whether a record is the flight recorder's only: its level was held against the logger's
    /// when that was of this generation.
    pub(crate) fn is_for_recorder(&self, logger: u32, generation: u32, level: Level) -> bool {
        let levels = self.dictionary.levels.get(&logger).map_or(&[][..], |levels| levels);
        let then = levels.iter().rev().find(|(since, _)| *since <= generation);
        then.is_some_and(|(_, least)| level.as_i32() < *least)
    }
}

/// A run's folder, as its own process uses it.
#[derive(Debug)]
pub(crate) struct Keeper {
    folder: PathBuf,
    /// Held until the process ends.
    lock: Mutex<Option<File>>,
    dictionary: Mutex<Option<File>>,
    control: Control,
    /// Lanes lie on the heap, and go here when a signal ends the process and the drain cannot
    /// write them.
    spill: Option<Spill>,
    /// Another process drains the lanes.
    collected: AtomicBool,
    next_lane: AtomicU64,
    next_path: AtomicU64,
    /// Entries of the dictionary that could not be written: their frames would be unreadable.
    unwritten: AtomicU64,
}

impl Keeper {
    /// Makes a run's folder below `dir`: for lanes that lie in it, or for what is spilled of those
    /// on the heap.
    ///
    /// # Errors
    ///
    /// If it cannot be made: permissions, a full file system, a platform without mappings.
    pub(crate) fn create(dir: &Path, run: &Run, spills: bool) -> Result<Arc<Self>, Error> {
        sys::create_private_dir(dir).map_err(|error| Error::io("create", dir, error))?;
        let name = format!("{}-{:x}", run.process.id, run.start_ns);
        let unfinished = dir.join(format!("{UNFINISHED}{name}"));
        let made = Self::fill(&unfinished, dir.join(name), run, spills);
        if made.is_err() {
            let _ = fs::remove_dir_all(&unfinished);
        }
        let this = Arc::new(made.map_err(|error| Error::io("create", &unfinished, error))?);
        let weak = Arc::downgrade(&this);
        callsite::watch(move |known| match weak.upgrade() {
            Some(keeper) => {
                keeper.know(known);
                true
            }
            None => false,
        });
        Ok(this)
    }

    fn fill(unfinished: &Path, folder: PathBuf, run: &Run, spills: bool) -> io::Result<Self> {
        sys::create_private_dir(unfinished)?;
        let lock = open_lock(&unfinished.join(LOCK), true)?;
        if !sys::lock_exclusive(&lock)? {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let owner = (run.start_ns as u64).rotate_left(20) ^ u64::from(run.process.id) | 1;
        let control = Control::create(&unfinished.join(CONTROL), owner)?;
        let mut dictionary = sys::options(0o600, false, true)
            .append(true)
            .create_new(true)
            .open(unfinished.join(DICTIONARY))?;
        let first = dictionary::run(run);
        dictionary.write_all(&first)?;
        control.set_dictionary(first.len() as u64);
        let spill = if spills { Some(Spill::create(unfinished)?) } else { None };
        fs::rename(unfinished, &folder)?;
        Ok(Self {
            spill,
            folder,
            lock: Mutex::new(Some(lock)),
            dictionary: Mutex::new(Some(dictionary)),
            control,
            collected: AtomicBool::new(false),
            next_lane: AtomicU64::new(1),
            next_path: AtomicU64::new(1),
            unwritten: AtomicU64::new(0),
        })
    }

    /// Makes the memory of a ring, in a file of its own.
    ///
    /// # Errors
    ///
    /// A full file system.
    pub(crate) fn lane(&self, capacity: usize) -> io::Result<Arc<LaneMemory>> {
        let number = self.next_lane.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{LANE}{number}"));
        let map = SharedMap::create(&path, HEADER_WORDS + capacity)?;
        Ok(LaneMemory::mapped(map, capacity, path))
    }

    /// Says that another process drains the lanes; before the first one is made.
    pub(crate) fn set_collected(&self) {
        self.control.set_collected();
        self.collected.store(true, Ordering::Relaxed);
    }

    /// Whether another process drains the lanes.
    pub(crate) fn is_collected(&self) -> bool {
        self.collected.load(Ordering::Relaxed)
    }

    /// Has whoever collects the lanes look for a new one.
    pub(crate) fn tell_lane(&self) {
        let _one_at_a_time = lock(&self.lock);
        self.control.set_lanes(self.control.lanes() + 1);
    }

    /// Whether lanes lie on the heap, and go to the spill file if need be.
    pub(crate) fn spills(&self) -> bool {
        self.spill.is_some()
    }

    /// Has a lane on the heap spilled with the others.
    pub(crate) fn view(&self, view: Arc<LaneView>) {
        if let Some(spill) = &self.spill {
            spill.add(view);
        }
    }

    /// Returns true if the caller is to [`spill`](Self::spill), and nobody else does.
    pub(crate) fn begin_to_spill(&self) -> bool {
        self.spill.as_ref().is_some_and(Spill::begin)
    }

    /// Writes to the spill file what no commit covers. For signal handlers: system calls and
    /// loads only.
    ///
    /// # Errors
    ///
    /// A full file system: what the file has of whole lanes is good.
    pub(crate) fn spill(&self) -> io::Result<()> {
        self.spill.as_ref().map_or(Ok(()), |spill| spill.write(&self.control))
    }

    /// Waits while a signal's handler spills; the process ends then, as a rule.
    #[inline]
    pub(crate) fn stand_aside(&self) {
        if let Some(spill) = &self.spill {
            spill.stand_aside();
        }
    }

    /// The process goes on after all.
    pub(crate) fn take_spill_back(&self) {
        if let Some(spill) = &self.spill {
            spill.take_back();
        }
    }

    /// Makes the memory of a flight recorder, in a file of its own.
    ///
    /// # Errors
    ///
    /// A full file system.
    pub(crate) fn recorder(&self, words: usize) -> io::Result<RecorderRing> {
        let map = SharedMap::create(&self.folder.join(RECORDER), RECORDER_HEAD + words)?;
        Ok(RecorderRing::mapped(map))
    }

    pub(crate) fn control(&self) -> &Control {
        &self.control
    }

    fn know(&self, known: Known) {
        self.write(&dictionary::known(known));
    }

    /// Notes the name of a logger's number.
    pub(crate) fn name(&self, number: u32, name: &str) {
        self.write(&dictionary::logger(number, name));
    }

    /// Notes the least level of a logger that goes to handlers, from a generation on: what its
    /// frames have below that is the flight recorder's.
    pub(crate) fn level(&self, number: u32, generation: u32, least: i32) {
        self.write(&dictionary::level(number, generation, least));
    }

    /// Notes a path, and gives it a number.
    pub(crate) fn path(&self, path: &Path) -> u64 {
        let number = self.next_path.fetch_add(1, Ordering::Relaxed);
        self.write(&dictionary::path(number, &path.to_string_lossy()));
        number
    }

    fn write(&self, entry: &[u8]) {
        let mut dictionary = lock(&self.dictionary);
        // A forked child has neither the file any more nor the page.
        let Some(file) = &mut *dictionary else { return };
        let written = file.write_all(entry).is_ok();
        if written {
            self.control.set_dictionary(self.control.dictionary() + entry.len() as u64);
        }
        drop(dictionary);
        if !written {
            self.unwritten.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Entries of the dictionary that found no room.
    pub(crate) fn unwritten(&self) -> u64 {
        self.unwritten.load(Ordering::Relaxed)
    }

    /// Closes what a forked child has of its parent's folder, lest the lock outlives the parent.
    pub(crate) fn let_go(&self) {
        *lock(&self.lock) = None;
        *lock(&self.dictionary) = None;
    }

    /// Removes the folder: everything in it is written out.
    pub(crate) fn remove(&self) {
        discard(&self.folder);
    }
}

/// Removes a folder in a way that can be interrupted and gone on with.
fn discard(folder: &Path) {
    let Some(name) = folder.file_name() else { return };
    let discarded = folder.with_file_name(format!("{DISCARDED}{}", name.to_string_lossy()));
    if fs::rename(folder, &discarded).is_ok() {
        let _ = fs::remove_dir_all(discarded);
    }
}

fn open_lock(path: &Path, new: bool) -> io::Result<File> {
    sys::options(0o600, false, true).read(true).write(true).create(new).truncate(false).open(path)
}
