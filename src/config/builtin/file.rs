//! Handlers that write to files.
//!
//! They are made while the plan is, so that every mistake shows, and open their files only when
//! the configuration is in force.
//!
//! Under sawmill's names they take more than Python's arguments; `the guide` lists all.

use super::{Arguments, Blueprint, HandlerRef, Node, Registry, handler, refused, takes_fallback};
use crate::config::registry::{Entry, Parts};
use crate::error::Error;
use crate::handler::Handler;
use crate::handler::file::{
    BinaryFileHandler, Compress, FileHandler, FileMode, Keep, MmapRotatingFileHandler, Naming,
    OnFailure, Rotate, RotatingFileHandler, SyncPolicy, TakesFallback, TimedRotatingFileHandler,
    WatchedFileHandler, When,
};
use crate::sync::Arc;
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn register(registry: &mut Registry) {
    handler(registry, "logging.FileHandler", plain);
    handler(registry, "logging.handlers.WatchedFileHandler", watched);
    handler(registry, "logging.handlers.RotatingFileHandler", rotating);
    handler(registry, "logging.handlers.TimedRotatingFileHandler", timed);
    registry.add("sawmill.MmapRotatingFileHandler", Entry::Handler(Arc::new(mapped)));
    registry.add("sawmill.BinaryFileHandler", Entry::Handler(Arc::new(binary)));
}

/// What all of them are told.
struct Common {
    path: PathBuf,
    mode: FileMode,
    /// A mode other than plain `w`.
    again: bool,
    delay: bool,
    encoding: Option<String>,
    errors: Option<String>,
    terminator: Option<String>,
    follow: bool,
    mend: bool,
    create_dirs: bool,
    reserve: bool,
    shared: bool,
    permissions: Option<u32>,
    owner: (Option<u32>, Option<u32>),
    sync: SyncPolicy,
    on_failure: OnFailure,
    fallback: Option<String>,
}

fn common(args: &mut Arguments, has_mode: bool) -> Common {
    let path = PathBuf::from(args.required_string("filename"));
    let told = has_mode.then(|| args.string("mode")).flatten();
    let again = told.as_deref().is_some_and(|mode| mode != "w");
    let mode = match told {
        None => FileMode::Append,
        Some(mode) => mode.parse().unwrap_or_else(|error| {
            args.mistake("mode", error);
            FileMode::Append
        }),
    };
    let mut common = Common {
        path,
        mode,
        again,
        delay: args.flag("delay").unwrap_or(false),
        encoding: args.string("encoding"),
        errors: args.string("errors"),
        terminator: args.text_attribute("terminator"),
        follow: args.manner.follow,
        mend: args.manner.mend,
        create_dirs: false,
        reserve: true,
        shared: false,
        permissions: None,
        owner: (None, None),
        sync: SyncPolicy::Never,
        on_failure: OnFailure::new(),
        fallback: None,
    };
    if takes_fallback(args.class()) {
        common.read_more(args);
    }
    common
}

