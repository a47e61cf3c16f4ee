//! logfmt: `key=value` pairs, one record a line.

use super::script::Scratch;
use super::time::{TimeText, TimeTextOptions, Zone};
use super::{Format, json, neutral};
use crate::decode::Value;
use crate::error::Error;
use crate::record::LogRecord;
use crate::text::ascii::is_plain_quoted;
use std::fmt;
use std::io::Write as _;

/// Writes records as logfmt: `time=2026-11-20T06:12:03.123456Z level=info logger=shop msg="added"`.
///
/// The keys are `time` (UTC, microseconds), `level` (lower case), `logger`, `msg`, then
/// [`file`, `line` and `thread` if asked for](Self::with_origin), the record's fields in their
/// order, `exception` and `stack`. A value is quoted where it is empty or holds a space, an equals
/// sign, a quote, a backslash or a control character; these are escaped as Go's `strconv.Quote`
/// does. Lists, maps and structs are written as [JSON](super::JsonFormatter). Characters of a key
/// other than letters, digits and `_ . - / @` become `_`.
///
/// # Examples
///
/// ```
/// use sawmill::{FormatterRef, LogfmtFormatter};
///
/// let formatter = FormatterRef::new(LogfmtFormatter::new().with_origin());
/// # let _ = formatter;
/// ```
pub struct LogfmtFormatter {
    time: TimeText,
    origin: bool,
    scratch: Scratch,
}

impl LogfmtFormatter {
    /// Makes the formatter.
    pub fn new() -> Self {
        let options = TimeTextOptions {
            date_format: Some("%Y-%m-%dT%H:%M:%S.%fZ".to_owned()),
            zone: Zone::Utc,
            ..TimeTextOptions::default()
        };
        Self { time: TimeText::new(&options), origin: false, scratch: Scratch::default() }
    }

    /// Adds `file`, `line` and `thread`.
    #[must_use]
    pub fn with_origin(mut self) -> Self {
        self.origin = true;
        self
    }
}

impl fmt::Debug for LogfmtFormatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogfmtFormatter").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Default for LogfmtFormatter {
    fn default() -> Self {
        Self::new()
    }
}

impl Format for LogfmtFormatter {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(b"time=");
        self.time.write(record, out)?;
        out.extend_from_slice(b" level=");
        let start = out.len();
        push_text(record.level_name(), out);
        out[start..].make_ascii_lowercase();
        out.extend_from_slice(b" logger=");
        push_text(record.logger(), out);
        out.extend_from_slice(b" msg=");
        self.scratch.lend(|message| {
            let written = record.write_message(message);
            push_text(&String::from_utf8_lossy(message), out);
            written
        })?;
        if self.origin {
            out.extend_from_slice(b" file=");
            push_text(record.pathname(), out);
            let _ = write!(out, " line={}", record.line());
            if let Some(thread) = record.shown_thread_name() {
                out.extend_from_slice(b" thread=");
                push_text(thread, out);
            }
        }
        write_fields(record, out);
        if record.may_carry_text() {
            for (key, text) in [(" exception=", record.exception()), (" stack=", record.stack())] {
                if let Some(text) = text.filter(|text| !text.is_empty()) {
                    out.extend_from_slice(key.as_bytes());
                    push_text(&text, out);
                }
            }
        }
        Ok(())
    }
}

/// Appends the record's fields, each as ` key=value`.
pub(super) fn write_fields(record: &LogRecord<'_>, out: &mut Vec<u8>) {
    record.for_each_field(|key, value| {
        out.push(b' ');
        push_key(key, out);
        out.push(b'=');
        push_value(value, out);
    });
}

