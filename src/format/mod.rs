//! Formatters turn a record into the bytes of a line.

mod attribute;
mod buffering;
mod by_script;
mod columns;
mod console;
mod formatter;
mod json;
mod logfmt;
mod neutral;
mod parts;
mod pattern;
pub(crate) mod pyconv;
mod script;
#[cfg(test)]
mod site_cases;
pub(crate) mod time;

pub(crate) use by_script::ByScript;
pub(crate) use columns::{Lines, Rows};

pub use buffering::BufferingFormatter;
pub use console::ConsoleFormatter;
pub use formatter::{Formatter, FormatterBuilder};
pub use json::{JsonFormatter, JsonFormatterBuilder, JsonKey, TimestampDigits};
pub use logfmt::LogfmtFormatter;
pub use pattern::Style;

use crate::callsite::Callsite;
use crate::error::Error;
use crate::record::LogRecord;
use crate::seat::Seat;
use crate::sync::Arc;
use crate::text::Sheet;
use std::fmt;

/// Turns a record into bytes, on the drain. The handler adds the line's end.
///
/// One formatter runs on one thread at a time, so caches may live in `Cell`s.
///
/// # Examples
///
/// ```
/// use sawmill::{Error, Format, LogRecord};
///
/// struct Shout;
/// impl Format for Shout {
///     fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
///         out.extend(record.message()?.to_uppercase().bytes());
///         Ok(())
///     }
/// }
/// ```
pub trait Format: Send {
    /// Appends the line, without its end.
    ///
    /// # Errors
    ///
    /// The handler counts and reports the record as failed; what was appended is dropped.
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error>;

    /// The same, for the buffers of sawmill's own handlers: with room to write lines in place.
    #[doc(hidden)]
    fn format_on(&self, record: &LogRecord<'_>, out: &mut Sheet) -> Result<(), Error> {
        out.with_vec(|out| self.format(record, out))
    }

    /// The formatter, if it is one whose lines of call sites are made by scripts.
    #[doc(hidden)]
    fn scripted(&self) -> Option<Scripted<'_>> {
        None
    }
}

/// A formatter whose lines of call sites are made by scripts: known by its type, so that a run of
/// lines is one loop.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub enum Scripted<'a> {
    Text(&'a Formatter),
    Json(&'a JsonFormatter),
}

/// Where records of call sites come from, in rows of those that are alike.
pub(crate) trait LineSource<'a> {
    /// Calls `take` with the records to come and their times, until it leaves one: it says how many
    /// it took. What `begin` says of the first of those that differ in their times and values alone
    /// goes to `take` with them; if it says nothing, that record is left.
    fn each_rows<G>(
        &mut self,
        begin: impl FnMut(&'static Callsite, &LogRecord<'_>) -> Option<G>,
        take: impl FnMut(&mut G, &Rows<'a>, &[i64], &mut LogRecord<'a>) -> usize,
    );
}

/// A shared reference to a formatter, compared by identity.
///
/// Handlers that share one share the formatted line as well.
#[derive(Clone)]
pub struct FormatterRef {
    seat: Arc<Seat<dyn Format>>,
}

impl FormatterRef {
    /// Makes a reference to a formatter.
    pub fn new(format: impl Format + 'static) -> Self {
        Self::from_box(Box::new(format))
    }

    pub(crate) fn from_box(format: Box<dyn Format>) -> Self {
        Self { seat: Arc::new(Seat::new(format)) }
    }

    pub(crate) fn seat(&self) -> &Seat<dyn Format> {
        &self.seat
    }
}

impl<F: Format + 'static> From<F> for FormatterRef {
    fn from(format: F) -> Self {
        Self::new(format)
    }
}

impl PartialEq for FormatterRef {
    fn eq(&self, other: &Self) -> bool {
        self.seat.id() == other.seat.id()
    }
}
impl Eq for FormatterRef {}

impl fmt::Debug for FormatterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FormatterRef({})", self.seat.id())
    }
}

/// Appends exception and stack text, each after one newline, none added where the text already
/// ends in one: what Python's `Formatter.format` does. `start` is where the record's text begins.
pub(crate) fn write_exception_and_stack(record: &LogRecord<'_>, start: usize, out: &mut Vec<u8>) {
    write_trailing_text(record, start, false, out);
}

/// The same; neutralised, each line is indented, so that none can be taken for a record.
#[inline]
fn write_trailing_text(record: &LogRecord<'_>, start: usize, neutralize: bool, out: &mut Vec<u8>) {
    if record.may_carry_text() {
        let last = out[start..].last().copied();
        push_trailing_text(record, last, neutralize, out);
    }
}

/// `last` is the last byte of the record's text so far.
#[cold]
fn push_trailing_text(
    record: &LogRecord<'_>,
    mut last: Option<u8>,
    neutralize: bool,
    out: &mut Vec<u8>,
) {
    for text in [record.exception(), record.stack()].into_iter().flatten() {
        if text.is_empty() {
            continue;
        }
        if last != Some(b'\n') {
            out.push(b'\n');
        }
        if neutralize {
            out.extend_from_slice(neutral::INDENT.as_bytes());
            neutral::push(text.trim_end_matches(['\r', '\n']), neutral::Breaks::Indent, out);
        } else {
            out.extend_from_slice(text.as_bytes());
        }
        last = out.last().copied();
    }
}
