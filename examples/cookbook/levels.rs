//! Custom handling of levels: a configuration names a filter of the program's own.
//!
//! Errors go to standard error, warnings and what is below to standard output, all of it to a file.
//! The registry plays the part of Python's import: it says what the name after `()` means.

mod place;

use sawmill::config::{Config, Door, Registry};
use sawmill::{
    Level, LevelFilter, add_level_name, debug, error, handler_by_name, info, log, warning,
};
use std::time::Duration;

const CONFIGURATION: &str = r#"
version: 1
disable_existing_loggers: false
formatters:
  simple: {format: "%(levelname)-8s - %(message)s"}
filters:
  warnings_and_below: {(): __main__.filter_maker, level: WARNING}
handlers:
  stdout:
    class: logging.StreamHandler
    level: INFO
    formatter: simple
    stream: ext://sys.stdout
    filters: [warnings_and_below]
  stderr: {class: logging.StreamHandler, level: ERROR, formatter: simple}
  file: {class: logging.FileHandler, formatter: simple, filename: "place://app.log", mode: w}
root: {level: DEBUG, handlers: [stderr, stdout, file]}
"#;

/// Any number is a level; naming it is for the readers.
const NOTICE: Level = Level::new(25);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let file = place.path("app.log").display().to_string();
    let mut registry = Registry::new();
    registry
        .filter("__main__.filter_maker", |args| {
            Ok(LevelFilter::at_most(args.level("level").unwrap_or(Level::WARNING)))
        })
        .prefix("place", move |_| Ok(file.clone().into()));
    add_level_name(NOTICE, "NOTICE");
    Config::from_yaml(CONFIGURATION)?.with_door(Door::python()).apply_with(&registry)?;

    debug!("a DEBUG message");
    info!("an INFO message");
    log!(NOTICE, "a NOTICE");
    warning!("a WARNING message");
    error!("an ERROR message");

    assert!(sawmill::flush(Duration::from_secs(5)).is_complete());
    let delivered = |name| handler_by_name(name).map(|handler| handler.stats().delivered);
    assert_eq!(delivered("stdout"), Some(3));
    assert_eq!(delivered("stderr"), Some(1));
    let lines = place.show("app.log")?;
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[2], "NOTICE   - a NOTICE");
    Ok(())
}
