//! The pattern formatter: Python's `Formatter`.

mod builder;
mod by_site;

pub use builder::FormatterBuilder;

use super::attribute::Attribute;
use super::by_script::{ByScript, Tools};
use super::neutral::{self, Breaks};
use super::pattern::{self, Access, BraceField, Key, Pattern, Piece, Style};
use super::pyconv;
use super::{Format, Scripted, logfmt};
use crate::decode::Value;
use crate::error::Error;
use crate::record::{LogRecord, ValueBuf};
use crate::text::Sheet;
use std::fmt;

/// Writes records as a pattern says: Python's `logging.Formatter`, compiled once.
///
/// A pattern names attributes of the record in one of three [`Style`]s, with Python's flags,
/// widths, alignment and precision: `%(levelname)-8s`, `{levelname:<8}`, `${levelname}`. The
/// attributes are Python's: `name levelno levelname pathname filename module lineno funcName
/// created msecs relativeCreated thread threadName process processName taskName message asctime
/// exc_text stack_info msg args`; any other name is a field of the record, or one of the
/// [defaults](FormatterBuilder::default_field). `fields` stands for all fields, as ` key=value` each;
/// `run`, `lane` and `sequence` number the record among those of its thread, for the
/// [books](crate::docs::durability).
/// The text of an exception and of a stack follow on lines of their own.
///
/// Time is local unless the builder says otherwise, and reads `2026-11-20 06:12:03,123` unless
/// [`date_format`](FormatterBuilder::date_format) gives strftime directives; `%f` in them is
/// microseconds, `%3f` and `%9f` milliseconds and nanoseconds.
///
/// Values are made harmless for terminals and line-oriented readers unless
/// [`neutralize(false)`](FormatterBuilder::neutralize) is said: control characters are escaped,
/// further lines of a message are indented by four spaces.
///
/// Runs on the drain and allocates nothing for the usual patterns; what a call site decides of a
/// line is written out once per site. `cargo bench --bench format` tells what a line costs.
///
/// # Examples
///
/// ```
/// use sawmill::Formatter;
///
/// let formatter = Formatter::new("%(asctime)s %(levelname)-8s %(name)s %(message)s")?;
/// # let _ = formatter;
/// let error = Formatter::new("no field").unwrap_err();
/// assert_eq!(error.to_string(), "Invalid format 'no field' for '%' style");
/// # Ok::<(), sawmill::Error>(())
/// ```
pub struct Formatter {
    pattern: Pattern,
    tools: Tools,
    defaults: Vec<(Box<str>, ValueBuf)>,
    neutralize: bool,
    /// Lent to whoever renders a message that must be padded or converted.
    source: Source,
}

/// What it was made from, for showing it.
#[derive(Debug, Clone)]
struct Source {
    pattern: String,
    style: Style,
    date_format: Option<String>,
}

impl Formatter {
    /// Compiles a pattern in the `%` style.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if the pattern names nothing or can never be filled in.
    pub fn new(pattern: impl Into<String>) -> Result<Self, Error> {
        Self::builder().pattern(pattern).build()
    }

    /// Starts a formatter with all its options.
    pub fn builder() -> FormatterBuilder {
        FormatterBuilder::new()
    }

    /// The line that builders use where no formatter is named: time with microseconds, level,
    /// logger, file and line, thread, message, fields.
    ///
    /// ```text
    /// 2026-11-20 06:12:03.123456 INFO     shop.cart cart.rs:42 [worker-1] added user_id=7
    /// ```
    pub fn default_line() -> Self {
        const LINE: &str = "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d \
                            [%(threadName)s] %(message)s%(fields)s";
        let builder = Self::builder().pattern(LINE).date_format("%Y-%m-%d %H:%M:%S.%f");
        builder.build().expect("the pattern is known to be good")
    }

    /// The pattern it was made from.
    pub fn pattern(&self) -> &str {
        &self.source.pattern
    }

    /// The style of its pattern.
    pub fn style(&self) -> Style {
        self.source.style
    }

    /// Appends the time of a record as this formatter shows it, Python's `formatTime`.
    ///
    /// # Errors
    ///
    /// If the format for milliseconds does not take what it is given.
    pub fn format_time(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.tools.time.write(record, out)
    }

    /// Appends the pattern filled in, without exception and stack: Python's `formatMessage`.
    ///
    /// # Errors
    ///
    /// As [`Format::format`].
    pub fn format_message(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        if !self.pattern.uses_message && record.render_with().is_some() {
            // Python merges the message first, whatever the pattern shows.
            self.tools.scratch.lend(|scratch| record.write_message(scratch))?;
        }
        self.pattern.pieces.iter().try_for_each(|piece| self.piece(piece, record, out))
    }

