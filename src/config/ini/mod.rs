//! INI files in the manner of Python's `logging.config.fileConfig`.

mod reader;

use super::door::Door;
use super::node::{Map, Node};
use super::plan::{HandlerPlan, LoggerPlan, Plan, Planner, Surroundings, join};
use super::problem::{Refused, did_you_mean};
use super::reference::unresolved;
use super::registry::{Entry, Registry};
use crate::error::Error;
use crate::python::literal::{self, Literal};
use reader::Ini;
use std::collections::HashSet;

/// Plans an INI file; `name` is for messages.
pub(super) fn plan(
    text: &str,
    name: &str,
    registry: &Registry,
    door: Door,
    surroundings: &Surroundings,
) -> Result<Plan, Refused> {
    if text.is_empty() {
        return Err(Refused::one("", format!("{name} is empty")));
    }
    let ini = Ini::read(text, name).map_err(|error| Refused::one("", error))?;
    let nothing = Map::new();
    let planner = Planner::without_references(&nothing, registry, door, surroundings);
    let mut file = File {
        ini: &ini,
        planner,
        formatters: Vec::new(),
        handlers: Vec::new(),
        known: HashSet::new(),
    };
    let plan = file.plan(door.disable_existing_loggers);
    file.planner.problems.into_result().map(|()| plan)
}

/// The sections and options as they stand in the file; empty if it cannot be read.
pub(super) fn sections(text: &str, name: &str) -> Node {
    Ini::read(text, name).map(|ini| ini.tree()).unwrap_or_default()
}

struct File<'a> {
    ini: &'a Ini,
    planner: Planner<'a>,
    /// The ids that the sections of lists name.
    formatters: Vec<String>,
    handlers: Vec<String>,
    /// The handlers again, to look one up.
    known: HashSet<String>,
}

