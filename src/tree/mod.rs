//! The logger tree: names, levels, handlers, filters; and its compilation into snapshots.
//!
//! Two locks. `config` serialises changes and may be held across a wait; `state` is a leaf lock
//! that never calls out. A change edits the state, compiles a snapshot as a new generation,
//! publishes it, and only then rewrites the threshold words of nodes and call sites, so that no
//! record is admitted by a generation that the drain could not know.

mod logger;
mod names;
mod snapshot;
mod state;
mod temporary;
mod timer;

pub use logger::Logger;
pub(crate) use snapshot::{Departed, HandlerUse, Install, Route, Snapshot, Table};
pub(crate) use state::{Recording, State, Told};
pub use temporary::TemporaryLevels;

use crate::callsite::{self, Callsite, Threshold};
use crate::error::Error;
use crate::handler::{HandlerRef, Home};
use crate::lane::{Hub, Intake, fork};
use crate::level::Level;
use crate::node::Node;
use crate::record::{Birth, Caller, LogRecord};
use crate::sync::{
    Arc, Mutex, MutexGuard, OnceLock, Ordering, RwLockReadGuard, Weak, lock, thread,
};
use arc_swap::ArcSwap;
use std::fmt;
use std::thread::ThreadId;
use std::time::Instant;

/// Told the least level that any logger lets through, after each change.
type Listener = Box<dyn Fn(Level) + Send + Sync>;

/// Adds to records on the thread that logs.
pub(crate) type CallerHook = Arc<dyn Fn(&mut Caller) + Send + Sync>;

/// Changes each record on the thread that logs, before the call returns: Python's
/// `LogRecordFactory`.
///
/// See [`Runtime::set_record_factory`](crate::Runtime::set_record_factory).
pub type RecordFactory = dyn Fn(&mut LogRecord<'_>) + Send + Sync;

/// What runs on the thread that logs.
#[derive(Clone, Default)]
pub(crate) struct CallerHooks {
    pub(crate) fields: Vec<CallerHook>,
    pub(crate) factory: Option<Arc<RecordFactory>>,
}

impl CallerHooks {
    pub(crate) fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.factory.is_none()
    }
}

/// A runtime's loggers.
pub(crate) struct Tree {
    config: Mutex<()>,
    /// The thread that is making a change: what it edits on the way is part of that change.
    changing: Mutex<Option<ThreadId>>,
    state: Mutex<State>,
    current: ArcSwap<Snapshot>,
    /// Generations on their way to the drain.
    pub(crate) installs: Intake<Install>,
    listeners: Mutex<Vec<Listener>>,
    caller_hooks: ArcSwap<CallerHooks>,
    birth: ArcSwap<Birth>,
    home: OnceLock<Weak<dyn Home>>,
    hub: Arc<Hub>,
}

/// The state, locked; no fork happens meanwhile.
pub(crate) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    _gate: RwLockReadGuard<'static, ()>,
}

impl std::ops::Deref for Locked<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl fmt::Debug for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tree").field("loggers", &lock(&self.state).len()).finish_non_exhaustive()
    }
}

impl Tree {
    /// A tree with a root at `WARNING`, as Python's.
    pub(crate) fn new(hub: Arc<Hub>) -> Arc<Self> {
        let state = State::new();
        let snapshot = Arc::new(state.empty_snapshot());
        Arc::new(Self {
            config: Mutex::new(()),
            changing: Mutex::new(None),
            state: Mutex::new(state),
            current: ArcSwap::new(snapshot),
            installs: Intake::new(),
            listeners: Mutex::new(Vec::new()),
            caller_hooks: ArcSwap::default(),
            birth: ArcSwap::default(),
            home: OnceLock::new(),
            hub,
        })
    }

    /// Where this runtime's threads and its drain meet.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Notes who has the handlers; once, before the first handler.
    pub(crate) fn set_home(&self, home: Weak<dyn Home>) {
        let _ = self.home.set(home);
    }

    /// Adds a listener and tells it the current least level.
    #[cfg(feature = "log")]
    pub(crate) fn on_change(&self, listener: impl Fn(Level) + Send + Sync + 'static) {
        listener(self.state().least());
        lock(&self.listeners).push(Box::new(listener));
    }