impl Common {
    /// What Python's handlers do not know.
    fn read_more(&mut self, args: &mut Arguments) {
        self.follow = args.flag("follow").unwrap_or(self.follow);
        self.mend = args.flag("mend").unwrap_or(self.mend);
        self.create_dirs = args.flag("createDirs").unwrap_or(false);
        self.reserve = args.flag("reserve").unwrap_or(true);
        self.shared = args.flag("shared").unwrap_or(false);
        self.permissions = permissions(args);
        let mut number = |name| args.count(name).and_then(|number| u32::try_from(number).ok());
        self.owner = (number("user"), number("group"));
        self.sync = sync(args);
        let mut policy = OnFailure::new();
        if let Some(bytes) = args.bytes("bufferBytes") {
            policy = policy.buffer_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        if let Some(level) = args.level("shedBelow") {
            policy = policy.shed_below(level);
        }
        if let Some(limit) = args.duration("waitWhenFull") {
            policy = policy.wait(limit);
        }
        self.on_failure = policy.delete_archives(args.flag("deleteArchives").unwrap_or(false));
        self.fallback = args.string("fallback");
    }
}

/// Permission bits, as `0o640`, `"0640"` or `"640"`; a bare number is what its digits say, too.
fn permissions(args: &mut Arguments) -> Option<u32> {
    let node = args.take("permissions").filter(|node| !node.is_null())?;
    let bits = match &node {
        Node::Str(text) => u32::from_str_radix(text.trim_start_matches("0o"), 8).ok(),
        // YAML and INI read 0640 as the number 640, TOML and JSON know no other.
        other => other.as_int().and_then(|n| u32::from_str_radix(&n.to_string(), 8).ok()),
    };
    let bits = bits.filter(|bits| *bits <= 0o7777);
    if bits.is_none() {
        args.mistake("permissions", format!("expected octal digits such as \"640\", found {node}"));
    }
    bits
}

/// `never`, `batch`, a level, or a length of time.
fn sync(args: &mut Arguments) -> SyncPolicy {
    let word = match args.take("sync") {
        None | Some(Node::Null) => return SyncPolicy::Never,
        Some(node) => node,
    };
    match word.as_str() {
        Some("never") => return SyncPolicy::Never,
        Some("batch") => return SyncPolicy::Batch,
        Some(text) if !text.starts_with(|c: char| c.is_ascii_digit()) => {
            args.push("sync", word.clone());
            return args.level("sync").map_or(SyncPolicy::Never, SyncPolicy::AtLevel);
        }
        _ => {}
    }
    args.push("sync", word);
    args.duration("sync").map_or(SyncPolicy::Never, SyncPolicy::Every)
}

/// What is said of rotation under names that are given once.
struct Rotated {
    rotate: Option<Rotate>,
    naming: Option<Naming>,
    keep: Keep,
    compress: Compress,
    latest: Option<String>,
}

/// With a size by default, in bytes, that counts if nothing else is said.
fn rotated(args: &mut Arguments, by_default: Option<u64>) -> Rotated {
    let mut rotate = Rotate::on_request();
    let mut asked = false;
    if let Some(bytes) = args.bytes("maxBytes").filter(|bytes| *bytes > 0) {
        (rotate, asked) = (rotate.or_size(bytes), true);
    }
    let words = match args.take("rotate") {
        None | Some(Node::Null) => Vec::new(),
        Some(Node::List(words)) => words,
        Some(word) => vec![word],
    };
    for word in words {
        asked = true;
        rotate = match word.as_str() {
            Some("request") => rotate,
            Some("hour") => rotate.or_hourly(),
            Some("day") => rotate.or_daily(),
            Some("start") => rotate.or_at_start(),
            Some(text) if text.len() == 2 && text.starts_with(['w', 'W']) => {
                match text[1..].parse() {
                    Ok(day) => rotate.or_weekly(day),
                    Err(_) => {
                        args.mistake("rotate", format!("no weekday {text:?} (w0 is Monday)"));
                        rotate
                    }
                }
            }
            Some(text) if !text.starts_with(|c: char| c.is_ascii_digit()) => {
                let known = "hour, day, w0 to w6, start, request, or a length of time";
                args.mistake("rotate", format!("expected {known}, found {text:?}"));
                rotate
            }
            _ => {
                args.push("rotate", word);
                match args.duration("rotate") {
                    Some(interval) => rotate.or_every(interval),
                    None => rotate,
                }
            }
        };
    }
    if let Some(bytes) = by_default.filter(|_| !asked) {
        (rotate, asked) = (rotate.or_size(bytes), true);
    }
    let mut alone = Vec::new();
    let mut clocked = |name: &str| {
        if !asked {
            alone.push(name.to_owned());
        }
    };
    if let Some(at) = at_time(args) {
        clocked("atTime");
        rotate = rotate.at(at);
    }
    if args.flag("utc").unwrap_or(false) {
        clocked("utc");
        rotate = rotate.utc();
    }
    if let Some(zone) = args.string("zone") {
        clocked("zone");
        rotate = rotate.zone(zone);
    }
    for name in alone {
        args.mistake(&name, "means nothing without \"rotate\" or \"maxBytes\"");
    }
    let mut keep = Keep::all();
    if let Some(files) = args.count("keepFiles").filter(|files| *files > 0) {
        keep = Keep::files(u32::try_from(files).unwrap_or(u32::MAX));
    }
    if let Some(bytes) = args.bytes("keepBytes") {
        keep = keep.bytes(bytes);
    }
    if let Some(age) = args.duration("keepAge") {
        keep = keep.age(age);
    }
    Rotated {
        rotate: asked.then_some(rotate),
        naming: parsed(args, "naming"),
        keep,
        compress: parsed(args, "compress").unwrap_or_default(),
        latest: args.string("latest"),
    }
}

/// Takes a word that names one of a few things.
fn parsed<T: std::str::FromStr<Err = Error>>(args: &mut Arguments, name: &str) -> Option<T> {
    match args.string(name)?.parse() {
        Ok(found) => Some(found),
        Err(error) => {
            args.mistake(name, error);
            None
        }
    }
}

/// Tells a builder what all have in common.
macro_rules! told {
    ($builder:expr, $common:expr) => {{
        let common = &$common;
        let mut builder = $builder
            .delay(common.delay)
            .opened_later()
            .opened_again(common.again)
            .follow(common.follow)
            .mend(common.mend)
            .create_dirs(common.create_dirs)
            .reserve(common.reserve)
            .shared(common.shared)
            .owner(common.owner.0, common.owner.1)
            .sync(common.sync)
            .on_failure(common.on_failure.clone());
        if let Some(bits) = common.permissions {
            builder = builder.permissions(bits);
        }
        if let Some(encoding) = &common.encoding {
            builder = builder.encoding(encoding);
        }
        if let Some(errors) = &common.errors {
            builder = builder.errors(errors);
        }
        if let Some(terminator) = &common.terminator {
            builder = builder.terminator(terminator);
        }
        builder
    }};
}

fn built(
    args: &mut Arguments,
    common: Common,
    mode: FileMode,
    built: Result<impl Handler + TakesFallback, Error>,
) -> Blueprint<HandlerRef> {
    match built {
        Ok(mut handler) => {
            // What has to wait for its directory cannot be tried beforehand.
            let missing = |path: &PathBuf| path.parent().is_some_and(|dir| !dir.exists());
            let waits = common.create_dirs && missing(&common.path);
            args.opens(common.path, mode, common.delay || waits);
            Box::new(move |parts: &Parts<'_>| {
                if let Some(id) = &common.fallback {
                    handler.set_fallback(parts.handler(id)?);
                }
                Ok(HandlerRef::new(handler))
            })
        }
        // A name that is missing has been told.
        Err(_) if common.path.as_os_str().is_empty() && args.has_mistakes() => refused(),
        Err(error) => {
            args.mistake("", error);
            refused()
        }
    }
}

