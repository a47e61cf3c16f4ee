//! Static call sites, and the process-wide table that gives them numbers.
//!
//! A call site is made by the macros, lives for ever, and answers "enabled?" with one relaxed load
//! of its threshold word. Frames name sites (and shapes of derived types) by number; the table
//! turns numbers back. Registration is cold: one mutex, once per site.

use crate::level::{Class, Level};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};
use crate::value::{Piece, Role, Shape};
use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

/// What is known of a call at compile time.
#[derive(Debug)]
pub struct Metadata {
    /// The level, or `None` for `log!` with a level chosen at run time.
    pub level: Option<Level>,
    /// The logger's name, or the module path if the call did not name one (`::` reads as a dot).
    pub target: &'static str,
    /// The module path.
    pub module: &'static str,
    /// The source file as the compiler was told it.
    pub file: &'static str,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// Returns the `type_name` of an item local to the call; the function's name is cut from it.
    pub function: fn() -> &'static str,
    /// The format string as written.
    pub template: &'static str,
    /// The message in pieces.
    pub pieces: &'static [Piece],
    /// One role for each captured value.
    pub roles: &'static [Role],
}

/// A static call site.
///
/// What a call looks at comes first and lies in one cache line, for a call after a pause finds
/// nothing in its caches.
#[derive(Debug)]
#[repr(C, align(32))]
pub struct Callsite {
    /// Threshold word of the default runtime's logger for this site, see [`Threshold`].
    pub(crate) word: AtomicU64,
    /// Number in the table (low half) and of the default runtime's logger (high half); the first
    /// is 0 until registered, and both are written at once.
    pub(crate) ids: AtomicU64,
    /// The class of its level, if that is known.
    pub(crate) class: Class,
    /// Only asks what is enabled, and never makes a record: a flight recorder is none of its
    /// business.
    pub(crate) asks: bool,
    pub(crate) meta: Metadata,
    /// The function's name, for a site of another process.
    named: Option<&'static &'static str>,
}

impl Callsite {
    /// Makes a call site; the macros call this.
    pub const fn new(meta: Metadata) -> Self {
        let word = AtomicU64::new(Threshold::UNKNOWN.0);
        let class = match meta.level {
            Some(level) => level.class(),
            None => Class::Trace,
        };
        Self { word, ids: AtomicU64::new(0), class, asks: false, meta, named: None }
    }

    /// Makes the place of a `log_enabled!`.
    pub const fn asking(meta: Metadata) -> Self {
        Self { asks: true, ..Self::new(meta) }
    }

    /// The call site of another process, as that process described it; no call is ever made there.
    pub(crate) const fn foreign(meta: Metadata, function: &'static &'static str) -> Self {
        Self { named: Some(function), ..Self::new(meta) }
    }

    /// What is known of the call at compile time.
    pub fn metadata(&self) -> &Metadata {
        &self.meta
    }

    /// Returns the threshold if a call at `level` has anything to do.
    ///
    /// One relaxed load and one comparison.
    #[inline(always)]
    #[doc(hidden)]
    pub fn admits(&self, level: i32) -> Option<Threshold> {
        let word = Threshold(self.word.load(Ordering::Relaxed));
        if word.admits(level) { Some(word) } else { None }
    }

    /// Whether the call has key-value pairs.
    pub(crate) fn has_fields(&self) -> bool {
        self.meta.roles.iter().any(|role| matches!(role, Role::Key(_) | Role::Pair))
    }

    /// The name of the function that holds the call.
    pub fn function(&self) -> &'static str {
        if let Some(name) = self.named {
            return name;
        }
        let name = (self.meta.function)();
        // `a::b::function::{{closure}}::__Here` and `a::b::function::__Here`
        let name = name.rsplit_once("::").map_or(name, |(head, _)| head);
        let mut name = name;
        while let Some(head) = name.strip_suffix("::{{closure}}") {
            name = head;
        }
        name.rsplit_once("::").map_or(name, |(_, tail)| tail)
    }
}

/// A threshold word: slow mark (bit 63), generation (31 bits), least level (low 32, signed).
///
/// One word, so that a call sees a level and the generation it belongs to together. The slow mark
/// sends a call to the cold path: a site not yet registered, a runtime that drains inline, a scope
/// that redirects a thread, a process about to exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[doc(hidden)]
pub struct Threshold(pub(crate) u64);

impl Threshold {
    /// Not known yet: every level passes, to the cold path.
    pub(crate) const UNKNOWN: Self = Self::new(0, i32::MIN, true);
    const SLOW: u64 = 1 << 63;

    pub(crate) const fn new(generation: u32, least: i32, slow: bool) -> Self {
        assert!(generation <= i32::MAX as u32, "generations fit 31 bits");
        let slow = if slow { Self::SLOW } else { 0 };
        Self(slow | (generation as u64) << 32 | least as u32 as u64)
    }

    /// The same, to the slow path.
    pub(crate) const fn slowed(self) -> Self {
        Self(self.0 | Self::SLOW)
    }

    #[inline(always)]
    pub(crate) const fn admits(self, level: i32) -> bool {
        level >= self.0 as i32
    }

