//! `basicConfig`, with its arguments as Python takes them.

use crate::replay::{Failed, LONG, Replay};
use sawmill::config::{Door, Map, Node};
use sawmill::{HandlerRef, StreamHandler};
use std::sync::atomic::Ordering;

const KNOWN: &[&str] = &[
    "filename", "filemode", "format", "datefmt", "style", "level", "stream", "handlers", "force",
    "encoding", "errors",
];

/// Configures the root logger, unless it has handlers already.
pub(crate) fn config(replay: &Replay, line: &Map) -> Result<(), Failed> {
    let root = replay.runtime().root();
    let get = |key: &str| line.get(key).filter(|it| !it.is_null());
    let stream = match line.get("stream") {
        None => None,
        Some(Node::Str(name)) if name == "stdout" || name == "stderr" => Some(name.as_str()),
        Some(_) => return Err(Failed),
    };
    if line.get("force").is_some_and(Node::is_true) {
        for handler in root.handlers() {
            root.remove_handler(&handler);
            let _ = handler.close(LONG);
            // A filter behind a memory handler failed: what comes next does not happen.
            if replay.reports().filter_failed.load(Ordering::Relaxed) {
                return Err(Failed);
            }
        }
    }
    if !root.handlers().is_empty() {
        return Ok(());
    }
    // Handlers cannot be written in a file of events.
    if get("handlers").is_some() || (stream.is_some() && line.contains("filename")) {
        return Err(Failed);
    }
    let handler = match line.get("filename").filter(|it| it.is_true()) {
        Some(filename) => {
            let mut arguments = Map::new();
            arguments.insert("filename", filename.clone());
            arguments.insert("mode", line.get("filemode").cloned().unwrap_or("a".into()));
            let mode = arguments.get("mode").and_then(Node::as_str).unwrap_or_default().to_owned();
            let encoding = get("encoding").cloned();
            if !mode.contains('b') {
                let errors = line.get("errors").cloned().unwrap_or("backslashreplace".into());
                arguments.insert("encoding", Node::from(encoding));
                arguments.insert("errors", errors);
            }
            replay.registry().make_handler("logging.FileHandler", arguments, Door::python())?
        }
        None if stream == Some("stdout") => HandlerRef::new(StreamHandler::stdout().sync()),
        None => HandlerRef::new(StreamHandler::stderr().sync()),
    };
    let style = line.get("style").cloned().unwrap_or("%".into());
    let format = match style.as_str() {
        Some("%") => "%(levelname)s:%(name)s:%(message)s",
        Some("{") => "{levelname}:{name}:{message}",
        Some("$") => "${levelname}:${name}:${message}",
        _ => return Err(Failed),
    };
    let mut arguments = Map::new();
    arguments.insert("format", line.get("format").cloned().unwrap_or(format.into()));
    arguments.insert("datefmt", Node::from(get("datefmt").cloned()));
    arguments.insert("style", style);
    let formatter =
        replay.registry().make_formatter("logging.Formatter", arguments, Door::python())?;
    handler.set_formatter(Some(formatter));
    root.add_handler(handler)?;
    // What proves wrong from here on leaves the handler where it is, as in Python.
    if let Some(level) = get("level") {
        root.set_level(replay.level(level)?);
    }
    match line.keys().all(|key| key == "control" || KNOWN.contains(&key)) {
        true => Ok(()),
        false => Err(Failed),
    }
}
