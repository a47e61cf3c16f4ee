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
mod fields;
mod message;
mod notice;
mod owned;
#[cfg(test)]
pub(crate) mod sample;
mod texts;
mod time;
mod wire;

pub(crate) use birth::Birth;
pub(crate) use buf::Fields;
pub use buf::ValueBuf;
pub use caller::Caller;
pub(crate) use changes::{changes_of, split_changes};
pub(crate) use described::{Described, DescribedBuf, Field};
pub(crate) use message::{SiteValues, write_site};
pub use notice::Notice;
pub use owned::OwnedRecord;
pub(crate) use texts::exception_text;

use crate::callsite::{Callsite, Metadata};
use crate::decode::Value;
use crate::error::Error;
use crate::level::Level;
use crate::sync::Arc;
use std::cell::OnceCell;

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

    /// Makes it the next record of the same call site, logger and thread.
    #[inline(always)]
    pub(crate) fn go_on(&mut self, time_ns: i64, sequence: u64, values: &'a [u64]) {
        if let Body::Site { words, .. } = &mut self.body {
            *words = values;
        }
        self.head.time_ns = time_ns;
        self.head.sequence = sequence;
        if self.kept.get().is_some() {
            self.kept = OnceCell::new();
        }
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
