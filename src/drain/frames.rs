//! From a frame to a delivered record.

use super::DrainBooks;
use super::generations::Generations;
use super::recorder::Recorder;
use super::run::Runs;
use super::stage::Stage;
use crate::callsite::{self, Callsite};
use crate::clock::Timeline;
use crate::lane::frame::{self, HEADER_WORDS, Head as FrameHead};
use crate::lane::keep::Foreign;
use crate::lane::{ByClass, LaneState, Reader};
use crate::level::{CLASS_LEVELS, Level};
use crate::record::{
    Body, Described, DescribedBuf, Field, Head, LogRecord, Names, OwnedRecord, ProcessInfo,
    ThreadInfo, ValueBuf, Without, split_changes,
};
use crate::sync::Arc;
use crate::tree::Snapshot;
use std::fmt::Write as _;

/// What reading frames needs to remember.
#[derive(Debug)]
pub(crate) struct Frames {
    /// Call sites by number, as far as known.
    sites: Vec<&'static Callsite>,
    pub(super) start_ns: i64,
    pub(super) process: ProcessInfo,
    pub(super) without: Without,
    /// The greatest stamp delivered so far.
    pub(super) newest: u64,
    /// What is known of records that are packed as they come.
    pub(super) runs: Runs,
    /// Records taken of dead processes' lanes.
    pub(super) recovered: u64,
    /// What keeps the records that go to no handler.
    pub(super) recorder: Option<Box<Recorder>>,
    /// A record at this level or above has what is kept written; the greatest if nothing is.
    pub(super) trigger: i32,
}

impl Frames {
    pub(crate) fn new(start_ns: i64, process: ProcessInfo, without: Without) -> Self {
        let (recorder, trigger) = (None, i32::MAX);
        let (sites, newest, recovered) = (Vec::new(), 0, 0);
        let runs = Runs::default();
        Self { sites, start_ns, process, without, newest, runs, recovered, recorder, trigger }
    }

    pub(super) fn without(&self) -> Without {
        self.without
    }

    pub(super) fn process(&self) -> &ProcessInfo {
        &self.process
    }

    pub(super) fn start_ns(&self) -> i64 {
        self.start_ns
    }

    /// Reads a frame and delivers what it holds.
    #[inline]
    pub(crate) fn take(
        &mut self,
        lane: &mut LaneState,
        head: FrameHead,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        match head.kind & frame::KIND {
            _ if head.kind == frame::SITE => {
                self.common(lane, head, frame, generations, stage, timeline);
            }
            frame::SITE | frame::DESCRIBED => {
                self.record(lane, head, frame, generations, stage, timeline);
            }
            frame::CONTEXT => {
                lane.context.clear();
                lane.context.extend_from_slice(frame.get(2..).unwrap_or_default());
            }
            frame::GAP => self.gap(lane, frame, generations, stage, timeline),
            frame::PART => self.part(lane, frame, generations, stage, timeline),
            _ => damaged(lane, stage),
        }
    }

    /// A record of a call site as most are. Whatever is not known at once, or has to be looked
    /// at, is left to [`record`](Self::record), before anything is done.
    #[inline]
    fn common(
        &mut self,
        lane: &mut LaneState,
        head: FrameHead,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        let ([_, stamp, ids, words @ ..], None) = (frame, &lane.foreign) else {
            return self.record(lane, head, frame, generations, stage, timeline);
        };
        let logger = (*ids >> 32) as u32;
        let (site, found) =
            (self.known_site(*ids as u32), generations.known(head.generation, logger));
        let (Some(site), Some((snapshot, route))) = (site, found) else {
            return self.record(lane, head, frame, generations, stage, timeline);
        };
        let level = site.meta.level.unwrap_or(Level::NOTSET);
        let (Some(level_name), true, true) = (
            snapshot.level_names.name(level),
            (route.level.as_i32()..self.trigger).contains(&level.as_i32()),
            *stamp >= self.newest,
        ) else {
            return self.record(lane, head, frame, generations, stage, timeline);
        };
        self.newest = *stamp;
        lane.count_taken();
        let head = Head {
            logger: &route.name,
            level,
            level_name,
            names: Names { snapshot: snapshot.number, logger },
            time_ns: timeline.ns_after(*stamp, &mut lane.last),
            start_ns: self.start_ns,
            thread: &lane.shared.thread,
            process: &self.process,
            lane: lane.shared.number,
            sequence: lane.sequence,
            late: false,
            without: self.without,
            context: &lane.context,
        };
        let mut record = LogRecord::new(head, Body::Site { site, words }, None);
        stage.route(route, &snapshot.table, 0, &mut record);
    }

