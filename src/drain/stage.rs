//! Where records are delivered: the home of handlers, filters and formatters.

use super::commit::{Commits, Noted};
use super::failure::{FailureKind, Failures};
use super::generations::Uses;
use super::run::Run;
use super::{DrainBooks, HandlerFn};
use crate::error::{Error, ErrorKind};
use crate::filter::{Filter, FilterRef, Verdict};
use crate::format::{Format, FormatterRef};
use crate::handler::file::{BinaryFileHandler, lines};
use crate::handler::{Books, Context, Delivery, Handler, HandlerRef, LineCache};
use crate::lane::{CAUSED_IN_TURN, Reader, with_origin};
use crate::record::{LogRecord, OwnedRecord};
use crate::sync::{Arc, Ordering};
use crate::tree::{Departed, HandlerUse, Route, Table};
use std::any::Any;
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How often handlers get their tick.
const TICK: Duration = Duration::from_millis(250);
/// Handlers that forward to each other in a circle end here.
const FORWARD_DEPTH: u32 = 16;
/// Records that a handler which takes others at once is given one by one before it is asked again.
const UNLIKE: u64 = 8;

/// A handler at its home.
struct Slot {
    at: HandlerRef,
    handler: Box<dyn Handler>,
    /// It got a record since its last `batch_end`.
    dirty: bool,
    /// The file that it writes to, as far as commits know.
    noted: Option<Noted>,
}

struct FilterSlot {
    at: FilterRef,
    filter: Box<dyn Filter>,
}

struct FormatSlot {
    at: FormatterRef,
    format: Box<dyn Format>,
}

/// The home of handlers, filters and formatters.
pub(crate) struct Stage {
    slots: Vec<Option<Slot>>,
    filters: Vec<Option<FilterSlot>>,
    formats: Vec<Option<FormatSlot>>,
    line: LineCache,
    delivery: Delivery,
    /// Numbers the record being delivered.
    record: u64,
    /// The record being delivered was itself made by a handler or by the machinery.
    caused: bool,
    /// The time of the pass, for handlers.
    pub(crate) now_ns: i64,
    pub(crate) books: Arc<DrainBooks>,
    pub(crate) failures: Failures,
    /// Handlers to close when the generation before theirs has retired.
    closing: Vec<HandlerRef>,
    /// Who went since the tree was told last.
    pub(super) departed: Departed,
    /// Each handler writes a record before the next handler gets it.
    pub(crate) write_through: bool,
    /// A filter failed, and the record's walk ends with it.
    aborted: bool,
    /// Somebody was told that there is nobody to get a record.
    told_unrouted: bool,
    /// When the handlers were last given their tick.
    ticked: Instant,
    /// A handler flushed and left something unsynced.
    not_synced: bool,
    /// What is written is noted, for lanes that outlive the process.
    pub(crate) commits: Option<Commits>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("slots", &self.slots.len()).finish_non_exhaustive()
    }
}

impl Stage {
    pub(crate) fn new(books: Arc<DrainBooks>, failures: Failures, write_through: bool) -> Self {
        Self {
            slots: Vec::new(),
            filters: Vec::new(),
            formats: Vec::new(),
            line: LineCache::default(),
            delivery: Delivery::default(),
            record: 0,
            caused: false,
            now_ns: 0,
            books,
            failures,
            closing: Vec::new(),
            departed: Departed::default(),
            write_through,
            aborted: false,
            told_unrouted: false,
            ticked: Instant::now(),
            not_synced: false,
            commits: None,
        }
    }

    /// Begins anew in a forked child, with books of its own; gives up what notes the parent's files.
    pub(crate) fn begin_in_child(&mut self) -> Option<Commits> {
        for slot in self.slots.iter_mut().flatten() {
            slot.noted = None;
            slot.handler.begin_in_child();
        }
        self.books.clear();
        self.commits.take()
    }

    /// Begins to deliver, at this time.
    pub(crate) fn begin_batch(&mut self, now_ns: i64) {
        self.now_ns = now_ns;
        if let Some(commits) = &mut self.commits {
            commits.begin(now_ns);
        }
    }

    /// Notes the files that handlers write to, as they are now.
    pub(crate) fn look_at_files(&mut self) {
        let Some(commits) = &mut self.commits else { return };
        for slot in self.slots.iter_mut().flatten() {
            slot.noted = None;
            commits.look(&mut *slot.handler, &mut slot.noted);
        }
    }

