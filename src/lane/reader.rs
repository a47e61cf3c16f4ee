//! The drain's end of a lane.

use super::ends::{Consumer, Producer};
use super::frame::{self, Head};
use super::keep::{Foreign, Found, Progress};
use super::memory::LaneMemory;
use super::{ByClass, Shared};
use crate::clock::Monotone;
use crate::level::CLASSES;
use crate::sync::Arc;

/// A reader releases what it has read in steps of this many words (64 KiB), or an eighth of a
/// smaller ring: a release per record would bounce the head's cache line to the producer each
/// time, a release per pass would let a burst fill the ring.
const RELEASE_WORDS: usize = (64 << 10) / 8;

/// The drain's end of a lane, and what the drain knows of it.
#[derive(Debug)]
pub(crate) struct Reader {
    ring: Consumer,
    pub(crate) state: LaneState,
    /// Read to here.
    position: u64,
    release_at: u64,
    /// Where the first part of a frame that arrives in parts is, in a lane that outlives its
    /// process.
    parts_from: Option<u64>,
    /// What is read is given back when it has been written, not before.
    keeps: bool,
    /// Noted as read to here, for the commit.
    marked: u64,
    /// The same of what was taken, and of the losses told, for a lane that is collected.
    marked_books: (u64, ByClass),
    /// Which process's lane it is, if that may live: a number from 1.
    worker: u64,
}

impl Reader {
    pub(super) fn new(ring: Consumer, shared: Arc<Shared>) -> Self {
        let release_at = RELEASE_WORDS.min(ring.capacity() / 8) as u64;
        Self {
            position: ring.head(),
            marked: ring.head(),
            keeps: ring.header().is_some(),
            parts_from: None,
            marked_books: (0, [0; CLASSES]),
            worker: 0,
            ring,
            release_at,
            state: LaneState {
                shared,
                told: [0; CLASSES],
                taken: 0,
                sequence: 0,
                last: Monotone::default(),
                context: Vec::new(),
                parts: Vec::new(),
                foreign: None,
            },
        }
    }

    /// The reader of a lane that a dead process left.
    pub(crate) fn inherited(
        memory: &Arc<LaneMemory>,
        progress: Progress,
        foreign: &Arc<Foreign>,
    ) -> Option<Self> {
        let header = memory.header();
        let shared = Arc::new(Shared::new(header.number(), header.thread()));
        let mut this = Self::new(memory.reader(progress.position)?, shared);
        this.state.told = progress.told;
        this.state.sequence = progress.sequence;
        this.state.last = Monotone::at(progress.last_ns);
        this.state.context = progress.context;
        this.state.foreign = Some(foreign.clone());
        Some(this)
    }

    /// The reader of a lane of another process, which may go on writing to it.
    pub(crate) fn collected(found: Found) -> Option<Self> {
        let Found { worker, memory, progress, foreign } = found;
        let mut this = Self::inherited(&memory, progress, &foreign)?;
        this.worker = worker;
        this.state.taken = memory.header().marks().taken();
        this.marked_books = (this.state.taken, this.state.told);
        Some(this)
    }

    /// Which process's lane it is, from 1; 0 for our own.
    pub(crate) fn worker(&self) -> u64 {
        self.worker
    }

    /// Tells lanes apart, those of other processes too.
    pub(crate) fn key(&self) -> (u64, u32) {
        (self.worker, self.state.shared.number)
    }

    /// All losses so far. Look at the ring after this to see what was published before them.
    pub(crate) fn dropped(&self) -> ByClass {
        match self.ring.header().filter(|_| self.worker != 0) {
            Some(header) => header.marks().dropped(),
            None => self.state.shared.producer.dropped(),
        }
    }

    /// In a lane that is collected: whether its producer has told its end. Look at the ring after
    /// asking.
    pub(crate) fn has_told_end(&self) -> bool {
        self.ring.header().is_some_and(|header| header.marks().has_ended())
    }

    /// In a lane that is collected, and by its producer's process: what the collector has taken
    /// and told is booked. Returns true if everything published was taken and written, and whether
    /// the collector is done with the lane.
    pub(crate) fn book_collected(&self) -> (bool, bool) {
        let Some(header) = self.ring.header() else { return (false, false) };
        let done = header.marks().is_done();
        let shared = &self.state.shared;
        shared.taken.tell(header.marks().taken());
        let told = header.marks().told() == shared.producer.dropped();
        // The tail, then the head, which the collector moves.
        let tail = self.ring.tail();
        (told && self.ring.head_now() == tail, done)
    }

