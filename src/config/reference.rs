//! Values that stand for others: `ext://`, `cfg://`, and the prefixes that users register.

use super::node::{Map, Node};
use super::problem::did_you_mean;
use super::registry::{Entry, Registry};

/// How many references may lead from one value to its meaning.
const MAX_CHAIN: usize = 32;

/// Resolves references within one configuration.
#[derive(Debug, Clone, Copy)]
pub(super) struct References<'a> {
    pub(super) root: &'a Map,
    pub(super) registry: &'a Registry,
}

impl References<'_> {
    /// What a value stands for: itself, unless it is text of the form `prefix://rest` with a
    /// known prefix. What is inside a list or mapping stays as it is.
    pub(super) fn resolve(&self, node: &Node) -> Result<Node, String> {
        self.follow(node, 0)
    }

    fn follow(&self, node: &Node, chain: usize) -> Result<Node, String> {
        let Node::Str(text) = node else { return Ok(node.clone()) };
        let Some((prefix, rest)) = split_prefix(text) else { return Ok(node.clone()) };
        if chain >= MAX_CHAIN {
            return Err(format!("{text:?}: references run in a circle, or too deep"));
        }
        match prefix {
            "ext" => self.external(rest),
            "cfg" => self.internal(rest, chain + 1).map_err(|why| format!("{text:?}: {why}")),
            _ => match self.registry.find_prefix(prefix) {
                Some(resolve) => resolve(rest).map_err(|error| format!("{text:?}: {error}")),
                None => Ok(node.clone()),
            },
        }
    }

    fn external(&self, name: &str) -> Result<Node, String> {
        match self.registry.find(name) {
            Some(Entry::Value(value)) => Ok(value.clone()),
            Some(Entry::Missing(why)) => Err(format!("{name:?}: {why}")),
            Some(_) => Ok(Node::Object(name.to_owned())),
            None => self.registry.look_up(name).ok_or_else(|| unresolved(name, self.registry)),
        }
    }

    fn internal(&self, path: &str, chain: usize) -> Result<Node, String> {
        let malformed = |at: &str| format!("cannot be read at {at:?}");
        let missing = |key: &str| format!("there is no {key:?}");
        let (first, mut rest) = word(path.trim_start()).ok_or_else(|| malformed(path))?;
        let mut node = self.root.get(first).ok_or_else(|| missing(first))?.clone();
        node = self.follow(&node, chain)?;
        while !rest.is_empty() {
            let (key, behind, bracket) = if let Some(behind) = rest.strip_prefix('.') {
                let (key, behind) = word(behind.trim_start()).ok_or_else(|| malformed(rest))?;
                (key, behind, false)
            } else if let Some(behind) = rest.strip_prefix('[') {
                let (key, behind) = word(behind.trim_start()).ok_or_else(|| malformed(rest))?;
                let behind = behind.strip_prefix(']').ok_or_else(|| malformed(rest))?;
                (key, behind.trim_start(), true)
            } else {
                return Err(malformed(rest));
            };
            let next = match &node {
                Node::Map(map) => map.get(key),
                Node::List(items) if bracket => {
                    key.parse().ok().and_then(|at: usize| items.get(at))
                }
                _ => None,
            };
            node = self.follow(next.ok_or_else(|| missing(key))?, chain)?;
            rest = behind;
        }
        Ok(node)
    }
}

/// Says that a dotted name stands for nothing.
pub(super) fn unresolved(name: &str, registry: &Registry) -> String {
    format!("cannot resolve {name:?}{}", did_you_mean(name, registry.names()))
}

/// A run of word characters and the spaces behind it.
fn word(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim_start()))
}

fn split_prefix(text: &str) -> Option<(&str, &str)> {
    let (prefix, rest) = text.split_once("://")?;
    let letters = !prefix.is_empty() && prefix.bytes().all(|byte| byte.is_ascii_lowercase());
    (letters && !rest.contains('\n')).then_some((prefix, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(config: &Node, text: &str) -> Result<Node, String> {
        let registry = Registry::new();
        References { root: config.as_map().unwrap(), registry: &registry }.resolve(&text.into())
    }

    fn sample() -> Node {
        let deep = Node::map([("deep", Node::list(["x", "two.log"]))]);
        let files = Node::List(vec!["zero.log".into(), "one.log".into(), deep]);
        Node::map([
            ("spec", Node::map([("lvl", Node::from("WARNING")), ("files", files)])),
            ("again", "cfg://spec.lvl".into()),
            ("whole", "cfg://spec".into()),
            ("ping", "cfg://pong".into()),
            ("pong", "cfg://ping".into()),
        ])
    }

    #[test]
    fn dots_indexes_and_references_on_the_way_lead_to_a_value() {
        for (text, value) in [
            ("cfg://spec.files[1]", "one.log"),
            ("cfg://spec[lvl]", "WARNING"),
            ("cfg:// spec . files [ 2 ] . deep [ 1 ]", "two.log"),
            ("cfg://again", "WARNING"),
            ("cfg://whole.files[0]", "zero.log"),
            ("http://x", "http://x"),
            ("plain", "plain"),
        ] {
            assert_eq!(resolve(&sample(), text), Ok(value.into()), "{text}");
        }
    }

    #[test]
    fn what_leads_nowhere_is_refused() {
        for (text, part) in [
            ("cfg://nowhere.at.all", "nowhere"),
            ("cfg://spec!lvl", "!lvl"),
            ("cfg://", "cannot be read"),
            ("cfg://spec.files[9]", "\"9\""),
            ("cfg://spec.files[", "cannot be read"),
            ("cfg://ping", "circle"),
            ("ext://sys.stdbout", "sys.stdout"),
        ] {
            let why = resolve(&sample(), text).unwrap_err();
            assert!(why.contains(part), "{text}: {why}");
        }
    }

    #[test]
    fn a_deep_chain_ends_with_an_error() {
        let chain: Map =
            (0..10_000).map(|at| (format!("k{at}"), format!("cfg://k{}", at + 1))).collect();
        assert!(resolve(&chain.into(), "cfg://k0").unwrap_err().contains("too deep"));
    }

    #[test]
    fn levels_and_streams_are_external_objects() {
        let empty = Node::Map(Map::new());
        assert_eq!(resolve(&empty, "ext://logging.WARNING"), Ok(30.into()));
        assert_eq!(resolve(&empty, "ext://sys.stdout"), Ok(Node::Object("sys.stdout".into())));
    }
}
