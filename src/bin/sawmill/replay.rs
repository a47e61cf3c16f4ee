//! `sawmill replay`: recorded events through an ordinary runtime.
//!
//! The runtime delivers inline and its clock is the events' own; nothing else differs from a
//! runtime in a service.

use crate::{control, event, query, testing};
use sawmill::config::{Config, Door, Map, Node, Registry};
use sawmill::python::{PercentMerge, error_report};
use sawmill::{
    ClockSource, Context, Drain, Failure, FailureKind, Handler, HandlerRef, Level, Logger,
    ManualClock, MemoryHandler, QueueHandler, Runtime,
};
use std::fs::File;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// When the clock starts if no event says so.
const DEFAULT_EPOCH: f64 = 1_700_000_000.0;
/// Longer than any handler takes.
pub(crate) const LONG: Duration = Duration::from_secs(3600);

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The configuration: `.yaml`, `.json`, `.toml`, or `.ini`.
    #[arg(long)]
    config: PathBuf,
    /// The events, one JSON object a line.
    events: PathBuf,
    /// Prints the runtime's books to standard error at the end.
    #[arg(long)]
    stats: bool,
    /// Who delivers: `inline`, the calling thread; `thread`, a drain, waited for after each event.
    #[arg(long, value_enum, default_value_t = Deliver::Inline)]
    drain: Deliver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Deliver {
    Inline,
    Thread,
}

/// A line that could not be done; its kind is all that is told.
#[derive(Debug)]
pub(crate) struct Failed;

impl From<sawmill::Error> for Failed {
    fn from(_: sawmill::Error) -> Self {
        Self
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match replay(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            // One write, so that the message stays whole beside other processes.
            let _ = std::io::stderr().write_all(format!("sawmill: {problem}\n").as_bytes());
            ExitCode::FAILURE
        }
    }
}

fn replay(options: &Options) -> Result<(), String> {
    let events = &options.events;
    let cannot = |what: &str, path: &Path, why: &dyn std::fmt::Display| {
        format!("cannot {what} {}: {why}", path.display())
    };
    let open = || File::open(events).map_err(|error| cannot("read", events, &error));
    let start = start_of(BufReader::new(open()?)).unwrap_or(DEFAULT_EPOCH.into());
    let mut replay = Replay::new(options, start).map_err(|error| error.to_string())?;
    replay
        .configure_file(&options.config, None)
        .map_err(|error| cannot("configure from", &options.config, &error))?;
    let file = open()?;
    let size = file.metadata().map_or(0, |it| it.len());
    let mut progress = Progress::new(size);
    let mut lines = BufReader::with_capacity(256 << 10, file);
    let mut line = Vec::new();
    let mut number = 0_u64;
    loop {
        line.clear();
        let read =
            lines.read_until(b'\n', &mut line).map_err(|error| cannot("read", events, &error))?;
        if read == 0 {
            break;
        }
        number += 1;
        if line.trim_ascii().is_empty() {
            continue;
        }
        let event: Node = serde_json::from_slice(&line)
            .map_err(|error| cannot("read", events, &format_args!("line {number}: {error}")))?;
        replay.perform(&event);
        progress.advance(read as u64);
    }
    progress.end();
    replay.finish(options.stats);
    Ok(())
}

/// The first time that any event gives.
fn start_of(mut lines: impl BufRead) -> Option<Node> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines.read_until(b'\n', &mut line).ok()? == 0 {
            return None;
        }
        let event: Option<Node> = serde_json::from_slice(&line).ok();
        let time = event.as_ref().and_then(|event| event.get("created").or(event.get("now")));
        if let Some(time) = time.filter(|it| seconds(it).is_some()) {
            return Some(time.clone());
        }
    }
}

pub(crate) fn seconds(node: &Node) -> Option<f64> {
    match node {
        Node::Float(seconds) => Some(*seconds),
        other => other.as_int().map(|seconds| seconds as f64),
    }
}

fn nanoseconds(seconds: f64) -> i64 {
    // In two parts: a double has no nanoseconds to spare in this century.
    let whole = seconds.floor();
    let fraction = ((seconds - whole) * 1e9).round() as i64;
    (whole as i64).saturating_mul(1_000_000_000).saturating_add(fraction)
}

/// The world that the events act on.
pub(crate) struct Replay {
    runtime: Runtime,
    registry: Registry,
    clock: ManualClock,
    /// Seconds, as the events write them.
    now: Node,
    renderer: u32,
    threaded: bool,
    reports: Arc<Reports>,
}

/// What failures left behind.
#[derive(Debug)]
pub(crate) struct Reports {
    /// Python's `raiseExceptions`.
    pub(crate) raise_exceptions: AtomicBool,
    /// A filter failed: the call that logged the record fails with it.
    pub(crate) filter_failed: AtomicBool,
}