    /// Ends a batch of these lanes: notes how far they are read and how long the files will be,
    /// writes, and has it count if everything was written.
    pub(crate) fn end_batch_of(&mut self, lanes: &mut [Reader], table: &Table) {
        let mut commits = self.commits.take();
        match commits.as_mut().filter(|commits| commits.is_due(lanes)) {
            Some(commits) => {
                let handlers = self.slots.iter_mut().flatten();
                let handlers = handlers.map(|slot| (&mut *slot.handler, &mut slot.noted));
                commits.intend(lanes, handlers, self.now_ns);
                self.end_batch(table);
                let handlers = self.slots.iter_mut().flatten();
                commits.commit(lanes, handlers.map(|slot| &mut *slot.handler));
            }
            None => self.end_batch(table),
        }
        // A handler may have moved to another file while it wrote.
        if let Some(commits) = &mut commits {
            for slot in self.slots.iter_mut().flatten() {
                commits.look(&mut *slot.handler, &mut slot.noted);
            }
        }
        self.commits = commits;
    }

    // --- arrivals and departures -----------------------------------------------------------

    /// Takes home what a new generation brings.
    pub(crate) fn arrive(&mut self, install: crate::tree::Install) {
        for (index, at) in install.handlers {
            if place(&mut self.slots, index).is_some() {
                // It left and came back before its departure was carried out.
                continue;
            }
            match at.seat().take() {
                Some(handler) => {
                    let mut slot = Slot { at, handler, dirty: false, noted: None };
                    if let Some(commits) = &mut self.commits {
                        commits.look(&mut *slot.handler, &mut slot.noted);
                    }
                    self.slots[index as usize] = Some(slot);
                }
                None => self.absent(Some(&at), "handler"),
            }
        }
        for (index, at) in install.filters {
            if place(&mut self.filters, index).is_none() {
                match at.seat().take() {
                    Some(filter) => {
                        self.filters[index as usize] = Some(FilterSlot { at, filter });
                    }
                    None => self.absent(None, "filter"),
                }
            }
        }
        for (index, at) in install.formatters {
            if place(&mut self.formats, index).is_none() {
                match at.seat().take() {
                    Some(format) => {
                        self.formats[index as usize] = Some(FormatSlot { at, format });
                    }
                    None => self.absent(None, "formatter"),
                }
            }
        }
        self.closing.extend(install.closing);
    }

    #[cold]
    fn absent(&mut self, handler: Option<&HandlerRef>, what: &str) {
        let error = Error::invalid(format!("a {what} is in use by another runtime already"));
        self.failures.report(FailureKind::Handler, handler, None, &error);
    }

    /// Lets go of what a retired generation used and no kept snapshot uses: tells what leaving
    /// filters withheld, closes handlers that were to be closed or that nobody else holds, newest
    /// first, and puts the others back where their references find them.
    pub(crate) fn depart(&mut self, retired: &Table, kept: &Uses) {
        self.tell_withheld(retired, |filter| !kept.has_filter(filter as usize));
        let others = 0..self.slots.len();
        let mut left = Vec::new();
        for index in newest_first(retired).into_iter().chain(others) {
            if !kept.has_handler(index) {
                left.extend(self.depart_handler(index, retired));
            }
        }
        // Where that was the last reference after all, the handler gives what it keeps to targets
        // that have left as well.
        drop(left);
        for index in unused(&self.filters, |index| kept.has_filter(index)) {
            self.end_filter(index);
            if let Some(slot) = self.filters[index].take() {
                self.departed.filters.push(slot.at.seat().id());
                slot.at.seat().put_back(slot.filter);
            }
        }
        for index in unused(&self.formats, |index| kept.has_formatter(index)) {
            if let Some(slot) = self.formats[index].take() {
                self.departed.formatters.push(slot.at.seat().id());
                slot.at.seat().put_back(slot.format);
            }
        }
    }

    fn depart_handler(&mut self, index: usize, retired: &Table) -> Option<HandlerRef> {
        let slot = self.slots.get(index)?.as_ref()?;
        let at = slot.at.clone();
        let deadline = Some(Instant::now() + Duration::from_secs(1));
        let closing = self.closing.iter().position(|known| *known == at);
        // Two references are ours: the slot's and the clone above.
        if closing.is_some() || at.holders() <= 2 {
            self.close(index, retired, deadline);
        } else {
            self.step(index, Some(retired), deadline, |handler, cx| handler.batch_end(cx));
        }
        if let Some(closed) = closing {
            self.closing.swap_remove(closed);
        }
        if let Some(slot) = self.slots[index].take() {
            self.departed.handlers.push(slot.at.id());
            slot.at.leave_home();
            slot.at.seat().put_back(slot.handler);
        }
        Some(at)
    }

