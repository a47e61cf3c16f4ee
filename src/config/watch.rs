//! A configuration file that is applied again whenever it changes.

use super::{Config, Door, Registry, news};
use crate::error::{Error, ErrorKind};
use crate::lane::is_on_drain;
use crate::runtime::{Core, Runtime};
use crate::sync::{Arc, Condvar, Mutex, Weak, lock, thread};
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How soon a change is looked at again: it is taken when two looks have seen the same.
const SETTLING: Duration = Duration::from_millis(50);
/// How long the end of a watcher waits for a configuration under way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Builds a [`Watcher`].
///
/// | option | default | range |
/// |---|---|---|
/// | [`every`](Self::every) | 1 s | 10 ms to a day |
/// | [`door`](Self::door) | [`Door::sawmill`] | |
/// | [`registry`](Self::registry) | Python's names and sawmill's | |
/// | [`levels`](Self::levels), [`levels_from_env`](Self::levels_from_env) | none | `info,db=debug` |
/// | [`max_bytes`](Self::max_bytes) | 1 MiB | |
#[must_use = "a builder does nothing until `start`"]
#[derive(Debug)]
pub struct WatcherBuilder {
    path: PathBuf,
    every: Duration,
    max_bytes: usize,
    door: Door,
    registry: Registry,
    levels: Vec<String>,
    variables: Vec<String>,
}

/// Watches a configuration file and applies it again when what it says has changed.
///
/// A thread `sawmill-watch` reads the file in intervals and compares it with what it read before,
/// so that it does not matter how it is replaced, on which file system. A change is taken once two
/// looks have seen the same. It is checked first: a file with a mistake changes nothing, and
/// neither does one that is missing. Each change makes a record of the logger `sawmill.config`,
/// whatever the levels of loggers: `INFO` with the keys that changed, or `ERROR` with every
/// problem. Handlers in place are closed and new ones opened, as by [`Config::apply_to`].
///
/// The watcher ends when it is dropped or [stopped](Self::stop), and with its runtime, which it
/// does not keep alive.
///
/// # Examples
///
/// ```no_run
/// use sawmill::config::Watcher;
///
/// let runtime = sawmill::Runtime::builder().build()?;
/// let watcher = Watcher::builder("logging.yaml").levels_from_env("SAWMILL_LOG").start(&runtime)?;
/// // ... the service runs ...
/// watcher.stop();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[must_use = "it ends when it is dropped"]
pub struct Watcher {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    stop: bool,
    ended: bool,
    applied: u64,
    refused: u64,
}

impl WatcherBuilder {
    /// How often the file is read; 10 ms at least.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// Chooses the manner of reading.
    pub fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The names that the file may use.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Levels that hold whatever the file says, as [`Config::with_levels`] takes them.
    pub fn levels(mut self, levels: &str) -> Self {
        self.levels.push(levels.to_owned());
        self
    }

    /// The same from an environment variable, if it is set.
    pub fn levels_from_env(mut self, variable: &str) -> Self {
        self.variables.push(variable.to_owned());
        self
    }