    /// The state, for reading. Never held while calling out.
    pub(crate) fn state(&self) -> Locked<'_> {
        let gate = fork::pass();
        Locked { state: lock(&self.state), _gate: gate }
    }

    /// The newest snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Makes one new generation of all changes that `change` makes.
    ///
    /// # Errors
    ///
    /// What `change` says, or that a handler belongs to another runtime; nothing has changed then.
    pub(crate) fn change<R>(
        &self,
        change: impl FnOnce(&mut State) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let _serial = lock(&self.config);
        let mut state = self.state();
        let before = state.draft();
        *lock(&self.changing) = Some(thread::current().id());
        let changed = change(&mut state);
        *lock(&self.changing) = None;
        let result = changed.and_then(|result| {
            self.settle(&state.handlers_at_home())?;
            Ok(result)
        });
        if result.is_err() {
            state.restore(before);
            return result;
        }
        let install = state.compile();
        state.tell_levels();
        let snapshot = install.snapshot.clone();
        self.installs.push(install);
        self.current.store(snapshot);
        state.rewrite_words();
        let least = state.least();
        drop(state);
        lock(&self.listeners).iter().for_each(|listener| listener(least));
        result
    }

    fn settle(&self, handlers: &[HandlerRef]) -> Result<(), Error> {
        match self.home.get() {
            Some(home) => handlers.iter().try_for_each(|handler| handler.settle(home)),
            None => Ok(()),
        }
    }

    /// Makes the next generation although nothing of the tree changed: a handler's settings did.
    pub(crate) fn refresh(&self) {
        if *lock(&self.changing) == Some(thread::current().id()) {
            return;
        }
        let _ = self.change(|_| Ok(()));
    }

    /// Notes whom the drain has let go of; see [`State::departed`].
    pub(crate) fn departed(&self, departed: &mut Departed, generation: u32) {
        if !departed.is_empty() {
            self.state().departed(departed, generation);
        }
    }

    /// The node of a logger; makes it if there is none. `""` and `"root"` are the root.
    pub(crate) fn node(&self, name: &str) -> Arc<Node> {
        self.state().node(name)
    }

    /// Tells `watcher` every logger's number and name, now and when one is made. It runs under the
    /// state's lock and must not come back here.
    pub(crate) fn watch_names(&self, watcher: impl Fn(u32, Told<'_>) + Send + 'static) {
        self.state().watch_names(Box::new(watcher));
    }

    /// Binds a call site to its logger and gives it its number and threshold word.
    #[cold]
    pub(crate) fn register(&self, site: &'static Callsite) -> Threshold {
        let number = callsite::register(site);
        let mut state = self.state();
        let node = state.node_of_target(site.meta.target);
        let ids = u64::from(number) | u64::from(node.number()) << 32;
        site.ids.store(ids, Ordering::Relaxed);
        state.bind(site, node.number())
    }

    /// The hooks that run on the caller; read on the slow path only.
    pub(crate) fn caller_hooks(&self) -> arc_swap::Guard<Arc<CallerHooks>> {
        self.caller_hooks.load()
    }

    /// Changes the hooks that run on the caller; while there are any, every call takes the slow
    /// path.
    pub(crate) fn change_caller_hooks<R>(&self, change: impl FnOnce(&mut CallerHooks) -> R) -> R {
        let mut state = self.state();
        let mut hooks = CallerHooks::clone(&self.caller_hooks.load());
        let result = change(&mut hooks);
        state.hooked = !hooks.is_empty();
        self.caller_hooks.store(Arc::new(hooks));
        state.rewrite_words();
        result
    }

    /// What all records have in common; for the slow path.
    pub(crate) fn birth(&self) -> arc_swap::Guard<Arc<Birth>> {
        self.birth.load()
    }

    pub(crate) fn set_birth(&self, birth: Birth) {
        self.birth.store(Arc::new(birth));
    }

    /// As [`set_slow`](Self::set_slow), unless somebody holds the state for good: a process may be
    /// ending in the midst of a change. Returns whether it could be done before `deadline`.
    pub(crate) fn try_set_slow(&self, slow: bool, deadline: Instant) -> bool {
        loop {
            if let Ok(mut state) = self.state.try_lock() {
                state.slow = slow;
                state.rewrite_words();
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            thread::yield_now();
        }
    }

    /// Sends calls to the slow path, as far as that can be done without waiting: stores only, for a
    /// signal's handler.
    pub(crate) fn stop_calls(&self) {
        if let Ok(state) = self.state.try_lock() {
            state.slow_words();
        }
    }

    /// Sends every call to the slow path, or back to the fast one.
    pub(crate) fn set_slow(&self, slow: bool) {
        let mut state = self.state();
        state.slow = slow;
        state.rewrite_words();
    }

    /// One more (or fewer) scope redirects a thread's calls: while there is one, every call site
    /// passes everything to the slow path.
    pub(crate) fn add_scope(&self, more: bool) {
        let mut state = self.state();
        state.scopes = if more { state.scopes + 1 } else { state.scopes - 1 };
        state.rewrite_words();
        let least = state.least();
        drop(state);
        lock(&self.listeners).iter().for_each(|listener| listener(least));
    }
}