    /// A filter that leaves and was used by no retired route has nowhere to tell what it withheld;
    /// it is counted.
    fn end_filter(&mut self, index: usize) {
        if let Some(slot) = &mut self.filters[index] {
            while slot.filter.notice(self.now_ns, true).is_some() {
                DrainBooks::add(&self.books.gaps, 1);
            }
        }
    }

    // --- delivery --------------------------------------------------------------------------

    /// As [`route`](Self::route), out of line.
    #[inline(never)]
    pub(crate) fn route_any(
        &mut self,
        route: &Route,
        table: &Table,
        origin: u64,
        record: &mut LogRecord<'_>,
    ) {
        self.route(route, table, origin, record);
    }

    /// Delivers a record along a route. `origin` is the handler that caused it, or 0.
    #[inline(always)]
    pub(crate) fn route(
        &mut self,
        route: &Route,
        table: &Table,
        origin: u64,
        record: &mut LogRecord<'_>,
    ) {
        self.record += 1;
        self.caused = origin != 0;
        if route.disabled {
            return DrainBooks::add(&self.books.filtered, 1);
        }
        if route.filters.is_empty() {
            return self.offer_all(route, table, origin, record);
        }
        let outcome = self.through(&route.filters, table, record, None, &mut |stage, record| {
            stage.offer_all_of(route, table, origin, record);
        });
        self.aborted = false;
        match outcome {
            Outcome::Passed => {
                let empty = route.handlers.is_empty();
                DrainBooks::add(if empty { &self.books.unrouted } else { &self.books.routed }, 1);
            }
            Outcome::Refused => DrainBooks::add(&self.books.filtered, 1),
            Outcome::Withheld => DrainBooks::add(&self.books.withheld, 1),
        }
    }

    /// As [`route`](Self::route), of a record that has others written first: before it goes to its
    /// handlers, but once its logger's filters let it pass. A handler `target` gets it in any case.
    #[cold]
    pub(super) fn route_after(
        &mut self,
        route: &Route,
        table: &Table,
        origin: u64,
        target: Option<u64>,
        record: &mut LogRecord<'_>,
        before: &mut dyn FnMut(&mut Self),
    ) {
        self.record += 1;
        if route.disabled {
            return DrainBooks::add(&self.books.filtered, 1);
        }
        let outcome = self.through(&route.filters, table, record, None, &mut |stage, record| {
            before(stage);
            stage.caused = origin != 0;
            stage.record += 1;
            stage.offer_all_of(route, table, origin, record);
            let used = target.and_then(|target| table.uses.get(&target));
            let has_it = |used: &HandlerUse| {
                let mut known = route.handlers.iter().filter(|known| known.index == used.index);
                known.any(|known| record.level().is_at_least(known.level))
            };
            if let Some(used) = used.filter(|used| !has_it(used)) {
                stage.offer(used, table, origin, record, false, 0);
            }
        });
        self.aborted = false;
        match outcome {
            Outcome::Passed => {
                let empty = route.handlers.is_empty();
                DrainBooks::add(if empty { &self.books.unrouted } else { &self.books.routed }, 1);
            }
            Outcome::Refused => DrainBooks::add(&self.books.filtered, 1),
            Outcome::Withheld => DrainBooks::add(&self.books.withheld, 1),
        }
    }

    /// Delivers a record that a flight recorder kept: through its logger's filters to its handlers
    /// as they are now, or to the handler `target`, whatever its level. It is in the recorder's
    /// books only.
    pub(super) fn route_recorded(
        &mut self,
        route: &Route,
        table: &Table,
        target: Option<u64>,
        record: &mut LogRecord<'_>,
    ) {
        self.record += 1;
        self.caused = false;
        let used = target.and_then(|target| table.uses.get(&target));
        self.through(&route.filters, table, record, None, &mut |stage, record| match used {
            Some(used) => stage.offer(used, table, 0, record, false, 0),
            None => stage.offer_all_of(route, table, 0, record),
        });
        self.aborted = false;
        self.record += 1;
    }

