//! The flight recorder: records that go to no handler are kept as frames, and written when
//! something happens that they may explain.

use super::DrainBooks;
use super::frames::Frames;
use super::generations::Generations;
use super::stage::Stage;
use crate::callsite;
use crate::handler::HandlerRef;
use crate::lane::LaneState;
use crate::lane::frame::{self, HEADER_WORDS, Head as FrameHead};
use crate::lane::keep::{Foreign, Keeper, Recorded, RecorderRing, Recording};
use crate::level::Level;
use crate::record::{
    Body, Described, Head, LogRecord, Names, OwnedRecord, ThreadInfo, ValueBuf, Without,
    split_changes,
};
use crate::sync::{Arc, Ordering};
use crate::tree::{Route, Table};
use std::time::{Duration, Instant};

/// The field that marks a record that was recorded first and written later.
const MARK: &str = "recorded";

/// What a flight recorder is made with.
#[derive(Debug, Clone)]
pub(crate) struct RecorderOptions {
    pub(crate) bytes: usize,
    /// A record at this level or above has what is kept written.
    pub(crate) trigger: Level,
    /// Records trigger at most one dump in this time.
    pub(crate) every: Duration,
    pub(crate) target: Option<RecorderTarget>,
}

/// Who gets dumps, if it is not whoever gets the loggers' records.
#[derive(Debug, Clone)]
pub(crate) enum RecorderTarget {
    Handler(HandlerRef),
    Named(String),
}

/// The flight recorder at its home.
#[derive(Debug)]
pub(super) struct Recorder {
    options: RecorderOptions,
    ring: RecorderRing,
    dumped: Option<Instant>,
}

impl Recorder {
    fn words(options: &RecorderOptions) -> usize {
        options.bytes / 8
    }

    /// What is kept, in memory that goes with the process.
    pub(super) fn new(options: RecorderOptions) -> Self {
        let ring = RecorderRing::on_heap(Self::words(&options));
        Self { options, ring, dumped: None }
    }
}

impl Frames {
    /// Begins to record, or not; what was kept is gone.
    pub(super) fn record_with(&mut self, options: Option<RecorderOptions>) {
        self.trigger = options.as_ref().map_or(i32::MAX, |options| options.trigger.as_i32());
        self.recorder = options.map(|options| Box::new(Recorder::new(options)));
    }

    /// Has what is kept survive the process, in its run's folder. Returns false if there is no room.
    pub(super) fn keep_recorder(&mut self, keeper: &Keeper) -> bool {
        let Some(recorder) = &mut self.recorder else { return true };
        match keeper.recorder(Recorder::words(&recorder.options)) {
            Ok(ring) => {
                recorder.ring = ring;
                true
            }
            Err(_) => false,
        }
    }

    /// The recorder's options, for a forked child; the parent's memory is left alone, for it may
    /// not be there any more.
    pub(super) fn leave_recorder(&mut self) -> Option<RecorderOptions> {
        let recorder = self.recorder.take()?;
        let options = recorder.options.clone();
        std::mem::forget(recorder);
        Some(options)
    }

    /// Keeps a record that goes to no handler.
    #[cold]
    #[inline(never)]
    pub(super) fn set_aside(
        &mut self,
        lane: &LaneState,
        time_ns: i64,
        frame: &[u64],
        stage: &mut Stage,
    ) {
        DrainBooks::add(&stage.books.recorded, 1);
        let committed = stage.commits.as_ref().map_or(0, |commits| commits.committed().1);
        let thrown_out = match &mut self.recorder {
            Some(recorder) => {
                let entry = Recording {
                    time_ns,
                    lane: lane.shared.number,
                    sequence: lane.sequence,
                    thread: &lane.shared.thread,
                    context: &lane.context,
                    frame,
                };
                recorder.ring.keep(&entry, committed)
            }
            None => 1,
        };
        DrainBooks::add(&stage.books.discarded, thrown_out);
    }

    /// Whether a record has what is kept written: something is kept, and the last dump is long
    /// enough ago. One that comes too soon is counted.
    #[cold]
    pub(super) fn wants_dump(&self, stage: &Stage) -> bool {
        let Some(recorder) = self.recorder.as_deref() else { return false };
        if recorder.ring.kept() == 0 {
            return false;
        }
        let soon = recorder.dumped.is_some_and(|last| last.elapsed() < recorder.options.every);
        if soon {
            DrainBooks::add(&stage.books.dumps_withheld, 1);
        }
        !soon
    }

