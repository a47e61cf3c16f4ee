//! The drain: takes frames from all lanes in the order of their stamps and delivers them.
//!
//! One [`Backend`] does it, on a thread of its own or on the caller's. A pass looks at each lane
//! once. With several lanes a frame is due when its place in its lane was already published at a
//! look that lies the grace back: by then, every thread that had read its stamp has published.
//! Stamps only order; no wait depends on them, so a clock that is set back holds nothing up.

mod books;
mod collect;
mod commit;
mod failure;
mod foreign;
mod frames;
mod gates;
mod generations;
mod heir;
mod last;
mod merge;
mod recorder;
mod report;
mod request;
mod run;
mod stage;
mod thread;

pub(crate) use books::DrainBooks;
pub use books::Stats;
pub(crate) use failure::{ErrorHook, Failures, to_stderr};
pub use failure::{Failure, FailureKind};
pub use heir::Recovery;
pub(crate) use recorder::{RecorderOptions, RecorderTarget};
pub use report::Report;
pub(crate) use request::{HandlerFn, Request, Requests};
pub use thread::Wait;
pub(crate) use thread::{Ended, ThreadOptions, run};

use crate::clock::{Anchor, Timeline};
use crate::lane::keep::{Collection, Keeper};
use crate::lane::{Hub, OnBackend, Reader, Step, enter_backend};
use crate::record::{ProcessInfo, Without};
use crate::sync::Arc;
use crate::tree::Tree;
use commit::Commits;
use frames::Frames;
use generations::Generations;
use merge::Merge;
use stage::Stage;
use std::time::{Duration, Instant};

/// A batch is ended after this long even under a load that never lets the rings run dry: what a
/// process killed at once has logged is in its file but for the last few milliseconds,
const LONGEST_BATCH: Duration = Duration::from_millis(4);
/// and with this many generations on the way.
const MOST_GENERATIONS: usize = 32;

/// What a backend is made with.
#[derive(Debug, Clone)]
pub(crate) struct BackendOptions {
    /// How long a frame waits for frames of other lanes with an earlier stamp.
    pub(crate) grace: Duration,
    pub(crate) process: ProcessInfo,
    /// What records do not show.
    pub(crate) without: Without,
    /// Each handler writes a record before the next handler gets it.
    pub(crate) write_through: bool,
    /// The flight recorder, if there is one.
    pub(crate) recorder: Option<RecorderOptions>,
}

/// Takes frames and delivers them.
#[derive(Debug)]
pub(crate) struct Backend {
    hub: Arc<Hub>,
    tree: Arc<Tree>,
    timeline: Timeline,
    grace: Duration,
    lanes: Vec<Reader>,
    /// Beside each lane: where frames that are due end, and where the last look ended.
    ends: Vec<Ends>,
    looked: Option<Instant>,
    merge: Merge,
    generations: Generations,
    frames: Frames,
    stage: Stage,
    paused: bool,
    /// The lanes of other processes, if this one collects them.
    collection: Option<Collection>,
}

/// Where lanes ended at one moment.
pub(crate) type Targets = Vec<((u64, u32), u64)>;

#[derive(Debug, Clone, Copy, Default)]
struct Ends {
    due: u64,
    seen: u64,
}

impl Backend {
    pub(crate) fn new(
        tree: &Arc<Tree>,
        timeline: Timeline,
        options: BackendOptions,
        books: Arc<DrainBooks>,
        failures: Failures,
    ) -> Self {
        let start_ns = timeline.now_ns();
        let mut frames = Frames::new(start_ns, options.process, options.without);
        frames.record_with(options.recorder);
        Self {
            hub: tree.hub().clone(),
            tree: tree.clone(),
            timeline,
            grace: options.grace,
            lanes: Vec::new(),
            ends: Vec::new(),
            looked: None,
            merge: Merge::default(),
            generations: Generations::new(tree.clone()),
            frames,
            stage: Stage::new(books, failures, options.write_through),
            paused: false,
            collection: None,
        }
    }

    /// Replaces what a configuration in place may replace; the lanes are empty then.
    pub(crate) fn configure(
        &mut self,
        timeline: Timeline,
        options: BackendOptions,
        failures: Failures,
    ) {
        let start_ns = timeline.now_ns();
        self.timeline = timeline;
        self.grace = options.grace;
        self.frames = Frames::new(start_ns, options.process, options.without);
        self.frames.record_with(options.recorder);
        self.stage.failures = failures;
        self.stage.write_through = options.write_through;
    }

