//! Lanes: one thread's way to the drain.
//!
//! A lane is a ring of 64-bit words (rtrb's on the heap, our own where it outlives the process)
//! with a writer on the thread and a reader on the drain, and counters that both sides keep.
//! [`Hub`] is where the two meet: it makes lanes, hands their readers over, pools the rings of
//! ended threads and wakes the drain.
//!
//! The writer looks how many words are free *beyond a margin* and lie together, and the calls that
//! follow use them up without another look. While the margin is three quarters of the ring, success
//! proves that the ring is less than a quarter full, and nothing else needs a look. Above that mark
//! a call looks whether the drain sleeps, once each time the head has moved. Anything unusual (a gap
//! to report, a new scope, a side lane, the parking strategy) sets the margin beyond the ring's
//! size, so that the fast path fails and the slow one takes over: the unusual costs the usual
//! nothing.
#![allow(unsafe_code)]

mod books;
mod chain;
mod ends;
pub(crate) mod fork;
pub(crate) mod frame;
mod heap;
mod hub;
mod intake;
pub(crate) mod keep;
mod last;
mod memory;
mod mode;
mod overflow;
mod reader;
mod ring;
mod standing;
mod ticket;
mod view;
mod wake;
mod writer;

pub(crate) use hub::{Back, Hub, HubOptions};
pub(crate) use intake::Intake;
pub(crate) use last::{Ask, LastCall, Outcome};
pub(crate) use mode::Mode;
pub use overflow::{Overflow, Patience};
pub(crate) use reader::{LaneState, Reader, Step};
pub(crate) use standing::{
    CAUSED_IN_TURN, OnBackend, enter_backend, is_on_drain, origin, with_origin,
};
pub(crate) use ticket::{Answer, Ticket, ticket};
pub(crate) use writer::{Refused, Writer};

use crate::capture::Words;
use crate::level::CLASSES;
use crate::record::ThreadInfo;
use crate::sync::Mutex;
use books::{End, Taken};
use crossbeam_utils::CachePadded;

/// Counts by class of level.
pub(crate) type ByClass = [u64; CLASSES];
/// The producer's side of a lane's books.
pub(crate) type ProducerBooks = books::ProducerBooks<CLASSES>;

/// What both ends of a lane, and whoever reads the books, share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) number: u32,
    pub(crate) thread: ThreadInfo,
    /// Written by the producer only.
    pub(crate) producer: CachePadded<ProducerBooks>,
    /// Records taken, written by the drain only.
    pub(crate) taken: CachePadded<Taken>,
    /// The producer has gone; what it published is still to be taken.
    pub(crate) end: End,
    /// The writing end, on its way back to the pool.
    returned: Mutex<Option<ends::Producer>>,
}

impl Shared {
    pub(crate) fn new(number: u32, thread: ThreadInfo) -> Self {
        Self {
            number,
            thread,
            producer: CachePadded::new(ProducerBooks::new()),
            taken: CachePadded::new(Taken::new()),
            end: End::new(),
            returned: Mutex::new(None),
        }
    }
}

/// Writes a frame aside, into a vector of `count` words.
pub(crate) fn aside(count: usize, fill: impl FnOnce(&mut Words<'_>)) -> Vec<u64> {
    let mut whole = Vec::with_capacity(count);
    let mut out = Words::new(&mut whole.spare_capacity_mut()[..count]);
    fill(&mut out);
    out.finish();
    // SAFETY: the capacity is at least `count`, and `Words`, which moves only over words it has
    // written, wrote or zeroed every one of the first `count`.
    unsafe { whole.set_len(count) };
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Sink;

    #[test]
    fn bytes_lie_in_a_frame_as_they_lie_in_a_vector() {
        let all: Vec<u8> = (1..=250).collect();
        for length in 0..all.len() {
            let bytes = &all[all.len() - length..];
            let mut words = Vec::new();
            words.bytes(bytes);
            words.extend([7, 0]);
            let frame = aside(words.len(), |out| {
                out.bytes(bytes);
                out.push(7);
            });
            assert_eq!(frame, words, "{length}");
            // A size that was estimated wrong.
            let short = aside(length / 16, |out| out.bytes(bytes));
            assert_eq!(short.len(), length / 16);
        }
    }
}