    /// Any record.
    #[inline(never)]
    fn record(
        &mut self,
        lane: &mut LaneState,
        head: FrameHead,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        if lane.foreign.is_some() {
            return self.foreign(lane, head, frame, generations, stage);
        }
        let [_, stamp, ids, rest @ ..] = frame else { return damaged(lane, stage) };
        let (mut rest, low) = (rest, *ids as u32);
        let mut level = Level::new(low as i32);
        let mut site = None;
        if head.kind & frame::KIND == frame::SITE {
            let Some(found) = self.site(low) else { return damaged(lane, stage) };
            level = found.meta.level.unwrap_or(Level::NOTSET);
            site = Some(found);
        }
        let (mut origin, mut changes) = (0, &[][..]);
        if head.kind & (frame::WITH_LEVEL | frame::WITH_ORIGIN) != 0 {
            let mut flagged = |flag| match rest.split_first() {
                _ if head.kind & flag == 0 => Some(None),
                Some((word, after)) => {
                    rest = after;
                    Some(Some(*word))
                }
                None => None,
            };
            let (Some(chosen), Some(cause)) =
                (flagged(frame::WITH_LEVEL), flagged(frame::WITH_ORIGIN))
            else {
                return damaged(lane, stage);
            };
            level = chosen.map_or(level, |word| Level::new(word as u32 as i32));
            origin = cause.unwrap_or(0);
        }
        if head.kind & frame::WITH_CHANGES != 0 {
            let Some(made) = split_changes(&mut rest) else { return damaged(lane, stage) };
            changes = made;
        }
        let late = *stamp < self.newest;
        if late {
            DrainBooks::add(&stage.books.late, 1);
        } else {
            self.newest = *stamp;
        }
        lane.count_taken();
        let logger = (*ids >> 32) as u32;
        let (snapshot, route) = generations.find(head.generation, logger);
        if level.as_i32() < route.level.as_i32()
            && head.kind & (frame::KIND | frame::WITH_CHECK) != frame::DESCRIBED
        {
            let time_ns = Self::time_of(head, rest, || timeline.ns_after(*stamp, &mut lane.last));
            return self.set_aside(lane, time_ns, frame, stage);
        }
        let triggers = level.as_i32() >= self.trigger && !route.disabled && self.wants_dump(stage);
        let generation = head.generation;
        let (start_ns, process, without) = (self.start_ns, &self.process, self.without);
        let (thread, number) = (&lane.shared.thread, lane.shared.number);
        let (sequence, context) = (lane.sequence, &*lane.context);
        let head = |level_name, time_ns| Head {
            logger: &route.name,
            level,
            level_name,
            names: Names { snapshot: snapshot.number, logger },
            time_ns,
            start_ns,
            thread,
            process,
            lane: number,
            sequence,
            late,
            without,
            context,
        };
        let mut stamped = || timeline.ns_after(*stamp, &mut lane.last);
        let named = snapshot.level_names.name(level).map(|name| &**name);
        let unnamed;
        let level_name = match named {
            Some(name) => name,
            None => {
                unnamed = snapshot.level_names.text(level);
                &*unnamed
            }
        };
        // Each kind of record is put together where it stays, for it is large.
        if let Some(site) = site {
            let head = head(level_name, stamped());
            let mut record = LogRecord::new(head, Body::Site { site, words: rest }, None);
            if !changes.is_empty() {
                record.apply_changes(changes);
            }
            if triggers {
                let kept = record.keep();
                return self.deliver_trigger(&kept, origin, logger, generation, generations, stage);
            }
            return stage.route_any(route, &snapshot.table, origin, &mut record);
        }
        let described = Described::read(rest);
        let renderer = snapshot.renderer(described.renderer);
        let time_ns = described.made_ns().unwrap_or_else(stamped);
        let head = head(described.level_name.unwrap_or(level_name), time_ns);
        let mut record = LogRecord::new(head, Body::Described(described), renderer);
        if !changes.is_empty() {
            record.apply_changes(changes);
        }
        if triggers {
            let kept = record.keep();
            return self.deliver_trigger(&kept, origin, logger, generation, generations, stage);
        }
        stage.route_any(route, &snapshot.table, origin, &mut record);
    }

