//! Hooks that add to records on the thread that logs: Python's record factory.

use super::scope::{self, Entered, Scope};
use crate::callsite::Metadata;
use crate::level::Level;
use crate::record::{Caller, ValueBuf};
use crate::tree::Tree;
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
    let mut hooked = Hooked { _fields: None };
    let mut caller = Caller { level, metadata, fields: Vec::new() };
    for hook in &**hooks {
        if catch_unwind(AssertUnwindSafe(|| hook(&mut caller))).is_err() {
            // The call goes on, and its record says why something is missing.
            caller.field("caller_fields", ValueBuf::of("a hook panicked"));
        }
    }
    caller.fields.retain(|(key, _)| !scope::has(key));
    hooked._fields = Some(Scope::new(caller.fields).enter());
    Some(hooked)
}
