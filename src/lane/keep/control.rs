//! A run's control page: what is written out, and what is about to be.
//!
//! Each batch is an epoch. Before it is written, the drain notes in every lane how far the batch
//! reads, and here how long every file will be; then it writes; then it commits, which is one
//! store. Whoever finds the process dead compares the files with what was intended: all as long as
//! they were to be, and the epoch counts; else they are cut to what the epoch before left, and
//! what was read of the lanes since counts as unread. Of a file of blocks the length says nothing,
//! for other processes may append to it: there the batch is known by its last block.

use crate::clock::Anchor;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::SharedMap;
use std::io;
use std::path::Path;

const WORDS: usize = 8192;
const MAGIC: u64 = u64::from_le_bytes(*b"SAWKEEP\x02");
const AT_MAGIC: usize = 0;
const AT_OWNER: usize = 1;
const AT_INTENT: usize = 2;
const AT_COMMITTED: usize = 3;
const AT_RESOLVED: usize = 4;
const AT_BUSY: usize = 5;
const AT_INHERITS: usize = 6;
const AT_COLLECTED: usize = 7;
const AT_LANES: usize = 8;
const AT_DICTIONARY: usize = 9;
const AT_CLOCKS: [usize; 2] = [16, 32];
const AT_TABLES: [usize; 2] = [1024, 4096];
const ENTRY_WORDS: usize = 6;
/// Marks files of blocks, those with a last block, and those with blocks that wait.
const OF_BLOCKS: u64 = 1 << 32;
const HAS_LAST: u64 = 1 << 33;
const WAITS: u64 = 1 << 34;
/// Files that one runtime can write to exactly once.
pub(crate) const MOST_FILES: usize = 256;

/// A file and how long it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: (u64, u64),
    /// How long the file is; of a file of blocks, from where on to look at them.
    pub(crate) size: u64,
    /// The number of its path in the dictionary.
    pub(crate) path: u64,
    pub(crate) blocks: Option<Blocks>,
}

/// Up to where the epoch goes in a file of blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blocks {
    /// Whose blocks: nobody else's have it.
    pub(crate) segment: u32,
    /// The epoch's last block, by its tag; `None`: it has none behind the place from where on to
    /// look.
    pub(crate) last: Option<u64>,
    /// That block is still to be written.
    pub(crate) waits: bool,
}

impl Blocks {
    fn to_words(self) -> [u64; 2] {
        let flag = |set: bool, flag| if set { flag } else { 0 };
        let flags = flag(self.last.is_some(), HAS_LAST) | flag(self.waits, WAITS);
        [u64::from(self.segment) | OF_BLOCKS | flags, self.last.unwrap_or(0)]
    }

    fn from_words([word, last]: [u64; 2]) -> Option<Self> {
        (word & OF_BLOCKS != 0).then_some(Self {
            segment: word as u32,
            last: (word & HAS_LAST != 0).then_some(last),
            waits: word & WAITS != 0,
        })
    }
}

/// A run's control page.
#[derive(Debug)]
pub(crate) struct Control {
    map: SharedMap,
}

