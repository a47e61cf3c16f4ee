//! Django's configuration: a mapping that names classes of the program's own.
//!
//! Python imports what a configuration names; here the program registers it. Everything else of
//! the mapping is read as it stands.

use sawmill::config::{Config, Door, Registry};
use sawmill::{
    BufferingHandler, FilterRef, LogRecord, debug, error, handler_by_name, info, warning,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LOGGING: &str = r#"
version: 1
disable_existing_loggers: true
formatters:
  verbose:
    format: "{levelname} {asctime} {module} {process:d} {thread:d} {message}"
    style: "{"
  simple: {format: "%(levelname)s %(message)s"}
filters:
  special: {(): project.logging.SpecialFilter, foo: bar}
handlers:
  "null": {level: DEBUG, class: logging.NullHandler}
  console: {level: DEBUG, class: logging.StreamHandler, formatter: simple}
  mail_admins:
    level: ERROR
    class: django.utils.log.AdminEmailHandler
    filters: [special]
loggers:
  django: {handlers: ["null"], propagate: true, level: INFO}
  django.request: {handlers: [mail_admins], level: ERROR, propagate: false}
  myproject.custom: {handlers: [console, mail_admins], level: INFO, filters: [special]}
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mails = Arc::new(Mutex::new(Vec::new()));
    let outbox = mails.clone();
    let mut registry = Registry::new();
    registry
        .filter("project.logging.SpecialFilter", |args| {
            let wanted = args.required_string("foo");
            // Lets through what does not concern it.
            Ok(FilterRef::new(move |record: &mut LogRecord<'_>| {
                record.field("foo").is_none_or(|value| value.to_string() == wanted)
            }))
        })
        .handler("django.utils.log.AdminEmailHandler", move |args| {
            let html = args.flag("include_html").unwrap_or(false);
            let outbox = outbox.clone();
            Ok(BufferingHandler::new(1, move |records| {
                let messages = records.iter().map(|record| record.view().message());
                let subject = messages.collect::<Result<Vec<_>, _>>()?.join("; ");
                let mut outbox = outbox.lock().unwrap_or_else(|error| error.into_inner());
                outbox
                    .push(format!("to the admins{}: {subject}", if html { " (HTML)" } else { "" }));
                Ok(())
            }))
        });
    Config::from_yaml(LOGGING)?.with_door(Door::python()).apply_with(&registry)?;

    info!(target: "django", "for nobody");
    warning!(target: "django.request", "below the level of this logger");
    error!(target: "django.request", "Internal Server Error: /");
    debug!(target: "myproject.custom", "below its level, too");
    info!(target: "myproject.custom", "hello");
    error!(target: "myproject.custom", "no disk");
    error!(target: "myproject.custom", foo = "baz"; "filtered");

    assert!(sawmill::flush(Duration::from_secs(5)).is_complete());
    let mails = mails.lock().unwrap_or_else(|error| error.into_inner());
    println!("{}", mails.join("\n"));
    assert_eq!(*mails, ["to the admins: Internal Server Error: /", "to the admins: no disk"]);
    let delivered = |name| handler_by_name(name).map(|handler| handler.stats().delivered);
    assert_eq!((delivered("console"), delivered("null")), (Some(2), Some(1)));
    Ok(())
}