    /// Begins anew in a forked child: the lanes and what they hold are the parent's, and so is what
    /// is noted of files; handlers hold nothing.
    pub(crate) fn begin_in_child(&mut self) {
        std::mem::forget(std::mem::take(&mut self.lanes));
        self.ends.clear();
        self.looked = None;
        self.generations.forget_ends();
        std::mem::forget(self.collection.take());
        std::mem::forget(self.stage.begin_in_child());
        let mut process = self.frames.process().clone();
        process.id = std::process::id();
        let recorder = self.frames.leave_recorder();
        self.frames = Frames::new(self.timeline.now_ns(), process, self.frames.without());
        self.frames.record_with(recorder);
    }

    /// How stamps read as time at present.
    pub(crate) fn anchor(&self) -> Anchor {
        self.timeline.anchor()
    }

    /// When the runtime started, as records show it.
    pub(crate) fn start_ns(&self) -> i64 {
        self.frames.start_ns()
    }

    /// Has the flight recorder survive the process in a run's folder; false if there is no room.
    pub(crate) fn keep_recorder(&mut self, keeper: &Keeper) -> bool {
        self.frames.keep_recorder(keeper)
    }

    /// Has what the flight recorder keeps written, and says how many records that was.
    pub(crate) fn dump_recorder(&mut self) -> u64 {
        self.take_installs();
        self.stage.begin_batch(self.timeline.now_ns());
        let Self { frames, generations, stage, .. } = self;
        frames.dump(generations, stage)
    }

    /// Delivers what the lanes hold now, has the flight recorder written, and flushes.
    pub(crate) fn dump(&mut self, deadline: Instant) -> u64 {
        let reached = self.drain_all(deadline);
        let dumped = self.dump_recorder();
        let _ = self.flush(reached, deadline, false);
        dumped
    }

    /// Has what is written noted in a run's folder, or no more.
    pub(crate) fn keep(&mut self, keeper: Option<Arc<Keeper>>) {
        self.take_installs();
        if let Some(keeper) = &keeper {
            keeper.control().set_clock(self.timeline.anchor());
        }
        self.stage.commits = keeper.map(Commits::new);
        self.stage.look_at_files();
    }

