//! Single handlers, formatters and filters by their registered names.

use super::arguments::Arguments;
use super::door::Door;
use super::node::Map;
use super::problem::Refused;
use super::reference::unresolved;
use super::registry::{Blueprint, Entry, Parts, Registry};
use crate::error::Error;
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::level::LevelNames;
use crate::sync::Arc;
use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

/// How long the opening of a file may take.
const OPENING: Duration = Duration::from_secs(10);

impl Registry {
    /// Makes a formatter of this name.
    ///
    /// # Errors
    ///
    /// If there is none, or its arguments are wrong: every mistake is told.
    pub fn make_formatter(
        &self,
        name: &str,
        arguments: Map,
        door: Door,
    ) -> Result<FormatterRef, Error> {
        match self.find(name) {
            Some(Entry::Formatter(factory)) => made(|args| factory(args), name, arguments, door),
            _ => Err(Error::invalid(unresolved(name, " as a formatter", self))),
        }
    }

    /// Makes a filter of this name.
    ///
    /// # Errors
    ///
    /// As [`make_formatter`](Self::make_formatter).
    pub fn make_filter(&self, name: &str, arguments: Map, door: Door) -> Result<FilterRef, Error> {
        match self.find(name) {
            Some(Entry::Filter(factory)) => made(|args| factory(args), name, arguments, door),
            _ => Err(Error::invalid(unresolved(name, " as a filter", self))),
        }
    }

    /// Makes a handler of this name, and opens its file.
    ///
    /// # Errors
    ///
    /// As [`make_formatter`](Self::make_formatter), or if the file cannot be opened.
    pub fn make_handler(
        &self,
        name: &str,
        arguments: Map,
        door: Door,
    ) -> Result<HandlerRef, Error> {
        let handler = match self.find(name) {
            Some(Entry::Handler(factory)) => made(|args| factory(args), name, arguments, door)?,
            _ => return Err(Error::invalid(unresolved(name, " as a handler", self))),
        };
        handler.open(OPENING)?;
        Ok(handler)
    }
}

fn made<T>(
    factory: impl Fn(&mut Arguments) -> Blueprint<T>,
    name: &str,
    arguments: Map,
    door: Door,
) -> Result<T, Error> {
    let levels = Arc::new(LevelNames::default());
    let mut args = Arguments::new(name, name, levels, door.manner(None));
    for (key, value) in arguments {
        args.push(&key, value);
    }
    let blueprint = factory(&mut args);
    match args.problems() {
        problems if problems.is_empty() => {
            blueprint(&Parts { handlers: &HashMap::new(), opens: &Cell::default() })
        }
        problems => Err(Refused::new(problems).into()),
    }
}
