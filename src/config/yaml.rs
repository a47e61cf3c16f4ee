//! YAML, with plain scalars read as PyYAML's safe loader reads them (YAML 1.1: `yes` is true).
//!
//! Aliases are copied, so that what a file may expand to has a limit: the classic bomb of nested
//! aliases is refused, and so is one that contains itself.

use super::node::{Map, Node};
use crate::error::Error;
use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::collections::HashMap;

/// How many values a file may hold once its aliases are expanded,
const MAX_NODES: usize = 250_000;
/// and how many bytes of text, beyond those that stand in the file.
const MAX_BYTES: usize = 16 << 20;
/// How deep lists and mappings may nest.
const MAX_DEPTH: usize = 100;

pub(super) fn read(text: &str) -> Result<Node, Error> {
    let mut composer = Composer {
        parser: Parser::new_from_str(text),
        anchors: HashMap::new(),
        spent: Size::default(),
    };
    let mut document = None;
    loop {
        match composer.next()? {
            (Event::StreamEnd, _) => return Ok(document.unwrap_or_default()),
            (Event::DocumentStart(_), span) if document.is_some() => {
                return Err(at(&span, "more than one document"));
            }
            (
                Event::StreamStart | Event::DocumentStart(_) | Event::DocumentEnd | Event::Nothing,
                _,
            ) => {}
            (event, span) => document = Some(composer.node(event, &span, 0)?),
        }
    }
}

/// How much something takes.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    /// Of text that was copied, for an anchor or an alias.
    copied: usize,
}

struct Composer<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Finished anchors with how many values they hold, and how many bytes of text.
    anchors: HashMap<usize, (Node, Size)>,
    spent: Size,
}

/// The bytes of text in a value, its keys included.
fn text_of(node: &Node) -> usize {
    match node {
        Node::Str(text) => text.len(),
        Node::List(items) => items.iter().map(text_of).sum(),
        Node::Map(map) => map.iter().map(|(key, value)| key.len() + text_of(value)).sum(),
        _ => 0,
    }
}

fn at(span: &Span, problem: &str) -> Error {
    let place = span.start;
    Error::invalid(format!("line {}, column {}: {problem}", place.line(), place.col() + 1))
}

