//! From the words of a frame back to values.
//!
//! The decoder is safe and total: any words give values or `None`, never a panic and never a read
//! outside the slice. What it returns borrows the words. [`Value`] implements the formatting
//! traits by passing the formatter on to the type it stands for, so that a message rendered on
//! the drain is what `format!` would have made on the caller.

use crate::callsite;
use crate::value::{Shape, ShapeStyle, tag};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

/// A captured value.
///
/// # Examples
///
/// ```
/// use sawmill::Value;
///
/// assert_eq!(format!("{:>5}", Value::I32(-7)), "   -7");
/// assert_eq!(format!("{:x}", Value::I8(-1)), "ff");
/// assert_eq!(format!("{:?}", Value::Str("a\n")), r#""a\n""#);
/// ```
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// `()`
    Unit,
    /// A boolean.
    Bool(bool),
    /// An unsigned integer of up to 64 bits.
    U64(u64),
    /// A signed integer of 8 bits.
    I8(i8),
    /// A signed integer of 16 bits.
    I16(i16),
    /// A signed integer of 32 bits.
    I32(i32),
    /// A signed integer of 64 bits.
    I64(i64),
    /// An unsigned integer of 128 bits.
    U128(u128),
    /// A signed integer of 128 bits.
    I128(i128),
    /// A float of 32 bits.
    F32(f32),
    /// A float of 64 bits.
    F64(f64),
    /// A character.
    Char(char),
    /// A string.
    Str(&'a str),
    /// Text that was rendered with its own spec on the caller; shown as it is, whatever the spec.
    Text(&'a str),
    /// Bytes.
    Bytes(&'a [u8]),
    /// A length of time.
    Duration(Duration),
    /// An IP address.
    Ip(IpAddr),
    /// A socket address.
    Socket(SocketAddr),
    /// An option that holds nothing.
    None,
    /// An option that holds a value.
    Some(Nested<'a>),
    /// A list.
    List(List<'a>),
    /// A tuple.
    Tuple(List<'a>),
    /// A map.
    Map(Map<'a>),
    /// A type with `#[derive(Capture)]`.
    Struct(Struct<'a>),
    /// An error: its text, then the texts of its sources.
    Error(List<'a>),
}

/// The value inside an option; read with [`get`](Self::get).
#[derive(Clone, Copy, Debug)]
pub struct Nested<'a> {
    tag: u8,
    words: &'a [u64],
}

impl<'a> Nested<'a> {
    /// The value.
    pub fn get(self) -> Value<'a> {
        let mut words = self.words;
        value(self.tag, &mut words).unwrap_or(Value::Unit)
    }
}

/// A list of values.
#[derive(Clone, Copy, Debug)]
pub struct List<'a> {
    count: usize,
    words: &'a [u64],
}

impl<'a> List<'a> {
    pub(crate) const EMPTY: Self = Self { count: 0, words: &[] };

    /// How many values.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The values in order.
    pub fn iter(&self) -> Values<'a> {
        Values { left: self.count, words: self.words }
    }
}

/// The values of a list, one after another.
#[derive(Clone, Debug)]
pub struct Values<'a> {
    left: usize,
    words: &'a [u64],
}

impl<'a> Iterator for Values<'a> {
    type Item = Value<'a>;

    fn next(&mut self) -> Option<Value<'a>> {
        self.left = self.left.checked_sub(1)?;
        nested(&mut self.words)
    }
}

/// A map.
#[derive(Clone, Copy, Debug)]
pub struct Map<'a> {
    count: usize,
    words: &'a [u64],
}

impl<'a> Map<'a> {
    pub(crate) const EMPTY: Self = Self { count: 0, words: &[] };

    /// How many pairs.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (Value<'a>, Value<'a>)> + use<'a> {
        let mut values = Values { left: self.count * 2, words: self.words };
        std::iter::from_fn(move || Some((values.next()?, values.next()?)))
    }
}

/// A value of a type with `#[derive(Capture)]`.
#[derive(Clone, Copy, Debug)]
pub struct Struct<'a> {
    shape: &'static Shape,
    words: &'a [u64],
}

impl<'a> Struct<'a> {
    /// Its type's or variant's name and fields.
    pub fn shape(&self) -> &'static Shape {
        self.shape
    }

    /// The fields' values in order.
    pub fn values(&self) -> Values<'a> {
        Values { left: usize::MAX, words: self.words }
    }

    /// The fields with their names; positions for tuples have no name.
    pub fn fields(&self) -> impl Iterator<Item = (Option<&'static str>, Value<'a>)> + use<'a> {
        let names = self.shape.fields;
        self.values().enumerate().map(move |(at, value)| (names.get(at).copied(), value))
    }
}

/// Reads a value with this tag, and moves `words` behind it.
#[inline]
pub(crate) fn value<'a>(tag: u8, words: &mut &'a [u64]) -> Option<Value<'a>> {
    Some(match tag {
        tag::U64 | tag::COUNT => Value::U64(word(words)?),
        tag::I32 => Value::I32(word(words)? as i32),
        tag::I64 => Value::I64(word(words)? as i64),
        tag::F64 => Value::F64(f64::from_bits(word(words)?)),
        tag::STR => Value::Str(text(words)?),
        tag::TEXT => Value::Text(text(words)?),
        _ => return rare(tag, words),
    })
}