    /// Delivers a record that has what is kept written, before itself.
    #[cold]
    pub(super) fn deliver_trigger(
        &mut self,
        record: &OwnedRecord,
        origin: u64,
        logger: u32,
        generation: u32,
        generations: &mut Generations,
        stage: &mut Stage,
    ) {
        let (snapshot, route) = generations.find(generation, logger);
        let (table, route) = (snapshot.table.clone(), route.clone());
        let target = self.target(generations);
        stage.route_after(&route, &table, origin, target, &mut record.view(), &mut |stage| {
            self.dump(generations, stage);
        });
    }

    /// The handler that gets dumps, if one was named and is there.
    fn target(&self, generations: &Generations) -> Option<u64> {
        match self.recorder.as_ref()?.options.target.as_ref()? {
            RecorderTarget::Handler(handler) => Some(handler.id()),
            RecorderTarget::Named(name) => generations.handler(name),
        }
    }

    /// Writes what is kept, in the order of time, and clears it. Returns how many records that was.
    pub(super) fn dump(&mut self, generations: &mut Generations, stage: &mut Stage) -> u64 {
        let target = self.target(generations);
        let Some(mut recorder) = self.recorder.take() else { return 0 };
        let entries = recorder.ring.read();
        for entry in &entries {
            self.dump_one(entry, target, generations, stage);
        }
        let written = entries.len() as u64;
        if written != 0 {
            DrainBooks::add(&stage.books.dumps, 1);
            DrainBooks::add(&stage.books.dumped, written);
            // Entries that made no sense.
            DrainBooks::add(&stage.books.discarded, recorder.ring.kept().saturating_sub(written));
            recorder.dumped = Some(Instant::now());
            recorder.ring.clear(stage.demand_commit());
        }
        self.recorder = Some(recorder);
        stage.books.recorder_kept.store(0, Ordering::Relaxed);
        written
    }

    /// Brings the count of what is kept up to date.
    pub(super) fn book_recorder(&self, stage: &Stage) {
        let kept = self.recorder.as_ref().map_or(0, |recorder| recorder.ring.kept());
        stage.books.recorder_kept.store(kept, Ordering::Relaxed);
    }

    fn dump_one(
        &mut self,
        entry: &Recorded,
        target: Option<u64>,
        generations: &mut Generations,
        stage: &mut Stage,
    ) {
        let frame = entry.frame();
        let Some(Parts { head, ids, changes, words }) = parts_of(frame) else {
            return DrainBooks::add(&stage.books.failures, 1);
        };
        let (logger, low) = ((ids >> 32) as u32, ids as u32);
        let chosen =
            (head.kind & frame::WITH_LEVEL != 0).then(|| frame[HEADER_WORDS] as u32 as i32);
        let site = match head.kind & frame::KIND {
            frame::SITE => self.site(low),
            _ => None,
        };
        let level = match (chosen, site) {
            (Some(level), _) => Level::new(level),
            (None, Some(site)) => site.meta.level.unwrap_or(Level::NOTSET),
            (None, None) => Level::new(low as i32),
        };
        let newest = generations.newest().generation;
        let (snapshot, route) = generations.find(newest, logger);
        let described = Described::read(if site.is_some() { &[] } else { words });
        let name = snapshot.level_names.text(level);
        let head = Head {
            logger: &route.name,
            level,
            level_name: described.level_name.unwrap_or(&name),
            names: Names::default(),
            time_ns: entry.time_ns,
            start_ns: self.start_ns(),
            thread: &entry.thread,
            process: self.process(),
            lane: entry.lane,
            sequence: entry.sequence,
            late: false,
            without: self.without(),
            context: entry.context(),
        };
        let (body, renderer) = match site {
            Some(site) => (Body::Site { site, words }, None),
            None => {
                let renderer = snapshot.renderer(described.renderer);
                (Body::Described(described), renderer)
            }
        };
        let mut record = LogRecord::new(head, body, renderer);
        if !changes.is_empty() {
            record.apply_changes(changes);
        }
        deliver(record, route, &snapshot.table, target, stage);
    }

