//! Records that the machinery makes beside a user's: what was withheld, what a queue had to drop.

use super::{
    Body, Described, DescribedBuf, Field, Head, LogRecord, Names, OwnedRecord, ValueBuf, Without,
};
use crate::level::Level;

/// A record of one's own, to be made [beside](LogRecord::beside) another one.
///
/// # Examples
///
/// ```
/// use sawmill::{Level, Notice, ValueBuf};
///
/// let notice = Notice::new(Level::WARNING, "withheld 7 records")
///     .field("withheld", ValueBuf::of(&7_u64));
/// # let _ = notice;
/// ```
#[derive(Debug, Clone)]
pub struct Notice {
    level: Level,
    message: String,
    logger: Option<String>,
    time_ns: Option<i64>,
    fields: Vec<(String, ValueBuf)>,
}

impl Notice {
    /// Makes a notice with a level and a message.
    pub fn new(level: Level, message: impl Into<String>) -> Self {
        Self { level, message: message.into(), logger: None, time_ns: None, fields: Vec::new() }
    }

    /// Names a logger; without it the notice carries that of the record it stands beside.
    #[must_use]
    pub fn logger(mut self, name: impl Into<String>) -> Self {
        self.logger = Some(name.into());
        self
    }

    /// Sets the time, in nanoseconds since the Unix epoch; without it the record's own.
    #[must_use]
    pub fn time_ns(mut self, time_ns: i64) -> Self {
        self.time_ns = Some(time_ns);
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, key: impl Into<String>, value: ValueBuf) -> Self {
        self.fields.push((key.into(), value));
        self
    }
}

impl LogRecord<'_> {
    /// Makes a record of one's own beside this one: same place in the source, same thread and
    /// process, another level and message, none of its fields, and no number in its lane, which
    /// is 0. Allocates.
    pub fn beside(&self, notice: &Notice) -> OwnedRecord {
        let mut words = DescribedBuf::default();
        words
            .push(Field::Message, &notice.message)
            .push(Field::Pathname, self.pathname())
            .push(Field::Line, &u64::from(self.line()))
            .push(Field::Function, self.function())
            .push(Field::ModulePath, self.module_path());
        if let Some(id) = self.thread_id() {
            words.push(Field::Thread, &id);
        }
        words
            .push(Field::ThreadName, self.thread_name())
            .push(Field::Process, &u64::from(self.process_id()))
            .push(Field::ProcessName, self.process_name());
        if !notice.fields.is_empty() {
            words.push_fields(notice.fields.iter().map(|(key, value)| (&**key, value.clone())));
        }
        let name = notice.level.to_string();
        let head = Head {
            logger: notice.logger.as_deref().unwrap_or(self.logger()),
            level: notice.level,
            level_name: &name,
            names: Names::default(),
            time_ns: notice.time_ns.unwrap_or(self.time_ns()),
            lane: 0,
            sequence: 0,
            late: false,
            without: Without::default(),
            context: &[],
            ..*self.head()
        };
        LogRecord::new(head, Body::Described(Described::read(words.words())), None).keep()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Value;
    use crate::record::sample;

    #[test]
    fn a_notice_keeps_the_place_and_brings_its_own_message() {
        sample::with("db.pool", Level::INFO, "original", |record| {
            let notice = Notice::new(Level::ERROR, "lost two")
                .time_ns(7)
                .field("lost", ValueBuf::of(&2_u64));
            let kept = record.beside(&notice);
            let view = kept.view();
            assert_eq!(view.message().unwrap(), "lost two");
            assert_eq!(view.level(), Level::ERROR);
            assert_eq!(view.level_name(), "ERROR");
            assert_eq!(view.logger(), "db.pool");
            assert_eq!(view.time_ns(), 7);
            assert_eq!(view.pathname(), record.pathname());
            assert_eq!(view.line(), record.line());
            assert_eq!(view.thread_name(), record.thread_name());
            assert!(matches!(view.field("lost"), Some(Value::U64(2))));
        });
    }

    #[test]
    fn a_field_that_a_filter_sets_takes_the_place_of_the_old_one_everywhere() {
        let fields = vec![
            ("password".to_owned(), ValueBuf::of("hunter2")),
            ("user".to_owned(), ValueBuf::of("ada")),
        ];
        sample::Sample { fields, ..sample::Sample::default() }.with(|record| {
            record.set_attribute("password", ValueBuf::of("***"));
            let mut shown = Vec::new();
            record.for_each_field(|key, value| shown.push(format!("{key}={value}")));
            assert_eq!(shown, ["user=ada", "password=***"]);
            assert_eq!(record.field("password").unwrap().to_string(), "***");
        });
    }
}
