//! What dead processes left in their lanes, delivered as if it had just been logged.

use super::{Backend, Step};
use crate::lane::Reader;
use crate::lane::keep::{Estate, Keeper};
use crate::sync::{Arc, lock, thread};
use std::time::{Duration, Instant};

/// Words read between two commits.
const BATCH_WORDS: u64 = (256 << 10) / 8;

/// What a recovery came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Runs of dead processes that were found.
    pub(crate) runs: u64,
    /// Records that they had published and not written, now handed to the handlers.
    pub(crate) records: u64,
    /// Everything was written; otherwise the rest waits for the next recovery.
    pub(crate) complete: bool,
}

impl Recovery {
    /// Runs of dead processes that were found.
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// Records that they had published and nobody had written, now handed to the handlers.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Returns true if everything has been written; otherwise the rest waits for the next
    /// recovery.
    pub fn is_complete(&self) -> bool {
        self.complete
    }
}

impl Backend {
    /// Delivers what dead processes published and did not write, in the order of time, and removes
    /// what they left behind. What cannot be written by the deadline stays for the next one.
    pub(crate) fn inherit(&mut self, mut estates: Vec<Estate>, deadline: Instant) -> Recovery {
        self.note_inheriting(true);
        self.take_lanes();
        self.take_installs();
        self.stage.now_ns = self.timeline.now_ns();
        self.stage.look_at_files();
        let before = self.frames.recovered;
        let mut lanes: Vec<Reader> = estates
            .iter()
            .flat_map(|estate| {
                let foreign = &estate.foreign;
                estate.lanes.iter().filter_map(|(memory, progress)| {
                    Reader::inherited(memory, progress.clone(), foreign)
                })
            })
            .collect();
        let dumps = estates
            .iter()
            .filter_map(|estate| Some((estate.foreign.clone(), estate.recorder.as_ref()?.read())));
        let mut entries = Vec::new();
        for (foreign, recorded) in dumps {
            for entry in recorded {
                lock(&foreign.recorded)
                    .entry(entry.lane)
                    .and_modify(|last| *last = entry.sequence.max(*last))
                    .or_insert(entry.sequence);
                entries.push((foreign.clone(), entry));
            }
        }
        let recorded = entries.len() as u64;
        if recorded != 0 {
            self.stage.begin_batch(self.timeline.now_ns());
            let Self { frames, generations, stage, .. } = self;
            frames.dump_inherited(entries, generations, stage);
            let with = self.stage.demand_commit();
            estates.iter_mut().for_each(|estate| estate.clear_recorder(with));
        }
        let mut complete = true;
        let expected: usize = estates.iter().map(|estate| estate.lanes.len()).sum();
        let unread = lanes.len() < expected || estates.iter().any(Estate::is_unread);
        let mut since = 0;
        while complete && let Some((at, limit)) = next(&mut lanes) {
            let begin = lanes[at].position();
            self.stage.begin_batch(self.timeline.now_ns());
            self.run_inherited(&mut lanes[at], limit);
            since += lanes[at].position() - begin;
            if lanes[at].position() == begin {
                break;
            }
            if since >= BATCH_WORDS {
                since = 0;
                complete = self.commit_inherited(&mut lanes, deadline);
            }
        }
        for lane in &mut lanes {
            let dropped = lane.dropped_before().unwrap_or(lane.state.told);
            if complete && dropped != lane.state.told && lane.look() == lane.position() {
                let Self { frames, generations, stage, timeline, .. } = self;
                frames.tell_losses(lane, dropped, generations, stage, timeline);
            }
        }
        complete = complete && self.commit_inherited(&mut lanes, deadline);
        drop(lanes);
        let runs = estates.len() as u64;
        // A lane whose marks make no sense stays where it is, and so does its folder.
        if complete && !unread {
            estates.into_iter().for_each(Estate::remove);
        }
        self.note_inheriting(false);
        let complete = complete && !unread;
        Recovery { runs, records: self.frames.recovered - before, complete }
    }

    /// Notes that what is written now is nothing of this process's own.
    fn note_inheriting(&self, inherits: bool) {
        if let Some(commits) = &self.stage.commits {
            commits.keeper().control().set_inherits(inherits);
        }
    }

    /// As [`inherit`](Self::inherit), with what is written noted by `keeper` meanwhile if nothing
    /// else notes it.
    pub(crate) fn inherit_once(
        &mut self,
        estates: Vec<Estate>,
        keeper: Option<Arc<Keeper>>,
        deadline: Instant,
    ) -> Recovery {
        let Some(keeper) = keeper else { return self.inherit(estates, deadline) };
        // Lines of this process's own lanes are nothing that a recovery could bring back.
        self.end_batch();
        self.keep(Some(keeper.clone()));
        let recovery = self.inherit(estates, deadline);
        if recovery.complete {
            keeper.remove();
        }
        self.keep(None);
        recovery
    }

    /// Takes an inherited lane's frames up to a time.
    fn run_inherited(&mut self, lane: &mut Reader, limit: i64) {
        let Self { frames, generations, stage, timeline, .. } = self;
        let Some(clock) = lane.state.foreign.as_ref().map(|foreign| foreign.clock) else { return };
        let end = lane.look();
        lane.run(end, |state, head, frame, _| {
            if frame.get(1).is_some_and(|stamp| clock.ns(*stamp) > limit) {
                return Step::Stop;
            }
            frames.take(state, head, frame, generations, stage, timeline);
            Step::Next
        });
    }

    /// Has everything read so far written. Returns false if it was not by the deadline.
    fn commit_inherited(&mut self, lanes: &mut [Reader], deadline: Instant) -> bool {
        loop {
            self.end_batch_with(Some(lanes));
            if !lanes.iter().any(Reader::is_unmarked) && lanes.iter().all(Reader::is_released) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The lane with the earliest record, and the time up to which it may run.
fn next(lanes: &mut [Reader]) -> Option<(usize, i64)> {
    let mut times = Vec::new();
    for (at, lane) in lanes.iter_mut().enumerate() {
        let end = lane.look();
        if lane.position() < end
            && let Some(stamp) = lane.next_stamp(end)
            && let Some(foreign) = &lane.state.foreign
        {
            times.push((foreign.clock.ns(stamp), at));
        }
    }
    times.sort_unstable();
    let (_, first) = times.first()?;
    Some((*first, times.get(1).map_or(i64::MAX, |(time, _)| *time)))
}
