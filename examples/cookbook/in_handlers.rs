//! Contextual information in handlers: a handler's filter shows this handler another record.
//!
//! A change that a filter makes is seen by the handlers after it, as in Python. A filter that
//! wants it for its own handler alone passes a changed copy on.

mod place;

use sawmill::{
    FileHandler, Formatter, HandlerExt, HandlerRef, Level, LogRecord, ValueBuf, Verdict, info,
};
use std::time::Duration;

fn with_user(record: &mut LogRecord<'_>) -> Verdict {
    let mut copy = record.clone();
    copy.set_attribute("user", ValueBuf::of("jim"));
    Verdict::Replace(copy.keep())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let file = |name: &str| -> Result<HandlerRef, sawmill::Error> {
        let pattern = Formatter::builder().pattern("%(message)s from %(user)s");
        let pattern = pattern.default_field("user", "nobody").build()?;
        Ok(FileHandler::new(place.path(name))?.with_formatter(pattern))
    };
    sawmill::builder()
        .level(Level::INFO)
        .handler("first", file("first.log")?.with_filter(with_user))
        .handler("second", file("second.log")?)
        .init()?;

    info!("a log message");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    assert_eq!(place.show("first.log")?, ["a log message from jim"]);
    assert_eq!(place.show("second.log")?, ["a log message from nobody"]);
    Ok(())
}
