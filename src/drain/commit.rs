//! Writing that a dead process's successor can go on with: intents, and what they release.

use crate::handler::{Handler, LastBlocks};
use crate::lane::Reader;
use crate::lane::keep::{Blocks, Entry, Keeper, MOST_FILES, SHARED};
use crate::sync::Arc;
use std::collections::HashMap;
use std::path::PathBuf;

/// The drain's side of a run's control page.
#[derive(Debug)]
pub(crate) struct Commits {
    keeper: Arc<Keeper>,
    /// The latest epoch that counts.
    committed: u64,
    /// An epoch was begun, and its write failed: it has to be tried again.
    open: bool,
    /// Handlers may have written since the latest commit.
    busy: bool,
    paths: HashMap<PathBuf, u64>,
    /// Counts the attempts to write.
    batches: u64,
}

/// What of a handler's file is noted, beside the handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Noted {
    id: (u64, u64),
    path: u64,
    /// Somebody else writes to it as well: its length says nothing.
    shared: bool,
    /// Those others know of us: each batch is noted beside the file.
    agreed: bool,
    /// A file of blocks.
    blocks: Option<NotedBlocks>,
}

/// Up to where we have written to a file of blocks that others may write to as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NotedBlocks {
    /// The last block of ours that was known at the latest intent.
    latest: Option<u64>,
    /// As it is noted: from where on to look, and for which block.
    from: u64,
    last: Option<u64>,
    /// The length below which nothing was written since the latest intent.
    length: u64,
}

impl Commits {
    pub(crate) fn new(keeper: Arc<Keeper>) -> Self {
        let (_, committed) = keeper.control().epochs();
        Self { keeper, committed, open: false, busy: false, paths: HashMap::new(), batches: 0 }
    }

    pub(crate) fn keeper(&self) -> &Arc<Keeper> {
        &self.keeper
    }

    /// The latest epoch that counts, and whose it is.
    pub(crate) fn committed(&self) -> (u64, u64) {
        (self.keeper.control().owner(), self.committed)
    }

    /// Has the next batch committed whether or not lanes were read for it.
    pub(crate) fn demand(&mut self) {
        self.open = true;
    }

    /// Notes a file that a handler has begun to write to since the last look, as it is now: should
    /// the process die before the next commit, it is cut back to that.
    #[inline]
    pub(crate) fn look(&mut self, handler: &mut dyn Handler, noted: &mut Option<Noted>) {
        let id = handler.place(false).map(|place| place.id);
        if id != noted.map(|noted| noted.id) {
            self.note(handler, noted);
        }
    }

    #[cold]
    fn note(&mut self, handler: &mut dyn Handler, noted: &mut Option<Noted>) {
        let Some(place) = handler.place(true) else {
            *noted = None;
            return;
        };
        let path = match self.paths.get(place.path) {
            Some(known) => *known,
            None => {
                let number = self.keeper.path(place.path);
                self.paths.insert(place.path.to_owned(), number);
                number
            }
        };
        if let Some(found) = place.blocks {
            let (id, segment) = (place.id, found.segment);
            // Everything of ours that is there now is before this, whoever else writes.
            let length = handler.length().unwrap_or(0);
            let blocks = Some(Blocks { segment, last: None, waits: false });
            self.keeper.control().add(self.committed, Entry { id, size: length, path, blocks });
            let blocks = NotedBlocks { latest: found.written, from: length, last: None, length };
            let (shared, agreed, blocks) = (false, false, Some(blocks));
            *noted = Some(Noted { id, path, shared, agreed, blocks });
            return;
        }
        // A recovery cuts nothing of what several processes write to.
        let size = if place.shared { SHARED } else { place.written };
        let (shared, entry) = (place.shared, Entry { id: place.id, size, path, blocks: None });
        // Without room there the file is written to at least once instead of exactly.
        self.keeper.control().add(self.committed, entry);
        *noted = Some(Noted { id: entry.id, path, shared: false, agreed: shared, blocks: None });
        if shared {
            // From the first line on a batch is written at once.
            handler.set_batch(self.keeper.control().owner(), self.batches);
        }
    }

