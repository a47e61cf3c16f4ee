//! The flight recorder's memory: the latest records that went to no handler, as frames.
//!
//! A ring of words that holds whole entries; the oldest are thrown out for a new one. On the heap,
//! or in a file of the run's folder, where it survives the process: an entry counts once the tail
//! has moved over it, and is thrown out before anything is written over it.
//!
//! What a dump has written is cleared with the epoch that commits it: should the process die before
//! that, the dump's lines are cut from the files, and the entries are there still.

use crate::record::ThreadInfo;
use crate::sync::{AtomicU64, Ordering};
use crate::sys::SharedMap;

const MAGIC: u64 = u64::from_le_bytes(*b"SAWFLIG\x01");
const AT_MAGIC: usize = 0;
const AT_CAPACITY: usize = 1;
const AT_HEAD: usize = 2;
const AT_TAIL: usize = 3;
/// Cleared up to a position once this owner's epoch is committed.
const AT_CLEAR_OWNER: usize = 4;
const AT_CLEAR_EPOCH: usize = 5;
const AT_CLEAR_TO: usize = 6;
/// Words before the entries.
pub(crate) const RECORDER_HEAD: usize = 16;

/// Words of an entry before the thread's name.
const FIXED: usize = 5;
/// A thread's name is cut to this many words.
const NAME_WORDS: usize = 4;

#[derive(Debug)]
enum Memory {
    Heap(Box<[AtomicU64]>),
    Mapped(SharedMap),
}

/// The ring.
#[derive(Debug)]
pub(crate) struct RecorderRing {
    memory: Memory,
    /// Words for entries.
    capacity: usize,
    /// The oldest entry that is not cleared, and the oldest whose words are still there.
    head: u64,
    oldest: u64,
    tail: u64,
    /// Entries from `head` on.
    kept: u64,
    /// The epoch that what lies before `head` is cleared with.
    clearing: Option<u64>,
}

/// What is kept of a record beside its frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub(crate) time_ns: i64,
    pub(crate) lane: u32,
    pub(crate) sequence: u64,
    pub(crate) thread: &'a ThreadInfo,
    /// The scope's fields.
    pub(crate) context: &'a [u64],
    pub(crate) frame: &'a [u64],
}

/// An entry, copied out of the ring.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) time_ns: i64,
    pub(crate) lane: u32,
    pub(crate) sequence: u64,
    pub(crate) thread: ThreadInfo,
    context: usize,
    words: Vec<u64>,
}

impl Recorded {
    pub(crate) fn context(&self) -> &[u64] {
        &self.words[..self.context]
    }

    pub(crate) fn frame(&self) -> &[u64] {
        &self.words[self.context..]
    }
}

impl RecorderRing {
    /// A ring on the heap, for `words` words.
    pub(crate) fn on_heap(words: usize) -> Self {
        let memory = std::iter::repeat_with(|| AtomicU64::new(0)).take(RECORDER_HEAD + words);
        Self::new(Memory::Heap(memory.collect()), words)
    }

    /// A ring in a new file.
    pub(crate) fn mapped(map: SharedMap) -> Self {
        let words = map.len().saturating_sub(RECORDER_HEAD);
        Self::new(Memory::Mapped(map), words)
    }

    fn new(memory: Memory, capacity: usize) -> Self {
        let (head, oldest, tail, kept) = (0, 0, 0, 0);
        let this = Self { memory, capacity, head, oldest, tail, kept, clearing: None };
        this.set(AT_CAPACITY, capacity as u64);
        this.set(AT_MAGIC, MAGIC);
        this
    }

    /// The ring that a dead process left, but for what a committed epoch has cleared; `None` if it
    /// is none.
    pub(crate) fn inherited(map: SharedMap, counts: impl Fn(u64, u64) -> bool) -> Option<Self> {
        let capacity = map.len().checked_sub(RECORDER_HEAD)?;
        let memory = Memory::Mapped(map);
        let mut this =
            Self { memory, capacity, head: 0, oldest: 0, tail: 0, kept: 0, clearing: None };
        if this.get(AT_MAGIC) != MAGIC || this.get(AT_CAPACITY) != capacity as u64 {
            return None;
        }
        (this.head, this.tail) = (this.get(AT_HEAD), this.get(AT_TAIL));
        let (epoch, to) = (this.get(AT_CLEAR_EPOCH), this.get(AT_CLEAR_TO));
        let cleared = epoch != 0 && counts(this.get(AT_CLEAR_OWNER), epoch);
        if cleared && (this.head..=this.tail).contains(&to) {
            this.head = to;
        }
        if this.tail.checked_sub(this.head)? > capacity as u64 {
            return None;
        }
        // From here on it counts whatever becomes of its owner's folder.
        this.set(AT_HEAD, this.head);
        this.set(AT_CLEAR_EPOCH, 0);
        this.oldest = this.head;
        let mut at = this.head;
        while let Some(words) = this.length(at) {
            this.kept += 1;
            at += words;
        }
        Some(this)
    }

