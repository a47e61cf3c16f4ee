//! The drain's end of a lane.

use super::frame::{self, Head};
use super::memory::{Consumer, Producer};
use super::{ByClass, Shared};
use crate::clock::Monotone;
use crate::level::CLASSES;
use crate::sync::Arc;

/// A reader releases what it has read in steps of this many words (64 KiB), or an eighth of a
/// smaller ring: a release per record would bounce the head's cache line to the producer each
/// time, a release per pass would let a burst fill the ring.
const RELEASE_WORDS: usize = (64 << 10) / 8;

/// The drain's end of a lane, and what the drain knows of it.
#[derive(Debug)]
pub(crate) struct Reader {
    ring: Consumer,
    pub(crate) shared: Arc<Shared>,
    /// Read to here.
    position: u64,
    release_at: u64,
    /// Losses told so far, by class.
    pub(crate) told: ByClass,
    /// Records taken so far.
    pub(crate) taken: u64,
    /// Records attempted so far: taken and told lost.
    pub(crate) sequence: u64,
    /// The time of the last record, which the next must not step behind.
    pub(crate) last: Monotone,
    /// The scope's fields.
    pub(crate) context: Vec<u64>,
    /// A frame that arrives in parts.
    pub(crate) parts: Vec<u64>,
}

impl Reader {
    pub(super) fn new(ring: Consumer, shared: Arc<Shared>) -> Self {
        let release_at = RELEASE_WORDS.min(ring.capacity() / 8) as u64;
        Self {
            position: ring.head(),
            ring,
            shared,
            release_at,
            told: [0; CLASSES],
            taken: 0,
            sequence: 0,
            last: Monotone::default(),
            context: Vec::new(),
            parts: Vec::new(),
        }
    }

    /// The ring's size in words.
    pub(super) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Where the reader stands, in words since the ring was made.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Looks at the ring: where what is published now ends, in words since the ring was made.
    pub(crate) fn look(&self) -> u64 {
        self.ring.tail()
    }

    /// Returns true once the producer has gone. Look at the ring *after* asking.
    pub(crate) fn has_ended(&self) -> bool {
        self.shared.end.is_told()
    }

    /// The stamp of the next frame before `end`, passing over what closes the ring.
    pub(crate) fn next_stamp(&mut self, end: u64) -> Option<u64> {
        loop {
            let (first, second) = self.ring.words(self.position, end);
            let rest = if first.is_empty() { second } else { first };
            let head = Head::read(*rest.first()?);
            if head.kind & frame::KIND != frame::PAD {
                return rest.get(1).copied();
            }
            self.position += head.words.clamp(1, rest.len()) as u64;
        }
    }

    /// Calls `each` for frames before `end` in order until it returns false for one, which then
    /// stays unread.
    pub(crate) fn run(
        &mut self,
        end: u64,
        mut each: impl FnMut(&mut LaneState<'_>, Head, &[u64]) -> Step,
    ) {
        while self.position < end {
            let begin = self.position;
            let release_at = (self.ring.head() + self.release_at).saturating_sub(begin) as usize;
            let (first, second) = self.ring.words(begin, end);
            let mut at = 0;
            let mut stopped = false;
            loop {
                let rest =
                    if at < first.len() { &first[at..] } else { &second[at - first.len()..] };
                let Some(word) = rest.first() else { break };
                let head = Head::read(*word);
                // A frame never reaches beyond what is published; a damaged length ends the lane's
                // chunk instead of reading elsewhere.
                let words = head.words.clamp(1, rest.len());
                if head.kind & frame::KIND != frame::PAD {
                    let mut state = LaneState {
                        shared: &self.shared,
                        told: &mut self.told,
                        taken: &mut self.taken,
                        sequence: &mut self.sequence,
                        last: &mut self.last,
                        context: &mut self.context,
                        parts: &mut self.parts,
                    };
                    match each(&mut state, head, &rest[..words]) {
                        Step::Next => {}
                        Step::Stop => {
                            stopped = true;
                            break;
                        }
                    }
                }
                at += words;
                if at >= release_at {
                    break;
                }
            }
            self.position = begin + at as u64;
            if at >= release_at {
                self.ring.release(self.position);
            }
            if stopped || at == 0 {
                return;
            }
        }
    }

    /// Returns true if the ring is at least a quarter full.
    pub(crate) fn is_above_mark(&self) -> bool {
        self.look() - self.ring.head() >= self.ring.capacity() as u64 / 4
    }

    /// Gives everything read back to the producer; before the drain sleeps.
    pub(crate) fn release(&mut self) {
        if self.ring.head() != self.position {
            self.ring.release(self.position);
        }
    }

    /// Takes the ring apart once the lane has ended and is empty, for the pool.
    pub(super) fn into_ring(self) -> Option<(Producer, Consumer)> {
        let producer = crate::sync::lock(&self.shared.returned).take()?;
        Some((producer, self.ring))
    }
}

/// What a step of [`Reader::run`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The frame was taken.
    Next,
    /// The frame stays for later.
    Stop,
}

/// The lane's state while one of its frames is delivered.
#[derive(Debug)]
pub(crate) struct LaneState<'a> {
    pub(crate) shared: &'a Arc<Shared>,
    pub(crate) told: &'a mut ByClass,
    pub(crate) taken: &'a mut u64,
    pub(crate) sequence: &'a mut u64,
    pub(crate) last: &'a mut Monotone,
    pub(crate) context: &'a mut Vec<u64>,
    pub(crate) parts: &'a mut Vec<u64>,
}

impl LaneState<'_> {
    /// Books a record that was taken.
    #[inline]
    pub(crate) fn count_taken(&mut self) {
        *self.sequence += 1;
        *self.taken += 1;
        self.shared.taken.tell(*self.taken);
    }
}