    /// The least level that passes.
    pub(crate) const fn least(self) -> i32 {
        self.0 as i32
    }

    #[inline(always)]
    pub(crate) const fn is_slow(self) -> bool {
        self.0 & Self::SLOW != 0
    }

    #[inline(always)]
    pub(crate) const fn generation(self) -> u32 {
        (self.0 >> 32) as u32 & i32::MAX as u32
    }
}

struct Table {
    sites: Vec<&'static Callsite>,
    numbers: BTreeMap<usize, u32>,
    shapes: Vec<&'static Shape>,
    watchers: Vec<Watcher>,
}

static TABLE: Mutex<Table> = Mutex::new(Table {
    sites: Vec::new(),
    numbers: BTreeMap::new(),
    shapes: Vec::new(),
    watchers: Vec::new(),
});

/// Holds the table, over a fork.
pub(crate) fn hold() -> impl std::any::Any {
    lock(&TABLE)
}

/// Something that got a number.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Known {
    /// A call site.
    Site(u32, &'static Callsite),
    /// A shape of a derived type.
    Shape(u32, &'static Shape),
}

/// Told of everything that gets a number, before any frame can name it; false: tell it no more.
type Watcher = Box<dyn Fn(Known) -> bool + Send>;

/// Tells `watcher` of everything that has a number and of everything that will get one. It runs
/// under the table's mutex and must not come back here.
pub(crate) fn watch(watcher: impl Fn(Known) -> bool + Send + 'static) {
    let mut table = lock(&TABLE);
    let sites = (1..).zip(&table.sites).map(|(number, site)| Known::Site(number, site));
    let shapes = (1..).zip(&table.shapes).map(|(number, shape)| Known::Shape(number, shape));
    if sites.chain(shapes).all(&watcher) {
        table.watchers.push(Box::new(watcher));
    }
}

thread_local! {
    /// Another process's shapes, while a frame of its is read on this thread.
    static FOREIGN: RefCell<Option<Arc<HashMap<u32, &'static Shape>>>> = const { RefCell::new(None) };
}

/// Runs `f` with the numbers of shapes meaning those of another process.
pub(crate) fn with_shapes<R>(
    shapes: &Arc<HashMap<u32, &'static Shape>>,
    f: impl FnOnce() -> R,
) -> R {
    let before = FOREIGN.replace(Some(shapes.clone()));
    let result = f();
    FOREIGN.replace(before);
    result
}

/// Gives the site a number if it has none, and returns it. Takes the table's mutex.
#[cold]
pub(crate) fn register(site: &'static Callsite) -> u32 {
    let mut table = lock(&TABLE);
    if let Some(known) = table.numbers.get(&(std::ptr::from_ref(site) as usize)) {
        return *known;
    }
    table.sites.push(site);
    let number = u32::try_from(table.sites.len()).expect("fewer than 2^32 call sites");
    table.numbers.insert(std::ptr::from_ref(site) as usize, number);
    table.watchers.retain(|watcher| watcher(Known::Site(number, site)));
    number
}

/// Gives the shape a number if it has none, and returns it. Takes the table's mutex.
#[cold]
pub(crate) fn register_shape(shape: &'static Shape) -> u32 {
    let mut table = lock(&TABLE);
    let known = shape.number();
    if known != 0 {
        return known;
    }
    table.shapes.push(shape);
    let number = u32::try_from(table.shapes.len()).expect("fewer than 2^32 shapes");
    table.watchers.retain(|watcher| watcher(Known::Shape(number, shape)));
    shape.number.store(number, Ordering::Relaxed);
    number
}

/// Looks a shape up by number.
pub(crate) fn shape(number: u32) -> Option<&'static Shape> {
    let foreign = FOREIGN
        .try_with(|shapes| shapes.borrow().as_ref().map(|shapes| shapes.get(&number).copied()));
    if let Ok(Some(found)) = foreign {
        return found;
    }
    let index = usize::try_from(number).ok()?.checked_sub(1)?;
    lock(&TABLE).shapes.get(index).copied()
}

/// Every registered shape from number `from` on, for dictionaries.
pub(crate) fn shapes_from(from: usize) -> Vec<&'static Shape> {
    lock(&TABLE).shapes.get(from..).map(<[_]>::to_vec).unwrap_or_default()
}

/// Every registered site from number `from` on; for rewriting threshold words and for caches.
pub(crate) fn sites_from(from: usize) -> Vec<&'static Callsite> {
    lock(&TABLE).sites.get(from..).map(<[_]>::to_vec).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_word_keeps_its_three_parts() {
        for (generation, least, slow) in
            [(0, i32::MIN, true), (7, -3, false), (i32::MAX as u32, i32::MAX, true), (1, 0, false)]
        {
            let word = Threshold::new(generation, least, slow);
            assert_eq!(word.generation(), generation);
            assert_eq!(word.least(), least);
            assert_eq!(word.is_slow(), slow);
            assert!(word.admits(least));
            assert!(least == i32::MIN || !word.admits(least - 1));
        }
    }
}
