//! What a configuration would do: everything resolved and checked, nothing done.

use super::Source;
use super::arguments::{Arguments, Opens};
use super::builtin;
use super::door::{self, Door};
use super::node::{Map, Node};
use super::problem::{Problems, Refused, did_you_mean};
use super::reference::{References, unresolved};
use super::registry::{Blueprint, Entry, Factory, Registry};
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::level::{Level, LevelNames};
use crate::sync::Arc;
use std::collections::HashMap;

/// What a configuration is checked against.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub(super) levels: Arc<LevelNames>,
    /// Names of the handlers in place, for incremental configurations.
    pub(super) handlers: Vec<String>,
    /// What the runtime's clock shows.
    pub(super) now_ns: Option<i64>,
}

/// A checked configuration, ready to be applied.
pub struct Plan {
    pub(super) door: Door,
    pub(super) incremental: bool,
    pub(super) disable_existing: bool,
    /// Handlers that no logger holds keep their home and their name.
    pub(super) keep_unattached: bool,
    pub(super) formatters: Vec<Made<FormatterRef>>,
    pub(super) filters: Vec<Made<FilterRef>>,
    /// In the order in which they are made.
    pub(super) handlers: Vec<HandlerPlan>,
    /// In the order in which they are configured, the root among them.
    pub(super) loggers: Vec<LoggerPlan>,
    /// Handlers whose level an incremental configuration changes.
    pub(super) levels: Vec<(String, Level)>,
    /// Levels that stand before those of the loggers.
    pub(super) overlay: Vec<(String, Level)>,
    /// What it was made of.
    pub(super) source: Option<Arc<Source>>,
}

/// Something to be made.
pub(super) struct Made<T> {
    pub(super) id: String,
    pub(super) class: String,
    pub(super) make: Blueprint<T>,
}

/// A handler to be made, and what goes with it.
pub(super) struct HandlerPlan {
    pub(super) made: Made<HandlerRef>,
    pub(super) level: Option<Level>,
    pub(super) formatter: Option<String>,
    pub(super) filters: Vec<String>,
    /// The handlers that must be made before.
    pub(super) targets: Vec<String>,
    /// The file that it will open.
    pub(super) opens: Option<Opens>,
    /// Where it writes if not to a file: a stream's name, a peer's address.
    pub(super) writes_to: Option<String>,
}

/// What happens to one logger.
#[derive(Debug, Clone, Default)]
pub(super) struct LoggerPlan {
    /// Empty for the root.
    pub(super) name: String,
    pub(super) level: Option<Level>,
    pub(super) propagate: Option<bool>,
    pub(super) handlers: Vec<String>,
    pub(super) filters: Vec<String>,
    /// It is among `loggers`, which enables it.
    pub(super) enable: bool,
}

impl LoggerPlan {
    pub(super) fn is_root(&self) -> bool {
        self.name.is_empty() || self.name == "root"
    }
}

