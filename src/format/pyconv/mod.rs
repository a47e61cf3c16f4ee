//! How Python shows values: `str`, `repr`, `%` conversions and format specifications.
//!
//! Formatters apply these to a record's attributes, Python's message merging to a message's
//! arguments; both must agree with CPython to the byte. Error texts are CPython's, without the
//! exception's class.

mod float;
mod percent;
mod printable;
mod repr;
mod spec;

#[allow(unused_imports, reason = "the message merging and the pattern compiler share these")]
pub(crate) use percent::{Conversion, Flags, Part, Parts, Placeholder, Size};
#[allow(unused_imports, reason = "the message merging and the pattern compiler share these")]
pub(crate) use repr::{ascii, repr, repr_of_str, str_of};
pub(crate) use spec::format;

use crate::decode::{List, Map, Value};
use crate::error::Error;
use std::borrow::Cow;

/// Widths and precisions above this are refused, so that a pattern cannot take all memory.
pub(crate) const MOST: usize = 1 << 20;

/// A value as Python would hold it.
#[derive(Debug, Clone)]
pub(crate) enum Py<'a> {
    None,
    Bool(bool),
    Int(Int),
    /// An `f32` becomes the double with the same shortest text.
    Float(f64),
    Str(Cow<'a, str>),
    Bytes(&'a [u8]),
    List(List<'a>),
    Tuple(List<'a>),
    Dict(Map<'a>),
    /// A type that Python does not have; its `str` is `Display`, its `repr` is `Debug`.
    Other(Value<'a>),
}

/// An integer with its sign apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Int {
    pub(crate) negative: bool,
    pub(crate) magnitude: u128,
}

impl Int {
    fn as_f64(self) -> f64 {
        let magnitude = self.magnitude as f64;
        if self.negative { -magnitude } else { magnitude }
    }

    fn push_to(self, out: &mut String) {
        if self.negative {
            out.push('-');
        }
        out.push_str(itoa::Buffer::new().format(self.magnitude));
    }
}

impl From<i128> for Int {
    fn from(value: i128) -> Self {
        Self { negative: value < 0, magnitude: value.unsigned_abs() }
    }
}

impl<'a> Py<'a> {
    pub(crate) fn of(value: Value<'a>) -> Self {
        match value {
            Value::Unit | Value::None => Py::None,
            Value::Some(inner) => Py::of(inner.get()),
            Value::Bool(value) => Py::Bool(value),
            Value::U64(value) => Py::Int(i128::from(value).into()),
            Value::I8(value) => Py::Int(i128::from(value).into()),
            Value::I16(value) => Py::Int(i128::from(value).into()),
            Value::I32(value) => Py::Int(i128::from(value).into()),
            Value::I64(value) => Py::Int(i128::from(value).into()),
            Value::U128(value) => Py::Int(Int { negative: false, magnitude: value }),
            Value::I128(value) => Py::Int(value.into()),
            Value::F32(value) => Py::Float(value.to_string().parse().unwrap_or(f64::NAN)),
            Value::F64(value) => Py::Float(value),
            Value::Char(value) => Py::Str(value.to_string().into()),
            Value::Str(value) | Value::Text(value) => Py::Str(value.into()),
            Value::Bytes(value) => Py::Bytes(value),
            Value::List(list) => Py::List(list),
            Value::Tuple(list) => Py::Tuple(list),
            Value::Map(map) => Py::Dict(map),
            other => Py::Other(other),
        }
    }

    /// The name of its type, for error texts.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Py::None => "NoneType",
            Py::Bool(_) => "bool",
            Py::Int(_) => "int",
            Py::Float(_) => "float",
            Py::Str(_) => "str",
            Py::Bytes(_) => "bytes",
            Py::List(_) => "list",
            Py::Tuple(_) => "tuple",
            Py::Dict(_) => "dict",
            Py::Other(value) => match value {
                Value::Struct(value) => value.shape().name,
                _ => "object",
            },
        }
    }

    /// The integer, if this is one; `True` and `False` are.
    pub(crate) fn as_int(&self) -> Option<Int> {
        match self {
            Py::Int(value) => Some(*value),
            Py::Bool(value) => Some(Int { negative: false, magnitude: u128::from(*value) }),
            _ => None,
        }
    }

    /// The number as a float, if this is a number.
    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Py::Float(value) => Some(*value),
            other => other.as_int().map(Int::as_f64),
        }
    }
}

/// What `bool(value)` says.
#[cfg(feature = "config")]
pub(crate) fn is_true(value: Value<'_>) -> bool {
    match Py::of(value) {
        Py::None => false,
        Py::Bool(value) => value,
        Py::Int(value) => value.magnitude != 0,
        Py::Float(value) => value != 0.0,
        Py::Str(value) => !value.is_empty(),
        Py::Bytes(value) => !value.is_empty(),
        Py::List(value) | Py::Tuple(value) => !value.is_empty(),
        Py::Dict(value) => !value.is_empty(),
        Py::Other(_) => true,
    }
}

#[cold]
fn fault(text: impl Into<String>) -> Error {
    Error::other(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ValueBuf;
    use serde_json::Value as Json;

    fn value_of(json: &Json) -> ValueBuf {
        match json {
            Json::Null => ValueBuf::none(),
            Json::Bool(value) => ValueBuf::of(value),
            Json::Number(value) => match (value.as_i64(), value.as_u64()) {
                (Some(value), _) => ValueBuf::of(&value),
                (_, Some(value)) => ValueBuf::of(&value),
                _ => panic!("{value}"),
            },
            Json::String(value) => ValueBuf::of(value),
            Json::Array(items) => ValueBuf::list(items.iter().map(value_of)),
            Json::Object(object) => match object.get("f") {
                Some(bits) => ValueBuf::of(&f64::from_bits(bits.as_u64().unwrap())),
                None => ValueBuf::map(
                    object["d"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|pair| (pair[0].as_str().unwrap().to_owned(), value_of(&pair[1]))),
                ),
            },
        }
    }

    fn converted(door: &str, value: Value<'_>, how: &str) -> Result<String, Error> {
        let mut out = Vec::new();
        match door {
            "%" => {
                for part in Parts::new(how) {
                    match part? {
                        Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                        Part::Placeholder(it) => it.conversion.apply(value, &mut out)?,
                    }
                }
            }
            "{" => format(value, how, &mut out)?,
            _ => {
                let mut text = String::new();
                repr(value, &mut text);
                out = text.into_bytes();
            }
        }
        Ok(String::from_utf8(out).unwrap())
    }

    /// `cases.py` makes the cases; `SAWMILL_PYTHON_CASES` names a file with others.
    #[test]
    fn every_case_reads_as_cpython_wrote_it() {
        let others = std::env::var("SAWMILL_PYTHON_CASES").ok();
        let others = others.map(|path| std::fs::read_to_string(path).unwrap());
        let cases = others.as_deref().unwrap_or(include_str!("cases.jsonl"));
        let mut seen = 0;
        for line in cases.lines() {
            let case: Json = serde_json::from_str(line).unwrap();
            let value = value_of(&case[1]);
            let (door, how) = (case[0].as_str().unwrap(), case[2].as_str().unwrap());
            match (converted(door, value.get(), how), case[3].as_str()) {
                (Ok(text), Some(expected)) => assert_eq!(text, expected, "{line}"),
                (Err(error), None) => {
                    assert_eq!(error.to_string(), case[4].as_str().unwrap(), "{line}");
                }
                (result, _) => panic!("{result:?} for {line}"),
            }
            seen += 1;
        }
        assert!(seen > 1000, "{seen} cases");
    }
}