impl Control {
    pub(super) fn create(path: &Path, owner: u64) -> io::Result<Self> {
        let this = Self { map: SharedMap::create(path, WORDS)? };
        this.set(AT_OWNER, owner);
        this.set(AT_MAGIC, MAGIC);
        Ok(this)
    }

    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let this = Self { map: SharedMap::open(path)? };
        if this.map.len() < WORDS || this.get(AT_MAGIC) != MAGIC {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not a control page"));
        }
        Ok(this)
    }

    fn words(&self) -> &[AtomicU64] {
        self.map.words(0, WORDS)
    }

    fn get(&self, at: usize) -> u64 {
        self.words()[at].load(Ordering::Acquire)
    }

    fn set(&self, at: usize, word: u64) {
        // Release: should the process die, a later word is never there without the earlier ones.
        self.words()[at].store(word, Ordering::Release);
    }

    /// Says that another process drains the lanes.
    pub(super) fn set_collected(&self) {
        self.set(AT_COLLECTED, 1);
    }

    /// Whether another process drains the lanes.
    pub(super) fn is_collected(&self) -> bool {
        self.get(AT_COLLECTED) != 0
    }

    /// Notes how many lanes were made.
    pub(super) fn set_lanes(&self, made: u64) {
        self.set(AT_LANES, made);
    }

    /// How many lanes were made.
    pub(super) fn lanes(&self) -> u64 {
        self.get(AT_LANES)
    }

    /// Notes how long the dictionary is.
    pub(super) fn set_dictionary(&self, bytes: u64) {
        self.set(AT_DICTIONARY, bytes);
    }

    /// How long the dictionary is, as of whatever frame was seen before.
    pub(super) fn dictionary(&self) -> u64 {
        self.get(AT_DICTIONARY)
    }

    /// The number by which lanes name this run.
    pub(crate) fn owner(&self) -> u64 {
        self.get(AT_OWNER)
    }

    /// The latest epoch that was begun to be written, and the latest that was written.
    pub(crate) fn epochs(&self) -> (u64, u64) {
        (self.get(AT_INTENT), self.get(AT_COMMITTED))
    }

    /// Says how long the files will be when `epoch` is written.
    pub(crate) fn intend(&self, epoch: u64, files: &[Entry]) {
        let table = AT_TABLES[(epoch % 2) as usize];
        self.set(table, 0);
        for entry in files {
            self.add(epoch, *entry);
        }
        self.set(AT_INTENT, epoch);
    }

    /// Adds a file to an epoch's table. Returns false if there is no more room.
    pub(crate) fn add(&self, epoch: u64, entry: Entry) -> bool {
        let table = AT_TABLES[(epoch % 2) as usize];
        let count = self.get(table) as usize;
        if count >= MOST_FILES {
            return false;
        }
        let at = table + 8 + count * ENTRY_WORDS;
        let [blocks, last] = entry.blocks.map_or([0; 2], Blocks::to_words);
        let words = [entry.id.0, entry.id.1, entry.size, entry.path, blocks, last];
        for (place, word) in words.iter().enumerate() {
            self.set(at + place, *word);
        }
        self.set(table, count as u64 + 1);
        true
    }

    /// The files of an epoch.
    pub(crate) fn files(&self, epoch: u64) -> Vec<Entry> {
        let table = AT_TABLES[(epoch % 2) as usize];
        let count = (self.get(table) as usize).min(MOST_FILES);
        let entry = |n: usize| {
            let at = table + 8 + n * ENTRY_WORDS;
            Entry {
                id: (self.get(at), self.get(at + 1)),
                size: self.get(at + 2),
                path: self.get(at + 3),
                blocks: Blocks::from_words([self.get(at + 4), self.get(at + 5)]),
            }
        };
        (0..count).map(entry).collect()
    }

    /// The epoch is written.
    pub(crate) fn commit(&self, epoch: u64) {
        self.set(AT_COMMITTED, epoch);
        self.set(AT_BUSY, 0);
    }

    /// From now on files may get longer than the committed epoch left them.
    pub(crate) fn set_busy(&self, now_ns: i64) {
        self.set(AT_BUSY, now_ns as u64);
    }

    /// Since when files may be longer than the committed epoch left them; 0: they are not.
    pub(crate) fn busy_since(&self) -> i64 {
        self.get(AT_BUSY) as i64
    }

    /// Notes whether nothing but dead runs' records is being written.
    pub(crate) fn set_inherits(&self, inherits: bool) {
        self.set(AT_INHERITS, inherits.into());
    }

    /// Whether nothing but dead runs' records was being written.
    pub(super) fn inherits(&self) -> bool {
        self.get(AT_INHERITS) != 0
    }

    /// Whether somebody has compared the files of this dead run already, and may have written to
    /// them since.
    pub(crate) fn is_resolved(&self) -> bool {
        self.get(AT_RESOLVED) != 0
    }

    pub(crate) fn resolve(&self, epoch: u64) {
        self.commit(epoch);
        self.set(AT_RESOLVED, 1);
    }

    /// Notes how stamps read as time.
    pub(crate) fn set_clock(&self, anchor: Anchor) {
        let slot = |n: usize| AT_CLOCKS[n];
        let next = usize::from(self.get(slot(0)) > self.get(slot(1)));
        let version = self.get(slot(1 - next)) + 1;
        self.set(slot(next), 0);
        for (place, word) in anchor.to_words().iter().enumerate() {
            self.set(slot(next) + 1 + place, *word);
        }
        self.set(slot(next), version);
    }

    /// How stamps read as time; stamps are times if nothing else was noted.
    pub(crate) fn clock(&self) -> Anchor {
        let slot = AT_CLOCKS.into_iter().max_by_key(|slot| self.get(*slot));
        let words = slot
            .filter(|slot| self.get(*slot) != 0)
            .map(|slot| std::array::from_fn(|place| self.get(slot + 1 + place)));
        words.map(Anchor::from_words).unwrap_or_default()
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    fn a_control_page_comes_back() {
        let path = std::env::temp_dir().join(format!("sawmill-control-{}", std::process::id()));
        let control = Control::create(&path, 7).unwrap();
        let blocks = |last| Some(Blocks { segment: 7, last, waits: last.is_none() });
        let entry = |size: u64| {
            let blocks = [None, blocks(None), blocks(Some(size))][(size / 10 % 3) as usize];
            Entry { id: (1, 2), size, path: 3, blocks }
        };
        control.intend(1, &[entry(10)]);
        control.commit(1);
        assert!(control.add(1, entry(0)));
        control.intend(2, &[entry(20)]);
        control.set_clock(Anchor::from_words([1, 2, 3]));
        control.set_clock(Anchor::from_words([4, 5, 6]));
        let again = Control::open(&path).unwrap();
        assert_eq!((again.owner(), again.epochs()), (7, (2, 1)));
        assert_eq!(again.files(1), [entry(10), entry(0)]);
        assert_eq!(again.files(2), [entry(20)]);
        assert_eq!(again.clock().to_words(), [4, 5, 6]);
        assert!(!again.is_resolved());
        again.resolve(2);
        assert!(control.is_resolved() && control.epochs() == (2, 2));
        std::fs::remove_file(path).unwrap();
    }
}
