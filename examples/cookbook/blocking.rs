//! Handlers that block: put them behind a queue whose listener has a thread of its own.
//!
//! The logging thread serves all handlers of a program in turn, so none of them may wait for a
//! network. (The console and the socket handler have such a thread built in.) Here a mail server
//! does not answer for a while, and the file is complete all the same.

mod place;

use sawmill::{
    Context, Error, FileHandler, Handler, HandlerExt, HandlerRef, Level, LogRecord, QueueHandler,
    QueueListener, RecordQueue, error, info,
};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// Sends each record and waits for the answer, however long that takes.
struct Mail {
    answers: mpsc::Receiver<()>,
}

impl Handler for Mail {
    fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.answers.recv().map_err(|_| Error::other("the mail server is gone"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    const LIMIT: Duration = Duration::from_secs(10);
    let place = place::Place::new()?;
    let (server, answers) = mpsc::channel();
    let mail = HandlerRef::new(Mail { answers });

    let queue = Arc::new(RecordQueue::bounded(10_000));
    let mut listener = QueueListener::new(queue.clone(), [mail.clone()]);
    listener.start()?;
    sawmill::builder()
        .level(Level::INFO)
        .handler("file", FileHandler::new(place.path("app.log"))?)
        .handler("mail", QueueHandler::new(queue).with_level(Level::ERROR))
        .init()?;

    for n in 1..=3 {
        info!("order {n} arrived");
        error!("order {n} is empty");
    }
    assert!(sawmill::flush(LIMIT).is_complete());
    assert_eq!(place.show("app.log")?.len(), 6);
    assert_eq!(mail.stats().delivered, 0, "the mail server has not answered yet");

    for _ in 1..=3 {
        server.send(())?;
    }
    // Waits for what is in the queue.
    listener.stop(LIMIT)?;
    assert_eq!(mail.stats().delivered, 3);
    Ok(())
}
