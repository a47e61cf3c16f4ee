//! The snapshots that frames on the way were admitted by.

use crate::handler::HandlerRef;
use crate::lane::Reader;
use crate::level::Level;
use crate::sync::Arc;
use crate::tree::{Route, Snapshot, Table, Tree};
use std::collections::VecDeque;

/// Snapshots that may still be asked for. Their numbers follow each other.
#[derive(Debug)]
pub(crate) struct Generations {
    tree: Arc<Tree>,
    newest: Kept,
    /// Those before it, oldest first.
    older: VecDeque<Kept>,
    uses: Uses,
}

#[derive(Debug)]
struct Kept {
    generation: u32,
    snapshot: Arc<Snapshot>,
    /// Routes by logger number, of loggers whose records came; also of those made after the
    /// snapshot was compiled.
    routes: Vec<Option<Route>>,
    /// Where each lane ended after the next generation had arrived: once all have been read to
    /// there, no frame of this generation is left.
    ends: Option<Vec<(u32, u64)>>,
}

impl Generations {
    pub(crate) fn new(tree: Arc<Tree>) -> Self {
        let newest = Kept::new(tree.snapshot());
        let mut uses = Uses::default();
        uses.add(&newest.snapshot.table);
        Self { tree, newest, older: VecDeque::new(), uses }
    }

    pub(crate) fn newest(&self) -> &Arc<Snapshot> {
        &self.newest.snapshot
    }

    /// Returns false for a generation that has not arrived yet.
    #[inline]
    pub(crate) fn knows(&self, generation: u32) -> bool {
        self.age(generation) <= i32::MAX as u32 / 2
    }

    /// How many generations ago it was the newest; huge for one still to come. Numbers have 31
    /// bits and wrap around.
    #[inline]
    fn age(&self, generation: u32) -> u32 {
        self.newest.generation.wrapping_sub(generation) & i32::MAX as u32
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.older.len() + 1
    }

    /// Which of the kept generations it is; a straggler goes by the oldest kept.
    fn kept(&mut self, generation: u32) -> &mut Kept {
        let place = self.older.len().saturating_sub(self.age(generation) as usize);
        self.older.get_mut(place).unwrap_or(&mut self.newest)
    }

    /// Takes a new generation.
    pub(crate) fn arrive(&mut self, snapshot: Arc<Snapshot>) {
        // What was on the way when the drain began with the newest is known already.
        if !self.knows(snapshot.generation) {
            self.uses.add(&snapshot.table);
            self.older.push_back(std::mem::replace(&mut self.newest, Kept::new(snapshot)));
        }
    }

    /// Notes where the lanes end for generations that have a successor: what they hold now may
    /// still belong to those.
    pub(crate) fn note_ends(&mut self, lanes: &[Reader]) {
        for kept in self.older.iter_mut().filter(|kept| kept.ends.is_none()) {
            let own = lanes.iter().filter(|lane| lane.worker() == 0);
            let ends = own.map(|lane| (lane.state.shared.number, lane.look()));
            kept.ends = Some(ends.collect());
        }
    }

    /// There are no lanes any more that could hold frames of old generations.
    pub(crate) fn forget_ends(&mut self) {
        self.older.iter_mut().for_each(|kept| kept.ends = None);
    }

    /// Forgets the oldest generation if every lane has passed it, and returns it.
    pub(crate) fn retire(&mut self, lanes: &[Reader]) -> Option<Arc<Snapshot>> {
        if self.older.front()?.is_passed(lanes) {
            let kept = self.older.pop_front()?;
            self.uses.remove(&kept.snapshot.table);
            return Some(kept.snapshot);
        }
        None
    }

    /// What the kept generations use.
    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// As [`find`](Self::find), of the newest generation and a logger whose records came before.
    #[inline]
    pub(crate) fn known(&self, generation: u32, logger: u32) -> Option<(&Snapshot, &Route)> {
        let Kept { snapshot, routes, .. } = &self.newest;
        let route = routes.get(logger as usize)?.as_ref();
        route.filter(|_| generation == self.newest.generation).map(|route| (&**snapshot, route))
    }

    /// The snapshot of a generation and the route of a logger in it, whether the logger existed
    /// when the snapshot was compiled or was made since: then it has its nearest ancestor's
    /// handlers and no filters.
    #[inline]
    pub(crate) fn find(&mut self, generation: u32, logger: u32) -> (&Snapshot, &Route) {
        let logger = logger as usize;
        if generation != self.newest.generation || !self.newest.has_route(logger) {
            self.learn(generation, logger);
        }
        let kept = match generation == self.newest.generation {
            true => &self.newest,
            false => &*self.kept(generation),
        };
        (&kept.snapshot, kept.routes[logger].as_ref().expect("learned just now"))
    }