fn plain(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["filename", "mode", "encoding", "delay", "errors"]);
    let common = common(args, true);
    let mode = common.mode;
    let mut builder = told!(FileHandler::builder(&common.path), common).mode(mode);
    if takes_fallback(args.class()) {
        let Rotated { rotate, naming, keep, compress, latest } = rotated(args, None);
        builder = builder.keep(keep).compress(compress).naming(naming.unwrap_or_default());
        if let Some(rotate) = rotate {
            builder = builder.rotate(rotate);
        }
        if let Some(latest) = latest {
            builder = builder.latest(latest);
        }
    }
    let handler = builder.build();
    built(args, common, mode, handler)
}

fn mapped(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["filename", "maxBytes"]);
    let common = common(args, false);
    if common.shared {
        args.mistake("shared", "a mapped file belongs to one process; take sawmill.FileHandler");
    }
    let mut builder = MmapRotatingFileHandler::builder(&common.path)
        .opened_later()
        .create_dirs(common.create_dirs)
        .owner(common.owner.0, common.owner.1)
        .sync(common.sync)
        .on_failure(common.on_failure.clone())
        .require_mapping(args.flag("requireMapping").unwrap_or(false));
    if let Some(bits) = common.permissions {
        builder = builder.permissions(bits);
    }
    if let Some(terminator) = &common.terminator {
        builder = builder.terminator(terminator);
    }
    if let Some(bytes) = args.bytes("windowBytes") {
        builder = builder.window_bytes(bytes);
    }
    let Rotated { rotate, naming, keep, compress, latest } = rotated(args, Some(256 << 20));
    builder = builder.keep(keep).compress(compress);
    if let Some(rotate) = rotate {
        builder = builder.rotate(rotate);
    }
    if let Some(naming) = naming {
        builder = builder.naming(naming);
    }
    if let Some(latest) = latest {
        builder = builder.latest(latest);
    }
    let handler = builder.build();
    built(args, common, FileMode::Append, handler)
}

fn binary(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["filename", "maxBytes"]);
    let common = common(args, false);
    for (name, given) in [
        ("encoding", common.encoding.is_some()),
        ("errors", common.errors.is_some()),
        ("terminator", common.terminator.is_some()),
    ] {
        if given {
            args.mistake(name, "a binary log holds no text");
        }
    }
    if common.shared {
        args.mistake("shared", "the blocks of a binary log are those of one process");
    }
    let mut builder = BinaryFileHandler::builder(&common.path)
        .delay(common.delay)
        .opened_later()
        .follow(common.follow)
        .create_dirs(common.create_dirs)
        .reserve(common.reserve)
        .owner(common.owner.0, common.owner.1)
        .sync(common.sync)
        .on_failure(common.on_failure.clone());
    if let Some(bits) = common.permissions {
        builder = builder.permissions(bits);
    }
    if let Some(level) = args.integer("compressBlocks") {
        builder = builder.compress_blocks(i32::try_from(level).unwrap_or(i32::MAX));
    }
    let Rotated { rotate, naming, keep, compress, latest } = rotated(args, None);
    builder = builder.keep(keep).compress(compress).naming(naming.unwrap_or_default());
    if let Some(rotate) = rotate {
        builder = builder.rotate(rotate);
    }
    if let Some(latest) = latest {
        builder = builder.latest(latest);
    }
    let handler = builder.build();
    built(args, common, FileMode::Append, handler)
}

