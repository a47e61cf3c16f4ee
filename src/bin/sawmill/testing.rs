//! What `()`, `class` and `ext://` may name under `sawmill.testing` in a replay.

use crate::replay::LONG;
use sawmill::config::{Arguments, Map, Node, Registry};
use sawmill::{
    Context, Error, FileMode, Filter, FilterRef, Format, Formatter, FormatterRef, Handler,
    HandlerRef, Level, LogRecord, NameFilter, RotatingFileHandler, ValueBuf, Verdict,
};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The name filters made so far, with their names: a filter does not tell its name.
static NAME_FILTERS: Mutex<Vec<(FilterRef, String)>> = Mutex::new(Vec::new());

/// Notes a filter by name, so that it can be found again.
pub(crate) fn name_filter(filter: NameFilter, name: &str) -> FilterRef {
    let filter = FilterRef::new(filter);
    NAME_FILTERS.lock().expect("nothing panics here").push((filter.clone(), name.to_owned()));
    filter
}

/// Returns true if this is a name filter of that name.
pub(crate) fn filters_by(filter: &FilterRef, name: &str) -> bool {
    let known = NAME_FILTERS.lock().expect("nothing panics here");
    known.iter().any(|(it, its_name)| it == filter && its_name == name)
}

pub(crate) fn register(registry: &mut Registry) {
    registry
        .value("sawmill.testing.EIGHTY", 80)
        .values(time_of_day)
        .filter("logging.Filter", |args| {
            args.signature(&["name"]);
            let name = match args.take("name") {
                None => String::new(),
                Some(Node::Str(name)) => name,
                Some(other) => return Err(Error::other(format!("name: not text: {other}"))),
            };
            Ok(name_filter(NameFilter::new(&name), &name))
        })
        .filter("sawmill.testing.LevelRangeFilter", |args| {
            args.signature(&["low", "high"]);
            let low = args.level("low").unwrap_or(Level::NOTSET);
            let high = args.level("high").unwrap_or(Level::new(1000));
            Ok(FilterRef::new(move |record: &mut LogRecord<'_>| {
                (low..=high).contains(&record.level())
            }))
        })
        .filter("sawmill.testing.RejectLevelsFilter", |args| {
            args.signature(&["levels"]);
            let given = args.levels("levels");
            needed(args, "levels", given.is_some());
            let levels = given.unwrap_or_default();
            Ok(FilterRef::new(move |record: &mut LogRecord<'_>| !levels.contains(&record.level())))
        })
        .filter("sawmill.testing.max_level_filter", |args| {
            args.signature(&["level"]);
            let limit = args.level("level").unwrap_or(Level::WARNING);
            Ok(FilterRef::new(move |record: &mut LogRecord<'_>| record.level() <= limit))
        })
        .filter("sawmill.testing.RedactFilter", |args| {
            args.signature(&["needle", "replacement"]);
            let needle = args.required_string("needle");
            let replacement = args.string("replacement").unwrap_or("***".into());
            Ok(FilterRef::new(Redact { needle, replacement }))
        })
        .filter("sawmill.testing.AddFieldsFilter", |args| {
            let fields = args.rest().into_iter().map(|(key, it)| (key, it.to_value())).collect();
            Ok(FilterRef::new(AddFields { fields }))
        })
        .filter("sawmill.testing.EveryNthFilter", |args| {
            args.signature(&["n"]);
            let n = args.integer("n");
            needed(args, "n", n.is_some());
            let seen = args.attribute("seen").and_then(|it| it.as_int()).unwrap_or(0);
            Ok(FilterRef::new(EveryNth { n: n.unwrap_or(1).into(), seen }))
        })
        .filter("sawmill.testing.CopyFilter", |args| {
            args.signature(&["prefix"]);
            let prefix = args.required_string("prefix");
            Ok(FilterRef::new(Copying { prefix }))
        })
        .formatter("sawmill.testing.UTCFormatter", |args| args.formatter().utc().build())
        .formatter("sawmill.testing.OneLineExceptionFormatter", |args| {
            Ok(OneLine(args.formatter().build()?))
        })
        .formatter("sawmill.testing.make_formatter", make_formatter)
        .alias("sawmill.testing.make_file_handler", "logging.FileHandler")
        .handler("sawmill.testing.make_rotating_handler", make_rotating_handler)
        .handler("sawmill.testing.TaggedStreamHandler", |args| {
            args.signature(&["stream", "tag"]);
            let stream = match args.take("stream").unwrap_or_default() {
                Node::Null => "stderr",
                Node::Object(name) if name == "sys.stderr" => "stderr",
                Node::Object(name) if name == "sys.stdout" => "stdout",
                other => return Err(Error::other(format!("stream: not a stream: {other}"))),
            };
            let tag = args.string("tag").unwrap_or("tag".into());
            let tag = text_attribute(args, "tag").unwrap_or(tag);
            let terminator = text_attribute(args, "terminator").unwrap_or("\n".into());
            Ok(HandlerRef::new(TaggedStream { stream: stream.to_owned(), tag, terminator }))
        });
}

fn needed(args: &mut Arguments, name: &str, given: bool) {
    if !given {
        args.mistake("", format!("the argument {name:?} is missing"));
    }
}

fn text_attribute(args: &mut Arguments, name: &str) -> Option<String> {
    args.attribute(name).and_then(|it| it.as_str().map(str::to_owned))
}

/// `time_HH_MM_SS` is that time of day.
fn time_of_day(name: &str) -> Option<Node> {
    let digits = name.strip_prefix("sawmill.testing.time_")?;
    let parts: Vec<&str> = digits.split('_').collect();
    let fits = |part: &str, limit: u8| {
        part.len() == 2 && part.parse::<u8>().is_ok_and(|number| number < limit)
    };
    match parts[..] {
        [h, m, s] if fits(h, 24) && fits(m, 60) && fits(s, 60) => {
            Some(Node::Str(format!("{h}:{m}:{s}")))
        }
        _ => None,
    }
}

/// Replaces a word in the merged message.
struct Redact {
    needle: String,
    replacement: String,
}

impl Filter for Redact {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        match record.message() {
            Ok(message) => {
                record.set_message(message.replace(&self.needle, &self.replacement));
                Verdict::Pass
            }
            Err(error) => Verdict::Fail(error),
        }
    }
}

/// Sets attributes.
struct AddFields {
    fields: Vec<(String, ValueBuf)>,
}

impl Filter for AddFields {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        for (key, value) in &self.fields {
            record.set_attribute(key, value.clone());
        }
        Verdict::Pass
    }
}

/// Passes one record in `n`, the first of each round.
struct EveryNth {
    n: i128,
    seen: i128,
}

impl Filter for EveryNth {
    fn filter(&mut self, _: &mut LogRecord<'_>) -> Verdict {
        self.seen += 1;
        if self.n == 0 {
            return Verdict::Fail(Error::other("integer modulo by zero"));
        }
        // Python's `%` takes the sign of the divisor.
        let modulo = |a: i128| ((a % self.n) + self.n) % self.n;
        (modulo(self.seen) == modulo(1)).into()
    }
}

/// Sends a copy on.
struct Copying {
    prefix: String,
}

impl Filter for Copying {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        match record.message() {
            Ok(message) => {
                let mut copy = record.clone();
                copy.set_message(format!("{}{message}", self.prefix));
                Verdict::Replace(copy.keep())
            }
            Err(error) => Verdict::Fail(error),
        }
    }
}