pub(super) fn push_key(key: &str, out: &mut Vec<u8>) {
    let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-/@".contains(&byte);
    if !key.is_empty() && key.bytes().all(is_kept) {
        return out.extend_from_slice(key.as_bytes());
    }
    if key.is_empty() {
        out.push(b'_');
    }
    for each in key.chars() {
        let kept = each.is_alphanumeric() || matches!(each, '_' | '.' | '-' | '/' | '@');
        let each = if kept { each } else { '_' };
        out.extend_from_slice(each.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

pub(super) fn push_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) | Value::Text(text) => push_text(text, out),
        Value::Some(inner) => push_value(inner.get(), out),
        Value::U64(_) | Value::I32(_) | Value::I64(_) | Value::F64(_) | Value::Bool(_) => {
            crate::text::plain(value, out);
        }
        Value::Unit | Value::None => out.extend_from_slice(b"null"),
        Value::List(_) | Value::Tuple(_) | Value::Map(_) | Value::Struct(_) | Value::Bytes(_) => {
            let mut text = Vec::new();
            json::push_value(value, &mut text);
            match value {
                // Bytes are a string in JSON; here they need no quotes of their own.
                Value::Bytes(_) => out.extend_from_slice(&text[1..text.len() - 1]),
                _ => push_text(&String::from_utf8_lossy(&text), out),
            }
        }
        Value::Duration(time) => push_text(&format!("{time:?}"), out),
        other => {
            let mut text = Vec::new();
            crate::text::plain(other, &mut text);
            push_text(&String::from_utf8_lossy(&text), out);
        }
    }
}

/// Appends text, quoted where it must be.
fn push_text(text: &str, out: &mut Vec<u8>) {
    if is_plain_quoted(text.as_bytes()) {
        let quote = text.is_empty() || text.bytes().any(|byte| matches!(byte, b' ' | b'='));
        if quote {
            out.push(b'"');
        }
        out.extend_from_slice(text.as_bytes());
        if quote {
            out.push(b'"');
        }
        return;
    }
    let needs_quotes = |each: char| {
        each.is_whitespace() || matches!(each, '"' | '=' | '\\') || neutral::is_harmful(each)
    };
    if !text.contains(needs_quotes) {
        return out.extend_from_slice(text.as_bytes());
    }
    out.push(b'"');
    for each in text.chars() {
        let _ = match each {
            '"' => out.write_all(b"\\\""),
            '\\' => out.write_all(b"\\\\"),
            '\n' => out.write_all(b"\\n"),
            '\r' => out.write_all(b"\\r"),
            '\t' => out.write_all(b"\\t"),
            each if neutral::is_harmful(each) && each.is_ascii() => {
                write!(out, "\\x{:02x}", u32::from(each))
            }
            each if neutral::is_harmful(each) => write!(out, "\\u{:04x}", u32::from(each)),
            each => out.write_all(each.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ValueBuf;
    use crate::record::sample::Sample;

    fn line(fields: &[(&str, ValueBuf)], message: &str) -> String {
        let fields = fields.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
        let sample = Sample { message: message.into(), fields, ..Sample::default() };
        let mut out = Vec::new();
        sample.with(|record| LogfmtFormatter::new().format(record, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_record_is_one_line_of_pairs() {
        let fields = [
            ("n", ValueBuf::of(&7_u64)),
            ("who", ValueBuf::of("ada lovelace")),
            ("ratio", ValueBuf::of(&0.5)),
            ("gone", ValueBuf::none()),
            ("list", ValueBuf::list([ValueBuf::of(&1), ValueBuf::of("a")])),
            ("odd key=\n", ValueBuf::of("")),
            ("bytes", ValueBuf::of(&b"\x01\xff"[..])),
        ];
        assert_eq!(
            line(&fields, "two\nlines"),
            "time=2023-11-14T22:13:20.000000Z level=info logger=app msg=\"two\\nlines\" n=7 \
             who=\"ada lovelace\" ratio=0.5 gone=null list=\"[1,\\\"a\\\"]\" odd_key__=\"\" \
             bytes=01ff"
        );
    }

    #[test]
    fn control_characters_stay_inside_quotes() {
        let shown = line(&[], "\x1b[31m\u{202e}\u{85}\u{e9} x=1 \\ \"");
        assert!(shown.ends_with(r#"msg="\x1b[31m\u202e\u0085é x=1 \\ \"""#), "{shown}");
        assert!(line(&[], "h\u{e9}llo").ends_with("msg=h\u{e9}llo"));
    }
}