impl<'a> Composer<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Error> {
        match self.parser.next() {
            Some(Ok(found)) => Ok(found),
            Some(Err(error)) => Err(Error::invalid(error.to_string())),
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn spend(&mut self, size: Size, span: &Span) -> Result<(), Error> {
        self.spent.nodes += size.nodes;
        self.spent.copied += size.copied;
        if self.spent.nodes > MAX_NODES {
            return Err(at(span, &format!("expands to more than {MAX_NODES} values")));
        }
        if self.spent.copied > MAX_BYTES {
            return Err(at(span, &format!("aliases copy more than {MAX_BYTES} bytes of text")));
        }
        Ok(())
    }

    /// Builds the value that starts with `event`.
    fn node(&mut self, event: Event<'a>, span: &Span, depth: usize) -> Result<Node, Error> {
        const ONE: Size = Size { nodes: 1, copied: 0 };
        if depth > MAX_DEPTH {
            return Err(at(span, &format!("nested more than {MAX_DEPTH} deep")));
        }
        let before = self.spent.nodes;
        let (node, anchor) = match event {
            Event::Alias(anchor) => {
                let Some((_, size)) = self.anchors.get(&anchor) else {
                    return Err(at(span, "an alias inside what it stands for"));
                };
                // Asked before it is copied.
                self.spend(*size, span)?;
                return Ok(self.anchors[&anchor].0.clone());
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(ONE, span)?;
                (scalar(&text, style, tag.as_deref(), span)?, anchor)
            }
            Event::SequenceStart(anchor, tag) => {
                self.spend(ONE, span)?;
                collection_tag(tag.as_deref(), "seq", span)?;
                (self.sequence(depth)?, anchor)
            }
            Event::MappingStart(anchor, tag) => {
                self.spend(ONE, span)?;
                collection_tag(tag.as_deref(), "map", span)?;
                (self.mapping(depth)?, anchor)
            }
            _ => return Err(at(span, "unexpected end")),
        };
        if anchor != 0 {
            // The copy kept for aliases counts too, so that anchors alone cannot fill the memory.
            let size = Size { nodes: self.spent.nodes - before, copied: text_of(&node) };
            self.spend(size, span)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Node, Error> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Node::List(items)),
                (event, span) => items.push(self.node(event, &span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Node, Error> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let plain = matches!(&event, Event::Scalar(_, ScalarStyle::Plain, _, None));
            let key = self.node(event, &span, depth + 1)?;
            let (event, value_span) = self.next()?;
            let value = self.node(event, &value_span, depth + 1)?;
            match key {
                Node::Str(key) if plain && key == "<<" => merge(&mut merged, value, &value_span)?,
                Node::Str(key) => {
                    map.insert(key, value);
                }
                Node::List(_) | Node::Map(_) => return Err(at(&span, "a key must be a scalar")),
                scalar => {
                    map.insert(scalar.to_string(), value);
                }
            }
        }
        if merged.is_empty() {
            return Ok(Node::Map(map));
        }
        let mut whole = Map::new();
        for (key, value) in merged.into_iter().rev().flatten().chain(map) {
            whole.insert(key, value);
        }
        Ok(Node::Map(whole))
    }
}

/// Notes what a `<<` key brings: earlier mappings win over later ones.
fn merge(merged: &mut Vec<Map>, value: Node, span: &Span) -> Result<(), Error> {
    match value {
        Node::Map(map) => merged.push(map),
        Node::List(items) => {
            for item in items {
                merge(merged, item, span)?;
            }
        }
        _ => return Err(at(span, "`<<` takes a mapping or a list of mappings")),
    }
    Ok(())
}

const CORE: &str = "tag:yaml.org,2002:";

fn core_tag(tag: &Tag) -> Option<&str> {
    if tag.handle == CORE || tag.handle == "!!" {
        return Some(&tag.suffix);
    }
    tag.suffix.strip_prefix(CORE)
}

fn unknown_tag(tag: &Tag, span: &Span) -> Error {
    at(span, &format!("unknown tag {}{}", tag.handle, tag.suffix))
}

fn collection_tag(tag: Option<&Tag>, wanted: &str, span: &Span) -> Result<(), Error> {
    match tag {
        None => Ok(()),
        Some(tag) if core_tag(tag) == Some(wanted) => Ok(()),
        Some(tag) => Err(unknown_tag(tag, span)),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, span: &Span) -> Result<Node, Error> {
    let Some(tag) = tag else {
        return Ok(match style {
            ScalarStyle::Plain => plain(text),
            _ => Node::from(text),
        });
    };
    let wrong = || at(span, &format!("{text:?} does not fit its tag {}{}", tag.handle, tag.suffix));
    match core_tag(tag) {
        Some("str") => Ok(text.into()),
        Some("null") => Ok(Node::Null),
        Some("int") => match plain(text) {
            node @ Node::Int(_) => Ok(node),
            _ => Err(wrong()),
        },
        Some("float") => match plain(text) {
            Node::Int(number) => Ok(Node::Float(number as f64)),
            node @ Node::Float(_) => Ok(node),
            _ => text.parse().map(Node::Float).map_err(|_| wrong()),
        },
        Some("bool") => match plain(text) {
            node @ Node::Bool(_) => Ok(node),
            _ => Err(wrong()),
        },
        None if tag.handle.is_empty() && tag.suffix == "!" => Ok(text.into()),
        None if tag.handle == "!" && tag.suffix.is_empty() => Ok(text.into()),
        _ => Err(unknown_tag(tag, span)),
    }
}

/// Reads a plain scalar by the rules of YAML 1.1, as PyYAML has them.
fn plain(text: &str) -> Node {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Node::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return true.into();
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return false.into();
        }
        _ => {}
    }
    match text.as_bytes()[0] {
        b'0'..=b'9' | b'+' | b'-' | b'.' => {
            integer(text).map(Node::Int).or_else(|| float(text).map(Node::Float))
        }
        _ => None,
    }
    .unwrap_or_else(|| text.into())
}

fn sign(text: &str) -> (i128, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    }
}

fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = sign(text);
    let all = |digits: &str, allowed: fn(u8) -> bool| {
        !digits.is_empty() && digits.bytes().all(|byte| byte == b'_' || allowed(byte))
    };
    let number = |digits: &str, radix| {
        i128::from_str_radix(&digits.replace('_', ""), radix).ok().map(|number| sign * number)
    };
    if let Some(binary) = digits.strip_prefix("0b") {
        return all(binary, |byte| matches!(byte, b'0' | b'1')).then(|| number(binary, 2))?;
    }
    if let Some(hex) = digits.strip_prefix("0x") {
        return all(hex, |byte| byte.is_ascii_hexdigit()).then(|| number(hex, 16))?;
    }
    if digits == "0" {
        return Some(0);
    }
    if let Some(octal) = digits.strip_prefix('0') {
        return all(octal, |byte| matches!(byte, b'0'..=b'7')).then(|| number(octal, 8))?;
    }
    if digits.contains(':') {
        return sexagesimal(digits).map(|number| sign * number as i128);
    }
    let starts = digits.as_bytes().first().is_some_and(u8::is_ascii_digit);
    (starts && all(digits, |byte| byte.is_ascii_digit())).then(|| number(digits, 10))?
}