    /// The lane of another process has ended and was written.
    pub(crate) fn finish(self) {
        if let Consumer::Mapped(ring) = &self.ring {
            ring.memory().header().marks().tell_done();
            ring.memory().remove();
        }
    }

    /// What is written of a lane of another process counts whatever becomes of our own folder.
    pub(crate) fn settle(&mut self, owner: u64, committed: u64) {
        if self.worker != 0 && !self.is_unmarked() {
            self.mark_as(0, owner, 0, committed);
        }
    }

    /// Whether what is read waits to be written before it is given back.
    pub(crate) fn keeps(&self) -> bool {
        self.keeps
    }

    /// All losses of a lane that a dead process left.
    pub(crate) fn dropped_before(&self) -> Option<ByClass> {
        self.ring.header().map(|header| header.marks().dropped())
    }

    /// Up to where records are whole: a frame in parts counts from its first one, unless it is too
    /// long to be waited for.
    fn whole(&self) -> u64 {
        match self.parts_from {
            Some(from) if self.position - from <= self.ring.capacity() as u64 / 2 => from,
            _ => self.position,
        }
    }

    /// Whether something was read that no commit has noted.
    pub(crate) fn is_unmarked(&self) -> bool {
        self.keeps
            && (self.marked != self.whole()
                || (self.worker != 0 && self.marked_books.1 != self.state.told))
    }

    /// Whether it is time to write, so that the producer gets its space back.
    pub(crate) fn wants_commit(&self) -> bool {
        self.keeps && self.position - self.ring.head() >= self.ring.capacity() as u64 / 4
    }

    /// Whether waiting for handlers that cannot write would soon hold the producer up.
    pub(crate) fn is_half_held(&self) -> bool {
        self.keeps && self.position - self.ring.head() >= self.ring.capacity() as u64 / 2
    }

    /// Notes how far the lane is read, for the commit of `epoch`.
    pub(crate) fn mark(&mut self, owner: u64, epoch: u64, committed: u64) {
        self.mark_as(owner, owner, epoch, committed);
    }

    fn mark_as(&mut self, new_owner: u64, owner: u64, epoch: u64, committed: u64) {
        let Some(header) = self.ring.header() else { return };
        let position = self.whole();
        let progress = Progress {
            owner: new_owner,
            epoch,
            position,
            sequence: self.state.sequence,
            last_ns: self.state.last.last_ns().unwrap_or(i64::MIN),
            told: self.state.told,
            context: self.state.context.clone(),
        };
        header.mark(&progress, |known, epoch| known == owner && epoch <= committed);
        self.marked = position;
        self.marked_books = (self.state.taken, self.state.told);
    }

    /// The epoch noted last is committed: gives back what was read until then.
    pub(crate) fn release_marked(&mut self) {
        if self.keeps && self.ring.head() != self.marked {
            self.ring.release(self.marked);
        }
        if let Some(header) = self.ring.header().filter(|_| self.worker != 0) {
            header.marks().note_collected(self.marked_books.0, self.marked_books.1);
        }
    }

    /// The ring's size in words.
    pub(super) fn capacity(&self) -> usize {
        self.ring.capacity()
    }

    /// Where the reader stands, in words since the ring was made.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Looks at the ring: where what is published now ends, in words since the ring was made.
    pub(crate) fn look(&self) -> u64 {
        self.ring.tail()
    }

    /// Returns true once the producer has gone. Look at the ring *after* asking.
    pub(crate) fn has_ended(&self) -> bool {
        self.state.shared.end.is_told()
    }

    /// The stamp of the next frame before `end`, passing over what closes the ring.
    pub(crate) fn next_stamp(&mut self, end: u64) -> Option<u64> {
        loop {
            let found = self.ring.with_words(self.position, end, |first, second| {
                let rest = if first.is_empty() { second } else { first };
                let head = Head::read(*rest.first()?);
                let pads = head.kind & frame::KIND == frame::PAD;
                Some((pads, rest.get(1).copied(), head.words.clamp(1, rest.len())))
            });
            let (pads, stamp, words) = found?;
            if !pads {
                return stamp;
            }
            self.position += words as u64;
        }
    }

