//! Format specs applied at run time.

use super::float;
use crate::decode::Value;
use crate::value::{Align, Count, Kind, ShapeStyle, Spec};
use std::fmt;
use std::io::Write as _;

/// A spec whose counts are known.
#[derive(Clone, Copy)]
struct Resolved {
    fill: char,
    align: Option<Align>,
    plus: bool,
    alternate: bool,
    zero: bool,
    width: usize,
    precision: Option<usize>,
    kind: Kind,
}

/// Appends a value as a placeholder with this spec shows it; `values` resolve `$` counts.
pub(crate) fn with_spec(value: Value<'_>, spec: &Spec, values: &[Value<'_>], out: &mut Vec<u8>) {
    if let Value::Text(text) = value {
        return out.extend_from_slice(text.as_bytes());
    }
    let count = |count: Count| match count {
        Count::None => None,
        Count::Is(count) => Some(usize::from(count)),
        Count::Value(at) => match values.get(usize::from(at)) {
            // `format!` panics on the caller above this.
            Some(Value::U64(count)) => Some((*count).min(u64::from(u16::MAX)) as usize),
            _ => None,
        },
    };
    let spec = Resolved {
        fill: spec.fill,
        align: spec.align,
        plus: spec.plus,
        alternate: spec.alternate,
        zero: spec.zero,
        width: count(spec.width).unwrap_or(0),
        precision: count(spec.precision),
        kind: spec.kind,
    };
    shown(value, spec, out);
}

fn shown(value: Value<'_>, spec: Resolved, out: &mut Vec<u8>) {
    if let (Value::Some(inner), Kind::Display) = (value, spec.kind) {
        shown(inner.get(), spec, out);
    } else if is_container(&value) {
        let tree = Tree { value, spec };
        let _ = match spec.alternate {
            true => write!(out, "{tree:#?}"),
            false => write!(out, "{tree:?}"),
        };
    } else {
        leaf(value, spec, out);
    }
}

/// Values whose `Debug` passes the spec on to the values inside.
fn is_container(value: &Value<'_>) -> bool {
    use Value::*;
    matches!(value, Some(_) | List(_) | Tuple(_) | Map(_) | Struct(_) | Bytes(_) | Error(_))
}

/// How a value stands in its width if nothing is said; `None` if its width is ignored.
fn default_align(value: &Value<'_>, kind: Kind) -> Option<Align> {
    let debug = matches!(kind, Kind::Debug | Kind::DebugLowerHex | Kind::DebugUpperHex);
    match value {
        Value::U64(_)
        | Value::I8(_)
        | Value::I16(_)
        | Value::I32(_)
        | Value::I64(_)
        | Value::U128(_)
        | Value::I128(_)
        | Value::F32(_)
        | Value::F64(_) => Some(Align::Right),
        Value::Str(_) | Value::Char(_) if debug => None,
        Value::None | Value::Text(_) => None,
        _ => Some(Align::Left),
    }
}

/// Appends a value that is padded as one.
fn leaf(value: Value<'_>, spec: Resolved, out: &mut Vec<u8>) {
    let align = default_align(&value, spec.kind);
    let is_number = align == Some(Align::Right);
    let start = out.len();
    if spec.zero && is_number {
        // Zeros go behind sign and prefix, and overrule fill and alignment.
        return digits(value, spec, out);
    }
    match (value, spec) {
        (Value::Str(text), Resolved { kind: Kind::Display, precision: None, .. }) => {
            out.extend_from_slice(text.as_bytes());
        }
        (
            Value::F64(number),
            Resolved {
                kind: Kind::Display | Kind::Debug,
                precision: Some(precision),
                plus: false,
                ..
            },
        ) if float::push_fixed(number, precision, out) => {}
        (value, Resolved { kind: Kind::Display, precision: None, plus: false, .. })
            if is_number =>
        {
            super::plain(value, out);
        }
        // As the derived `Debug` of `Option` does: precision and width are ignored.
        (Value::None, _) => out.extend_from_slice(b"None"),
        (value, spec) => digits(value, Resolved { zero: false, ..spec }, out),
    }
    if let Some(default) = align
        && spec.width > out.len() - start - continuation_bytes(&out[start..])
    {
        pad(start, spec, default, out);
    }
}

fn continuation_bytes(text: &[u8]) -> usize {
    text.iter().filter(|byte| **byte & 0xc0 == 0x80).count()
}

