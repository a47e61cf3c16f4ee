//! Configurations for the default runtime.

use crate::config::{Config, Door, Listener, Node, Registry, Watcher};
use crate::error::Error;
use std::net::Ipv4Addr;
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
        begin()?;
        Ok(plan.apply(runtime)?)
    }
}

/// Starts the default runtime, unless somebody has: a configuration takes the place of theirs.
#[track_caller]
fn begin() -> Result<(), Error> {
    match super::builder().init() {
        Err(error) if !error.is_already() => Err(error),
        _ => Ok(()),
    }
}

/// Takes configurations for the default runtime over TCP, on the loopback: Python's
/// `logging.config.listen`. Starts the runtime if nobody has; [`Listener::builder`] has options.
///
/// # Errors
///
/// As [`ListenerBuilder::start`](crate::config::ListenerBuilder::start).
///
/// # Examples
///
/// ```no_run
/// let listener = sawmill::listen(sawmill::config::DEFAULT_PORT)?;
/// // ... the service runs ...
/// listener.stop();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[track_caller]
pub fn listen(port: u16) -> Result<Listener, Error> {
    begin()?;
    Listener::builder().start((Ipv4Addr::LOCALHOST, port), super::default())
}

/// Configures the default runtime from a file, and again whenever the file changes; see
/// [`Watcher`]. Starts the runtime if nobody has; [`Watcher::builder`] has options.
///
/// # Errors
///
/// As [`WatcherBuilder::start`](crate::config::WatcherBuilder::start).
#[track_caller]
pub fn watch(path: impl AsRef<Path>) -> Result<Watcher, Error> {
    begin()?;
    Watcher::builder(path).start(super::default())
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
