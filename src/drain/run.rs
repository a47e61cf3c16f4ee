//! Runs: records of one lane that a handler takes one after the other: as they lie in the ring, or
//! as one record that goes on from each to the next.
//!
//! A run is of call sites' records as most are: of the newest generation, with a logger that has
//! no filters, on their way to one handler that takes runs. Whatever else there is ends it, and
//! goes the general way, so that nothing is different but the time that it takes.

use super::frames::Frames;
use super::generations::Generations;
use super::stage::Stage;
use crate::binary::{Alike, FoundForm, FrameSource, SiteFrame};
use crate::callsite::Callsite;
use crate::clock::{Monotone, Timeline};
use crate::format::{LineSource, Rows};
use crate::lane::LaneState;
use crate::lane::frame::{HEADER_WORDS, Head as FrameHead, SITE, WITH_LEVEL};
use crate::level::Level;
use crate::record::{Body, Head, LogRecord, Names, ProcessInfo, ThreadInfo, Without};
use crate::text::ROWS;
use std::cell::{Cell, RefCell};
use std::ops::ControlFlow;

/// What is known of a call site's records, as long as they are of the same generation, logger and
/// level.
#[derive(Debug, Clone)]
struct Known {
    /// Kind and generation, as word 0 has them.
    head: u64,
    /// Call site and logger, as word 2 has them.
    ids: u64,
    /// The word with the level, where the kind says that there is one.
    chosen: u64,
    site: &'static Callsite,
    /// Words before the values that say their kinds.
    tag_words: usize,
    level: Level,
    /// The handler that gets them, and its formatter; `None` if they go the general way.
    handler: Option<(u32, Option<u32>)>,
    /// Handlers on the way that have a higher level.
    others: Box<[u32]>,
    /// The handler's note.
    found: Cell<FoundForm>,
}

/// Places for what is known, at first and at most; powers of two.
const PLACES: usize = 1 << 8;
const MOST_PLACES: usize = 1 << 14;

/// What is known, each in its place by call site and logger.
#[derive(Debug)]
struct Sites(Vec<Option<Box<Known>>>);

impl Sites {
    #[inline(always)]
    fn place(&self, ids: u64) -> usize {
        let logger = (ids >> 32).wrapping_mul(0x9e37_79b1);
        (ids ^ logger) as usize & (self.0.len() - 1)
    }

    #[inline(always)]
    fn find(&self, head: u64, ids: u64, chosen: u64) -> Option<&Known> {
        let known = self.0.get(self.place(ids))?.as_deref()?;
        known.fits(head, ids, chosen).then_some(known)
    }

    fn put(&mut self, new: Known) {
        // Two that want one place and are both in use would be found out about again and again.
        let place = self.place(new.ids);
        if let Some(old) = &self.0[place]
            && old.ids != new.ids
            && old.head >> 8 == new.head >> 8
            && self.0.len() < MOST_PLACES
        {
            let places = 4 * self.0.len();
            self.0.clear();
            self.0.resize(places, None);
        }
        let place = self.place(new.ids);
        self.0[place] = Some(Box::new(new));
    }
}

/// What is known of the call sites.
#[derive(Debug)]
pub(super) struct Runs {
    known: Sites,
    /// Records of the run that were below a handler's level, by its index.
    below: RefCell<Vec<(u32, u64)>>,
}

impl Default for Runs {
    fn default() -> Self {
        Self { known: Sites(vec![None; PLACES]), below: RefCell::default() }
    }
}

/// Frames that go to one handler.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    /// From the next frame to the end of what lies together.
    rest: &'a [u64],
    /// The words of the frame that was looked at last, its stamp, and the lane's time with it.
    looked: (usize, u64, Monotone),
    /// That frame's first word, and all others that stand before its values but the stamp.
    alike: (u64, &'a [u64]),
    time_ns: i64,
    known: &'a Sites,
    handler: u32,
    pub(super) formatter: Option<u32>,
    /// The newest generation: what is known of records of older ones is out of date.
    generation: u32,
    limit: u64,
    newest: u64,
    pub(super) taken: u64,
    below: &'a RefCell<Vec<(u32, u64)>>,
    at: Option<&'a Known>,
    last: Monotone,
    timeline: &'a Timeline,
    generations: &'a Generations,
    thread: &'a ThreadInfo,
    process: &'a ProcessInfo,
    context: &'a [u64],
    lane: u32,
    sequence: u64,
    start_ns: i64,
    without: Without,
}

