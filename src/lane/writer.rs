//! The producer's end of a lane.

use super::ends::Producer;
use super::frame::{self, HEADER_WORDS, MAX_WORDS, PAD, PART};
use super::{Hub, Mode, Shared};
use crate::capture::{Sink, Words};
use crate::clock::Stamper;
use crate::level::{CLASSES, Class, Level};
use crate::sync::{Arc, lock, thread};
use crate::sys;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::time::{Duration, Instant};

/// Words of a gap frame.
const GAP_WORDS: usize = 4 + CLASSES;
/// The space for the less important levels ends this far from a full ring: 1/8.
const HEADROOM: usize = 8;
/// Polling of a full ring: a few yields, then naps of this length that double so many times, for
/// many threads that wait would take the processor from the drain.
const YIELDS: u32 = 8;
const NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: u32 = 5;

/// The record was not published; it has been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

/// The producer's end of a lane. Owned by one thread.
///
/// What a call looks at comes first and fills one cache line: a call after a pause finds nothing in
/// its caches, and each line that it has to wait for costs more than its instructions together.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Writer {
    here: Here,
    /// Whose books a call counts in.
    shared: Arc<Shared>,
    /// Goes back to the pool in the end.
    ring: ManuallyDrop<Producer>,
    /// Free words that the fast path leaves.
    margin: usize,
    stamper: Stamper,
    hub: Arc<Hub>,
    capacity: usize,
    /// The margin while nothing unusual is afoot.
    calm: usize,
    /// Records lost since the last gap frame: stamps of the first and the last.
    gap: Option<(u64, u64)>,
    /// When the current stall began, by the head's position; once its budget is spent, records
    /// are dropped at once until the head moves.
    stall: Option<Stall>,
    /// The scope written to this lane last, and the one that is current.
    scope: (u64, u64),
    /// Where the head stood when a record above the mark last looked whether the drain sleeps.
    looked_at: Option<u64>,
    /// The drain parks: records on the slow path look whether to wake it.
    wakes: bool,
    /// Never waits: the lane of the drain itself and of workers.
    side: bool,
}

/// What tells a place with a writer from an empty one: an `Option` looks at the field that has the
/// most values left, and this one lies where a call looks anyway.
#[derive(Debug, Clone, Copy)]
#[repr(u64)]
enum Here {
    Yes = 1,
}

#[derive(Debug, Clone, Copy)]
struct Stall {
    free: usize,
    spent: Duration,
}

impl Writer {
    pub(super) fn new(mut ring: Producer, shared: Arc<Shared>, hub: Arc<Hub>, side: bool) -> Self {
        let capacity = ring.capacity();
        let wakes = hub.parks();
        // A side lane goes the slow way always; all do if the drain cannot send them there before
        // it parks.
        let is_slow = side || (wakes && !sys::has_barrier());
        let calm = if is_slow { capacity + 1 } else { capacity / 4 * 3 };
        let stamper = hub.stamper().clone();
        ring.look_away();
        Self {
            here: Here::Yes,
            ring: ManuallyDrop::new(ring),
            margin: calm,
            stamper,
            shared,
            hub,
            capacity,
            calm,
            gap: None,
            stall: None,
            scope: (0, 0),
            looked_at: None,
            wakes,
            side,
        }
    }