    /// Has the route of a logger at hand.
    #[cold]
    fn learn(&mut self, generation: u32, logger: usize) {
        let kept = self.kept(generation);
        if kept.has_route(logger) {
            return;
        }
        let snapshot = kept.snapshot.clone();
        let route = match snapshot.table.routes.get(logger) {
            Some(route) => route.clone(),
            None => self.route_of_younger(&snapshot, logger),
        };
        let routes = &mut self.kept(generation).routes;
        if routes.len() <= logger {
            routes.resize(logger + 1, None);
        }
        routes[logger] = Some(route);
    }

    fn route_of_younger(&self, snapshot: &Snapshot, logger: usize) -> Route {
        let (name, mut ancestor) = {
            let state = self.tree.state();
            // A damaged frame may name a logger that does not exist: the root's route serves.
            let known = if logger < state.len() { logger as u32 } else { 0 };
            let mut ancestors = Vec::new();
            let mut next = state.parent(known);
            while let Some(number) = next {
                ancestors.push(number);
                next = state.parent(number);
            }
            (state.node_at(known).name().clone(), ancestors.into_iter())
        };
        let route = ancestor.find_map(|number| snapshot.table.routes.get(number as usize));
        let level = route.map_or(Level::new(i32::MIN), |route| route.level);
        let handlers = route.map_or_else(|| Arc::from([]), |route| route.handlers.clone());
        Route { name, disabled: false, level, filters: Box::default(), handlers }
    }

    /// The number of a logger of this name, made if there is none.
    pub(crate) fn logger(&self, name: &str) -> u32 {
        self.tree.state().number(name)
    }

    /// The handler at home of this name, the youngest if several have it.
    pub(crate) fn handler(&self, name: &str) -> Option<u64> {
        let handlers = self.tree.state().handlers().to_vec();
        let named = |handler: &&HandlerRef| handler.listed_name().as_deref() == Some(name);
        handlers.iter().rev().find(named).map(HandlerRef::id)
    }
}

/// How often the kept generations use each handler, filter and formatter, by index. Counted when
/// one comes and goes: with thousands on the way, looking through them all for each that retires
/// would take longer than they take to come.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    handlers: Vec<u32>,
    filters: Vec<u32>,
    formatters: Vec<u32>,
}

impl Uses {
    fn add(&mut self, table: &Table) {
        self.each(table, |count| *count += 1);
    }

    fn remove(&mut self, table: &Table) {
        self.each(table, |count| *count -= 1);
    }

    fn each(&mut self, table: &Table, change: impl Fn(&mut u32)) {
        let of = |counts: &mut Vec<u32>, index: u32| {
            let index = index as usize;
            if counts.len() <= index {
                counts.resize(index + 1, 0);
            }
            change(&mut counts[index]);
        };
        for used in table.uses.values() {
            of(&mut self.handlers, used.index);
            used.filters.iter().for_each(|filter| of(&mut self.filters, *filter));
            used.formatter.iter().for_each(|format| of(&mut self.formatters, *format));
        }
        for route in &table.routes {
            route.filters.iter().for_each(|filter| of(&mut self.filters, *filter));
        }
    }

    pub(crate) fn has_handler(&self, index: usize) -> bool {
        self.handlers.get(index).is_some_and(|count| *count != 0)
    }

    pub(crate) fn has_filter(&self, index: usize) -> bool {
        self.filters.get(index).is_some_and(|count| *count != 0)
    }

    pub(crate) fn has_formatter(&self, index: usize) -> bool {
        self.formatters.get(index).is_some_and(|count| *count != 0)
    }
}

impl Kept {
    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self { generation: snapshot.generation, snapshot, routes: Vec::new(), ends: None }
    }

    #[inline]
    fn has_route(&self, logger: usize) -> bool {
        self.routes.get(logger).is_some_and(Option::is_some)
    }

    fn is_passed(&self, lanes: &[Reader]) -> bool {
        let Some(ends) = &self.ends else { return false };
        ends.iter().all(|(number, end)| {
            let mut own = lanes.iter().filter(|lane| lane.worker() == 0);
            own.all(|lane| lane.state.shared.number != *number || lane.position() >= *end)
        })
    }
}