impl Frames {
    /// Has a handler take the frames that `words` begin with, if they go to one that takes runs.
    /// Returns how many words and frames it took.
    #[inline]
    pub(super) fn run(
        &mut self,
        lane: &mut LaneState,
        words: &[u64],
        limit: u64,
        generations: &Generations,
        stage: &mut Stage,
        timeline: &Timeline,
    ) -> Option<(usize, usize)> {
        let [head, _, ids, rest @ ..] = words else { return None };
        if FrameHead::read(*head).kind & !WITH_LEVEL != SITE || lane.foreign.is_some() {
            return None;
        }
        let chosen = rest.first().copied().unwrap_or(0);
        let known = match self.runs.known.find(*head, *ids, chosen) {
            Some(known) => known,
            None => self.learn(*head, *ids, chosen, generations)?,
        };
        let (handler, formatter) = known.handler?;
        let generation = generations.newest().generation;
        let mut run = Run {
            rest: words,
            looked: (0, 0, lane.last),
            alike: (0, &[]),
            time_ns: 0,
            known: &self.runs.known,
            handler,
            formatter,
            generation,
            limit,
            newest: self.newest,
            taken: 0,
            below: &self.runs.below,
            at: None,
            last: lane.last,
            timeline,
            generations,
            thread: &lane.shared.thread,
            process: &self.process,
            context: &lane.context,
            lane: lane.shared.number,
            sequence: lane.sequence,
            start_ns: self.start_ns,
            without: self.without,
        };
        stage.give(handler, &generations.newest().table, &mut run);
        let (taken, newest, last) = (run.taken, run.newest, run.last);
        let words = words.len() - run.rest.len();
        if taken == 0 {
            return None;
        }
        (self.newest, lane.last) = (newest, last);
        lane.count_run(taken);
        Some((words, taken as usize))
    }

    /// Finds out about a call site's records, if the way of their logger is known already.
    #[cold]
    #[inline(never)]
    fn learn(
        &mut self,
        head: u64,
        ids: u64,
        chosen: u64,
        generations: &Generations,
    ) -> Option<&Known> {
        let read = FrameHead::read(head);
        let site = self.site(ids as u32)?;
        let (snapshot, route) = generations.known(read.generation, (ids >> 32) as u32)?;
        let level = match read.kind & WITH_LEVEL {
            0 => site.meta.level.unwrap_or(Level::NOTSET),
            _ => Level::new(chosen as u32 as i32),
        };
        let (mut handler, mut others) = (None, Vec::new());
        let tag_words = site.meta.roles.len().div_ceil(8);
        let mut is_plain = tag_words <= 1
            && snapshot.level_names.name(level).is_some()
            && (route.level.as_i32()..self.trigger).contains(&level.as_i32())
            && !route.disabled
            && route.filters.is_empty();
        for used in &*route.handlers {
            if !level.is_at_least(used.level) {
                others.push(used.index);
                continue;
            }
            is_plain &= used.filters.is_empty() && handler.is_none();
            handler = Some((used.index, used.formatter));
        }
        self.runs.known.put(Known {
            head: head >> 24,
            ids,
            chosen,
            site,
            tag_words,
            level,
            handler: handler.filter(|_| is_plain),
            others: others.into(),
            found: Cell::default(),
        });
        self.runs.known.find(head, ids, chosen)
    }
}

impl Known {
    #[inline(always)]
    fn generation(&self) -> u32 {
        (self.head >> 8) as u32
    }

    #[inline(always)]
    fn fits(&self, head: u64, ids: u64, chosen: u64) -> bool {
        self.head == head >> 24
            && self.ids == ids
            && (self.chosen == chosen || self.head & u64::from(WITH_LEVEL) == 0)
    }
}