    #[inline]
    fn piece(&self, piece: &Piece, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        match piece {
            Piece::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            Piece::Plain(key) => self.plain(key, record, out),
            Piece::Left(key, width) => {
                let start = out.len();
                self.plain(key, record, out)?;
                pad_right(out, start, *width);
                Ok(())
            }
            Piece::Decimal(key) => {
                if let Key::Attribute(attribute) = key
                    && let Some(number) = attribute.number(record)
                {
                    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                    return Ok(());
                }
                let decimal = pyconv::Conversion::DECIMAL;
                self.with_value(key, record, |value| decimal.apply(value, out))
            }
            Piece::Percent(key, conversion) => {
                let start = out.len();
                self.with_value(key, record, |value| conversion.apply(value, out))?;
                self.clean(out, start, Breaks::Escape);
                Ok(())
            }
            Piece::Brace(field) => {
                let start = out.len();
                self.brace(field, record, out)?;
                self.clean(out, start, Breaks::Escape);
                Ok(())
            }
            Piece::Star(key, is_precision) => self.with_value(key, record, |value| {
                let mut conversion = pyconv::Conversion::DECIMAL;
                match is_precision {
                    true => conversion.set_precision(value)?,
                    false => conversion.set_width(value)?,
                }
                Err(Error::other(pattern::NOT_ENOUGH))
            }),
            Piece::Fail(text) => Err(Error::other(&**text)),
        }
    }

    /// Appends the value as Python's `str` shows it.
    #[inline]
    fn plain(&self, key: &Key, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        match key {
            Key::Attribute(Attribute::Message) => {
                record.write_message(out)?;
                self.clean(out, start, Breaks::Indent);
                Ok(())
            }
            Key::Attribute(Attribute::Asctime) => self.tools.time.write(record, out),
            Key::Attribute(attribute) if record.overlay().is_none() => {
                if let Some(text) = attribute.text(record) {
                    out.extend_from_slice(text.as_bytes());
                    if attribute.is_foreign(record) {
                        self.clean(out, start, Breaks::Escape);
                    }
                    Ok(())
                } else if let Some(number) = attribute.number(record) {
                    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
                    Ok(())
                } else {
                    self.plain_value(key, record, out)
                }
            }
            Key::Fields => {
                logfmt::write_fields(record, out);
                Ok(())
            }
            _ => self.plain_value(key, record, out),
        }
    }

    #[inline(never)]
    fn plain_value(
        &self,
        key: &Key,
        record: &LogRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let start = out.len();
        self.with_value(key, record, |value| pyconv::format(value, "", out))?;
        self.clean(out, start, Breaks::Escape);
        Ok(())
    }

    #[inline]
    fn clean(&self, out: &mut Vec<u8>, start: usize, breaks: Breaks) {
        if self.neutralize {
            neutral::neutralize(out, start, breaks);
        }
    }

    /// Finds the value of a key: an attribute, a field, a default.
    fn with_value<R>(
        &self,
        key: &Key,
        record: &LogRecord<'_>,
        f: impl FnOnce(Value<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        match key {
            Key::Attribute(Attribute::Message) => self.tools.scratch.lend(|scratch| {
                record.write_message(scratch)?;
                f(Value::Str(&String::from_utf8_lossy(scratch)))
            }),
            Key::Attribute(Attribute::Asctime) => self.tools.scratch.lend(|scratch| {
                self.tools.time.write(record, scratch)?;
                f(Value::Str(&String::from_utf8_lossy(scratch)))
            }),
            Key::Attribute(attribute) => f(attribute.value(record, &mut String::new())),
            Key::Fields => self.tools.scratch.lend(|scratch| {
                logfmt::write_fields(record, scratch);
                f(Value::Str(&String::from_utf8_lossy(scratch)))
            }),
            Key::Field(name) => match record.field(name).or_else(|| self.default_of(name)) {
                Some(value) => f(value),
                None => Err(missing(name)),
            },
        }
    }

    fn default_of(&self, name: &str) -> Option<Value<'_>> {
        let (_, value) = self.defaults.iter().find(|(key, _)| **key == *name)?;
        Some(value.get())
    }

