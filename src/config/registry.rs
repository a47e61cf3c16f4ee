//! Which names a configuration may use: classes, factories, objects, prefixes.

use super::arguments::{Arguments, Opens};
use super::node::Node;
use crate::error::Error;
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::sync::Arc;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

/// The way from checked arguments to the thing itself. Run when the configuration is applied.
pub(super) type Blueprint<T> = Box<dyn FnOnce(&Parts<'_>) -> Result<T, Error> + Send>;

/// Reads the arguments of something, noting mistakes in them, and says how to make it.
pub(super) type Factory<T> = Arc<dyn Fn(&mut Arguments) -> Blueprint<T> + Send + Sync>;

/// What is made already while a configuration is applied.
pub(super) struct Parts<'a> {
    pub(super) handlers: &'a HashMap<String, HandlerRef>,
    /// The file that a user's factory says its handler will open.
    pub(super) opens: &'a Cell<Option<Opens>>,
}

impl Parts<'_> {
    /// The handler with this id, which the plan has made sure of.
    pub(super) fn handler(&self, id: &str) -> Result<HandlerRef, Error> {
        self.handlers.get(id).cloned().ok_or_else(|| Error::invalid(format!("no handler {id:?}")))
    }
}

#[derive(Clone)]
pub(super) enum Entry {
    Handler(Factory<HandlerRef>),
    Formatter(Factory<FormatterRef>),
    Filter(Factory<FilterRef>),
    Value(Node),
    /// A name that Python has and sawmill has not, and why.
    Missing(&'static str),
}

/// Answers for the text behind a prefix such as `vault://`.
type Prefix = Arc<dyn Fn(&str) -> Result<Node, Error> + Send + Sync>;

/// Answers for names behind `ext://` that are not listed one by one.
type LookUp = Arc<dyn Fn(&str) -> Option<Node> + Send + Sync>;

/// The names that a configuration may use in `class`, `()`, `ext://` and as prefixes.
///
/// A new registry knows Python's own handlers, formatters and filters, and sawmill's. Add your own
/// under any dotted name; a later registration takes the place of an earlier one.
///
/// # Examples
///
/// ```
/// use sawmill::config::{Node, Registry};
/// use sawmill::{FilterRef, LogRecord};
///
/// let mut registry = Registry::new();
/// registry
///     .filter("app.OnlyShort", |args| {
///         let limit = args.integer("limit").unwrap_or(80) as usize;
///         Ok(FilterRef::new(move |record: &mut LogRecord<'_>| {
///             record.message().is_ok_and(|message| message.len() <= limit)
///         }))
///     })
///     .value("app.LIMIT", 120)
///     .prefix("env", |name| {
///         std::env::var(name).map(Node::from).map_err(|_| sawmill::Error::other("not set"))
///     });
/// assert!(registry.names().any(|name| name == "app.OnlyShort"));
/// ```
#[derive(Clone)]
pub struct Registry {
    entries: HashMap<String, Entry>,
    prefixes: HashMap<String, Prefix>,
    look_ups: Vec<LookUp>,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// Makes a registry with Python's names and sawmill's.
    pub fn new() -> Self {
        let mut registry =
            Self { entries: HashMap::new(), prefixes: HashMap::new(), look_ups: Vec::new() };
        super::builtin::register(&mut registry);
        registry
    }

    pub(super) fn add(&mut self, name: &str, entry: Entry) -> &mut Self {
        self.entries.insert(name.to_owned(), entry);
        self
    }

    /// Names a handler. The closure runs when a configuration is applied; arguments that it does
    /// not ask for are mistakes.
    pub fn handler<H: Into<HandlerRef>>(
        &mut self,
        name: &str,
        make: impl Fn(&mut Arguments) -> Result<H, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.add(name, Entry::Handler(late(make)))
    }

    /// Names a formatter, as [`handler`](Self::handler) does.
    pub fn formatter<F: Into<FormatterRef>>(
        &mut self,
        name: &str,
        make: impl Fn(&mut Arguments) -> Result<F, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.add(name, Entry::Formatter(late(make)))
    }

    /// Names a filter, as [`handler`](Self::handler) does.
    pub fn filter<F: Into<FilterRef>>(
        &mut self,
        name: &str,
        make: impl Fn(&mut Arguments) -> Result<F, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.add(name, Entry::Filter(late(make)))
    }

    /// Lets `name` stand for what `existing` stands for; nothing happens if that is nothing.
    pub fn alias(&mut self, name: &str, existing: &str) -> &mut Self {
        if let Some(entry) = self.entries.get(existing).cloned() {
            self.add(name, entry);
        }
        self
    }

    /// Names a value for `ext://`.
    pub fn value(&mut self, name: &str, value: impl Into<Node>) -> &mut Self {
        self.add(name, Entry::Value(value.into()))
    }

    /// Answers for a whole family of names behind `ext://`; asked when a name is not listed.
    pub fn values(
        &mut self,
        look_up: impl Fn(&str) -> Option<Node> + Send + Sync + 'static,
    ) -> &mut Self {
        self.look_ups.push(Arc::new(look_up));
        self
    }

    /// Makes `prefix://text` stand for what the closure returns. `ext` and `cfg` are taken.
    pub fn prefix(
        &mut self,
        prefix: &str,
        resolve: impl Fn(&str) -> Result<Node, Error> + Send + Sync + 'static,
    ) -> &mut Self {
        self.prefixes.insert(prefix.to_owned(), Arc::new(resolve));
        self
    }

    /// Every name, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    pub(super) fn find(&self, name: &str) -> Option<&Entry> {
        self.entries.get(name)
    }

    pub(super) fn look_up(&self, name: &str) -> Option<Node> {
        self.look_ups.iter().rev().find_map(|look_up| look_up(name))
    }

    pub(super) fn find_prefix(&self, prefix: &str) -> Option<&Prefix> {
        self.prefixes.get(prefix)
    }
}

/// A user's factory: nothing of it runs before the configuration is applied.
fn late<T: 'static, R: Into<T>>(
    make: impl Fn(&mut Arguments) -> Result<R, Error> + Send + Sync + 'static,
) -> Factory<T> {
    let make = Arc::new(make);
    Arc::new(move |args: &mut Arguments| {
        let make = make.clone();
        let mut args = args.hand_over();
        Box::new(move |parts: &Parts<'_>| {
            let made = make(&mut args)?.into();
            args.finish()?;
            parts.opens.set(args.take_opens());
            Ok(made)
        })
    })
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("names", &self.entries.len()).finish_non_exhaustive()
    }
}
