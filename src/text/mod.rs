//! Values as text: what `format!` would have written, faster where it matters.
//!
//! Plain `{}` of the common types is written directly. Everything else goes through `core::fmt`,
//! which is asked for digits and structure only; padding and fill are applied here, for a fill
//! character cannot be handed to `core::fmt` at run time. A property test holds both against
//! `format!`.

pub(crate) mod ascii;
mod cells;
mod digits;
mod float;
mod line;
mod sheet;
mod spec;
#[cfg(test)]
mod tests;

pub(crate) use cells::{Cells, Long, ROWS, Shorts, Span};
pub(crate) use digits::{put_fixed, six_digits};
pub(crate) use line::{BLOCK, Line, Room, room};
pub use sheet::Sheet;
pub(crate) use spec::with_spec;

use crate::decode::Value;
use digits::{U64_ROOM, put_u64};
use std::io::Write as _;

/// Appends a value as `{}` shows it.
#[inline]
pub(crate) fn plain(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) | Value::Text(text) => out.extend_from_slice(text.as_bytes()),
        Value::U64(number) => push_u64(number, out),
        Value::I32(number) => push_i64(i64::from(number), out),
        Value::I64(number) => push_i64(number, out),
        Value::F64(number) => float::push_f64(number, out),
        other => rare(other, out),
    }
}

#[inline]
fn push_u64(number: u64, out: &mut Vec<u8>) {
    let mut room = [0; U64_ROOM];
    let length = put_u64(number, &mut room);
    out.extend_from_slice(&room[..length]);
}

#[inline]
fn push_i64(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    push_u64(number.unsigned_abs(), out);
}

fn rare(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::I8(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::I16(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::U128(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::I128(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        Value::F32(number) => float::push_f32(number, out),
        Value::Bool(flag) => out.extend_from_slice(if flag { b"true" } else { b"false" }),
        Value::Char(each) => out.extend_from_slice(each.encode_utf8(&mut [0; 4]).as_bytes()),
        other => drop(write!(out, "{other}")),
    }
}