/// Moves what was written from `start` on to its place between the fill.
fn pad(start: usize, spec: Resolved, default: Align, out: &mut Vec<u8>) {
    let length = out.len() - start - continuation_bytes(&out[start..]);
    let missing = spec.width - length;
    let before = match spec.align.unwrap_or(default) {
        Align::Left => 0,
        Align::Center => missing / 2,
        Align::Right => missing,
    };
    let mut fill = [0; 4];
    let fill = spec.fill.encode_utf8(&mut fill).as_bytes();
    for _ in 0..missing {
        out.extend_from_slice(fill);
    }
    out[start..].rotate_right(before * fill.len());
}

/// What `core::fmt` writes, with no width, or with the width if zeros are asked for.
fn digits(value: Value<'_>, spec: Resolved, out: &mut Vec<u8>) {
    macro_rules! table {
        ($($kind:ident $letter:literal)*) => {
            match spec.kind {
                $(Kind::$kind => flags!($letter),)*
                // Pointers are rendered on the caller.
                Kind::Pointer => flags!(""),
            }
        };
    }
    macro_rules! flags {
        ($letter:literal) => {
            match (spec.plus, spec.alternate) {
                (false, false) => sized!("", $letter),
                (false, true) => sized!("#", $letter),
                (true, false) => sized!("+", $letter),
                (true, true) => sized!("+#", $letter),
            }
        };
    }
    macro_rules! sized {
        ($flags:literal, $letter:literal) => {{
            let width = spec.width;
            match (spec.zero, spec.precision) {
                (false, None) => write!(out, concat!("{:", $flags, $letter, "}"), value),
                (false, Some(n)) => {
                    write!(out, concat!("{:", $flags, ".n$", $letter, "}"), value, n = n)
                }
                (true, None) => {
                    write!(out, concat!("{:", $flags, "0w$", $letter, "}"), value, w = width)
                }
                (true, Some(n)) => write!(
                    out,
                    concat!("{:", $flags, "0w$.n$", $letter, "}"),
                    value,
                    w = width,
                    n = n
                ),
            }
        }};
    }
    let _ = table! {
        Display ""
        Debug "?"
        DebugLowerHex "x?"
        DebugUpperHex "X?"
        LowerHex "x"
        UpperHex "X"
        Octal "o"
        Binary "b"
        LowerExp "e"
        UpperExp "E"
    };
}

/// A value within others: `core::fmt` gives structure and indentation, the leaves apply the spec.
struct Tree<'a> {
    value: Value<'a>,
    spec: Resolved,
}

impl Tree<'_> {
    fn of<'b>(&self, value: Value<'b>) -> Tree<'b> {
        let kind = match self.spec.kind {
            Kind::DebugLowerHex | Kind::DebugUpperHex => self.spec.kind,
            _ => Kind::Debug,
        };
        Tree { value, spec: Resolved { kind, ..self.spec } }
    }
}

impl fmt::Debug for Tree<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.value {
            Value::Some(value) => f.debug_tuple("Some").field(&self.of(value.get())).finish(),
            Value::List(list) => {
                f.debug_list().entries(list.iter().map(|item| self.of(item))).finish()
            }
            Value::Bytes(bytes) => {
                let items = bytes.iter().map(|byte| self.of(Value::U64(u64::from(*byte))));
                f.debug_list().entries(items).finish()
            }
            Value::Tuple(list) => {
                let mut tuple = f.debug_tuple("");
                for item in list.iter() {
                    tuple.field(&self.of(item));
                }
                tuple.finish()
            }
            Value::Map(map) => {
                let pairs = map.iter().map(|(key, value)| (self.of(key), self.of(value)));
                f.debug_map().entries(pairs).finish()
            }
            Value::Struct(value) => match value.shape().style {
                // As `#[derive(Debug)]` does: the name alone, width ignored.
                ShapeStyle::Unit => f.write_str(value.shape().name),
                ShapeStyle::Tuple => {
                    let mut tuple = f.debug_tuple(value.shape().name);
                    for item in value.values() {
                        tuple.field(&self.of(item));
                    }
                    tuple.finish()
                }
                ShapeStyle::Named => {
                    let mut fields = f.debug_struct(value.shape().name);
                    for (name, item) in value.fields() {
                        fields.field(name.unwrap_or("?"), &self.of(item));
                    }
                    fields.finish()
                }
            },
            Value::Error(_) if self.spec.kind == Kind::Display => {
                f.write_fmt(format_args!("{}", self.value))
            }
            Value::Error(chain) => {
                f.debug_list().entries(chain.iter().map(|item| self.of(item))).finish()
            }
            value => {
                let mut text = Vec::new();
                shown(value, self.spec, &mut text);
                f.write_str(&String::from_utf8_lossy(&text))
            }
        }
    }
}
