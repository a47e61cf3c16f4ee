//! The last look at the lanes, before an end or a sleep: which calls are under way, and when they
//! are over.

use super::Backend;
use crate::lane::{ProducerBooks, Reader};
use crate::sync::thread;
use crate::sys;
use std::time::{Duration, Instant};

/// Between looks: those who are under way may need this processor.
const NAP: Duration = Duration::from_micros(20);
const LONGEST_NAP: Duration = Duration::from_millis(1);

/// The calls that may be under way: with each lane, how many records it had counted.
pub(super) type Calls = Vec<((u64, u32), u64)>;

impl Backend {
    /// Sends calls that begin from now on to the slow path, and tells which may be under way.
    ///
    /// The mode has been changed before: who opens a lane too late for this finds that changed.
    pub(super) fn close_gates(&mut self) -> Calls {
        self.close_each(ProducerBooks::close_gate)
    }

    fn close_each(&mut self, close: impl Fn(&ProducerBooks)) -> Calls {
        self.take_lanes_surely();
        self.own_lanes().for_each(|lane| close(&lane.state.shared.producer));
        sys::barrier_of_all_threads();
        self.own_lanes().map(|lane| (lane.key(), lane.state.shared.producer.counted())).collect()
    }

    /// Sends calls that begin from now on to the slow path, where they wake the drain. False if one
    /// is under way yet that will not.
    pub(super) fn close_gates_to_park(&mut self) -> bool {
        let calls = self.close_each(ProducerBooks::close_gate_to_park);
        self.paused || self.are_over(&calls, 0)
    }

    /// Whether a call has opened its gate since, for it is about to wake the drain.
    pub(super) fn has_open_gate(&self) -> bool {
        self.own_lanes().any(|lane| lane.state.shared.producer.is_gate_open())
    }

    /// Lets calls go the fast way again: the drain is awake.
    pub(super) fn open_parked_gates(&self) {
        self.own_lanes().for_each(|lane| lane.state.shared.producer.open_parked_gate());
    }

    /// Lets calls go the fast way again: the process goes on after all.
    pub(super) fn open_gates(&mut self) {
        self.take_lanes_surely();
        self.own_lanes().for_each(|lane| lane.state.shared.producer.open_gate());
    }

    /// Delivers what is published and what the calls under way publish yet. Those of the thread
    /// `but` are not waited for; 0 is nobody. False if the deadline passes first.
    pub(super) fn drain_calls(&mut self, calls: &Calls, but: u64, deadline: Instant) -> bool {
        let mut nap = NAP;
        loop {
            if !self.drain_all(deadline) {
                return false;
            }
            if self.are_over(calls, but) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(nap);
            nap = (nap * 2).min(LONGEST_NAP);
        }
    }

    /// A lane that is not there any more was emptied. A call that took its count back has learnt of
    /// the end, and is over as well.
    fn are_over(&self, calls: &Calls, but: u64) -> bool {
        self.own_lanes().all(|lane| {
            let taken = lane.state.taken();
            let shared = &lane.state.shared;
            let counted = calls.iter().find(|(key, _)| *key == lane.key());
            counted.is_none_or(|(_, counted)| taken >= *counted)
                || taken >= shared.producer.counted()
                || (but != 0 && shared.thread.id == but)
        })
    }

    fn own_lanes(&self) -> impl Iterator<Item = &Reader> {
        self.lanes.iter().filter(|lane| lane.worker() == 0 && lane.state.foreign.is_none())
    }
}