    /// Has what is written now committed, although no lane may have been read for it. Returns whose
    /// epoch that will be.
    pub(super) fn demand_commit(&mut self) -> Option<(u64, u64)> {
        let commits = self.commits.as_mut()?;
        commits.demand();
        let (owner, committed) = commits.committed();
        Some((owner, committed + 1))
    }

    #[inline(always)]
    fn offer_all(&mut self, route: &Route, table: &Table, origin: u64, record: &mut LogRecord<'_>) {
        let empty = route.handlers.is_empty();
        DrainBooks::add(if empty { &self.books.unrouted } else { &self.books.routed }, 1);
        self.offer_all_of(route, table, origin, record);
    }

    /// Offers a record that is in nobody's books, such as a gap record, to a route's handlers.
    #[inline(always)]
    pub(crate) fn offer_all_of(
        &mut self,
        route: &Route,
        table: &Table,
        origin: u64,
        record: &mut LogRecord<'_>,
    ) {
        for used in &*route.handlers {
            self.offer(used, table, origin, record, true, 0);
            if std::mem::take(&mut self.aborted) {
                return;
            }
        }
        if route.handlers.is_empty() {
            match &table.last_resort {
                Some(used) => self.offer(used, table, origin, record, true, 0),
                None => self.unrouted(record),
            }
        }
    }

    /// Tells once that there is nobody to get a record.
    #[cold]
    fn unrouted(&mut self, record: &LogRecord<'_>) {
        if !std::mem::replace(&mut self.told_unrouted, true) {
            let text = format!("No handlers could be found for logger {:?}", record.logger());
            let error = Error::new(ErrorKind::Unresolved, text);
            self.failures.report(FailureKind::Unrouted, None, Some(record), &error);
        }
    }

    /// Offers a record to a handler: level, filters, emit, in Python's order.
    #[inline(always)]
    fn offer(
        &mut self,
        used: &HandlerUse,
        table: &Table,
        origin: u64,
        record: &mut LogRecord<'_>,
        check_level: bool,
        depth: u32,
    ) {
        let Some(Some(slot)) = self.slots.get(used.index as usize) else { return };
        if origin != 0 && slot.at.id() == origin {
            return;
        }
        let books = slot.at.books();
        Books::add(&books.offered, 1);
        if check_level && !record.level().is_at_least(used.level) {
            return Books::add(&books.below_level, 1);
        }
        if used.filters.is_empty() {
            return self.emit(used, table, record, depth);
        }
        let handler = slot.at.clone();
        let outcome =
            self.through(&used.filters, table, record, Some(&handler), &mut |stage, record| {
                stage.emit(used, table, record, depth);
            });
        if outcome != Outcome::Passed {
            Books::add(&handler.books().filtered, 1);
        }
    }

