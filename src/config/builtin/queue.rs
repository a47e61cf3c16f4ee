//! Handlers that keep records for others.

use super::{Arguments, Blueprint, HandlerRef, Node, Registry, handler, refused};
use crate::config::registry::Parts;
use crate::handler::{BufferingHandler, MemoryHandler, QueueHandler, RecordQueue};
use crate::level::Level;

pub(super) fn register(registry: &mut Registry) {
    handler(registry, "logging.handlers.MemoryHandler", memory);
    handler(registry, "logging.handlers.QueueHandler", queue);
    handler(registry, "logging.handlers.BufferingHandler", buffering);
}

fn memory(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["capacity", "flushLevel", "target", "flushOnClose"]);
    let capacity = capacity(args);
    let flush_level = args.level("flushLevel").unwrap_or(Level::ERROR);
    let flush_on_close = args.flag("flushOnClose").unwrap_or(true);
    let target = args.string("target");
    Box::new(move |parts: &Parts<'_>| {
        let memory = MemoryHandler::new(capacity)
            .with_flush_level(flush_level)
            .with_flush_on_close(flush_on_close);
        Ok(HandlerRef::new(match target {
            Some(id) => memory.with_target(parts.handler(&id)?),
            None => memory,
        }))
    })
}

/// Python's own, whose flush forgets the records: closures cannot be written in a configuration.
fn buffering(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["capacity"]);
    let capacity = capacity(args);
    super::ready(BufferingHandler::new(capacity, |_| Ok(())))
}

/// How many records are kept; below 0 counts as 0.
fn capacity(args: &mut Arguments) -> usize {
    let given = args.required("capacity");
    let node = args.attribute("capacity").or(given);
    match node.as_ref().map(|node| node.as_int().ok_or(node)) {
        Some(Ok(capacity)) => usize::try_from(capacity.max(0)).unwrap_or(usize::MAX),
        Some(Err(other)) => {
            args.mistake("capacity", format!("expected an integer, found {}", other.kind()));
            0
        }
        None => 0,
    }
}

fn queue(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&[]);
    let handlers: Vec<String> = match args.take("handlers") {
        Some(Node::List(ids)) => {
            ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    };
    let respect = args.flag("respect_handler_level").unwrap_or(false);
    match args.take("listener") {
        None | Some(Node::Null) => {}
        Some(Node::Str(name) | Node::Object(name))
            if name == "logging.handlers.QueueListener" || name == "QueueListener" => {}
        Some(other) => args.mistake(
            "listener",
            format!("expected \"logging.handlers.QueueListener\", found {other}"),
        ),
    }
    let Some(places) = places(args) else { return refused() };
    Box::new(move |parts: &Parts<'_>| {
        let queue = QueueHandler::new(RecordQueue::bounded(places));
        let targets = handlers.iter().map(|id| parts.handler(id)).collect::<Result<Vec<_>, _>>()?;
        Ok(HandlerRef::new(queue.with_listener(targets, respect)))
    })
}

/// How many records the queue holds; 0 is no limit.
fn places(args: &mut Arguments) -> Option<usize> {
    let known = |name: &str| matches!(name, "queue.Queue" | "queue.SimpleQueue");
    match args.take("queue") {
        None | Some(Node::Null) => Some(0),
        Some(Node::Str(name)) if known(&name) => Some(0),
        Some(Node::Map(map)) if map.get("()").and_then(Node::as_str).is_some_and(known) => {
            let mut size = 0;
            for (key, value) in map.iter().filter(|(key, _)| *key != "()") {
                match (key, value.as_int()) {
                    ("maxsize", Some(number)) => size = usize::try_from(number.max(0)).unwrap_or(0),
                    ("maxsize", None) => {
                        args.mistake(
                            "queue.maxsize",
                            format!("expected an integer, found {value}"),
                        );
                    }
                    _ => args.mistake(&format!("queue.{key}"), "queue.Queue has no such parameter"),
                }
            }
            Some(size)
        }
        Some(other) => {
            args.mistake(
                "queue",
                format!("expected \"queue.Queue\" or a mapping with \"()\", found {other}"),
            );
            None
        }
    }
}
