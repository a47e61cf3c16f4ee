//! What is said of configurations that come while the program runs: records of the logger
//! `sawmill.config`.

use super::changes::Changes;
use super::problem::Refused;
use super::{Config, Registry};
use crate::error::Error;
use crate::front::RecordBuilder;
use crate::level::Level;
use crate::record::ValueBuf;
use crate::runtime::Runtime;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The logger that tells of configurations.
const LOGGER: &str = "sawmill.config";

/// Applies a configuration that came while the program runs, and says what it came to: a record of
/// level `INFO` with what changed, or one of level `ERROR` with every problem.
pub(super) fn apply(
    config: Result<Config, Error>,
    runtime: &Runtime,
    registry: &Registry,
    whence: &str,
) -> Result<(), Error> {
    let applied = config.and_then(|config| {
        // Factories are a user's code: one that panics must not end the one who watches.
        let apply = AssertUnwindSafe(|| config.plan(runtime, registry)?.apply_telling(runtime));
        let applied: Result<Changes, Refused> = catch_unwind(apply)
            .map_err(|_| Error::other("a factory of the configuration panicked"))?;
        Ok(applied?)
    });
    match applied {
        Ok(changes) => {
            let text = format!("configuration from {whence} applied: {changes}");
            let changed = ("changes", ValueBuf::of(&(changes.len() as u64)));
            tell(runtime, Level::INFO, &text, changed);
            Ok(())
        }
        Err(error) => {
            refused(runtime, &error, whence);
            Err(error)
        }
    }
}

/// Says that what came was no configuration, and that nothing has changed.
pub(super) fn refused(runtime: &Runtime, error: &Error, whence: &str) {
    let text = format!("configuration from {whence} refused, the former one stays: {error}");
    tell(runtime, Level::ERROR, &text, ("error", ValueBuf::of(&error.to_string())));
}

/// Says it to whom it concerns, whatever the levels of the loggers: a change of these very levels
/// is to be found.
fn tell(runtime: &Runtime, level: Level, text: &str, field: (&str, ValueBuf)) {
    let logger = runtime.get_logger(LOGGER);
    if logger.disabled() {
        // A configuration in Python's manner has switched off all loggers that it does not name.
        logger.set_disabled(false);
    }
    logger.handle(
        &RecordBuilder::new(level)
            .message(text)
            .module_path(module_path!())
            .pathname(file!())
            .line(line!())
            .field(field.0, field.1),
    );
}
