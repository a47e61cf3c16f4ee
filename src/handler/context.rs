//! What a handler may ask of its home while it works.

use super::HandlerRef;
use crate::error::Error;
use crate::format::{Format, Scripted};
use crate::record::{LogRecord, OwnedRecord};
use crate::text::Sheet;
use std::fmt;
use std::time::{Duration, Instant};

/// A record that a handler passes on to another handler.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) target: HandlerRef,
    pub(crate) record: OwnedRecord,
    /// Whether the target's level counts: it does not for Python's `MemoryHandler`.
    pub(crate) check_level: bool,
}

/// What became of records, told by a handler through its context and booked by its home.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    pub(crate) lost: u64,
    pub(crate) shed: u64,
    pub(crate) errors: Vec<Error>,
    pub(crate) forwards: Vec<Forward>,
    /// A flush left something written and not synced. Nothing is booked for it.
    pub(crate) not_synced: bool,
    /// The failure that comes is one that Python's handler would let out.
    pub(crate) escaped: bool,
}

impl Delivery {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.lost == 0 && self.shed == 0 && self.errors.is_empty() && self.forwards.is_empty()
    }
}

/// The line that was formatted last, and for what.
#[derive(Debug, Default)]
pub(crate) struct LineCache {
    /// (formatter, record number, revision).
    key: Option<(u64, u64, u32)>,
    line: Vec<u8>,
}

/// What a handler may ask of its home while it works: the formatted line, the time, forwarding.
pub struct Context<'a> {
    formatter: Option<(u64, &'a dyn Format)>,
    /// Numbers the record being delivered; 0 outside of deliveries.
    record: u64,
    line: LineRef<'a>,
    now_ns: i64,
    deadline: Option<Instant>,
    wants_sync: bool,
    delivery: DeliveryRef<'a>,
}

