//! Configurations for the default runtime.

use crate::config::{Config, Door, Node, Registry};
use crate::error::Error;
use std::path::Path;

impl Config {
    /// Applies the configuration to the default runtime, with the names that every [`Registry`]
    /// knows; starts the runtime if nobody has.
    ///
    /// # Errors
    ///
    /// Every problem, with its place; nothing has changed then. Or if the runtime cannot be
    /// started.
    pub fn apply(&self) -> Result<(), Error> {
        self.apply_with(&Registry::new())
    }

    /// As [`apply`](Self::apply), with names of one's own.
    ///
    /// # Errors
    ///
    /// As [`apply`](Self::apply).
    #[track_caller]
    pub fn apply_with(&self, registry: &Registry) -> Result<(), Error> {
        let runtime = super::default();
        let plan = self.plan(runtime, registry)?;
        match super::builder().init() {
            Ok(_) => {}
            // Somebody configured it before: this configuration takes the place of that one.
            Err(error) if error.is_already() => {}
            Err(error) => return Err(error),
        }
        Ok(plan.apply(runtime)?)
    }
}

/// Configures the default runtime from a mapping in Python's manner: `logging.config.dictConfig`.
///
/// # Errors
///
/// As [`Config::apply`].
#[track_caller]
pub fn dict_config(mapping: impl Into<Node>) -> Result<(), Error> {
    Config::new(mapping).with_door(Door::python()).apply()
}

/// Configures the default runtime from a file in Python's manner: `logging.config.fileConfig` for
/// `.ini`, `.conf` and `.cfg`, and a `dictConfig` mapping in `.yaml`, `.json` or `.toml`.
///
/// # Errors
///
/// As [`Config::load`] and [`Config::apply`].
#[track_caller]
pub fn file_config(path: impl AsRef<Path>) -> Result<(), Error> {
    Config::load(path)?.with_door(Door::python()).apply()
}
