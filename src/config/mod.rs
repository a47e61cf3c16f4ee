//! Configuration: Python's `dictConfig` and `fileConfig`, and the same in sawmill's manner.
//!
//! A file (YAML, JSON, TOML, INI), a string, or a serde value becomes one [`Config`]. A [`Plan`]
//! resolves and checks all of it, tells every problem with its place, and touches no file.
//! Applying the plan makes one new generation; a configuration that is refused changes nothing.
//!
//! ```text
//! version: 1
//! formatters:
//!   brief: {format: "%(levelname)s %(message)s"}
//! handlers:
//!   console: {class: logging.StreamHandler, formatter: brief, stream: "ext://sys.stdout"}
//! root: {level: INFO, handlers: [console]}
//! ```
//!
//! A running program takes new ones: over a connection ([`Listener`]), from a file that changes
//! ([`Watcher`]), on the drain itself ([`Config::apply_later`]). Records that were logged before
//! go to the handlers of before; no record meets half of a configuration.
//!
//! Two doors lead in, see [`Door`]: `dict_config` and `file_config` are as lenient as Python,
//! [`Config::load`] is strict.

mod apply;
mod arguments;
mod builtin;
mod changes;
mod describe;
mod door;
#[cfg(feature = "ini")]
mod ini;
mod listen;
mod make;
mod message;
mod news;
mod node;
mod plan;
mod problem;
mod reference;
mod registry;
mod watch;
#[cfg(feature = "yaml")]
mod yaml;

pub use arguments::Arguments;
pub use describe::Earlier;
pub use door::Door;
pub use listen::{DEFAULT_PORT, ListenStats, Listener, ListenerBuilder};
pub use message::read_message;
pub use node::{Map, Node};
pub use plan::Plan;
pub use problem::{Problem, Refused};
pub use registry::Registry;
pub use watch::{Watcher, WatcherBuilder};

use crate::error::{Error, ErrorKind};
use crate::runtime::levels;
use crate::sync::Arc;
use plan::Surroundings;
use std::path::Path;

/// A configuration as it was written, not looked at yet.
#[derive(Debug, Clone)]
pub struct Config {
    source: Arc<Source>,
    door: Door,
    disable_existing_loggers: Option<bool>,
    /// Levels that stand before those of the source, as text.
    levels: Option<String>,
}

#[derive(Debug)]
enum Source {
    Mapping(Node),
    #[cfg(feature = "ini")]
    Ini {
        text: String,
        name: String,
    },
}

/// Why text in this format cannot be read here.
#[cold]
#[allow(dead_code, reason = "with every format's feature on, none is missing")]
fn no_reader(format: &str, feature: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("{format} needs the cargo feature {feature:?} of sawmill"),
    )
}

impl Config {
    /// Takes a mapping in `dictConfig`'s schema.
    pub fn new(mapping: impl Into<Node>) -> Self {
        Self::of(Source::Mapping(mapping.into()))
    }

    fn of(source: Source) -> Self {
        Self {
            source: Arc::new(source),
            door: Door::sawmill(),
            disable_existing_loggers: None,
            levels: None,
        }
    }

