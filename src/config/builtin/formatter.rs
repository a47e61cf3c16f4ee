//! Formatters.

use super::{Arguments, Blueprint, Node, Registry, refused};
use crate::config::registry::{Entry, Parts};
use crate::error::Error;
use crate::format::{
    ConsoleFormatter, Formatter, FormatterBuilder, FormatterRef, JsonFormatter, JsonKey,
    LogfmtFormatter, Style,
};
use crate::sync::Arc;

pub(super) fn register(registry: &mut Registry) {
    let mut formatter = |name: &str, make: fn(&mut Arguments) -> Result<FormatterRef, Error>| {
        let factory = move |args: &mut Arguments| -> Blueprint<FormatterRef> {
            match make(args) {
                Ok(made) => Box::new(move |_: &Parts<'_>| Ok(made)),
                Err(error) => {
                    args.mistake("", error);
                    refused()
                }
            }
        };
        registry.add(name, Entry::Formatter(Arc::new(factory)));
    };
    formatter("logging.Formatter", |args| Ok(args.formatter().build()?.into()));
    formatter("sawmill.Formatter", |args| {
        let mut builder = args.formatter();
        if args.flag("utc").unwrap_or(false) {
            builder = builder.utc();
        }
        if let Some(zone) = args.string("zone") {
            builder = builder.zone(zone);
        }
        Ok(builder.build()?.into())
    });
    formatter("sawmill.JsonFormatter", |args| {
        let mut builder = JsonFormatter::builder();
        if args.flag("flatten_fields").unwrap_or(false) {
            builder = builder.flatten_fields();
        }
        for name in ["thread", "process"] {
            let key = if name == "thread" { JsonKey::Thread } else { JsonKey::Process };
            if args.flag(name) == Some(false) {
                builder = builder.without(key);
            }
        }
        Ok(builder.build().into())
    });
    formatter("sawmill.LogfmtFormatter", |_| Ok(LogfmtFormatter::new().into()));
    formatter("sawmill.ConsoleFormatter", |args| {
        Ok(match args.flag("colors") {
            Some(colors) => ConsoleFormatter::with_colors(colors).into(),
            None => ConsoleFormatter::stderr().into(),
        })
    });
}

impl Arguments {
    /// Takes the arguments of Python's `Formatter`: `format` (or `fmt`), `datefmt`, `style`,
    /// `validate`, `defaults`, and the attributes `default_time_format` and `default_msec_format`.
    pub fn formatter(&mut self) -> FormatterBuilder {
        self.signature(&["fmt", "datefmt", "style", "validate", "defaults"]);
        let mut builder = Formatter::builder();
        if self.manner.python_formats {
            builder = builder.like_python();
        }
        builder = builder.neutralize(self.manner.escape);
        let (fmt, format) = (self.string("fmt"), self.string("format"));
        if let Some(pattern) = format.or(fmt).filter(|pattern| !pattern.is_empty()) {
            builder = builder.pattern(pattern);
        }
        let datefmt = self.string("datefmt");
        let later = self.text_attribute("datefmt");
        if let Some(datefmt) = later.or(datefmt).filter(|format| !format.is_empty()) {
            builder = builder.date_format(datefmt);
        }
        match self.take("style") {
            None => {}
            Some(Node::Str(style)) => match style.parse::<Style>() {
                Ok(style) => builder = builder.style(style),
                Err(error) => self.mistake("style", error),
            },
            Some(other) => {
                self.mistake("style", format!("Style must be one of: %,{{,$, not {other}"));
            }
        }
        if let Some(validate) = self.flag("validate") {
            builder = builder.validate(validate);
        }
        match self.take("defaults") {
            None | Some(Node::Null) => {}
            Some(Node::Map(defaults)) => {
                for (key, value) in defaults.iter() {
                    builder = builder.default_value(key, value.to_value());
                }
            }
            Some(other) => {
                self.mistake("defaults", format!("expected a mapping, found {}", other.kind()));
            }
        }
        if let Some(format) = self.text_attribute("default_time_format") {
            builder = builder.time_format(format);
        }
        match self.attribute("default_msec_format") {
            None => {}
            Some(Node::Str(format)) if !format.is_empty() => {
                builder = builder.msec_format(Some(&format));
            }
            Some(Node::Null | Node::Str(_)) => builder = builder.msec_format(None),
            Some(other) => {
                self.mistake(".default_msec_format", format!("expected text, found {other}"));
            }
        }
        builder
    }
}