    fn words(&self) -> &[AtomicU64] {
        match &self.memory {
            Memory::Heap(words) => words,
            Memory::Mapped(map) => map.words(0, map.len()),
        }
    }

    fn get(&self, at: usize) -> u64 {
        self.words()[at].load(Ordering::Relaxed)
    }

    fn set(&self, at: usize, word: u64) {
        // Release: should the process die, a later word is never there without the earlier ones.
        self.words()[at].store(word, Ordering::Release);
    }

    /// The two parts that `count` words from a position on lie in.
    fn parts(&self, position: u64, count: usize) -> (&[AtomicU64], &[AtomicU64]) {
        let words = &self.words()[RECORDER_HEAD..];
        let at = (position % self.capacity as u64) as usize;
        let first = count.min(self.capacity - at);
        (&words[at..at + first], &words[..count - first])
    }

    fn write(&self, position: &mut u64, words: &[u64]) {
        let (first, second) = self.parts(*position, words.len());
        let (before, behind) = words.split_at(first.len());
        let store = |place: &AtomicU64, word: &u64| place.store(*word, Ordering::Release);
        first.iter().zip(before).for_each(|(place, word)| store(place, word));
        second.iter().zip(behind).for_each(|(place, word)| store(place, word));
        *position += words.len() as u64;
    }

    /// The length of the entry at a position before the tail; `None` if there is none, or none
    /// that makes sense.
    fn length(&self, at: u64) -> Option<u64> {
        let left = self.tail.checked_sub(at).filter(|left| *left > FIXED as u64)?;
        let (first, second) = self.parts(at, 1);
        let word = first.first().or(second.first())?.load(Ordering::Relaxed);
        Some(word & 0xffff_ffff).filter(|words| (FIXED as u64..=left).contains(words))
    }

    /// How many entries there are.
    pub(crate) fn kept(&self) -> u64 {
        self.kept
    }

    /// The longest entry that is kept, in words: half the ring.
    fn longest(&self) -> usize {
        self.capacity / 2
    }

    /// Keeps a record. Returns how many were thrown out for it, itself included if it is too long.
    /// `committed` is the epoch that counts, in a ring that outlives its process.
    pub(crate) fn keep(&mut self, entry: &Entry<'_>, committed: u64) -> u64 {
        let name = entry.thread.name.as_bytes();
        let name = &name[..name.len().min(NAME_WORDS * 8)];
        let name_words = name.len().div_ceil(8);
        let words = FIXED + name_words + entry.context.len() + entry.frame.len();
        if words > self.longest() || entry.context.len() >= 1 << 24 {
            return 1;
        }
        if self.clearing.is_some_and(|epoch| epoch <= committed) {
            self.clearing = None;
            self.oldest = self.head;
            self.set(AT_HEAD, self.oldest);
        }
        let thrown_out = self.make_room(words as u64);
        let mut at = self.tail;
        let lengths = (name_words as u64) << 32 | (entry.context.len() as u64) << 40;
        let mut fixed = [0; FIXED + NAME_WORDS];
        fixed[0] = words as u64 | lengths;
        fixed[1] = entry.time_ns as u64;
        fixed[2] = u64::from(entry.lane) | (name.len() as u64) << 32;
        fixed[3] = entry.sequence;
        fixed[4] = entry.thread.id;
        for (word, bytes) in fixed[FIXED..].iter_mut().zip(name.chunks(8)) {
            let mut whole = [0; 8];
            whole[..bytes.len()].copy_from_slice(bytes);
            *word = u64::from_le_bytes(whole);
        }
        self.write(&mut at, &fixed[..FIXED + name_words]);
        self.write(&mut at, entry.context);
        self.write(&mut at, entry.frame);
        self.tail = at;
        self.set(AT_TAIL, at);
        self.kept += 1;
        thrown_out
    }

    fn make_room(&mut self, words: u64) -> u64 {
        let mut thrown_out = 0;
        let before = self.oldest;
        while self.capacity as u64 - (self.tail - self.oldest) < words {
            // An entry that makes no sense takes all others with it.
            let end = self.length(self.oldest).map_or(self.tail, |words| self.oldest + words);
            if end > self.head {
                self.head = end;
                self.kept = self.kept.saturating_sub(1);
                thrown_out += 1;
            }
            self.oldest = end;
        }
        if self.oldest != before {
            self.set(AT_HEAD, self.oldest);
        }
        thrown_out
    }

    /// What is kept, in the order of time.
    pub(crate) fn read(&self) -> Vec<Recorded> {
        let mut all = Vec::with_capacity(usize::try_from(self.kept).unwrap_or(0));
        let mut at = self.head;
        while let Some(words) = self.length(at) {
            all.extend(self.entry(at, words as usize));
            at += words;
        }
        // Stable: records of one time stay as they came.
        all.sort_by_key(|entry| entry.time_ns);
        all
    }