    fn brace(
        &self,
        field: &BraceField,
        record: &LogRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.with_value(&field.key, record, |value| {
            let mut character = String::new();
            let value = walk(value, &field.path, &mut character)?;
            let mut text = String::new();
            let value = match field.conversion {
                None => value,
                Some(conversion) => {
                    match conversion {
                        's' => pyconv::str_of(value, &mut text),
                        'r' => pyconv::repr(value, &mut text),
                        'a' => pyconv::ascii(value, &mut text),
                        other => return Err(Error::other(pattern::unknown_conversion(other))),
                    }
                    Value::Str(&text)
                }
            };
            let mut spec = Vec::new();
            field.spec.iter().try_for_each(|piece| self.piece(piece, record, &mut spec))?;
            pyconv::format(value, &String::from_utf8_lossy(&spec), out)
        })
    }
}

#[cold]
fn missing(key: &str) -> Error {
    let mut shown = String::new();
    pyconv::repr_of_str(key, &mut shown);
    missing_shown(&shown)
}

#[cold]
fn missing_shown(key: &str) -> Error {
    Error::other(format!("Formatting field not found in record: {key}"))
}

/// Steps into a value as `{args[0].x}` says. `character` keeps the character of a string that is
/// indexed.
fn walk<'v>(
    value: Value<'v>,
    path: &[Access],
    character: &'v mut String,
) -> Result<Value<'v>, Error> {
    let mut value = value;
    let mut single: Option<char> = None;
    for step in path {
        while let Value::Some(inner) = value {
            value = inner.get();
        }
        if let Access::Fault(text) = step {
            return Err(Error::other(&**text));
        }
        if let Some(each) = single {
            // A character is a string of one.
            match step {
                Access::Index(0) => continue,
                _ => return Err(Error::other(step_fault(Value::Char(each), step))),
            }
        }
        let next = match (value, step) {
            (Value::List(list) | Value::Tuple(list), Access::Index(at)) => list.iter().nth(*at),
            // The keys of captured maps are texts.
            (Value::Map(_), Access::Index(at)) => return Err(missing_shown(&at.to_string())),
            (Value::Map(map), Access::Name(name)) => {
                let found = map.iter().filter(
                    |(key, _)| matches!(key, Value::Str(key) | Value::Text(key) if **key == **name),
                );
                Some(found.last().ok_or_else(|| missing(name))?.1)
            }
            (Value::Struct(fields), Access::Attribute(name) | Access::Name(name)) => {
                fields.fields().find(|(field, _)| *field == Some(&**name)).map(|(_, value)| value)
            }
            (Value::Struct(fields), Access::Index(at)) => fields.values().nth(*at),
            (Value::Str(text) | Value::Text(text), Access::Index(at)) => {
                single = text.chars().nth(*at);
                single.map(Value::Char)
            }
            _ => None,
        };
        value = next.ok_or_else(|| Error::other(step_fault(value, step)))?;
    }
    if let Some(each) = single {
        character.push(each);
        return Ok(Value::Str(character));
    }
    Ok(value)
}

/// What CPython says of a step that leads nowhere.
fn step_fault(value: Value<'_>, step: &Access) -> String {
    let name = pyconv::Py::of(value).type_name();
    match (name, step) {
        (_, Access::Attribute(attribute)) => {
            format!("'{name}' object has no attribute '{attribute}'")
        }
        ("list" | "tuple", Access::Name(_)) => {
            format!("{name} indices must be integers or slices, not str")
        }
        ("list" | "tuple", _) => format!("{name} index out of range"),
        ("str", Access::Name(_)) => "string indices must be integers, not 'str'".into(),
        ("str", _) => "string index out of range".into(),
        _ => format!("'{name}' object is not subscriptable"),
    }
}

/// Fills up to `width` characters, counted from `start`.
#[inline]
fn pad_right(out: &mut Vec<u8>, start: usize, width: usize) {
    let continuation = out[start..].iter().filter(|byte| **byte & 0xc0 == 0x80).count();
    let end = start + width + continuation;
    if out.len() < end {
        out.resize(end, b' ');
    }
}

impl Format for Formatter {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.append(record, out)
    }

    fn format_on(&self, record: &LogRecord<'_>, out: &mut Sheet) -> Result<(), Error> {
        self.append_on(record, out)
    }

    fn scripted(&self) -> Option<Scripted<'_>> {
        Some(Scripted::Text(self))
    }
}

impl fmt::Debug for Formatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formatter")
            .field("pattern", &self.source.pattern)
            .field("style", &self.source.style)
            .field("date_format", &self.source.date_format)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