impl File<'_> {
    fn problem(&mut self, path: &str, message: impl std::fmt::Display) {
        self.planner.problems.add(path, message);
    }

    /// The value of an option with its references filled in.
    fn get(&mut self, section: &str, option: &str) -> Option<String> {
        match self.ini.get(section, option) {
            Ok(value) => value,
            Err(error) => {
                self.problem(section, error);
                None
            }
        }
    }

    /// As `get`, for an option that must be there.
    fn required(&mut self, section: &str, option: &str) -> Option<String> {
        if self.ini.has_section(section) && self.ini.raw(section, option).is_none() {
            self.problem(section, format!("needs the option {option:?}"));
        }
        self.get(section, option)
    }

    /// The ids in `keys` of `[formatters]`, `[handlers]` or `[loggers]`.
    fn keys(&mut self, section: &str) -> Vec<String> {
        if !self.ini.has_section(section) {
            self.problem(section, format!("the section [{section}] is missing"));
        }
        let keys = self.required(section, "keys").unwrap_or_default();
        if keys.is_empty() {
            return Vec::new();
        }
        keys.split(',').map(|key| key.trim().to_owned()).collect()
    }

    /// Tells of a listed section that is not there.
    fn is_there(&mut self, section: &str) -> bool {
        let found = self.ini.has_section(section);
        if !found {
            self.problem(section, format!("the section [{section}] is missing"));
        }
        found
    }

    fn plan(&mut self, disable_existing: bool) -> Plan {
        let mut plan = Plan {
            door: self.planner.door,
            incremental: false,
            disable_existing,
            // As in Python, where nothing else refers to them.
            keep_unattached: false,
            formatters: Vec::new(),
            filters: Vec::new(),
            handlers: Vec::new(),
            loggers: Vec::new(),
            levels: Vec::new(),
            overlay: Vec::new(),
            source: None,
        };
        self.formatters = self.keys("formatters");
        self.handlers = self.keys("handlers");
        self.known = self.handlers.iter().cloned().collect();
        let mut loggers = self.keys("loggers");
        for id in self.formatters.clone() {
            if self.planner.problems.is_full() {
                break;
            }
            let section = format!("formatter_{id}");
            if !self.is_there(&section) {
                continue;
            }
            let name = match self.get(&section, "class") {
                Some(name) if !name.is_empty() => name,
                _ => "logging.Formatter".to_owned(),
            };
            let path = join(&section, "class");
            let Some(factory) = self.planner.formatter_factory(path, &name) else { continue };
            let mut args = self.planner.arguments(&section, &name);
            for option in ["format", "datefmt", "style"] {
                if let Some(value) = self.ini.raw(&section, option) {
                    args.push(option, value.into());
                }
            }
            if let Some(defaults) = self.ini.raw(&section, "defaults") {
                match literal::parse(defaults).and_then(node) {
                    Ok(value) => args.push("defaults", value),
                    Err(error) => self.problem(&join(&section, "defaults"), error),
                }
            }
            plan.formatters.push(self.planner.make(&id, &factory, args));
        }
        for id in self.handlers.clone() {
            if self.planner.problems.is_full() {
                break;
            }
            plan.handlers.extend(self.handler(&id));
        }
        plan.handlers = self.planner.in_order(plan.handlers);
        match loggers.iter().position(|key| key == "root") {
            Some(at) => {
                loggers.remove(at);
            }
            None => self.problem("loggers", "\"root\" must be among its keys"),
        }
        if self.is_there("logger_root") {
            let logger = self.logger("logger_root", String::new());
            plan.loggers.push(logger);
        }
        for id in loggers {
            if self.planner.problems.is_full() {
                break;
            }
            let section = format!("logger_{id}");
            if !self.is_there(&section) {
                continue;
            }
            let name = self.required(&section, "qualname").unwrap_or_default();
            let mut logger = self.logger(&section, name);
            logger.enable = true;
            logger.propagate = Some(match self.get(&section, "propagate") {
                None => true,
                Some(text) => match text.trim().replace('_', "").parse::<i64>() {
                    Ok(number) => number != 0,
                    Err(_) => {
                        let path = join(&section, "propagate");
                        self.problem(&path, format!("expected an integer, found {text:?}"));
                        true
                    }
                },
            });
            plan.loggers.push(logger);
        }
        plan
    }

    fn logger(&mut self, section: &str, name: String) -> LoggerPlan {
        let level = self.level(section);
        let handlers = self.required(section, "handlers").unwrap_or_default();
        let mut ids = Vec::new();
        if !handlers.is_empty() {
            for id in handlers.split(',').map(str::trim) {
                if self.planner.problems.is_full() {
                    break;
                }
                if self.known.contains(id) {
                    ids.push(id.to_owned());
                } else {
                    let hint = did_you_mean(id, self.handlers.iter().map(String::as_str));
                    let path = join(section, "handlers");
                    self.problem(&path, format!("there is no handler {id:?} among the keys{hint}"));
                }
            }
        }
        LoggerPlan { name, level, handlers: ids, ..LoggerPlan::default() }
    }

    /// A level, by name only.
    fn level(&mut self, section: &str) -> Option<crate::level::Level> {
        let text = self.get(section, "level")?;
        self.planner.level(join(section, "level"), &Node::Str(text))
    }

    fn handler(&mut self, id: &str) -> Option<HandlerPlan> {
        let section = format!("handler_{id}");
        if !self.is_there(&section) {
            return None;
        }
        let level = self.level(&section);
        let formatter = self.get(&section, "formatter").filter(|id| !id.is_empty());
        if let Some(id) = &formatter
            && !self.formatters.contains(id)
        {
            let hint = did_you_mean(id, self.formatters.iter().map(String::as_str));
            let path = join(&section, "formatter");
            self.problem(&path, format!("there is no formatter {id:?} among the keys{hint}"));
        }
        let class = self.required(&section, "class")?;
        // Names stand in `logging`'s own namespace first.
        let inside = format!("logging.{class}");
        let name = match self.planner.registry.find(&inside) {
            Some(Entry::Value(_)) | None => class,
            Some(_) => inside,
        };
        if self.planner.registry.find(&name).is_none() {
            let why = unresolved(&name, " as a handler", self.planner.registry);
            self.problem(&join(&section, "class"), why);
            return None;
        }
        let factory = self.planner.handler_factory(join(&section, "class"), &name)?;
        let mut args = self.planner.arguments(&section, &name);
        match self.literal(&section, "args") {
            None => {}
            Some(Literal::Tuple(items) | Literal::List(items)) => {
                for item in items {
                    match node(item) {
                        Ok(value) => {
                            args.push_positional(value);
                        }
                        Err(error) => self.problem(&join(&section, "args"), error),
                    }
                }
            }
            Some(Literal::Str(text)) => {
                // As in Python, where text is the sequence of its characters.
                text.chars().for_each(|c| args.push_positional(Node::Str(c.to_string())));
            }
            Some(_) => self.problem(&join(&section, "args"), "expected a tuple of arguments"),
        }
        match self.literal(&section, "kwargs") {
            None => {}
            Some(Literal::Dict(pairs)) => {
                for (key, value) in pairs {
                    match (key, node(value)) {
                        (Literal::Str(key), Ok(value)) => {
                            args.push(&key, value);
                        }
                        (_, Ok(_)) => {
                            self.problem(&join(&section, "kwargs"), "keywords must be text");
                        }
                        (_, Err(error)) => self.problem(&join(&section, "kwargs"), error),
                    }
                }
            }
            Some(_) => self.problem(&join(&section, "kwargs"), "expected a dict of arguments"),
        }
        let mut targets = Vec::new();
        if name == "logging.handlers.MemoryHandler"
            && let Some(target) = self.get(&section, "target").filter(|id| !id.is_empty())
        {
            if self.known.contains(&target) {
                targets.push(target.clone());
                args.replace("target", 2, Node::Str(target));
            } else {
                let hint = did_you_mean(&target, self.handlers.iter().map(String::as_str));
                let path = join(&section, "target");
                self.problem(&path, format!("there is no handler {target:?} among the keys{hint}"));
            }
        }
        let (made, opens, writes_to) = self.planner.make_handler(id, &factory, args);
        let filters = Vec::new();
        Some(HandlerPlan { made, level, formatter, filters, targets, opens, writes_to })
    }

    fn literal(&mut self, section: &str, option: &str) -> Option<Literal> {
        let text = self.get(section, option)?;
        match literal::parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(&join(section, option), error);
                None
            }
        }
    }
}

fn node(literal: Literal) -> Result<Node, Error> {
    Ok(match literal {
        Literal::None => Node::Null,
        Literal::Bool(flag) => flag.into(),
        Literal::Int(number) => Node::Int(number),
        Literal::Float(number) => number.into(),
        Literal::Str(text) => text.into(),
        Literal::Stream(name) => Node::Object(name.to_owned()),
        Literal::Tuple(items) | Literal::List(items) => {
            Node::List(items.into_iter().map(node).collect::<Result<_, _>>()?)
        }
        Literal::Dict(pairs) => {
            let mut map = Map::new();
            for (key, value) in pairs {
                let Literal::Str(key) = key else {
                    return Err(Error::invalid("the keys of a dict must be text"));
                };
                map.insert(key, node(value)?);
            }
            Node::Map(map)
        }
    })
}