    #[inline]
    pub(super) fn site(&mut self, number: u32) -> Option<&'static Callsite> {
        self.known_site(number).or_else(|| self.learn_site((number as usize).wrapping_sub(1)))
    }

    #[inline]
    fn known_site(&self, number: u32) -> Option<&'static Callsite> {
        self.sites.get((number as usize).wrapping_sub(1)).copied()
    }

    #[cold]
    fn learn_site(&mut self, index: usize) -> Option<&'static Callsite> {
        let known = self.sites.len();
        self.sites.extend(callsite::sites_from(known));
        self.sites.get(index).copied()
    }

    /// One part of a large frame; the last one completes it.
    #[cold]
    fn part(
        &mut self,
        lane: &mut LaneState,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        let (Some(place), Some(words)) = (frame.get(2), frame.get(HEADER_WORDS..)) else {
            return damaged(lane, stage);
        };
        if place & frame::FIRST_PART != 0 {
            // A frame whose end was refused leaves its beginning behind.
            lane.parts.clear();
        }
        lane.parts.extend_from_slice(words);
        if place & frame::LAST_PART == 0 {
            return;
        }
        let whole = std::mem::take(&mut lane.parts);
        let Some(word) = whole.first() else { return damaged(lane, stage) };
        let head = FrameHead::read(*word);
        if head.words != whole.len() {
            return damaged(lane, stage);
        }
        self.record(lane, head, &whole, generations, stage, timeline);
    }

    /// Losses that the producer tells.
    #[cold]
    fn gap(
        &mut self,
        lane: &mut LaneState,
        frame: &[u64],
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        let [_, _, first, last, totals @ ..] = frame else { return };
        let Ok(totals) = ByClass::try_from(totals) else { return };
        let lost = less(totals, lane.told);
        lane.told = totals;
        lane.sequence += lost.iter().sum::<u64>();
        let time = |stamp: u64| match &lane.foreign {
            Some(foreign) => foreign.clock.ns(stamp),
            None => timeline.ns(stamp),
        };
        let span = (time(*first), time(*last));
        let gap = Gap { thread: &lane.shared.thread, lane: lane.shared.number, lost, span };
        self.tell(gap, lane.sequence, lane.foreign.as_ref(), generations, stage);
    }

    /// Losses that trail in a lane that has gone quiet.
    #[cold]
    pub(crate) fn tell_losses(
        &mut self,
        lane: &mut Reader,
        totals: ByClass,
        generations: &mut Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) {
        let lost = less(totals, lane.state.told);
        lane.state.told = totals;
        lane.state.sequence += lost.iter().sum::<u64>();
        let now = timeline.now_ns();
        let span = (lane.state.last.last_ns().unwrap_or(now), now);
        let shared = lane.state.shared.clone();
        let gap = Gap { thread: &shared.thread, lane: shared.number, lost, span };
        self.tell(gap, lane.state.sequence, lane.state.foreign.as_ref(), generations, stage);
    }

    fn tell(
        &mut self,
        gap: Gap<'_>,
        sequence: u64,
        foreign: Option<&Arc<Foreign>>,
        generations: &mut Generations,
        stage: &mut Stage,
    ) {
        if gap.total() == 0 {
            return;
        }
        DrainBooks::add(&stage.books.gaps, 1);
        let newest = generations.newest().generation;
        let (snapshot, route) = generations.find(newest, 0);
        let (process, start_ns) = match foreign.map(|foreign| &foreign.dictionary.run) {
            Some(run) => (&run.process, run.start_ns),
            None => (&self.process, self.start_ns),
        };
        let record = gap.record(snapshot, process, start_ns, sequence);
        stage.tell(route, &snapshot.table, &record);
    }
}

#[cold]
pub(super) fn damaged(lane: &mut LaneState, stage: &mut Stage) {
    lane.count_taken();
    DrainBooks::add(&stage.books.damaged, 1);
}

fn less(totals: ByClass, told: ByClass) -> ByClass {
    let mut lost = totals;
    for (lost, told) in lost.iter_mut().zip(told) {
        *lost = lost.saturating_sub(told);
    }
    lost
}

/// What is told of a loss: how many, which levels, which thread, from when to when.
struct Gap<'a> {
    thread: &'a ThreadInfo,
    lane: u32,
    lost: ByClass,
    span: (i64, i64),
}

/// The logger that gap records carry; they take the root's route.
const GAP_LOGGER: &str = "sawmill";

impl Gap<'_> {
    fn total(&self) -> u64 {
        self.lost.iter().sum()
    }

    /// The record: as important as the worst that was lost, at least a warning.
    fn record(
        &self,
        snapshot: &Snapshot,
        process: &ProcessInfo,
        start_ns: i64,
        sequence: u64,
    ) -> OwnedRecord {
        let classes = || CLASS_LEVELS.into_iter().zip(self.lost).filter(|(_, lost)| *lost != 0);
        let worst = classes().map(|(level, _)| level).max().unwrap_or(Level::WARNING);
        let level = worst.max(Level::WARNING);
        let mut text = format!("lost {} records of thread {}:", self.total(), self.thread.name);
        for (level, lost) in classes() {
            let _ = write!(text, " {level} {lost}");
        }
        text.push_str(", its lane was full");
        let by_level = classes().map(|(level, lost)| (level.to_string(), ValueBuf::of(&lost)));
        let mut body = DescribedBuf::default();
        body.push(Field::Message, &*text).push_fields([
            ("lost", ValueBuf::of(&self.total())),
            ("lost_by_level", ValueBuf::map(by_level)),
            ("lane", ValueBuf::of(&self.lane)),
            ("first_ns", ValueBuf::of(&self.span.0)),
            ("last_ns", ValueBuf::of(&self.span.1)),
        ]);
        let head = Head {
            logger: GAP_LOGGER,
            level,
            level_name: &snapshot.level_names.text(level),
            names: Names::default(),
            time_ns: self.span.1,
            start_ns,
            thread: self.thread,
            process,
            lane: self.lane,
            sequence,
            late: false,
            without: Without::default(),
            context: &[],
        };
        LogRecord::new(head, Body::Described(Described::read(body.words())), None).keep()
    }
}
