//! The typed builder of a runtime.

use super::Runtime;
use super::core::{Core, CoreOptions, Drain};
use super::crash::CrashHandling;
use super::durability::Lanes;
use super::levels;
use super::recorder::FlightRecorder;
use crate::clock::ClockSource;
use crate::drain::{BackendOptions, Failure, ThreadOptions, Wait, to_stderr};
use crate::error::Error;
use crate::format::{ConsoleFormatter, Formatter, FormatterRef};
use crate::handler::{CaptureHandler, HandlerRef, StreamHandler, last_resort};
use crate::lane::{HubOptions, Overflow};
use crate::level::Level;
use crate::record::{ProcessInfo, Without};
use crate::sync::Arc;
use std::fmt;
use std::time::Duration;

/// Builds a [`Runtime`]; [`build`](Self::build) and [`init`](Self::init) are the only steps that
/// can fail, and name the field that is wrong.
///
/// | option | default | unit, range | cost |
/// |---|---|---|---|
/// | [`level`](Self::level) | `WARNING`; `INFO` if nothing else was said of levels or handlers but `console` | level | none |
/// | [`level_for`](Self::level_for) | the parent's | logger, level | none |
/// | [`handler`](Self::handler) | none | name, handler on the root | its own |
/// | [`handler_for`](Self::handler_for) | none | logger, name, handler | its own |
/// | [`console`](Self::console) | off | | one worker thread |
/// | [`env`](Self::env) | off | variable, `info,db=debug` | none |
/// | [`levels`](Self::levels) | none | text, `info,db=debug` | none |
/// | [`drain`](Self::drain) | `Drain::Thread` | | one thread; `Inline`: each call delivers |
/// | [`wait`](Self::wait) | `Wait::Backoff` | see [`Wait`] | idle CPU against delay |
/// | [`affinity`](Self::affinity) | none | CPU number | |
/// | [`thread_name`](Self::thread_name) | `sawmill` | text without NUL | |
/// | [`clock`](Self::clock) | `ClockSource::Auto` | see [`ClockSource`] | 9 ns a call |
/// | [`lane_bytes`](Self::lane_bytes) | a 16th of what is left of 32 MiB, 16 KiB to 1 MiB | bytes, 4 KiB to 64 MiB | memory of each thread that logs |
/// | [`overflow`](Self::overflow) | see [`Overflow`] | | waits of callers |
/// | [`grace`](Self::grace) | 10 us | at most 1 s | delay of each record where several threads log |
/// | [`on_error`](Self::on_error) | a line on stderr | closure | none |
/// | [`report_every_error`](Self::report_every_error) | off: once per cause and minute | | |
/// | [`process_name`](Self::process_name) | `MainProcess` | text | none |
/// | [`threads`](Self::threads), [`processes`](Self::processes), [`process_names`](Self::process_names), [`tasks`](Self::tasks) | on | | none |
/// | [`exit_hook`](Self::exit_hook) | on | | up to 1 s at the process's end |
/// | [`durability`](Self::durability) | `Lanes::Heap` | see [`Lanes`] | mapped: a file for each thread that logs |
/// | [`crash_handling`](Self::crash_handling) | off | see [`CrashHandling`] | the end by a signal waits for the drain |
/// | [`flight_recorder`](Self::flight_recorder) | off | see [`FlightRecorder`] | its bytes; calls below their logger's level cost what enabled ones do |
/// | [`log_bridge`](Self::log_bridge) | on for `init` | feature `log` | |
/// | [`capture`](Self::capture) | off | | keeps every record in memory |
///
/// # Examples
///
/// ```
/// use sawmill::{Level, NullHandler, Runtime};
///
/// let runtime = Runtime::builder()
///     .level(Level::INFO)
///     .level_for("db::pool", Level::DEBUG)
///     .handler("null", NullHandler::new())
///     .build()?;
/// assert_eq!(runtime.get_logger("db.pool").effective_level(), Level::DEBUG);
/// # Ok::<(), sawmill::Error>(())
/// ```
#[must_use = "a builder does nothing until `build` or `init`"]
pub struct RuntimeBuilder {
    level: Option<Level>,
    levels: Vec<(String, Level)>,
    handlers: Vec<(String, String, HandlerRef)>,
    console: bool,
    capture: bool,
    env: Option<String>,
    texts: Vec<String>,
    bridge: bool,
    options: CoreOptions,
    affinity: Option<usize>,
    recorder: Option<FlightRecorder>,
}