    /// Sends a record through filters; what comes out goes to `then`.
    fn through(
        &mut self,
        filters: &[u32],
        table: &Table,
        record: &mut LogRecord<'_>,
        handler: Option<&HandlerRef>,
        then: &mut dyn FnMut(&mut Self, &mut LogRecord<'_>),
    ) -> Outcome {
        let Some((index, rest)) = filters.split_first() else {
            then(self, record);
            return Outcome::Passed;
        };
        let Some(Some(slot)) = self.filters.get_mut(*index as usize) else {
            return self.through(rest, table, record, handler, then);
        };
        let cause = if self.caused { CAUSED_IN_TURN } else { handler.map_or(0, HandlerRef::id) };
        let verdict =
            with_origin(cause, || catch_unwind(AssertUnwindSafe(|| slot.filter.filter(record))));
        let verdict = match verdict {
            Ok(verdict) => verdict,
            Err(panic) => Verdict::Fail(panic_error("a filter", &*panic)),
        };
        if matches!(verdict, Verdict::Pass | Verdict::Replace(_)) {
            self.notice(*index, rest, table, false, handler, then);
        }
        match verdict {
            Verdict::Pass => self.through(rest, table, record, handler, then),
            Verdict::Replace(owned) => {
                self.record += 1;
                self.through(rest, table, &mut owned.view(), handler, then)
            }
            Verdict::Refuse => Outcome::Refused,
            Verdict::Withhold => Outcome::Withheld,
            Verdict::Fail(error) => {
                self.fail(FailureKind::Filter, handler, Some(record), &error);
                self.aborted |= table.failing_filter_aborts;
                Outcome::Refused
            }
        }
    }

    /// Delivers what a filter wants to tell of its own, along the way of its records.
    fn notice(
        &mut self,
        index: u32,
        rest: &[u32],
        table: &Table,
        ending: bool,
        handler: Option<&HandlerRef>,
        then: &mut dyn FnMut(&mut Self, &mut LogRecord<'_>),
    ) {
        let now_ns = self.now_ns;
        while let Some(Some(slot)) = self.filters.get_mut(index as usize) {
            let Some(notice) = slot.filter.notice(now_ns, ending) else { return };
            self.record += 1;
            if let Some(handler) = handler {
                Books::add(&handler.books().offered, 1);
            }
            let outcome = self.through(rest, table, &mut notice.view(), handler, then);
            if let (Some(handler), true) = (handler, outcome != Outcome::Passed) {
                Books::add(&handler.books().filtered, 1);
            }
            self.record += 1;
            if !ending {
                return;
            }
        }
    }

    /// Hands a record to a handler.
    #[inline(always)]
    fn emit(&mut self, used: &HandlerUse, table: &Table, record: &mut LogRecord<'_>, depth: u32) {
        let index = used.index as usize;
        let Self { slots, formats, line, delivery, commits, .. } = self;
        let Some(Some(slot)) = slots.get_mut(index) else { return };
        let format = used.formatter.and_then(|at| formats.get(at as usize)?.as_ref());
        let format = format.map(|slot| (slot.at.seat().id(), &*slot.format));
        let mut cx = Context::new(format, self.record, line, self.now_ns, delivery);
        let id = if self.caused { CAUSED_IN_TURN } else { slot.at.id() };
        let handler = &mut slot.handler;
        let done =
            with_origin(id, || catch_unwind(AssertUnwindSafe(|| handler.emit(record, &mut cx))));
        // What goes through a queue comes after what does not.
        let writes_now = self.write_through && !slot.at.passes_on();
        slot.dirty = !writes_now;
        if let Some(commits) = commits {
            commits.look(&mut *slot.handler, &mut slot.noted);
        }
        match done {
            Ok(Ok(())) => Books::add(&slot.at.books().accepted, 1),
            failed => self.emit_failed(index, failed, record, table),
        }
        if !self.delivery.is_empty() {
            self.settle(index, Some(record), table, depth);
            record.follow_kept();
        }
        if writes_now {
            self.step(index, Some(table), None, |handler, cx| handler.batch_end(cx));
        }
    }

    #[cold]
    fn emit_failed(&mut self, index: usize, failed: Caught, record: &LogRecord<'_>, table: &Table) {
        let Some(Some(slot)) = self.slots.get(index) else { return };
        let at = slot.at.clone();
        Books::add(&at.books().failed, 1);
        let escaped = std::mem::take(&mut self.delivery.escaped) && table.failing_filter_aborts;
        let kind = if escaped { FailureKind::Call } else { FailureKind::Handler };
        self.aborted |= escaped;
        if let Some(error) = caught(failed, "the handler") {
            self.fail(kind, Some(&at), Some(record), &error);
        }
    }

    fn fail(
        &mut self,
        kind: FailureKind,
        handler: Option<&HandlerRef>,
        record: Option<&LogRecord<'_>>,
        error: &Error,
    ) {
        DrainBooks::add(&self.books.failures, 1);
        self.failures.report(kind, handler, record, error);
    }

    /// Books what a handler told through its context, and delivers what it forwards.
    #[cold]
    fn settle(&mut self, index: usize, record: Option<&LogRecord<'_>>, table: &Table, depth: u32) {
        let Some(Some(slot)) = self.slots.get(index) else { return };
        let at = slot.at.clone();
        let told = std::mem::take(&mut self.delivery);
        Books::add(&at.books().lost_later, told.lost);
        Books::add(&at.books().shed, told.shed);
        for error in &told.errors {
            self.fail(FailureKind::Handler, Some(&at), record, error);
        }
        for forward in &told.forwards {
            let used = table.uses.get(&forward.target.id());
            match used {
                Some(used) if depth < FORWARD_DEPTH => {
                    self.record += 1;
                    let mut record = forward.record.view();
                    self.offer(used, table, 0, &mut record, forward.check_level, depth + 1);
                    self.record += 1;
                    if self.aborted {
                        let records = told.forwards.into_iter().map(|it| it.record).collect();
                        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
                        self.aborted = slot.handler.take_back(records);
                        return;
                    }
                }
                _ => {
                    let books = forward.target.books();
                    Books::add(&books.offered, 1);
                    Books::add(&books.failed, 1);
                    let error = Error::invalid("a forwarded record found no handler at home");
                    let target = &forward.target;
                    let record = forward.record.view();
                    self.fail(FailureKind::Handler, Some(target), Some(&record), &error);
                }
            }
        }
    }

    /// Whether handlers may get runs: not if each record is to be written before the next comes.
    pub(super) fn takes_runs(&self) -> bool {
        !self.write_through
    }

    /// Gives a handler a run, as far as it takes it: as [`route`](Self::route) would one record
    /// after the other, but what is the same for all is done once.
    pub(super) fn give(&mut self, index: u32, table: &Table, run: &mut Run<'_>) {
        let index = index as usize;
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        self.caused = false;
        let handler = &mut *slot.handler as &mut dyn Any;
        let is_binary = handler.is::<BinaryFileHandler>();
        let takes_lines = lines::are_taken_by(handler);
        let (done, record) = loop {
            let before = run.taken;
            if is_binary || takes_lines {
                let done = self.give_at_once(index, run);
                if !matches!(done, Ok(Ok(()))) || !self.delivery.is_empty() {
                    break (done, None);
                }
            }
            if run.taken == before && !is_binary {
                let few = if takes_lines { UNLIKE } else { u64::MAX };
                let done = self.give_records(index, run, few);
                if done.1.is_some() {
                    break done;
                }
            }
            if run.taken == before {
                break (Ok(Ok(())), None);
            }
        };
        let Some(Some(slot)) = self.slots.get_mut(index) else { return };
        slot.dirty = true;
        let taken = run.taken;
        let good = matches!(done, Ok(Ok(())));
        self.record += taken;
        DrainBooks::add(&self.books.routed, taken);
        let at = slot.at.books();
        Books::add(&at.offered, taken);
        Books::add(&at.accepted, taken - u64::from(!good && record.is_some()));
        for (index, count) in run.take_below() {
            if let Some(Some(slot)) = self.slots.get(index as usize) {
                Books::add(&slot.at.books().offered, count);
                Books::add(&slot.at.books().below_level, count);
            }
        }
        if good && self.delivery.is_empty() {
            return;
        }
        let view = record.as_ref().map(OwnedRecord::view);
        match &view {
            _ if good => {}
            Some(view) => self.emit_failed(index, done, view, table),
            None => {
                let at = self.slots[index].as_ref().map(|slot| slot.at.clone());
                if let Some(error) = caught(done, "the handler") {
                    self.fail(FailureKind::Handler, at.as_ref(), None, &error);
                }
            }
        }
        if !self.delivery.is_empty() {
            self.settle(index, view.as_ref(), table, 0);
        }
        self.aborted = false;
    }

    /// To handlers that take runs themselves. A record that makes one fail is not taken, and comes
    /// again the general way.
    fn give_at_once(&mut self, index: usize, run: &mut Run<'_>) -> Caught {
        let Self { slots, formats, line, delivery, commits, .. } = self;
        let Some(Some(slot)) = slots.get_mut(index) else { return Ok(Ok(())) };
        let format = run.formatter.and_then(|at| formats.get(at as usize)?.as_ref());
        let format = format.map(|slot| (slot.at.seat().id(), &*slot.format));
        let mut cx = Context::new(format, 0, line, self.now_ns, delivery);
        let done = with_origin(slot.at.id(), || {
            catch_unwind(AssertUnwindSafe(|| {
                let handler = &mut *slot.handler as &mut dyn Any;
                if let Some(handler) = handler.downcast_mut::<BinaryFileHandler>() {
                    handler.take_frames(run, &mut cx);
                } else {
                    lines::take(handler, run, &mut cx);
                }
            }))
        });
        if let Some(commits) = commits {
            commits.look(&mut *slot.handler, &mut slot.noted);
        }
        done.map(Ok)
    }

    /// So many at most. Ends with the first record that the handler fails for, or has something to
    /// tell of; that record comes along.
    fn give_records(
        &mut self,
        index: usize,
        run: &mut Run<'_>,
        mut most: u64,
    ) -> (Caught, Option<OwnedRecord>) {
        let Self { slots, formats, line, delivery, commits, .. } = self;
        let Some(Some(slot)) = slots.get_mut(index) else { return (Ok(Ok(())), None) };
        let format = run.formatter.and_then(|at| formats.get(at as usize)?.as_ref());
        let format = format.map(|slot| (slot.at.seat().id(), &*slot.format));
        let number = self.record + run.taken;
        let mut cx = Context::new(format, number, line, self.now_ns, delivery);
        let mut end = (Ok(Ok(())), None);
        let Slot { at, handler, noted, .. } = slot;
        with_origin(at.id(), || {
            run.each_record(|record| {
                cx.go_on();
                let done = catch_unwind(AssertUnwindSafe(|| handler.emit(record, &mut cx)));
                if let Some(commits) = commits {
                    commits.look(&mut **handler, noted);
                }
                most -= 1;
                if matches!(done, Ok(Ok(()))) && cx.is_quiet() {
                    return if most > 0 {
                        ControlFlow::Continue(())
                    } else {
                        ControlFlow::Break(())
                    };
                }
                end = (done, Some(record.keep()));
                ControlFlow::Break(())
            });
        });
        end
    }

    // --- batches, flushes, the end ---------------------------------------------------------

    /// Runs a step of a handler outside of a delivery. Returns whether it succeeded.
    fn step(
        &mut self,
        index: usize,
        table: Option<&Table>,
        deadline: Option<Instant>,
        step: impl FnOnce(&mut dyn Handler, &mut Context<'_>) -> Result<(), Error>,
    ) -> bool {
        let Self { slots, formats, line, delivery, now_ns, .. } = self;
        let Some(Some(slot)) = slots.get_mut(index) else { return true };
        let used = table.and_then(|table| table.uses.get(&slot.at.id()));
        let format = used.and_then(|used| formats.get(used.formatter? as usize)?.as_ref());
        let format = format.map(|slot| (slot.at.seat().id(), &*slot.format));
        let mut cx = Context::new(format, 0, line, *now_ns, delivery);
        if let Some(deadline) = deadline {
            cx = cx.until(deadline);
        }
        let handler = &mut *slot.handler;
        let id = slot.at.id();
        let done = with_origin(id, || catch_unwind(AssertUnwindSafe(|| step(handler, &mut cx))));
        slot.at.books().held.store(slot.handler.held(), Ordering::Relaxed);
        self.not_synced |= std::mem::take(&mut self.delivery.not_synced);
        let at = slot.at.clone();
        let good = matches!(done, Ok(Ok(())));
        if let Some(error) = caught(done, "the handler") {
            self.fail(FailureKind::Handler, Some(&at), None, &error);
        }
        if !self.delivery.is_empty() {
            match table {
                Some(table) => self.settle(index, None, table, 0),
                None => self.settle(index, None, &Table::default(), 0),
            }
            if let Some(Some(slot)) = self.slots.get(index) {
                slot.at.books().held.store(slot.handler.held(), Ordering::Relaxed);
            }
        }
        good & !self.aborted
    }

    /// The rings ran dry: handlers that got records, or still hold some, write what they buffered.
    pub(crate) fn end_batch(&mut self, table: &Table) {
        for index in 0..self.slots.len() {
            if let Some(slot) = &mut self.slots[index]
                && std::mem::take(&mut slot.dirty)
            {
                self.step(index, Some(table), None, |handler, cx| handler.batch_end(cx));
                self.aborted = false;
                // What found no room is tried again, though no further record may come.
                if let Some(slot) = &mut self.slots[index] {
                    slot.dirty = slot.handler.held() > 0;
                }
            }
        }
        if self.ticked.elapsed() >= TICK {
            self.ticked = Instant::now();
            for index in 0..self.slots.len() {
                self.step(index, Some(table), None, |handler, cx| handler.tick(cx));
            }
        }
    }

    /// Flushes, unless the handler would rather not, and closes.
    fn close(&mut self, index: usize, table: &Table, deadline: Option<Instant>) -> bool {
        let flushed = self.step(index, Some(table), deadline, |handler, cx| {
            if handler.flush_on_close() { handler.flush(cx) } else { Ok(()) }
        });
        if std::mem::take(&mut self.aborted) {
            // As in Python's `shutdown`, which goes on with the next handler.
            return false;
        }
        flushed & self.step(index, Some(table), deadline, |handler, cx| handler.close(cx))
    }

    /// Tells what filters withheld, then flushes every handler, newest first. Returns whether all
    /// succeeded. With `sync`, what was written is to survive a power failure.
    pub(crate) fn flush_all(&mut self, table: &Table, deadline: Instant, sync: bool) -> bool {
        self.not_synced = false;
        self.tell_withheld(table, |_| true);
        let mut good = true;
        for index in newest_first(table) {
            good &= self.step(index, Some(table), Some(deadline), |handler, cx| {
                cx.set_wants_sync(sync);
                handler.flush(cx)
            });
            if std::mem::take(&mut self.aborted) {
                break;
            }
        }
        good
    }

    /// Whether everything that the last flush or close wrote to files was synced.
    pub(crate) fn is_synced(&self) -> bool {
        !self.not_synced
    }

    /// Flushes and closes every handler, newest first, each within what is left of the deadline:
    /// Python's `shutdown`.
    pub(crate) fn close_all(&mut self, table: &Table, deadline: Instant) -> bool {
        self.not_synced = false;
        self.tell_withheld(table, |_| true);
        let mut good = true;
        for index in newest_first(table) {
            good &= self.close(index, table, Some(deadline));
        }
        good
    }

    fn tell_withheld(&mut self, table: &Table, which: impl Fn(u32) -> bool) {
        for route in &table.routes {
            for (at, index) in route.filters.iter().enumerate().filter(|(_, at)| which(**at)) {
                let rest = &route.filters[at + 1..];
                self.notice(*index, rest, table, true, None, &mut |stage, record| {
                    stage.offer_all_of(route, table, 0, record);
                });
            }
        }
        for used in table.uses.values() {
            let Some(Some(slot)) = self.slots.get(used.index as usize) else { continue };
            let at_home = slot.at.clone();
            for (at, index) in used.filters.iter().enumerate().filter(|(_, at)| which(**at)) {
                let rest = &used.filters[at + 1..];
                self.notice(*index, rest, table, true, Some(&at_home), &mut |stage, record| {
                    stage.emit(used, table, record, 0);
                });
            }
        }
    }

    /// Runs a closure on a handler. Returns false if it has no home here.
    pub(crate) fn with(&mut self, table: &Table, handler: u64, run: HandlerFn) -> bool {
        let found = self
            .slots
            .iter()
            .position(|slot| slot.as_ref().is_some_and(|slot| slot.at.id() == handler));
        let Some(index) = found else { return false };
        if let Some(Some(slot)) = self.slots.get_mut(index) {
            slot.dirty = true;
        }
        self.step(index, Some(table), None, |handler, cx| {
            run(handler, cx);
            Ok(())
        });
        self.aborted = false;
        true
    }

    /// Brings the books of what handlers hold up to date.
    pub(crate) fn book_held(&self) {
        for slot in self.slots.iter().flatten() {
            slot.at.books().held.store(slot.handler.held(), Ordering::Relaxed);
        }
    }

    /// Puts everything back into its seat: the runtime has ended.
    pub(crate) fn disband(&mut self) {
        for slot in self.slots.iter_mut().filter_map(Option::take) {
            slot.at.leave_home();
            slot.at.seat().put_back(slot.handler);
        }
        for slot in self.filters.iter_mut().filter_map(Option::take) {
            slot.at.seat().put_back(slot.filter);
        }
        for slot in self.formats.iter_mut().filter_map(Option::take) {
            slot.at.seat().put_back(slot.format);
        }
    }

    /// A record of the machinery's own, offered to a route as it is.
    pub(crate) fn tell(&mut self, route: &Route, table: &Table, record: &OwnedRecord) {
        self.record += 1;
        self.caused = true;
        self.offer_all_of(route, table, 0, &mut record.view());
        self.caused = false;
        self.record += 1;
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Refused,
    Withheld,
}

type Caught = Result<Result<(), Error>, Box<dyn std::any::Any + Send>>;

fn caught(done: Caught, who: &str) -> Option<Error> {
    match done {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error),
        Err(panic) => Some(panic_error(who, &*panic)),
    }
}

fn panic_error(who: &str, panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    Error::other(format!("{who} panicked: {text}"))
}

fn newest_first(table: &Table) -> Vec<usize> {
    let uses = table.order.iter().rev().filter_map(|id| table.uses.get(id));
    uses.map(|used| used.index as usize).collect()
}

fn place<T>(slots: &mut Vec<Option<T>>, index: u32) -> Option<&T> {
    let index = index as usize;
    if slots.len() <= index {
        slots.resize_with(index + 1, || None);
    }
    slots[index].as_ref()
}

fn unused<T>(slots: &[Option<T>], is_used: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..slots.len()).filter(|index| slots[*index].is_some() && !is_used(*index)).collect()
}