/// `1:30` is ninety: YAML 1.1's base 60.
fn sexagesimal(digits: &str) -> Option<f64> {
    let mut parts = digits.split(':');
    let first = parts.next()?;
    if !first.starts_with(|c: char| matches!(c, '1'..='9')) {
        return None;
    }
    let mut total: f64 = first.replace('_', "").parse().ok()?;
    for part in parts {
        let fits = matches!(part.as_bytes(), [b'0'..=b'9'] | [b'0'..=b'5', b'0'..=b'9']);
        total = total * 60.0 + fits.then(|| part.parse::<f64>().ok())??;
    }
    Some(total)
}

/// A float needs its point, and its exponent a sign: `1e5` is text.
fn float(text: &str) -> Option<f64> {
    let (sign, digits) = sign(text);
    let sign = sign as f64;
    match digits {
        ".inf" | ".Inf" | ".INF" => return Some(sign * f64::INFINITY),
        ".nan" | ".NaN" | ".NAN" if text == digits => return Some(f64::NAN),
        _ => {}
    }
    let (whole, rest) = digits.split_once('.')?;
    let (fraction, exponent) = match rest.find(['e', 'E']) {
        Some(at) => (&rest[..at], Some(&rest[at + 1..])),
        None => (rest, None),
    };
    let digits_only = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    let starts_with_digit = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if !digits_only(whole)
        || !digits_only(fraction)
        || (!whole.is_empty() && !starts_with_digit(whole))
        || (whole.is_empty() && !starts_with_digit(fraction))
    {
        return None;
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-'])?;
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
    }
    digits.replace('_', "").parse::<f64>().ok().map(|number| sign * number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Node {
        read(&format!("k: {text}")).unwrap().get("k").unwrap().clone()
    }

    #[test]
    fn plain_scalars_read_as_pyyaml_reads_them() {
        for (text, node) in [
            ("~", Node::Null),
            ("yes", true.into()),
            ("Off", false.into()),
            ("12", 12.into()),
            ("-0", 0.into()),
            ("017", 15.into()),
            ("08", "08".into()),
            ("0x1F", 31.into()),
            ("0b101", 5.into()),
            ("1_000", 1000.into()),
            ("1:30", 90.into()),
            ("1.5", 1.5.into()),
            ("1.", 1.0.into()),
            (".5", 0.5.into()),
            ("1e5", "1e5".into()),
            ("1.0e5", "1.0e5".into()),
            ("1.0e+5", 1e5.into()),
            ("-.inf", f64::NEG_INFINITY.into()),
            ("1.2.3", "1.2.3".into()),
            ("'12'", "12".into()),
            ("!!str 12", "12".into()),
            ("!!float 3", 3.0.into()),
            ("W0", "W0".into()),
            ("%(message)s x", "%(message)s x".into()),
        ] {
            // `%` may not start a plain scalar.
            let text = if text.starts_with('%') { format!("'{text}'") } else { text.to_owned() };
            assert_eq!(value(&text), node, "{text}");
        }
    }

    #[test]
    fn anchors_aliases_and_merge_keys_are_expanded() {
        let node =
            read("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\nd: {<<: [*a, {z: 4, x: 9}]}");
        let node = node.unwrap();
        assert_eq!(node.get("b"), node.get("a"));
        assert_eq!(node.get("c").unwrap().to_string(), r#"{"x": 1, "y": 3}"#);
        assert_eq!(node.get("d").unwrap().get("x"), Some(&1.into()));
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for at in 1..12 {
            let alias = format!("*a{}, ", at - 1).repeat(10);
            text += &format!("a{at}: &a{at} [{}]\n", alias.trim_end_matches(", "));
        }
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains("250000 values"), "{error}");
    }

    #[test]
    fn an_alias_bomb_of_one_long_text_is_refused() {
        let text = format!("a: &a '{}'\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
        let error = read(&text).unwrap_err();
        assert!(error.to_string().contains("bytes of text"), "{error}");
    }

    #[test]
    fn an_alias_inside_its_own_anchor_is_refused() {
        assert!(read("a: &a [*a]").unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(read(&"[".repeat(5000)).is_err());
        assert!(read(&format!("{}{}", "[".repeat(99), "]".repeat(99))).is_ok());
    }

    #[test]
    fn objects_of_python_are_refused() {
        let error = read("a: !!python/object/apply:os.system [ls]").unwrap_err();
        assert!(error.to_string().contains("unknown tag"), "{error}");
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        let error = read("version: 1\nroot: [unclosed\n").unwrap_err();
        assert!(error.to_string().contains("line"), "{error}");
    }
}