impl Reports {
    fn take(&self, failure: &Failure<'_>) {
        let told = self.raise_exceptions.load(Ordering::Relaxed);
        let text = match (failure.kind, failure.record) {
            (FailureKind::Filter | FailureKind::Call, _) => {
                return self.filter_failed.store(true, Ordering::Relaxed);
            }
            (FailureKind::Unrouted, _) => format!("{}\n", failure.error),
            (_, Some(record)) => error_report(record),
            (_, None) => format!("--- Logging error ---\n{}\n", failure.error),
        };
        if told {
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
}

impl Replay {
    fn new(options: &Options, start: Node) -> Result<Self, sawmill::Error> {
        let clock = ManualClock::new(nanoseconds(seconds(&start).unwrap_or_default()));
        let reports = Arc::new(Reports {
            raise_exceptions: AtomicBool::new(true),
            filter_failed: AtomicBool::new(false),
        });
        let hook = reports.clone();
        let threaded = options.drain == Deliver::Thread;
        let runtime = Runtime::builder()
            .drain(if threaded { Drain::Thread } else { Drain::Inline })
            .clock(ClockSource::Manual(clock.clone()))
            .report_every_error(true)
            .write_through(true)
            .on_error(move |failure| hook.take(failure))
            .build()?;
        // Python knows no such level.
        runtime.remove_level_name("TRACE");
        let renderer = runtime.add_renderer(PercentMerge);
        let mut registry = Registry::new();
        testing::register(&mut registry);
        Ok(Self { runtime, registry, clock, now: start, renderer, threaded, reports })
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.registry
    }

    pub(crate) fn reports(&self) -> &Reports {
        &self.reports
    }

    pub(crate) fn renderer(&self) -> u32 {
        self.renderer
    }

    pub(crate) fn now(&self) -> &Node {
        &self.now
    }

    pub(crate) fn set_clock(&mut self, time: &Node) -> Result<(), Failed> {
        self.clock.set(nanoseconds(seconds(time).ok_or(Failed)?));
        self.now = time.clone();
        Ok(())
    }

    pub(crate) fn configure_file(
        &mut self,
        path: &Path,
        disable_existing: Option<bool>,
    ) -> Result<(), sawmill::Error> {
        let mut config = match path.extension().and_then(|it| it.to_str()) {
            Some("ini" | "conf" | "cfg") => {
                self.stop_listeners();
                let config = Config::load(path)?;
                self.flush_memory()?;
                config
            }
            Some("json" | "toml") => Config::load(path)?,
            // Whatever else a file is called, it is YAML.
            _ => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| sawmill::Error::other("cannot be read").because(error))?;
                Config::from_yaml(&text)?
            }
        };
        if let Some(disable) = disable_existing {
            config = config.with_disable_existing_loggers(disable);
        }
        self.configure(config)
    }

    pub(crate) fn configure(&mut self, config: Config) -> Result<(), sawmill::Error> {
        self.stop_listeners();
        let replaces = |it: &Node| {
            it.get("version").is_some() && !it.get("incremental").is_some_and(Node::is_true)
        };
        if config.mapping().is_some_and(replaces) {
            self.flush_memory()?;
        }
        config.with_door(Door::python()).apply_to(&self.runtime, &self.registry)?;
        self.start_listeners();
        Ok(())
    }

    /// Flushes what waits in memory, as Python does before it lets go of the handlers that are there.
    ///
    /// # Errors
    ///
    /// If a filter fails meanwhile: in Python that ends the configuration before anything of it is
    /// in force.
    fn flush_memory(&self) -> Result<(), sawmill::Error> {
        let holds = |it: &HandlerRef| {
            it.with(LONG, |it: &mut MemoryHandler| it.flush_on_close()).is_ok_and(|flushes| flushes)
        };
        for handler in self.runtime.handlers().into_iter().rev().filter(holds) {
            let _ = handler.flush(LONG);
            if self.reports.filter_failed.load(Ordering::Relaxed) {
                return Err(sawmill::Error::other("a filter failed while memory was flushed"));
            }
        }
        Ok(())
    }

    /// Stops the listeners of all queues, once they took out what is there.
    pub(crate) fn stop_listeners(&self) {
        for handler in self.runtime.handlers() {
            let end = |it: &mut QueueHandler, cx: &mut Context<'_>| it.end_listener(cx);
            let _ = handler.with_context(LONG, end);
        }
    }

