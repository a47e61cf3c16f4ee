//! What the drain needs to know of the tree: immutable, one per generation.

use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::handler::HandlerRef;
use crate::level::{Level, LevelNames};
use crate::record::Render;
use crate::sync::{Arc, AtomicU64, Ordering};
use std::collections::HashMap;

/// The routes of one generation, and what else a record of it is shown with.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// Different for each snapshot of the process, from 1.
    pub(crate) number: u64,
    pub(crate) generation: u32,
    pub(crate) table: Arc<Table>,
    pub(crate) level_names: Arc<LevelNames>,
    pub(crate) renderers: Arc<Vec<Arc<dyn Render>>>,
}

impl Snapshot {
    /// The renderer with this number, from 1.
    pub(crate) fn renderer(&self, number: u32) -> Option<&Arc<dyn Render>> {
        self.renderers.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }

    pub(super) fn new_number() -> u64 {
        static LAST: AtomicU64 = AtomicU64::new(0);
        LAST.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// Who gets which logger's records.
#[derive(Debug, Default)]
pub(crate) struct Table {
    /// By logger number. Loggers made later have their nearest ancestor's route, less its filters.
    pub(crate) routes: Vec<Route>,
    /// Every handler at home, by identity: for forwarding, flushing and closing.
    pub(crate) uses: HashMap<u64, HandlerUse>,
    /// Handlers at home in the order in which they were made known, but targets before those who
    /// forward to them; closed from the end.
    pub(crate) order: Vec<u64>,
    /// For records that no handler was found for.
    pub(crate) last_resort: Option<HandlerUse>,
    /// A filter that fails ends the record's walk, for the handlers to come too.
    pub(crate) failing_filter_aborts: bool,
}

/// One logger's route.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) name: Arc<str>,
    pub(crate) disabled: bool,
    /// What lies below is the flight recorder's; the least level if there is none.
    pub(crate) level: Level,
    /// The logger's own filters, by index.
    pub(crate) filters: Box<[u32]>,
    /// The handlers of the logger and its ancestors, until `propagate` is off.
    pub(crate) handlers: Arc<[HandlerUse]>,
}

/// A handler as one generation uses it.
#[derive(Debug, Clone)]
pub(crate) struct HandlerUse {
    pub(crate) index: u32,
    pub(crate) level: Level,
    pub(crate) formatter: Option<u32>,
    pub(crate) filters: Box<[u32]>,
}

/// A generation on its way to the drain, with what is to move to its home there.
#[derive(Debug)]
pub(crate) struct Install {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) handlers: Vec<(u32, HandlerRef)>,
    pub(crate) filters: Vec<(u32, FilterRef)>,
    pub(crate) formatters: Vec<(u32, FormatterRef)>,
    /// Handlers to close when the generation before has retired, used or not.
    pub(crate) closing: Vec<HandlerRef>,
}

/// Whom the drain has let go of, by identity.
#[derive(Debug, Default)]
pub(crate) struct Departed {
    pub(crate) handlers: Vec<u64>,
    pub(crate) filters: Vec<u64>,
    pub(crate) formatters: Vec<u64>,
}

impl Departed {
    pub(crate) fn is_empty(&self) -> bool {
        self.handlers.is_empty() && self.filters.is_empty() && self.formatters.is_empty()
    }
}