    fn entry(&self, at: u64, words: usize) -> Option<Recorded> {
        let (first, second) = self.parts(at, words);
        let mut words: Vec<u64> =
            first.iter().chain(second).map(|word| word.load(Ordering::Relaxed)).collect();
        let fixed: [u64; FIXED] = words.get(..FIXED)?.try_into().ok()?;
        let name_words = (fixed[0] >> 32 & 0xff) as usize;
        let context = (fixed[0] >> 40) as usize;
        let name_bytes = (fixed[2] >> 32) as usize;
        let rest = FIXED + name_words;
        if words.len() < rest + context || name_bytes > name_words * 8 {
            return None;
        }
        let name: Vec<u8> = words[FIXED..rest]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .take(name_bytes)
            .collect();
        let name = String::from_utf8_lossy(&name).into_owned();
        words.drain(..rest);
        Some(Recorded {
            time_ns: fixed[1] as i64,
            lane: fixed[2] as u32,
            sequence: fixed[3],
            thread: ThreadInfo { id: fixed[4], name },
            context,
            words,
        })
    }

    /// Clears what there is, at once, or, given an owner and its epoch, once that is committed.
    pub(crate) fn clear(&mut self, with: Option<(u64, u64)>) {
        self.head = self.tail;
        self.kept = 0;
        match with {
            Some((owner, epoch)) => {
                self.set(AT_CLEAR_EPOCH, 0);
                self.set(AT_CLEAR_OWNER, owner);
                self.set(AT_CLEAR_TO, self.head);
                self.set(AT_CLEAR_EPOCH, epoch);
                self.clearing = Some(epoch);
            }
            None => {
                self.oldest = self.head;
                self.set(AT_HEAD, self.head);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(ring: &mut RecorderRing, n: u64, words: usize) -> u64 {
        let thread = ThreadInfo { id: 7, name: format!("a-thread-{n}") };
        let frame: Vec<u64> = (0..words as u64).map(|word| n * 1000 + word).collect();
        let context = [n];
        let entry = Entry {
            time_ns: n as i64,
            lane: 3,
            sequence: n,
            thread: &thread,
            context: &context,
            frame: &frame,
        };
        ring.keep(&entry, 0)
    }

    fn sequences(ring: &RecorderRing) -> Vec<u64> {
        ring.read().iter().map(|entry| entry.sequence).collect()
    }

    #[test]
    fn the_latest_entries_stay_and_the_oldest_go_counted() {
        let mut ring = RecorderRing::on_heap(100);
        let mut thrown_out = 0;
        for n in 1..=1000 {
            thrown_out += keep(&mut ring, n, 3 + n as usize % 5);
            let all = ring.read();
            assert_eq!(all.len() as u64, ring.kept());
            assert_eq!(ring.kept() + thrown_out, n);
            let last = all.last().unwrap();
            assert_eq!((last.sequence, last.context()), (n, &[n][..]));
            assert_eq!(last.thread.name, format!("a-thread-{n}"));
            assert_eq!(last.frame().len(), 3 + n as usize % 5);
            assert!(all.windows(2).all(|pair| pair[0].sequence + 1 == pair[1].sequence));
        }
        assert!(ring.kept() >= 5);
    }

    #[test]
    fn entries_come_in_the_order_of_time_and_too_long_ones_not_at_all() {
        let mut ring = RecorderRing::on_heap(200);
        for n in [5, 3, 9, 4] {
            assert_eq!(keep(&mut ring, n, 3), 0);
        }
        assert_eq!(keep(&mut ring, 1, 100), 1);
        assert_eq!(sequences(&ring), [3, 4, 5, 9]);
        ring.clear(None);
        assert_eq!((ring.kept(), ring.read().len()), (0, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_cleared_comes_back_unless_its_epoch_was_committed() {
        let path = std::env::temp_dir().join(format!("sawmill-recorder-{}", std::process::id()));
        let mut ring = RecorderRing::mapped(SharedMap::create(&path, 216).unwrap());
        (1..=4).for_each(|n| assert_eq!(keep(&mut ring, n, 3), 0));
        ring.clear(Some((9, 1)));
        keep(&mut ring, 5, 3);
        assert_eq!(sequences(&ring), [5]);
        let open = |committed: u64| {
            // A copy, for whoever inherits a ring fixes what counts.
            let copy = path.with_extension("copy");
            std::fs::copy(&path, &copy).unwrap();
            let map = SharedMap::open(&copy).unwrap();
            let counts = |owner, epoch| owner == 9 && epoch <= committed;
            let ring = RecorderRing::inherited(map, counts).unwrap();
            std::fs::remove_file(copy).unwrap();
            sequences(&ring)
        };
        assert_eq!(open(0), [1, 2, 3, 4, 5]);
        assert_eq!(open(1), [5]);
        // Room is made of what was cleared first, and none of that counts as thrown out.
        assert_eq!((6..30).map(|n| keep(&mut ring, n, 3)).sum::<u64>() + ring.kept(), 25);
        assert_eq!(open(0), open(1));
        std::fs::remove_file(path).unwrap();
    }
}
