//! JSON lines.

use super::time::{TimeText, TimeTextOptions, Zone};
use super::{Format, neutral};
use crate::decode::{Map, Struct, Value};
use crate::error::Error;
use crate::record::{LogRecord, ValueBuf};
use crate::value::ShapeStyle;
use std::cell::Cell;
use std::collections::HashSet;
use std::fmt;
use std::io::Write as _;

/// Writes each record as a JSON object on a line of its own.
///
/// ```json
/// {"timestamp":"2026-11-20T06:12:03.123456Z","level":"INFO","logger":"shop.cart","message":"added 7","file":"src/cart.rs","line":42,"thread":"worker-1","fields":{"user_id":7}}
/// ```
///
/// # Schema
///
/// The keys stand in the order of this table; [the builder](JsonFormatterBuilder) renames, adds
/// and leaves out.
///
/// | key | type | shown |
/// | --- | --- | --- |
/// | `timestamp` | string | RFC 3339 in UTC, six digits of fraction, or three or nine |
/// | `level` | string | the level's name |
/// | `level_number` | integer | if asked for |
/// | `logger` | string | the logger's name |
/// | `message` | string | the message, rendered |
/// | `template` | string | if asked for: the message before values were filled in |
/// | `file` | string | the path as the compiler was told it |
/// | `line` | integer | |
/// | `function`, `module` | string | if asked for |
/// | `thread` | string | the thread's name |
/// | `thread_id` | integer | if asked for |
/// | `process` (string), `process_id` (integer) | | if asked for |
/// | `task` | string | if the record has one |
/// | `run` | integer | if asked for: when the runtime started, in nanoseconds |
/// | `lane`, `sequence` | integer | if asked for: which thread's ring, and the record's number in it |
/// | constants | any | if given |
/// | `fields` | object | if the record has any: its key-value pairs, the scope's, and what filters added |
/// | `exception` | string | if the record has one |
/// | `stack` | string | if the record has one |
///
/// Values keep their types:
///
/// | Rust | JSON |
/// | --- | --- |
/// | integers to 64 bits | number, all digits |
/// | integers of 128 bits | number if it fits 64 bits, else a string of its digits |
/// | floats | number, the shortest text that reads back as the same float |
/// | NaN, infinities | `"NaN"`, `"Infinity"`, `"-Infinity"` |
/// | `bool`, strings, `char` | `true`, `"text"` |
/// | bytes | string of lower-case hexadecimal digits |
/// | `None`, `()` | `null` |
/// | lists, tuples, tuple structs | array |
/// | maps, structs | object; of a key that occurs twice the last value |
/// | unit structs and variants | string, the name |
/// | `Duration` | number of seconds, all digits |
/// | addresses | string |
/// | errors | array of strings: the error, then its sources |
///
/// Of fields with the same key the last counts. A line never holds a line feed. Control characters,
/// DEL, line separators and directional marks are escaped, everything else is UTF-8 as it is.
///
/// # Examples
///
/// ```
/// use sawmill::{JsonFormatter, JsonKey, TimestampDigits};
///
/// let formatter = JsonFormatter::builder()
///     .key(JsonKey::Timestamp, "@timestamp")
///     .key(JsonKey::ThreadId, "tid")
///     .without(JsonKey::File)
///     .digits(TimestampDigits::Nanos)
///     .constant("service", "shop")
///     .build();
/// # let _ = formatter;
/// ```
pub struct JsonFormatter {
    /// `{"timestamp":` or `,"level":`, and what follows it.
    items: Vec<(Box<[u8]>, JsonKey)>,
    /// `,"service":"shop"`
    constants: Vec<u8>,
    /// `,"fields":{`, or nothing if fields stand beside the other keys.
    fields: Option<Box<[u8]>>,
    /// Keys that fields beside them must not repeat.
    taken: Vec<Box<str>>,
    time: TimeText,
    scratch: Cell<Vec<u8>>,
}

/// A key that each record has a value for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum JsonKey {
    /// `timestamp`
    Timestamp,
    /// `level`
    Level,
    /// `level_number`
    LevelNumber,
    /// `logger`
    Logger,
    /// `message`
    Message,
    /// `template`
    Template,
    /// `file`
    File,
    /// `line`
    Line,
    /// `function`
    Function,
    /// `module`
    Module,
    /// `thread`
    Thread,
    /// `thread_id`
    ThreadId,
    /// `process`
    Process,
    /// `process_id`
    ProcessId,
    /// `task`
    Task,
    /// `run`
    Run,
    /// `lane`
    Lane,
    /// `sequence`
    Sequence,
}