impl<'a> Run<'a> {
    /// Looks at the next frame: what is known of it, and the words of its values.
    #[inline(always)]
    fn look(&mut self) -> Option<(&'a Known, &'a [u64])> {
        let [head, stamp, ids, values @ ..] = self.rest else { return None };
        let chosen = values.first().copied().unwrap_or(0);
        let known = match self.at.filter(|known| known.fits(*head, *ids, chosen)) {
            Some(known) => known,
            None => self.known.find(*head, *ids, chosen)?,
        };
        if known.handler.map(|(handler, _)| handler) != Some(self.handler)
            || known.generation() != self.generation
            || *stamp < self.newest
            || *stamp > self.limit
        {
            return None;
        }
        let words = FrameHead::read(*head).words;
        let header = HEADER_WORDS + usize::from(known.head & u64::from(WITH_LEVEL) != 0);
        let values = self.rest.get(header..words)?;
        let mut last = self.last;
        self.time_ns = self.timeline.ns_after(*stamp, &mut last);
        self.looked = (words, *stamp, last);
        self.at = Some(known);
        Some((known, values))
    }

    /// Notes what the frame that was looked at last has in common with others like it: all that
    /// stands before its values, of which there are so many words, but the stamp.
    #[inline(always)]
    fn note_alike(&mut self, before: usize) {
        let head = self.rest.first().copied().unwrap_or(0);
        self.alike = (head, self.rest.get(2..before).unwrap_or_default());
    }

    /// The frame that was looked at last is taken.
    #[inline(always)]
    fn take(&mut self) {
        let (words, stamp, last) = self.looked;
        self.rest = self.rest.get(words..).unwrap_or_default();
        (self.newest, self.last) = (stamp, last);
        self.taken += 1;
        if let Some(known) = self.at
            && !known.others.is_empty()
        {
            note_below(&mut self.below.borrow_mut(), &known.others);
        }
    }

    /// All that the record shows which was looked at last.
    fn head_now(&self) -> Head<'a> {
        let (level, ids, head) = self
            .at
            .map_or((Level::NOTSET, 0, 0), |known| (known.level, known.ids, known.head << 24));
        let logger = (ids >> 32) as u32;
        // Both are there, or the call site would not be known.
        let found = self.generations.known(FrameHead::read(head).generation, logger);
        let (snapshot, route) = found.expect("the way of a known call site");
        Head {
            logger: &route.name,
            level,
            level_name: snapshot.level_names.name(level).map_or("", |name| name),
            names: Names { snapshot: snapshot.number, logger },
            time_ns: self.time_ns,
            start_ns: self.start_ns,
            thread: self.thread,
            process: self.process,
            lane: self.lane,
            sequence: self.sequence + self.taken + 1,
            late: false,
            without: self.without,
            context: self.context,
        }
    }

    /// Takes the records in order, and calls `each` for them, until it wants no more.
    #[inline(always)]
    pub(super) fn each_record(
        &mut self,
        mut each: impl FnMut(&mut LogRecord<'_>) -> ControlFlow<()>,
    ) {
        let mut next = self.look();
        while let Some((known, words)) = next {
            let body = Body::Site { site: known.site, words };
            let mut record = LogRecord::new(self.head_now(), body, None);
            loop {
                self.take();
                if each(&mut record).is_break() {
                    return;
                }
                next = self.look();
                match next {
                    Some((same, words)) if std::ptr::eq(same, known) => {
                        record.go_on(self.time_ns, self.sequence + self.taken + 1, words);
                    }
                    _ => break,
                }
            }
        }
    }
}

impl<'a> LineSource<'a> for Run<'a> {
    #[inline(always)]
    fn each_rows<G>(
        &mut self,
        mut begin: impl FnMut(&'static Callsite, &LogRecord<'_>) -> Option<G>,
        mut take: impl FnMut(&mut G, &Rows<'a>, &[i64], &mut LogRecord<'a>) -> usize,
    ) {
        let mut times = [0; ROWS];
        let mut next = self.look();
        while let Some((known, words)) = next {
            let body = Body::Site { site: known.site, words };
            let mut record = LogRecord::new(self.head_now(), body, None);
            let Some(mut group) = begin(known.site, &record) else { return };
            loop {
                let before = self.looked.0 - words.len();
                self.note_alike(before + known.tag_words);
                let alike = self.peek_alike(&mut times);
                let Some(times) = times.get(..alike.count) else { return };
                let sequence = self.sequence + self.taken + 1;
                let rows = Rows { frames: alike.frames, words: alike.words, before, sequence };
                let taken = take(&mut group, &rows, times, &mut record);
                if let Some(last) = taken.checked_sub(1).and_then(|last| times.get(last)) {
                    self.take_alike(&alike.first(taken), *last);
                }
                if taken < alike.count.max(1) {
                    return;
                }
                next = self.look();
                if !next.is_some_and(|(same, _)| std::ptr::eq(same, known)) {
                    break;
                }
            }
        }
    }
}

