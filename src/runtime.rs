//! A runtime: loggers, lanes, a drain and handlers, as one value.

mod basic;
mod builder;
mod core;
mod crash;
mod durability;
mod fork;
pub(crate) mod levels;
mod recorder;
mod seat;
#[cfg(feature = "config")]
mod turn;

pub(crate) use self::core::Core;
pub use self::core::Drain;
pub use basic::{BASIC_FORMAT, BasicConfig};
pub use builder::RuntimeBuilder;
pub(crate) use builder::default_options;
pub use crash::CrashHandling;
pub use durability::Lanes;
pub use recorder::FlightRecorder;

use crate::drain::{Recovery, Report, Stats};
use crate::error::Error;
use crate::front;
use crate::handler::HandlerRef;
use crate::lane::Overflow;
use crate::level::Level;
use crate::record::{Caller, LogRecord, OwnedRecord, Render};
use crate::sync::Arc;
use crate::tree::{Logger, RecordFactory, State};
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A logging runtime: a logger tree, lanes for the threads that log, a drain, handlers.
///
/// The macros use the default runtime; any number of others live side by side, each with its own
/// loggers (`info!(logger: x, ...)`), or for a scope ([`scope`](Self::scope)). Cloning gives
/// another handle of the same runtime; when the last one goes, what was published is delivered,
/// within a second, and the handlers are closed.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// let log = runtime.get_logger("audit");
/// sawmill::warning!(logger: log, "user {} locked", 7);
/// assert!(runtime.flush(Duration::from_secs(1)).is_complete());
/// assert_eq!(runtime.records()[0].view().message()?, "user 7 locked");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Clone)]
pub struct Runtime {
    core: Arc<Core>,
}

impl Runtime {
    pub(crate) fn from_core(core: Arc<Core>) -> Self {
        Self { core }
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.core
    }