    /// How large the file may be; a larger one is refused.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Applies the file as it is, and begins to watch it.
    ///
    /// # Errors
    ///
    /// As [`Config::load`] and [`Config::apply_to`], and then nothing is watched; or if an option
    /// is out of its range, or the thread cannot be started.
    pub fn start(self, runtime: &Runtime) -> Result<Watcher, Error> {
        const DAY: Duration = Duration::from_secs(86_400);
        if !(Duration::from_millis(10)..=DAY).contains(&self.every) {
            let text = format!("every: {:?} is not between 10 ms and a day", self.every);
            return Err(Error::invalid(text));
        }
        let content = self.read()?;
        self.config(&content)?.apply_to(runtime, &self.registry)?;
        let shared = Arc::new(Shared {
            path: self.path.clone(),
            state: Mutex::new(State { applied: 1, ..State::default() }),
            changed: Condvar::new(),
        });
        let (core, seen) = (Arc::downgrade(runtime.core()), shared.clone());
        thread::Builder::new()
            .name("sawmill-watch".to_owned())
            .spawn(move || {
                let _end = End(&seen);
                self.watch(&core, &seen, content);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Io, "cannot start the watcher's thread").because(error)
            })?;
        Ok(Watcher { shared })
    }

    fn config(&self, content: &[u8]) -> Result<Config, Error> {
        let mut config = Config::from_bytes(&self.path, content.to_vec())?.with_door(self.door);
        for variable in &self.variables {
            config = config.with_levels_from_env(variable)?;
        }
        Ok(self.levels.iter().fold(config, |config, levels| config.with_levels(levels)))
    }

    fn read(&self) -> Result<Vec<u8>, Error> {
        let failed = |error| Error::io("read", &self.path, error);
        let file = std::fs::File::open(&self.path).map_err(failed)?;
        let mut content = Vec::new();
        let limit = (self.max_bytes as u64).saturating_add(1);
        file.take(limit).read_to_end(&mut content).map_err(failed)?;
        if content.len() > self.max_bytes {
            let text = format!("{}: larger than {} bytes", self.path.display(), self.max_bytes);
            return Err(Error::invalid(text));
        }
        Ok(content)
    }

    fn watch(self, core: &Weak<Core>, shared: &Shared, content: Vec<u8>) {
        // What was dealt with last; an error counts as something seen, and is told once.
        let mut known: Result<Vec<u8>, String> = Ok(content);
        let mut before: Option<Result<Vec<u8>, String>> = None;
        let whence = self.path.display().to_string();
        loop {
            let wait = if before.is_some() { SETTLING.min(self.every) } else { self.every };
            if shared.sleep(wait) {
                return;
            }
            let read = self.read();
            let seen = match &read {
                Ok(content) => Ok(content.clone()),
                Err(error) => Err(error.to_string()),
            };
            if seen == known {
                before = None;
                continue;
            }
            if before.as_ref() != Some(&seen) {
                before = Some(seen);
                continue;
            }
            before = None;
            known = seen;
            let Some(core) = core.upgrade() else { return };
            let runtime = Runtime::from_core(core);
            if runtime.has_ended() {
                return;
            }
            let config = read.and_then(|content| self.config(&content));
            let applied = news::apply(config, &runtime, &self.registry, &whence).is_ok();
            let mut state = lock(&shared.state);
            *if applied { &mut state.applied } else { &mut state.refused } += 1;
        }
    }
}

impl Shared {
    /// Sleeps, and returns true if the watcher is to end.
    fn sleep(&self, time: Duration) -> bool {
        let state = lock(&self.state);
        let until = self.changed.wait_timeout_while(state, time, |state| !state.stop);
        until.unwrap_or_else(std::sync::PoisonError::into_inner).0.stop
    }
}

/// Tells that the thread has ended, however it did.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        lock(&self.0.state).ended = true;
        self.0.changed.notify_all();
    }
}

impl Watcher {
    /// Begins to watch a file: `.yaml`, `.yml`, `.json`, `.toml`, or `.ini`, `.conf`, `.cfg`.
    pub fn builder(path: impl AsRef<Path>) -> WatcherBuilder {
        WatcherBuilder {
            path: path.as_ref().to_owned(),
            every: Duration::from_secs(1),
            max_bytes: 1 << 20,
            door: Door::sawmill(),
            registry: Registry::new(),
            levels: Vec::new(),
            variables: Vec::new(),
        }
    }

    /// How many times the file was applied, the first time included.
    pub fn applied(&self) -> u64 {
        lock(&self.shared.state).applied
    }

    /// How many times a changed file was refused.
    pub fn refused(&self) -> u64 {
        lock(&self.shared.state).refused
    }

    /// Ends the watcher, as dropping it does: what it applied stays. A configuration under way is
    /// waited for, up to a second.
    pub fn stop(self) {}
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.stop = true;
        self.shared.changed.notify_all();
        // What is under way waits for the drain.
        let until = Instant::now() + if is_on_drain() { Duration::ZERO } else { FAREWELL };
        while !state.ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.changed.wait_timeout(state, left);
            state = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("path", &self.shared.path).finish_non_exhaustive()
    }
}