/// Puts a record with an exception onto one line.
struct OneLine(Formatter);

impl Format for OneLine {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        self.0.format(record, out)?;
        if record.exception().is_some_and(|text| !text.is_empty()) {
            let line = String::from_utf8_lossy(&out[start..]).replace('\n', " | ");
            out.truncate(start);
            out.extend_from_slice(line.as_bytes());
        }
        Ok(())
    }
}

fn make_formatter(args: &mut Arguments) -> Result<FormatterRef, Error> {
    args.signature(&["format", "datefmt", "style", "label"]);
    let format = args.string("format").unwrap_or("%(message)s".into());
    let datefmt = args.string("datefmt").filter(|it| !it.is_empty());
    let label = args.string("label").unwrap_or_default();
    let style = args.string("style").unwrap_or("%".into());
    let mut builder =
        Formatter::builder().like_python().pattern(label + &format).style(style.parse()?);
    if let Some(datefmt) = datefmt {
        builder = builder.date_format(datefmt);
    }
    Ok(builder.build()?.into())
}

fn make_rotating_handler(args: &mut Arguments) -> Result<HandlerRef, Error> {
    args.signature(&["filename", "maxBytes", "backupCount", "suffix", "shout"]);
    let path = args.required_string("filename");
    let max_bytes = args.integer("maxBytes").unwrap_or(0).max(0);
    let backups = args.integer("backupCount").unwrap_or(0).max(0);
    let suffix = args.string("suffix").unwrap_or_default();
    let shout = args.flag("shout").unwrap_or(false);
    let terminator = text_attribute(args, "terminator").unwrap_or("\n".into());
    args.opens(&path, FileMode::Append, false);
    let mut builder = RotatingFileHandler::builder(&path)
        .opened_later()
        .mend(false)
        .max_bytes(max_bytes.unsigned_abs())
        .roll_empty(true)
        .backup_count(u32::try_from(backups).unwrap_or(u32::MAX))
        .encoding("utf-8")
        .terminator(terminator)
        .namer(move |name: &Path| {
            let mut name = name.as_os_str().to_owned();
            name.push(&suffix);
            PathBuf::from(name)
        });
    if shout {
        builder = builder.rotator(|source: &Path, dest: &Path| {
            let text = std::fs::read(source)?;
            std::fs::write(dest, text.to_ascii_uppercase())?;
            std::fs::remove_file(source)
        });
    }
    Ok(builder.build()?.into())
}

/// Puts a tag before each line.
struct TaggedStream {
    stream: String,
    tag: String,
    terminator: String,
}

impl Handler for TaggedStream {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let mut line = format!("[{}] ", self.tag).into_bytes();
        line.extend_from_slice(cx.formatted(record)?);
        line.extend_from_slice(self.terminator.as_bytes());
        let written = match self.stream.as_str() {
            "stdout" => {
                let mut out = std::io::stdout().lock();
                out.write_all(&line).and_then(|()| out.flush())
            }
            _ => std::io::stderr().write_all(&line),
        };
        written.map_err(|error| Error::other("cannot write").because(error))
    }
}

/// Moves a tagged stream handler to another stream. Returns false if it is not one.
pub(crate) fn set_tagged_stream(handler: &HandlerRef, stream: &str) -> bool {
    let stream = stream.to_owned();
    handler.with(LONG, move |it: &mut TaggedStream| it.stream = stream).is_ok()
}

/// The arguments of a `set_formatter` or a `basic_config`, those that are there.
pub(crate) fn some(line: &Map, keys: &[&str]) -> Map {
    keys.iter().filter_map(|key| Some((*key, line.get(key)?.clone()))).collect()
}
