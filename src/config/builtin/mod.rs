//! The names that every registry knows: Python's own, and sawmill's beside them.

mod file;
mod filter;
mod formatter;
mod queue;
mod socket;
mod stream;

use super::arguments::Arguments;
use super::node::Node;
use super::registry::{Blueprint, Entry, Parts, Registry};
use crate::handler::{Handler, HandlerRef};
use crate::sync::Arc;

pub(super) fn register(registry: &mut Registry) {
    for (name, level) in [
        ("CRITICAL", 50),
        ("FATAL", 50),
        ("ERROR", 40),
        ("WARNING", 30),
        ("WARN", 30),
        ("INFO", 20),
        ("DEBUG", 10),
        ("NOTSET", 0),
    ] {
        registry.value(&format!("logging.{name}"), level);
    }
    for name in ["sys.stdout", "sys.stderr", "queue.Queue", "queue.SimpleQueue"] {
        registry.value(name, Node::Object(name.to_owned()));
    }
    registry.value("logging.handlers.QueueListener", Node::Object("QueueListener".into()));
    stream::register(registry);
    file::register(registry);
    queue::register(registry);
    socket::register(registry);
    filter::register(registry);
    formatter::register(registry);
    let network = "this handler is not part of sawmill yet; register one of your own under its \
                   name";
    for name in
        ["DatagramHandler", "SysLogHandler", "NTEventLogHandler", "SMTPHandler", "HTTPHandler"]
    {
        registry.add(&format!("logging.handlers.{name}"), Entry::Missing(network));
    }
}

/// Registers a handler under Python's name and sawmill's.
fn handler(
    registry: &mut Registry,
    python: &str,
    factory: impl Fn(&mut Arguments) -> Blueprint<HandlerRef> + Send + Sync + 'static,
) {
    let entry = Entry::Handler(Arc::new(factory));
    let class = python.rsplit('.').next().unwrap_or(python);
    registry.add(&format!("sawmill.{class}"), entry.clone());
    registry.add(python, entry);
}

/// Returns true for the classes that may name another handler to get what they cannot write.
pub(super) fn takes_fallback(class: &str) -> bool {
    class.strip_prefix("sawmill.").is_some_and(|name| name.ends_with("FileHandler"))
}

/// A blueprint for a handler that is made already, but for its reference.
fn ready(handler: impl Handler) -> Blueprint<HandlerRef> {
    Box::new(move |_: &Parts<'_>| Ok(HandlerRef::new(handler)))
}

/// A blueprint that nobody will use, because a mistake was noted.
fn refused<T>() -> Blueprint<T> {
    Box::new(|_: &Parts<'_>| Err(crate::error::Error::invalid("its arguments were refused")))
}
