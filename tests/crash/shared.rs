//! Counts that survive the process that keeps them: a file in memory.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Threads that log.
pub(crate) const THREADS: usize = 4;
/// How a thread's count grew, a note about every half millisecond.
const NOTES: usize = 64;
const OF_THREAD: usize = 2 + 2 * NOTES;
/// What stands before the threads' counts.
const BEFORE: usize = 3;
const WORDS: usize = BEFORE + THREADS * OF_THREAD;

/// The counts of one process.
pub(crate) struct Shared {
    words: &'static [AtomicU64],
}

impl Shared {
    /// Makes the file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        file.set_len((WORDS * 8) as u64)?;
        Self::map(&file)
    }

    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::map(&File::options().read(true).write(true).open(path)?)
    }

    fn map(file: &File) -> io::Result<Self> {
        let map = memmap2::MmapRaw::map_raw(file)?;
        let start = map.as_mut_ptr().cast::<AtomicU64>();
        // Both processes live shorter than anybody would mind the mapping.
        std::mem::forget(map);
        // SAFETY: the mapping has that many words, aligned to a page, is never unmapped, and is
        // touched by atomic accesses only.
        Ok(Self { words: unsafe { std::slice::from_raw_parts(start, WORDS) } })
    }

    fn of(&self, thread: usize) -> &'static [AtomicU64] {
        &self.words[BEFORE + thread * OF_THREAD..][..OF_THREAD]
    }

    /// The child logs from all threads.
    pub(crate) fn set_ready(&self) {
        self.words[0].store(1, Ordering::Release);
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.words[0].load(Ordering::Acquire) != 0
    }

    /// The process is about to die.
    pub(crate) fn note_death(&self) {
        self.words[1].store(now_ns(), Ordering::Release);
    }

    /// Nothing was logged before.
    pub(crate) fn note_start(&self) {
        self.note_look(now_ns() as i64);
    }

    /// The drain has written what it saw at this time.
    pub(crate) fn note_look(&self, time_ns: i64) {
        self.words[2].store(time_ns as u64, Ordering::Release);
    }

    /// How long before the death the drain looked for what it wrote last.
    pub(crate) fn since_look_ns(&self) -> u64 {
        let [death, look] = [1, 2].map(|at: usize| self.words[at].load(Ordering::Acquire));
        death.saturating_sub(look)
    }

    /// The thread's calls have returned this often.
    pub(crate) fn note(&self, thread: usize, returned: u64) {
        self.of(thread)[0].store(returned, Ordering::Release);
    }

    /// As [`note`](Self::note), with the time: often enough.
    pub(crate) fn note_time(&self, thread: usize, returned: u64) {
        let words = self.of(thread);
        let at = words[1].load(Ordering::Relaxed);
        let slot = 2 + 2 * (at as usize % NOTES);
        words[slot].store(now_ns(), Ordering::Relaxed);
        words[slot + 1].store(returned, Ordering::Relaxed);
        words[1].store(at + 1, Ordering::Release);
    }

    pub(crate) fn returned(&self, thread: usize) -> u64 {
        self.of(thread)[0].load(Ordering::Acquire)
    }

    /// How often the thread's calls had returned this long before the death.
    pub(crate) fn returned_before(&self, thread: usize, ns: u64) -> u64 {
        let words = self.of(thread);
        let limit = self.words[1].load(Ordering::Acquire).saturating_sub(ns);
        let notes = (0..NOTES).map(|note| {
            let at = |place: usize| words[2 + 2 * note + place].load(Ordering::Relaxed);
            (at(0), at(1))
        });
        notes.filter(|(time, _)| *time != 0 && *time <= limit).map(|(_, n)| n).max().unwrap_or(0)
    }
}

fn now_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}
