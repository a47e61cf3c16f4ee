//! What filters, formatters and handlers see of a record.
//!
//! A [`LogRecord`] borrows the ring: making one copies nothing. A filter that changes it puts its
//! changes into an overlay beside the borrowed parts; a handler that keeps it asks for an
//! [`OwnedRecord`]. Attribute names are those of Python's `LogRecord`.

mod birth;
mod buf;
mod caller;
mod changes;
mod described;
mod notice;
mod owned;
#[cfg(test)]
pub(crate) mod sample;
mod wire;

pub(crate) use birth::Birth;
pub(crate) use buf::Fields;
pub use buf::ValueBuf;
pub use caller::Caller;
pub(crate) use changes::{changes_of, split_changes};
pub(crate) use described::{Described, DescribedBuf, Field};
pub use notice::Notice;
pub use owned::OwnedRecord;

use crate::callsite::{Callsite, Metadata};
use crate::decode::{self, Value};
use crate::error::Error;
use crate::level::Level;
use crate::sync::Arc;
use crate::value::{Piece, Role, tag};
use std::cell::OnceCell;
use std::fmt::Write as _;
use std::time::{Duration, SystemTime};

/// The thread that made a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadInfo {
    /// The operating system's thread id.
    pub id: u64,
    /// The thread's name; `main`'s is `MainThread`, as in Python, others' is the name they were
    /// built with, or `Thread-N`.
    pub name: String,
}

/// The process that made a record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessInfo {
    /// The process id.
    pub id: u32,
    /// `MainProcess` unless the runtime was built with another name.
    pub name: String,
}

/// Stands for a record's logger and level names: as long as it is the same, and the level is, so
/// are they.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Names {
    /// The snapshot that admitted the record, from 1; 0 where that is not known.
    pub(crate) snapshot: u64,
    pub(crate) logger: u32,
}

impl Names {
    /// Whether both are known to stand for the same names.
    #[inline(always)]
    pub(crate) fn are(self, others: Self) -> bool {
        self.snapshot == others.snapshot && self.logger == others.logger && self.snapshot != 0
    }
}

/// What records of a runtime do not show: Python's `logThreads`, `logProcesses`,
/// `logMultiprocessing` and `logAsyncioTasks`, turned off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Without {
    /// Thread ids and names.
    pub(crate) threads: bool,
    /// Process ids.
    pub(crate) processes: bool,
    pub(crate) process_names: bool,
    /// Task names.
    pub(crate) tasks: bool,
}

/// What every record has, whatever its frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head<'a> {
    pub(crate) logger: &'a str,
    pub(crate) level: Level,
    pub(crate) level_name: &'a str,
    pub(crate) names: Names,
    /// Nanoseconds since the Unix epoch.
    pub(crate) time_ns: i64,
    /// When the runtime started, for `relativeCreated`.
    pub(crate) start_ns: i64,
    pub(crate) thread: &'a ThreadInfo,
    pub(crate) process: &'a ProcessInfo,
    /// The lane's number and the record's number within it, counted with the lost ones.
    pub(crate) lane: u32,
    pub(crate) sequence: u64,
    /// Taken after a record with a later time had been delivered.
    pub(crate) late: bool,
    pub(crate) without: Without,
    /// The scope's fields: a captured map's payload, or empty.
    pub(crate) context: &'a [u64],
}

/// Where message and fields come from.
// Lives on the stack of the drain, one at a time: a box would cost more than it spares.
#[allow(clippy::large_enum_variant)]
#[derive(Debug, Clone, Copy)]
pub(crate) enum Body<'a> {
    /// A static call site and its captured values: tag words, then payloads.
    Site { site: &'static Callsite, words: &'a [u64] },
    /// A frame that says everything itself.
    Described(Described<'a>),
}

