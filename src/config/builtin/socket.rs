//! Handlers that write to a peer.

use super::{Arguments, Blueprint, HandlerRef, Node, Registry, handler, ready, refused};
use crate::handler::SocketHandler;

pub(super) fn register(registry: &mut Registry) {
    handler(registry, "logging.handlers.SocketHandler", socket);
}

fn socket(args: &mut Arguments) -> Blueprint<HandlerRef> {
    args.signature(&["host", "port"]);
    let host = args.required_string("host");
    match args.required("port") {
        Some(Node::Null) => {
            #[cfg(unix)]
            {
                args.writes_to(host.clone());
                return ready(SocketHandler::unix(host));
            }
            #[cfg(not(unix))]
            args.mistake("port", "this platform has no sockets in its file system");
        }
        Some(node) => match node.as_int().map(u16::try_from) {
            Some(Ok(port)) => {
                args.writes_to(format!("{host}:{port}"));
                return ready(SocketHandler::tcp(host, port));
            }
            _ => args.mistake("port", format!("expected 0 to 65535, found {node}")),
        },
        None => {}
    }
    refused()
}
