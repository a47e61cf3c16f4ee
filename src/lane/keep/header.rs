//! What stands before a kept lane's words: whose it is, how far it is read and written out.
//!
//! Two places for the reader's state, written in turn and sealed by their version, so that one is
//! whole whenever the process dies. Which of them counts, the epoch says that the reader's process
//! has committed; one without an owner counts always.

use super::marks::{MARK_WORDS, Marks};
use crate::level::CLASSES;
use crate::record::ThreadInfo;
use crate::sync::{AtomicU64, Ordering};

/// Words before the ring: three pages.
pub(crate) const WORDS: usize = 1536;
/// Where the ring's marks are, each on cache lines of its own.
pub(crate) const HEAD: usize = 64;
pub(crate) const TAIL: usize = 96;

const MAGIC: u64 = u64::from_le_bytes(*b"SAWLANE\x01");
const AT_MAGIC: usize = 0;
const AT_CAPACITY: usize = 1;
const AT_STATE: usize = 2;
const AT_NUMBER: usize = 3;
const AT_THREAD: usize = 4;
const AT_NAME: usize = 5;
const NAME_WORDS: usize = 32;
const AT_MARKS: usize = 128;
const AT_SLOTS: [usize; 2] = [160, 192];
const AT_CONTEXTS: [usize; 2] = [512, 1024];
const CONTEXT_WORDS: usize = 512;
const LIVE: u64 = 1;

/// How far a lane is read, as of a commit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The run whose commit counts; 0: none has to.
    pub(crate) owner: u64,
    pub(crate) epoch: u64,
    pub(crate) position: u64,
    pub(crate) sequence: u64,
    pub(crate) last_ns: i64,
    pub(crate) told: [u64; CLASSES],
    pub(crate) context: Vec<u64>,
}

