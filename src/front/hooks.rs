//! Hooks that add to records on the thread that logs, and the record factory, which changes them.

use super::lanes;
use super::scope::{self, Entered, Scope};
use crate::callsite::Metadata;
use crate::lane::frame::MAX_RECORD_BYTES;
use crate::level::Level;
use crate::record::{Body, Caller, Head, LogRecord, Names, ProcessInfo, ValueBuf};
use crate::sync::Arc;
use crate::tree::{RecordFactory, Tree};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// Set while a hook runs and while the record it was asked for is made: a hook that logs is
    /// not asked again.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Keeps the hooks' fields in force for one record.
pub(super) struct Hooked {
    _fields: Option<Entered>,
    /// What may change the record.
    pub(super) factory: Option<Arc<RecordFactory>>,
}

impl Drop for Hooked {
    fn drop(&mut self) {
        let _ = BUSY.try_with(|busy| busy.set(false));
    }
}

/// Asks the runtime's hooks, if it has any.
#[inline]
pub(super) fn ask(
    tree: &Tree,
    level: Level,
    metadata: Option<&'static Metadata>,
) -> Option<Hooked> {
    let hooks = tree.caller_hooks();
    if hooks.is_empty() || BUSY.try_with(|busy| busy.replace(true)).unwrap_or(true) {
        return None;
    }
    // From here on the drop clears the mark.
    let mut hooked = Hooked { _fields: None, factory: hooks.factory.clone() };
    let mut caller = Caller { level, metadata, fields: Vec::new() };
    for hook in &hooks.fields {
        if catch_unwind(AssertUnwindSafe(|| hook(&mut caller))).is_err() {
            // The call goes on, and its record says why something is missing.
            caller.field("caller_fields", ValueBuf::of("a hook panicked"));
        }
    }
    caller.fields.retain(|(key, _)| !scope::has(key));
    hooked._fields = Some(Scope::new(caller.fields).enter());
    Some(hooked)
}

/// Has the factory change a record, and returns what it changed, for its frame; nothing if it
/// changed nothing. `given` is what was changed before.
#[cold]
pub(super) fn changes(
    factory: &RecordFactory,
    tree: &Tree,
    logger: u32,
    level: Level,
    body: Body<'_>,
    given: &[u64],
) -> Vec<u64> {
    let name = tree.state().node_at(logger).name().clone();
    let (snapshot, birth) = (tree.snapshot(), tree.birth());
    let thread = lanes::thread_info();
    let process = ProcessInfo { id: std::process::id(), name: birth.process.name.clone() };
    let context = scope::words();
    let (mut level_name, mut made_ns, mut renderer) =
        (snapshot.level_names.text(level), None, None);
    if let Body::Described(described) = &body {
        level_name = described.level_name.map_or(level_name, Arc::from);
        made_ns = described.made_ns();
        renderer = snapshot.renderer(described.renderer);
    }
    let head = Head {
        logger: &name,
        level,
        level_name: &level_name,
        names: Names::default(),
        time_ns: made_ns.unwrap_or_else(|| birth.now_ns()),
        start_ns: birth.start_ns,
        thread: &thread,
        process: &process,
        lane: 0,
        sequence: 0,
        late: false,
        without: birth.without,
        context: &context,
    };
    let made = || {
        let mut record = LogRecord::new(head, body, renderer);
        if !given.is_empty() {
            record.apply_changes(given);
        }
        record
    };
    let note = |text: &str| {
        let mut record = made();
        record.set_attribute("record_factory", ValueBuf::of(text));
        record.changes()
    };
    let mut record = made();
    if catch_unwind(AssertUnwindSafe(|| factory(&mut record))).is_err() {
        return note("it panicked");
    }
    let changes = record.changes();
    if changes.len() * 8 > MAX_RECORD_BYTES {
        return note("what it changed is too long");
    }
    changes
}
