//! Lanes of other processes, drained while these live and after they died.

use super::{Backend, Ends};
use crate::binary::BLOCK_FILES;
use crate::error::Error;
use crate::lane::Reader;
use crate::lane::keep::{Collection, Found, Keeper, claim_all};
use crate::sync::Arc;
use std::collections::HashMap;
use std::time::Instant;

impl Backend {
    /// Begins to collect: first what dead processes left, then the lanes of those that live, in
    /// turn with our own. With `keeper`, what is written is noted there from now on.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub(crate) fn collect(
        &mut self,
        mut collection: Collection,
        keeper: Option<Arc<Keeper>>,
        deadline: Instant,
    ) -> Result<(), Error> {
        self.end_batch();
        if let Some(keeper) = keeper {
            self.keep(Some(keeper));
        }
        let dir = collection.dir().to_owned();
        let clock = self.timeline.anchor();
        let mut found = Vec::new();
        // An earlier collector's notes go with its folder: what they say of the living is taken
        // over before.
        let estates = claim_all(&dir, &BLOCK_FILES, &mut |committed: &HashMap<u64, u64>| {
            let counts = |owner: u64, epoch: u64| {
                committed.get(&owner).is_some_and(|committed| epoch <= *committed)
            };
            found = collection.look(&counts, clock);
        });
        let estates = estates.map_err(|error| Error::io("recover", &dir, error))?;
        let _ = self.inherit(estates, deadline);
        self.take_found(found);
        self.collection = Some(collection);
        Ok(())
    }

    fn take_found(&mut self, found: Vec<Found>) {
        for lane in found.into_iter().filter_map(Reader::collected) {
            self.lanes.push(lane);
            self.ends.push(Ends::default());
        }
    }

    /// Takes lanes that came. After the look at the lanes, so that what their frames name is known.
    pub(super) fn tend_collection(&mut self) {
        let clock = self.timeline.anchor();
        let Self { collection: Some(collection), .. } = self else { return };
        // Nobody but us has written there since this began.
        let found = collection.look(&|_, _| false, clock);
        // Before the learning: it has the new lanes know what their process added meanwhile.
        self.take_found(found);
        let Self { collection: Some(collection), lanes, .. } = self else { return };
        collection.learn(clock, |worker, foreign| {
            let its = lanes.iter_mut().filter(|lane| lane.worker() == worker);
            its.for_each(|lane| lane.state.foreign = Some(foreign.clone()));
        });
    }

    /// Lets go of lanes of other processes that have ended and are written.
    pub(super) fn retire_collected(&mut self) {
        let Self { collection: Some(collection), lanes, ends, .. } = self else { return };
        let mut at = 0;
        while at < lanes.len() {
            let lane = &lanes[at];
            // Ended first, then the losses, then the look: nothing is published after the end.
            let ended =
                lane.worker() != 0 && (collection.has_ended(lane.worker()) || lane.has_told_end());
            let told = ended && lane.dropped() == lane.state.told;
            if told && lane.look() == lane.position() && lane.is_released() && !lane.is_unmarked() {
                ends.swap_remove(at);
                lanes.swap_remove(at).finish();
            } else {
                at += 1;
            }
        }
        collection.let_go(|worker| lanes.iter().any(|lane| lane.worker() == worker));
    }

    /// Ends the collecting: what is written counts from now on without our notes.
    pub(super) fn end_collection(&mut self) {
        if self.collection.take().is_none() {
            return;
        }
        if let Some(commits) = &self.stage.commits {
            let (owner, committed) = commits.committed();
            self.lanes.iter_mut().for_each(|lane| lane.settle(owner, committed));
        }
        let mut at = 0;
        while at < self.lanes.len() {
            if self.lanes[at].worker() == 0 {
                at += 1;
            } else {
                self.lanes.swap_remove(at);
                self.ends.swap_remove(at);
            }
        }
    }

    /// How many processes were found, and how many of these live or have left something unread.
    pub(crate) fn collected(&self) -> (u64, u64) {
        self.collection.as_ref().map_or((0, 0), |it| (it.found, it.workers() as u64))
    }
}
