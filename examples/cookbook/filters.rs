//! Contextual information with a filter: it may add to a record as well as refuse it.
//!
//! A filter runs on the logging thread, a moment after the call: what it adds must be true of the
//! program, not of the calling thread. For the latter see the scopes of `cookbook_context`.

mod place;

use sawmill::{
    FileHandler, Filter, FilterRef, Formatter, HandlerExt, Level, LogRecord, ValueBuf, Verdict,
    error, info,
};
use std::time::Duration;

/// Adds the address and the user that are next in turn.
struct ContextFilter {
    turn: usize,
}

const USERS: [&str; 3] = ["jim", "fred", "sheila"];
const ADDRESSES: [&str; 2] = ["123.231.231.123", "127.0.0.1"];

impl Filter for ContextFilter {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        record.set_attribute("ip", ValueBuf::of(ADDRESSES[self.turn % ADDRESSES.len()]));
        record.set_attribute("user", ValueBuf::of(USERS[self.turn % USERS.len()]));
        self.turn += 1;
        Verdict::Pass
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = "%(name)-5s %(levelname)-8s IP: %(ip)-15s User: %(user)-8s %(message)s";
    let file = FileHandler::new(place.path("app.log"))?;
    let runtime = sawmill::builder()
        .level(Level::DEBUG)
        .handler("file", file.with_formatter(Formatter::new(pattern)?))
        .init()?;
    // One filter on two loggers: a logger's filters do not apply to its descendants' records.
    let context = FilterRef::new(ContextFilter { turn: 0 });
    runtime.get_logger("a.b.c").add_filter(context.clone());
    runtime.get_logger("d.e.f").add_filter(context);

    info!(target: "a.b.c", "an info message with parameters {}", 1);
    error!(target: "d.e.f", "an error message with {} parameters", 2);
    info!(target: "d.e.f", "another");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    let lines = place.show("app.log")?;
    assert_eq!(
        lines[0],
        "a.b.c INFO     IP: 123.231.231.123 User: jim      an info message with parameters 1"
    );
    assert_eq!(
        lines[1],
        "d.e.f ERROR    IP: 127.0.0.1       User: fred     an error message with 2 parameters"
    );
    assert!(lines[2].contains("User: sheila"));
    Ok(())
}
