//! Values as JSON.

use crate::decode::{Map, Struct, Value};
use crate::format::neutral;
use crate::text::ascii::is_plain_quoted;
use crate::value::ShapeStyle;
use std::collections::HashSet;
use std::io::Write as _;

/// Appends a JSON string.
#[inline]
pub(in crate::format) fn push_string(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    if is_plain_quoted(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
    } else {
        push_escaped(text, out);
    }
    out.push(b'"');
}

/// Appends text as it stands in a JSON string.
#[inline(never)]
pub(super) fn push_escaped(text: &str, out: &mut Vec<u8>) {
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
pub(in crate::format) fn push_value(value: Value<'_>, out: &mut Vec<u8>) {
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
