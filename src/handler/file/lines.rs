//! Lines of many records at once, for the file handlers that write nothing but lines.
//!
//! A handler says up to where its file may be written to without a question; what lies beyond, and
//! whatever is not like most records, is left to its `emit`.

use super::output::Output;
use super::plain::FileHandler;
use super::rotating::RotatingFileHandler;
use super::rotation::Bounds;
use super::timed::TimedRotatingFileHandler;
use super::watched::WatchedFileHandler;
use crate::format::{ByScript, LineSource, Scripted};
use crate::handler::Context;
use std::any::Any;

/// Whether [`take`] has a handler of this type.
pub(crate) fn are_taken_by(handler: &dyn Any) -> bool {
    handler.is::<FileHandler>()
        || handler.is::<RotatingFileHandler>()
        || handler.is::<TimedRotatingFileHandler>()
        || handler.is::<WatchedFileHandler>()
}

/// Gives a handler the lines of records to come, as far as each is like most and within the bounds
/// of the file: it is open, and the formatter has a script.
pub(crate) fn take(handler: &mut dyn Any, source: &mut impl LineSource, cx: &mut Context<'_>) {
    let within = if let Some(handler) = handler.downcast_mut::<FileHandler>() {
        handler.bounded()
    } else if let Some(handler) = handler.downcast_mut::<RotatingFileHandler>() {
        handler.bounded()
    } else if let Some(handler) = handler.downcast_mut::<TimedRotatingFileHandler>() {
        handler.bounded(cx.now_ns())
    } else if let Some(handler) = handler.downcast_mut::<WatchedFileHandler>() {
        Some(handler.bounded())
    } else {
        None
    };
    let Some((output, bounds)) = within else { return };
    match cx.scripted() {
        Some(Scripted::Text(format)) => output.take_lines(source, bounds, format),
        Some(Scripted::Json(format)) => output.take_lines(source, bounds, format),
        None => return,
    }
    output.write_full(cx);
}

impl Output {
    #[inline(always)]
    fn take_lines(&mut self, source: &mut impl LineSource, bounds: Bounds, format: &impl ByScript) {
        if !self.takes_lines() {
            return;
        }
        let end = self.options().terminator.len() as u64;
        // Not asked for without need: it may be a system call.
        let mut size = if bounds.most_bytes == u64::MAX { 0 } else { self.size() };
        source.each_line(
            |site, record| format.group(site, record),
            |group, words, record| {
                let Some(room) = self.line_room() else { return false };
                let Some(length) = format.by_script(group, words, record, room) else {
                    return false;
                };
                size += length as u64 + end;
                if size > bounds.most_bytes || record.time_ns() >= bounds.until_ns {
                    return false;
                }
                self.take_line(length);
                true
            },
        );
    }
}