    /// Begins a runtime of one's own.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::new()
    }

    /// Begins a configuration of the root logger in Python's manner.
    pub fn basic_config(&self) -> BasicConfig {
        BasicConfig::new(self.clone())
    }

    /// The logger of this name, made if there is none; `""` and `"root"` are the root logger.
    ///
    /// `::` reads as a dot, so that `get_logger(module_path!())` is the logger of the module.
    /// Loggers live as long as their runtime. Takes a lock.
    pub fn get_logger(&self, name: &str) -> Logger {
        let node = self.core.tree().state().node_of_target(name);
        Logger::new(node, self.core.tree().clone())
    }

    /// The root logger.
    pub fn root(&self) -> Logger {
        self.get_logger("")
    }

    /// Every logger that was ever asked for, the root first.
    pub fn loggers(&self) -> Vec<Logger> {
        let tree = self.core.tree();
        let nodes: Vec<_> = {
            let state = tree.state();
            (0..state.len() as u32).map(|number| state.node_at(number).clone()).collect()
        };
        nodes.into_iter().map(|node| Logger::new(node, tree.clone())).collect()
    }

    /// Returns the logger of this name if it was ever asked for; `::` reads as a dot.
    pub fn find_logger(&self, name: &str) -> Option<Logger> {
        let state = self.core.tree().state();
        let node = state.node_at(state.find(&name.replace("::", "."))?).clone();
        drop(state);
        Some(Logger::new(node, self.core.tree().clone()))
    }

    /// Names a level for output and for configurations; earlier names keep reading.
    pub fn add_level_name(&self, level: Level, name: &str) {
        let _ = self.core.tree().change(|state| {
            state.level_names_mut().add(level, name);
            Ok(())
        });
    }

    /// The name of a level, or `Level N` for one without: Python's `getLevelName`.
    pub fn level_name(&self, level: Level) -> Arc<str> {
        self.core.tree().state().level_names().text(level)
    }

    /// The level of a name in its exact case, as configurations spell it.
    pub fn level_by_name(&self, name: &str) -> Option<Level> {
        self.core.tree().state().level_names().level(name)
    }

    /// Forgets a name, for output and for configurations. Python knows no `TRACE`.
    pub fn remove_level_name(&self, name: &str) {
        let _ = self.core.tree().change(|state| {
            state.level_names_mut().remove(name);
            Ok(())
        });
    }

    /// Every name of a level, in the order in which the names were first given.
    pub fn level_names(&self) -> Vec<(String, Level)> {
        let state = self.core.tree().state();
        state.level_names().names().map(|(name, level)| (name.to_owned(), level)).collect()
    }

    /// Switches off all records at `level` and below, for every logger; `NOTSET` lifts it.
    pub fn disable(&self, level: Level) {
        let _ = self.core.tree().change(|state| {
            state.set_disable(level);
            Ok(())
        });
    }

    /// The level given to [`disable`](Self::disable) last.
    pub fn disabled_level(&self) -> Level {
        self.core.tree().state().disable()
    }

    /// Sets who gets records that no handler was found for; `None`: nobody.
    ///
    /// # Errors
    ///
    /// [`Error::is_already`] if the handler belongs to another runtime.
    pub fn set_last_resort(&self, handler: Option<HandlerRef>) -> Result<(), Error> {
        self.core.tree().change(|state| {
            state.set_last_resort(handler);
            Ok(())
        })
    }

    /// Who gets records that no handler was found for.
    pub fn last_resort(&self) -> Option<HandlerRef> {
        self.core.tree().state().last_resort().cloned()
    }

    /// The handlers that have their home here, attached or kept, oldest first.
    pub fn handlers(&self) -> Vec<HandlerRef> {
        self.core.tree().state().handlers().to_vec()
    }

    /// The handler of this name, the youngest if several have it.
    pub fn handler_by_name(&self, name: &str) -> Option<HandlerRef> {
        let handlers = self.handlers();
        handlers.into_iter().rev().find(|handler| handler.listed_name().as_deref() == Some(name))
    }

    /// Adds a hook that adds fields to every record of this runtime, on the thread that logs it:
    /// what Python does with a record factory.
    ///
    /// It runs for enabled records only, before the call returns, and may read thread-locals. It
    /// may log; such a record is made without hooks. From the first hook on every call takes the
    /// slow path and pays the hooks and a copy of their fields, some hundred nanoseconds; for what
    /// changes seldom a [`scope!`](crate::scope) costs nothing. A panic in it is contained, and
    /// the record says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::{Runtime, ValueBuf};
    ///
    /// let runtime = Runtime::builder().capture().build()?;
    /// runtime.add_caller_fields(|caller| {
    ///     let on = std::thread::current().name().unwrap_or("?").to_owned();
    ///     caller.field("on", ValueBuf::of(&on));
    /// });
    /// runtime.scope(|| sawmill::warning!("x"));
    /// assert!(runtime.records()[0].view().field("on").is_some());
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn add_caller_fields(&self, hook: impl Fn(&mut Caller) + Send + Sync + 'static) {
        self.core.tree().change_caller_hooks(|hooks| hooks.fields.push(Arc::new(hook)));
    }

    /// Sets what may change every record of this runtime, on the thread that logs it and before
    /// the call returns: Python's `setLogRecordFactory`. Returns the one before, which the new one
    /// may call.
    ///
    /// It sees the record as filters do, and changes it by the same methods: attributes by their
    /// Python names (`name`, `levelno`, `levelname`, `threadName`, `created`, ...), the message,
    /// fields. What it sets goes before the fields of scopes, adapters and the call itself. The
    /// record still goes to the handlers of the logger that was called, and was let through by
    /// that logger's level; handlers and filters see it changed. Its number in the lane is not
    /// known yet: [`sequence`](LogRecord::sequence) says 0.
    ///
    /// It runs for enabled records only, those of [`Logger::handle`] too, and after the hooks of
    /// [`add_caller_fields`](Self::add_caller_fields). It may log; such a record is made without
    /// it. While one is set every call takes the slow path and pays for the view, which allocates,
    /// for the factory, and for a copy of what it changed; with none set a call costs what it
    /// always does. A panic in it is contained: the record goes on unchanged but for a field
    /// `record_factory` that says so.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::{LogRecord, Runtime, ValueBuf};
    ///
    /// let runtime = Runtime::builder().capture().build()?;
    /// runtime.set_record_factory(|record: &mut LogRecord<'_>| {
    ///     record.set_attribute("name", ValueBuf::of("app"));
    ///     record.set_attribute("custom", ValueBuf::of(&0xdeca_fbad_u32));
    /// });
    /// // Another one beside it, as Python's cookbook has it.
    /// if let Some(before) = runtime.record_factory() {
    ///     runtime.set_record_factory(move |record: &mut LogRecord<'_>| {
    ///         before(record);
    ///         let text = format!("<{}>", record.message().unwrap_or_default());
    ///         record.set_message(text);
    ///     });
    /// }
    /// runtime.scope(|| sawmill::warning!("x"));
    /// let records = runtime.records();
    /// assert_eq!(records[0].view().logger(), "app");
    /// assert_eq!(records[0].view().message()?, "<x>");
    /// assert_eq!(records[0].view().field("custom").unwrap().to_string(), "3737844653");
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn set_record_factory(
        &self,
        factory: impl Fn(&mut LogRecord<'_>) + Send + Sync + 'static,
    ) -> Option<Arc<RecordFactory>> {
        self.core.tree().change_caller_hooks(|hooks| hooks.factory.replace(Arc::new(factory)))
    }

    /// What changes records on the thread that logs: Python's `getLogRecordFactory`. `None` unless
    /// one is set.
    pub fn record_factory(&self) -> Option<Arc<RecordFactory>> {
        self.core.tree().caller_hooks().factory.clone()
    }

    /// Takes the record factory away and returns it. Calls are as fast as before it was set.
    pub fn remove_record_factory(&self) -> Option<Arc<RecordFactory>> {
        self.core.tree().change_caller_hooks(|hooks| hooks.factory.take())
    }

    /// Registers a message renderer and returns its number, for
    /// [`RecordBuilder::renderer`](crate::RecordBuilder::renderer).
    pub fn add_renderer(&self, renderer: impl Render + 'static) -> u32 {
        let renderer: Arc<dyn Render> = Arc::new(renderer);
        self.core.tree().change(|state| Ok(state.add_renderer(renderer))).unwrap_or(0)
    }

    /// Sets what a call does when its thread's ring is full, from now on.
    pub fn set_overflow(&self, overflow: Overflow) {
        self.core.tree().hub().set_overflow(overflow);
    }

    /// Whether the runtime was shut down.
    #[cfg(feature = "config")]
    pub(crate) fn has_ended(&self) -> bool {
        self.core.tree().hub().mode() == crate::lane::Mode::Ended
    }

    #[cfg(feature = "config")]
    pub(crate) fn now_ns(&self) -> i64 {
        self.core.now_ns()
    }

    /// Makes one new generation of many changes, or none if `change` fails.
    pub(crate) fn reconfigure<R>(
        &self,
        change: impl FnOnce(&mut State) -> Result<R, Error>,
    ) -> Result<R, Error> {
        self.core.tree().change(change)
    }

    /// Delivers everything that was published before the call, and flushes the handlers.
    ///
    /// Records published meanwhile are not waited for, so this ends under constant load too. On
    /// the drain itself (in a handler) nothing is waited for, and the report says so.
    pub fn flush(&self, timeout: Duration) -> Report {
        self.core.flush(timeout, false)
    }

    /// As [`flush`](Self::flush), and has the system write the files to the disk, so that a power
    /// failure takes nothing of it. [`Report::is_synced`] says whether that was done. Waits for the
    /// disk on the drain, whatever the timeout.
    pub fn sync(&self, timeout: Duration) -> Report {
        self.core.flush(timeout, true)
    }

    /// Hands everything that was published before the call to the handlers, without flushing them:
    /// what a memory handler keeps it still keeps.
    ///
    /// On the drain itself nothing is waited for, and the report says so.
    pub fn deliver(&self, timeout: Duration) -> Report {
        self.core.deliver(timeout)
    }

    /// Ends the runtime: delivers everything that was published, flushes and closes the handlers,
    /// newest first, and ends the drain's thread. Python's `shutdown`.
    ///
    /// Later records are counted ([`Stats::after_end`]) and go nowhere. A second call does
    /// nothing and reports the same state.
    pub fn shutdown(&self, timeout: Duration) -> Report {
        self.core.shutdown(timeout)
    }

    /// Holds back delivery: the drain takes nothing until [`resume`](Self::resume). Lanes fill
    /// meanwhile, and the overflow policy applies.
    ///
    /// # Errors
    ///
    /// [`Error::is_timeout`] if the drain did not answer in time, [`Error::is_closed`] after the
    /// end, [`Error::is_on_drain`] on the drain itself.
    pub fn pause(&self, timeout: Duration) -> Result<(), Error> {
        self.core.pause(timeout)
    }

    /// Delivers again after [`pause`](Self::pause) or [`stop`](Self::stop).
    ///
    /// # Errors
    ///
    /// [`Error::is_closed`] after the end; [`Error::is_io`] if no thread could be started.
    pub fn resume(&self) -> Result<(), Error> {
        self.core.resume()
    }

    /// Delivers what was published and ends the drain's thread, as Python's `QueueListener.stop`;
    /// records logged later wait in the lanes until [`resume`](Self::resume).
    pub fn stop(&self, timeout: Duration) -> Report {
        self.core.stop(timeout)
    }

    /// Delivers what dead processes left in a directory, in mapped lanes or spilled, through this
    /// runtime's handlers and in the order of time, and removes it. Their records carry the field
    /// `recovered`.
    ///
    /// Files that such a process was writing to are cut to what it had finished, so that no record
    /// is there twice; lines that went elsewhere may come again. May be interrupted and repeated.
    /// Runs of living processes are left alone, and all of them while another process recovers.
    /// Starting with [`durability`](RuntimeBuilder::durability) does this for its own directory.
    ///
    /// # Errors
    ///
    /// [`Error::is_io`] if the directory cannot be read or written to; [`Error::is_on_drain`] on the
    /// drain; [`Error::is_closed`] after the end; [`Error::is_timeout`] if the drain does not answer.
    pub fn recover(&self, dir: impl AsRef<Path>, timeout: Duration) -> Result<Recovery, Error> {
        self.core.recover(dir.as_ref(), timeout)
    }

    /// Has what the [flight recorder](RuntimeBuilder::flight_recorder) keeps written now, and
    /// flushes the handlers. Returns how many records that was; 0 without a recorder.
    ///
    /// # Errors
    ///
    /// [`Error::is_on_drain`] on the drain itself, [`Error::is_closed`] after the end,
    /// [`Error::is_timeout`] if the drain did not answer in time: it may write them yet.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::{FlightRecorder, Runtime, debug};
    /// use std::time::Duration;
    ///
    /// let runtime = Runtime::builder()
    ///     .level(sawmill::Level::INFO)
    ///     .handler("null", sawmill::NullHandler::new())
    ///     .flight_recorder(FlightRecorder::new(1 << 20))
    ///     .build()?;
    /// let log = runtime.get_logger("cache");
    /// debug!(logger: log, "cold");
    /// assert_eq!(runtime.dump_recorder(Duration::from_secs(10))?, 1);
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn dump_recorder(&self, timeout: Duration) -> Result<u64, Error> {
        self.core.dump_recorder(timeout)
    }

    /// Drains the lanes of other processes from now on, those with
    /// [`Lanes::Collected`](crate::Lanes::Collected) of this directory, while they live and after
    /// they died, through this runtime's handlers and in the order of time with its own records.
    /// What dead processes left there is taken over first, as by [`recover`](Self::recover).
    ///
    /// Ends with the runtime: workers go on, and their lanes keep what fits until the next
    /// collector begins. Should this process die, that one goes on where this one's last batch
    /// was written, so that each record is once in the files of this library's own handlers.
    ///
    /// # Errors
    ///
    /// [`Error::is_already`] if another process collects the lanes there; [`Error::is_invalid`] if
    /// the runtime has no drain's thread; [`Error::is_io`] if the directory cannot be made or
    /// read; [`Error::is_on_drain`] on the drain; [`Error::is_timeout`] if it does not answer.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// use sawmill::{FileHandler, Lanes, Runtime};
    ///
    /// // In the one process that writes:
    /// let collector = Runtime::builder().handler("file", FileHandler::new("all.log")?).build()?;
    /// collector.collect("/dev/shm/shop")?;
    ///
    /// // In each of the others:
    /// sawmill::builder().durability(Lanes::mapped("shop").collected()).init()?;
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn collect(&self, dir: impl AsRef<Path>) -> Result<(), Error> {
        self.core.collect(dir.as_ref())
    }

    /// How many processes this runtime has found to [collect](Self::collect) from, and how many of
    /// them live or have left something that is not written yet.
    ///
    /// # Errors
    ///
    /// As [`pause`](Self::pause).
    pub fn collected_processes(&self, timeout: Duration) -> Result<(u64, u64), Error> {
        self.core.collected(timeout)
    }

    /// The books.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    /// Opens this thread's lane now, with a ring of `bytes` bytes (rounded up to a power of two,
    /// 4 KiB to 64 MiB; 0 for the default size), so that the first call does not pay for it.
    /// Returns false if the thread has a lane already.
    pub fn attach_thread(&self, bytes: usize) -> bool {
        front::attach(self.core.tree().hub(), (bytes != 0).then_some(bytes))
    }

    /// The records that a runtime built with [`capture`](RuntimeBuilder::capture) has kept, after
    /// a flush of up to ten seconds.
    pub fn records(&self) -> Vec<OwnedRecord> {
        let _ = self.flush(RECORDS_LIMIT);
        self.core.captured().map(|kept| kept.get()).unwrap_or_default()
    }

    /// Forgets the records kept so far.
    pub fn clear_records(&self) {
        let _ = self.flush(RECORDS_LIMIT);
        self.core.captured().map(|kept| kept.take());
    }
}

/// How long [`Runtime::records`] waits: a drain's new thread may starve on a loaded machine.
const RECORDS_LIMIT: Duration = Duration::from_secs(10);

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("tree", self.core.tree()).finish_non_exhaustive()
    }
}
