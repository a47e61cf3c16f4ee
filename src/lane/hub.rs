//! Where the threads of a runtime and its drain meet.

use super::chain::Chain;
use super::ends::{self, Consumer, Producer};
use super::fork;
use super::keep::Keeper;
use super::mode::{Mode, ModeWord};
use super::{Intake, LastCall, Overflow, Reader, Shared, Writer, wake::Wake};
use crate::clock::Stamper;
use crate::level::{CLASSES, Level};
use crate::record::ThreadInfo;
use crate::sync::{
    Arc, AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Mutex, OnceLock, Ordering, RwLock, Weak,
    lock, thread,
};
use std::time::{Duration, Instant};

/// The budget that live lanes share by default: a lane gets a sixteenth of what is left of it,
/// so that sixteen lanes have 1 MiB, sixteen more have half of that, and so on. 64 lanes take
/// 30 MiB, 1 000 lanes 46 MiB.
const BUDGET_BYTES: usize = 32 << 20;
const SHARE: usize = 16;
/// The least and the greatest size of a lane made by default, and what may be asked for.
const LANE_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=1 << 20;
const ASKED_BYTES: std::ops::RangeInclusive<usize> = 4 << 10..=64 << 20;
/// Rings of ended threads that are kept for later threads, in total: all of the budget, for the
/// allocator does not give freed rings back, and threads that come and go would make it grow.
const POOL_BYTES: usize = BUDGET_BYTES;
/// A process that is said to end and does not lets its callers go on after this long.
const DYING_LIMIT: Duration = Duration::from_secs(10);

/// The drain's side, as far as callers need it.
pub(crate) trait Back: Send + Sync {
    /// Delivers what the lanes hold, on the calling thread.
    fn drain_now(&self);
    /// Waits, within a short bound, until what the lanes hold is delivered and written.
    fn flush_now(&self);
    /// Begins to drain, in a forked child.
    fn revive(&self);
}

/// What a runtime's lanes are made with.
#[derive(Debug, Clone, Default)]
pub(crate) struct HubOptions {
    /// The size of each lane; `None`: a share of what is left of the budget.
    pub(crate) lane_bytes: Option<usize>,
    pub(crate) overflow: Overflow,
    /// The drain parks until it is woken.
    pub(crate) parks: bool,
}

type Ring = (Producer, Consumer);

/// Where the threads of a runtime and its drain meet.
pub(crate) struct Hub {
    stamper: RwLock<Stamper>,
    options: RwLock<HubOptions>,
    wake: Wake,
    last_call: LastCall,
    /// Where lanes lie that outlive the process, if they are to.
    keeper: RwLock<Option<Arc<Keeper>>>,
    /// Every folder that there was for what is spilled, with its process: a signal's handler goes
    /// by the last.
    spillers: Chain<(u32, Arc<Keeper>)>,
    /// Lanes that another process drains: nobody reads them here.
    held: Mutex<Vec<Reader>>,
    /// Lanes for which there was no room there.
    unkept: AtomicU64,
    /// New lanes on their way to the drain.
    pub(crate) intake: Intake<Reader>,
    /// Bytes of the live lanes' rings.
    live_bytes: AtomicUsize,
    next: AtomicU32,
    closed: AtomicBool,
    pool: Mutex<Vec<Ring>>,
    /// Every lane's books, for `stats`; those of ended lanes are added up.
    books: Mutex<Ledger>,
    /// For threads whose thread-locals are gone.
    pub(crate) fallback: Mutex<Option<Writer>>,
    /// Records logged after the runtime's end, by class.
    homeless: [AtomicU64; CLASSES],
    /// Records that handlers logged because of records that handlers had logged.
    circular: AtomicU64,
    is_default: bool,
    mode: ModeWord,
    back: OnceLock<Weak<dyn Back>>,
}

#[derive(Debug, Default)]
struct Ledger {
    live: Vec<Arc<Shared>>,
    ended: LaneTotals,
}

