//! What the drain does when a signal is about to end the process.

use super::Backend;
use crate::lane::{Ask, Hub, Mode, Outcome};
use crate::sync::{Arc, thread};
use std::time::{Duration, Instant};

/// A process that lives this long after its last call was saved by somebody's handler.
const SAVED_AFTER: Duration = Duration::from_secs(5);
/// A caller that does not go on for so long is held in a signal's handler as well, or starved.
const HELD: Duration = Duration::from_millis(200);

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
    if hub.last_call().outcome() == Outcome::Spilled
        && let Some(keeper) = hub.spiller()
    {
        // It was this thread that faulted, and a handler before ours has mended it.
        keeper.take_spill_back();
    }
    let before = match hub.mode() {
        Mode::Dying => Mode::Threaded,
        mode => mode,
    };
    hub.set_mode(Mode::Dying);
    let slowed = backend.try_set_slow(true, deadline);
    backend.set_paused(false);
    let calls = backend.close_gates();
    let reached = backend.drain_all(deadline);
    backend.dump_recorder();
    let _ = backend.flush(reached, deadline, false);
    // The signal may have met a thread in the midst of a call, which then never ends.
    let held = deadline.min(Instant::now() + HELD);
    backend.drain_calls(&calls, hub.last_call().interrupted(), held);
    let reached = backend.drain_all(deadline);
    let until = Instant::now() + SAVED_AFTER;
    if reached && backend.has_committed() {
        hub.last_call().tell(Outcome::Written);
    } else {
        // From here on the lanes are the handler's to spill.
        hub.last_call().tell(Outcome::GaveUp);
        while hub.spiller().is_some() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        if let Some(keeper) = hub.spiller() {
            keeper.take_spill_back();
        }
    }
    while Instant::now() < until {
        if backend.pass(true) == 0 {
            thread::sleep(Duration::from_micros(50));
        } else {
            backend.end_batch();
        }
    }
    hub.last_call().reset();
    hub.set_mode(before);
    backend.open_gates();
    if slowed {
        backend.try_set_slow(before.is_slow(), Instant::now() + SAVED_AFTER);
    }
}
