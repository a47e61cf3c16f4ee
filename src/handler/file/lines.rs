//! Lines of many records at once, for the file handlers that write nothing but lines.
//!
//! A handler says up to where its file may be written to without a question; what lies beyond, and
//! whatever is not like most records, is left to its `emit`.

use super::mapped::MmapRotatingFileHandler;
use super::plain::FileHandler;
use super::rotating::RotatingFileHandler;
use super::timed::TimedRotatingFileHandler;
use super::watched::WatchedFileHandler;
use crate::format::{ByScript, LineSource, Lines, Scripted};
use crate::handler::Context;
use crate::text::Room;
use std::any::Any;

/// A file, for lines that are made in place.
pub(super) trait LineSink {
    /// The bytes that end a line.
    fn end_bytes(&self) -> u64;

    /// Where the next line may be made; nowhere if the file has to be seen to first.
    fn line_room(&mut self) -> Option<&mut Room>;

    /// Takes a line of so many bytes that was made there, and ends it. False: it did not.
    fn take_line(&mut self, length: usize) -> bool;
}

/// How far a file is written to before somebody has to ask whether it is to be rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// Records from this time on are beyond, in nanoseconds since the Unix epoch.
    pub(super) until_ns: i64,
    /// Bytes that may be added, ends of lines among them.
    pub(super) room_bytes: u64,
}

impl Bounds {
    /// Of a file that is never rotated.
    pub(super) const NONE: Self = Self { until_ns: i64::MAX, room_bytes: u64::MAX };
}

/// Whether [`take`] has a handler of this type.
pub(crate) fn are_taken_by(handler: &dyn Any) -> bool {
    handler.is::<FileHandler>()
        || handler.is::<MmapRotatingFileHandler>()
        || handler.is::<RotatingFileHandler>()
        || handler.is::<TimedRotatingFileHandler>()
        || handler.is::<WatchedFileHandler>()
}

/// Gives a handler the lines of records to come, as far as each is like most and within the bounds
/// of the file: it is open, and the formatter has a script.
pub(crate) fn take<'a>(
    handler: &mut dyn Any,
    source: &mut impl LineSource<'a>,
    cx: &mut Context<'_>,
) {
    let written = if let Some(handler) = handler.downcast_mut::<FileHandler>() {
        handler.bounded()
    } else if let Some(handler) = handler.downcast_mut::<RotatingFileHandler>() {
        handler.bounded()
    } else if let Some(handler) = handler.downcast_mut::<TimedRotatingFileHandler>() {
        handler.bounded(cx.now_ns())
    } else if let Some(handler) = handler.downcast_mut::<WatchedFileHandler>() {
        handler.bounded()
    } else if let Some(handler) = handler.downcast_mut::<MmapRotatingFileHandler>() {
        return take_mapped(handler, source, cx);
    } else {
        None
    };
    if let Some((output, bounds)) = written {
        take_into(output, bounds, source, cx);
        output.write_full(cx);
    }
}

fn take_mapped<'a>(
    handler: &mut MmapRotatingFileHandler,
    source: &mut impl LineSource<'a>,
    cx: &mut Context<'_>,
) {
    let Some((mut lines, bounds)) = handler.bounded() else { return };
    take_into(&mut lines, bounds, source, cx);
    // The record at hand is not taken and comes again.
    if let Some(broken) = lines.broken
        && let Err(error) = handler.unmap(broken, cx)
    {
        cx.report(error);
    }
}

fn take_into<'a>(
    sink: &mut impl LineSink,
    bounds: Bounds,
    source: &mut impl LineSource<'a>,
    cx: &Context<'_>,
) {
    match cx.scripted() {
        Some(Scripted::Text(format)) => take_by(format, sink, bounds, source),
        Some(Scripted::Json(format)) => take_by(format, sink, bounds, source),
        None => {}
    }
}

#[inline(always)]
fn take_by<'a>(
    format: &impl ByScript,
    sink: &mut impl LineSink,
    bounds: Bounds,
    source: &mut impl LineSource<'a>,
) {
    let mut lines = Bounded { sink, bounds };
    source.each_rows(
        |site, record| format.group(site, record),
        |group, rows, times, record| format.take_rows(group, rows, times, record, &mut lines),
    );
}

/// Lines of a file, up to its bounds.
struct Bounded<'s, S> {
    sink: &'s mut S,
    bounds: Bounds,
}

impl<S: LineSink> Lines for Bounded<'_, S> {
    #[inline(always)]
    fn room(&mut self) -> Option<&mut Room> {
        self.sink.line_room()
    }

    #[inline(always)]
    fn take(&mut self, length: usize, time_ns: i64) -> bool {
        let left = self.bounds.room_bytes.checked_sub(length as u64 + self.sink.end_bytes());
        let Some(left) = left.filter(|_| time_ns < self.bounds.until_ns) else { return false };
        self.bounds.room_bytes = left;
        self.sink.take_line(length)
    }
}
