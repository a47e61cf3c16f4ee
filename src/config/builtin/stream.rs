//! Handlers that write to the standard streams, and those that write nowhere.

use super::{Arguments, Blueprint, HandlerRef, Node, Registry, handler, ready, refused};
use crate::handler::{NullHandler, StreamHandler};

pub(super) fn register(registry: &mut Registry) {
    handler(registry, "logging.StreamHandler", stream);
    handler(registry, "logging.NullHandler", |args| {
        args.signature(&[]);
        ready(NullHandler::new())
    });
}

fn stream(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["stream"]);
    let stream = args.take("stream").unwrap_or_default();
    args.writes_to(match &stream {
        Node::Object(name) if name == "sys.stdout" => "stdout",
        _ => "stderr",
    });
    let stream = match stream {
        Node::Null => StreamHandler::stderr(),
        Node::Object(name) if name == "sys.stderr" => StreamHandler::stderr(),
        Node::Object(name) if name == "sys.stdout" => StreamHandler::stdout(),
        other => {
            let wanted = "expected ext://sys.stdout or ext://sys.stderr";
            args.mistake("stream", format!("{wanted}, found {} ({other})", other.kind()));
            return refused();
        }
    };
    let stream = if args.manner.sync_streams { stream.sync() } else { stream };
    match args.text_attribute("terminator") {
        Some(terminator) => ready(stream.with_terminator(terminator)),
        None => ready(stream),
    }
}