    /// Calls `each` for frames before `end` in order until it leaves one unread. Beside each it
    /// shows the words that lie together from there on, of which it may take several frames.
    pub(crate) fn run(
        &mut self,
        end: u64,
        mut each: impl FnMut(&mut LaneState, Head, &[u64], &[u64]) -> Step,
    ) {
        while self.position < end {
            let begin = self.position;
            let release_at = if self.keeps {
                usize::MAX
            } else {
                (self.ring.head() + self.release_at).saturating_sub(begin) as usize
            };
            let (at, stopped) = self.ring.with_words(begin, end, |first, second| {
                let mut at = 0;
                let mut stopped = false;
                loop {
                    let rest =
                        if at < first.len() { &first[at..] } else { &second[at - first.len()..] };
                    let Some(word) = rest.first() else { break };
                    let head = Head::read(*word);
                    // A frame never reaches beyond what is published; a damaged length ends the lane's
                    // chunk instead of reading elsewhere.
                    let words = head.words.clamp(1, rest.len());
                    if head.kind & frame::KIND == frame::PART && self.keeps {
                        note_part(&mut self.parts_from, begin + at as u64, rest.get(2).copied());
                    }
                    if head.kind & frame::KIND != frame::PAD {
                        // What is read is given back in steps: no farther than to the next.
                        let together = release_at.saturating_sub(at).clamp(words, rest.len());
                        match each(&mut self.state, head, &rest[..words], &rest[..together]) {
                            Step::Next => {}
                            Step::Words(words) => {
                                at += words;
                                if at >= release_at {
                                    break;
                                }
                                continue;
                            }
                            Step::Stop => {
                                stopped = true;
                                break;
                            }
                        }
                    }
                    at += words;
                    if at >= release_at {
                        break;
                    }
                }
                (at, stopped)
            });
            self.position = begin + at as u64;
            if at >= release_at {
                self.ring.release(self.position);
            }
            if stopped || at == 0 {
                return;
            }
        }
    }

    /// Returns true if the ring is at least a quarter full.
    pub(crate) fn is_above_mark(&self) -> bool {
        self.look() - self.ring.head() >= self.ring.capacity() as u64 / 4
    }

    /// Whether everything read has been given back.
    pub(crate) fn is_released(&self) -> bool {
        !self.keeps || self.ring.head() == self.position
    }

    /// Gives everything read back to the producer, unless it has to be written first; before the
    /// drain sleeps.
    pub(crate) fn release(&mut self) {
        if !self.keeps && self.ring.head() != self.position {
            self.ring.release(self.position);
        }
    }

    /// Takes the ring apart once the lane has ended and is empty, for the pool.
    pub(super) fn into_ring(self) -> Option<(Producer, Consumer)> {
        if let Some(header) = self.ring.header() {
            header.end();
        }
        let producer = crate::sync::lock(&self.state.shared.returned).take()?;
        Some((producer, self.ring))
    }
}

#[cold]
fn note_part(from: &mut Option<u64>, position: u64, place: Option<u64>) {
    let place = place.unwrap_or(0);
    if place & frame::FIRST_PART != 0 {
        *from = Some(position);
    }
    if place & frame::LAST_PART != 0 {
        *from = None;
    }
}

/// What a step of [`Reader::run`] decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// The frame was taken.
    Next,
    /// Frames of so many words were taken.
    Words(usize),
    /// The frame stays for later.
    Stop,
}

/// What the drain knows of a lane.
#[derive(Debug)]
pub(crate) struct LaneState {
    pub(crate) shared: Arc<Shared>,
    /// Losses told so far, by class.
    pub(crate) told: ByClass,
    /// Records taken so far.
    taken: u64,
    /// Records attempted so far: taken and told lost.
    pub(crate) sequence: u64,
    /// The time of the last record, which the next must not step behind.
    pub(crate) last: Monotone,
    /// The scope's fields.
    pub(crate) context: Vec<u64>,
    /// A frame that arrives in parts.
    pub(crate) parts: Vec<u64>,
    /// The lane is one of another process.
    pub(crate) foreign: Option<Arc<Foreign>>,
}

impl LaneState {
    /// Records taken so far.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Books so many records that were taken.
    #[inline]
    pub(crate) fn count_run(&mut self, records: u64) {
        self.sequence += records;
        self.taken += records;
        self.shared.taken.tell(self.taken);
    }

    /// Books a record that was taken.
    #[inline]
    pub(crate) fn count_taken(&mut self) {
        self.sequence += 1;
        self.taken += 1;
        self.shared.taken.tell(self.taken);
    }
}
