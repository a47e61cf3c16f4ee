//! The handle that users hold.

use super::Tree;
use crate::callsite::Threshold;
use crate::error::Error;
use crate::filter::FilterRef;
use crate::handler::HandlerRef;
use crate::level::Level;
use crate::node::Node;
use crate::record::{Fields, ValueBuf};
use crate::sync::Arc;
use std::fmt;

/// A named logger of a runtime: Python's `Logger`.
///
/// Cheap to clone; two are equal if they are the same logger of the same runtime. Loggers live as
/// long as their runtime. Changes hold for every record logged after they returned, by this thread
/// or one synchronised with it, and for none logged before; each takes a lock and costs time in
/// proportion to the number of loggers and call sites.
///
/// # Examples
///
/// ```
/// use sawmill::Level;
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// let db = runtime.get_logger("db");
/// db.set_level(Level::DEBUG);
/// assert_eq!(db.child("pool").effective_level(), Level::DEBUG);
/// sawmill::debug!(logger: db, "opened");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Clone)]
pub struct Logger {
    node: Arc<Node>,
    tree: Arc<Tree>,
    /// Fields that every record logged through this handle carries.
    fields: Option<Fields>,
}

impl Logger {
    pub(crate) fn new(node: Arc<Node>, tree: Arc<Tree>) -> Self {
        Self { node, tree, fields: None }
    }

    pub(crate) fn number(&self) -> u32 {
        self.node.number()
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    pub(crate) fn word(&self) -> Threshold {
        self.node.word()
    }

    #[inline(always)]
    pub(crate) fn fields(&self) -> Option<&Fields> {
        self.fields.as_ref()
    }

    /// A handle of the same logger whose records carry these fields, and those that this handle's
    /// carry; a later one takes the place of an equal key.
    ///
    /// The fields of a call come after them. Calls through such a handle take the slow path, a
    /// few hundred nanoseconds; for many records in a row a [`scope!`](crate::scope) is cheaper.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::ValueBuf;
    ///
    /// let runtime = sawmill::Runtime::builder().capture().build()?;
    /// let log = runtime.get_logger("db").with_fields([("shard", ValueBuf::of(&3))]);
    /// sawmill::warning!(logger: log, rows = 7; "slow");
    /// assert_eq!(runtime.records()[0].view().field("shard").unwrap().to_string(), "3");
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    #[must_use]
    pub fn with_fields<K: Into<Box<str>>>(
        &self,
        fields: impl IntoIterator<Item = (K, ValueBuf)>,
    ) -> Self {
        let mut all: Vec<(Box<str>, ValueBuf)> =
            self.fields.as_deref().map(<[_]>::to_vec).unwrap_or_default();
        for (key, value) in fields {
            let key = key.into();
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some(field) => field.1 = value,
                None => all.push((key, value)),
            }
        }
        Self { fields: Some(all.into()), ..self.clone() }
    }

    /// Returns the threshold if a call at `level` has anything to do. One relaxed load.
    #[inline(always)]
    #[doc(hidden)]
    pub fn admits(&self, level: i32) -> Option<Threshold> {
        let word = self.node.word();
        if word.admits(level) { Some(word) } else { None }
    }

    fn at(&self, number: u32) -> Self {
        let node = self.tree.state().node_at(number).clone();
        Self { node, tree: self.tree.clone(), fields: None }
    }

    fn edit(&self, edit: impl FnOnce(&mut super::state::Settings)) {
        let number = self.number();
        // Only a handler of another runtime can be refused, and these edits bring none.
        let _ = self.tree.change(|state| {
            edit(state.settings_mut(number));
            Ok(())
        });
    }

    /// The name; `root` for the root logger.
    pub fn name(&self) -> &str {
        self.node.name()
    }

    /// The nearest ancestor that was ever asked for; `None` for the root.
    pub fn parent(&self) -> Option<Self> {
        let parent = self.tree.state().parent(self.number())?;
        Some(self.at(parent))
    }

    /// The logger named `self.name() + "." + suffix`; below the root, `suffix` alone. Keeps the
    /// fields of [`with_fields`](Self::with_fields).
    pub fn child(&self, suffix: &str) -> Self {
        let name = match self.number() {
            0 => suffix.to_owned(),
            _ => format!("{}.{suffix}", self.name()),
        };
        let fields = self.fields.clone();
        Self { node: self.tree.node(&name), tree: self.tree.clone(), fields }
    }

