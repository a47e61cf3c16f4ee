//! `str`, `repr` and `ascii`.

use super::{Int, Py, float, printable::ESCAPED};
use crate::decode::{List, Value};
use std::fmt::Write as _;

/// Containers within containers beyond this are shown as `...`; recursion must end.
const DEEPEST: usize = 100;

/// Appends `str(value)`.
pub(crate) fn str_of(value: Value<'_>, out: &mut String) {
    match value {
        Value::Str(text) | Value::Text(text) => out.push_str(text),
        Value::Char(value) => out.push(value),
        value => str_of_py(Py::of(value), out),
    }
}

pub(super) fn str_of_py(value: Py<'_>, out: &mut String) {
    match value {
        Py::Str(text) => out.push_str(&text),
        Py::Other(value) => drop(write!(out, "{value}")),
        value => push_repr(value, 0, out),
    }
}

/// Appends `repr(value)`.
pub(crate) fn repr(value: Value<'_>, out: &mut String) {
    push_repr(Py::of(value), 0, out);
}

/// Appends `ascii(value)`: `repr` with everything beyond ASCII escaped.
pub(crate) fn ascii(value: Value<'_>, out: &mut String) {
    let mut text = String::new();
    repr(value, &mut text);
    for each in text.chars() {
        if each.is_ascii() { out.push(each) } else { push_escape(each, out) }
    }
}

fn push_repr(value: Py<'_>, depth: usize, out: &mut String) {
    if depth > DEEPEST {
        out.push_str("...");
        return;
    }
    match value {
        Py::None => out.push_str("None"),
        Py::Bool(value) => out.push_str(if value { "True" } else { "False" }),
        Py::Int(value) => Int::push_to(value, out),
        Py::Float(value) => float::push_repr(value, out),
        Py::Str(text) => repr_of_str(&text, out),
        Py::Bytes(bytes) => repr_of_bytes(bytes, out),
        Py::List(list) => {
            out.push('[');
            push_items(list, depth, out);
            out.push(']');
        }
        Py::Tuple(list) => {
            out.push('(');
            push_items(list, depth, out);
            out.push_str(if list.len() == 1 { ",)" } else { ")" });
        }
        Py::Dict(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at != 0 {
                    out.push_str(", ");
                }
                push_repr(Py::of(key), depth + 1, out);
                out.push_str(": ");
                push_repr(Py::of(value), depth + 1, out);
            }
            out.push('}');
        }
        Py::Other(value) => drop(write!(out, "{value:?}")),
    }
}

fn push_items(list: List<'_>, depth: usize, out: &mut String) {
    for (at, item) in list.iter().enumerate() {
        if at != 0 {
            out.push_str(", ");
        }
        push_repr(Py::of(item), depth + 1, out);
    }
}

/// The quote that Python picks: an apostrophe unless only apostrophes occur in the text.
fn quote_for(single: bool, double: bool) -> char {
    if single && !double { '"' } else { '\'' }
}

/// Appends `repr` of a string.
pub(crate) fn repr_of_str(text: &str, out: &mut String) {
    let quote = quote_for(text.contains('\''), text.contains('"'));
    out.push(quote);
    for each in text.chars() {
        match each {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            each if each == quote => {
                out.push('\\');
                out.push(each);
            }
            ' '..='~' => out.push(each),
            each if is_printable(each) => out.push(each),
            each => push_escape(each, out),
        }
    }
    out.push(quote);
}

fn repr_of_bytes(bytes: &[u8], out: &mut String) {
    let quote = quote_for(bytes.contains(&b'\''), bytes.contains(&b'"'));
    out.push('b');
    out.push(quote);
    for each in bytes {
        match each {
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            each if char::from(*each) == quote => {
                out.push('\\');
                out.push(quote);
            }
            b' '..=b'~' => out.push(char::from(*each)),
            each => drop(write!(out, "\\x{each:02x}")),
        }
    }
    out.push(quote);
}

fn push_escape(each: char, out: &mut String) {
    let code = u32::from(each);
    let _ = match code {
        0..=0xff => write!(out, "\\x{code:02x}"),
        0x100..=0xffff => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
}

fn is_printable(each: char) -> bool {
    let code = u32::from(each);
    let after = ESCAPED.partition_point(|(first, _)| *first <= code);
    after == 0 || ESCAPED[after - 1].1 < code
}
