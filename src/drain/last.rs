//! What the drain does when a signal is about to end the process.

use super::Backend;
use crate::lane::{Ask, Hub, Mode};
use crate::sync::{Arc, thread};
use std::time::{Duration, Instant};

/// A process that lives this long after its last call was saved by somebody's handler.
const SAVED_AFTER: Duration = Duration::from_secs(5);

/// Answers what a signal's handler asked.
#[cold]
pub(super) fn answer(backend: &mut Backend, hub: &Arc<Hub>) {
    let patience = Duration::from_millis(hub.last_call().patience_ms());
    // The handler's patience began a little earlier, and it must not end in the midst of a write.
    let deadline = Instant::now() + patience.mul_f32(0.75);
    if hub.last_call().asked() == Ask::Flush {
        hub.last_call().reset();
        let reached = backend.drain_all(deadline);
        let _ = backend.flush(reached, deadline, false);
        return;
    }
    let before = hub.mode();
    hub.set_mode(Mode::Dying);
    let slowed = backend.try_set_slow(true, deadline);
    backend.set_paused(false);
    let reached = backend.drain_stragglers(deadline);
    let _ = backend.flush(reached, deadline, false);
    // What callers published who had looked at their threshold before they were to stop.
    let _ = backend.drain_stragglers(deadline);
    hub.last_call().tell_written();
    let until = Instant::now() + SAVED_AFTER;
    while Instant::now() < until {
        if backend.pass(true) == 0 {
            thread::sleep(Duration::from_micros(50));
        } else {
            backend.end_batch();
        }
    }
    hub.last_call().reset();
    hub.set_mode(before);
    if slowed {
        backend.try_set_slow(before.is_slow(), Instant::now() + SAVED_AFTER);
    }
}
