//! From a plan to one new generation.
//!
//! Everything is made first, without touching a file; then each file is tried, leaving no trace;
//! only then does anything change. Records admitted before go to the handlers of before, which
//! are closed once they have them.

use super::changes::Changes;
use super::plan::{HandlerPlan, LoggerPlan, Made, Plan, Surroundings, join};
use super::problem::{Problems, Refused};
use super::registry::{Parts, Registry};
use super::{Config, Source, arguments::Opens};
use crate::error::{Error, ErrorKind};
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::handler::file::FileMode;
use crate::lane::{Overflow, is_on_drain};
use crate::level::Level;
use crate::runtime::{Runtime, levels};
use crate::sync::Arc;
use crate::tree::State;
use std::cell::Cell;
use std::collections::HashMap;
use std::fs::OpenOptions;
use std::time::Duration;

/// How long the handlers of before may take for what they still hold, and each file to open.
const HANDOVER: Duration = Duration::from_secs(10);

impl Config {
    /// Resolves and checks the configuration against what a runtime knows: its level names, its
    /// handlers. Touches no file, changes nothing.
    ///
    /// # Errors
    ///
    /// Every problem, with its place.
    pub fn plan(&self, runtime: &Runtime, registry: &Registry) -> Result<Plan, Refused> {
        // On its own line: the state stays locked to the statement's end.
        let levels = runtime.core().tree().state().level_names().clone();
        let around =
            Surroundings { levels, handlers: names(runtime), now_ns: Some(runtime.now_ns()) };
        self.plan_within(registry, &around)
    }

    /// Plans the configuration and applies it to a runtime.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan) and [`Plan::apply`].
    pub fn apply_to(&self, runtime: &Runtime, registry: &Registry) -> Result<(), Error> {
        Ok(self.plan(runtime, registry)?.apply(runtime)?)
    }

    /// Plans the configuration now, and applies it later: on the drain, where a handler or filter
    /// asks for it, nothing may wait for the drain itself.
    ///
    /// Returns when the configuration is checked. It is applied after the pass of the drain: with
    /// [`Drain::Inline`](crate::Drain::Inline) before the call returns whose record brought it
    /// about, otherwise soon, on a thread `sawmill-config` that ends with the last configuration
    /// that waits. `done` is told the outcome, there.
    ///
    /// # Errors
    ///
    /// As [`plan`](Self::plan), or if the thread cannot be started; `done` is dropped then.
    pub fn apply_later(
        &self,
        runtime: &Runtime,
        registry: &Registry,
        done: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Error> {
        let plan = self.plan(runtime, registry)?;
        let core = Arc::downgrade(runtime.core());
        runtime.later(Box::new(move || {
            if let Some(core) = core.upgrade() {
                done(plan.apply(&Runtime::from_core(core)).map_err(Error::from));
            }
        }))
    }
}

fn names(runtime: &Runtime) -> Vec<String> {
    let handlers = runtime.handlers();
    handlers.iter().filter_map(|it| it.listed_name()).map(|it| it.to_string()).collect()
}

/// What a plan has made, by id.
#[derive(Default)]
struct World {
    formatters: HashMap<String, FormatterRef>,
    filters: HashMap<String, FilterRef>,
    handlers: HashMap<String, HandlerRef>,
    /// In the order of their making.
    order: Vec<HandlerRef>,
    opens: Vec<(String, Opens)>,
}

impl Plan {
    /// Makes what the plan says and puts it in force, as one new generation.
    ///
    /// Records logged before are delivered by the handlers of before, which are then flushed and
    /// closed; that is waited for, up to ten seconds.
    ///
    /// # Errors
    ///
    /// What factories and files say, all of it; nothing has changed then, and no file was made or
    /// emptied. Or if it is asked for on the drain, which this would wait for: there,
    /// [`Config::apply_later`] does it.
    pub fn apply(self, runtime: &Runtime) -> Result<(), Refused> {
        self.apply_telling(runtime).map(drop)
    }