/// The producers' books added up.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LaneTotals {
    pub(crate) published: super::ByClass,
    pub(crate) dropped: super::ByClass,
    pub(crate) taken: u64,
    pub(crate) cut: u64,
}

impl LaneTotals {
    fn add(&mut self, lane: &Shared) {
        let books = &lane.producer;
        // Taken first: then no record is seen taken and not published.
        self.taken += lane.taken.get();
        for (total, n) in self.published.iter_mut().zip(books.published()) {
            *total += n;
        }
        for (total, n) in self.dropped.iter_mut().zip(books.dropped()) {
            *total += n;
        }
        self.cut += books.cut();
    }
}

impl Hub {
    pub(crate) fn new(stamper: Stamper, options: HubOptions, is_default: bool) -> Arc<Self> {
        Arc::new(Self {
            stamper: RwLock::new(stamper),
            options: RwLock::new(options),
            wake: Wake::new(),
            last_call: LastCall::new(),
            keeper: RwLock::new(None),
            spillers: Chain::new(),
            held: Mutex::new(Vec::new()),
            unkept: AtomicU64::new(0),
            intake: Intake::new(),
            live_bytes: AtomicUsize::new(0),
            next: AtomicU32::new(0),
            closed: AtomicBool::new(false),
            pool: Mutex::new(Vec::new()),
            books: Mutex::new(Ledger::default()),
            fallback: Mutex::new(None),
            homeless: Default::default(),
            circular: AtomicU64::new(0),
            is_default,
            mode: ModeWord::new(),
            back: OnceLock::new(),
        })
    }

