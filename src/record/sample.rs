//! Records for unit tests, made without a runtime.

use super::{
    Body, Described, DescribedBuf, Field, Head, LogRecord, Names, OwnedRecord, ProcessInfo,
    ThreadInfo, ValueBuf, Without,
};
use crate::level::Level;

/// What a sample record says; the defaults are a plain INFO record of logger `app`.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) logger: String,
    pub(crate) level: Level,
    pub(crate) message: String,
    pub(crate) line: u32,
    pub(crate) time_ns: i64,
    pub(crate) fields: Vec<(String, ValueBuf)>,
}

impl Default for Sample {
    fn default() -> Self {
        Self {
            logger: "app".into(),
            level: Level::INFO,
            message: "m".into(),
            line: 1,
            time_ns: 1_700_000_000_000_000_000,
            fields: Vec::new(),
        }
    }
}

impl Sample {
    /// Makes the record and lends it.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut LogRecord<'_>) -> R) -> R {
        let mut words = DescribedBuf::default();
        words
            .push(Field::Message, &*self.message)
            .push(Field::Pathname, "src/sample.rs")
            .push(Field::Line, &u64::from(self.line))
            .push(Field::Function, "sample");
        words.push_fields(self.fields.iter().map(|(key, value)| (&**key, value.clone())));
        let thread = ThreadInfo { id: 1, name: "MainThread".into() };
        let process = ProcessInfo { id: 1, name: "MainProcess".into() };
        let level_name = self.level.to_string();
        let head = Head {
            logger: &self.logger,
            level: self.level,
            level_name: &level_name,
            names: Names::default(),
            time_ns: self.time_ns,
            start_ns: 1_700_000_000_000_000_000,
            thread: &thread,
            process: &process,
            lane: 0,
            sequence: 0,
            late: false,
            without: Without::default(),
            context: &[],
        };
        f(&mut LogRecord::new(head, Body::Described(Described::read(words.words())), None))
    }

    pub(crate) fn keep(&self) -> OwnedRecord {
        self.with(|record| record.keep())
    }
}

/// Lends a record with these three.
pub(crate) fn with<R>(
    logger: &str,
    level: Level,
    message: &str,
    f: impl FnOnce(&mut LogRecord<'_>) -> R,
) -> R {
    Sample { logger: logger.into(), level, message: message.into(), ..Sample::default() }.with(f)
}
