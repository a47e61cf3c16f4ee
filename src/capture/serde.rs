//! `key:serde = value`: any `serde::Serialize` as nested captured words.
//!
//! Types are kept: integers, floats, strings, bytes, sequences, maps. What has no captured twin
//! takes the shape that JSON gives it: structs are maps, a unit variant is its name, other variants
//! are a map of one entry.

use super::scratch::guarded;
use super::{Bytes, Encode, Hold, Kept, Scratch, Str, put_nested};
use crate::value::tag;
use serde::ser::{self, Serialize};
use std::fmt::{self, Display};

/// How deep values may nest; the logging thread walks into them by recursion.
const DEEPEST: usize = 128;

/// To be serialised into the scratch.
#[derive(Debug)]
#[doc(hidden)]
pub struct Serialized<'a, T: ?Sized>(pub &'a T);
impl<T: Serialize + ?Sized> Hold for Serialized<'_, T> {
    type Held = Kept<{ tag::ANY }>;
    fn hold(self, scratch: &mut Scratch) -> Kept<{ tag::ANY }> {
        serialized(scratch, self.0)
    }
}

/// Serialises a value into the scratch. A failure or a panic becomes a text in its place.
fn serialized<T: Serialize + ?Sized>(scratch: &mut Scratch, value: &T) -> Kept<{ tag::ANY }> {
    let part = scratch.keep(|words| {
        let start = words.len();
        let done = guarded(|| value.serialize(Writer { words, depth: 0 }));
        let text = match done {
            Some(Ok(())) => return,
            Some(Err(Refused(text))) => format!("<error while serializing: {text}>"),
            None => "<panicked while serializing>".to_owned(),
        };
        words.truncate(start);
        put_nested(Str(&text), words);
    });
    Kept { part }
}

/// Why a value could not be serialised.
#[derive(Debug)]
struct Refused(String);

impl Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Refused {}
impl ser::Error for Refused {
    fn custom<T: Display>(text: T) -> Self {
        Self(text.to_string())
    }
}

/// Writes one nested value.
struct Writer<'w> {
    words: &'w mut Vec<u64>,
    depth: usize,
}

impl<'w> Writer<'w> {
    fn put(self, value: impl Encode) -> Result<(), Refused> {
        put_nested(value, self.words);
        Ok(())
    }

    /// Opens a list or a map; its head is filled in at the end.
    fn open(self, tag: u8) -> Result<Open<'w>, Refused> {
        if self.depth == DEEPEST {
            return Err(Refused(format!("nests deeper than {DEEPEST} levels")));
        }
        self.words.push(u64::from(tag));
        let head = self.words.len();
        self.words.push(0);
        Ok(Open { words: self.words, depth: self.depth + 1, head, count: 0, outer: None })
    }

    /// Opens what stands under a variant's name.
    fn open_variant(self, variant: &str, tag: u8) -> Result<Open<'w>, Refused> {
        let mut outer = self.open(tag::MAP)?;
        put_nested(Str(variant), outer.words);
        outer.count = 1;
        let (outer_head, depth) = (outer.head, outer.depth);
        let mut inner = Writer { words: outer.words, depth }.open(tag)?;
        inner.outer = Some(outer_head);
        Ok(inner)
    }
}

/// A list or map being written.
struct Open<'w> {
    words: &'w mut Vec<u64>,
    depth: usize,
    head: usize,
    /// Items, or pairs.
    count: u64,
    /// The head of the map of one entry around it, for variants.
    outer: Option<usize>,
}

impl Open<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.count += 1;
        value.serialize(Writer { words: self.words, depth: self.depth })
    }

    fn pair<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Refused> {
        put_nested(Str(key), self.words);
        self.item(value)
    }

    fn close(self) -> Result<(), Refused> {
        let length = |head: usize| ((self.words.len() - head - 1) as u64) << 32;
        let inner = self.count | length(self.head);
        let outer = self.outer.map(|head| (head, 1 | length(head)));
        self.words[self.head] = inner;
        if let Some((head, word)) = outer {
            self.words[head] = word;
        }
        Ok(())
    }
}

macro_rules! plain {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name(self, value: $type) -> Result<(), Refused> {
            self.put(super::Capture::capture(&value))
        }
    )*};
}

impl<'w> ser::Serializer for Writer<'w> {
    type Ok = ();
    type Error = Refused;
    type SerializeSeq = Open<'w>;
    type SerializeTuple = Open<'w>;
    type SerializeTupleStruct = Open<'w>;
    type SerializeTupleVariant = Open<'w>;
    type SerializeMap = Open<'w>;
    type SerializeStruct = Open<'w>;
    type SerializeStructVariant = Open<'w>;

