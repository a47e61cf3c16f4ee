//! A handler for records that nobody wants.

use super::{Context, Handler};
use crate::error::Error;
use crate::record::LogRecord;

/// Takes every record and does nothing: Python's `NullHandler`.
///
/// On a library's logger it keeps the last resort silent.
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerRef, NullHandler};
///
/// let quiet = HandlerRef::new(NullHandler::new());
/// assert_eq!(quiet.kind(), "NullHandler");
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct NullHandler;

impl NullHandler {
    /// Makes the handler.
    pub fn new() -> Self {
        Self
    }
}

impl Handler for NullHandler {
    fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }
}
