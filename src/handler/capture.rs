//! A handler that hands records to a test.

use super::{Context, Handler};
use crate::error::Error;
use crate::record::{LogRecord, OwnedRecord};
use crate::sync::{Arc, Mutex, lock};

/// Keeps every record in memory, to be looked at while the program runs.
///
/// Grows without a limit; for tests. [`RuntimeBuilder::capture`](crate::RuntimeBuilder::capture)
/// sets one up.
///
/// # Examples
///
/// ```
/// use sawmill::CaptureHandler;
///
/// let handler = CaptureHandler::new();
/// let records = handler.records();
/// let runtime = sawmill::Runtime::builder().handler("test", handler).build()?;
/// runtime.scope(|| sawmill::warning!("careful"));
/// let _ = runtime.flush(std::time::Duration::from_secs(1));
/// assert_eq!(records.take()[0].view().message()?, "careful");
/// assert!(records.is_empty());
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Default)]
pub struct CaptureHandler {
    records: CapturedRecords,
}

/// The records that a [`CaptureHandler`] has kept. Clones see the same records.
#[derive(Debug, Clone, Default)]
pub struct CapturedRecords {
    records: Arc<Mutex<Vec<OwnedRecord>>>,
}

impl CaptureHandler {
    /// Makes the handler.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The records, to be kept by the test.
    pub fn records(&self) -> CapturedRecords {
        self.records.clone()
    }
}

impl CapturedRecords {
    /// The records kept so far, in the order of delivery.
    pub fn get(&self) -> Vec<OwnedRecord> {
        lock(&self.records).clone()
    }

    /// The records kept so far, which are kept no longer.
    pub fn take(&self) -> Vec<OwnedRecord> {
        std::mem::take(&mut *lock(&self.records))
    }

    /// The messages of the records kept so far.
    pub fn messages(&self) -> Vec<String> {
        let message = |record: &OwnedRecord| match record.view().message() {
            Ok(text) => text,
            Err(error) => format!("({error})"),
        };
        lock(&self.records).iter().map(message).collect()
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        lock(&self.records).len()
    }

    /// Returns true if none are kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Handler for CaptureHandler {
    fn emit(&mut self, record: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        let kept = record.keep();
        lock(&self.records.records).push(kept);
        Ok(())
    }
}
