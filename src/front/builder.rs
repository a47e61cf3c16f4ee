//! Records without a static call site.

use crate::lane::frame::MAX_RECORD_BYTES;
use crate::lane::frame::WITH_CHECK;
use crate::level::Level;
use crate::record::{DescribedBuf, Field, ValueBuf, changes_of};
use crate::tree::Logger;

/// Builds a record that has no static call site: for bridges, relays, and Python's
/// `makeLogRecord`.
///
/// What is not said is the record's own: thread, process and time are those of the call.
///
/// # Examples
///
/// ```
/// use sawmill::{Level, RecordBuilder, ValueBuf};
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// let record = RecordBuilder::new(Level::ERROR)
///     .message("disk full")
///     .pathname("relay.py")
///     .line(7)
///     .field("host", ValueBuf::of("db1"));
/// runtime.get_logger("relay").handle(&record);
/// assert_eq!(runtime.records()[0].view().message()?, "disk full");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct RecordBuilder {
    level: Level,
    body: DescribedBuf,
    fields: Vec<(String, ValueBuf)>,
    attributes: Vec<(Box<str>, ValueBuf)>,
}

macro_rules! text {
    ($($(#[$doc:meta])* $name:ident $field:ident;)*) => {$(
        $(#[$doc])*
        #[must_use]
        pub fn $name(mut self, text: &str) -> Self {
            self.body.push(Field::$field, text);
            self
        }
    )*};
}

impl RecordBuilder {
    /// Begins a record of this level.
    pub fn new(level: Level) -> Self {
        Self { level, body: DescribedBuf::default(), fields: Vec::new(), attributes: Vec::new() }
    }

    text! {
        /// The message, ready.
        message Message;
        /// The source file.
        pathname Pathname;
        /// The function.
        function Function;
        /// The Rust module path.
        module_path ModulePath;
        /// The thread's name.
        thread_name ThreadName;
        /// The process's name.
        process_name ProcessName;
        /// The task's name.
        task_name TaskName;
        /// Exception text.
        exception Exception;
        /// Stack text.
        stack Stack;
        /// The level's name, in place of the one that the runtime has for it.
        level_name LevelName;
    }

    /// A message that is any value, or is to be merged with arguments by a renderer.
    #[must_use]
    pub fn message_value(mut self, value: &ValueBuf) -> Self {
        self.body.push_buf(Field::Message, value);
        self
    }

    /// The arguments that the renderer merges.
    #[must_use]
    pub fn arguments(mut self, value: &ValueBuf) -> Self {
        self.body.push_buf(Field::Arguments, value);
        self
    }

    /// The number of the renderer, as [`Runtime::add_renderer`](crate::Runtime::add_renderer)
    /// returned it.
    #[must_use]
    pub fn renderer(mut self, number: u32) -> Self {
        self.body.push(Field::Renderer, &u64::from(number));
        self
    }

    /// The source line, from 1.
    #[must_use]
    pub fn line(mut self, line: u32) -> Self {
        self.body.push(Field::Line, &u64::from(line));
        self
    }

    /// When the record was made, in seconds since the Unix epoch.
    #[must_use]
    pub fn created(mut self, seconds: f64) -> Self {
        self.body.push(Field::Created, &seconds);
        self
    }

    /// When the record was made, in whole seconds since the Unix epoch: patterns show the number
    /// without a point.
    #[must_use]
    pub fn created_second(mut self, seconds: i64) -> Self {
        self.body.push(Field::Created, &seconds);
        self
    }

    /// When the record was made, in nanoseconds since the Unix epoch.
    #[must_use]
    pub fn time_ns(mut self, time_ns: i64) -> Self {
        self.body.push(Field::TimeNs, &time_ns);
        self
    }

    /// The thread's id.
    #[must_use]
    pub fn thread(mut self, id: u64) -> Self {
        self.body.push(Field::Thread, &id);
        self
    }

    /// The process id.
    #[must_use]
    pub fn process(mut self, id: u32) -> Self {
        self.body.push(Field::Process, &u64::from(id));
        self
    }

    /// Adds a key-value pair.
    #[must_use]
    pub fn field(mut self, key: impl Into<String>, value: ValueBuf) -> Self {
        self.fields.push((key.into(), value));
        self
    }

    /// Sets an attribute by its Python name to a value of whatever type, as
    /// [`LogRecord::set_attribute`](crate::LogRecord::set_attribute) does: what Python's
    /// `makeLogRecord` takes, a `None` for the thread's name say.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<Box<str>>, value: ValueBuf) -> Self {
        self.attributes.push((name.into(), value));
        self
    }

    /// Drops the key-value pairs added so far.
    pub(super) fn without_fields(mut self) -> Self {
        self.fields.clear();
        self
    }

    fn body(&self) -> DescribedBuf {
        let mut body = self.body.clone();
        if !self.fields.is_empty() {
            body.push_fields(self.fields.iter().map(|(key, value)| (&**key, value.clone())));
        }
        body
    }
}

/// Attributes, or what says that they were too long for a record.
fn within_bounds(changes: Vec<u64>) -> Vec<u64> {
    match changes.len() * 8 > MAX_RECORD_BYTES {
        true => changes_of(None, &[("attributes".into(), ValueBuf::of("too long"))]),
        false => changes,
    }
}

impl Logger {
    /// Hands a finished record to this logger: its filters and handlers apply, its level does
    /// not, as with Python's `Logger.handle`.
    ///
    /// Returns before delivery; the order with the thread's other records is kept. Allocates.
    pub fn handle(&self, record: &RecordBuilder) {
        self.hand_over(record, 0);
    }

    fn hand_over(&self, record: &RecordBuilder, flags: u8) {
        let _fields = self.fields().map(|fields| super::Scope::of(fields).enter());
        let (level, body) = (record.level, record.body());
        let changes = match &*record.attributes {
            [] => Vec::new(),
            attributes => within_bounds(changes_of(None, attributes)),
        };
        let word = self.word();
        super::put_described(self.tree(), self.number(), word, level, flags, &body, &changes);
    }

    /// Logs a record that has no static call site, if this logger lets its level through.
    ///
    /// Allocates, unlike the macros.
    pub fn log_record(&self, record: &RecordBuilder) {
        if self.takes(record.level) {
            self.hand_over_checked(record);
        }
    }

    /// As [`handle`](Self::handle), of a record whose level this logger or the flight recorder
    /// [takes](Self::takes).
    pub(crate) fn hand_over_checked(&self, record: &RecordBuilder) {
        self.hand_over(record, WITH_CHECK);
    }

    /// Logs a value as the message, without formatting: Python's `logger.log(level, value)`.
    pub fn log_value(&self, level: Level, value: &ValueBuf) {
        self.log_record(&RecordBuilder::new(level).message_value(value));
    }
}