impl JsonKey {
    /// All keys in their order, with their names and whether they are shown unasked.
    const ALL: [(Self, &'static str, bool); 18] = [
        (Self::Timestamp, "timestamp", true),
        (Self::Level, "level", true),
        (Self::LevelNumber, "level_number", false),
        (Self::Logger, "logger", true),
        (Self::Message, "message", true),
        (Self::Template, "template", false),
        (Self::File, "file", true),
        (Self::Line, "line", true),
        (Self::Function, "function", false),
        (Self::Module, "module", false),
        (Self::Thread, "thread", true),
        (Self::ThreadId, "thread_id", false),
        (Self::Process, "process", false),
        (Self::ProcessId, "process_id", false),
        (Self::Task, "task", true),
        (Self::Run, "run", false),
        (Self::Lane, "lane", false),
        (Self::Sequence, "sequence", false),
    ];
}

/// How many digits of the second's fraction a timestamp shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampDigits {
    /// Three.
    Millis,
    /// Six.
    #[default]
    Micros,
    /// Nine.
    Nanos,
}

/// Builds a [`JsonFormatter`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonFormatterBuilder {
    keys: Vec<(JsonKey, Box<str>)>,
    digits: TimestampDigits,
    constants: Vec<(Box<str>, ValueBuf)>,
    fields_key: Option<Box<str>>,
}

impl JsonFormatterBuilder {
    /// Shows a key, under this name.
    pub fn key(mut self, key: JsonKey, name: impl Into<Box<str>>) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, name.into()));
        let place = |key: JsonKey| JsonKey::ALL.iter().position(|(each, ..)| *each == key);
        self.keys.sort_by_key(|(key, _)| place(*key));
        self
    }

    /// Leaves a key out.
    pub fn without(mut self, key: JsonKey) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self
    }

    /// Sets the timestamp's digits; six unless said otherwise.
    pub fn digits(mut self, digits: TimestampDigits) -> Self {
        self.digits = digits;
        self
    }

    /// Adds a key with the same value in every line.
    pub fn constant<T: crate::capture::Capture + ?Sized>(
        mut self,
        key: impl Into<Box<str>>,
        value: &T,
    ) -> Self {
        let key = key.into();
        self.constants.retain(|(known, _)| *known != key);
        self.constants.push((key, ValueBuf::of(value)));
        self
    }

    /// Names the object that holds the fields; `fields` unless said otherwise.
    pub fn fields_key(mut self, key: impl Into<Box<str>>) -> Self {
        self.fields_key = Some(key.into());
        self
    }

    /// Puts the fields beside the other keys; a field whose key is taken gets a `_` behind it.
    pub fn flatten_fields(mut self) -> Self {
        self.fields_key = None;
        self
    }

    /// Makes the formatter.
    pub fn build(self) -> JsonFormatter {
        let date_format = match self.digits {
            TimestampDigits::Millis => "\"%Y-%m-%dT%H:%M:%S.%3fZ\"",
            TimestampDigits::Micros => "\"%Y-%m-%dT%H:%M:%S.%6fZ\"",
            TimestampDigits::Nanos => "\"%Y-%m-%dT%H:%M:%S.%9fZ\"",
        };
        let options = TimeTextOptions {
            date_format: Some(date_format.to_owned()),
            zone: Zone::Utc,
            ..TimeTextOptions::default()
        };
        let labelled = |key: &str, more: &[u8]| {
            let mut label = b",".to_vec();
            push_string(key, &mut label);
            label.push(b':');
            label.extend_from_slice(more);
            label
        };
        let label = |(key, name): &(JsonKey, Box<str>)| (labelled(name, b"").into(), *key);
        let mut constants = Vec::new();
        for (key, value) in &self.constants {
            constants.extend(labelled(key, b""));
            push_value(value.get(), &mut constants);
        }
        let taken = self.keys.iter().map(|(_, name)| name.clone());
        let taken = taken.chain(self.constants.iter().map(|(key, _)| key.clone()));
        JsonFormatter {
            items: self.keys.iter().map(label).collect(),
            fields: self.fields_key.as_deref().map(|key| labelled(key, b"{").into()),
            taken: taken.chain(["exception".into(), "stack".into()]).collect(),
            constants,
            time: TimeText::new(&options),
            scratch: Cell::default(),
        }
    }
}

