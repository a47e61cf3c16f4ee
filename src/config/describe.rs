//! A plan in words: what `sawmill check` prints.

use super::node::{Map, Node};
use super::plan::{LoggerPlan, Plan};
use crate::level::{Level, LevelNames};

/// The loggers that earlier configurations made, and what is known of them.
#[derive(Debug, Clone, Default)]
pub struct Earlier {
    loggers: Vec<LoggerPlan>,
    handlers: Vec<String>,
}

impl Earlier {
    /// The ids of the handlers in place.
    pub(super) fn handlers(&self) -> Vec<String> {
        self.handlers.clone()
    }
}

impl Plan {
    /// Describes what the configuration makes: loggers with their effective levels, handlers with
    /// level, formatter and target, and which loggers of `earlier` configurations fall silent.
    ///
    /// `earlier` is brought up to date, for the configuration that comes next.
    pub fn describe(&self, earlier: &mut Earlier) -> Node {
        let names = LevelNames::default();
        let mut known: Vec<LoggerPlan> = match self.incremental {
            true => earlier.loggers.clone(),
            false => Vec::new(),
        };
        for logger in &self.loggers {
            match known.iter_mut().find(|it| same(it, logger)) {
                Some(it) => {
                    it.level = logger.level.or(it.level);
                    it.propagate = logger.propagate.or(it.propagate);
                    if !self.incremental {
                        it.handlers.clone_from(&logger.handlers);
                        it.filters.clone_from(&logger.filters);
                    }
                }
                None => known.push(logger.clone()),
            }
        }
        let named: Vec<&str> = self.loggers.iter().map(|it| it.name.as_str()).collect();
        let mut disabled = Vec::new();
        let mut reset = Vec::new();
        for logger in earlier.loggers.iter().filter(|it| !it.is_root() && !self.incremental) {
            let name = logger.name.as_str();
            if named.contains(&name) {
                continue;
            }
            let below =
                |parent: &&str| name.strip_prefix(*parent).is_some_and(|it| it.starts_with('.'));
            if named.iter().any(|parent| !parent.is_empty() && below(parent)) {
                reset.push(name);
            } else if self.disable_existing {
                disabled.push(name);
            } else {
                known.push(logger.clone());
            }
        }
        let level_name = |level: Level| Node::Str(names.text(level).to_string());
        let mut tree = Map::new();
        let mut sorted: Vec<&LoggerPlan> = known.iter().collect();
        sorted.sort_by(|a, b| (!a.is_root(), &a.name).cmp(&(!b.is_root(), &b.name)));
        for logger in sorted {
            let mut it = Map::new();
            it.insert("level", level_name(logger.level.unwrap_or_default()));
            it.insert("effective_level", level_name(effective(&known, &logger.name)));
            if !logger.is_root() {
                it.insert("propagate", logger.propagate.unwrap_or(true));
            }
            it.insert("handlers", Node::list(logger.handlers.iter().map(String::as_str)));
            it.insert("filters", Node::list(logger.filters.iter().map(String::as_str)));
            tree.insert(if logger.is_root() { "root" } else { &logger.name }, it);
        }
        let handlers: Map =
            self.handlers.iter().map(|it| (&*it.made.id, self.handler(it, &level_name))).collect();
        let named = |made: &dyn Fn() -> Vec<(String, String)>| Node::map(made());
        let whole = Node::map([
            ("incremental", Node::Bool(self.incremental)),
            ("loggers", tree.into()),
            ("handlers", handlers.into()),
            (
                "handler_levels",
                Node::map(self.levels.iter().map(|(id, level)| (id.as_str(), level_name(*level)))),
            ),
            (
                "formatters",
                named(&|| {
                    self.formatters.iter().map(|it| (it.id.clone(), it.class.clone())).collect()
                }),
            ),
            (
                "filters",
                named(&|| {
                    self.filters.iter().map(|it| (it.id.clone(), it.class.clone())).collect()
                }),
            ),
            ("disabled", Node::list(disabled)),
            ("reset", Node::list(reset)),
        ]);
        earlier.loggers = known;
        if !self.incremental {
            earlier.handlers = self.handlers.iter().map(|it| it.made.id.clone()).collect();
        }
        whole
    }

    fn handler(&self, it: &super::plan::HandlerPlan, level_name: &dyn Fn(Level) -> Node) -> Node {
        let mut map = Map::new();
        map.insert("class", it.made.class.as_str());
        map.insert("level", level_name(it.level.unwrap_or_default()));
        map.insert("formatter", it.formatter.as_deref());
        map.insert("filters", Node::list(it.filters.iter().map(String::as_str)));
        if let Some(opens) = &it.opens {
            map.insert("file", opens.path.display().to_string());
        }
        if let Some(target) = &it.writes_to {
            map.insert("writes_to", target.as_str());
        }
        map.insert("targets", Node::list(it.targets.iter().map(String::as_str)));
        map.into()
    }
}

fn same(a: &LoggerPlan, b: &LoggerPlan) -> bool {
    a.name == b.name || (a.is_root() && b.is_root())
}

/// The level that counts for a logger: the first that is set, going up; the root's is `WARNING`
/// unless set.
fn effective(known: &[LoggerPlan], name: &str) -> Level {
    let of = |name: &str| known.iter().find(|it| it.name == name && !it.is_root());
    let root = || known.iter().find(|it| it.is_root()).and_then(|it| it.level);
    let mut name = name;
    while !name.is_empty() && name != "root" {
        match of(name).and_then(|it| it.level) {
            Some(level) if level != Level::NOTSET => return level,
            _ => name = name.rsplit_once('.').map_or("", |(parent, _)| parent),
        }
    }
    root().unwrap_or(Level::WARNING)
}
