//! Trees as text.

use sawmill::config::{Map, Node};
use std::fmt::Write as _;

fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for each in text.chars() {
        match each {
            '"' | '\\' => {
                out.push('\\');
                out.push(each);
            }
            '\n' => out.push_str("\\n"),
            each if u32::from(each) < 0x20 || each == '\u{7f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(each));
            }
            each => out.push(each),
        }
    }
    out.push('"');
}

pub(crate) fn json(node: &Node) -> String {
    let mut out = String::new();
    push_json(node, &mut out);
    out
}

fn push_json(node: &Node, out: &mut String) {
    match node {
        Node::Str(text) | Node::Object(text) => quoted(text, out),
        Node::List(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                push_json(item, out);
            }
            out.push(']');
        }
        Node::Map(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                quoted(key, out);
                out.push_str(": ");
                push_json(value, out);
            }
            out.push('}');
        }
        Node::Float(number) if !number.is_finite() => out.push_str("1e999"),
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// TOML with a table for each of the first two levels; there is no null.
pub(crate) fn toml(node: &Node) -> String {
    let mut out = String::new();
    let Node::Map(map) = node else { return json(node) };
    tables(map, "", 2, &mut out);
    out
}

fn tables(map: &Map, path: &str, depth: usize, out: &mut String) {
    let is_table = |node: &Node| depth > 0 && matches!(node, Node::Map(_));
    for (key, value) in map.iter().filter(|(_, value)| !is_table(value) && !value.is_null()) {
        quoted(key, out);
        out.push_str(" = ");
        inline(value, out);
        out.push('\n');
    }
    for (key, value) in map.iter() {
        if let (true, Node::Map(inner)) = (is_table(value), value) {
            let mut name = String::from(path);
            if !path.is_empty() {
                name.push('.');
            }
            quoted(key, &mut name);
            let _ = writeln!(out, "[{name}]");
            tables(inner, &name, depth - 1, out);
        }
    }
}

fn inline(node: &Node, out: &mut String) {
    match node {
        Node::Null => out.push_str("\"\""),
        Node::Str(text) | Node::Object(text) => quoted(text, out),
        Node::Float(number) if number.is_nan() => out.push_str("nan"),
        Node::Float(number) if number.is_infinite() => out.push_str("-inf"),
        Node::List(items) => {
            out.push('[');
            for item in items {
                inline(item, out);
                out.push_str(", ");
            }
            out.push(']');
        }
        Node::Map(map) => {
            out.push('{');
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                quoted(key, out);
                out.push_str(" = ");
                inline(value, out);
            }
            out.push('}');
        }
        other => {
            let _ = write!(out, "{other}");
        }
    }
}

/// YAML in blocks; the places in `anchors` (in the order of walking) get an anchor, those in
/// `aliases` are an alias in place of their value.
pub(crate) fn yaml(node: &Node, anchors: &[usize], aliases: &[usize]) -> String {
    let mut out = String::new();
    let mut place = 0;
    Yaml { anchors, aliases, place: &mut place, out: &mut out }.block(node, 0);
    out
}

struct Yaml<'a> {
    anchors: &'a [usize],
    aliases: &'a [usize],
    place: &'a mut usize,
    out: &'a mut String,
}

impl Yaml<'_> {
    /// Writes what stands before a value; true if that is all of it.
    fn head(&mut self) -> bool {
        *self.place += 1;
        if self.aliases.contains(self.place) {
            self.out.push_str("*x");
            return true;
        }
        if self.anchors.contains(self.place) {
            self.out.push_str("&x ");
        }
        false
    }

    fn block(&mut self, node: &Node, indent: usize) {
        if self.head() {
            return self.out.push('\n');
        }
        let pad = "  ".repeat(indent);
        match node {
            Node::Map(map) if !map.is_empty() && indent < 40 => {
                self.out.push('\n');
                for (key, value) in map.iter() {
                    self.out.push_str(&pad);
                    quoted(key, self.out);
                    self.out.push_str(": ");
                    self.block(value, indent + 1);
                }
            }
            Node::List(items) if !items.is_empty() && indent < 40 => {
                self.out.push('\n');
                for item in items {
                    self.out.push_str(&pad);
                    self.out.push_str("- ");
                    self.block(item, indent + 1);
                }
            }
            Node::Str(text) if is_plain(text) => {
                self.out.push_str(text);
                self.out.push('\n');
            }
            other => {
                push_json(other, self.out);
                self.out.push('\n');
            }
        }
    }
}

fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|each| each.is_ascii_alphanumeric() || "._/".contains(each))
}
