//! How a formatter is built.

use super::{Formatter, Source};
use crate::error::Error;
use crate::format::pattern::{self, Style};

use crate::format::by_script::Tools;
use crate::format::time::{Dialect, TimeText, TimeTextOptions, Zone};
use crate::record::ValueBuf;

/// Builds a [`Formatter`].
///
/// | option | default |
/// | --- | --- |
/// | `pattern` | the message alone |
/// | `style` | `%` |
/// | `date_format` | none: the next two apply |
/// | `time_format` | `%Y-%m-%d %H:%M:%S` |
/// | `msec_format` | `%s,%03d` |
/// | `local`, `utc`, `zone` | local: the variable `TZ`, else the system's zone |
/// | `default_field` | none |
/// | `validate` | true |
/// | `strict` | true |
/// | `neutralize` | true |
///
/// # Examples
///
/// ```
/// use sawmill::Formatter;
///
/// let formatter = Formatter::builder()
///     .pattern("%(asctime)s %(levelname)s %(request)s %(message)s")
///     .date_format("%Y-%m-%dT%H:%M:%S.%fZ")
///     .utc()
///     .default_field("request", "-")
///     .build()?;
/// # let _ = formatter;
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct FormatterBuilder {
    pattern: Option<String>,
    style: Style,
    time: TimeTextOptions,
    zone: ZoneChoice,
    defaults: Vec<(Box<str>, ValueBuf)>,
    validate: bool,
    strict: bool,
    neutralize: bool,
}

#[derive(Debug, Clone)]
enum ZoneChoice {
    Local,
    Utc,
    Named(String),
}

impl FormatterBuilder {
    pub(super) fn new() -> Self {
        Self {
            pattern: None,
            style: Style::Percent,
            time: TimeTextOptions::default(),
            zone: ZoneChoice::Local,
            defaults: Vec::new(),
            validate: true,
            strict: true,
            neutralize: true,
        }
    }

    /// As Python's `Formatter` reads its arguments: `%f` in dates stands for itself, `fields` is a
    /// field's name, patterns that can never be filled in fail for each record, and values are
    /// not neutralised. For configurations in Python's manner.
    pub fn like_python(mut self) -> Self {
        self.time.dialect = Dialect::Python;
        self.strict = false;
        self.neutralize = false;
        self
    }

    /// Sets the pattern; an empty one stands for the message alone, as in Python.
    pub fn pattern(mut self, pattern: impl Into<String>) -> Self {
        self.pattern = Some(pattern.into()).filter(|pattern| !pattern.is_empty());
        self
    }

    /// Sets the style of the pattern.
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// Sets how times are shown, in strftime directives: Python's `datefmt`.
    pub fn date_format(mut self, format: impl Into<String>) -> Self {
        self.time.date_format = Some(format.into());
        self
    }

    /// Sets how times are shown without a `date_format`, up to the second: Python's
    /// `default_time_format`.
    pub fn time_format(mut self, format: impl Into<String>) -> Self {
        self.time.time_format = format.into();
        self
    }

    /// Sets how the milliseconds are joined to the time: a `%` format for the time's text and the
    /// number, Python's `default_msec_format`. `None` leaves them out.
    pub fn msec_format(mut self, format: Option<&str>) -> Self {
        self.time.msec_format = format.map(str::to_owned);
        self
    }

    /// Shows times in the process's zone.
    pub fn local(mut self) -> Self {
        self.zone = ZoneChoice::Local;
        self
    }

    /// Shows times in UTC.
    pub fn utc(mut self) -> Self {
        self.zone = ZoneChoice::Utc;
        self
    }

    /// Shows times in a zone: an IANA name, or a POSIX description such as `EST5EDT,M3.2.0,M11.1.0`.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = ZoneChoice::Named(name.into());
        self
    }

    /// Gives a field a value for records that do not have it.
    pub fn default_field<T: crate::capture::Capture + ?Sized>(
        self,
        key: impl Into<Box<str>>,
        value: &T,
    ) -> Self {
        self.default_value(key, ValueBuf::of(value))
    }

    /// Gives a field a value for records that do not have it.
    pub fn default_value(mut self, key: impl Into<Box<str>>, value: ValueBuf) -> Self {
        let key = key.into();
        self.defaults.retain(|(known, _)| *known != key);
        self.defaults.push((key, value));
        self
    }

    /// Sets whether a pattern must pass Python's validation: at least one placeholder, in the style
    /// that was chosen.
    pub fn validate(mut self, validate: bool) -> Self {
        self.validate = validate;
        self
    }

    /// Sets whether a pattern that can never be filled in is refused here; else each record that
    /// meets it fails, as in Python.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Sets whether control characters in values are made visible and further lines indented.
    pub fn neutralize(mut self, neutralize: bool) -> Self {
        self.neutralize = neutralize;
        self
    }

    /// Compiles the pattern.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`], in Python's words, if the pattern is refused; or if its widths and
    /// precisions add up to more than 16 MiB; or if the zone is not known.
    pub fn build(self) -> Result<Formatter, Error> {
        let Self { style, mut time, validate, strict, neutralize, .. } = self;
        let pattern = self.pattern.unwrap_or_else(|| style.default_pattern().to_owned());
        if validate {
            pattern::validate(style, &pattern)?;
        }
        let own = time.dialect == Dialect::Sawmill;
        let compiled = pattern::compile(style, &pattern, own);
        compiled.check_width()?;
        if strict && let Some(failure) = compiled.failure() {
            return Err(Error::invalid(format!("invalid format '{pattern}': {failure}")));
        }
        time.zone = match &self.zone {
            ZoneChoice::Local => Zone::local(),
            ZoneChoice::Utc => Zone::Utc,
            ZoneChoice::Named(name) => Zone::named(name)?,
        };
        let date_format = time.date_format.clone();
        Ok(Formatter {
            pattern: compiled,
            tools: Tools::new(TimeText::new(&time)),
            defaults: self.defaults,
            neutralize,
            source: Source { pattern, style, date_format },
        })
    }
}