/// A kept lane's header.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Header<'a> {
    pub(crate) fn new(words: &'a [AtomicU64]) -> Self {
        debug_assert!(words.len() >= WORDS);
        Self { words }
    }

    fn get(&self, at: usize) -> u64 {
        self.words[at].load(Ordering::Relaxed)
    }

    fn set(&self, at: usize, word: u64) {
        // Release: should the process die, a later word is never there without the earlier ones.
        self.words[at].store(word, Ordering::Release);
    }

    /// The ring's size in words, if this is a lane that somebody used.
    pub(crate) fn capacity(&self) -> Option<usize> {
        let known = self.get(AT_MAGIC) == MAGIC && self.get(AT_STATE) == LIVE;
        let capacity = usize::try_from(self.get(AT_CAPACITY)).ok()?;
        (known && capacity.is_power_of_two()).then_some(capacity)
    }

    /// Gives the lane to a thread. The ring is empty, and `position` is where it stands.
    pub(crate) fn begin(&self, capacity: usize, number: u32, thread: &ThreadInfo, position: u64) {
        self.end();
        self.set(AT_MAGIC, MAGIC);
        self.set(AT_CAPACITY, capacity as u64);
        self.set(AT_NUMBER, u64::from(number));
        self.set(AT_THREAD, thread.id);
        let name = thread.name.as_bytes();
        let length = name.len().min(NAME_WORDS * 8);
        self.set(AT_NAME, length as u64);
        for (at, bytes) in name[..length].chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            self.set(AT_NAME + 1 + at, u64::from_le_bytes(word));
        }
        self.marks().clear();
        AT_SLOTS.iter().for_each(|slot| self.set(*slot, 0));
        self.mark(&Progress { position, ..Progress::default() }, |_, _| true);
        self.set(AT_STATE, LIVE);
    }

    /// The lane is nobody's: what it holds does not count.
    pub(crate) fn end(&self) {
        self.set(AT_STATE, 0);
    }

    pub(crate) fn number(&self) -> u32 {
        self.get(AT_NUMBER) as u32
    }

    pub(crate) fn thread(&self) -> ThreadInfo {
        let length = (self.get(AT_NAME) as usize).min(NAME_WORDS * 8);
        let words = (0..length.div_ceil(8)).map(|at| self.get(AT_NAME + 1 + at).to_le_bytes());
        let mut name: Vec<u8> = words.flatten().collect();
        name.truncate(length);
        ThreadInfo { id: self.get(AT_THREAD), name: String::from_utf8_lossy(&name).into_owned() }
    }

    /// What both sides tell each other beside the ring.
    pub(crate) fn marks(&self) -> Marks<'a, CLASSES> {
        Marks::new(&self.words[AT_MARKS..AT_MARKS + MARK_WORDS])
    }

    /// Notes progress in the place that does not hold the latest that counts.
    pub(crate) fn mark(&self, progress: &Progress, counts: impl Fn(u64, u64) -> bool) {
        let latest = self.latest(&counts);
        let (slot, version) = match latest {
            Some(slot) => (1 - slot, self.version(slot) + 1),
            None => (0, self.version(0).max(self.version(1)) + 1),
        };
        let at = AT_SLOTS[slot];
        self.set(at, 0);
        let kept = progress.context.len() <= CONTEXT_WORDS;
        let context = if kept { &progress.context[..] } else { &[] };
        for (place, word) in context.iter().enumerate() {
            self.set(AT_CONTEXTS[slot] + place, *word);
        }
        self.set(at + 1, progress.owner);
        self.set(at + 2, progress.epoch);
        self.set(at + 3, progress.position);
        self.set(at + 4, progress.sequence);
        self.set(at + 5, progress.last_ns as u64);
        self.set(at + 6, context.len() as u64);
        progress.told.iter().enumerate().for_each(|(n, told)| self.set(at + 7 + n, *told));
        self.set(at, version);
    }

    fn version(&self, slot: usize) -> u64 {
        self.get(AT_SLOTS[slot])
    }

    fn latest(&self, counts: &impl Fn(u64, u64) -> bool) -> Option<usize> {
        let counted = (0..2).filter(|slot| {
            let at = AT_SLOTS[*slot];
            let (owner, epoch) = (self.get(at + 1), self.get(at + 2));
            self.version(*slot) != 0 && (owner == 0 || counts(owner, epoch))
        });
        counted.max_by_key(|slot| self.version(*slot))
    }

    /// Up to where the lane is written out, and the losses told by then: loads only.
    pub(crate) fn reached(
        &self,
        counts: impl Fn(u64, u64) -> bool,
    ) -> Option<(u64, [u64; CLASSES])> {
        let at = AT_SLOTS[self.latest(&counts)?];
        Some((self.get(at + 3), std::array::from_fn(|n| self.get(at + 7 + n))))
    }

    /// The latest progress that counts.
    pub(crate) fn progress(&self, counts: impl Fn(u64, u64) -> bool) -> Option<Progress> {
        let slot = self.latest(&counts)?;
        let at = AT_SLOTS[slot];
        let length = (self.get(at + 6) as usize).min(CONTEXT_WORDS);
        Some(Progress {
            owner: self.get(at + 1),
            epoch: self.get(at + 2),
            position: self.get(at + 3),
            sequence: self.get(at + 4),
            last_ns: self.get(at + 5) as i64,
            told: std::array::from_fn(|n| self.get(at + 7 + n)),
            context: (0..length).map(|n| self.get(AT_CONTEXTS[slot] + n)).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> Vec<AtomicU64> {
        (0..WORDS).map(|_| AtomicU64::new(0)).collect()
    }

    #[test]
    fn a_lane_is_nobodys_until_it_was_given_to_somebody() {
        let words = words();
        let header = Header::new(&words);
        assert_eq!(header.capacity(), None);
        let thread = ThreadInfo { id: 7, name: "x".repeat(300) };
        header.begin(64, 3, &thread, 100);
        assert_eq!((header.capacity(), header.number()), (Some(64), 3));
        assert_eq!(header.thread(), ThreadInfo { id: 7, name: "x".repeat(256) });
        assert_eq!(header.progress(|_, _| false).unwrap().position, 100);
        header.end();
        assert_eq!(header.capacity(), None);
    }

    #[test]
    fn progress_counts_once_its_epoch_is_committed() {
        let words = words();
        let header = Header::new(&words);
        header.begin(64, 1, &ThreadInfo::default(), 0);
        let at = |epoch, position| Progress {
            owner: 9,
            epoch,
            position,
            context: vec![position; 3],
            ..Progress::default()
        };
        let up_to = |committed| move |owner, epoch| owner == 9 && epoch <= committed;
        header.mark(&at(1, 10), up_to(0));
        assert_eq!(header.progress(up_to(0)).unwrap().position, 0);
        assert_eq!(header.progress(up_to(1)).unwrap().context, [10; 3]);
        // Tried again, as the write had failed: what counts stays.
        header.mark(&at(1, 12), up_to(0));
        assert_eq!(header.progress(up_to(0)).unwrap().position, 0);
        header.mark(&at(2, 20), up_to(1));
        assert_eq!(header.progress(up_to(1)).unwrap().position, 12);
        assert_eq!(header.progress(up_to(2)).unwrap().position, 20);
        assert_eq!(header.progress(|_, _| false), None);
    }
}
