//! Handlers that write to files.
//!
//! They are made while the plan is, so that every mistake shows, and open their files only when
//! the configuration is in force.

use super::{Arguments, Blueprint, HandlerRef, Node, Registry, handler, ready, refused};
use crate::error::Error;
use crate::handler::Handler;
use crate::handler::file::{
    FileHandler, FileMode, RotatingFileHandler, TimedRotatingFileHandler, WatchedFileHandler, When,
};
use std::path::PathBuf;
use std::time::Duration;

pub(super) fn register(registry: &mut Registry) {
    handler(registry, "logging.FileHandler", plain);
    handler(registry, "logging.handlers.WatchedFileHandler", watched);
    handler(registry, "logging.handlers.RotatingFileHandler", rotating);
    handler(registry, "logging.handlers.TimedRotatingFileHandler", timed);
}

/// What all of them are told.
struct Common {
    path: PathBuf,
    mode: FileMode,
    delay: bool,
    encoding: Option<String>,
    errors: Option<String>,
    terminator: Option<String>,
}

fn common(args: &mut Arguments, has_mode: bool) -> Common {
    let path = PathBuf::from(args.required_string("filename"));
    let mode = match args.string("mode").filter(|_| has_mode) {
        None => FileMode::Append,
        Some(mode) => mode.parse().unwrap_or_else(|error| {
            args.mistake("mode", error);
            FileMode::Append
        }),
    };
    Common {
        path,
        mode,
        delay: args.flag("delay").unwrap_or(false),
        encoding: args.string("encoding"),
        errors: args.string("errors"),
        terminator: args.text_attribute("terminator"),
    }
}

/// Tells a builder what all have in common.
macro_rules! told {
    ($builder:expr, $common:expr) => {{
        let common = &$common;
        let mut builder = $builder.delay(common.delay).opened_later();
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
    built: Result<impl Handler, Error>,
) -> Blueprint<HandlerRef> {
    match built {
        Ok(handler) => {
            args.opens(common.path, mode, common.delay);
            ready(handler)
        }
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
    let handler = told!(FileHandler::builder(&common.path), common).mode(mode).build();
    built(args, common, mode, handler)
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
    let max_bytes = limit(args, "maxBytes");
    let backups = limit(args, "backupCount");
    let mode = if max_bytes > 0 { FileMode::Append } else { common.mode };
    let handler = told!(RotatingFileHandler::builder(&common.path), common)
        .mode(mode)
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
    match args.take("atTime").unwrap_or_default() {
        Node::Null => {}
        Node::Str(text) => match time_of_day(&text) {
            Some(time) => builder = builder.at_time(time),
            None => args.mistake("atTime", format!("expected HH:MM or HH:MM:SS, found {text:?}")),
        },
        other => args.mistake("atTime", format!("expected a time of day, found {other}")),
    }
    if let Some(suffix) = args.text_attribute("suffix") {
        builder = builder.suffix(suffix);
    }
    let handler = builder.build();
    built(args, common, FileMode::Append, handler)
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
