//! What a hook on the caller sees of a record in the making, and adds to it.

use super::ValueBuf;
use crate::callsite::Metadata;
use crate::level::Level;

/// A record in the making, for hooks that run on the caller.
///
/// See [`Runtime::add_caller_fields`](crate::Runtime::add_caller_fields).
#[derive(Debug)]
pub struct Caller {
    pub(crate) level: Level,
    pub(crate) metadata: Option<&'static Metadata>,
    pub(crate) fields: Vec<(Box<str>, ValueBuf)>,
}

impl Caller {
    /// The record's level.
    pub fn level(&self) -> Level {
        self.level
    }

    /// The static call site, for records that have one.
    pub fn metadata(&self) -> Option<&'static Metadata> {
        self.metadata
    }

    /// Adds a field. A field of the same key from a scope, an adapter or the call takes its place.
    pub fn field(&mut self, key: impl Into<Box<str>>, value: ValueBuf) {
        self.fields.push((key.into(), value));
    }
}