    /// Whether this is the default runtime's hub, whose lanes have a place of their own.
    #[inline(always)]
    pub(crate) fn is_default(&self) -> bool {
        self.is_default
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// As [`ModeWord::get_behind`].
    pub(crate) fn mode_behind(&self) -> Mode {
        self.mode.get_behind()
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// Notes the drain's side; once.
    pub(crate) fn set_back(&self, back: Weak<dyn Back>) {
        let _ = self.back.set(back);
    }

    /// Delivers what the lanes hold, on the calling thread.
    pub(crate) fn drain_now(&self) {
        if let Some(back) = self.back.get().and_then(Weak::upgrade) {
            back.drain_now();
        }
    }

    /// Waits, within a short bound, until what the lanes hold is delivered and written.
    pub(crate) fn flush_now(&self) {
        if let Some(back) = self.back.get().and_then(Weak::upgrade) {
            back.flush_now();
        }
    }

    /// Begins to drain, in a forked child.
    #[cold]
    pub(crate) fn revive(&self) {
        if let Some(back) = self.back.get().and_then(Weak::upgrade) {
            back.revive();
        }
    }

    /// Forgets the parent's lanes, in a forked child: their records are the parent's to write.
    ///
    /// They are leaked, for some of their memory is not there any more.
    pub(crate) fn forget_lanes(&self) {
        std::mem::forget(self.intake.take_surely());
        std::mem::forget(std::mem::take(&mut *lock(&self.pool)));
        std::mem::forget(std::mem::take(&mut *lock(&self.held)));
        std::mem::forget(lock(&self.fallback).take());
        *lock(&self.books) = Ledger::default();
        self.live_bytes.store(0, Ordering::Relaxed);
        self.last_call.set_drain(0);
        self.wake.unregister();
        if let Some(keeper) = self.set_keeper(None) {
            keeper.let_go();
            std::mem::forget(keeper);
        }
    }

    /// Counts a record that was logged after the runtime's end.
    pub(crate) fn count_homeless(&self, level: Level) {
        self.homeless[level.class().index()].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a record that a handler logged because of a record that a handler had logged.
    pub(crate) fn count_circular(&self) {
        self.circular.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn circular(&self) -> u64 {
        self.circular.load(Ordering::Relaxed)
    }

    /// Records logged after the runtime's end, by class of level.
    pub(crate) fn homeless(&self) -> super::ByClass {
        self.homeless.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// Replaces clock and options, when the default runtime is configured in place; lanes made
    /// before keep theirs, so nothing may have been published that is not yet taken.
    pub(crate) fn configure(&self, stamper: Stamper, options: HubOptions) {
        *self.stamper.write().unwrap_or_else(std::sync::PoisonError::into_inner) = stamper;
        *self.options.write().unwrap_or_else(std::sync::PoisonError::into_inner) = options;
    }

    /// Replaces the overflow policy, for every lane.
    pub(crate) fn set_overflow(&self, overflow: Overflow) {
        let mut options = self.options.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        options.overflow = overflow;
    }

    fn options(&self) -> HubOptions {
        self.options.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn stamper(&self) -> Stamper {
        self.stamper.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(super) fn overflow(&self) -> Overflow {
        self.options().overflow
    }

    pub(super) fn parks(&self) -> bool {
        self.options().parks
    }

    /// Has lanes made from now on outlive the process, or no more.
    pub(crate) fn set_keeper(&self, keeper: Option<Arc<Keeper>>) -> Option<Arc<Keeper>> {
        if let Some(keeper) = keeper.as_ref().filter(|keeper| keeper.spills()) {
            self.spillers.push((std::process::id(), keeper.clone()));
        }
        let mut place = self.keeper.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::replace(&mut *place, keeper)
    }

    pub(crate) fn keeper(&self) -> Option<Arc<Keeper>> {
        self.keeper.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Where a signal's handler puts what the drain cannot write: loads only.
    pub(crate) fn spiller(&self) -> Option<&Arc<Keeper>> {
        let me = std::process::id();
        let mine = self.spillers.iter().filter(|(process, _)| *process == me);
        mine.last().map(|(_, keeper)| keeper)
    }

    /// Counts something that was to outlive the process and found no room.
    pub(crate) fn count_unkept(&self) {
        self.unkept.fetch_add(1, Ordering::Relaxed);
    }

    /// Lanes that do not outlive the process although they were to, and names in them that
    /// nobody could read: there was no room.
    pub(crate) fn unkept(&self) -> u64 {
        let unwritten = self.keeper().map_or(0, |keeper| keeper.unwritten());
        self.unkept.load(Ordering::Relaxed) + unwritten
    }

    /// How a signal's handler meets the drain.
    pub(crate) fn last_call(&self) -> &LastCall {
        &self.last_call
    }

    /// Holds a caller up while a signal ends the process.
    #[cold]
    pub(crate) fn wait_for_the_end(&self) {
        let until = Instant::now() + DYING_LIMIT;
        while self.mode() == Mode::Dying && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }

    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }

    /// The runtime has ended: waits for space end.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Makes a lane for the calling thread: a ring from the pool or a new one, its pages touched,
    /// its reader on the way to the drain. `side` lanes never wait.
    pub(crate) fn open(
        self: &Arc<Self>,
        thread: ThreadInfo,
        bytes: Option<usize>,
        side: bool,
    ) -> Writer {
        let _gate = fork::pass();
        let bytes = match bytes.or(self.options().lane_bytes) {
            Some(bytes) => bytes.clamp(*ASKED_BYTES.start(), *ASKED_BYTES.end()),
            None => default_bytes(self.live_bytes.load(Ordering::Relaxed)),
        };
        let (producer, consumer) = self.ring(bytes.next_power_of_two() / 8);
        self.live_bytes.fetch_add(producer.capacity() * 8, Ordering::Relaxed);
        let number = self.next.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(header) = producer.header() {
            header.begin(producer.capacity(), number, &thread, consumer.head());
        }
        let shared = Arc::new(Shared::new(number, thread));
        lock(&self.books).live.push(shared.clone());
        let reader = Reader::new(consumer, shared.clone());
        if let Some(keeper) = self.keeper().filter(|keeper| keeper.is_collected()) {
            self.book_collected();
            lock(&self.held).push(reader);
            keeper.tell_lane();
            return Writer::new(producer, shared, self.clone(), side);
        }
        self.intake.push(reader);
        // A drain that sleeps must learn of the lane, or it would not see it fill.
        self.wake.wake();
        let writer = Writer::new(producer, shared, self.clone(), side);
        if self.mode_behind().is_last() {
            // The drain may have closed the gates of the lanes that it knew already.
            writer.close_gate();
        }
        writer
    }

    /// Whether another process drains the lanes.
    pub(crate) fn is_collected(&self) -> bool {
        self.keeper().is_some_and(|keeper| keeper.is_collected())
    }

    /// Books what the process that drains the lanes has taken, and lets go of lanes that it is done
    /// with. Returns true if everything that was published is written, and every loss told.
    pub(crate) fn book_collected(&self) -> bool {
        let mut all = true;
        let mut held = lock(&self.held);
        let mut at = 0;
        while let Some(reader) = held.get(at) {
            let (written, done) = reader.book_collected();
            all &= written;
            if !done {
                at += 1;
                continue;
            }
            let reader = held.swap_remove(at);
            self.live_bytes.fetch_sub(reader.capacity() * 8, Ordering::Relaxed);
            let mut books = lock(&self.books);
            books.live.retain(|lane| !Arc::ptr_eq(lane, &reader.state.shared));
            books.ended.add(&reader.state.shared);
        }
        all
    }

    fn ring(&self, words: usize) -> Ring {
        let keeper = self.keeper();
        let mut pool = lock(&self.pool);
        // As large as asked for, or up to twice that, and of the kind asked for.
        let fits = |ring: &Ring| {
            (words..=2 * words).contains(&ring.0.capacity())
                && ring.0.header().is_some() == keeper.is_some()
        };
        if let Some(at) = pool.iter().position(fits) {
            return pool.swap_remove(at);
        }
        drop(pool);
        if let Some(keeper) = keeper {
            if keeper.spills() {
                let (producer, consumer, view) = ends::viewed(words);
                keeper.view(view);
                return (producer, consumer);
            }
            match keeper.lane(words) {
                Ok(memory) => return ends::mapped(memory),
                // No room there: better a lane that dies with the process than none.
                Err(_) => self.unkept.fetch_add(1, Ordering::Relaxed),
            };
        }
        ends::on_heap(words)
    }

    /// Books a lane that has ended and been emptied, and pools its ring.
    pub(crate) fn retire(&self, reader: Reader) {
        self.live_bytes.fetch_sub(reader.capacity() * 8, Ordering::Relaxed);
        let mut books = lock(&self.books);
        books.live.retain(|lane| !Arc::ptr_eq(lane, &reader.state.shared));
        books.ended.add(&reader.state.shared);
        drop(books);
        if let Some(ring) = reader.into_ring() {
            let mut pool = lock(&self.pool);
            let held: usize = pool.iter().map(|ring| ring.0.capacity() * 8).sum();
            if ring.0.is_viewed() || held + ring.0.capacity() * 8 <= POOL_BYTES {
                pool.push(ring);
            }
        }
    }

    /// The producers' books added up.
    pub(crate) fn totals(&self) -> LaneTotals {
        let books = lock(&self.books);
        let mut totals = books.ended;
        books.live.iter().for_each(|lane| totals.add(lane));
        totals
    }

    /// How many lanes are live.
    pub(crate) fn lanes(&self) -> usize {
        lock(&self.books).live.len()
    }
}

/// The size of a lane made while the others have `live` bytes.
fn default_bytes(live: usize) -> usize {
    let share = BUDGET_BYTES.saturating_sub(live) / SHARE;
    let share = share.clamp(*LANE_BYTES.start(), *LANE_BYTES.end());
    1 << share.ilog2()
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("lanes", &self.lanes()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_share_the_budget_and_never_get_less_than_the_least() {
        let mut live = Vec::new();
        for _ in 0..1000 {
            live.push(default_bytes(live.iter().sum()));
        }
        assert_eq!((live[0], live[16], live[17], live[999]), (1 << 20, 1 << 20, 1 << 19, 16 << 10));
        let taken = |lanes: usize| live[..lanes].iter().sum::<usize>() >> 20;
        assert_eq!((taken(64), taken(1000)), (30, 45));
        assert!(live.is_sorted_by(|a, b| a >= b));
    }
}