    /// Applies the plan and tells what it changed.
    pub(super) fn apply_telling(self, runtime: &Runtime) -> Result<Changes, Refused> {
        if is_on_drain() {
            let text = "a configuration cannot be applied on the drain, by a handler or filter, \
                        which would wait for itself; apply_later does it after the pass";
            return Err(Refused::one("", Error::new(ErrorKind::OnDrain, text)));
        }
        let mut turn = runtime.turn().map_err(|error| Refused::one("", error))?;
        let former = turn.note().and_then(|note| note.downcast_ref::<Source>());
        let source = self.source.clone();
        let changes = source.as_deref().map(|source| match self.incremental {
            true => Changes::all(source),
            false => Changes::between(former, source),
        });
        if self.incremental {
            self.apply_increments(runtime)?;
        } else {
            self.apply_whole(runtime)?;
            if let Some(source) = source {
                turn.set_note(source);
            }
        }
        Ok(changes.unwrap_or_default())
    }

    fn apply_whole(self, runtime: &Runtime) -> Result<(), Refused> {
        let Self {
            door,
            disable_existing,
            keep_unattached,
            formatters,
            filters,
            handlers,
            loggers,
            overlay,
            ..
        } = self;
        let mut problems = Problems::default();
        let mut world = World::default();
        world.make(formatters, filters, handlers, &mut problems);
        if problems.is_empty() {
            try_files(&world.opens, &mut problems);
        }
        problems.into_result()?;

        let last_resort = runtime.last_resort();
        let mut former = runtime.handlers();
        former.retain(|handler| Some(handler) != last_resort.as_ref());
        let kept: Vec<HandlerRef> = world.order.iter().chain(&former).cloned().collect();
        let attached = runtime.reconfigure(|state| {
            world.install(state, &loggers, disable_existing);
            levels::set(state, &overlay);
            state.keep_only(&kept);
            state.set_failing_filter_aborts(door.failing_filter_aborts);
            Ok(reachable(state.attached().cloned().chain(world.order.iter().cloned()).collect()))
        });
        let attached = attached.map_err(|error| Refused::one("", error))?;
        if door.wait_when_full {
            runtime.set_overflow(Overflow::block());
        }
        // Whatever the handlers of before still get, they get now.
        let _ = runtime.deliver(HANDOVER);
        for handler in former.iter().rev() {
            if door.close_former_handlers || !attached.contains(handler) {
                // A handler that fails to close has told so; the next one is closed all the same.
                let _ = handler.close(HANDOVER);
            }
        }
        for handler in &world.order {
            // One that cannot be opened any more is opened by its next record, which tells.
            let _ = handler.open(HANDOVER);
        }
        let done = runtime.reconfigure(|state| {
            state.keep_only(if keep_unattached { &world.order } else { &[] });
            Ok(())
        });
        done.map_err(|error| Refused::one("", error))
    }

    fn apply_increments(self, runtime: &Runtime) -> Result<(), Refused> {
        for (id, level) in &self.levels {
            if let Some(handler) = runtime.handler_by_name(id) {
                handler.set_level(*level);
            }
        }
        let done = runtime.reconfigure(|state| {
            for logger in &self.loggers {
                let number = state.number(&logger.name);
                let settings = state.settings_mut(number);
                settings.level = logger.level.unwrap_or(settings.level);
                settings.propagate = logger.propagate.unwrap_or(settings.propagate);
                settings.disabled &= !logger.enable;
            }
            levels::set(state, &self.overlay);
            Ok(())
        });
        done.map_err(|error| Refused::one("", error))
    }
}

/// Handlers and those that they forward to.
fn reachable(mut found: Vec<HandlerRef>) -> Vec<HandlerRef> {
    let mut at = 0;
    while at < found.len() {
        for target in found[at].targets() {
            if !found.contains(&target) {
                found.push(target);
            }
        }
        at += 1;
    }
    found
}

impl World {
    fn make(
        &mut self,
        formatters: Vec<Made<FormatterRef>>,
        filters: Vec<Made<FilterRef>>,
        handlers: Vec<HandlerPlan>,
        problems: &mut Problems,
    ) {
        let nothing = HashMap::new();
        let opens = Cell::default();
        let parts = Parts { handlers: &nothing, opens: &opens };
        for it in formatters {
            let path = join("formatters", &it.id);
            if let Some(made) = noted((it.make)(&parts), path, problems) {
                self.formatters.insert(it.id, made);
            }
        }
        for it in filters {
            let path = join("filters", &it.id);
            if let Some(made) = noted((it.make)(&parts), path, problems) {
                self.filters.insert(it.id, made);
            }
        }
        for it in handlers {
            let id = it.made.id;
            let made = (it.made.make)(&Parts { handlers: &self.handlers, opens: &opens });
            let Some(handler) = noted(made, join("handlers", &id), problems) else { continue };
            if let Some(formatter) = it.formatter.and_then(|id| self.formatters.get(&id)) {
                handler.set_formatter(Some(formatter.clone()));
            }
            if let Some(level) = it.level {
                handler.set_level(level);
            }
            // Python's NullHandler does nothing at all with a record, filtering included.
            let filters = if handler.kind() == "NullHandler" { &[][..] } else { &it.filters };
            for filter in filters.iter().filter_map(|id| self.filters.get(id)) {
                handler.add_filter(filter.clone());
            }
            handler.set_name(Some(&id));
            let opens = it.opens.or_else(|| opens.take());
            self.opens.extend(opens.map(|opens| (id.clone(), opens)));
            self.order.push(handler.clone());
            self.handlers.insert(id, handler);
        }
    }

