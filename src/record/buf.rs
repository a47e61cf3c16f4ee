//! One captured value that owns its words.

use crate::capture::{Capture, Scratch};
use crate::decode::{self, Value};
use crate::sync::Arc;
use crate::value::{ShapeStyle, tag};
use std::fmt;

/// Key-value pairs, shared.
pub(crate) type Fields = Arc<[(Box<str>, ValueBuf)]>;

/// A value that owns its words, for attributes that outlive a call.
///
/// # Examples
///
/// ```
/// use sawmill::ValueBuf;
///
/// let user = ValueBuf::of("ada");
/// assert_eq!(user.get().to_string(), "ada");
/// let both = ValueBuf::map([("user", user), ("n", ValueBuf::of(&3))]);
/// assert_eq!(format!("{:?}", both.get()), r#"{"user": "ada", "n": 3}"#);
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ValueBuf {
    /// The tag word, then the payload.
    pub(super) words: Vec<u64>,
}

impl ValueBuf {
    /// Captures a value.
    pub fn of<T: Capture + ?Sized>(value: &T) -> Self {
        let mut words = Vec::new();
        crate::capture::put_nested(value.capture(), &mut words);
        Self { words }
    }

    /// Takes an error: its text and those of its sources.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = "x".parse::<u8>().unwrap_err();
    /// let value = sawmill::ValueBuf::error(&error);
    /// assert_eq!(value.get().to_string(), "invalid digit found in string");
    /// ```
    pub fn error(error: &(dyn std::error::Error + 'static)) -> Self {
        let mut scratch = Scratch::new();
        let chain = scratch.chain(&error, || error.source());
        let mut words = vec![u64::from(tag::ERROR)];
        words.extend_from_slice(scratch.kept(chain.part));
        Self { words }
    }

    /// Takes a value apart as `key:serde = value` does: structure and types are kept.
    ///
    /// A failure leaves a text that says so in the value's place.
    #[cfg(feature = "serde")]
    pub fn serialize<T: serde::Serialize + ?Sized>(value: &T) -> Self {
        let mut scratch = Scratch::new();
        let kept = crate::capture::Hold::hold(crate::capture::Serialized(value), &mut scratch);
        Self { words: scratch.kept(kept.part).to_vec() }
    }

    /// Makes a list.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::block(tag::LIST, items, |count| count)
    }

    /// Makes a tuple: a list of a fixed length, such as the positional arguments of a call.
    pub fn tuple(items: impl IntoIterator<Item = Self>) -> Self {
        Self::block(tag::TUPLE, items, |count| count)
    }

    /// Makes a map.
    pub fn map<K: AsRef<str>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        let items = pairs.into_iter().flat_map(|(key, value)| [Self::of(key.as_ref()), value]);
        Self::block(tag::MAP, items, |count| count / 2)
    }

    /// The value that stands for nothing: Python's `None`.
    pub fn none() -> Self {
        Self { words: vec![u64::from(tag::OPTION), 0] }
    }

    /// The value's words, without its tag.
    #[cfg(test)]
    pub(crate) fn payload(&self) -> &[u64] {
        &self.words[1..]
    }

    fn block(
        tag: u8,
        items: impl IntoIterator<Item = Self>,
        count_of: impl Fn(u64) -> u64,
    ) -> Self {
        let mut words = vec![u64::from(tag), 0];
        let mut count = 0;
        for item in items {
            words.extend_from_slice(&item.words);
            count += 1;
        }
        words[1] = count_of(count) | (words.len() as u64 - 2) << 32;
        Self { words }
    }

    /// Copies a value, with derived types as maps, tuples and names: free of this process's table
    /// of shapes.
    pub(crate) fn portable(value: Value<'_>) -> Self {
        let list = |tag, list: decode::List<'_>| {
            Self::block(tag, list.iter().map(Self::portable), |count| count)
        };
        match value {
            Value::Unit => Self::of(&()),
            Value::Bool(value) => Self::of(&value),
            Value::U64(value) => Self::of(&value),
            Value::I8(value) => Self::of(&value),
            Value::I16(value) => Self::of(&value),
            Value::I32(value) => Self::of(&value),
            Value::I64(value) => Self::of(&value),
            Value::U128(value) => Self::of(&value),
            Value::I128(value) => Self::of(&value),
            Value::F32(value) => Self::of(&value),
            Value::F64(value) => Self::of(&value),
            Value::Char(value) => Self::of(&value),
            Value::Str(text) | Value::Text(text) => Self::of(text),
            Value::Bytes(bytes) => Self::of(bytes),
            Value::Duration(value) => Self::of(&value),
            Value::Ip(value) => Self::of(&value),
            Value::Socket(value) => Self::of(&value),
            Value::None => Self::none(),
            Value::Some(value) => {
                let mut words = vec![u64::from(tag::OPTION)];
                words.extend(Self::portable(value.get()).words);
                Self { words }
            }
            Value::List(values) => list(tag::LIST, values),
            Value::Tuple(values) => list(tag::TUPLE, values),
            Value::Error(values) => list(tag::ERROR, values),
            Value::Map(map) => {
                let items = map.iter().flat_map(|(key, value)| [key, value].map(Self::portable));
                Self::block(tag::MAP, items, |count| count / 2)
            }
            Value::Struct(value) => {
                let shape = value.shape();
                let fields = match shape.style {
                    ShapeStyle::Unit => return Self::of(shape.name),
                    ShapeStyle::Tuple => {
                        let mut values: Vec<_> = value.values().map(Self::portable).collect();
                        match values.len() {
                            1 if shape.variant => values.remove(0),
                            _ => Self::block(tag::TUPLE, values, |count| count),
                        }
                    }
                    ShapeStyle::Named => Self::map(
                        value
                            .fields()
                            .map(|(key, value)| (key.unwrap_or("?"), Self::portable(value))),
                    ),
                };
                if shape.variant { Self::map([(shape.name, fields)]) } else { fields }
            }
        }
    }

    /// The value.
    pub fn get(&self) -> Value<'_> {
        let mut words = &self.words[..];
        decode::nested(&mut words).unwrap_or(Value::Unit)
    }

    /// Takes a tag word and a payload as [`words`](Self::words) gave them; damaged ones read as
    /// `()`.
    pub(crate) fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    /// The tag word and the payload, as they stand inside other values.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }
}

impl fmt::Debug for ValueBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.get(), f)
    }
}
