//! The snapshots that frames on the way were admitted by.

use crate::lane::Reader;
use crate::record::Render;
use crate::sync::Arc;
use crate::tree::{Route, Snapshot, Tree};
use std::collections::{HashMap, VecDeque};

/// Snapshots that may still be asked for, oldest first; the last is the newest.
#[derive(Debug)]
pub(crate) struct Generations {
    tree: Arc<Tree>,
    kept: VecDeque<Kept>,
    /// Routes of loggers made after their generation was compiled.
    younger: HashMap<(u32, u32), Route>,
}

#[derive(Debug)]
struct Kept {
    snapshot: Arc<Snapshot>,
    /// Where each lane ended when the next generation arrived: once all have been read to there,
    /// no frame of this generation is left.
    ends: Option<Vec<(u32, u64)>>,
}

impl Generations {
    pub(crate) fn new(tree: Arc<Tree>) -> Self {
        let first = Kept { snapshot: tree.snapshot(), ends: None };
        Self { tree, kept: VecDeque::from([first]), younger: HashMap::new() }
    }

    pub(crate) fn newest(&self) -> &Arc<Snapshot> {
        &self.kept[self.kept.len() - 1].snapshot
    }

    /// Returns true if frames may name a generation that is kept.
    #[inline]
    pub(crate) fn knows(&self, generation: u32) -> bool {
        self.kept.iter().any(|kept| kept.snapshot.generation == generation)
    }

    /// The snapshot of a generation; a straggler's goes by the oldest kept.
    #[inline]
    pub(crate) fn get(&self, generation: u32) -> &Arc<Snapshot> {
        let newest = self.newest();
        if newest.generation == generation {
            return newest;
        }
        let found = self.kept.iter().find(|kept| kept.snapshot.generation == generation);
        &found.unwrap_or(&self.kept[0]).snapshot
    }

    /// Takes a new generation; what the lanes hold now may still belong to the older ones.
    pub(crate) fn arrive(&mut self, snapshot: Arc<Snapshot>, lanes: &[Reader]) {
        let ends = lanes.iter().map(|lane| (lane.shared.number, lane.look())).collect();
        if let Some(last) = self.kept.back_mut() {
            last.ends = Some(ends);
        }
        self.kept.push_back(Kept { snapshot, ends: None });
    }

    /// Forgets generations that every lane has passed. Returns whether it forgot any.
    pub(crate) fn retire(&mut self, lanes: &[Reader]) -> bool {
        let before = self.kept.len();
        while self.kept.len() > 1 && self.kept[0].is_passed(lanes) {
            self.kept.pop_front();
        }
        if self.kept.len() == before {
            return false;
        }
        let oldest = self.kept[0].snapshot.generation;
        self.younger.retain(|(generation, _), _| *generation >= oldest);
        true
    }

    pub(crate) fn snapshots(&self) -> impl Iterator<Item = &Arc<Snapshot>> {
        self.kept.iter().map(|kept| &kept.snapshot)
    }

    /// Runs `f` with the route of a logger, whether it existed when the snapshot was compiled or
    /// was made since: then it has its nearest ancestor's handlers and no filters.
    #[inline]
    pub(crate) fn route<'s>(&'s mut self, snapshot: &'s Snapshot, logger: u32) -> &'s Route {
        match snapshot.table.routes.get(logger as usize) {
            Some(route) => route,
            None => self.younger_route(snapshot, logger),
        }
    }

    #[cold]
    fn younger_route<'s>(&'s mut self, snapshot: &'s Snapshot, logger: u32) -> &'s Route {
        let tree = &self.tree;
        self.younger.entry((snapshot.generation, logger)).or_insert_with(|| {
            let state = tree.state();
            let mut ancestor = state.parent(logger);
            let route = loop {
                let Some(number) = ancestor else { break None };
                match snapshot.table.routes.get(number as usize) {
                    Some(route) => break Some(route),
                    None => ancestor = state.parent(number),
                }
            };
            Route {
                name: state.node_at(logger).name().clone(),
                disabled: false,
                filters: Box::default(),
                handlers: route.map_or_else(|| Arc::from([]), |route| route.handlers.clone()),
            }
        })
    }

    /// The renderer with this number, from 1.
    pub(crate) fn renderer(snapshot: &Snapshot, number: u32) -> Option<&Arc<dyn Render>> {
        snapshot.renderers.get(usize::try_from(number).ok()?.checked_sub(1)?)
    }
}

impl Kept {
    fn is_passed(&self, lanes: &[Reader]) -> bool {
        let Some(ends) = &self.ends else { return false };
        ends.iter().all(|(number, end)| {
            lanes.iter().all(|lane| lane.shared.number != *number || lane.position() >= *end)
        })
    }
}
