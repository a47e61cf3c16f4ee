//! The `log` crate's records, on the default runtime.
//!
//! Targets name loggers, `::` read as a dot; key-values keep their types; file, line and module
//! path travel along. Such a record has no static call site, so it travels as a described frame
//! and allocates: the macros of this crate are the fast door.
//!
//! `log::max_level` follows the least level that any logger lets through, so that a call below it
//! costs its caller one load. Above it the target's logger decides, found in a table that each
//! thread keeps.

use crate::capture::Scratch;
use crate::error::{Error, ErrorKind};
use crate::front::RecordBuilder;
use crate::global::{self, targets};
use crate::level::Level;
use crate::record::ValueBuf;
use crate::sync::{Mutex, lock};
use log::kv::{self, VisitSource, VisitValue};
use std::time::Duration;

/// How long `log::Logger::flush` waits at most; the trait knows no limit.
const FLUSH_LIMIT: Duration = Duration::from_secs(5);

struct Bridge;

static BRIDGE: Bridge = Bridge;
/// Whether the bridge is the process's logger; held while it becomes so.
static INSTALLED: Mutex<bool> = Mutex::new(false);

/// Makes the default runtime the `log` crate's logger. A second call changes nothing.
///
/// # Errors
///
/// [`Error::is_already`] if another logger is installed.
pub(crate) fn install() -> Result<(), Error> {
    let mut installed = lock(&INSTALLED);
    if *installed {
        return Ok(());
    }
    log::set_logger(&BRIDGE).map_err(|_| {
        Error::new(
            ErrorKind::Already,
            "the `log` crate has another logger already: install sawmill first, or keep that one \
             with `log_bridge(false)`",
        )
    })?;
    *installed = true;
    drop(installed);
    // From here on the process's `log::max_level` is ours to set.
    global::default().core().tree().on_change(|least| log::set_max_level(filter_for(least)));
    Ok(())
}

/// The most verbose filter that lets nothing through which no logger wants.
fn filter_for(least: Level) -> log::LevelFilter {
    let wanted = |level: &log::Level| Level::from(*level).is_at_least(least);
    log::Level::iter().filter(wanted).last().map_or(log::LevelFilter::Off, |l| l.to_level_filter())
}

impl From<log::Level> for Level {
    fn from(level: log::Level) -> Self {
        match level {
            log::Level::Error => Self::ERROR,
            log::Level::Warn => Self::WARNING,
            log::Level::Info => Self::INFO,
            log::Level::Debug => Self::DEBUG,
            log::Level::Trace => Self::TRACE,
        }
    }
}

impl From<log::LevelFilter> for Level {
    /// The least level that the filter lets through; `Off` is a level that nothing reaches.
    fn from(filter: log::LevelFilter) -> Self {
        filter.to_level().map_or(Self::new(i32::MAX), Self::from)
    }
}

impl log::Log for Bridge {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        targets::logger(metadata.target()).is_enabled_for(metadata.level().into())
    }

    fn log(&self, record: &log::Record<'_>) {
        let level = Level::from(record.level());
        let logger = targets::logger(record.target());
        if !logger.takes(level) {
            return;
        }
        let mut builder = RecordBuilder::new(level);
        if let Some(file) = record.file() {
            builder = builder.pathname(file);
        }
        if let Some(line) = record.line() {
            builder = builder.line(line);
        }
        if let Some(module) = record.module_path() {
            builder = builder.module_path(module);
        }
        builder = match record.args().as_str() {
            Some(text) => builder.message(text),
            None => {
                let mut scratch = Scratch::new();
                let text = scratch.render(*record.args());
                builder.message(scratch.text(text))
            }
        };
        let mut fields = Fields(Some(builder));
        // Neither ends early: `Fields` accepts every pair.
        let _ = record.key_values().visit(&mut fields);
        if let Fields(Some(builder)) = fields {
            logger.hand_over_checked(&builder);
        }
    }

    fn flush(&self) {
        let _ = global::flush(FLUSH_LIMIT);
    }
}

/// Adds pairs to a record; holds it except for the moment of a step.
struct Fields(Option<RecordBuilder>);

impl<'kvs> VisitSource<'kvs> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let mut taken = Taken(None);
        let _ = value.visit(&mut taken);
        let value = taken.0.unwrap_or_else(|| text_of(&value));
        self.0 = self.0.take().map(|builder| builder.field(key.as_str(), value));
        Ok(())
    }
}

/// A value with its type.
struct Taken(Option<ValueBuf>);

macro_rules! typed {
    ($($name:ident: $type:ty;)*) => {$(
        fn $name(&mut self, value: $type) -> Result<(), kv::Error> {
            self.0 = Some(ValueBuf::of(&value));
            Ok(())
        }
    )*};
}

impl<'v> VisitValue<'v> for Taken {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        #[cfg(feature = "serde")]
        let value = ValueBuf::serialize(&value);
        #[cfg(not(feature = "serde"))]
        let value = text_of(&value);
        self.0 = Some(value);
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        self.0 = Some(ValueBuf::none());
        Ok(())
    }

    fn visit_error(&mut self, error: &(dyn std::error::Error + 'static)) -> Result<(), kv::Error> {
        self.0 = Some(ValueBuf::error(error));
        Ok(())
    }

    fn visit_borrowed_error(
        &mut self,
        error: &'v (dyn std::error::Error + 'static),
    ) -> Result<(), kv::Error> {
        self.visit_error(error)
    }

    typed! {
        visit_u64: u64;
        visit_i64: i64;
        visit_u128: u128;
        visit_i128: i128;
        visit_f64: f64;
        visit_bool: bool;
        visit_str: &str;
        visit_borrowed_str: &'v str;
        visit_char: char;
    }
}

/// A value of a type that says nothing about itself; a panic in it leaves a mark.
fn text_of(value: &kv::Value<'_>) -> ValueBuf {
    let mut scratch = Scratch::new();
    let text = scratch.render(format_args!("{value}"));
    ValueBuf::of(scratch.text(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_level_is_the_most_verbose_one_that_some_logger_wants() {
        use log::LevelFilter::{Debug, Error, Info, Off, Trace, Warn};
        for (least, filter) in [
            (i32::MIN, Trace),
            (0, Trace),
            (5, Trace),
            (6, Debug),
            (10, Debug),
            (11, Info),
            (20, Info),
            (25, Warn),
            (30, Warn),
            (40, Error),
            (41, Off),
            (i32::MAX, Off),
        ] {
            assert_eq!(filter_for(Level::new(least)), filter, "{least}");
        }
    }
}