    plain! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_f32: f32;
        serialize_f64: f64;
        serialize_char: char;
        serialize_str: &str;
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Refused> {
        self.put(Bytes(value))
    }
    fn serialize_none(self) -> Result<(), Refused> {
        self.put(super::Capture::capture(&None::<()>))
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Refused> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Refused> {
        self.put(super::Capture::capture(&None::<()>))
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Refused> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Refused> {
        self.put(Str(variant))
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Refused> {
        let mut open = self.open(tag::MAP)?;
        open.pair(variant, value)?;
        open.close()
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'w>, Refused> {
        self.open(tag::LIST)
    }
    fn serialize_tuple(self, _: usize) -> Result<Open<'w>, Refused> {
        self.open(tag::LIST)
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Open<'w>, Refused> {
        self.open(tag::LIST)
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'w>, Refused> {
        self.open_variant(variant, tag::LIST)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Open<'w>, Refused> {
        self.open(tag::MAP)
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Open<'w>, Refused> {
        self.open(tag::MAP)
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'w>, Refused> {
        self.open_variant(variant, tag::MAP)
    }
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Refused> {
        self.put(Str(&value.to_string()))
    }
}

/// Serde tells lists apart by what they were; captured, they are all the same.
macro_rules! lists {
    ($($kind:ident $item:ident;)*) => {$(
        impl ser::$kind for Open<'_> {
            type Ok = ();
            type Error = Refused;
            fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
                self.item(value)
            }
            fn end(self) -> Result<(), Refused> {
                self.close()
            }
        }
    )*};
}

lists! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

/// Things with named fields.
macro_rules! structs {
    ($($kind:ident)*) => {$(
        impl ser::$kind for Open<'_> {
            type Ok = ();
            type Error = Refused;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Refused> {
                self.pair(key, value)
            }
            fn end(self) -> Result<(), Refused> {
                self.close()
            }
        }
    )*};
}

structs! { SerializeStruct SerializeStructVariant }

impl ser::SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Refused;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Refused> {
        key.serialize(Writer { words: self.words, depth: self.depth })
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Refused> {
        self.item(value)
    }
    fn end(self) -> Result<(), Refused> {
        self.close()
    }
}
#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode;
    use serde::Serialize;
    use std::collections::BTreeMap;

    fn shown<T: Serialize + ?Sized>(value: &T) -> String {
        let mut scratch = Scratch::new();
        let kept = serialized(&mut scratch, value);
        let mut words = scratch.kept(kept.part);
        let value = decode::value(tag::ANY, &mut words).expect("a whole value");
        assert!(words.is_empty(), "words left over");
        format!("{value:?}")
    }

    #[derive(Serialize)]
    enum Kind {
        Unit,
        New(u8),
        Tuple(i8, Option<&'static str>),
        Named { x: f64, deep: BTreeMap<u8, Vec<char>> },
    }

    #[derive(Serialize)]
    struct Order {
        id: u128,
        kinds: Vec<Kind>,
        none: Option<u8>,
        pair: (i32, bool),
    }

    #[test]
    fn structure_and_types_arrive() {
        let deep = BTreeMap::from([(1, vec!['a']), (2, vec![])]);
        let order = Order {
            id: u128::MAX,
            kinds: vec![
                Kind::Unit,
                Kind::New(7),
                Kind::Tuple(-1, Some("s")),
                Kind::Named { x: 0.5, deep },
            ],
            none: None,
            pair: (-3, true),
        };
        assert_eq!(
            shown(&order),
            "{\"id\": 340282366920938463463374607431768211455, \"kinds\": [\"Unit\", \
             {\"New\": 7}, {\"Tuple\": [-1, \"s\"]}, {\"Named\": {\"x\": 0.5, \"deep\": \
             {1: ['a'], 2: []}}}], \"none\": None, \"pair\": [-3, true]}"
        );
        assert_eq!(shown("text"), "\"text\"");
    }

    #[test]
    fn a_failure_a_panic_and_a_depth_without_end_leave_a_text() {
        struct Fails;
        impl Serialize for Fails {
            fn serialize<S: ser::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(ser::Error::custom("no"))
            }
        }
        struct Panics;
        impl Serialize for Panics {
            fn serialize<S: ser::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                panic!("in a serializer")
            }
        }
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: ser::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.collect_seq([Endless])
            }
        }
        assert_eq!(shown(&(1, Fails)), "\"<error while serializing: no>\"");
        assert_eq!(shown(&(1, Panics)), "\"<panicked while serializing>\"");
        assert!(shown(&Endless).contains("nests deeper than 128 levels"));
    }
}
