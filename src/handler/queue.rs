//! Records through a queue, to handlers elsewhere.
//!
//! [`QueueHandler`] puts prepared records into a queue; a [`QueueListener`] takes them out, in the
//! same process or another one, and gives them to its handlers. The queue is the user's:
//! [`LogQueue`] asks for three methods. Where both ends are in one runtime, as a configuration
//! makes them, no thread is needed between them: the drain takes the records out again after each
//! batch, and a flush passes the queue in order.

mod handler;
mod listener;

pub use handler::QueueHandler;
pub use listener::QueueListener;

use crate::error::Error;
use crate::record::OwnedRecord;
use crate::sync::{Arc, Condvar, Mutex, lock};
use std::collections::VecDeque;
use std::time::Duration;

/// Records, or errors, that are taken out at once.
const BATCH: usize = 256;

/// A queue between a [`QueueHandler`] and a [`QueueListener`].
///
/// # Examples
///
/// ```
/// use sawmill::{Error, LogQueue, OwnedRecord};
/// use std::sync::mpsc;
/// use std::time::Duration;
///
/// struct Channel {
///     sender: mpsc::SyncSender<OwnedRecord>,
///     receiver: std::sync::Mutex<mpsc::Receiver<OwnedRecord>>,
/// }
///
/// impl LogQueue for Channel {
///     fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
///         self.sender.try_send(record).map_err(|_| Error::other("the queue is full"))
///     }
///     fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
///         Ok(self.receiver.lock().unwrap().try_recv().ok())
///     }
///     fn wait(&self, timeout: Duration) -> bool {
///         std::thread::sleep(timeout.min(Duration::from_millis(5)));
///         true
///     }
/// }
/// ```
pub trait LogQueue: Send + Sync + 'static {
    /// Adds a record, without waiting for room.
    ///
    /// # Errors
    ///
    /// If there is no room; the record counts as failed and is reported, as in Python.
    fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error>;

    /// Takes the oldest record out, without waiting for one.
    ///
    /// # Errors
    ///
    /// If what stands in the queue is not a record; it is taken out all the same.
    fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error>;

    /// Waits until there is a record, or `timeout` has passed. True means "look again", and may be
    /// wrong.
    fn wait(&self, timeout: Duration) -> bool;

    /// Ends a wait early, because the listener stops.
    fn wake(&self) {}
}

impl<Q: LogQueue + ?Sized> LogQueue for Arc<Q> {
    fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
        (**self).put_nowait(record)
    }
    fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
        (**self).get_nowait()
    }
    fn wait(&self, timeout: Duration) -> bool {
        (**self).wait(timeout)
    }
    fn wake(&self) {
        (**self).wake();
    }
}

/// A queue in memory: Python's `queue.Queue`.
///
/// # Examples
///
/// ```
/// use sawmill::RecordQueue;
///
/// let queue = RecordQueue::bounded(10_000);
/// assert!(queue.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct RecordQueue {
    /// 0: no limit.
    places: usize,
    records: Mutex<VecDeque<OwnedRecord>>,
    changed: Condvar,
}

impl RecordQueue {
    /// Makes a queue for at most `places` records; 0 means without a limit, as in Python.
    #[must_use]
    pub fn bounded(places: usize) -> Self {
        Self { places, ..Self::default() }
    }

    /// Makes a queue without a limit.
    #[must_use]
    pub fn unbounded() -> Self {
        Self::default()
    }

    /// How many records wait.
    pub fn len(&self) -> usize {
        lock(&self.records).len()
    }

    /// Returns true if none wait.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl LogQueue for RecordQueue {
    fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
        let mut records = lock(&self.records);
        if self.places != 0 && records.len() >= self.places {
            return Err(Error::other(format!("the queue is full: {} records wait", self.places)));
        }
        records.push_back(record);
        drop(records);
        self.changed.notify_one();
        Ok(())
    }

    fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
        Ok(lock(&self.records).pop_front())
    }

    fn wait(&self, timeout: Duration) -> bool {
        let records = lock(&self.records);
        if !records.is_empty() {
            return true;
        }
        match self.changed.wait_timeout(records, timeout) {
            Ok((records, _)) => !records.is_empty(),
            Err(_) => true,
        }
    }

    fn wake(&self) {
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests;
