//! What is fed, and what is done with a case.

use sawmill::config::{Config, Door, Earlier, Node, Registry};
use sawmill::{
    Drain, Format, Formatter, Level, OwnedRecord, RecordBuilder, Runtime, Style, ValueBuf,
};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Target {
    Yaml,
    Json,
    Toml,
    Ini,
    Patterns,
    Messages,
}

impl Target {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Toml => "toml",
            Self::Ini => "ini",
            Self::Patterns => "patterns",
            Self::Messages => "messages",
        }
    }
}

/// How far a case came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    Unreadable,
    Refused,
    Planned,
    Applied,
}

#[derive(Debug, Default)]
pub(crate) struct Sums([u64; 4]);

impl Sums {
    pub(crate) fn add(&mut self, reached: Reached) {
        self.0[reached as usize] += 1;
    }

    /// Whether enough of the cases came past the reader, and past the checks; too few to say are
    /// taken for it.
    pub(crate) fn are_telling(&self, cases: u64) -> bool {
        let [_, refused, planned, applied] = self.0;
        cases < 5000
            || (refused + planned + applied) * 20 >= cases && (planned + applied) * 200 >= cases
    }
}

impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [unreadable, refused, planned, applied] = self.0;
        write!(
            f,
            "{unreadable} unreadable, {refused} refused, {planned} accepted, {applied} applied"
        )
    }
}

pub(crate) struct Runner {
    registry: Registry,
    records: Vec<OwnedRecord>,
}

impl Runner {
    pub(crate) fn new() -> Self {
        Self { registry: Registry::new(), records: records() }
    }

    /// A panic is noticed by the hook.
    pub(crate) fn run(&mut self, target: Target, input: &[u8]) -> Reached {
        let run = AssertUnwindSafe(|| match target {
            Target::Patterns => self.pattern(input),
            Target::Messages => self.message(input),
            _ => self.configuration(target, input),
        });
        catch_unwind(run).unwrap_or(Reached::Unreadable)
    }

    fn configuration(&self, target: Target, input: &[u8]) -> Reached {
        let text = String::from_utf8_lossy(input);
        let read = match target {
            Target::Yaml => Config::from_yaml(&text),
            Target::Json => Config::from_json(&text),
            Target::Toml => Config::from_toml(&text),
            _ => Config::from_ini(&text),
        };
        match read {
            Ok(config) => self.check(config),
            Err(error) => {
                let _ = error.to_string();
                Reached::Unreadable
            }
        }
    }

    fn check(&self, config: Config) -> Reached {
        let mut reached = Reached::Refused;
        for door in [Door::python(), Door::sawmill()] {
            let config = config.clone().with_door(door);
            match config.check(&self.registry) {
                Ok(plan) => {
                    let mut earlier = Earlier::default();
                    let tree = plan.describe(&mut earlier);
                    let _ = tree.to_string();
                    let _ = config.check_after(&self.registry, &earlier);
                    reached = Reached::Planned;
                    if is_harmless(&tree) {
                        let runtime = Runtime::builder().drain(Drain::Inline).exit_hook(false);
                        let runtime = runtime.build().expect("a runtime without a thread");
                        let _ = config.apply_to(&runtime, &self.registry);
                        reached = Reached::Applied;
                    }
                }
                Err(refused) => {
                    let _ = refused.to_string();
                }
            }
        }
        reached
    }

    fn pattern(&self, input: &[u8]) -> Reached {
        let text = String::from_utf8_lossy(input);
        let mut reached = Reached::Refused;
        let mut line = Vec::new();
        for style in [Style::Percent, Style::Brace, Style::Dollar] {
            for python in [false, true] {
                let builder = Formatter::builder().style(style).pattern(&*text);
                let builder = if python { builder.like_python() } else { builder };
                let checked = builder.build();
                if checked.is_ok() {
                    reached = Reached::Planned;
                }
                let unchecked = Formatter::builder().style(style).pattern(&*text).validate(false);
                for formatter in checked.into_iter().chain(unchecked.build()) {
                    for record in &self.records {
                        line.clear();
                        if formatter.format(&record.view(), &mut line).is_ok() {
                            reached = Reached::Applied;
                        }
                    }
                }
            }
        }
        let dates = Formatter::builder().pattern("%(asctime)s").date_format(&*text);
        if let Ok(formatter) = dates.build() {
            for record in &self.records {
                line.clear();
                let _ = formatter.format(&record.view(), &mut line);
            }
        }
        reached
    }

    fn message(&self, input: &[u8]) -> Reached {
        // As it may come over a connection: in pieces.
        let mut source = Pieces { rest: input, step: 1 + input.len() % 7 };
        match sawmill::config::read_message(&mut source, 1 << 20) {
            Ok(bytes) => match Config::from_message(&bytes) {
                Ok(config) => self.check(config),
                Err(error) => {
                    let _ = error.to_string();
                    Reached::Unreadable
                }
            },
            Err(_) => Reached::Unreadable,
        }
    }
}

struct Pieces<'a> {
    rest: &'a [u8],
    step: usize,
}

impl std::io::Read for Pieces<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.step = self.step * 2 % 8191 + 1;
        let length = self.step.min(buffer.len()).min(self.rest.len());
        let (now, later) = self.rest.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.rest = later;
        Ok(length)
    }
}

/// Whether applying it opens no file and starts no thread.
fn is_harmless(tree: &Node) -> bool {
    let Some(Node::Map(handlers)) = tree.get("handlers") else { return true };
    handlers.iter().all(|(_, handler)| {
        handler.get("file").is_none()
            && matches!(
                handler.get("class").and_then(Node::as_str),
                Some(
                    "logging.StreamHandler"
                        | "logging.NullHandler"
                        | "logging.handlers.MemoryHandler"
                        | "StreamHandler"
                        | "NullHandler"
                )
            )
    })
}

/// Records with values of every kind.
fn records() -> Vec<OwnedRecord> {
    let runtime = Runtime::builder().drain(Drain::Inline).exit_hook(false).capture();
    let runtime = runtime.build().expect("a runtime without a thread");
    let log = runtime.get_logger("app.db");
    let list = || ValueBuf::list([ValueBuf::of(&1), ValueBuf::of("two"), ValueBuf::none()]);
    let map = || ValueBuf::map([("k", ValueBuf::of(&2.5)), ("", list())]);
    for (message, user, float) in
        [("plain", "ada", 2.5), ("é\n\u{1b}[0m\0", "", f64::NAN), ("", "%s", -1e300)]
    {
        let record = RecordBuilder::new(Level::WARNING)
            .message(message)
            .pathname("/a/b.rs")
            .line(77)
            .function("f")
            .time_ns(1_700_000_000_123_456_789)
            .field("user", ValueBuf::of(user))
            .field("float", ValueBuf::of(&float))
            .field("x", ValueBuf::of(&-3_i64))
            .field("big", ValueBuf::of(&u64::MAX))
            .field("yes", ValueBuf::of(&true))
            .field("list", list())
            .field("map", map());
        log.handle(&record);
        log.handle(&record.exception("Traceback:\n  x").stack("Stack:\n").time_ns(i64::MIN));
    }
    runtime.records()
}
