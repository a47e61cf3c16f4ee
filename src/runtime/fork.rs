//! Forks: the parent's drain stands still for a moment, the child begins with nothing of the
//! parent's records and may log.

use super::core::{Core, Standing};
use crate::callsite;
use crate::front;
use crate::lane::fork;
use crate::sync::{Arc, Mutex, Weak, lock};
use crate::sys;
use std::any::Any;
use std::cell::RefCell;

/// Every runtime that was started.
static RUNTIMES: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());

/// A fork under way, on the thread that forks.
struct UnderWay {
    /// With each runtime its backend; `None` if that did not come to a stand.
    runtimes: Vec<(Arc<Core>, Option<Standing>)>,
    /// The locks that are held meanwhile; let go last to first.
    held: Vec<Box<dyn Any>>,
}

thread_local! {
    static FORK: RefCell<Option<UnderWay>> = const { RefCell::new(None) };
}

/// Has forks respect a runtime.
pub(crate) fn watch(core: &Arc<Core>) {
    let mut runtimes = lock(&RUNTIMES);
    runtimes.retain(|runtime| runtime.strong_count() != 0);
    let first = runtimes.is_empty();
    runtimes.push(Arc::downgrade(core));
    drop(runtimes);
    if first {
        sys::at_fork(prepare, in_parent, in_child);
    }
}

fn prepare() {
    let known = lock(&RUNTIMES);
    let runtimes: Vec<Arc<Core>> = known.iter().filter_map(Weak::upgrade).collect();
    drop(known);
    let runtimes: Vec<_> = runtimes
        .into_iter()
        .map(|core| {
            let standing = core.stand_still();
            (core, standing)
        })
        .collect();
    let held: Vec<Box<dyn Any>> =
        vec![Box::new(lock(&RUNTIMES)), Box::new(fork::close()), Box::new(callsite::hold())];
    let _ = FORK.try_with(|place| place.replace(Some(UnderWay { runtimes, held })));
}

fn take() -> Option<UnderWay> {
    FORK.try_with(|place| place.take()).ok().flatten()
}

fn in_parent() {
    let Some(UnderWay { runtimes, held }) = take() else { return };
    drop(held);
    runtimes.into_iter().filter_map(|(_, standing)| standing).for_each(Standing::end);
}

fn in_child() {
    let Some(UnderWay { runtimes, held }) = take() else { return };
    drop(held);
    front::forget_lanes();
    for (core, standing) in runtimes {
        core.begin_in_child(standing);
    }
}