enum LineRef<'a> {
    Lent(&'a mut LineCache),
    Own(LineCache),
}
enum DeliveryRef<'a> {
    Lent(&'a mut Delivery),
    Own(Delivery),
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        formatter: Option<(u64, &'a dyn Format)>,
        record: u64,
        line: &'a mut LineCache,
        now_ns: i64,
        delivery: &'a mut Delivery,
    ) -> Self {
        Self {
            formatter,
            record,
            line: LineRef::Lent(line),
            now_ns,
            deadline: None,
            wants_sync: false,
            delivery: DeliveryRef::Lent(delivery),
        }
    }

    /// A context for a handler that has no home yet: real time, no formatter, nothing booked.
    pub(crate) fn detached() -> Context<'static> {
        let now = std::time::SystemTime::now();
        let now_ns = now.duration_since(std::time::UNIX_EPOCH).map_or(0, |at| at.as_nanos() as i64);
        Context {
            formatter: None,
            record: 0,
            line: LineRef::Own(LineCache::default()),
            now_ns,
            deadline: None,
            wants_sync: false,
            delivery: DeliveryRef::Own(Delivery::default()),
        }
    }

    pub(crate) fn until(mut self, deadline: Instant) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// The next record of those that are delivered one after the other.
    pub(crate) fn go_on(&mut self) {
        self.record += 1;
    }

    /// Whether the handler told nothing that its home has to see to.
    #[inline]
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.delivery {
            DeliveryRef::Lent(delivery) => delivery.is_empty(),
            DeliveryRef::Own(delivery) => delivery.is_empty(),
        }
    }

    /// Notes that the caller of a flush wants everything on the disk.
    pub(crate) fn set_wants_sync(&mut self, wants_sync: bool) {
        self.wants_sync = wants_sync;
    }

    fn delivery(&mut self) -> &mut Delivery {
        match &mut self.delivery {
            DeliveryRef::Lent(delivery) => delivery,
            DeliveryRef::Own(delivery) => delivery,
        }
    }

    /// The record as one line, by the handler's formatter, without its end.
    ///
    /// Made once per formatter and revision of the record, however many handlers ask.
    ///
    /// # Errors
    ///
    /// What the formatter says.
    pub fn formatted(&mut self, record: &LogRecord<'_>) -> Result<&[u8], Error> {
        let Self { formatter, line, record: number, .. } = self;
        let line = match line {
            LineRef::Lent(line) => &mut **line,
            LineRef::Own(line) => line,
        };
        let id = formatter.as_ref().map_or(0, |(id, _)| *id);
        let key = (id, *number, record.revision());
        if *number == 0 || line.key != Some(key) {
            line.key = None;
            line.line.clear();
            write_line(formatter.as_ref().map(|(_, format)| *format), record, &mut line.line)?;
            line.key = Some(key);
        }
        Ok(&line.line)
    }

    /// Appends the record's line to a buffer of the handler's own, which saves a copy for a
    /// handler that is the only one to use its formatter. On an error the buffer is as before.
    ///
    /// # Errors
    ///
    /// What the formatter says.
    pub fn format_into(&mut self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let before = out.len();
        let format = self.formatter.as_ref().map(|(_, format)| *format);
        write_line(format, record, out).inspect_err(|_| out.truncate(before))
    }

    /// The handler's formatter, if it makes lines by scripts.
    pub(crate) fn scripted(&self) -> Option<Scripted<'a>> {
        self.formatter.as_ref().and_then(|(_, format)| format.scripted())
    }

    /// As [`format_into`](Self::format_into), where lines can be made in place.
    #[inline]
    pub(crate) fn format_on(
        &mut self,
        record: &LogRecord<'_>,
        out: &mut Sheet,
    ) -> Result<(), Error> {
        let before = out.len();
        match &self.formatter {
            Some((_, format)) => format.format_on(record, out),
            None => out.with_vec(|out| write_line(None, record, out)),
        }
        .inspect_err(|_| out.truncate(before))
    }

    /// Delivers a record through another handler, after this call: its filters apply, its level
    /// only if `check_level` says so. Counts there as offered.
    pub fn forward(&mut self, target: &HandlerRef, record: OwnedRecord, check_level: bool) {
        let target = target.clone();
        self.delivery().forwards.push(Forward { target, record, check_level });
    }

    /// The runtime's time, in nanoseconds since the Unix epoch: the drain's clock, not a record's.
    pub fn now_ns(&self) -> i64 {
        self.now_ns
    }

    /// How long a flush or close may still wait.
    pub fn remaining(&self) -> Duration {
        match self.deadline {
            Some(deadline) => deadline.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(1),
        }
    }

    /// Whether the caller of a flush wants what was written to survive a power failure
    /// ([`Runtime::sync`](crate::Runtime::sync)).
    pub fn wants_sync(&self) -> bool {
        self.wants_sync
    }

    /// Tells that a flush left something written that a power failure may take; see
    /// [`Report::is_synced`](crate::Report::is_synced).
    pub fn not_synced(&mut self) {
        self.delivery().not_synced = true;
    }

    /// Tells that `records` accepted earlier are lost, and why.
    pub fn lost(&mut self, records: u64, error: Error) {
        let delivery = self.delivery();
        delivery.lost += records;
        delivery.errors.push(error);
    }

    /// Tells that more records are lost to an error that was told already.
    pub fn lost_more(&mut self, records: u64) {
        self.delivery().lost += records;
    }

    /// Tells that the error to come is one that Python's handler would let out to its caller.
    pub(crate) fn escape(&mut self) {
        self.delivery().escaped = true;
    }

    /// Tells that `records` were dropped because the handler's queue was full. They count as
    /// accepted: `emit` returned `Ok` for them, or is about to.
    pub fn shed(&mut self, records: u64) {
        self.delivery().shed += records;
    }

    /// Reports an error that lost nothing, through the runtime's error hook.
    pub fn report(&mut self, error: Error) {
        self.delivery().errors.push(error);
    }
}

fn write_line(
    format: Option<&dyn Format>,
    record: &LogRecord<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match format {
        Some(format) => format.format(record, out),
        None => {
            let start = out.len();
            record.write_message(out)?;
            crate::format::write_exception_and_stack(record, start, out);
            Ok(())
        }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("now_ns", &self.now_ns).finish_non_exhaustive()
    }
}