impl JsonFormatter {
    /// Makes the formatter with the keys that are shown unasked.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Starts a formatter with all its options.
    pub fn builder() -> JsonFormatterBuilder {
        let keys = JsonKey::ALL.iter().filter(|(.., shown)| *shown);
        JsonFormatterBuilder {
            keys: keys.map(|(key, name, _)| (*key, (*name).into())).collect(),
            digits: TimestampDigits::default(),
            constants: Vec::new(),
            fields_key: Some("fields".into()),
        }
    }

    fn item(&self, key: JsonKey, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut number = |number: u64| {
            out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            Ok(())
        };
        match key {
            JsonKey::Line => return number(u64::from(record.line())),
            JsonKey::ThreadId => return number(record.thread_id().unwrap_or(0)),
            JsonKey::ProcessId => return number(u64::from(record.process_id())),
            JsonKey::Lane => return number(u64::from(record.sequence().0)),
            JsonKey::Sequence => return number(record.sequence().1),
            JsonKey::Run => {
                out.extend_from_slice(itoa::Buffer::new().format(record.run()).as_bytes());
                return Ok(());
            }
            JsonKey::LevelNumber => {
                let level = record.level().as_i32();
                out.extend_from_slice(itoa::Buffer::new().format(level).as_bytes());
                return Ok(());
            }
            JsonKey::Timestamp => return self.time.write(record, out),
            JsonKey::Message => return self.message(record, out),
            _ => {}
        }
        let text = match key {
            JsonKey::Level => record.level_name(),
            JsonKey::Logger => record.logger(),
            JsonKey::File => record.pathname(),
            JsonKey::Function => record.function(),
            JsonKey::Module => record.module_path(),
            JsonKey::Thread => record.thread_name(),
            JsonKey::Process => record.process_name(),
            JsonKey::Task => record.task_name().unwrap_or(""),
            _ => {
                push_value(record.raw_message(), out);
                return Ok(());
            }
        };
        push_string(text, out);
        Ok(())
    }

    /// Renders the message in place, and only if it needs escapes a second time.
    fn message(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.push(b'"');
        let start = out.len();
        record.write_message(out)?;
        if is_plain(&out[start..]) {
            out.push(b'"');
            return Ok(());
        }
        let mut message = self.scratch.take();
        message.clear();
        message.extend_from_slice(&out[start..]);
        out.truncate(start - 1);
        push_string(&String::from_utf8_lossy(&message), out);
        self.scratch.set(message);
        Ok(())
    }

    fn write_fields(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) {
        const FEW: usize = 16;
        let mut few = [("", Value::Unit); FEW];
        let mut more = Vec::new();
        let mut count = 0;
        record.for_each_field(|key, value| {
            match few.get_mut(count) {
                Some(slot) => *slot = (key, value),
                None if more.is_empty() => {
                    more.extend_from_slice(&few);
                    more.push((key, value));
                }
                None => more.push((key, value)),
            }
            count += 1;
        });
        if count == 0 {
            return;
        }
        let fields = if more.is_empty() { &few[..count] } else { &more[..] };
        if let Some(open) = &self.fields {
            out.extend_from_slice(open);
        }
        let mut first = self.fields.is_some();
        for (at, (key, value)) in fields.iter().enumerate() {
            if fields[at + 1..].iter().any(|(later, _)| later == key) {
                continue;
            }
            if !first {
                out.push(b',');
            }
            first = false;
            if self.fields.is_none() && self.taken.iter().any(|taken| **taken == **key) {
                push_string(&format!("{key}_"), out);
            } else {
                push_string(key, out);
            }
            out.push(b':');
            push_value(*value, out);
        }
        if self.fields.is_some() {
            out.push(b'}');
        }
    }
}

impl Default for JsonFormatter {
    fn default() -> Self {
        Self::new()
    }
}

