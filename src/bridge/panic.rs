//! Panics as records of the default runtime.

use crate::front::RecordBuilder;
use crate::global;
use crate::lane::is_on_drain;
use crate::level::Level;
use crate::sync::{Mutex, lock, thread};
use std::panic::{self, PanicHookInfo};
use std::time::Duration;

/// How long a process that aborts by a panic waits for the panic's record.
const LIMIT: Duration = Duration::from_secs(2);
static INSTALLED: Mutex<bool> = Mutex::new(false);

/// Logs each panic before the hook that was there before runs. A second call changes nothing.
pub(crate) fn install() {
    let mut installed = lock(&INSTALLED);
    if std::mem::replace(&mut *installed, true) {
        return;
    }
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        log(info);
        before(info);
    }));
}

fn log(info: &PanicHookInfo<'_>) {
    // A handler's panic is contained and told by the drain.
    if is_on_drain() {
        return;
    }
    let payload = info.payload();
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no text");
    let current = thread::current();
    let name = current.name().unwrap_or("<unnamed>");
    let mut record =
        RecordBuilder::new(Level::CRITICAL).message(&format!("thread '{name}' panicked: {text}"));
    if let Some(place) = info.location() {
        record = record.pathname(place.file()).line(place.line());
    }
    global::get_logger("panic").log_record(&record);
    if cfg!(panic = "abort") {
        // Elsewhere a panic may be caught, and must not stall the thread that catches it.
        let _ = global::flush(LIMIT);
    }
}
