//! Control lines: what an application does to its loggers between two records.

use crate::replay::{Failed, LONG, Replay};
use crate::{basic, testing};
use sawmill::config::{Config, Door, Map, Node};
use sawmill::{HandlerRef, Level, MemoryHandler, NameFilter, RotatingFileHandler};
use sawmill::{Stream, StreamHandler, TimedRotatingFileHandler};
use std::path::Path;
use std::sync::atomic::Ordering;

/// Performs one control line.
pub(crate) fn perform(replay: &mut Replay, kind: &str, line: &Map) -> Result<(), Failed> {
    match kind {
        "configure" => return configure(replay, line),
        "basic_config" => return basic::config(replay, line),
        "set_level" => {
            let level = replay.level(line.get("level").ok_or(Failed)?);
            if line.contains("handler") {
                replay.handler(line)?.set_level(level?);
            } else {
                replay.logger(line, "logger")?.set_level(level?);
            }
        }
        "disable" => {
            let level = line.get("level").map_or(Ok(Level::CRITICAL), |it| replay.level(it))?;
            replay.runtime().disable(level);
        }
        "add_level_name" => {
            let level = replay.level(line.get("level").ok_or(Failed)?)?;
            let name = line.get("name").and_then(Node::as_str).ok_or(Failed)?;
            replay.runtime().add_level_name(level, name);
        }
        "get_logger" => {
            replay.logger(line, "logger")?;
        }
        "set_propagate" => {
            let value = line.get("value").ok_or(Failed)?.is_true();
            replay.logger(line, "logger")?.set_propagate(value);
        }
        "set_disabled" => {
            let value = line.get("value").ok_or(Failed)?.is_true();
            replay.logger(line, "logger")?.set_disabled(value);
        }
        "add_handler" => {
            let logger = replay.logger(line, "logger")?;
            logger.add_handler(replay.handler(line)?)?;
        }
        "remove_handler" => {
            let logger = replay.logger(line, "logger")?;
            logger.remove_handler(&replay.handler(line)?);
        }
        "add_filter" => add_filter(replay, line)?,
        "remove_filter" => remove_filter(replay, line)?,
        "set_formatter" => set_formatter(replay, line)?,
        "set_target" => set_target(replay, line)?,
        "set_stream" => set_stream(&replay.handler(line)?, line)?,
        "flush" => {
            let _ = replay.runtime().flush(LONG);
        }
        "flush_handler" => replay.handler(line)?.flush(LONG)?,
        "close" => close(&replay.handler(line)?)?,
        "rollover" => rollover(&replay.handler(line)?)?,
        "shutdown" => {
            // The listeners of queues stop first, as an application would have it.
            replay.stop_listeners();
            for handler in replay.runtime().handlers().iter().rev() {
                // Like Python's, it goes on with the next one whatever happens.
                let _ = handler.close(LONG);
            }
        }
        "raise_exceptions" => {
            let value = line.get("value").ok_or(Failed)?.is_true();
            replay.reports().raise_exceptions.store(value, Ordering::Relaxed);
        }
        "last_resort" => {
            let handler = match line.get("level").ok_or(Failed)? {
                Node::Null => None,
                level => {
                    let level = replay.level(level)?;
                    Some(HandlerRef::new(StreamHandler::stderr().sync()).with_level(level))
                }
            };
            replay.runtime().set_last_resort(handler)?;
        }
        "clock" => replay.set_clock(line.get("now").ok_or(Failed)?)?,
        _ => return Err(Failed),
    }
    Ok(())
}

fn configure(replay: &mut Replay, line: &Map) -> Result<(), Failed> {
    match line.get("file") {
        Some(file) => {
            let path = file.as_str().ok_or(Failed)?;
            let disable = line.get("disable_existing_loggers").map(Node::is_true);
            Ok(replay.configure_file(Path::new(path), disable)?)
        }
        None => {
            let config = line.get("config").ok_or(Failed)?.clone();
            Ok(replay.configure(Config::new(config))?)
        }
    }
}

fn close(handler: &HandlerRef) -> Result<(), Failed> {
    Ok(handler.close(LONG)?)
}

fn rollover(handler: &HandlerRef) -> Result<(), Failed> {
    let by_size = handler.with(LONG, |it: &mut RotatingFileHandler| it.do_rollover());
    if let Ok(done) = by_size {
        return Ok(done?);
    }
    Ok(handler.with_context(LONG, |it: &mut TimedRotatingFileHandler, cx| {
        it.do_rollover(cx.now_ns())
    })??)
}

fn add_filter(replay: &Replay, line: &Map) -> Result<(), Failed> {
    let name = line.get("name").and_then(Node::as_str).ok_or(Failed)?;
    let filter = testing::name_filter(NameFilter::new(name), name);
    if line.contains("handler") {
        let handler = replay.handler(line)?;
        // Python's NullHandler does nothing at all with a record, filtering included.
        if handler.kind() != "NullHandler" {
            handler.add_filter(filter);
        }
    } else {
        replay.logger(line, "logger")?.add_filter(filter);
    }
    Ok(())
}

fn remove_filter(replay: &Replay, line: &Map) -> Result<(), Failed> {
    let name = line.get("name").and_then(Node::as_str).ok_or(Failed)?;
    if line.contains("handler") {
        let handler = replay.handler(line)?;
        for filter in handler.filters().iter().filter(|it| testing::filters_by(it, name)) {
            handler.remove_filter(filter);
        }
    } else {
        let logger = replay.logger(line, "logger")?;
        for filter in logger.filters().iter().filter(|it| testing::filters_by(it, name)) {
            logger.remove_filter(filter);
        }
    }
    Ok(())
}

fn set_formatter(replay: &Replay, line: &Map) -> Result<(), Failed> {
    let handler = replay.handler(line)?;
    let keys = ["format", "datefmt", "style", "validate", "defaults"];
    let arguments = testing::some(line, &keys);
    let formatter =
        replay.registry().make_formatter("logging.Formatter", arguments, Door::python())?;
    handler.set_formatter(Some(formatter));
    Ok(())
}

fn set_target(replay: &Replay, line: &Map) -> Result<(), Failed> {
    let handler = replay.handler(line)?;
    let target = match line.get("target").ok_or(Failed)? {
        Node::Null => None,
        Node::Str(name) => Some(replay.runtime().handler_by_name(name).ok_or(Failed)?),
        _ => return Err(Failed),
    };
    Ok(MemoryHandler::set_target(&handler, target, LONG)?)
}

fn set_stream(handler: &HandlerRef, line: &Map) -> Result<(), Failed> {
    let name = line.get("stream").and_then(Node::as_str).ok_or(Failed)?.to_owned();
    let stream = match name.as_str() {
        "stdout" => Stream::stdout(),
        "stderr" => Stream::stderr(),
        _ => return Err(Failed),
    };
    if testing::set_tagged_stream(handler, &name) {
        return Ok(());
    }
    handler.with_context(LONG, move |it: &mut StreamHandler, cx| it.set_stream(stream, cx))??;
    Ok(())
}
