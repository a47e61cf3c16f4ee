//! What a signal's handler sees of a ring on the heap whose records are to be spilled.
//!
//! The ring's ends belong to a thread and to the drain. The handler has a look of its own at the
//! same ring, and the header that says how far it is read and written out: that of a lane which
//! outlives its process, but on the heap. Rings that are viewed are never freed before their hub.

use super::keep::{HEAD, HEADER_WORDS, Header, TAIL};
use crate::sync::{AtomicU64, Ordering};
use std::mem::ManuallyDrop;
use std::ptr::NonNull;

/// A ring on the heap and its header.
pub(crate) struct LaneView {
    header: Box<[AtomicU64]>,
    words: NonNull<u64>,
    capacity: usize,
    look: ManuallyDrop<rtrb::Consumer<u64>>,
}

// SAFETY: the header is atomics. The rest is used by one signal's handler at a time.
unsafe impl Send for LaneView {}
// SAFETY: as above.
unsafe impl Sync for LaneView {}

impl LaneView {
    /// A view of a new ring, at `words`.
    pub(super) fn new(
        consumer: &rtrb::Consumer<u64>,
        words: NonNull<u64>,
        capacity: usize,
    ) -> Self {
        // SAFETY: the copy is never dropped and used for nothing but `slots`, which loads the
        // ring's tail and changes cells of the copy alone. It outlives no ring: see above.
        let look = ManuallyDrop::new(unsafe { std::ptr::read(consumer) });
        let header = (0..HEADER_WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { header, words, capacity, look }
    }

    pub(crate) fn header(&self) -> Header<'_> {
        Header::new(&self.header)
    }

    /// Everything before is about to be given back.
    pub(super) fn set_head(&self, position: u64) {
        // Release: whoever sees it sees the commit that allows it.
        self.header[HEAD].store(position, Ordering::Release);
    }

    /// What is not given back: its first position, and the one behind its end. For one handler at
    /// a time.
    pub(super) fn range(&self) -> (u64, u64) {
        let head = self.header[HEAD].load(Ordering::Acquire);
        // The copy was made when both positions were 0, and counts from there, as the ring does,
        // modulo twice its capacity.
        let (tail, turn) = (self.look.slots() as u64, 2 * self.capacity as u64);
        let length = tail.wrapping_sub(head) & (turn - 1);
        (head, head + length)
    }

    /// Notes where the ring ends, for whoever reads the header elsewhere.
    pub(super) fn note_tail(&self, tail: u64) {
        self.header[TAIL].store(tail, Ordering::Relaxed);
    }

    pub(super) fn header_bytes(&self) -> &[u8] {
        // SAFETY: the words are alive as long as `self`. A header is written by the drain, which
        // stands aside, and its losses by a caller: the system may read either count.
        unsafe { std::slice::from_raw_parts(self.header.as_ptr().cast(), HEADER_WORDS * 8) }
    }

    /// The ring's bytes between two positions of [`range`](Self::range): with each piece its first
    /// byte's place. The one at the ring's end comes last.
    pub(super) fn bytes(&self, head: u64, tail: u64) -> [(usize, &[u8]); 2] {
        let place = (head & (self.capacity as u64 - 1)) as usize;
        let length = (tail - head) as usize;
        let first = length.min(self.capacity - place);
        let piece = |at: usize, words: usize| {
            // SAFETY: within the ring, which is alive. The words are published and not given back,
            // so that nobody changes them.
            let start = unsafe { self.words.as_ptr().add(at) };
            // SAFETY: as above.
            (at * 8, unsafe { std::slice::from_raw_parts(start.cast::<u8>(), words * 8) })
        };
        [piece(0, length - first), piece(place, first)]
    }

    /// The bytes of header and ring.
    pub(super) fn length(&self) -> u64 {
        ((HEADER_WORDS + self.capacity) * 8) as u64
    }
}

impl std::fmt::Debug for LaneView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LaneView").field("capacity", &self.capacity).finish_non_exhaustive()
    }
}
