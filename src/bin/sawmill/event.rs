//! Log events.

use crate::replay::{Failed, Replay, seconds};
use sawmill::config::{Map, Node};
use sawmill::python::{self, PercentMerge};
use sawmill::{Level, RecordBuilder, ValueBuf};

/// Logs one event.
pub(crate) fn log(replay: &mut Replay, line: &Map) -> Result<(), Failed> {
    if let Some(created) = line.get("created") {
        replay.set_clock(created)?;
    }
    let logger = replay.logger(line, "logger")?;
    let level = level(replay, line.get("level").ok_or(Failed)?)?;
    let via_log = line.get("via").is_none_or(|via| via == &Node::from("log"));
    if via_log && !logger.is_enabled_for(level) {
        return Ok(());
    }
    let record = record(replay, line, level)?;
    logger.handle(&record);
    Ok(())
}

fn record(replay: &Replay, line: &Map, level: Level) -> Result<RecordBuilder, Failed> {
    let text = |key: &str| line.get(key).and_then(Node::as_str);
    let number = |key: &str| line.get(key).filter(|node| !is_bool(node)).and_then(Node::as_int);
    let small = |key| number(key).and_then(|number| u32::try_from(number).ok());
    let message = line.get("msg").ok_or(Failed)?.to_value();
    let mut record = RecordBuilder::new(level)
        .message_value(&message)
        .renderer(replay.renderer())
        .pathname(text("pathname").unwrap_or("(unknown file)"))
        .line(small("lineno").unwrap_or(0))
        .function(text("funcName").unwrap_or("(unknown function)"))
        .thread(number("thread").and_then(|id| u64::try_from(id).ok()).unwrap_or(1))
        .thread_name(text("threadName").unwrap_or("MainThread"))
        .process(small("process").unwrap_or(1))
        .process_name(text("processName").unwrap_or("MainProcess"));
    let odd = |key: &str, fits: bool| line.get(key).filter(|_| !fits).map(Node::to_value);
    for key in ["funcName", "threadName", "processName", "taskName"] {
        let null_task = key == "taskName" && line.get(key) == Some(&Node::Null);
        if let Some(value) = odd(key, text(key).is_some() || null_task) {
            record = record.attribute(key, value);
        }
    }
    let thread = number("thread").and_then(|id| u64::try_from(id).ok());
    for (key, fits) in [
        ("lineno", small("lineno").is_some()),
        ("process", small("process").is_some()),
        ("thread", thread.is_some()),
    ] {
        if let Some(value) = odd(key, fits) {
            record = record.attribute(key, value);
        }
    }
    if let Some(value) = odd("pathname", text("pathname").is_some()) {
        record = record
            .attribute("pathname", value.clone())
            .attribute("filename", value)
            .attribute("module", ValueBuf::of("Unknown module"));
    }
    let given = line.get("level").filter(|node| !matches!(node, Node::Str(_)));
    if let Some(node) = given.filter(|node| **node != Node::from(level.as_i32())) {
        let value = node.to_value();
        // 40.0 is 40 where a name is looked up.
        let whole = seconds(node) == Some(f64::from(level.as_i32()));
        let known = replay.runtime().level_name(level);
        let name = match whole && *known != *format!("Level {}", level.as_i32()) {
            true => known.to_string(),
            false => format!("Level {}", python::text_of(&value)),
        };
        record = record.attribute("levelno", value).attribute("levelname", ValueBuf::of(&*name));
    }
    record = match replay.now().as_int().map(i64::try_from) {
        Some(Ok(seconds)) => record.created_second(seconds),
        _ => record.created(seconds(replay.now()).unwrap_or_default()),
    };
    let given = match line.get("args") {
        None => Vec::new(),
        Some(Node::List(items)) => items.iter().map(Node::to_value).collect(),
        Some(map @ Node::Map(_)) => vec![map.to_value()],
        // As `tuple(text)` in Python.
        Some(Node::Str(text)) => {
            text.chars().map(|c| ValueBuf::of(c.to_string().as_str())).collect()
        }
        Some(_) => return Err(Failed),
    };
    if let Some(arguments) = PercentMerge::arguments(given) {
        record = record.arguments(&arguments);
    }
    if let Some(task) = text("taskName") {
        record = record.task_name(task);
    }
    for (key, text) in [("exc_text", text("exc_text")), ("stack_info", text("stack_info"))] {
        match text {
            None => {}
            Some(text) if key == "exc_text" => record = record.exception(text),
            Some(text) => record = record.stack(text),
        }
    }
    for (key, it) in extra(line)?.iter() {
        if python::is_attribute(key) {
            return Err(Failed);
        }
        record = record.field(key, it.to_value());
    }
    Ok(record)
}

fn is_bool(node: &Node) -> bool {
    matches!(node, Node::Bool(_))
}

/// The level of an event. One that is no small integer stands where it is compared as it would be.
fn level(replay: &Replay, node: &Node) -> Result<Level, Failed> {
    const LEAST: f64 = i32::MIN as f64;
    const MOST: f64 = i32::MAX as f64 - 1.0;
    match seconds(node) {
        Some(number) => Ok(Level::new(number.floor().clamp(LEAST, MOST) as i32)),
        None => replay.level(node),
    }
}

/// The further attributes: the call's, or the adapter's, or both.
fn extra(line: &Map) -> Result<Map, Failed> {
    let mapping = |node: Option<&Node>| match node {
        None | Some(Node::Null) => Ok(None),
        // Nothing to go through, as Python sees it.
        Some(Node::Str(text)) if text.is_empty() => Ok(None),
        Some(Node::List(items)) if items.is_empty() => Ok(None),
        Some(Node::Map(map)) => Ok(Some(map.clone())),
        Some(_) => Err(Failed),
    };
    let own = mapping(line.get("extra"))?;
    let Some(adapter) = line.get("adapter") else { return Ok(own.unwrap_or_default()) };
    if !matches!(adapter, Node::Map(_)) {
        return Err(Failed);
    }
    let base = mapping(adapter.get("extra"))?;
    let merge = adapter.get("merge_extra").is_some_and(Node::is_true);
    match own {
        Some(own) if merge => {
            let mut both = base.ok_or(Failed)?;
            for (key, value) in own {
                both.insert(key, value);
            }
            Ok(both)
        }
        _ => Ok(base.unwrap_or_default()),
    }
}