    /// Starts the listeners of the queues that loggers hold, as an application would do.
    fn start_listeners(&self) {
        let queues = |it: &HandlerRef| it.kind() == "QueueHandler";
        let loggers = self.runtime.loggers();
        let held: Vec<HandlerRef> = loggers.iter().flat_map(Logger::handlers).collect();
        for handler in self.runtime.handlers().into_iter().filter(queues) {
            let started = held.contains(&handler);
            let tell = move |it: &mut QueueHandler, cx: &mut Context<'_>| match started {
                true => it.start_listener(cx),
                false => it.end_listener(cx),
            };
            let _ = handler.with_context(LONG, tell);
        }
    }

    /// The logger that a key names; it is made if there is none.
    pub(crate) fn logger(&self, line: &Map, key: &str) -> Result<Logger, Failed> {
        match line.get(key) {
            // By its exact name: `get_logger` reads `::` as a dot.
            Some(Node::Str(name)) => Ok(self.runtime.root().child(name)),
            Some(Node::Null) => Ok(self.runtime.root()),
            _ => Err(Failed),
        }
    }

    /// The handler that the key `handler` names.
    pub(crate) fn handler(&self, line: &Map) -> Result<HandlerRef, Failed> {
        let name = line.get("handler").and_then(Node::as_str).ok_or(Failed)?;
        self.runtime.handler_by_name(name).ok_or(Failed)
    }

    pub(crate) fn handler_names(&self) -> Vec<String> {
        let handlers = self.runtime.handlers();
        let mut names: Vec<String> =
            handlers.iter().filter_map(|it| it.name()).map(|it| it.to_string()).collect();
        names.retain(|name| self.runtime.handler_by_name(name).is_some());
        names.sort();
        names.dedup();
        names
    }

    /// A level by name or number.
    pub(crate) fn level(&self, node: &Node) -> Result<Level, Failed> {
        match node {
            Node::Str(name) => {
                let names = self.runtime.level_names();
                names
                    .iter()
                    .find(|(known, _)| **known == **name)
                    .map(|(_, level)| *level)
                    .ok_or(Failed)
            }
            other => {
                let number = other.as_int().and_then(|number| i32::try_from(number).ok());
                number.map(Level::new).ok_or(Failed)
            }
        }
    }

    /// Python's `getLevelName`: a number's name, a name's number, else a text about either.
    pub(crate) fn level_name(&self, node: &Node) -> Result<Node, Failed> {
        match node {
            Node::Str(name) => Ok(match self.level(node) {
                Ok(level) => level.as_i32().into(),
                Err(_) => format!("Level {name}").into(),
            }),
            _ => Ok(self.runtime.level_name(self.level(node)?).to_string().into()),
        }
    }

    /// Prints one line of the replay's own.
    fn print(&self, line: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.flush());
    }

    fn perform(&mut self, event: &Node) {
        let Node::Map(line) = event else { return self.print("log: error") };
        let kind = match line.get("control") {
            None => "log".to_owned(),
            Some(Node::Str(kind)) => kind.clone(),
            Some(other) => other.to_string(),
        };
        let done = match kind.as_str() {
            "log" if !line.contains("control") => event::log(self, line),
            "query" => query::answer(self, line).map(|answer| self.print(&answer)),
            _ => control::perform(self, &kind, line),
        };
        if self.threaded {
            let _ = self.runtime.deliver(LONG);
        }
        let filter_failed = self.reports.filter_failed.swap(false, Ordering::Relaxed);
        if done.is_err() || filter_failed {
            self.print(&format!("{kind}: error"));
        }
    }

    fn finish(&mut self, stats: bool) {
        let report = self.runtime.shutdown(LONG);
        if stats {
            let mut text = format!("{:#?}\n{report:#?}\n", self.runtime.stats());
            for handler in self.runtime.handlers() {
                text += &format!("{handler:?}: {:?}\n", handler.stats());
            }
            let _ = std::io::stderr().write_all(text.as_bytes());
        }
    }
}

/// How far the events are, on standard error if somebody looks at it.
struct Progress {
    size: u64,
    done: u64,
    events: u64,
    shown: Option<Instant>,
}

impl Progress {
    fn new(size: u64) -> Self {
        let shown = std::io::stderr().is_terminal().then(Instant::now);
        Self { size, done: 0, events: 0, shown }
    }

    fn advance(&mut self, bytes: u64) {
        self.done += bytes;
        self.events += 1;
        if let Some(shown) = self.shown
            && self.events.is_multiple_of(1024)
            && shown.elapsed() > Duration::from_millis(500)
        {
            self.shown = Some(Instant::now());
            let percent = self.done * 100 / self.size.max(1);
            let _ = write!(std::io::stderr(), "\r{} events, {percent} %", self.events);
        }
    }

    fn end(&self) {
        if self.shown.is_some() && self.events >= 1024 {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