    /// Writes what the flight recorder of a dead process kept, marked as both.
    pub(super) fn dump_inherited(
        &mut self,
        mut entries: Vec<(Arc<Foreign>, Recorded)>,
        generations: &mut Generations,
        stage: &mut Stage,
    ) -> u64 {
        entries.sort_by_key(|(_, entry)| entry.time_ns);
        let target = self.target(generations);
        let mut written = 0;
        for (foreign, entry) in &entries {
            let frame = entry.frame();
            let read = parts_of(frame).and_then(|parts| {
                self.foreign_record(foreign, parts.head, frame, parts.ids, entry.context())
            });
            let Some((level, logger, changes, body)) = read else {
                DrainBooks::add(&stage.books.failures, 1);
                continue;
            };
            DrainBooks::add(&stage.books.recovered, 1);
            self.recovered += 1;
            self.deliver_foreign_recorded(
                foreign,
                level,
                logger,
                Place {
                    time_ns: entry.time_ns,
                    thread: &entry.thread,
                    lane: entry.lane,
                    sequence: entry.sequence,
                },
                changes,
                body.words(),
                target,
                generations,
                stage,
            );
            written += 1;
        }
        if written != 0 {
            DrainBooks::add(&stage.books.dumps, 1);
        }
        written
    }

    /// Delivers a record of a dead process that was its flight recorder's only.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn deliver_foreign_recorded(
        &mut self,
        foreign: &Arc<Foreign>,
        level: Level,
        logger: u32,
        place: Place<'_>,
        changes: &[u64],
        body: &[u64],
        target: Option<u64>,
        generations: &mut Generations,
        stage: &mut Stage,
    ) {
        DrainBooks::add(&stage.books.recorded, 1);
        DrainBooks::add(&stage.books.dumped, 1);
        let logger = super::foreign::logger(foreign, logger, generations);
        let newest = generations.newest().generation;
        let (snapshot, route) = generations.find(newest, logger);
        let described = Described::read(body);
        let name = snapshot.level_names.text(level);
        let run = &foreign.dictionary.run;
        let head = Head {
            logger: &route.name,
            level,
            level_name: described.level_name.unwrap_or(&name),
            names: Names::default(),
            time_ns: place.time_ns,
            start_ns: run.start_ns,
            thread: place.thread,
            process: &run.process,
            lane: place.lane,
            sequence: place.sequence,
            late: false,
            without: Without::default(),
            context: &[],
        };
        let mut record = LogRecord::new(head, Body::Described(described), None);
        if !changes.is_empty() {
            callsite::with_shapes(&foreign.shapes, || record.apply_foreign_changes(changes));
        }
        deliver(record, route, &snapshot.table, target, stage);
    }

    /// As [`target`](Self::target), for records of other processes.
    pub(super) fn dump_target(&self, generations: &Generations) -> Option<u64> {
        self.target(generations)
    }

    /// When a frame's record was made.
    pub(super) fn time_of(head: FrameHead, words: &[u64], stamped: impl FnOnce() -> i64) -> i64 {
        if head.kind & frame::KIND == frame::DESCRIBED {
            let described = Described::read(words);
            if let Some(time) = described.made_ns() {
                return time;
            }
        }
        stamped()
    }
}

/// Where and when a record of another process was made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) time_ns: i64,
    pub(super) thread: &'a ThreadInfo,
    pub(super) lane: u32,
    pub(super) sequence: u64,
}

/// A frame in its parts.
struct Parts<'f> {
    head: FrameHead,
    ids: u64,
    /// What a record factory changed.
    changes: &'f [u64],
    /// The values.
    words: &'f [u64],
}

/// Takes a frame apart; `None` if it is none.
fn parts_of(frame: &[u64]) -> Option<Parts<'_>> {
    let [word, _, ids, rest @ ..] = frame else { return None };
    let head = FrameHead::read(*word);
    let flagged = [frame::WITH_LEVEL, frame::WITH_ORIGIN];
    let flags = flagged.iter().filter(|flag| head.kind & **flag != 0).count();
    let mut words = rest.get(flags..)?;
    let mut changes = &[][..];
    if head.kind & frame::WITH_CHANGES != 0 {
        changes = split_changes(&mut words)?;
    }
    Some(Parts { head, ids: *ids, changes, words })
}

fn deliver(
    mut record: LogRecord<'_>,
    route: &Route,
    table: &Table,
    target: Option<u64>,
    stage: &mut Stage,
) {
    record.set_attribute(MARK, ValueBuf::of(&true));
    stage.route_recorded(route, table, target, &mut record);
}