/// Renders a message from a raw message value and its arguments; Python's `%` merging is one.
///
/// Registered with [`Runtime::add_renderer`](crate::Runtime::add_renderer); described
/// records name theirs by number.
pub trait Render: Send + Sync {
    /// Appends the message.
    ///
    /// # Errors
    ///
    /// What makes the message impossible; the handlers report it.
    fn render(
        &self,
        message: Value<'_>,
        arguments: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error>;
}

/// A record on its way through filters, formatters and handlers.
///
/// Lives on the drain, borrows the ring; all getters are cheap unless they say otherwise. A clone
/// is a record of its own: changes to the one are not seen in the other.
#[derive(Debug)]
pub struct LogRecord<'a> {
    head: Head<'a>,
    body: Body<'a>,
    renderer: Option<&'a Arc<dyn Render>>,
    overlay: Option<Box<Overlay>>,
    revision: u32,
    /// What was made to outlive the frame, which later changes are told to.
    kept: OnceCell<OwnedRecord>,
}

impl Clone for LogRecord<'_> {
    fn clone(&self) -> Self {
        let Self { head, body, renderer, overlay, revision, kept: _ } = self;
        Self {
            head: *head,
            body: *body,
            renderer: *renderer,
            overlay: overlay.clone(),
            revision: *revision,
            kept: OnceCell::new(),
        }
    }
}

impl std::fmt::Debug for dyn Render + '_ {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Render")
    }
}

/// What filters changed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    /// Attributes set, standard ones and others, in the order of first setting.
    pub(crate) attributes: Vec<(Box<str>, ValueBuf)>,
    /// A ready message in place of the original message and arguments.
    pub(crate) message: Option<Box<str>>,
    pub(crate) level: Option<Level>,
}

impl<'a> LogRecord<'a> {
    #[inline(always)]
    pub(crate) fn new(
        head: Head<'a>,
        body: Body<'a>,
        renderer: Option<&'a Arc<dyn Render>>,
    ) -> Self {
        Self { head, body, renderer, overlay: None, revision: 0, kept: OnceCell::new() }
    }

    /// The view of a record that was kept.
    pub(crate) fn of_kept(
        mut self,
        overlay: Option<Box<Overlay>>,
        revision: u32,
        kept: OwnedRecord,
    ) -> Self {
        self.overlay = overlay;
        self.revision = revision;
        self.kept = kept.into();
        self
    }

    /// The view of a record that filters had changed before it was written down.
    pub(crate) fn with_overlay(mut self, overlay: Overlay) -> Self {
        self.overlay = Some(Box::new(overlay));
        self.revision += 1;
        self
    }

