//! JSON lines.

mod builder;
mod by_site;
#[cfg(test)]
mod tests;
mod value;

pub use builder::JsonFormatterBuilder;
pub(super) use value::{push_string, push_value};

use super::by_script::{ByScript, Tools};
use super::{Format, Scripted};
use crate::decode::Value;
use crate::error::Error;
use crate::record::LogRecord;
use crate::text::Sheet;
use crate::text::ascii::is_plain_quoted;
use std::fmt;

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
    tools: Tools,
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
            JsonKey::Timestamp => return self.tools.time.write(record, out),
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
        if is_plain_quoted(&out[start..]) {
            out.push(b'"');
            return Ok(());
        }
        self.tools.scratch.lend(|message| {
            message.extend_from_slice(&out[start..]);
            out.truncate(start - 1);
            push_string(&String::from_utf8_lossy(message), out);
        });
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
            self.push_field_key(key, out);
            out.push(b':');
            push_value(*value, out);
        }
        if self.fields.is_some() {
            out.push(b'}');
        }
    }

    /// Appends a field's key, which must not repeat another where fields stand beside the rest.
    fn push_field_key(&self, key: &str, out: &mut Vec<u8>) {
        if self.fields.is_none() && self.taken.iter().any(|taken| **taken == *key) {
            push_string(&format!("{key}_"), out);
        } else {
            push_string(key, out);
        }
    }

    /// Whether a record has nothing to show for a key.
    fn is_absent(key: JsonKey, record: &LogRecord<'_>) -> bool {
        match key {
            JsonKey::Task => record.task_name().is_none(),
            JsonKey::Thread => record.shown_thread_name().is_none(),
            JsonKey::ThreadId => record.thread_id().is_none(),
            JsonKey::Process => record.shown_process_name().is_none(),
            JsonKey::ProcessId => record.shown_process_id().is_none(),
            _ => false,
        }
    }

    fn format_in_full(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        for (label, key) in self.items.iter().filter(|(_, key)| !Self::is_absent(*key, record)) {
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

impl Default for JsonFormatter {
    fn default() -> Self {
        Self::new()
    }
}

impl Format for JsonFormatter {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.append(record, out)
    }

    fn format_on(&self, record: &LogRecord<'_>, out: &mut Sheet) -> Result<(), Error> {
        self.append_on(record, out)
    }

    fn scripted(&self) -> Option<Scripted<'_>> {
        Some(Scripted::Json(self))
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