    /// Handlers may write from now on, whenever their buffers are full.
    pub(crate) fn begin(&mut self, now_ns: i64) {
        if !std::mem::replace(&mut self.busy, true) {
            self.keeper.control().set_busy(now_ns);
        }
    }

    /// Whether there is something to be committed.
    pub(crate) fn is_due(&self, lanes: &[Reader]) -> bool {
        self.open || lanes.iter().any(Reader::is_unmarked)
    }

    /// Notes how far the lanes are read and how long the files are about to be.
    pub(crate) fn intend<'h>(
        &mut self,
        lanes: &mut [Reader],
        handlers: impl Iterator<Item = (&'h mut dyn Handler, &'h mut Option<Noted>)>,
        now_ns: i64,
    ) {
        self.keeper.stand_aside();
        // As of now, however long the last attempt is ago.
        self.keeper.control().set_busy(now_ns);
        self.busy = true;
        let control = self.keeper.control();
        self.batches += 1;
        let (owner, batch) = (control.owner(), self.batches);
        let epoch = self.committed + 1;
        for lane in lanes.iter_mut().filter(|lane| lane.keeps()) {
            lane.mark(control.owner(), epoch, self.committed);
        }
        let files: Vec<Entry> = handlers
            .filter_map(|(handler, noted)| {
                let place = handler.place(false)?;
                let (known, id, waits) = (place.written, place.id, place.waiting);
                let noted = noted.as_mut()?;
                if noted.agreed {
                    let size = SHARED | if waits == 0 { 0 } else { batch };
                    handler.set_batch(owner, batch);
                    return Some(Entry { id, size, path: noted.path, blocks: None });
                }
                if let Some(blocks) = &mut noted.blocks {
                    let (size, blocks) = blocks.advance(handler)?;
                    let path = noted.path;
                    return (id == noted.id).then_some(Entry { id, size, path, blocks });
                }
                // Lines are cut from nobody, so that a file of several writers may get some twice.
                let waits = handler.place(false)?.waiting;
                noted.shared |= waits != 0 && handler.length()? != known;
                let place = handler.place(false)?;
                let size = if noted.shared { u64::MAX } else { place.written + place.waiting };
                let (id, path) = (place.id, noted.path);
                (id == noted.id).then_some(Entry { id, size, path, blocks: None })
            })
            .take(MOST_FILES)
            .collect();
        control.intend(epoch, &files);
        self.open = true;
    }

    /// The handlers have written: the epoch counts, unless one of them still holds lines. Returns
    /// whether it does.
    pub(crate) fn commit<'h>(
        &mut self,
        lanes: &mut [Reader],
        mut handlers: impl Iterator<Item = &'h mut dyn Handler>,
    ) -> bool {
        let waits = |handler: &mut dyn Handler| {
            handler.place(false).is_some_and(|place| place.waiting != 0)
        };
        self.keeper.stand_aside();
        // Rings on the heap are not to fill because a file takes nothing: its handler keeps what
        // waits, as without a spill file.
        let urgent = self.keeper.spills() && lanes.iter().any(Reader::is_half_held);
        if !urgent && handlers.any(waits) {
            return false;
        }
        self.committed += 1;
        self.keeper.control().commit(self.committed);
        (self.open, self.busy) = (false, false);
        lanes.iter_mut().for_each(Reader::release_marked);
        true
    }
}

impl NotedBlocks {
    /// Up to where the file will have been written with what waits now, and from where on that is
    /// to be looked for.
    fn advance(&mut self, handler: &mut dyn Handler) -> Option<(u64, Option<Blocks>)> {
        if handler.place(false)?.waiting != 0 {
            // Ends the block in the making, so that it waits as it will be written.
            let _ = handler.length();
        }
        let place = handler.place(false)?;
        let LastBlocks { segment, written, waiting } = place.blocks?;
        let latest = waiting.or(written);
        if latest != self.latest {
            (self.latest, self.from, self.last) = (latest, self.length, latest);
        }
        // Others may have made it longer: what we write comes behind this in any case.
        self.length = place.written;
        let blocks = Blocks { segment, last: self.last, waits: place.waiting != 0 };
        Some((self.from, Some(blocks)))
    }
}