    pub(crate) fn head(&self) -> &Head<'a> {
        &self.head
    }

    pub(crate) fn body(&self) -> &Body<'a> {
        &self.body
    }

    pub(crate) fn overlay(&self) -> Option<&Overlay> {
        self.overlay.as_deref()
    }

    pub(crate) fn render_with(&self) -> Option<&'a Arc<dyn Render>> {
        self.renderer
    }

    /// Changes each time a filter changes the record; a formatted line belongs to one revision.
    pub fn revision(&self) -> u32 {
        self.revision
    }

    /// The logger's name; `root` for the root logger.
    pub fn logger(&self) -> &str {
        self.changed_text("name").unwrap_or(self.head.logger)
    }

    /// The level.
    pub fn level(&self) -> Level {
        self.overlay().and_then(|overlay| overlay.level).unwrap_or(self.head.level)
    }

    /// The level's name when the record was made.
    pub fn level_name(&self) -> &str {
        self.changed_text("levelname").unwrap_or(self.head.level_name)
    }

    /// When the record was made, in nanoseconds since the Unix epoch.
    pub fn time_ns(&self) -> i64 {
        self.head.time_ns
    }

    /// When the record was made.
    pub fn time(&self) -> SystemTime {
        let distance = Duration::from_nanos(self.head.time_ns.unsigned_abs());
        if self.head.time_ns < 0 {
            SystemTime::UNIX_EPOCH - distance
        } else {
            SystemTime::UNIX_EPOCH + distance
        }
    }

    /// When the record was made, in seconds since the Unix epoch, as Python's `created`.
    pub fn created(&self) -> f64 {
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => *seconds,
            _ => self.head.time_ns as f64 / 1e9,
        }
    }

    /// Returns true if `created` was given as an integer, which patterns show.
    pub(crate) fn created_whole(&self) -> bool {
        matches!(&self.body, Body::Described(Described { whole: true, .. }))
    }

    /// Returns true if the runtime started at a whole second.
    pub(crate) fn started_whole(&self) -> bool {
        self.head.start_ns.rem_euclid(1_000_000_000) == 0
    }

    /// The whole second since the Unix epoch, and the nanoseconds into it.
    #[inline]
    pub(crate) fn second(&self) -> (i64, u32) {
        let nanos = self.head.time_ns.rem_euclid(1_000_000_000) as u32;
        let own = match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => {
                (whole_second(*seconds), nanos)
            }
            _ => (self.head.time_ns.div_euclid(1_000_000_000), nanos),
        };
        if self.overlay.is_some() { self.changed_second(own) } else { own }
    }

    /// As filters changed it: `created` has the second, `msecs` the fraction.
    #[cold]
    fn changed_second(&self, (second, nanos): (i64, u32)) -> (i64, u32) {
        let number = |name: &str| match self.changed(name)? {
            Value::F64(number) => Some(number),
            Value::I64(number) => Some(number as f64),
            Value::U64(number) => Some(number as f64),
            _ => None,
        };
        let millis = |millis: f64| (millis.clamp(0.0, 999.0) * 1e6) as u32;
        (
            number("created").map_or(second, |created| created.floor() as i64),
            number("msecs").map_or(nanos, millis),
        )
    }

    /// The milliseconds into the second, cut to a whole number, as Python's `msecs`.
    pub fn msecs(&self) -> f64 {
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => whole_millis(*seconds),
            _ => f64::from(self.head.time_ns.rem_euclid(1_000_000_000) as u32 / 1_000_000),
        }
    }

    /// Milliseconds since the runtime started, as Python's `relativeCreated`.
    pub fn relative_created(&self) -> f64 {
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => {
                let start = self.head.start_ns;
                let fraction = start.rem_euclid(1_000_000_000) as f64 / 1e9;
                (seconds - (start.div_euclid(1_000_000_000) as f64 + fraction)) * 1000.0
            }
            _ => self.head.time_ns.saturating_sub(self.head.start_ns) as f64 / 1e6,
        }
    }

    /// The static call site, for records that have one.
    pub fn metadata(&self) -> Option<&'static Metadata> {
        match &self.body {
            Body::Site { site, .. } => Some(&site.meta),
            Body::Described(_) => None,
        }
    }

    /// The source file as the compiler was told it, Python's `pathname`.
    pub fn pathname(&self) -> &str {
        self.changed_text("pathname").unwrap_or(match &self.body {
            Body::Site { site, .. } => site.meta.file,
            Body::Described(described) => described.pathname,
        })
    }

    /// The last part of [`pathname`](Self::pathname).
    pub fn filename(&self) -> &str {
        self.changed_text("filename").unwrap_or_else(|| {
            let (path, backslash) = match &self.body {
                // The compiler's own, which may have run elsewhere.
                Body::Site { site, .. } => (site.meta.file, true),
                Body::Described(described) => (described.pathname, cfg!(windows)),
            };
            // By bytes: this runs for each line of most formats.
            let separates = |byte: &u8| *byte == b'/' || (backslash && *byte == b'\\');
            path.as_bytes().iter().rposition(separates).map_or(path, |at| &path[at + 1..])
        })
    }

    /// Python's `module`: [`filename`](Self::filename) without its last extension.
    pub fn module(&self) -> &str {
        self.changed_text("module").unwrap_or_else(|| {
            let name = self.filename();
            match name.rsplit_once('.') {
                // The dots before a name belong to it.
                Some((stem, _)) if stem.bytes().any(|byte| byte != b'.') => stem,
                _ => name,
            }
        })
    }

    /// The Rust module path, `::` between its parts; empty where none is known.
    pub fn module_path(&self) -> &str {
        match &self.body {
            Body::Site { site, .. } => site.meta.module,
            Body::Described(described) => described.module_path,
        }
    }

    /// The source line, from 1; 0 if unknown.
    pub fn line(&self) -> u32 {
        match &self.body {
            Body::Site { site, .. } => site.meta.line,
            Body::Described(described) => described.line,
        }
    }

    /// The function's name, Python's `funcName`; empty if unknown.
    pub fn function(&self) -> &str {
        self.changed_text("funcName").unwrap_or_else(|| match &self.body {
            Body::Site { site, .. } => site.function(),
            Body::Described(described) => described.function,
        })
    }

    /// The thread's id, or `None` if the record does not carry one.
    pub fn thread_id(&self) -> Option<u64> {
        match &self.body {
            Body::Described(Described { thread: Some(id), .. }) => Some(*id),
            _ if self.head.without.threads => None,
            _ => Some(self.head.thread.id),
        }
    }

    /// The thread's name; empty if the runtime's records do not show threads.
    pub fn thread_name(&self) -> &str {
        self.shown_thread_name().unwrap_or_default()
    }

    pub(crate) fn shown_thread_name(&self) -> Option<&str> {
        self.changed_text("threadName").or(match &self.body {
            Body::Described(Described { thread_name: Some(name), .. }) => Some(name),
            _ if self.head.without.threads => None,
            _ => Some(&self.head.thread.name),
        })
    }

    /// The process id; 0 if the runtime's records do not show it.
    pub fn process_id(&self) -> u32 {
        self.shown_process_id().unwrap_or(0)
    }

    pub(crate) fn shown_process_id(&self) -> Option<u32> {
        match &self.body {
            Body::Described(Described { process: Some(id), .. }) => Some(*id),
            _ if self.head.without.processes => None,
            _ => Some(self.head.process.id),
        }
    }

    /// The process's name; empty if the runtime's records do not show it.
    pub fn process_name(&self) -> &str {
        self.shown_process_name().unwrap_or_default()
    }

    pub(crate) fn shown_process_name(&self) -> Option<&str> {
        self.changed_text("processName").or(match &self.body {
            Body::Described(Described { process_name: Some(name), .. }) => Some(name),
            _ if self.head.without.process_names => None,
            _ => Some(&self.head.process.name),
        })
    }

    /// The task's name, if the record carries one and the runtime's records show them.
    pub fn task_name(&self) -> Option<&str> {
        self.changed_text("taskName").or(match &self.body {
            Body::Described(described) if !self.head.without.tasks => described.task_name,
            _ => None,
        })
    }

    /// The lane's number and the record's number within it.
    ///
    /// Numbers of one lane are consecutive; a number that is missing was lost and is covered by a
    /// gap record.
    pub fn sequence(&self) -> (u32, u64) {
        (self.head.lane, self.head.sequence)
    }

    /// When the runtime that the record belongs to started, in nanoseconds since the Unix epoch:
    /// tells the lanes of one run from those of another in the same file.
    pub fn run(&self) -> i64 {
        self.head.start_ns
    }

    /// Returns true if a record with a later time was delivered before this one.
    pub fn is_late(&self) -> bool {
        self.head.late
    }

    /// Returns true if [`exception`](Self::exception) or [`stack`](Self::stack) may give a text.
    /// Cheap, unlike asking them, for records that carry none.
    #[inline]
    pub(crate) fn may_carry_text(&self) -> bool {
        self.overlay.is_some()
            || match &self.body {
                Body::Site { site, .. } => {
                    site.meta.roles.iter().any(|role| matches!(role, Role::Exception | Role::Stack))
                }
                Body::Described(described) => {
                    described.exception.is_some() || described.stack.is_some()
                }
            }
    }

    /// The text of the error that the record carries, if any: `exception!`, or `exc_text`.
    ///
    /// Allocates for records of call sites.
    pub fn exception(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self.changed("exc_text") {
            Some(Value::Str(text) | Value::Text(text)) => return Some(text.into()),
            Some(_) => return None,
            None => {}
        }
        match &self.body {
            Body::Described(described) => described.exception.map(Into::into),
            Body::Site { .. } => self.with_role(Role::Exception, exception_text),
        }
    }

    /// The stack text that the record carries, if any.
    pub fn stack(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self.changed("stack_info") {
            Some(Value::Str(text) | Value::Text(text)) => return Some(text.into()),
            Some(_) => return None,
            None => {}
        }
        match &self.body {
            Body::Described(described) => described.stack.map(Into::into),
            // Empty where `stack_info = false` was given.
            Body::Site { .. } => self
                .with_role(Role::Stack, |value| value.to_string())
                .filter(|text| !text.is_empty()),
        }
    }

    fn with_role(
        &self,
        wanted: Role,
        show: impl Fn(Value<'_>) -> String,
    ) -> Option<std::borrow::Cow<'_, str>> {
        let Body::Site { site, words } = &self.body else { return None };
        if !site.meta.roles.contains(&wanted) {
            return None;
        }
        let mut values = SiteValues::new(site.meta.roles.len(), words)?;
        site.meta.roles.iter().find_map(|role| {
            let value = values.next()?;
            (*role == wanted).then(|| show(value).into())
        })
    }

    /// Appends the message, rendered.
    ///
    /// # Errors
    ///
    /// If a described record's message and arguments do not fit each other, or the frame is
    /// damaged.
    pub fn write_message(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.overlay.is_some()
            && let Some(written) = self.write_changed_message(out)
        {
            return written;
        }
        match &self.body {
            Body::Site { site, words } => {
                write_site(site.meta.pieces, site.meta.roles.len(), words, out)
            }
            Body::Described(described) => {
                described.write_message(self.renderer.map(|renderer| &**renderer), out)
            }
        }
    }

    /// Appends the message if a filter changed it, its raw form or its arguments.
    #[cold]
    fn write_changed_message(&self, out: &mut Vec<u8>) -> Option<Result<(), Error>> {
        let ready = self.overlay()?.message.as_deref();
        let (raw, arguments) = (self.changed("msg"), self.changed("args"));
        let none = matches!(arguments, None | Some(Value::None | Value::Unit));
        if let (Some(text), None, true) = (ready, raw, none) {
            out.extend_from_slice(text.as_bytes());
            return Some(Ok(()));
        }
        if raw.is_none() && arguments.is_none() {
            return None;
        }
        let message = match (raw, ready, &self.body) {
            (Some(raw), ..) => raw,
            (None, Some(text), _) => Value::Str(text),
            (None, None, Body::Described(described)) => described.message,
            (None, None, Body::Site { .. }) => return None,
        };
        let arguments = arguments.or_else(|| self.arguments()).unwrap_or(Value::Unit);
        Some(match (self.renderer, message) {
            (Some(renderer), message) => renderer.render(message, arguments, out),
            (None, Value::Str(text) | Value::Text(text)) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (None, other) => {
                crate::text::plain(other, out);
                Ok(())
            }
        })
    }

    /// The message as a new string. Allocates.
    ///
    /// # Errors
    ///
    /// As [`write_message`](Self::write_message).
    pub fn message(&self) -> Result<String, Error> {
        let mut out = Vec::new();
        self.write_message(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// The message before its arguments are filled in: the template of a call site, the raw value
    /// of a described record.
    pub fn raw_message(&self) -> Value<'_> {
        if let Some(Overlay { message: Some(text), .. }) = self.overlay() {
            return Value::Str(text);
        }
        match &self.body {
            Body::Site { site, .. } => Value::Str(site.meta.template),
            Body::Described(described) => described.message,
        }
    }

    /// The arguments of a described record; `None` for call sites.
    pub fn arguments(&self) -> Option<Value<'_>> {
        if self.overlay().is_some_and(|overlay| overlay.message.is_some()) {
            return None;
        }
        match &self.body {
            Body::Described(described) => described.arguments,
            Body::Site { .. } => None,
        }
    }

    /// Calls `each` for every key-value pair: the scope's, the call's own in order, then those
    /// that filters set. Where several have a key, the last of these three has it alone; a key
    /// that one call gives twice comes twice.
    pub fn for_each_field<'r>(&'r self, mut each: impl FnMut(&'r str, Value<'r>)) {
        let replaced = |key: &str| {
            self.overlay().is_some_and(|overlay| {
                overlay.attributes.iter().any(|(changed, _)| **changed == *key)
            })
        };
        let mut context = self.head.context;
        if !context.is_empty()
            && let Some(Value::Map(map)) = decode::value(tag::MAP, &mut context)
        {
            map.iter().for_each(|(key, value)| {
                if let Value::Str(key) = key
                    && !replaced(key)
                    && !self.has_own_field(key)
                {
                    each(key, value);
                }
            });
        }
        self.for_each_own_field(|key, value| {
            if !replaced(key) {
                each(key, value);
            }
        });
        if let Some(overlay) = self.overlay() {
            for (key, value) in &overlay.attributes {
                if !is_standard(key) {
                    each(key, value.get());
                }
            }
        }
    }

    fn has_own_field(&self, key: &str) -> bool {
        let mut found = false;
        self.for_each_own_field(|own, _| found |= own == key);
        found
    }

    /// The pairs of the call itself.
    fn for_each_own_field<'r>(&'r self, mut each: impl FnMut(&'r str, Value<'r>)) {
        match &self.body {
            Body::Site { site, words } => {
                let keyed = |role: &Role| matches!(role, Role::Key(_) | Role::Pair);
                if site.meta.roles.iter().any(keyed)
                    && let Some(mut values) = SiteValues::new(site.meta.roles.len(), words)
                {
                    for role in site.meta.roles {
                        let Some(value) = values.next() else { break };
                        match (role, value) {
                            (Role::Key(key), value) => each(key, value),
                            (Role::Pair, Value::Tuple(pair)) => {
                                let mut pair = pair.iter();
                                if let (Some(Value::Str(key)), Some(value)) =
                                    (pair.next(), pair.next())
                                {
                                    each(key, value);
                                }
                            }
                            _ => {}
                        }
                    }
                }
            }
            Body::Described(described) => described.fields.iter().for_each(|(key, value)| {
                if let Value::Str(key) = key {
                    each(key, value);
                }
            }),
        }
    }

    /// Finds a field by key; the last one given wins. Walks all fields.
    pub fn field(&self, key: &str) -> Option<Value<'_>> {
        let mut found = None;
        self.for_each_field(|name, value| {
            if name == key {
                found = Some(value);
            }
        });
        found
    }

    /// The value that a filter gave to a standard attribute, if one did.
    pub fn changed(&self, attribute: &str) -> Option<Value<'_>> {
        let overlay = self.overlay()?;
        let (_, value) = overlay.attributes.iter().find(|(key, _)| **key == *attribute)?;
        Some(value.get())
    }

    #[inline]
    fn changed_text(&self, attribute: &str) -> Option<&str> {
        match self.overlay {
            None => None,
            Some(_) => match self.changed(attribute)? {
                Value::Str(text) | Value::Text(text) => Some(text),
                _ => None,
            },
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Overlay)) {
        self.revision += 1;
        change(self.overlay.get_or_insert_default());
        if let Some(kept) = self.kept.get() {
            kept.changed(self.overlay.clone(), self.revision);
        }
    }

    /// Takes over what filters changed in the record that was kept of this one.
    pub(crate) fn follow_kept(&mut self) {
        if let Some(kept) = self.kept.get() {
            (self.overlay, self.revision) = kept.changes();
        }
    }

    /// Replaces the message; the original arguments are gone. For filters and record factories.
    pub fn set_message(&mut self, text: impl Into<Box<str>>) {
        self.change(|overlay| {
            overlay.attributes.retain(|(key, _)| !matches!(&**key, "msg" | "args"));
            overlay.message = Some(text.into());
        });
    }

    /// Sets an attribute, a standard one (by its Python name) or a field. For filters and
    /// record factories.
    pub fn set_attribute(&mut self, name: &str, value: ValueBuf) {
        let level = changes::level_of(name, &value);
        self.change(|overlay| {
            if level.is_some() {
                overlay.level = level;
            }
            match overlay.attributes.iter_mut().find(|(key, _)| **key == *name) {
                Some(entry) => entry.1 = value,
                None => overlay.attributes.push((name.into(), value)),
            }
        });
    }

    /// Copies the record out of the ring, at the first call for it. Allocates; for handlers that
    /// keep records. As in Python, where a handler keeps the record itself, what a later filter
    /// changes shows in what was kept.
    pub fn keep(&self) -> OwnedRecord {
        self.kept.get_or_init(|| OwnedRecord::of(self)).clone()
    }
}