impl std::fmt::Debug for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plan")
            .field("handlers", &self.handlers.iter().map(|h| &h.made.id).collect::<Vec<_>>())
            .field("loggers", &self.loggers.iter().map(|l| &l.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Plans a configuration of `dictConfig`'s schema.
pub(super) fn of_mapping(
    config: &Node,
    registry: &Registry,
    door: Door,
    surroundings: &Surroundings,
) -> Result<Plan, Refused> {
    let Node::Map(root) = config else {
        return Err(Refused::one(
            "",
            format!("a configuration is a mapping, not {}", config.kind()),
        ));
    };
    let mut planner = Planner {
        root,
        references: References::new(root, registry),
        registry,
        door,
        levels: surroundings.levels.clone(),
        now_ns: surroundings.now_ns,
        problems: Problems::default(),
    };
    planner.door = door.adjusted(root, &mut planner.problems);
    planner.version();
    let plan = if planner.value(root, "", "incremental").is_some_and(|node| node.is_true()) {
        planner.incremental(surroundings)
    } else {
        planner.whole()
    };
    planner.problems.into_result().map(|()| plan)
}

const TOP: &[&str] = &[
    "version",
    "formatters",
    "filters",
    "handlers",
    "loggers",
    "root",
    "incremental",
    "disable_existing_loggers",
    door::KEY,
];

pub(super) struct Planner<'a> {
    root: &'a Map,
    references: References<'a>,
    pub(super) registry: &'a Registry,
    pub(super) door: Door,
    levels: Arc<LevelNames>,
    now_ns: Option<i64>,
    pub(super) problems: Problems,
}

impl<'a> Planner<'a> {
    /// A planner for configurations that know no references.
    #[cfg(feature = "ini")]
    pub(super) fn without_references(
        root: &'a Map,
        registry: &'a Registry,
        door: Door,
        surroundings: &Surroundings,
    ) -> Self {
        Self {
            root,
            references: References::new(root, registry),
            registry,
            door,
            levels: surroundings.levels.clone(),
            now_ns: surroundings.now_ns,
            problems: Problems::default(),
        }
    }

    fn version(&mut self) {
        match self.root.get("version") {
            None => self.problems.add("version", "missing: the schema's version, 1, must be given"),
            Some(_) => match self.value(self.root, "", "version") {
                None | Some(Node::Int(1) | Node::Bool(true)) => {}
                Some(Node::Float(1.0)) => {}
                Some(other) => self.problems.add("version", format!("unsupported version {other}")),
            },
        }
    }

    /// The value of a key, references followed; null is a value.
    fn value(&mut self, map: &Map, path: &str, key: &str) -> Option<Node> {
        let node = map.get(key)?;
        match self.references.resolve(node) {
            Ok(node) => Some(node),
            Err(why) => {
                self.problems.add(join(path, key), why);
                None
            }
        }
    }

    /// The mapping under a key of the whole; what is empty counts as one.
    fn section(&mut self, key: &str) -> Map {
        match self.value(self.root, "", key) {
            Some(Node::Map(map)) => map,
            None => Map::new(),
            Some(node) if !node.is_true() && !node.is_null() && !matches!(node, Node::Int(_)) => {
                Map::new()
            }
            Some(other) => {
                self.problems.add(key, format!("expected a mapping, found {}", other.kind()));
                Map::new()
            }
        }
    }

    /// The mapping under a key of a section.
    fn item(&mut self, section: &Map, path: &str, key: &str) -> Option<Map> {
        match self.value(section, path, key)? {
            Node::Map(map) => Some(map),
            other => {
                self.problems
                    .add(join(path, key), format!("expected a mapping, found {}", other.kind()));
                None
            }
        }
    }

    /// At the strict door: refuses keys that mean nothing.
    fn known_keys(&mut self, map: &Map, path: &str, known: &[&str]) {
        if !self.door.refuse_unknown_keys {
            return;
        }
        for key in map.keys().filter(|key| !known.contains(key)) {
            let hint = did_you_mean(key, known.iter().copied());
            self.problems.add(join(path, key), format!("unknown key{hint}"));
        }
    }

    pub(super) fn level(&mut self, path: String, node: &Node) -> Option<Level> {
        match super::arguments::level(&self.levels, node) {
            Ok(level) => Some(level),
            Err(why) => {
                self.problems.add(path, why);
                None
            }
        }
    }

    fn level_of(&mut self, map: &Map, path: &str) -> Option<Level> {
        let node = self.value(map, path, "level").filter(|node| !node.is_null())?;
        self.level(join(path, "level"), &node)
    }

    /// A list of ids, each of which must be among `known`.
    fn ids(&mut self, map: &Map, path: &str, key: &str, what: &str, known: &Map) -> Vec<String> {
        let value = self.value(map, path, key);
        let path = join(path, key);
        let mut ids = Vec::new();
        let items = match value {
            Some(node) if !node.is_true() => return ids,
            None => return ids,
            Some(Node::List(items)) => items,
            Some(Node::Map(map)) => map.keys().map(Node::from).collect(),
            Some(Node::Str(text)) if !self.door.refuse_unknown_keys => {
                // As in Python, where text is the sequence of its characters.
                text.chars().map(|c| Node::Str(c.to_string())).collect()
            }
            Some(other) => {
                self.problems.add(path, format!("expected a list of ids, found {}", other.kind()));
                return ids;
            }
        };
        for (at, item) in items.iter().enumerate() {
            if self.problems.is_full() {
                break;
            }
            let id = match item {
                Node::Str(id) => id.clone(),
                other => other.to_string(),
            };
            if known.contains(&id) {
                ids.push(id);
            } else {
                let hint = did_you_mean(&id, known.keys());
                self.problems
                    .add(format!("{path}[{at}]"), format!("there is no {what} {id:?}{hint}"));
            }
        }
        ids
    }

    pub(super) fn arguments(&self, path: &str, class: &str) -> Arguments {
        Arguments::new(path, class, self.levels.clone(), self.door.manner(self.now_ns))
    }

    /// Runs a factory and notes what it finds wrong.
    pub(super) fn make<T>(
        &mut self,
        id: &str,
        factory: &Factory<T>,
        mut args: Arguments,
    ) -> Made<T> {
        let class = args.class().to_owned();
        let make = factory(&mut args);
        self.problems.extend(args.problems());
        Made { id: id.to_owned(), class, make }
    }

    /// As `make`, with the file that the handler will open, or where else it writes.
    pub(super) fn make_handler(
        &mut self,
        id: &str,
        factory: &Factory<HandlerRef>,
        mut args: Arguments,
    ) -> (Made<HandlerRef>, Option<Opens>, Option<String>) {
        let class = args.class().to_owned();
        let make = factory(&mut args);
        let (opens, writes_to) = (args.take_opens(), args.take_writes_to());
        self.problems.extend(args.problems());
        (Made { id: id.to_owned(), class, make }, opens, writes_to)
    }

    /// Gives every key but those of the schema as an argument, references followed.
    fn fill(&mut self, args: &mut Arguments, map: &Map, path: &str, schema: &[&str]) {
        for key in map.keys().filter(|key| !schema.contains(key)) {
            if !is_identifier(key) {
                self.problems.add(join(path, key), format!("{key:?} is not an identifier"));
                continue;
            }
            if let Some(value) = self.value(map, path, key) {
                args.push(key, value);
            }
        }
        match self.value(map, path, ".") {
            None | Some(Node::Null) => {}
            Some(Node::Map(attributes)) => args.set_attributes(attributes),
            Some(node) if !node.is_true() => {}
            Some(other) => self
                .problems
                .add(join(path, "."), format!("expected a mapping, found {}", other.kind())),
        }
    }

    /// The name of a class or factory.
    fn class(&mut self, map: &Map, path: &str, key: &str) -> Option<String> {
        match self.value(map, path, key)? {
            Node::Str(name) | Node::Object(name) => Some(name),
            other => {
                self.problems
                    .add(join(path, key), format!("expected a name, found {}", other.kind()));
                None
            }
        }
    }

    fn find(&mut self, path: String, name: &str, wanted: &str) -> Option<Entry> {
        match self.registry.find(name) {
            Some(Entry::Missing(why)) => self.problems.add(path, format!("{name:?}: {why}")),
            Some(entry) => return Some(entry.clone()),
            None => {
                self.problems.add(path, unresolved(name, &format!(" as {wanted}"), self.registry))
            }
        }
        None
    }

    pub(super) fn handler_factory(
        &mut self,
        path: String,
        name: &str,
    ) -> Option<Factory<HandlerRef>> {
        match self.find(path.clone(), name, "a handler")? {
            Entry::Handler(factory) => Some(factory),
            _ => {
                self.problems.add(path, format!("{name:?} is not a handler"));
                None
            }
        }
    }

    pub(super) fn formatter_factory(
        &mut self,
        path: String,
        name: &str,
    ) -> Option<Factory<FormatterRef>> {
        match self.find(path.clone(), name, "a formatter")? {
            Entry::Formatter(factory) => Some(factory),
            _ => {
                self.problems.add(path, format!("{name:?} is not a formatter"));
                None
            }
        }
    }

    fn whole(&mut self) -> Plan {
        let root = self.root;
        self.known_keys(root, "", TOP);
        let disable_existing = match self.value(root, "", "disable_existing_loggers") {
            Some(node) => node.is_true(),
            None => self.door.disable_existing_loggers,
        };
        let formatters = self.section("formatters");
        let filters = self.section("filters");
        let handlers = self.section("handlers");
        let mut plan = Plan {
            door: self.door,
            incremental: false,
            disable_existing,
            keep_unattached: true,
            formatters: Vec::new(),
            filters: Vec::new(),
            handlers: Vec::new(),
            loggers: Vec::new(),
            levels: Vec::new(),
            overlay: Vec::new(),
            source: None,
        };
        for id in formatters.keys() {
            if self.problems.is_full() {
                break;
            }
            if let Some(map) = self.item(&formatters, "formatters", id) {
                plan.formatters.extend(self.formatter(id, &map));
            }
        }
        for id in filters.keys() {
            if self.problems.is_full() {
                break;
            }
            if let Some(map) = self.item(&filters, "filters", id) {
                plan.filters.extend(self.filter(id, &map));
            }
        }
        let mut ids: Vec<&str> = handlers.keys().collect();
        ids.sort_unstable();
        for id in ids {
            if self.problems.is_full() {
                break;
            }
            if let Some(map) = self.item(&handlers, "handlers", id) {
                plan.handlers.extend(self.handler(id, &map, &formatters, &filters, &handlers));
            }
        }
        plan.handlers = self.in_order(plan.handlers);
        let loggers = self.section("loggers");
        for name in loggers.keys() {
            if self.problems.is_full() {
                break;
            }
            if let Some(map) = self.item(&loggers, "loggers", name) {
                let path = join("loggers", name);
                plan.loggers.push(self.logger(name, &map, &path, &handlers, &filters));
            }
        }
        match self.value(root, "", "root") {
            Some(Node::Map(map)) if !map.is_empty() => {
                let mut logger = self.logger("", &map, "root", &handlers, &filters);
                logger.propagate = None;
                logger.enable = false;
                plan.loggers.push(logger);
            }
            Some(node) if node.is_true() => {
                self.problems.add("root", format!("expected a mapping, found {}", node.kind()));
            }
            _ => {}
        }
        plan
    }

    fn formatter(&mut self, id: &str, map: &Map) -> Option<Made<FormatterRef>> {
        let path = join("formatters", id);
        if map.contains("()") {
            let name = self.class(map, &path, "()")?;
            let factory = self.formatter_factory(join(&path, "()"), &name)?;
            let mut args = self.arguments(&path, &name);
            self.fill(&mut args, map, &path, &["()", "."]);
            return Some(self.make(id, &factory, args));
        }
        let known = ["format", "datefmt", "style", "validate", "class", "defaults"];
        self.known_keys(map, &path, &known);
        let name = match map.get("class") {
            Some(node) if node.is_true() => self.class(map, &path, "class")?,
            _ => "logging.Formatter".to_owned(),
        };
        let factory = self.formatter_factory(join(&path, "class"), &name)?;
        let mut args = self.arguments(&path, &name);
        for key in ["format", "datefmt", "style", "validate", "defaults"] {
            if let Some(value) = self.value(map, &path, key)
                && !(key == "defaults" && value.is_null())
            {
                args.push(key, value);
            }
        }
        Some(self.make(id, &factory, args))
    }

    fn filter(&mut self, id: &str, map: &Map) -> Option<Made<FilterRef>> {
        let path = join("filters", id);
        let custom = map.contains("()");
        let name = match custom {
            true => self.class(map, &path, "()")?,
            false => "logging.Filter".to_owned(),
        };
        let factory = match self.find(join(&path, "()"), &name, "a filter")? {
            Entry::Filter(factory) => factory,
            _ => {
                self.problems.add(join(&path, "()"), format!("{name:?} is not a filter"));
                return None;
            }
        };
        let mut args = self.arguments(&path, &name);
        if custom {
            self.fill(&mut args, map, &path, &["()", "."]);
        } else {
            self.known_keys(map, &path, &["name"]);
            if let Some(value) = self.value(map, &path, "name") {
                args.push("name", value);
            }
        }
        Some(self.make(id, &factory, args))
    }

    fn handler(
        &mut self,
        id: &str,
        map: &Map,
        formatters: &Map,
        filters: &Map,
        handlers: &Map,
    ) -> Option<HandlerPlan> {
        let path = join("handlers", id);
        let key = if map.contains("()") { "()" } else { "class" };
        if !map.contains(key) {
            self.problems.add(&path, "a handler needs \"class\" or \"()\"");
        }
        let level = self.level_of(map, &path);
        let formatter = match self.value(map, &path, "formatter") {
            Some(Node::Str(id)) if id.is_empty() => None,
            Some(Node::Str(id)) if formatters.contains(&id) => Some(id),
            Some(node) if node.is_true() => {
                let id = match node {
                    Node::Str(id) => id,
                    other => other.to_string(),
                };
                let hint = did_you_mean(&id, formatters.keys());
                self.problems
                    .add(join(&path, "formatter"), format!("there is no formatter {id:?}{hint}"));
                None
            }
            _ => None,
        };
        let filters = self.ids(map, &path, "filters", "filter", filters);
        let name = self.class(map, &path, key)?;
        let factory = self.handler_factory(join(&path, key), &name)?;
        let mut args = self.arguments(&path, &name);
        let mut targets = Vec::new();
        let queue = name == "logging.handlers.QueueHandler" && key == "class";
        if queue {
            targets = self.ids(map, &path, "handlers", "handler", handlers);
            args.push("handlers", Node::list(targets.iter().map(String::as_str)));
        }
        if name == "logging.handlers.MemoryHandler" && map.contains("target") {
            targets = self.target(map, &path, "target", handlers);
        }
        if builtin::takes_fallback(&name) && map.contains("fallback") {
            targets = self.target(map, &path, "fallback", handlers);
        }
        let schema = ["class", "()", ".", "level", "formatter", "filters"];
        let schema: &[&str] = match queue {
            true => &["class", "()", ".", "level", "formatter", "filters", "handlers"],
            false if key == "()" => &["()", ".", "level", "formatter", "filters"],
            false => &schema,
        };
        self.fill(&mut args, map, &path, schema);
        // Set as an attribute it counts too, and last.
        let level = match args.attribute("level") {
            Some(node) => self.level(join(&path, ".level"), &node),
            None => level,
        };
        let (made, opens, writes_to) = self.make_handler(id, &factory, args);
        Some(HandlerPlan { made, level, formatter, filters, targets, opens, writes_to })
    }

    fn target(&mut self, map: &Map, path: &str, key: &str, handlers: &Map) -> Vec<String> {
        let id = match self.value(map, path, key) {
            Some(Node::Str(id)) => id,
            Some(other) => other.to_string(),
            None => return Vec::new(),
        };
        if handlers.contains(&id) {
            return vec![id];
        }
        let hint = did_you_mean(&id, handlers.keys());
        self.problems.add(join(path, key), format!("there is no handler {id:?}{hint}"));
        Vec::new()
    }

    /// Puts handlers behind the ones that they refer to, otherwise keeping the order.
    pub(super) fn in_order(&mut self, mut left: Vec<HandlerPlan>) -> Vec<HandlerPlan> {
        let mut done: Vec<HandlerPlan> = Vec::new();
        let mut places: HashMap<String, ()> = HashMap::new();
        let planned: HashMap<String, ()> =
            left.iter().map(|plan| (plan.made.id.clone(), ())).collect();
        loop {
            let before = left.len();
            let mut deferred = Vec::new();
            for plan in left {
                let waits = |id: &String| planned.contains_key(id) && !places.contains_key(id);
                if plan.targets.iter().any(waits) {
                    deferred.push(plan);
                } else {
                    places.insert(plan.made.id.clone(), ());
                    done.push(plan);
                }
            }
            if deferred.is_empty() {
                return done;
            }
            if deferred.len() == before {
                for plan in &deferred {
                    let path = join("handlers", &plan.made.id);
                    let targets = plan.targets.join(", ");
                    self.problems.add(path, format!("its target {targets} leads back to it"));
                }
                return done;
            }
            left = deferred;
        }
    }

    fn logger(
        &mut self,
        name: &str,
        map: &Map,
        path: &str,
        handlers: &Map,
        filters: &Map,
    ) -> LoggerPlan {
        self.known_keys(map, path, &["level", "propagate", "handlers", "filters"]);
        let propagate = self.value(map, path, "propagate").filter(|node| !node.is_null());
        LoggerPlan {
            name: name.to_owned(),
            level: self.level_of(map, path),
            propagate: propagate.map(|node| node.is_true()),
            handlers: self.ids(map, path, "handlers", "handler", handlers),
            filters: self.ids(map, path, "filters", "filter", filters),
            enable: true,
        }
    }

    fn incremental(&mut self, surroundings: &Surroundings) -> Plan {
        let mut plan = Plan {
            door: self.door,
            incremental: true,
            disable_existing: false,
            keep_unattached: true,
            formatters: Vec::new(),
            filters: Vec::new(),
            handlers: Vec::new(),
            loggers: Vec::new(),
            levels: Vec::new(),
            overlay: Vec::new(),
            source: None,
        };
        let handlers = self.section("handlers");
        for id in handlers.keys() {
            let path = join("handlers", id);
            if !surroundings.handlers.iter().any(|known| known == id) {
                let hint = did_you_mean(id, surroundings.handlers.iter().map(String::as_str));
                self.problems.add(path, format!("there is no handler {id:?} in place{hint}"));
                continue;
            }
            let Some(map) = self.item(&handlers, "handlers", id) else { continue };
            // A level of 0 is overlooked here, as in Python; `NOTSET` by name is not.
            if self.value(&map, &path, "level").is_some_and(|level| level.is_true())
                && let Some(level) = self.level_of(&map, &path)
            {
                plan.levels.push((id.to_owned(), level));
            }
        }
        let loggers = self.section("loggers");
        for name in loggers.keys() {
            let path = join("loggers", name);
            let Some(map) = self.item(&loggers, "loggers", name) else { continue };
            let propagate = self.value(&map, &path, "propagate").filter(|node| !node.is_null());
            plan.loggers.push(LoggerPlan {
                name: name.to_owned(),
                level: self.level_of(&map, &path),
                propagate: propagate.map(|node| node.is_true()),
                enable: true,
                ..LoggerPlan::default()
            });
        }
        match self.value(self.root, "", "root") {
            Some(Node::Map(map)) if !map.is_empty() => {
                let level = self.level_of(&map, "root");
                plan.loggers.push(LoggerPlan { level, ..LoggerPlan::default() });
            }
            Some(node) if node.is_true() => {
                self.problems.add("root", format!("expected a mapping, found {}", node.kind()));
            }
            _ => {}
        }
        plan
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}
