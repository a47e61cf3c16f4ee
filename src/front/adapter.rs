//! A logger that adds what its owner knows.

use super::RecordBuilder;
use crate::record::ValueBuf;
use crate::tree::Logger;
use std::ops::Deref;

/// A logger whose records carry further fields: Python's `LoggerAdapter`.
///
/// Stands wherever a logger does, in the macros' `logger:` too. Python's adapter drops the `extra`
/// of a call unless `merge_extra` is set; here that holds for finished records
/// ([`log_record`](Self::log_record)), while fields written in a macro call always stay, for their
/// author meant them. Where a key comes from both, the call's counts.
///
/// # Examples
///
/// ```
/// use sawmill::{LoggerAdapter, ValueBuf};
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// let log = LoggerAdapter::new(&runtime.get_logger("net"), [("peer", ValueBuf::of("10.0.0.1"))]);
/// sawmill::warning!(logger: log, "reset");
/// assert_eq!(runtime.records()[0].view().field("peer").unwrap().to_string(), "10.0.0.1");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct LoggerAdapter {
    logger: Logger,
    merge_extra: bool,
}

impl LoggerAdapter {
    /// Makes an adapter of a logger; an adapter of an adapter carries both their fields.
    pub fn new<K: Into<Box<str>>>(
        logger: &Logger,
        extra: impl IntoIterator<Item = (K, ValueBuf)>,
    ) -> Self {
        Self { logger: logger.with_fields(extra), merge_extra: false }
    }

    /// Sets whether finished records keep their own fields beside the adapter's.
    #[must_use]
    pub fn merge_extra(mut self, merge: bool) -> Self {
        self.merge_extra = merge;
        self
    }

    /// The logger, with the adapter's fields.
    pub fn logger(&self) -> &Logger {
        &self.logger
    }

    /// The adapter's fields.
    pub fn extra(&self) -> impl Iterator<Item = (&str, &ValueBuf)> {
        let fields = self.logger.fields().map(|fields| &**fields).unwrap_or_default();
        fields.iter().map(|(key, value)| (&**key, value))
    }

    /// What becomes of a finished record: without its own fields unless they are merged.
    pub fn process(&self, record: &RecordBuilder) -> RecordBuilder {
        let record = record.clone();
        if self.merge_extra { record } else { record.without_fields() }
    }

    /// Logs a finished record, processed, if the logger lets its level through.
    pub fn log_record(&self, record: &RecordBuilder) {
        self.logger.log_record(&self.process(record));
    }
}

impl Deref for LoggerAdapter {
    type Target = Logger;

    fn deref(&self) -> &Logger {
        &self.logger
    }
}
