//! Values that stand for others: `ext://`, `cfg://`, and the prefixes that users register.

use super::node::{Map, Node};
use super::problem::did_you_mean;
use super::registry::{Entry, Registry};
use std::borrow::Cow;
use std::cell::Cell;

/// How many references may lead from one value to its meaning.
const MAX_CHAIN: usize = 32;
/// How many references one configuration may follow: a few that branch at each step would
/// otherwise take for ever,
const MAX_STEPS: usize = 100_000;
/// and how much they may copy, in values and in bytes of text.
const MAX_COPIED: usize = 16 << 20;

/// Resolves references within one configuration.
#[derive(Debug)]
pub(super) struct References<'a> {
    root: &'a Map,
    registry: &'a Registry,
    steps: Cell<usize>,
    copied: Cell<usize>,
}

/// What a copy takes: each value for as much as 64 bytes of text.
fn weight(node: &Node) -> usize {
    64 + match node {
        Node::Str(text) | Node::Object(text) => text.len(),
        Node::List(items) => items.iter().map(weight).sum(),
        Node::Map(map) => map.iter().map(|(key, value)| key.len() + weight(value)).sum(),
        _ => 0,
    }
}

/// Takes `more` out of what may be used of something.
fn spend(used: &Cell<usize>, more: usize, limit: usize, what: &str) -> Result<(), String> {
    used.set(used.get().saturating_add(more));
    if used.get() > limit { Err(format!("the references {what}")) } else { Ok(()) }
}

impl<'a> References<'a> {
    pub(super) fn new(root: &'a Map, registry: &'a Registry) -> Self {
        Self { root, registry, steps: Cell::new(0), copied: Cell::new(0) }
    }

    /// What a value stands for: itself, unless it is text of the form `prefix://rest` with a
    /// known prefix. What is inside a list or mapping stays as it is.
    pub(super) fn resolve(&self, node: &Node) -> Result<Node, String> {
        let found = self.follow(node, 0)?;
        if !std::ptr::eq(&*found, node) {
            spend(&self.copied, weight(&found), MAX_COPIED, "copy too much")?;
        }
        Ok(found.into_owned())
    }

    fn follow<'n>(&'n self, node: &'n Node, chain: usize) -> Result<Cow<'n, Node>, String> {
        let Node::Str(text) = node else { return Ok(Cow::Borrowed(node)) };
        let Some((prefix, rest)) = split_prefix(text) else { return Ok(Cow::Borrowed(node)) };
        let told = |why| format!("{}: {why}", shown(text));
        if chain >= MAX_CHAIN {
            return Err(told("references run in a circle, or too deep".to_owned()));
        }
        spend(&self.steps, 1, MAX_STEPS, "take too many steps").map_err(told)?;
        match prefix {
            "ext" => self.external(rest),
            // Where they ran too deep, the first that led there stands for all of them.
            "cfg" if chain > 0 => self.internal(rest, chain + 1),
            "cfg" => self.internal(rest, chain + 1).map_err(told),
            _ => match self.registry.find_prefix(prefix) {
                Some(resolve) => {
                    resolve(rest).map(Cow::Owned).map_err(|error| told(error.to_string()))
                }
                None => Ok(Cow::Borrowed(node)),
            },
        }
    }

    fn external(&self, name: &str) -> Result<Cow<'_, Node>, String> {
        match self.registry.find(name) {
            Some(Entry::Value(value)) => Ok(Cow::Borrowed(value)),
            Some(Entry::Missing(why)) => Err(format!("{name:?}: {why}")),
            Some(_) => Ok(Cow::Owned(Node::Object(name.to_owned()))),
            None => match self.registry.look_up(name) {
                Some(value) => Ok(Cow::Owned(value)),
                None => Err(unresolved(name, "", self.registry)),
            },
        }
    }

    fn internal(&self, path: &str, chain: usize) -> Result<Cow<'_, Node>, String> {
        let malformed = |at: &str| format!("cannot be read at {at:?}");
        let missing = |key: &str| format!("there is no {key:?}");
        let (first, mut rest) = word(path.trim_start()).ok_or_else(|| malformed(path))?;
        let mut node = self.follow(self.root.get(first).ok_or_else(|| missing(first))?, chain)?;
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
            node = match node {
                Cow::Borrowed(node) => {
                    self.follow(child(node, key, bracket).ok_or_else(|| missing(key))?, chain)?
                }
                Cow::Owned(node) => {
                    let next = child(&node, key, bracket).ok_or_else(|| missing(key))?;
                    Cow::Owned(self.follow(next, chain)?.into_owned())
                }
            };
            rest = behind;
        }
        Ok(node)
    }
}

fn child<'n>(node: &'n Node, key: &str, bracket: bool) -> Option<&'n Node> {
    match node {
        Node::Map(map) => map.get(key),
        Node::List(items) if bracket => key.parse().ok().and_then(|at: usize| items.get(at)),
        _ => None,
    }
}

/// A reference as a message shows it.
fn shown(text: &str) -> String {
    match text.char_indices().nth(200) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Says that a dotted name stands for nothing; `wanted` may say as what.
pub(super) fn unresolved(name: &str, wanted: &str, registry: &Registry) -> String {
    format!("cannot resolve {name:?}{wanted}{}", did_you_mean(name, registry.names()))
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
        References::new(config.as_map().unwrap(), &registry).resolve(&text.into())
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
    fn references_that_branch_at_each_step_end_with_an_error() {
        // Each leads through the next one four times: 4^30 steps.
        let mut pairs: Vec<(String, Node)> = (0..30)
            .map(|at| {
                let next = at + 1;
                (format!("k{at}"), Node::from(format!("cfg://k{next}.x.x.x")))
            })
            .collect();
        let mut deep = Node::map([("y", 1)]);
        for _ in 0..4 {
            deep = Node::map([("x", "cfg://k1".into()), ("z", deep)]);
        }
        pairs.push(("k30".into(), deep));
        let why = resolve(&Node::map(pairs), "cfg://k0").unwrap_err();
        assert!(why.contains("steps") || why.contains("too deep"), "{why}");
    }

    #[test]
    fn references_to_something_large_may_not_fill_the_memory() {
        let large = Node::list((0..10_000).map(|_| "x".repeat(100)));
        let config = Node::map([("large", large)]);
        let registry = Registry::new();
        let references = References::new(config.as_map().unwrap(), &registry);
        let copies = (0..1000).map(|_| references.resolve(&"cfg://large".into()));
        let errors: Vec<String> = copies.filter_map(Result::err).collect();
        assert!(errors.len() > 900 && errors[0].contains("copy too much"), "{:?}", errors.first());
        // A path into it copies what it leads to and no more.
        let references = References::new(config.as_map().unwrap(), &registry);
        assert!((0..10_000).all(|_| references.resolve(&"cfg://large[7]".into()).is_ok()));
    }

    #[test]
    fn levels_and_streams_are_external_objects() {
        let empty = Node::Map(Map::new());
        assert_eq!(resolve(&empty, "ext://logging.WARNING"), Ok(30.into()));
        assert_eq!(resolve(&empty, "ext://sys.stdout"), Ok(Node::Object("sys.stdout".into())));
    }
}
