//! Records that outlive their frame.

use super::{
    Body, Described, Head, LogRecord, Names, Overlay, ProcessInfo, Render, ThreadInfo, Without,
};
use crate::callsite::Callsite;
use crate::level::Level;
use crate::sync::{Arc, Mutex, lock};
use std::fmt;

/// A record copied out of the ring: shared, cheap to clone.
///
/// Kept by handlers that deliver later (memory, queue) and by tests; [`view`](Self::view) gives
/// the same getters as during delivery. Only filters change it: those that the record itself still
/// passes, and those that it passes when it is delivered later.
///
/// # Examples
///
/// ```
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// runtime.scope(|| sawmill::info!("ready"));
/// assert_eq!(runtime.records()[0].view().message()?, "ready");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Clone)]
pub struct OwnedRecord {
    kept: Arc<Kept>,
}

struct Kept {
    logger: String,
    level: Level,
    level_name: String,
    time_ns: i64,
    start_ns: i64,
    thread: ThreadInfo,
    process: ProcessInfo,
    lane: u32,
    sequence: u64,
    late: bool,
    without: Without,
    context: Vec<u64>,
    body: KeptBody,
    renderer: Option<Arc<dyn Render>>,
    /// What filters changed, and how often.
    changes: Mutex<(Option<Box<Overlay>>, u32)>,
}

enum KeptBody {
    Site { site: &'static Callsite, words: Vec<u64> },
    Described { words: Vec<u64> },
}

impl OwnedRecord {
    pub(crate) fn of(record: &LogRecord<'_>) -> Self {
        let head = record.head();
        let body = match record.body() {
            Body::Site { site, words } => KeptBody::Site { site, words: words.to_vec() },
            Body::Described(described) => KeptBody::Described { words: described.words.to_vec() },
        };
        Self {
            kept: Arc::new(Kept {
                logger: head.logger.to_owned(),
                level: head.level,
                level_name: head.level_name.to_owned(),
                time_ns: head.time_ns,
                start_ns: head.start_ns,
                thread: head.thread.clone(),
                process: head.process.clone(),
                lane: head.lane,
                sequence: head.sequence,
                late: head.late,
                without: head.without,
                context: head.context.to_vec(),
                body,
                renderer: record.render_with().cloned(),
                changes: Mutex::new((record.overlay().cloned().map(Box::new), record.revision())),
            }),
        }
    }

    /// The record, with the getters it had during delivery.
    pub fn view(&self) -> LogRecord<'_> {
        let kept = &*self.kept;
        let head = Head {
            logger: &kept.logger,
            level: kept.level,
            level_name: &kept.level_name,
            names: Names::default(),
            time_ns: kept.time_ns,
            start_ns: kept.start_ns,
            thread: &kept.thread,
            process: &kept.process,
            lane: kept.lane,
            sequence: kept.sequence,
            late: kept.late,
            without: kept.without,
            context: &kept.context,
        };
        let body = match &kept.body {
            KeptBody::Site { site, words } => Body::Site { site, words },
            KeptBody::Described { words } => Body::Described(Described::read(words)),
        };
        let (overlay, revision) = self.changes();
        LogRecord::new(head, body, kept.renderer.as_ref()).of_kept(overlay, revision, self.clone())
    }

    pub(super) fn changes(&self) -> (Option<Box<Overlay>>, u32) {
        lock(&self.kept.changes).clone()
    }

    /// Notes what a filter changed.
    pub(super) fn changed(&self, overlay: Option<Box<Overlay>>, revision: u32) {
        *lock(&self.kept.changes) = (overlay, revision);
    }
}

impl fmt::Debug for OwnedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.view();
        f.debug_struct("OwnedRecord")
            .field("logger", &record.logger())
            .field("level", &record.level())
            .field("message", &record.message().unwrap_or_else(|error| error.to_string()))
            .finish_non_exhaustive()
    }
}
