//! Values as text: what `format!` would have written, faster where it matters.

mod spec;

pub(crate) use spec::with_spec;

use crate::decode::Value;
use std::io::Write as _;

/// Appends a value as `{}` shows it.
#[inline]
pub(crate) fn plain(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) | Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::U64(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::I32(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::I64(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}