// Out of line: the compiler would work them out ahead for every record, and what other records have
// in that place reads as a denormal number, which costs a hundred cycles.
#[inline(never)]
fn whole_second(seconds: f64) -> i64 {
    seconds.floor() as i64
}

#[inline(never)]
fn whole_millis(seconds: f64) -> f64 {
    ((seconds - seconds.trunc()) * 1000.0).trunc() + 0.0
}

/// Names of the attributes that every record has; other names are fields.
pub(crate) const STANDARD: &[&str] = &[
    "name",
    "msg",
    "args",
    "levelname",
    "levelno",
    "pathname",
    "filename",
    "module",
    "exc_info",
    "exc_text",
    "stack_info",
    "lineno",
    "funcName",
    "created",
    "msecs",
    "relativeCreated",
    "thread",
    "threadName",
    "processName",
    "process",
    "taskName",
    "message",
    "asctime",
];

/// Returns true for the attributes that every record has.
pub(crate) fn is_standard(name: &str) -> bool {
    STANDARD.contains(&name)
}

/// How an error chain reads behind a record: its text, then `Caused by:` and the sources.
pub(crate) fn exception_text(value: Value<'_>) -> String {
    let Value::Error(chain) = value else { return value.to_string() };
    let mut text = String::new();
    for (at, part) in chain.iter().enumerate() {
        if at != 0 {
            text.push_str("\nCaused by: ");
        }
        let _ = write!(text, "{part}");
    }
    text
}