impl Format for JsonFormatter {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        for (label, key) in &self.items {
            let absent = match key {
                JsonKey::Task => record.task_name().is_none(),
                JsonKey::Thread => record.shown_thread_name().is_none(),
                JsonKey::ThreadId => record.thread_id().is_none(),
                JsonKey::Process => record.shown_process_name().is_none(),
                JsonKey::ProcessId => record.shown_process_id().is_none(),
                _ => false,
            };
            if absent {
                continue;
            }
            out.extend_from_slice(label);
            self.item(*key, record, out)?;
        }
        out.extend_from_slice(&self.constants);
        self.write_fields(record, out);
        if record.may_carry_text() {
            push_trailing_text(record, out);
        }
        // Each part begins with a comma; the first one's place is the opening brace's.
        match out.get_mut(start) {
            Some(first) => *first = b'{',
            None => out.push(b'{'),
        }
        out.push(b'}');
        Ok(())
    }
}

impl fmt::Debug for JsonFormatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.items.iter().map(|(_, key)| key).collect();
        f.debug_struct("JsonFormatter").field("keys", &keys).finish_non_exhaustive()
    }
}

#[cold]
fn push_trailing_text(record: &LogRecord<'_>, out: &mut Vec<u8>) {
    for (label, text) in
        [(&b",\"exception\":"[..], record.exception()), (b",\"stack\":", record.stack())]
    {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            out.extend_from_slice(label);
            push_string(&text, out);
        }
    }
}

/// Printable ASCII without quotes and backslashes.
#[inline]
pub(super) fn is_plain(bytes: &[u8]) -> bool {
    // Branch-free, so that the compiler makes vectors of it.
    !bytes.iter().fold(false, |odd, byte| {
        odd | (byte.wrapping_sub(b' ') > b'~' - b' ') | (*byte == b'"') | (*byte == b'\\')
    })
}

/// Appends a JSON string.
#[inline]
pub(super) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(text, out);
    }
    out.push(b'"');
}

#[inline(never)]
fn push_escaped(text: &str, out: &mut Vec<u8>) {
    let mut done = 0;
    for (at, each) in text.char_indices() {
        let escape = match each {
            '"' | '\\' | '\t' => true,
            each => neutral::is_harmful(each),
        };
        if !escape {
            continue;
        }
        out.extend_from_slice(&text.as_bytes()[done..at]);
        done = at + each.len_utf8();
        let _ = match each {
            '"' => out.write_all(b"\\\""),
            '\\' => out.write_all(b"\\\\"),
            '\n' => out.write_all(b"\\n"),
            '\r' => out.write_all(b"\\r"),
            '\t' => out.write_all(b"\\t"),
            // What is escaped lies below U+10000, so one unit says it.
            each => write!(out, "\\u{:04x}", u32::from(each)),
        };
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
}

/// Values within values beyond this are cut, so that reading a damaged frame ends.
const DEEPEST: usize = 64;

/// Appends a value as JSON.
pub(super) fn push_value(value: Value<'_>, out: &mut Vec<u8>) {
    nested(value, 0, out);
}

fn nested(value: Value<'_>, depth: usize, out: &mut Vec<u8>) {
    if depth > DEEPEST {
        return push_string("...", out);
    }
    match value {
        Value::Str(text) | Value::Text(text) => push_string(text, out),
        Value::U64(_) | Value::I8(_) | Value::I16(_) | Value::I32(_) | Value::I64(_) => {
            crate::text::plain(value, out);
        }
        Value::Bool(_) => crate::text::plain(value, out),
        Value::F64(number) if number.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        }
        Value::F32(number) if number.is_finite() => {
            out.extend_from_slice(zmij::Buffer::new().format_finite(number).as_bytes());
        }
        Value::F64(number) => push_odd(number, out),
        Value::F32(number) => push_odd(f64::from(number), out),
        Value::U128(number) => push_wide(u64::try_from(number).is_ok(), value, out),
        Value::I128(number) => {
            let fits = i64::try_from(number).is_ok() || u64::try_from(number).is_ok();
            push_wide(fits, value, out);
        }
        Value::Unit | Value::None => out.extend_from_slice(b"null"),
        Value::Some(inner) => nested(inner.get(), depth + 1, out),
        Value::Bytes(bytes) => {
            out.push(b'"');
            for byte in bytes {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble)];
                out.extend_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
            }
            out.push(b'"');
        }
        Value::Duration(time) => {
            out.extend_from_slice(itoa::Buffer::new().format(time.as_secs()).as_bytes());
            if time.subsec_nanos() != 0 {
                let _ = write!(out, ".{:09}", time.subsec_nanos());
                while out.last() == Some(&b'0') {
                    out.pop();
                }
            }
        }
        Value::List(list) | Value::Tuple(list) | Value::Error(list) => {
            push_array(list.iter(), depth, out);
        }
        Value::Map(map) => push_map(map, depth, out),
        Value::Struct(value) => {
            let shape = value.shape();
            // As serde does: a variant with fields is an object of one key, its name.
            let named = shape.variant && shape.style != ShapeStyle::Unit;
            if named {
                out.push(b'{');
                push_string(shape.name, out);
                out.push(b':');
            }
            push_fields(value, depth + usize::from(named), out);
            if named {
                out.push(b'}');
            }
        }
        other => push_string(&other.to_string(), out),
    }
}