    pub(crate) fn set_paused(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// Takes new lanes that were handed over.
    fn take_lanes(&mut self) {
        let lanes = self.hub.intake.take();
        self.add_lanes(lanes);
    }

    /// As [`take_lanes`](Self::take_lanes), those included that came a moment ago.
    fn take_lanes_surely(&mut self) {
        let lanes = self.hub.intake.take_surely();
        self.add_lanes(lanes);
    }

    fn add_lanes(&mut self, lanes: impl IntoIterator<Item = Reader>) {
        for lane in lanes {
            self.lanes.push(lane);
            self.ends.push(Ends::default());
        }
    }

    /// Takes new generations that were handed over; after the look at the lanes, so that none of
    /// the frames seen is of a generation that is still on its way.
    fn take_installs(&mut self) {
        for install in self.tree.installs.take() {
            self.generations.arrive(install.snapshot.clone());
            self.stage.arrive(install);
        }
        self.generations.note_ends(&self.lanes);
    }

    /// One pass: delivers every frame that is due. Returns how many frames it took.
    ///
    /// `all` makes everything due that is published at the pass's look, for a caller that drains
    /// its own records and for ends.
    pub(crate) fn pass(&mut self, all: bool) -> usize {
        self.take_lanes();
        if self.paused {
            self.take_installs();
            return 0;
        }
        self.timeline.resync();
        self.look(all);
        if self.collection.is_some() {
            self.tend_collection();
        }
        self.take_installs();
        let Self { merge, lanes, ends, .. } = self;
        merge.begin(lanes.iter_mut().zip(&*ends).enumerate().filter_map(|(at, (lane, ends))| {
            if lane.position() < ends.due { Some((lane.next_stamp(ends.due)?, at)) } else { None }
        }));
        let mut taken = 0;
        let mut begun = false;
        while let Some((at, limit)) = self.merge.next() {
            if !std::mem::replace(&mut begun, true) {
                self.stage.begin_batch(self.timeline.now_ns());
            }
            taken += self.run_lane(at, limit);
            let due = self.ends[at].due;
            if let Some(stamp) = self.lanes[at].next_stamp(due) {
                self.merge.again(stamp, at);
            }
        }
        taken
    }

    /// Looks at the lanes and moves the ends of what is due.
    fn look(&mut self, all: bool) {
        if all || self.lanes.len() == 1 {
            for (lane, ends) in self.lanes.iter().zip(&mut self.ends) {
                ends.due = lane.look();
                ends.seen = ends.due;
            }
            self.looked = None;
            return;
        }
        let now = Instant::now();
        match self.looked {
            Some(looked) if now.duration_since(looked) < self.grace => {}
            looked => {
                for (lane, ends) in self.lanes.iter().zip(&mut self.ends) {
                    if looked.is_some() {
                        ends.due = ends.seen;
                    }
                    ends.seen = lane.look();
                }
                self.looked = Some(now);
            }
        }
    }

    /// Takes a lane's frames up to a stamp.
    fn run_lane(&mut self, at: usize, limit: u64) -> usize {
        let Self { lanes, ends, frames, generations, stage, timeline, tree, .. } = self;
        let mut taken = 0;
        let runs = stage.takes_runs();
        lanes[at].run(ends[at].due, |state, head, frame, together| {
            if runs
                && let Some((words, n)) =
                    frames.run(state, together, limit, generations, stage, timeline)
            {
                taken += n;
                return Step::Words(words);
            }
            if frame.get(1).is_some_and(|stamp| *stamp > limit) {
                return Step::Stop;
            }
            if !generations.knows(head.generation)
                && head.generation != 0
                && state.foreign.is_none()
            {
                // The frame overtook its generation, which waits in the tree's hand-over queue.
                for install in tree.installs.take_surely() {
                    generations.arrive(install.snapshot.clone());
                    stage.arrive(install);
                }
            }
            frames.take(state, head, frame, generations, stage, timeline);
            taken += 1;
            Step::Next
        });
        taken
    }

    /// Returns true if something waits: frames, lanes, generations.
    pub(crate) fn has_work(&self) -> bool {
        self.hub.intake.is_waiting()
            || self.tree.installs.is_waiting()
            || (!self.paused && self.lanes.iter().any(|lane| lane.look() > lane.position()))
    }

    /// Returns true if a lane has become nearly full, or something other than frames waits.
    pub(crate) fn has_urgent_work(&self, all: bool) -> bool {
        if all {
            return self.has_work();
        }
        self.hub.intake.is_waiting()
            || self.tree.installs.is_waiting()
            || (!self.paused && self.lanes.iter().any(Reader::is_above_mark))
    }

    /// Returns true if frames were seen that wait for their grace to pass.
    pub(crate) fn is_within_grace(&self) -> bool {
        self.lanes.len() > 1
            && !self.paused
            && self.lanes.iter().any(|lane| lane.look() > lane.position())
    }

    /// Returns true if a batch has gone on for so long that it is to be ended although the rings
    /// never ran dry: what is buffered would stay in memory, ended lanes and old generations
    /// would pile up.
    pub(crate) fn is_batch_long(&self, begun: Instant) -> bool {
        self.generations.len() > MOST_GENERATIONS
            || begun.elapsed() >= LONGEST_BATCH
            || (self.stage.commits.is_some() && self.lanes.iter().any(Reader::wants_commit))
    }

    /// The rings ran dry: buffered lines are written, losses told, ended lanes retired.
    pub(crate) fn end_batch(&mut self) {
        self.end_batch_with(None);
    }

    /// As [`end_batch`](Self::end_batch), of lanes that are not this process's own if there are
    /// any.
    fn end_batch_with(&mut self, lanes: Option<&mut [Reader]>) {
        let table = self.generations.newest().table.clone();
        self.stage.now_ns = self.timeline.now_ns();
        self.tell_trailing_losses();
        if let Some(commits) = &self.stage.commits {
            commits.keeper().control().set_clock(self.timeline.anchor());
        }
        self.stage.end_batch_of(lanes.unwrap_or(&mut self.lanes), &table);
        self.frames.book_recorder(&self.stage);
        self.retire_lanes();
        self.retire_collected();
        while let Some(retired) = self.generations.retire(&self.lanes) {
            self.stage.depart(&retired.table, self.generations.uses());
        }
        let newest = self.generations.newest().generation;
        self.tree.departed(&mut self.stage.departed, newest);
    }

    /// What a lane lost last and could not tell itself.
    fn tell_trailing_losses(&mut self) {
        let Self { lanes, frames, generations, stage, timeline, .. } = self;
        for lane in lanes {
            let dropped = lane.dropped();
            // Dropped first, then the look: what was published before these losses was taken.
            if dropped != lane.state.told && lane.look() == lane.position() {
                frames.tell_losses(lane, dropped, generations, stage, timeline);
            }
        }
    }

    fn retire_lanes(&mut self) {
        let mut at = 0;
        while at < self.lanes.len() {
            let lane = &self.lanes[at];
            // Ended first, then the look: nothing is published after the end.
            if lane.worker() == 0
                && lane.has_ended()
                && lane.look() == lane.position()
                && lane.state.told == lane.state.shared.producer.dropped()
                && lane.is_released()
            {
                let mut lane = self.lanes.swap_remove(at);
                self.ends.swap_remove(at);
                lane.release();
                self.hub.retire(lane);
            } else {
                at += 1;
            }
        }
    }

    /// Gives all space back before a sleep.
    pub(crate) fn release(&mut self) {
        self.lanes.iter_mut().for_each(Reader::release);
    }

    /// Where the lanes end now: what a flush has to wait for.
    pub(crate) fn targets(&mut self) -> Targets {
        self.take_lanes();
        self.lanes.iter().map(|lane| (lane.key(), lane.look())).collect()
    }

    /// Returns true if every lane has been read to its target.
    pub(crate) fn has_reached(&self, targets: &Targets) -> bool {
        targets.iter().all(|(key, end)| {
            self.lanes.iter().all(|lane| lane.key() != *key || lane.position() >= *end)
        })
    }

    /// Delivers everything that is published when it is called, and ends the batch.
    pub(crate) fn drain_all(&mut self, deadline: Instant) -> bool {
        let targets = self.targets();
        loop {
            let taken = self.pass(true);
            if self.has_reached(&targets) {
                self.end_batch();
                return true;
            }
            if Instant::now() >= deadline || (taken == 0 && self.paused) {
                return false;
            }
        }
    }

    /// As [`drain_all`](Self::drain_all), and what calls publish that are still under way although
    /// new ones go elsewhere, for the mode says so. False if the deadline passes first.
    pub(crate) fn drain_stragglers(&mut self, deadline: Instant) -> bool {
        let calls = self.close_gates();
        self.drain_calls(&calls, 0, deadline)
    }

    /// Whether everything that was read is written, as far as that is noted.
    pub(crate) fn has_committed(&self) -> bool {
        self.lanes.iter().all(Reader::is_released)
    }

    /// Flushes the handlers, to the disk with `sync`, and says what it came to.
    pub(crate) fn flush(&mut self, reached: bool, deadline: Instant, sync: bool) -> Report {
        self.end_batch();
        let table = self.generations.newest().table.clone();
        let good = self.stage.flush_all(&table, deadline, sync);
        let mut report = self.report(reached, good);
        report.synced = report.complete && self.stage.is_synced();
        report
    }

    /// Delivers everything for the last time before the process ends, and flushes.
    pub(crate) fn exit(&mut self, deadline: Instant) -> Report {
        self.set_paused(false);
        let reached = self.drain_stragglers(deadline);
        self.flush(reached, deadline, false)
    }

    /// Ends the batch and says what it came to.
    pub(crate) fn tell(&mut self, reached: bool) -> Report {
        self.end_batch();
        self.report(reached, true)
    }

    /// Flushes and closes the handlers and says what it came to.
    pub(crate) fn close(&mut self, reached: bool, deadline: Instant) -> Report {
        self.end_batch();
        let table = self.generations.newest().table.clone();
        let good = self.stage.close_all(&table, deadline);
        let mut report = self.report(reached, good);
        report.synced = report.complete && self.stage.is_synced();
        if reached {
            // A call that publishes now is one that came after the end.
            report.pending = 0;
        }
        self.end_collection();
        self.stage.disband();
        report
    }

    fn report(&mut self, reached: bool, good: bool) -> Report {
        self.stage.book_held();
        let totals = self.hub.totals();
        let mut report = Report {
            lost: totals.dropped.iter().sum(),
            pending: totals.published.iter().sum::<u64>().saturating_sub(totals.taken),
            reasons: self.stage.failures.reasons().to_vec(),
            ..Report::default()
        };
        let mut held = 0;
        for handler in self.tree.state().handlers() {
            let stats = handler.stats();
            report.written += stats.delivered;
            report.lost += stats.failed + stats.shed;
            held += stats.held;
        }
        report.pending += held;
        if !reached {
            report.reasons.push("the deadline passed before everything was taken".to_owned());
        }
        // What other threads publish meanwhile is pending, but nobody waits for it here.
        report.complete = reached && good && held == 0;
        report
    }

    /// Sends every call to the slow path, or back; false if the tree's state is not to be had.
    fn try_set_slow(&self, slow: bool, deadline: Instant) -> bool {
        self.tree.try_set_slow(slow, deadline)
    }

    /// Runs a closure on a handler, between two records.
    pub(crate) fn with(&mut self, handler: u64, run: HandlerFn) -> bool {
        self.take_installs();
        self.stage.now_ns = self.timeline.now_ns();
        let table = self.generations.newest().table.clone();
        self.stage.with(&table, handler, run)
    }

    /// Marks the calling thread as a backend's.
    pub(crate) fn enter() -> OnBackend {
        enter_backend()
    }
}
