//! This thread's lanes.

use crate::lane::{Hub, Refused, Writer, is_on_drain};
use crate::record::ThreadInfo;
use crate::sync::{Arc, lock, thread};
use crate::sys;
use crate::tree::Tree;
use std::cell::RefCell;
use std::mem::ManuallyDrop;

/// The lanes that a thread has opened.
struct Lanes {
    /// Whether [`DEFAULT`] holds the default runtime's, unless somebody has it in hand.
    has_default: bool,
    /// Other runtimes', by search.
    others: Vec<Writer>,
}

thread_local! {
    /// The default runtime's lane. Apart and without a destructor, so that a call finds it at an
    /// address that it knows, and no mark says whether the thread is at its end; [`Lanes`] sees to
    /// the lane's end.
    static DEFAULT: RefCell<Option<ManuallyDrop<Writer>>> = const { RefCell::new(None) };
    static LANES: RefCell<Lanes> =
        const { RefCell::new(Lanes { has_default: false, others: Vec::new() }) };
    /// The runtime that this thread's calls go to in place of the default one.
    static REDIRECT: RefCell<Option<Arc<Tree>>> = const { RefCell::new(None) };
}

/// Runs `write` on the default runtime's lane if this thread has one; false if not, or if `write`
/// says so.
#[inline(always)]
pub(super) fn try_default(write: impl FnOnce(&mut Writer) -> bool) -> bool {
    with_default(write).unwrap_or(false)
}

/// Takes the default runtime's lane in hand, if it is there.
#[inline(always)]
fn with_default<R>(then: impl FnOnce(&mut Writer) -> R) -> Option<R> {
    DEFAULT.with(|lane| Some(then(lane.try_borrow_mut().ok()?.as_mut()?)))
}

/// Has another lane be the default runtime's, and returns the one before. One that somebody has in
/// hand stays.
fn put_default(lane: Option<Writer>) -> Option<Writer> {
    DEFAULT.with(|place| {
        let mut place = place.try_borrow_mut().ok()?;
        let before = std::mem::replace(&mut *place, lane.map(ManuallyDrop::new));
        before.map(ManuallyDrop::into_inner)
    })
}

/// As [`try_default`], for any runtime.
#[inline(always)]
pub(super) fn try_lane(hub: &Arc<Hub>, write: impl FnOnce(&mut Writer) -> bool) -> bool {
    if hub.is_default() {
        return try_default(write);
    }
    LANES
        .try_with(|lanes| match lanes.try_borrow_mut() {
            Ok(mut lanes) => lanes.other(hub).is_some_and(write),
            Err(_) => false,
        })
        .unwrap_or(false)
}

impl Lanes {
    #[inline(always)]
    fn other(&mut self, hub: &Arc<Hub>) -> Option<&mut Writer> {
        self.others.iter_mut().find(|lane| Arc::ptr_eq(lane.hub(), hub))
    }

    fn has(&mut self, hub: &Arc<Hub>) -> bool {
        if hub.is_default() { self.has_default } else { self.other(hub).is_some() }
    }

    fn open(&mut self, hub: &Arc<Hub>, bytes: Option<usize>) {
        let mut lane = hub.open(thread_info(), bytes, is_on_drain());
        lane.enter_scope(super::scope::number());
        if hub.is_default() {
            self.has_default = true;
            put_default(Some(lane));
            return;
        }
        // Lanes of runtimes that have ended are of no more use.
        self.others.retain(|lane| !lane.hub().is_closed());
        self.others.push(lane);
    }

    /// Runs `then` on the lane; `None` if somebody has it in hand.
    fn with<R>(&mut self, hub: &Arc<Hub>, then: impl FnOnce(&mut Writer) -> R) -> Option<R> {
        if hub.is_default() { with_default(then) } else { self.other(hub).map(then) }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        drop(put_default(None));
    }
}