    /// The hub that this lane belongs to.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Publishes a frame of `words` words that `fill` writes, given the stamp.
    ///
    /// Succeeds while the latest look at the ring found room enough; otherwise nothing has
    /// happened, and [`write_otherwise`](Self::write_otherwise) looks again.
    #[inline(always)]
    pub(crate) fn write(
        &mut self,
        class: Class,
        words: usize,
        fill: impl FnOnce(u64, &mut Words<'_>),
    ) -> bool {
        let books = &self.shared.producer;
        let gate = books.begin_call(class.index());
        let Self { ring, stamper, .. } = self;
        // SAFETY: `encode` writes every word.
        let done = unsafe {
            ring.write_ahead(words, gate, |space| encode(space, || stamper.quick(), fill))
        };
        if !done {
            books.take_back(class.index());
        }
        done
    }

    /// As [`write`](Self::write), whose next calls it makes succeed if they can: also where the
    /// ring is more than a quarter full, if there is room and nothing else is unusual. Otherwise
    /// nothing has happened, and [`write_slow`](Self::write_slow) decides.
    #[inline(always)]
    pub(crate) fn write_otherwise(
        &mut self,
        class: Class,
        words: usize,
        fill: impl FnOnce(u64, &mut Words<'_>),
    ) -> bool {
        let gate = self.shared.producer.begin_call(class.index());
        let is_calm = self.margin == self.calm && self.calm < self.capacity;
        let is_below = self.ring.has(words + self.margin + gate);
        let headroom = if is_below { 0 } else { self.headroom(class) };
        let Self { ring, stamper, .. } = self;
        // SAFETY: `encode` writes every word.
        let done = is_calm
            && unsafe {
                ring.write(words, headroom + gate, |space| {
                    encode(space, || stamper.stamp(), fill);
                })
            };
        if !done {
            self.shared.producer.take_back(class.index());
        } else if !is_below {
            self.look_for_sleeper();
        } else if self.stamper.is_quick() {
            self.ring.look_ahead(self.margin);
        }
        done
    }

    /// Wakes the drain if it sleeps, above the mark.
    ///
    /// One look each time the head has moved is enough: a drain that goes to sleep has taken what
    /// it saw, or else it finds, after it has said that it sleeps, that the ring is above the mark.
    fn look_for_sleeper(&mut self) {
        let head = Some(self.ring.head());
        if head != self.looked_at {
            self.looked_at = head;
            self.hub.wake().wake();
        }
    }

    /// Words that records of this level leave free.
    fn headroom(&self, class: Class) -> usize {
        if class >= Class::Warning { 0 } else { self.capacity / HEADROOM }
    }

    /// Publishes a frame whatever it takes: reports losses first, waits as the policy says, wakes
    /// the drain, splits what is too large.
    ///
    /// `context` is the scope that the record belongs to: its number and the map to write if this
    /// lane has not seen it yet.
    ///
    /// # Errors
    ///
    /// [`Refused`] if the policy gave up; the loss has been counted.
    #[cold]
    pub(crate) fn write_slow(
        &mut self,
        level: Level,
        words: usize,
        fill: impl FnOnce(u64, &mut Words<'_>),
    ) -> Result<(), Refused> {
        let done = if words > MAX_WORDS {
            Err(Refused)
        } else {
            self.report_gap();
            if words > self.capacity / 4 {
                self.write_parts(level, words, fill)
            } else {
                self.win(level, words).map(|()| {
                    self.shared.producer.count_published(level.class().index());
                    self.commit(words, fill);
                })
            }
        };
        if done.is_err() {
            self.lose(level);
        }
        self.calm_down();
        if self.wakes {
            // Before the look: the drain is awake then, will be, or sees the gate open.
            self.shared.producer.open_parked_gate();
        }
        if self.wakes || self.is_above_mark() {
            self.hub.wake().wake();
        }
        done
    }

    /// Counts a record that will not be published.
    pub(crate) fn lose(&mut self, level: Level) {
        self.shared.producer.count_dropped(level.class().index());
        let now = self.stamper.stamp();
        let first = self.gap.map_or(now, |(first, _)| first);
        self.gap = Some((first, now));
        if let Some(header) = self.ring.header() {
            header.marks().note_dropped(self.shared.producer.dropped());
        }
        self.set_margin(self.capacity + 1);
    }

    /// Has every call go the slow way: the lane was opened when others had been closed.
    pub(super) fn close_gate(&self) {
        self.shared.producer.close_gate();
    }

    /// Counts a record that was cut to the limit.
    pub(crate) fn count_cut(&self) {
        self.shared.producer.count_cut();
    }

    /// Notes whether the thread is a drain or a worker at the moment, which must not wait.
    pub(crate) fn set_side(&mut self, side: bool) {
        self.side = side;
    }

    /// Notes the scope that the thread is in now; the next record tells the drain.
    pub(crate) fn enter_scope(&mut self, scope: u64) {
        self.scope.1 = scope;
        self.calm_down();
    }

    /// The scope that the drain has still to be told of.
    pub(crate) fn untold_scope(&self) -> Option<u64> {
        (self.scope.0 != self.scope.1).then_some(self.scope.1)
    }

    /// Returns true if a scope of `words` words never fits this lane.
    pub(crate) fn is_too_long(&self, words: usize) -> bool {
        2 + words > self.capacity / 4
    }

    /// Tells the drain the scope's fields, a map's payload; empty for none.
    pub(crate) fn tell_scope(&mut self, fields: &[u64], level: Level) -> Result<(), Refused> {
        let words = 2 + fields.len();
        if self.is_too_long(fields.len()) {
            return Err(Refused);
        }
        self.win(level, words)?;
        self.commit(words, |stamp, out| {
            out.push(frame::head(words, frame::CONTEXT, 0));
            out.push(stamp);
            out.copy(fields);
        });
        self.scope.0 = self.scope.1;
        Ok(())
    }

    fn calm_down(&mut self) {
        let unusual = self.gap.is_some() || self.scope.0 != self.scope.1;
        self.set_margin(if unusual { self.capacity + 1 } else { self.calm });
    }

    fn set_margin(&mut self, margin: usize) {
        self.margin = margin;
        // It looked with another margin.
        self.ring.look_away();
    }

    fn is_above_mark(&self) -> bool {
        self.ring.free() < self.capacity / 4 * 3
    }

    /// Wins `words` contiguous free words, or gives up as the policy says.
    fn win(&mut self, level: Level, words: usize) -> Result<(), Refused> {
        if self.try_win(level, words) {
            self.stall = None;
            return Ok(());
        }
        self.wait(level, words)
    }

    /// Makes sure that `words` contiguous words are free, closing the end of the ring if it is
    /// too short.
    fn try_win(&mut self, level: Level, words: usize) -> bool {
        let headroom = self.headroom(level.class());
        let end = self.ring.to_end();
        if end >= words {
            return self.ring.has(words + headroom);
        }
        // The ring ends within the frame: its end is closed, and the frame starts at its beginning.
        // SAFETY: `Words` writes every word.
        unsafe {
            self.ring.write(end, words + headroom, |space| {
                let mut out = Words::new(space);
                out.push(frame::head(end, PAD, 0));
                out.finish();
            })
        }
    }

    /// Writes a frame into space that has been won.
    fn commit(&mut self, words: usize, fill: impl FnOnce(u64, &mut Words<'_>)) {
        let Self { ring, stamper, .. } = self;
        // SAFETY: `encode` writes every word.
        unsafe { ring.write(words, 0, |space| encode(space, || stamper.stamp(), fill)) };
    }

    /// Waits for space: yields, then naps; never spins. The deadline is a budget per stall.
    #[cold]
    fn wait(&mut self, level: Level, words: usize) -> Result<(), Refused> {
        let Some(budget) = self.hub.overflow().patience(level, self.side) else {
            return Err(Refused);
        };
        let mut free = self.ring.free();
        let mut spent = match self.stall {
            Some(stall) if stall.free == free => stall.spent,
            _ => Duration::ZERO,
        };
        let mut begin = Instant::now();
        let mut turns: u32 = 0;
        loop {
            if self.hub.is_closed() {
                return Err(Refused);
            }
            if self.hub.mode() == Mode::Inline {
                // Nobody else empties the ring.
                self.hub.drain_now();
            } else {
                self.hub.wake().wake();
            }
            let waited = spent + begin.elapsed();
            if waited >= budget {
                self.stall = Some(Stall { free, spent: waited });
                return Err(Refused);
            }
            if turns < YIELDS {
                thread::yield_now();
            } else {
                let nap = NAP * (1 << (turns - YIELDS).min(LONGEST_NAP));
                // Not a park: that could swallow a token meant for the caller's own code.
                thread::sleep(nap.min(budget - waited));
            }
            turns += 1;
            if self.try_win(level, words) {
                self.stall = None;
                return Ok(());
            }
            let now_free = self.ring.free();
            if now_free != free {
                // The drain moves: another stall, another budget.
                (free, spent, begin) = (now_free, Duration::ZERO, Instant::now());
            }
        }
    }

    /// Writes a gap frame if records were lost and there is room for it.
    fn report_gap(&mut self) {
        let Some((first, last)) = self.gap else { return };
        // As important as an error: it may use the headroom, but it does not wait.
        if !self.try_win(Level::ERROR, GAP_WORDS) {
            return;
        }
        let dropped = self.shared.producer.dropped();
        self.commit(GAP_WORDS, |stamp, out| {
            out.push(frame::head(GAP_WORDS, frame::GAP, 0));
            out.push(stamp);
            out.push(first);
            out.push(last);
            out.copy(&dropped);
        });
        self.gap = None;
    }

    /// A record larger than a quarter of the ring: encoded aside, sent in parts.
    fn write_parts(
        &mut self,
        level: Level,
        words: usize,
        fill: impl FnOnce(u64, &mut Words<'_>),
    ) -> Result<(), Refused> {
        let stamp = self.stamper.stamp();
        let whole = super::aside(words, |out| fill(stamp, out));
        let size = self.capacity / 8;
        let mut parts = whole.chunks(size).peekable();
        let mut place = frame::FIRST_PART;
        while let Some(part) = parts.next() {
            let length = HEADER_WORDS + part.len();
            if parts.peek().is_none() {
                place |= frame::LAST_PART;
            }
            // A frame that was begun is worth waiting for; the drain drops a torn one.
            self.win(level, length)?;
            if place & frame::LAST_PART != 0 {
                self.shared.producer.count_published(level.class().index());
            }
            self.commit(length, |_, out| {
                out.push(frame::head(length, PART, 0));
                out.push(stamp);
                out.push(place);
                out.copy(part);
            });
            place = 0;
            self.hub.wake().wake();
        }
        Ok(())
    }
}

/// Writes a frame, every word of its space.
#[inline(always)]
fn encode(
    space: &mut [MaybeUninit<u64>],
    stamp: impl FnOnce() -> u64,
    fill: impl FnOnce(u64, &mut Words<'_>),
) {
    // The clock is read after space is won.
    let stamp = stamp();
    // `Words` moves only over words that it has written, and `finish` writes the rest.
    let mut out = Words::new(space);
    fill(stamp, &mut out);
    out.finish();
}

impl Drop for Writer {
    /// The thread ends: what it lost last is told if there is room, and the ring goes back to the
    /// pool once the drain has taken what is in it.
    fn drop(&mut self) {
        self.report_gap();
        if let Some(header) = self.ring.header() {
            header.marks().tell_end();
        }
        // SAFETY: nobody uses the field after this.
        let ring = unsafe { ManuallyDrop::take(&mut self.ring) };
        *lock(&self.shared.returned) = Some(ring);
        self.shared.end.tell();
        self.hub.wake().wake();
    }
}