fn push_fields(value: Struct<'_>, depth: usize, out: &mut Vec<u8>) {
    let shape = value.shape();
    match shape.style {
        ShapeStyle::Unit => push_string(shape.name, out),
        ShapeStyle::Tuple => {
            let mut values = value.values();
            match (values.next(), values.next()) {
                (Some(only), None) if shape.variant => nested(only, depth + 1, out),
                _ => push_array(value.values(), depth, out),
            }
        }
        ShapeStyle::Named => {
            out.push(b'{');
            for (at, (name, value)) in value.fields().enumerate() {
                if at != 0 {
                    out.push(b',');
                }
                push_string(name.unwrap_or("?"), out);
                out.push(b':');
                nested(value, depth + 1, out);
            }
            out.push(b'}');
        }
    }
}

fn push_array<'a>(items: impl Iterator<Item = Value<'a>>, depth: usize, out: &mut Vec<u8>) {
    out.push(b'[');
    for (at, item) in items.enumerate() {
        if at != 0 {
            out.push(b',');
        }
        nested(item, depth + 1, out);
    }
    out.push(b']');
}

fn push_map(map: Map<'_>, depth: usize, out: &mut Vec<u8>) {
    let pairs: Vec<_> = map.iter().map(|(key, value)| (key_text(key), value)).collect();
    let mut seen = HashSet::with_capacity(pairs.len());
    let mut last: Vec<bool> = pairs.iter().rev().map(|(key, _)| seen.insert(key)).collect();
    last.reverse();
    out.push(b'{');
    let start = out.len();
    for ((key, value), last) in pairs.iter().zip(last) {
        if !last {
            continue;
        }
        if out.len() != start {
            out.push(b',');
        }
        push_string(key, out);
        out.push(b':');
        nested(*value, depth + 1, out);
    }
    out.push(b'}');
}