fn rare<'a>(tag: u8, words: &mut &'a [u64]) -> Option<Value<'a>> {
    Some(match tag {
        tag::UNIT => Value::Unit,
        tag::BOOL => Value::Bool(word(words)? != 0),
        tag::I8 => Value::I8(word(words)? as i8),
        tag::I16 => Value::I16(word(words)? as i16),
        tag::U128 => Value::U128(wide(words)?),
        tag::I128 => Value::I128(wide(words)? as i128),
        tag::F32 => Value::F32(f32::from_bits(word(words)? as u32)),
        tag::CHAR => Value::Char(char::from_u32(u32::try_from(word(words)?).ok()?)?),
        tag::BYTES => Value::Bytes(bytes(words)?),
        tag::DURATION => {
            let seconds = word(words)?;
            let nanos = u32::try_from(word(words)?).ok().filter(|nanos| *nanos < 1_000_000_000)?;
            Value::Duration(Duration::new(seconds, nanos))
        }
        tag::IPV4 => Value::Ip(Ipv4Addr::from(word(words)? as u32).into()),
        tag::IPV6 => Value::Ip(Ipv6Addr::from(wide(words)?).into()),
        tag::SOCKET_V4 => {
            let word = word(words)?;
            let address = Ipv4Addr::from(word as u32);
            Value::Socket(SocketAddrV4::new(address, (word >> 32) as u16).into())
        }
        tag::SOCKET_V6 => {
            let address = Ipv6Addr::from(wide(words)?);
            let port = word(words)? as u16;
            let more = word(words)?;
            Value::Socket(SocketAddrV6::new(address, port, (more >> 32) as u32, more as u32).into())
        }
        tag::OPTION => match u8::try_from(word(words)?).ok()? {
            0 => Value::None,
            tag => {
                let start = *words;
                skip(tag, words)?;
                let length = start.len() - words.len();
                Value::Some(Nested { tag, words: start.get(..length)? })
            }
        },
        tag::LIST => list_or_bytes(words)?,
        tag::TUPLE => Value::Tuple(list(words)?),
        tag::ERROR => Value::Error(list(words)?),
        tag::MAP => {
            let (count, body) = block(words)?;
            Value::Map(Map { count: count as usize, words: body })
        }
        tag::STRUCT => {
            let (number, body) = block(words)?;
            Value::Struct(Struct { shape: callsite::shape(number)?, words: body })
        }
        tag::ANY => return nested(words),
        _ => return None,
    })
}

/// Reads a value behind its tag word.
pub(crate) fn nested<'a>(words: &mut &'a [u64]) -> Option<Value<'a>> {
    let tag = u8::try_from(word(words)?).ok()?;
    // Values nest at most as deep as their words are many; recursion happens only when a caller
    // walks into them.
    value(tag, words)
}

fn skip(tag: u8, words: &mut &[u64]) -> Option<()> {
    // An option of an option, or an address behind `ANY`, nests without a length: walk it in a
    // loop, not by recursion, so that a damaged frame cannot exhaust the stack.
    let mut tag = tag;
    loop {
        match tag {
            tag::OPTION => match u8::try_from(word(words)?).ok()? {
                0 => return Some(()),
                inner => tag = inner,
            },
            tag::ANY => tag = u8::try_from(word(words)?).ok()?,
            _ => return value(tag, words).map(drop),
        }
    }
}

#[inline]
pub(crate) fn word(words: &mut &[u64]) -> Option<u64> {
    let (first, rest) = words.split_first()?;
    *words = rest;
    Some(*first)
}

fn wide(words: &mut &[u64]) -> Option<u128> {
    Some(u128::from(word(words)?) | u128::from(word(words)?) << 64)
}

#[inline]
pub(crate) fn bytes<'a>(words: &mut &'a [u64]) -> Option<&'a [u8]> {
    let length = usize::try_from(word(words)?).ok()?;
    let (body, rest) = words.split_at_checked(length.div_ceil(8))?;
    *words = rest;
    bytemuck::cast_slice(body).get(..length)
}

#[inline]
fn text<'a>(words: &mut &'a [u64]) -> Option<&'a str> {
    std::str::from_utf8(bytes(words)?).ok()
}

fn block<'a>(words: &mut &'a [u64]) -> Option<(u32, &'a [u64])> {
    let head = word(words)?;
    let (body, rest) = words.split_at_checked((head >> 32) as usize)?;
    *words = rest;
    Some((head as u32, body))
}

fn list<'a>(words: &mut &'a [u64]) -> Option<List<'a>> {
    let (count, words) = block(words)?;
    Some(List { count: count as usize, words })
}