    /// Reads a file: `.yaml`, `.yml`, `.json`, `.toml`, or `.ini`, `.conf`, `.cfg`.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, its format is not known or not built in, or its text is not
    /// well formed; the text names the file.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, error))?;
        Self::from_bytes(path, bytes)
    }

    /// Reads what a file holds, by the ending of its name.
    fn from_bytes(path: &Path, bytes: Vec<u8>) -> Result<Self, Error> {
        let name = path.display().to_string();
        let text = String::from_utf8(bytes)
            .map_err(|error| Error::invalid(name.clone()).because(error.utf8_error()))?;
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        let read = match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => Self::from_yaml(&text),
            "json" => Self::from_json(&text),
            "toml" => Self::from_toml(&text),
            "ini" | "conf" | "cfg" => Self::from_ini_named(&text, &name),
            _ => Err(Error::invalid("unknown format; expected .yaml, .json, .toml or .ini")),
        };
        read.map_err(|error| Error::invalid(name).because(error))
    }

    /// Reads YAML text, by YAML 1.1's rules for plain scalars, as Python's configurations expect.
    ///
    /// # Errors
    ///
    /// If the text is not well formed, or grows beyond bounds through its aliases; without the
    /// cargo feature `yaml`.
    pub fn from_yaml(text: &str) -> Result<Self, Error> {
        #[cfg(feature = "yaml")]
        return Ok(Self::new(yaml::read(text)?));
        #[cfg(not(feature = "yaml"))]
        {
            let _ = text;
            Err(no_reader("YAML", "yaml"))
        }
    }

    /// Reads JSON text.
    ///
    /// # Errors
    ///
    /// If the text is not well formed; without the cargo feature `json`.
    pub fn from_json(text: &str) -> Result<Self, Error> {
        #[cfg(feature = "json")]
        return Ok(Self::new(
            serde_json::from_str::<Node>(text)
                .map_err(|error| Error::invalid(error.to_string()))?,
        ));
        #[cfg(not(feature = "json"))]
        {
            let _ = text;
            Err(no_reader("JSON", "json"))
        }
    }

    /// Reads TOML text.
    ///
    /// # Errors
    ///
    /// If the text is not well formed; without the cargo feature `toml`.
    pub fn from_toml(text: &str) -> Result<Self, Error> {
        #[cfg(feature = "toml")]
        return Ok(Self::new(toml::from_str::<Node>(text).map_err(|error| {
            let at = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = at.matches('\n').count() + 1;
            let column = at.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let why = error.message();
            Error::invalid(format!("line {line}, column {column}: {why}"))
        })?));
        #[cfg(not(feature = "toml"))]
        {
            let _ = text;
            Err(no_reader("TOML", "toml"))
        }
    }

    /// Reads INI text in the manner of Python's `fileConfig`.
    ///
    /// # Errors
    ///
    /// Without the cargo feature `ini`. What is wrong with the text is told by the plan.
    pub fn from_ini(text: &str) -> Result<Self, Error> {
        Self::from_ini_named(text, "<text>")
    }

    fn from_ini_named(text: &str, name: &str) -> Result<Self, Error> {
        #[cfg(feature = "ini")]
        return Ok(Self::of(Source::Ini { text: text.to_owned(), name: name.to_owned() }));
        #[cfg(not(feature = "ini"))]
        {
            let _ = (text, name);
            Err(no_reader("INI", "ini"))
        }
    }

    /// Takes any serde value that has `dictConfig`'s shape.
    ///
    /// # Errors
    ///
    /// If the value cannot be serialised.
    #[cfg(feature = "json")]
    pub fn from_value(value: &impl serde::Serialize) -> Result<Self, Error> {
        let value =
            serde_json::to_value(value).map_err(|error| Error::invalid(error.to_string()))?;
        let node: Node =
            serde_json::from_value(value).map_err(|error| Error::invalid(error.to_string()))?;
        Ok(Self::new(node))
    }

    /// The mapping, as it was written; `None` for INI.
    pub fn mapping(&self) -> Option<&Node> {
        match &*self.source {
            Source::Mapping(node) => Some(node),
            #[cfg(feature = "ini")]
            Source::Ini { .. } => None,
        }
    }

    /// Chooses the manner of reading; [`Door::sawmill`] unless chosen.
    #[must_use]
    pub fn with_door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// Says what becomes of existing loggers that the configuration does not name, in place of
    /// the door's own way; a mapping's own key goes before.
    #[must_use]
    pub fn with_disable_existing_loggers(mut self, disable: bool) -> Self {
        self.disable_existing_loggers = Some(disable);
        self
    }

    /// Puts levels, given as for [`Runtime::set_levels`](crate::Runtime::set_levels), before those
    /// of the configuration: a command line's or an environment's, which are to hold whatever the
    /// file says. What is wrong with them is told with the configuration's problems.
    #[must_use]
    pub fn with_levels(mut self, levels: &str) -> Self {
        self.levels = match self.levels.take() {
            Some(before) => Some(format!("{before},{levels}")),
            None => Some(levels.to_owned()),
        };
        self
    }

    /// As [`with_levels`](Self::with_levels), from an environment variable if it is set.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if its value is not Unicode.
    pub fn with_levels_from_env(self, variable: &str) -> Result<Self, Error> {
        match std::env::var(variable) {
            Ok(levels) => Ok(self.with_levels(&levels)),
            Err(std::env::VarError::NotPresent) => Ok(self),
            Err(error) => Err(Error::invalid(format!("env: {variable}")).because(error)),
        }
    }

    fn plan_within(&self, registry: &Registry, around: &Surroundings) -> Result<Plan, Refused> {
        let mut door = self.door;
        if let Some(disable) = self.disable_existing_loggers {
            door.disable_existing_loggers = disable;
        }
        let plan = match &*self.source {
            Source::Mapping(node) => plan::of_mapping(node, registry, door, around),
            #[cfg(feature = "ini")]
            Source::Ini { text, name } => ini::plan(text, name, registry, door, around),
        };
        let wrong =
            |error: Error| Problem { path: "levels".to_owned(), message: error.to_string() };
        let levels = match &self.levels {
            Some(text) => levels::parse(text, &around.levels).map_err(wrong),
            None => Ok(Vec::new()),
        };
        match (plan, levels) {
            (Ok(mut plan), Ok(levels)) => {
                plan.source = Some(self.source.clone());
                plan.overlay = levels;
                Ok(plan)
            }
            (Ok(_), Err(problem)) => Err(Refused::new(vec![problem])),
            (Err(refused), Ok(_)) => Err(refused),
            (Err(refused), Err(problem)) => {
                Err(Refused::new(refused.problems().iter().cloned().chain([problem]).collect()))
            }
        }
    }

    /// Checks the configuration as for a runtime that earlier configurations were applied to, as
    /// far as they are described.
    ///
    /// # Errors
    ///
    /// Every problem, with its place.
    pub fn check_after(&self, registry: &Registry, earlier: &Earlier) -> Result<Plan, Refused> {
        let around = Surroundings { handlers: earlier.handlers(), ..Surroundings::default() };
        self.plan_within(registry, &around)
    }

    /// Checks the configuration on its own, as for a runtime that was never configured.
    ///
    /// # Errors
    ///
    /// Every problem, with its place.
    pub fn check(&self, registry: &Registry) -> Result<Plan, Refused> {
        self.plan_within(registry, &Surroundings::default())
    }
}