    /// The loggers exactly one level below, as Python's `getChildren`.
    pub fn children(&self) -> Vec<Self> {
        let numbers = self.tree.state().children(self.number());
        numbers.into_iter().map(|number| self.at(number)).collect()
    }

    /// The level set on this logger; `NOTSET` means "ask the parent". A
    /// [temporary](Self::temporary_level) one is not shown here.
    pub fn level(&self) -> Level {
        self.tree.state().settings(self.number()).level
    }

    /// Sets the level.
    pub fn set_level(&self, level: Level) {
        self.edit(|settings| settings.level = level);
    }

    /// The first level that is not `NOTSET`, going up the tree, temporary ones included.
    pub fn effective_level(&self) -> Level {
        self.tree.state().effective_level(self.number())
    }

    /// Returns true if a record at `level` would go to handlers: Python's `isEnabledFor`. What
    /// only a flight recorder keeps is not enabled.
    ///
    /// One relaxed load, whatever the configuration.
    #[inline]
    pub fn is_enabled_for(&self, level: Level) -> bool {
        self.node.is_enabled_for(level.as_i32())
    }

    /// Whether a record at `level` has anywhere to go: to handlers, or to the flight recorder.
    pub(crate) fn takes(&self, level: Level) -> bool {
        let word = self.node.word();
        word.admits(level.as_i32()) && word.least() != i32::MAX
    }

    /// Whether records go to the ancestors' handlers too; true unless set otherwise.
    pub fn propagate(&self) -> bool {
        self.tree.state().settings(self.number()).propagate
    }

    /// Sets whether records go to the ancestors' handlers too.
    pub fn set_propagate(&self, propagate: bool) {
        self.edit(|settings| settings.propagate = propagate);
    }

    /// Whether the logger is switched off.
    pub fn disabled(&self) -> bool {
        self.tree.state().settings(self.number()).disabled
    }

    /// Switches the logger off or on; its descendants are not affected.
    pub fn set_disabled(&self, disabled: bool) {
        self.edit(|settings| settings.disabled = disabled);
    }

    /// The handlers attached to this logger, in order.
    pub fn handlers(&self) -> Vec<HandlerRef> {
        self.tree.state().settings(self.number()).handlers.clone()
    }

    /// Attaches a handler, at the end; one that is attached already stays where it is.
    ///
    /// # Errors
    ///
    /// [`Error::is_already`] if the handler belongs to another runtime.
    pub fn add_handler(&self, handler: impl Into<HandlerRef>) -> Result<(), Error> {
        let (handler, number) = (handler.into(), self.number());
        self.tree.change(|state| {
            let handlers = &mut state.settings_mut(number).handlers;
            if !handlers.contains(&handler) {
                handlers.push(handler);
            }
            Ok(())
        })
    }

    /// Detaches a handler; nothing happens if it is not attached. Records logged before still
    /// reach it.
    pub fn remove_handler(&self, handler: &HandlerRef) {
        self.edit(|settings| settings.handlers.retain(|known| known != handler));
    }

    /// Whether records of this logger reach any handler, its own or, as far as they propagate,
    /// an ancestor's.
    pub fn has_handlers(&self) -> bool {
        self.tree.state().has_handlers(self.number())
    }

    /// The filters of this logger, in order.
    pub fn filters(&self) -> Vec<FilterRef> {
        self.tree.state().settings(self.number()).filters.clone()
    }

    /// Adds a filter, at the end; it sees the records logged on this very logger only.
    pub fn add_filter(&self, filter: impl Into<FilterRef>) {
        let filter = filter.into();
        self.edit(|settings| {
            if !settings.filters.contains(&filter) {
                settings.filters.push(filter);
            }
        });
    }

    /// Removes a filter; nothing happens if it is not there.
    pub fn remove_filter(&self, filter: &FilterRef) {
        self.edit(|settings| settings.filters.retain(|known| known != filter));
    }
}

impl PartialEq for Logger {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }
}
impl Eq for Logger {}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logger({:?})", self.name())
    }
}