impl<'a> FrameSource<'a> for Run<'a> {
    #[inline(always)]
    fn peek(&mut self) -> Option<SiteFrame<'a>> {
        let (known, words) = self.look()?;
        let (tags, values) = words.split_at_checked(known.tag_words)?;
        self.note_alike(self.looked.0.checked_sub(values.len())?);
        Some(SiteFrame {
            site: known.site,
            level: known.level,
            time_ns: self.time_ns,
            tags,
            values,
            found: &known.found,
        })
    }

    #[inline(never)]
    fn peek_alike(&mut self, times: &mut [i64]) -> Alike<'a> {
        // A comparison of each size is a few moves; one of any size is a loop.
        let count = match *self.alike.1 {
            [ids] => self.count_alike([ids], times),
            [ids, word] => self.count_alike([ids, word], times),
            [ids, chosen, word] => self.count_alike([ids, chosen, word], times),
            _ => 0,
        };
        let words = self.looked.0;
        let frames = self.rest.get(..count * words).unwrap_or_default();
        Alike { frames, words, before: 2 + self.alike.1.len(), count }
    }

    #[inline(always)]
    fn take_alike(&mut self, taken: &Alike<'a>, time_ns: i64) {
        let (whole, last) = taken.frames.split_at(taken.frames.len().saturating_sub(taken.words));
        let Some(stamp) = last.get(1) else { return };
        self.rest = self.rest.get(whole.len() + last.len()..).unwrap_or_default();
        self.newest = *stamp;
        self.timeline.has_shown(time_ns, &mut self.last);
        self.taken += taken.count as u64;
        if let Some(known) = self.at
            && !known.others.is_empty()
        {
            let below = &mut self.below.borrow_mut();
            (0..taken.count).for_each(|_| note_below(below, &known.others));
        }
    }

    fn head(&self) -> Head<'_> {
        self.head_now()
    }

    #[inline(always)]
    fn advance(&mut self) {
        self.take();
    }
}

impl Run<'_> {
    /// How many frames from the next on are like the one that was looked at last, `mark` being what
    /// stands there between stamp and values; notes their times.
    #[inline(always)]
    fn count_alike<const WORDS: usize>(&self, mark: [u64; WORDS], times: &mut [i64]) -> usize {
        let Self { rest, looked: (words, ..), alike: (head, _), limit, .. } = *self;
        let (mut newest, mut count) = (self.newest, 0);
        for (frame, time_ns) in rest.chunks_exact(words.max(1)).zip(&mut *times) {
            let [first, stamp, others @ ..] = frame else { break };
            let Some(others) = others.first_chunk::<WORDS>() else { break };
            if *first != head
                || others.iter().zip(&mark).any(|(word, mark)| word != mark)
                || *stamp < newest
                || *stamp > limit
            {
                break;
            }
            *time_ns = *stamp as i64;
            newest = *stamp;
            count += 1;
        }
        let stamps = times.get_mut(..count).unwrap_or_default();
        self.timeline.ns_after_each(stamps, self.last);
        count
    }
}

#[inline(never)]
fn note_below(below: &mut Vec<(u32, u64)>, handlers: &[u32]) {
    for index in handlers {
        match below.iter_mut().find(|(known, _)| known == index) {
            Some((_, count)) => *count += 1,
            None => below.push((*index, 1)),
        }
    }
}

impl Run<'_> {
    /// Takes what was counted of handlers whose level was higher.
    pub(super) fn take_below(&self) -> Vec<(u32, u64)> {
        std::mem::take(&mut *self.below.borrow_mut())
    }
}