impl fmt::Debug for RuntimeBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RuntimeBuilder")
            .field("level", &self.level)
            .field("levels", &self.levels)
            .field("handlers", &self.handlers)
            .finish_non_exhaustive()
    }
}

/// What a runtime is made with if nothing is said.
pub(crate) fn default_options() -> CoreOptions {
    CoreOptions {
        drain: Drain::Thread,
        thread: ThreadOptions { wait: Wait::default(), cpu: None },
        thread_name: "sawmill".to_owned(),
        clock: ClockSource::Auto,
        hub: HubOptions::default(),
        backend: BackendOptions {
            grace: Duration::from_micros(10),
            process: ProcessInfo { id: std::process::id(), name: "MainProcess".to_owned() },
            without: Without::default(),
            write_through: false,
            recorder: None,
        },
        hook: Arc::new(to_stderr),
        report_every: false,
        exit_hook: true,
        crash: None,
        lanes: Lanes::Heap,
    }
}

impl RuntimeBuilder {
    pub(crate) fn new() -> Self {
        Self {
            level: None,
            levels: Vec::new(),
            handlers: Vec::new(),
            console: false,
            capture: false,
            env: None,
            texts: Vec::new(),
            bridge: true,
            options: default_options(),
            affinity: None,
            recorder: None,
        }
    }

    /// Sets the root logger's level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Sets a logger's level; `::` in the name reads as a dot.
    pub fn level_for(mut self, logger: &str, level: Level) -> Self {
        self.levels.push((logger.replace("::", "."), level));
        self
    }

    /// Attaches a handler to the root logger, under a name. One without a formatter gets
    /// [`Formatter::default_line`].
    pub fn handler(self, name: &str, handler: impl Into<HandlerRef>) -> Self {
        self.handler_for("", name, handler)
    }

    /// Attaches a handler to a logger, under a name; `::` in the logger's name reads as a dot. One
    /// without a formatter gets [`Formatter::default_line`].
    pub fn handler_for(mut self, logger: &str, name: &str, handler: impl Into<HandlerRef>) -> Self {
        self.handlers.push((logger.replace("::", "."), name.to_owned(), handler.into()));
        self
    }

    /// Attaches a console handler (stderr, coloured on a terminal) to the root logger.
    pub fn console(mut self) -> Self {
        self.console = true;
        self
    }

    /// Reads levels from an environment variable when the runtime is built: `info`, or
    /// `warning,db.pool=debug`, as [`Runtime::set_levels`] reads them. They win over those set
    /// here; an unset variable changes nothing.
    pub fn env(mut self, variable: &str) -> Self {
        self.env = Some(variable.to_owned());
        self
    }

    /// Sets levels given as text, such as a command line's, as [`Runtime::set_levels`] reads them.
    /// They win over those of the environment, and later ones over earlier ones.
    pub fn levels(mut self, levels: &str) -> Self {
        self.texts.push(levels.to_owned());
        self
    }

    /// Who drains.
    pub fn drain(mut self, drain: Drain) -> Self {
        self.options.drain = drain;
        self
    }