/// The captured values of a site's frame, in order.
#[derive(Debug)]
pub(crate) struct SiteValues<'a> {
    tags: &'a [u64],
    /// The tags to come of the current tag word.
    current: u64,
    at: usize,
    count: usize,
    words: &'a [u64],
}

impl<'a> SiteValues<'a> {
    #[inline(always)]
    pub(crate) fn new(count: usize, words: &'a [u64]) -> Option<Self> {
        let (tags, words) = words.split_at_checked(count.div_ceil(8))?;
        Some(Self { tags, current: 0, at: 0, count, words })
    }
}

impl<'a> Iterator for SiteValues<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.at == self.count {
            return None;
        }
        if self.at.is_multiple_of(8) {
            let (current, rest) = self.tags.split_first()?;
            (self.current, self.tags) = (*current, rest);
        }
        let tag = self.current as u8;
        self.current >>= 8;
        self.at += 1;
        decode::value(tag, &mut self.words)
    }
}

/// Renders a site's message from its frame.
///
/// Nearly every message shows its values once each and in order: they are then written as they are
/// read. A spec, a value shown twice or out of order starts over with all values at hand.
#[inline]
pub(crate) fn write_site(
    pieces: &[Piece],
    count: usize,
    words: &[u64],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    let mut values = SiteValues::new(count, words).ok_or_else(misfit)?;
    let mut read = 0;
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Plain(at) if *at == read => {
                crate::text::plain(values.next().ok_or_else(misfit)?, out);
                read = read.wrapping_add(1);
            }
            Piece::Plain(_) | Piece::Spec(..) => {
                out.truncate(start);
                return write_site_at_will(pieces, count, words, out);
            }
        }
    }
    Ok(())
}

#[cold]
fn misfit() -> Error {
    Error::other("a frame's values do not fit its call site")
}

/// As [`write_site`], for values in any order and with any spec.
#[inline(never)]
fn write_site_at_will(
    pieces: &[Piece],
    count: usize,
    words: &[u64],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    const FEW: usize = 8;
    let mut values = SiteValues::new(count, words).ok_or_else(misfit)?;
    let mut few = [Value::Unit; FEW];
    let mut many = Vec::new();
    let values = if count <= FEW {
        for slot in &mut few[..count] {
            *slot = values.next().ok_or_else(misfit)?;
        }
        &few[..count]
    } else {
        many.extend(&mut values);
        &many[..]
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Plain(at) => {
                crate::text::plain(*values.get(usize::from(*at)).ok_or_else(misfit)?, out);
            }
            Piece::Spec(at, spec) => {
                let value = *values.get(usize::from(*at)).ok_or_else(misfit)?;
                crate::text::with_spec(value, spec, values, out);
            }
        }
    }
    Ok(())
}
