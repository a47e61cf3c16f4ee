//! What a configuration file says, before anything is understood: a tree of plain values.

use crate::record::ValueBuf;
use std::collections::HashMap;
use std::fmt;

/// A value of a configuration: what YAML, JSON, TOML and INI literals have in common.
///
/// # Examples
///
/// ```
/// use sawmill::config::Node;
///
/// let node = Node::map([("version", Node::from(1)), ("root", Node::map([("level", "INFO")]))]);
/// assert_eq!(node.get("root").and_then(|root| root.get("level")), Some(&Node::from("INFO")));
/// assert_eq!(node.to_string(), r#"{"version": 1, "root": {"level": "INFO"}}"#);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub enum Node {
    /// Nothing: YAML's `~`, JSON's `null`, Python's `None`.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// An integer.
    Int(i128),
    /// A float.
    Float(f64),
    /// Text.
    Str(String),
    /// A list; tuples of INI literals too.
    List(Vec<Node>),
    /// A mapping, in the order of the file.
    Map(Map),
    /// An object that only the registry can make something of, by its dotted name: what
    /// `ext://sys.stdout` stands for.
    Object(String),
}

/// A mapping that keeps the order of its keys.
#[derive(Debug, Clone, Default)]
pub struct Map {
    entries: Vec<(String, Node)>,
    places: HashMap<String, usize>,
}

impl Map {
    /// Makes an empty mapping.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.places.get(key).map(|at| &self.entries[*at].1)
    }

    /// Returns true if there is such a key.
    pub fn contains(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// Sets a key; one that is there keeps its place. Returns the former value.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Node>) -> Option<Node> {
        let (key, value) = (key.into(), value.into());
        if let Some(at) = self.places.get(&key) {
            return Some(std::mem::replace(&mut self.entries[*at].1, value));
        }
        self.places.insert(key.clone(), self.entries.len());
        self.entries.push((key, value));
        None
    }

    /// The keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The keys in order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(key, _)| key.as_str())
    }

    /// How many keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns true if there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl PartialEq for Map {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Into<String>, V: Into<Node>> FromIterator<(K, V)> for Map {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let mut map = Self::new();
        for (key, value) in pairs {
            map.insert(key, value);
        }
        map
    }
}

impl IntoIterator for Map {
    type Item = (String, Node);
    type IntoIter = std::vec::IntoIter<(String, Node)>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl Node {
    /// Makes a mapping.
    pub fn map<K: Into<String>, V: Into<Self>>(pairs: impl IntoIterator<Item = (K, V)>) -> Self {
        Self::Map(pairs.into_iter().collect())
    }

    /// Makes a list.
    pub fn list<V: Into<Self>>(items: impl IntoIterator<Item = V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }

    /// Returns the value of a key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key)
    }

    /// Returns the mapping, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Returns the text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Str(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer, if this is one; true and false are 1 and 0, as in Python.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Self::Int(number) => Some(*number),
            Self::Bool(flag) => Some(i128::from(*flag)),
            _ => None,
        }
    }

    /// Returns the items, if this is a list.
    pub fn as_list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns true if this is [`Node::Null`].
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Python's truth of a value: false for nothing, zero, and what is empty.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(flag) => *flag,
            Self::Int(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Str(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
            Self::Object(_) => true,
        }
    }

    /// The value as a record holds it.
    pub fn to_value(&self) -> ValueBuf {
        match self {
            Self::Null => ValueBuf::none(),
            Self::Bool(flag) => ValueBuf::of(flag),
            Self::Int(number) => match i64::try_from(*number) {
                Ok(number) => ValueBuf::of(&number),
                Err(_) => ValueBuf::of(number),
            },
            Self::Float(number) => ValueBuf::of(number),
            Self::Str(text) | Self::Object(text) => ValueBuf::of(text.as_str()),
            Self::List(items) => ValueBuf::list(items.iter().map(Self::to_value)),
            Self::Map(map) => ValueBuf::map(map.iter().map(|(key, it)| (key, it.to_value()))),
        }
    }

    /// What kind of value this is, for messages.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::Str(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
            Self::Object(_) => "an object",
        }
    }
}

impl fmt::Display for Node {
    /// Shows the value as JSON would, with spaces; objects as `<name>`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Int(number) => write!(f, "{number}"),
            Self::Float(number) => write!(f, "{number:?}"),
            Self::Str(text) => write!(f, "{text:?}"),
            Self::Object(name) => write!(f, "<{name}>"),
            Self::List(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
            Self::Map(map) => {
                f.write_str("{")?;
                for (at, (key, value)) in map.iter().enumerate() {
                    write!(f, "{}{key:?}: {value}", if at == 0 { "" } else { ", " })?;
                }
                f.write_str("}")
            }
        }
    }
}

impl From<bool> for Node {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}
impl From<i32> for Node {
    fn from(number: i32) -> Self {
        Self::Int(number.into())
    }
}
impl From<i64> for Node {
    fn from(number: i64) -> Self {
        Self::Int(number.into())
    }
}
impl From<u64> for Node {
    fn from(number: u64) -> Self {
        Self::Int(number.into())
    }
}
impl From<f64> for Node {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}
impl From<&str> for Node {
    fn from(text: &str) -> Self {
        Self::Str(text.to_owned())
    }
}
impl From<String> for Node {
    fn from(text: String) -> Self {
        Self::Str(text)
    }
}
impl From<Map> for Node {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}
impl<T: Into<Node>> From<Option<T>> for Node {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

#[cfg(any(feature = "json", feature = "toml"))]
impl<'de> serde::Deserialize<'de> for Node {
    fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
        source.deserialize_any(Visitor)
    }
}

#[cfg(any(feature = "json", feature = "toml"))]
struct Visitor;

#[cfg(any(feature = "json", feature = "toml"))]
impl<'de> serde::de::Visitor<'de> for Visitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }
    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }
    fn visit_some<D: serde::Deserializer<'de>>(self, source: D) -> Result<Node, D::Error> {
        source.deserialize_any(self)
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
        Ok(Node::Bool(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(number.into())
    }
    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(number.into())
    }
    fn visit_i128<E>(self, number: i128) -> Result<Node, E> {
        Ok(Node::Int(number))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(number.into())
    }
    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(text.into())
    }
    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(text.into())
    }
    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }
    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut pairs: A) -> Result<Node, A::Error> {
        let mut map = Map::new();
        while let Some((key, value)) = pairs.next_entry::<String, Node>()? {
            map.insert(key, value);
        }
        Ok(Node::Map(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_given_twice_keeps_its_place_and_takes_the_last_value() {
        let map: Map = [("a", 1), ("b", 2), ("a", 3)].into_iter().collect();
        assert_eq!(map.keys().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(map.get("a"), Some(&Node::Int(3)));
    }

    #[test]
    fn truth_is_that_of_python() {
        for empty in [Node::Null, false.into(), 0.into(), 0.0.into(), "".into(), Map::new().into()]
        {
            assert!(!empty.is_true(), "{empty}");
        }
        for full in [true.into(), Node::Int(-1), 0.5.into(), "0".into(), Node::list([Node::Null])] {
            assert!(full.is_true(), "{full}");
        }
    }
}
