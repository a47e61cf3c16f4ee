//! A queue of one's own between `QueueHandler` and `QueueListener`.
//!
//! Where Python subclasses both for another kind of queue, here the queue is a trait of three
//! methods: a broker's client, a ring on disk, or, as here, one that lets errors overtake.

mod place;

use sawmill::{
    Error, FileHandler, Formatter, HandlerExt, Level, LogQueue, OwnedRecord, QueueHandler,
    QueueListener, error, info,
};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Gives out errors first, and otherwise the oldest record.
#[derive(Default)]
struct ErrorsFirst {
    waiting: Mutex<[VecDeque<OwnedRecord>; 2]>,
    changed: Condvar,
}

impl LogQueue for ErrorsFirst {
    fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
        let rank = usize::from(!record.view().level().is_at_least(Level::ERROR));
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)[rank].push_back(record);
        self.changed.notify_one();
        Ok(())
    }

    fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(waiting.iter_mut().find_map(VecDeque::pop_front))
    }

    fn wait(&self, timeout: Duration) -> bool {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let empty = |waiting: &mut [VecDeque<_>; 2]| waiting.iter().all(VecDeque::is_empty);
        let _ = self.changed.wait_timeout_while(waiting, timeout, empty);
        true
    }

    fn wake(&self) {
        self.changed.notify_all();
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const LIMIT: Duration = Duration::from_secs(10);
    let place = place::Place::new()?;
    let pattern = Formatter::new("%(levelname)s %(message)s")?;
    let file = FileHandler::new(place.path("app.log"))?.with_formatter(pattern);
    let queue = Arc::new(ErrorsFirst::default());
    sawmill::builder()
        .level(Level::INFO)
        .handler("queue", QueueHandler::new(queue.clone()))
        .init()?;

    info!("one");
    info!("two");
    error!("look here");
    assert!(sawmill::shutdown(LIMIT).is_complete());

    // The listener begins late, so that the error has something to overtake.
    let mut listener = QueueListener::new(queue, [file.clone()]);
    listener.start()?;
    listener.stop(LIMIT)?;
    assert_eq!(place.show("app.log")?, ["ERROR look here", "INFO one", "INFO two"]);
    assert_eq!(file.stats().delivered, 3);
    Ok(())
}