    /// How the drain's thread waits for records.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.options.thread.wait = wait;
        self.options.hub.parks = wait == Wait::Park;
        self
    }

    /// Pins the drain's thread to a CPU.
    pub fn affinity(mut self, cpu: usize) -> Self {
        self.affinity = Some(cpu);
        self
    }

    /// Names the drain's thread.
    pub fn thread_name(mut self, name: &str) -> Self {
        self.options.thread_name = name.to_owned();
        self
    }

    /// Which clock stamps records.
    pub fn clock(mut self, clock: ClockSource) -> Self {
        self.options.clock = clock;
        self
    }

    /// The size of each thread's ring, rounded up to a power of two.
    pub fn lane_bytes(mut self, bytes: usize) -> Self {
        self.options.hub.lane_bytes = Some(bytes);
        self
    }

    /// What a call does when its thread's ring is full.
    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.options.hub.overflow = overflow;
        self
    }

    /// How long a record waits for records of other threads with an earlier time.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.options.backend.grace = grace;
        self
    }

    /// Who is told of failures while delivering; runs on the drain and must not block.
    pub fn on_error(mut self, hook: impl Fn(&Failure<'_>) + Send + Sync + 'static) -> Self {
        self.options.hook = Arc::new(hook);
        self
    }

    /// Tells the error hook of every failure, not only once per cause and minute.
    pub fn report_every_error(mut self, every: bool) -> Self {
        self.options.report_every = every;
        self
    }

    /// The process's name, as records show it.
    pub fn process_name(mut self, name: &str) -> Self {
        self.options.backend.process.name = name.to_owned();
        self
    }

    /// Whether records show the thread's id and name; on by default. Without them the attributes
    /// are `None`, as with Python's `logThreads`, and JSON lines leave them out; what a described
    /// record says of its thread itself is shown. Costs the caller nothing either way: a lane knows
    /// its thread.
    pub fn threads(mut self, shown: bool) -> Self {
        self.options.backend.without.threads = !shown;
        self
    }

    /// Whether records show the process id, as [`threads`](Self::threads): Python's
    /// `logProcesses`.
    pub fn processes(mut self, shown: bool) -> Self {
        self.options.backend.without.processes = !shown;
        self
    }

    /// Whether records show the process's name, as [`threads`](Self::threads): Python's
    /// `logMultiprocessing`.
    pub fn process_names(mut self, shown: bool) -> Self {
        self.options.backend.without.process_names = !shown;
        self
    }

    /// Whether records show the name of their task, as [`threads`](Self::threads): Python's
    /// `logAsyncioTasks`.
    pub fn tasks(mut self, shown: bool) -> Self {
        self.options.backend.without.tasks = !shown;
        self
    }

    /// Whether a return from `main` and `exit` flush the runtime, for up to a second.
    pub fn exit_hook(mut self, on: bool) -> Self {
        self.options.exit_hook = on;
        self
    }

    /// Where records lie until they are written. With mapped lanes a record survives the process
    /// from the moment its call returns, `kill -9` included, and the next start writes what the
    /// dead one had not, before anything of its own.
    ///
    /// Lanes that were opened before (`attach_thread` on the default runtime) stay where they are;
    /// so do those for which the file system has no room ([`Stats::unkept_lanes`]). What handlers
    /// keep in memory (memory and queue handlers) is beyond this.
    ///
    /// [`Stats::unkept_lanes`]: crate::Stats::unkept_lanes
    pub fn durability(mut self, lanes: Lanes) -> Self {
        self.options.lanes = lanes;
        self
    }

    /// Has everything published written before a signal or an aborting panic ends the process. Off
    /// by default: a library installs no signal handler unasked. Up to 16 runtimes of a process may
    /// have it.
    pub fn crash_handling(mut self, crash: CrashHandling) -> Self {
        self.options.crash = Some(crash);
        self
    }

    /// Keeps the latest records below their loggers' levels in memory, and writes them when an
    /// error, a panic, a signal or a call asks for it; see [`FlightRecorder`].
    pub fn flight_recorder(mut self, recorder: FlightRecorder) -> Self {
        self.recorder = Some(recorder);
        self
    }

    /// Whether panics are to be logged.
    pub(crate) fn wants_panics(&self) -> bool {
        self.options.crash.as_ref().is_some_and(CrashHandling::wants_panics)
    }

    /// Whether [`init`](Self::init) installs the runtime as the `log` crate's logger: its records
    /// then go to the loggers that their targets name, with their key-values, and
    /// `log::max_level` follows the least level of any logger.
    ///
    /// Only with the cargo feature `log`.
    #[cfg(feature = "log")]
    pub fn log_bridge(mut self, on: bool) -> Self {
        self.bridge = on;
        self
    }

    /// Keeps every record in memory, for [`Runtime::records`]; the root lets everything through
    /// unless a level is set.
    pub fn capture(mut self) -> Self {
        self.capture = true;
        self
    }

    /// Lets each handler write a record before the next handler gets it, as Python's do: two
    /// handlers of one stream keep their order. A write a record; off by default.
    pub fn write_through(mut self, on: bool) -> Self {
        self.options.backend.write_through = on;
        self
    }

    /// Builds a runtime of one's own and starts its drain.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`], naming the field; [`Error::is_io`] if no thread could be started.
    pub fn build(self) -> Result<Runtime, Error> {
        let core = Core::new(self.options.clone(), false);
        self.set_up(core)
    }

    /// Whether `init` is to install the runtime as the `log` crate's logger.
    pub(crate) fn wants_bridge(&self) -> bool {
        self.bridge
    }

    /// Configures the core of a runtime and starts its drain.
    pub(crate) fn set_up(mut self, core: Arc<Core>) -> Result<Runtime, Error> {
        self.check()?;
        let names = core.tree().state().level_names().clone();
        let mut from_text = match &self.env {
            Some(variable) => levels::from_env(variable, &names)?.unwrap_or_default(),
            None => Vec::new(),
        };
        for text in &self.texts {
            let wrong = |error| Error::invalid(format!("levels: {text:?}")).because(error);
            from_text.extend(levels::parse(text, &names).map_err(wrong)?);
        }
        self.options.thread.cpu = self.affinity;
        let root = self.root_level();
        let mut handlers = std::mem::take(&mut self.handlers);
        if self.console {
            let console =
                HandlerRef::new(StreamHandler::stderr()).with_formatter(ConsoleFormatter::stderr());
            handlers.push((String::new(), "console".to_owned(), console));
        }
        if self.capture {
            let capture = CaptureHandler::new();
            core.set_captured(capture.records());
            handlers.push((String::new(), "capture".to_owned(), HandlerRef::new(capture)));
        }
        // Shared, so that handlers without a formatter of their own share the line as well.
        let line = FormatterRef::new(Formatter::default_line());
        for (_, name, handler) in &handlers {
            handler.set_name(Some(name));
        }
        let mut formatting: Vec<HandlerRef> =
            handlers.iter().map(|(_, _, handler)| handler.clone()).collect();
        if let Some(recorder) = &self.recorder {
            self.options.backend.recorder = Some(recorder.options());
            formatting.extend(recorder.target().cloned());
        }
        let mut at = 0;
        while let Some(handler) = formatting.get(at).cloned() {
            at += 1;
            if handler.formatter().is_none() && !handler.passes_on() {
                handler.set_formatter(Some(line.clone()));
            }
            // Those behind a queue or a memory handler are as much the builder's own.
            for target in handler.targets() {
                if !formatting.contains(&target) {
                    formatting.push(target);
                }
            }
        }
        core.tree().change(|state| {
            if state.last_resort().is_none() {
                state.set_last_resort(Some(last_resort()));
            }
            if let Some(level) = root {
                state.settings_mut(0).level = level;
            }
            for (logger, level) in &self.levels {
                let number = state.number(logger);
                state.settings_mut(number).level = *level;
            }
            levels::set(state, &from_text);
            state.set_recording(self.recorder.as_ref().map(FlightRecorder::recording));
            for (logger, _, handler) in &handlers {
                let number = state.number(logger);
                let attached = &mut state.settings_mut(number).handlers;
                if !attached.contains(handler) {
                    attached.push(handler.clone());
                }
            }
            Ok(())
        })?;
        core.start(self.options)?;
        Ok(Runtime::from_core(core))
    }

    fn root_level(&self) -> Option<Level> {
        match self.level {
            Some(level) => Some(level),
            None if self.capture => Some(Level::new(1)),
            None if self.console => Some(Level::INFO),
            None => None,
        }
    }

    fn check(&self) -> Result<(), Error> {
        if self.options.backend.grace > Duration::from_secs(1) {
            return Err(Error::invalid(format!(
                "grace: {:?} is longer than 1 s",
                self.options.backend.grace
            )));
        }
        if let Some(crash) = &self.options.crash {
            crash.check()?;
            if crash.spill_dir().is_some() && self.options.lanes != Lanes::Heap {
                let text = "crash_handling: lanes in files leave nothing to spill";
                return Err(Error::invalid(text));
            }
        }
        if let Some(bytes) = self.options.hub.lane_bytes
            && !(4 << 10..=64 << 20).contains(&bytes)
        {
            return Err(Error::invalid(format!(
                "lane_bytes: {bytes} is not between 4 KiB and 64 MiB"
            )));
        }
        if self.options.thread_name.contains('\0') {
            return Err(Error::invalid("thread_name: contains a NUL"));
        }
        if let Wait::Backoff { least, most, .. } = self.options.thread.wait
            && (least.is_zero() || least > most)
        {
            return Err(Error::invalid(format!(
                "wait: the first sleep {least:?} is not between 0 and the longest {most:?}"
            )));
        }
        let mut names: Vec<&str> = self.handlers.iter().map(|(_, name, _)| &**name).collect();
        names.extend(self.console.then_some("console"));
        names.extend(self.capture.then_some("capture"));
        if matches!(self.options.lanes, Lanes::Collected(_)) {
            let wrong = |what: &str| {
                let text = format!("durability: {what}, and another process drains the lanes");
                Err(Error::invalid(text))
            };
            if !names.is_empty() {
                return wrong(&format!("there is a handler {:?}", names[0]));
            }
            if self.recorder.is_some() {
                return wrong("there is a flight recorder");
            }
            if self.options.drain == Drain::Inline {
                return wrong("the drain is inline");
            }
        }
        if let Some(recorder) = &self.recorder {
            recorder.check(names.iter().copied())?;
        }
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(Error::invalid(format!("handler: two are named {:?}", pair[0]))),
            None => Ok(()),
        }
    }
}