fn watched(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["filename", "mode", "encoding", "delay", "errors"]);
    let common = common(args, true);
    let mode = common.mode;
    let handler = told!(WatchedFileHandler::builder(&common.path), common).mode(mode).build();
    built(args, common, mode, handler)
}

fn rotating(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["filename", "mode", "maxBytes", "backupCount", "encoding", "delay", "errors"]);
    let common = common(args, true);
    // An attribute set afterwards comes too late for the mode.
    let rolls = args.named_integer("maxBytes").is_some_and(|given| given > 0);
    let max_bytes = limit(args, "maxBytes");
    let backups = limit(args, "backupCount");
    let mode = if rolls { FileMode::Append } else { common.mode };
    let handler = told!(RotatingFileHandler::builder(&common.path), common)
        .mode(mode)
        .keeps_mode()
        .max_bytes(max_bytes)
        .roll_empty(args.manner.roll_empty)
        .backup_count(u32::try_from(backups).unwrap_or(u32::MAX))
        .build();
    built(args, common, mode, handler)
}

/// A number that may be given as an argument or as an attribute; below 0 it counts as 0.
fn limit(args: &mut Arguments, name: &str) -> u64 {
    let given = args.integer(name).unwrap_or(0);
    let number = match args.attribute(name) {
        None => given,
        Some(node) => node.as_int().and_then(|number| i64::try_from(number).ok()).unwrap_or(given),
    };
    u64::try_from(number).unwrap_or(0)
}

fn timed(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&[
        "filename",
        "when",
        "interval",
        "backupCount",
        "encoding",
        "delay",
        "utc",
        "atTime",
        "errors",
    ]);
    let common = common(args, false);
    let mut builder = told!(TimedRotatingFileHandler::builder(&common.path), common)
        .backup_count(u32::try_from(limit(args, "backupCount")).unwrap_or(u32::MAX))
        .utc(args.flag("utc").unwrap_or(false))
        .by_clock(args.manner.rotate_by_clock)
        .replace_existing(args.manner.replace_rotated);
    if let Some(now) = args.now_ns() {
        builder = builder.now_ns(now);
    }
    match args.string("when").as_deref().unwrap_or("h").parse::<When>() {
        Ok(when) => builder = builder.when(when),
        Err(error) => args.mistake("when", error),
    }
    match args.integer("interval").map(u32::try_from) {
        None => {}
        Some(Ok(interval)) => builder = builder.interval(interval),
        Some(Err(_)) => args.mistake("interval", "out of range"),
    }
    if let Some(time) = at_time(args) {
        builder = builder.at_time(time);
    }
    if let Some(suffix) = args.text_attribute("suffix") {
        builder = builder.suffix(suffix);
    }
    let handler = builder.build();
    built(args, common, FileMode::Append, handler)
}

fn at_time(args: &mut Arguments) -> Option<Duration> {
    match args.take("atTime").unwrap_or_default() {
        Node::Null => None,
        Node::Str(text) => {
            let time = time_of_day(&text);
            if time.is_none() {
                args.mistake("atTime", format!("expected HH:MM or HH:MM:SS, found {text:?}"));
            }
            time
        }
        other => {
            args.mistake("atTime", format!("expected a time of day, found {other}"));
            None
        }
    }
}

/// `HH:MM` or `HH:MM:SS`.
fn time_of_day(text: &str) -> Option<Duration> {
    let mut parts = text.split(':');
    let mut part = |limit: u64| {
        let text = parts.next()?;
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|number| *number < limit)
    };
    let (hours, minutes) = (part(24)?, part(60)?);
    let seconds = if text.len() > 5 { part(60)? } else { 0 };
    parts.next().is_none().then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day_are_read() {
        assert_eq!(time_of_day("06:30"), Some(Duration::from_secs(23_400)));
        assert_eq!(time_of_day("23:59:59"), Some(Duration::from_secs(86_399)));
        for wrong in
            ["", "6:30", "24:00", "12:60", "12:00:61", "12:00:00:00", "12", "noon", "1é:00"]
        {
            assert_eq!(time_of_day(wrong), None, "{wrong}");
        }
    }
}
