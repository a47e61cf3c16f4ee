//! Contextual information with an adapter: a logger that carries what its owner knows.
//!
//! Python's adapters often prepend text to the message; fields leave the message alone, and the
//! pattern (or JSON) shows them.

mod place;

use sawmill::{FileHandler, Formatter, HandlerExt, Level, LoggerAdapter, ValueBuf, info, warning};
use std::time::Duration;

/// A connection logs under its number, wherever it is handed to.
struct Connection {
    log: LoggerAdapter,
}

impl Connection {
    fn open(id: u64) -> Self {
        let logger = sawmill::get_logger("net");
        Self { log: LoggerAdapter::new(&logger, [("connid", ValueBuf::of(&id))]) }
    }

    fn read(&self, bytes: u64) {
        info!(logger: self.log, bytes; "read");
        if bytes == 0 {
            // An adapter of an adapter carries the fields of both.
            let closing = LoggerAdapter::new(&self.log, [("state", ValueBuf::of("closing"))]);
            warning!(logger: closing, "the peer has gone");
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = Formatter::builder()
        .pattern("%(levelname)s [%(connid)s] %(message)s (%(state)s)")
        .default_field("connid", "-")
        .default_field("state", "open")
        .build()?;
    sawmill::builder()
        .level(Level::INFO)
        .handler("file", FileHandler::new(place.path("net.log"))?.with_formatter(pattern))
        .init()?;

    info!("listening");
    let (first, second) = (Connection::open(7), Connection::open(8));
    first.read(120);
    second.read(64);
    first.read(0);

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    assert_eq!(
        place.show("net.log")?,
        [
            "INFO [-] listening (open)",
            "INFO [7] read (open)",
            "INFO [8] read (open)",
            "INFO [7] read (open)",
            "WARNING [7] the peer has gone (closing)",
        ]
    );
    Ok(())
}