fn list_or_bytes<'a>(words: &mut &'a [u64]) -> Option<Value<'a>> {
    let packed = words.first()? & tag::LIST_OF_BYTES != 0;
    let (count, body) = block(words)?;
    if !packed {
        return Some(Value::List(List { count: count as usize, words: body }));
    }
    let length = count as usize & !(tag::LIST_OF_BYTES as usize);
    Some(Value::Bytes(bytemuck::cast_slice(body).get(..length)?))
}

macro_rules! pass_on {
    ($($trait:ident: $($variant:ident)*;)*) => {$(
        impl fmt::$trait for Value<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Value::$variant(value) => fmt::$trait::fmt(value, f),)*
                    other => other.show(f),
                }
            }
        }
    )*};
}
pass_on! {
    LowerHex: U64 I8 I16 I32 I64 U128 I128;
    UpperHex: U64 I8 I16 I32 I64 U128 I128;
    Octal: U64 I8 I16 I32 I64 U128 I128;
    Binary: U64 I8 I16 I32 I64 U128 I128;
    LowerExp: U64 I8 I16 I32 I64 U128 I128 F32 F64;
    UpperExp: U64 I8 I16 I32 I64 U128 I128 F32 F64;
}

impl Value<'_> {
    /// What a value shows that does not have the trait asked for; unreachable from the macros.
    fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Text(text) => f.write_str(text),
            other => fmt::Debug::fmt(other, f),
        }
    }
}

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Bool(value) => fmt::Display::fmt(value, f),
            Value::U64(value) => fmt::Display::fmt(value, f),
            Value::I8(value) => fmt::Display::fmt(value, f),
            Value::I16(value) => fmt::Display::fmt(value, f),
            Value::I32(value) => fmt::Display::fmt(value, f),
            Value::I64(value) => fmt::Display::fmt(value, f),
            Value::U128(value) => fmt::Display::fmt(value, f),
            Value::I128(value) => fmt::Display::fmt(value, f),
            Value::F32(value) => fmt::Display::fmt(value, f),
            Value::F64(value) => fmt::Display::fmt(value, f),
            Value::Char(value) => fmt::Display::fmt(value, f),
            Value::Str(value) => fmt::Display::fmt(value, f),
            Value::Text(value) => f.write_str(value),
            Value::Ip(value) => fmt::Display::fmt(value, f),
            Value::Socket(value) => fmt::Display::fmt(value, f),
            Value::Some(value) => fmt::Display::fmt(&value.get(), f),
            Value::Error(chain) => {
                for (at, text) in chain.iter().enumerate() {
                    if at != 0 {
                        f.write_str(": ")?;
                    }
                    write!(f, "{text}")?;
                }
                Ok(())
            }
            other => fmt::Debug::fmt(other, f),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Unit => fmt::Debug::fmt(&(), f),
            Value::Bool(value) => fmt::Debug::fmt(value, f),
            Value::U64(value) => fmt::Debug::fmt(value, f),
            Value::I8(value) => fmt::Debug::fmt(value, f),
            Value::I16(value) => fmt::Debug::fmt(value, f),
            Value::I32(value) => fmt::Debug::fmt(value, f),
            Value::I64(value) => fmt::Debug::fmt(value, f),
            Value::U128(value) => fmt::Debug::fmt(value, f),
            Value::I128(value) => fmt::Debug::fmt(value, f),
            Value::F32(value) => fmt::Debug::fmt(value, f),
            Value::F64(value) => fmt::Debug::fmt(value, f),
            Value::Char(value) => fmt::Debug::fmt(value, f),
            Value::Str(value) => fmt::Debug::fmt(value, f),
            Value::Text(value) => f.write_str(value),
            Value::Bytes(value) => fmt::Debug::fmt(value, f),
            Value::Duration(value) => fmt::Debug::fmt(value, f),
            Value::Ip(value) => fmt::Debug::fmt(value, f),
            Value::Socket(value) => fmt::Debug::fmt(value, f),
            Value::None => f.write_str("None"),
            Value::Some(value) => f.debug_tuple("Some").field(&value.get()).finish(),
            Value::List(list) => f.debug_list().entries(list.iter()).finish(),
            Value::Tuple(list) => {
                let mut tuple = f.debug_tuple("");
                list.iter().for_each(|value| {
                    tuple.field(&value);
                });
                tuple.finish()
            }
            Value::Map(map) => f.debug_map().entries(map.iter()).finish(),
            Value::Error(list) => f.debug_list().entries(list.iter()).finish(),
            Value::Struct(value) => value.debug(f),
        }
    }
}

impl Struct<'_> {
    fn debug(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.shape.style {
            // As `#[derive(Debug)]` does: the name alone, width ignored.
            ShapeStyle::Unit => f.write_str(self.shape.name),
            ShapeStyle::Tuple => {
                let mut tuple = f.debug_tuple(self.shape.name);
                self.values().for_each(|value| {
                    tuple.field(&value);
                });
                tuple.finish()
            }
            ShapeStyle::Named => {
                let mut fields = f.debug_struct(self.shape.name);
                for (name, value) in self.fields() {
                    fields.field(name.unwrap_or("?"), &value);
                }
                fields.finish()
            }
        }
    }
}