/// Runs `write` on this thread's lane, opened if need be; on the runtime's fallback lane where the
/// thread's own are gone already (thread-local destructors, exit handlers).
pub(super) fn with_lane(
    hub: &Arc<Hub>,
    write: impl FnOnce(&mut Writer) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let mut write = Some(write);
    let done = LANES.try_with(|lanes| {
        let mut lanes = lanes.try_borrow_mut().ok()?;
        if !lanes.has(hub) {
            lanes.open(hub, None);
        }
        lanes.with(hub, |lane| {
            lane.set_side(is_on_drain());
            write.take().map(|write| write(lane))
        })?
    });
    match done {
        Ok(Some(done)) => done,
        _ => {
            let Some(write) = write else { return Err(Refused) };
            let mut fallback = lock(&hub.fallback);
            let lane = fallback.get_or_insert_with(|| {
                let thread = ThreadInfo { id: 0, name: "(ending threads)".to_owned() };
                hub.open(thread, None, false)
            });
            write(lane)
        }
    }
}

/// Runs `write` on a lane that is opened for one record: before the runtime is configured.
pub(super) fn with_brief_lane(
    hub: &Arc<Hub>,
    words: usize,
    write: impl FnOnce(&mut Writer) -> Result<(), Refused>,
) -> Result<(), Refused> {
    let bytes = (words * 8 * 8).max(16 << 10);
    let mut lane = hub.open(thread_info(), Some(bytes), is_on_drain());
    write(&mut lane)
}

/// Opens this thread's lane with a ring of `bytes` bytes, if it has none yet. Returns whether it
/// had none.
pub(crate) fn attach(hub: &Arc<Hub>, bytes: Option<usize>) -> bool {
    LANES
        .try_with(|lanes| match lanes.try_borrow_mut() {
            Ok(mut lanes) => {
                let new = !lanes.has(hub);
                if new {
                    lanes.open(hub, bytes);
                }
                new
            }
            Err(_) => false,
        })
        .unwrap_or(false)
}

/// Forgets this thread's lanes, in a forked child: they are the parent's. Leaked, for some of their
/// memory is not there any more.
pub(crate) fn forget_lanes() {
    let _ = LANES.try_with(|lanes| {
        if let Ok(mut lanes) = lanes.try_borrow_mut() {
            lanes.has_default = false;
            std::mem::forget(put_default(None));
            std::mem::forget(std::mem::take(&mut lanes.others));
        }
    });
}

/// Notes the scope that this thread is in now, for the next record of each of its lanes.
pub(super) fn enter_scope(number: u64) {
    let _ = LANES.try_with(|lanes| {
        // Borrowed only while a frame is written, and no user code runs then.
        if let Ok(mut lanes) = lanes.try_borrow_mut() {
            with_default(|lane| lane.enter_scope(number));
            lanes.others.iter_mut().for_each(|lane| lane.enter_scope(number));
        }
    });
}

/// Books a record that was cut to the limit.
pub(super) fn count_cut(hub: &Arc<Hub>) {
    let _ = with_lane(hub, |lane| {
        lane.count_cut();
        Ok(())
    });
}

/// Who this thread is, as records show it.
pub(crate) fn thread_info() -> ThreadInfo {
    let id = sys::thread_id();
    let name = match thread::current().name() {
        Some("main") => "MainThread".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("Thread-{id}"),
    };
    ThreadInfo { id, name }
}

/// The runtime that this thread's calls go to in place of the default one.
pub(crate) fn redirected() -> Option<Arc<Tree>> {
    REDIRECT.try_with(|tree| tree.try_borrow().ok().and_then(|tree| tree.clone())).ok().flatten()
}

/// Sends this thread's calls to another runtime while it lives.
#[derive(Debug)]
pub(crate) struct Redirect {
    before: Option<Arc<Tree>>,
    opener: Arc<Tree>,
}

impl Redirect {
    /// Redirects to `to`; `default` is the runtime whose call sites are opened for it.
    pub(crate) fn new(to: Arc<Tree>, default: &Arc<Tree>) -> Self {
        default.add_scope(true);
        let before = REDIRECT.with(|tree| tree.replace(Some(to)));
        Self { before, opener: default.clone() }
    }
}

impl Drop for Redirect {
    fn drop(&mut self) {
        let before = self.before.take();
        let _ = REDIRECT.try_with(|tree| tree.replace(before));
        self.opener.add_scope(false);
    }
}
