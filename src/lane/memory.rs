//! Where a lane's ring lies that outlives its process: in a file.

use super::ends::Consumer;
use super::keep::{HEAD, HEADER_WORDS, Header, TAIL};
use super::ring::{self, Memory};
use crate::sync::{Arc, AtomicU64, Ordering};
use crate::sys::SharedMap;
use std::path::PathBuf;
use std::ptr::NonNull;

/// The memory of one ring.
#[derive(Debug)]
pub(crate) struct LaneMemory {
    words: NonNull<u64>,
    capacity: usize,
    head: NonNull<AtomicU64>,
    tail: NonNull<AtomicU64>,
    map: SharedMap,
    /// The file, which goes when the ring does and is empty; but not with a collector's view of it.
    path: PathBuf,
    is_attached: bool,
}

// SAFETY: plain memory and atomics; who may touch which words when is the ring's protocol.
unsafe impl Send for LaneMemory {}
// SAFETY: as above.
unsafe impl Sync for LaneMemory {}

impl LaneMemory {
    /// A new file's memory: a header, then `capacity` words, a power of two.
    pub(crate) fn mapped(map: SharedMap, capacity: usize, path: PathBuf) -> Arc<Self> {
        assert!(capacity.is_power_of_two() && map.len() == HEADER_WORDS + capacity);
        let mark = |at: usize| NonNull::from(&map.words(at, 1)[0]);
        let (head, tail) = (mark(HEAD), mark(TAIL));
        // SAFETY: the mapping is longer than the header, and no mapping begins at address 0.
        let words = unsafe { NonNull::new_unchecked(map.start().add(HEADER_WORDS)) };
        Arc::new(Self { words, capacity, head, tail, map, path, is_attached: false })
    }

    /// The memory of a lane that a dead process left; `None` if nobody used it, or it is none.
    pub(crate) fn inherited(map: SharedMap, path: PathBuf) -> Option<Arc<Self>> {
        if map.len() <= HEADER_WORDS {
            return None;
        }
        let capacity = Header::new(map.words(0, HEADER_WORDS)).capacity()?;
        (map.len() == HEADER_WORDS + capacity).then(|| Self::mapped(map, capacity, path))
    }

    /// The memory of a lane that another process may write to; `None` if nobody uses it yet.
    pub(crate) fn attached(map: SharedMap, path: PathBuf) -> Option<Arc<Self>> {
        let mut this = Self::inherited(map, path)?;
        Arc::get_mut(&mut this)?.is_attached = true;
        Some(this)
    }

    /// Where the reader has given words back to, whichever process it is in.
    pub(crate) fn head_now(&self) -> u64 {
        self.head().load(Ordering::Acquire)
    }

    /// Removes the file: the lane has ended, and everything in it is written.
    pub(crate) fn remove(&self) {
        let _ = std::fs::remove_file(&self.path);
    }

    /// What stands before the words of a lane that outlives its process.
    pub(crate) fn header(&self) -> Header<'_> {
        Header::new(self.map.words(0, HEADER_WORDS))
    }

    /// Both ends of a ring on this memory, of which the producing one is not to be used: its words
    /// are read from `position` on.
    pub(crate) fn reader(self: &Arc<Self>, position: u64) -> Option<Consumer> {
        let tail = self.tail().load(Ordering::Acquire);
        let length = tail.checked_sub(position)?;
        if length > self.capacity as u64 {
            return None;
        }
        self.head().store(position, Ordering::Relaxed);
        // SAFETY: the process whose ends these were is dead, or only ever produces, and whoever
        // inherits or collects a lane is alone with that and makes one reader of it.
        Some(Consumer::Mapped(unsafe { ring::ring(self.clone()) }.1))
    }
}

impl Drop for LaneMemory {
    fn drop(&mut self) {
        if !self.is_attached
            && self.head().load(Ordering::Relaxed) == self.tail().load(Ordering::Relaxed)
        {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

// SAFETY: words and marks lie at one address as long as the value lives; `LaneMemory` touches them
// itself only when it begins and ends. Another process that has the file mapped touches it only
// when this one is dead.
unsafe impl Memory for LaneMemory {
    #[inline(always)]
    fn words(&self) -> *mut u64 {
        self.words.as_ptr()
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    #[inline(always)]
    fn head(&self) -> &AtomicU64 {
        // SAFETY: the mark lives as long as `self`, and is only ever shared.
        unsafe { self.head.as_ref() }
    }

    #[inline(always)]
    fn tail(&self) -> &AtomicU64 {
        // SAFETY: as above.
        unsafe { self.tail.as_ref() }
    }
}