fn key_text(key: Value<'_>) -> std::borrow::Cow<'_, str> {
    match key {
        Value::Str(text) | Value::Text(text) => text.into(),
        other => other.to_string().into(),
    }
}

/// Numbers that JSON does not have.
fn push_odd(number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(match number {
        f64::INFINITY => b"\"Infinity\"",
        f64::NEG_INFINITY => b"\"-Infinity\"",
        _ => b"\"NaN\"",
    });
}

/// Readers take integers of up to 64 bits; longer ones would be rounded without a word.
fn push_wide(fits: bool, value: Value<'_>, out: &mut Vec<u8>) {
    if !fits {
        out.push(b'"');
    }
    crate::text::plain(value, out);
    if !fits {
        out.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;
    use serde_json::{Value as Json, json};
    use std::time::Duration;

    fn line(formatter: &JsonFormatter, message: &str, fields: &[(&str, ValueBuf)]) -> String {
        let fields = fields.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        let time_ns = 1_700_000_000_123_456_789;
        let sample = Sample { message: message.into(), fields, time_ns, ..Sample::default() };
        let mut out = b"before\n".to_vec();
        sample.with(|record| formatter.format(record, &mut out)).unwrap();
        String::from_utf8(out.split_off(7)).unwrap()
    }

    #[test]
    fn the_keys_stand_in_their_order() {
        assert_eq!(
            line(&JsonFormatter::new(), "hello", &[("n", ValueBuf::of(&7))]),
            "{\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"INFO\",\"logger\":\"app\",\
             \"message\":\"hello\",\"file\":\"src/sample.rs\",\"line\":1,\
             \"thread\":\"MainThread\",\"fields\":{\"n\":7}}"
        );
    }

    #[test]
    fn keys_are_renamed_added_and_left_out() {
        let formatter = JsonFormatter::builder()
            .key(JsonKey::Timestamp, "@timestamp")
            .key(JsonKey::LevelNumber, "severity")
            .without(JsonKey::File)
            .without(JsonKey::Line)
            .without(JsonKey::Thread)
            .without(JsonKey::Logger)
            .digits(TimestampDigits::Nanos)
            .constant("service", "shop \"x\"")
            .flatten_fields()
            .build();
        let fields = [
            ("level", ValueBuf::of("mine")),
            ("a", ValueBuf::of(&1)),
            ("a", ValueBuf::of(&2)),
            ("stack", ValueBuf::of(&3)),
        ];
        assert_eq!(
            line(&formatter, "m", &fields),
            "{\"@timestamp\":\"2023-11-14T22:13:20.123456789Z\",\"level\":\"INFO\",\
             \"severity\":20,\"message\":\"m\",\"service\":\"shop \\\"x\\\"\",\
             \"level_\":\"mine\",\"a\":2,\"stack_\":3}"
        );
        let mut bare = JsonFormatter::builder();
        for (key, ..) in JsonKey::ALL {
            bare = bare.without(key);
        }
        assert_eq!(line(&bare.build(), "m", &[]), "{}");
    }

    #[test]
    fn values_keep_their_types() {
        let fields = [
            ("big", ValueBuf::of(&u64::MAX)),
            ("wide", ValueBuf::of(&u128::MAX)),
            ("narrow", ValueBuf::of(&-5_i128)),
            ("nan", ValueBuf::of(&f64::NAN)),
            ("inf", ValueBuf::of(&f32::NEG_INFINITY)),
            ("tiny", ValueBuf::of(&1.5e-10)),
            ("huge", ValueBuf::of(&1e22)),
            ("single", ValueBuf::of(&0.1_f32)),
            ("yes", ValueBuf::of(&true)),
            ("none", ValueBuf::none()),
            ("some", ValueBuf::of(&Some(3))),
            ("bytes", ValueBuf::of(&b"\x00\xffz"[..])),
            ("time", ValueBuf::of(&Duration::from_millis(1500))),
            ("pair", ValueBuf::of(&(1, "x"))),
            ("ip", ValueBuf::of(&std::net::Ipv4Addr::LOCALHOST)),
            (
                "map",
                ValueBuf::map([
                    ("k", ValueBuf::of(&1)),
                    ("l", ValueBuf::list([])),
                    ("k", ValueBuf::of(&2)),
                ]),
            ),
        ];
        let shown = line(&JsonFormatter::new(), "m", &fields);
        let json: Json = serde_json::from_str(&shown).unwrap();
        assert_eq!(
            json["fields"],
            json!({
                "big": u64::MAX, "wide": u128::MAX.to_string(), "narrow": -5, "nan": "NaN",
                "inf": "-Infinity", "tiny": 1.5e-10, "huge": 1e22, "single": 0.1, "yes": true,
                "none": null, "some": 3, "bytes": "00ff7a", "time": 1.5, "pair": [1, "x"],
                "ip": "127.0.0.1", "map": {"k": 2, "l": []},
            })
        );
        assert!(shown.contains("\"map\":{\"l\":[],\"k\":2}"), "{shown}");
    }

    #[test]
    fn any_text_survives_and_stays_on_its_line() {
        let mut all: String = ('\0'..='\u{2ff}').collect();
        all.push_str("\u{2028}\u{2029}\u{202e}\u{1f600}\u{10ffff}\"\\");
        let shown = line(&JsonFormatter::new(), &all, &[(&all, ValueBuf::of(&all))]);
        assert!(!shown.chars().any(|each| each.is_control() || each == '\u{202e}'), "{shown}");
        let json: Json = serde_json::from_str(&shown).unwrap();
        assert_eq!(json["message"], all);
        assert_eq!(json["fields"][&all], all);
    }

    #[test]
    fn more_fields_than_usual_are_written_too() {
        let names: Vec<String> = (0..40).map(|n| format!("f{}", n % 35)).collect();
        let fields: Vec<_> =
            names.iter().enumerate().map(|(n, name)| (&**name, ValueBuf::of(&n))).collect();
        let json: Json = serde_json::from_str(&line(&JsonFormatter::new(), "m", &fields)).unwrap();
        let object = json["fields"].as_object().unwrap();
        assert_eq!(object.len(), 35);
        assert_eq!((&object["f0"], &object["f34"]), (&json!(35), &json!(34)));
    }
}