    /// Makes the loggers what the plan says, and settles what becomes of the others.
    fn install(&self, state: &mut State, loggers: &[LoggerPlan], disable_existing: bool) {
        let existing = state.len() as u32;
        let named = |name: &str| loggers.iter().any(|logger| logger.name == name);
        for number in 1..existing {
            let name = state.node_at(number).name().to_string();
            if named(&name) {
                continue;
            }
            let ancestors =
                name.match_indices('.').map(|(at, _)| &name[..at]).filter(|it| !it.is_empty());
            let below = ancestors.into_iter().any(named);
            let settings = state.settings_mut(number);
            if below {
                settings.level = Level::NOTSET;
                settings.handlers.clear();
                settings.propagate = true;
            } else {
                settings.disabled = disable_existing;
            }
        }
        for logger in loggers {
            let number = state.number(&logger.name);
            let settings = state.settings_mut(number);
            settings.level = logger.level.unwrap_or(settings.level);
            settings.propagate = logger.propagate.unwrap_or(settings.propagate);
            settings.disabled &= !logger.enable;
            settings.handlers.clear();
            for handler in logger.handlers.iter().filter_map(|id| self.handlers.get(id)) {
                if !settings.handlers.contains(handler) {
                    settings.handlers.push(handler.clone());
                }
            }
            for filter in logger.filters.iter().filter_map(|id| self.filters.get(id)) {
                if !settings.filters.contains(filter) {
                    settings.filters.push(filter.clone());
                }
            }
        }
    }
}

/// Notes why something could not be made; a refusal tells its own problems.
fn noted<T>(made: Result<T, Error>, path: String, problems: &mut Problems) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) => {
            let source = std::error::Error::source(&error);
            match source.and_then(|source| source.downcast_ref::<Refused>()) {
                Some(refused) => problems.extend(refused.problems().iter().cloned()),
                None => problems.add(path, error),
            }
            None
        }
    }
}

/// Opens each file that is to be opened at once, as it will be, and leaves no trace of it.
fn try_files(opens: &[(String, Opens)], problems: &mut Problems) {
    for (id, opens) in opens.iter().filter(|(_, opens)| !opens.delay) {
        let before = std::fs::symlink_metadata(&opens.path);
        let exists = std::fs::metadata(&opens.path);
        let result = match &exists {
            // A pipe waits for its reader; a terminal has nothing to try.
            Ok(meta) if !meta.is_file() && !meta.is_dir() => continue,
            Ok(_) if opens.mode == FileMode::New => {
                Err(std::io::Error::from(std::io::ErrorKind::AlreadyExists))
            }
            _ => OpenOptions::new().append(true).create(true).open(&opens.path).map(drop),
        };
        if let Err(error) = result {
            let error = Error::io("open", &opens.path, error);
            problems.add(join("handlers", id), error);
        } else if exists.is_err() {
            // A dangling link stays; the file that it leads to was made just now.
            let made = match before {
                Ok(_) => std::fs::canonicalize(&opens.path).unwrap_or(opens.path.clone()),
                Err(_) => opens.path.clone(),
            };
            let _ = std::fs::remove_file(made);
        }
    }
}
