//! Records through a queue, to handlers elsewhere.
//!
//! [`QueueHandler`] puts prepared records into a queue; a [`QueueListener`] takes them out, in the
//! same process or another one, and gives them to its handlers. The queue is the user's:
//! [`LogQueue`] asks for three methods. Where both ends are in one runtime, as a configuration
//! makes them, no thread is needed between them: the drain takes the records out again after each
//! batch, and a flush passes the queue in order.

use super::{Context, Handler, HandlerRef};
use crate::error::{Error, ErrorKind};
use crate::record::{LogRecord, OwnedRecord, ValueBuf};
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering, lock, thread};
use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

/// How long a listener waits for records before it looks whether it is to stop.
const SLICE: Duration = Duration::from_millis(100);
/// Records, or errors, that are taken out at once.
const BATCH: usize = 256;
/// How long a listener waits for a handler that a runtime has.
const AT_HOME: Duration = Duration::from_secs(10);

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

/// Puts records into a queue: Python's `QueueHandler`.
///
/// A record is [prepared](Self::prepare) first, so that whoever takes it out needs neither its
/// arguments nor this process. A queue without room fails the record, which is counted and
/// reported.
///
/// With [`with_listener`](Self::with_listener) the handlers behind the queue belong to the same
/// runtime.
///
/// # Examples
///
/// ```
/// use sawmill::{NullHandler, QueueHandler, RecordQueue};
///
/// let queued = QueueHandler::new(RecordQueue::unbounded())
///     .with_listener([NullHandler::new()], true);
/// # let _ = queued;
/// ```
pub struct QueueHandler {
    queue: Arc<dyn LogQueue>,
    listener: Option<Listener>,
    /// Records put into the queue, and taken out again by this handler's own listener.
    put: u64,
    taken: u64,
}

struct Listener {
    handlers: Vec<HandlerRef>,
    respect_handler_level: bool,
    listening: bool,
    /// Ended for good, unless it is started again: a close does not take the rest out either.
    ended: bool,
}

impl Listener {
    fn works(&self) -> bool {
        self.listening && !self.ended
    }
}

impl QueueHandler {
    /// Makes a handler that puts into `queue`.
    #[must_use]
    pub fn new(queue: impl LogQueue) -> Self {
        Self { queue: Arc::new(queue), listener: None, put: 0, taken: 0 }
    }

    /// Adds a listener of the same runtime: the drain takes the records out after each batch and
    /// gives them to `handlers`, whose own levels count only if `respect_handler_level`.
    #[must_use]
    pub fn with_listener<H: Into<HandlerRef>>(
        mut self,
        handlers: impl IntoIterator<Item = H>,
        respect_handler_level: bool,
    ) -> Self {
        let handlers = handlers.into_iter().map(Into::into).collect();
        self.listener =
            Some(Listener { handlers, respect_handler_level, listening: true, ended: false });
        self
    }

    /// Starts or stops the listener added with [`with_listener`](Self::with_listener); a stop
    /// takes out what is there first. Without a listener nothing happens.
    pub fn set_listening(&mut self, listening: bool, cx: &mut Context<'_>) {
        if !listening {
            self.drain(cx);
        }
        if let Some(listener) = &mut self.listener {
            listener.listening = listening;
        }
    }

    /// Ends the listener for good, after it took out what is there: later records stay in the
    /// queue, for whoever else reads it, even if the handler is closed.
    pub fn end_listener(&mut self, cx: &mut Context<'_>) {
        self.drain(cx);
        if let Some(listener) = &mut self.listener {
            listener.ended = true;
        }
    }

    /// Starts the listener again after [`end_listener`](Self::end_listener); it takes out what is
    /// there.
    pub fn start_listener(&mut self, cx: &mut Context<'_>) {
        if let Some(listener) = &mut self.listener {
            (listener.listening, listener.ended) = (true, false);
        }
        self.drain(cx);
    }

    /// Returns true if a listener takes the records out again.
    pub fn is_listening(&self) -> bool {
        self.listener.as_ref().is_some_and(Listener::works)
    }

    /// What goes into the queue: a copy whose message is the formatted line, exception and stack
    /// text included, without arguments, exception and stack of its own.
    ///
    /// # Errors
    ///
    /// What the formatter says.
    pub fn prepare(
        &self,
        record: &LogRecord<'_>,
        cx: &mut Context<'_>,
    ) -> Result<OwnedRecord, Error> {
        let text = String::from_utf8_lossy(cx.formatted(record)?).into_owned();
        let mut copy = record.clone();
        copy.set_message(text);
        for gone in ["args", "exc_text", "stack_info"] {
            copy.set_attribute(gone, ValueBuf::none());
        }
        Ok(copy.keep())
    }

    fn drain(&mut self, cx: &mut Context<'_>) {
        let Some(listener) = self.listener.as_ref().filter(|listener| listener.works()) else {
            return;
        };
        let mut errors = 0;
        // A queue that only fails is looked at again later.
        while errors < BATCH {
            match self.queue.get_nowait() {
                Ok(None) => return,
                Ok(Some(record)) => {
                    self.taken += 1;
                    for handler in &listener.handlers {
                        cx.forward(handler, record.clone(), listener.respect_handler_level);
                    }
                }
                Err(error) => {
                    errors += 1;
                    self.taken += 1;
                    cx.lost(1, error);
                }
            }
        }
    }
}

impl Handler for QueueHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let record = self.prepare(record, cx)?;
        if let Err(full) = self.queue.put_nowait(record.clone()) {
            if !self.is_listening() {
                return Err(full);
            }
            // A listener at work would have made room meanwhile.
            self.drain(cx);
            self.queue.put_nowait(record)?;
        }
        self.put += 1;
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.drain(cx);
        Ok(())
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if let Some(listener) = &mut self.listener {
            listener.listening = true;
        }
        self.drain(cx);
        Ok(())
    }

    fn held(&self) -> u64 {
        match &self.listener {
            Some(listener) if !listener.ended => self.put.saturating_sub(self.taken),
            _ => 0,
        }
    }

    fn passes_on(&self) -> bool {
        true
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.listener.as_ref().map(|listener| listener.handlers.clone()).unwrap_or_default()
    }
}

impl fmt::Debug for QueueHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueHandler")
            .field("listening", &self.is_listening())
            .field("put", &self.put)
            .finish_non_exhaustive()
    }
}

/// Takes records out of a queue, on a thread of its own, and gives them to handlers: Python's
/// `QueueListener`.
///
/// The handlers need no logger and no runtime; ones that a runtime has are used at their home.
/// Their filters apply, their levels only with
/// [`respect_handler_level`](Self::respect_handler_level). Dropping the listener stops it.
///
/// # Examples
///
/// ```
/// use sawmill::{CaptureHandler, QueueHandler, QueueListener, RecordQueue, Runtime};
/// use std::sync::Arc;
/// use std::time::Duration;
///
/// let queue = Arc::new(RecordQueue::unbounded());
/// let capture = CaptureHandler::new();
/// let records = capture.records();
/// let mut listener = QueueListener::new(queue.clone(), [capture]);
/// listener.start()?;
///
/// let runtime = Runtime::builder().handler("queue", QueueHandler::new(queue)).build()?;
/// runtime.scope(|| sawmill::warning!("through the queue"));
/// let _ = runtime.shutdown(Duration::from_secs(1));
/// listener.stop(Duration::from_secs(1))?;
/// assert_eq!(records.messages(), ["through the queue"]);
/// # Ok::<(), sawmill::Error>(())
/// ```
pub struct QueueListener {
    shared: Arc<Shared>,
    thread: Option<thread::JoinHandle<()>>,
}

type OnError = Box<dyn Fn(&Error) + Send + Sync>;

struct Shared {
    queue: Arc<dyn LogQueue>,
    handlers: Vec<HandlerRef>,
    respect_handler_level: bool,
    on_error: OnError,
    stop: AtomicBool,
    done: Mutex<bool>,
    changed: Condvar,
}

impl QueueListener {
    /// Makes a listener; [`start`](Self::start) starts it.
    #[must_use]
    pub fn new<H: Into<HandlerRef>>(
        queue: impl LogQueue,
        handlers: impl IntoIterator<Item = H>,
    ) -> Self {
        let shared = Shared {
            queue: Arc::new(queue),
            handlers: handlers.into_iter().map(Into::into).collect(),
            respect_handler_level: false,
            on_error: Box::new(|error| {
                let text = format!("--- Logging error ---\nqueue listener: {error}\n");
                let _ = crate::sys::write_all_fd(2, text.as_bytes());
            }),
            stop: AtomicBool::new(false),
            done: Mutex::new(true),
            changed: Condvar::new(),
        };
        Self { shared: Arc::new(shared), thread: None }
    }

    fn building(&mut self) -> &mut Shared {
        Arc::get_mut(&mut self.shared).expect("building steps come before the start")
    }

    /// Sets whether the handlers' levels count; off by default, as in Python.
    ///
    /// # Panics
    ///
    /// If the listener was started.
    #[must_use]
    pub fn respect_handler_level(mut self, respect: bool) -> Self {
        self.building().respect_handler_level = respect;
        self
    }

    /// Sets what is done about errors; by default they are written to standard error.
    ///
    /// # Panics
    ///
    /// If the listener was started.
    #[must_use]
    pub fn on_error(mut self, hook: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.building().on_error = Box::new(hook);
        self
    }

    /// Returns true between a start and a stop.
    pub fn is_running(&self) -> bool {
        self.thread.is_some()
    }

    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// [`Error::is_already`] if it runs, [`Error::is_io`] if no thread can be made.
    pub fn start(&mut self) -> Result<(), Error> {
        if self.thread.is_some() {
            return Err(Error::new(ErrorKind::Already, "the listener was started already"));
        }
        self.shared.stop.store(false, Ordering::Relaxed);
        *lock(&self.shared.done) = false;
        let shared = self.shared.clone();
        let builder = thread::Builder::new().name("sawmill-listener".into());
        match builder.spawn(move || shared.serve()) {
            Ok(handle) => self.thread = Some(handle),
            Err(cause) => {
                *lock(&self.shared.done) = true;
                let error = Error::new(ErrorKind::Io, "cannot start the listener's thread");
                return Err(error.because(cause));
            }
        }
        Ok(())
    }

    /// Takes out what is in the queue, flushes the handlers and ends the thread. A listener that
    /// does not run stays as it is.
    ///
    /// # Errors
    ///
    /// [`Error::is_timeout`] if it did not end in time; it still ends when the queue is empty.
    pub fn stop(&mut self, timeout: Duration) -> Result<(), Error> {
        let Some(handle) = self.thread.take() else { return Ok(()) };
        self.shared.stop.store(true, Ordering::Relaxed);
        self.shared.queue.wake();
        let deadline = Instant::now() + timeout;
        let mut done = lock(&self.shared.done);
        while !*done {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                let text = "the listener did not empty its queue in time";
                return Err(Error::new(ErrorKind::Timeout, text));
            };
            done = match self.shared.changed.wait_timeout(done, left) {
                Ok((done, _)) => done,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        drop(done);
        handle.join().map_err(|panic| {
            let text = super::worker::panic_text(&*panic);
            Error::other(format!("the listener panicked: {text}"))
        })
    }
}

impl Drop for QueueListener {
    fn drop(&mut self) {
        if let Err(error) = self.stop(Duration::from_secs(1)) {
            (self.shared.on_error)(&error);
        }
    }
}

impl Shared {
    fn serve(&self) {
        struct Done<'a>(&'a Shared);
        impl Drop for Done<'_> {
            fn drop(&mut self) {
                *lock(&self.0.done) = true;
                self.0.changed.notify_all();
            }
        }
        let _done = Done(self);
        while !self.stop.load(Ordering::Relaxed) {
            if self.queue.wait(SLICE) {
                self.empty();
            }
        }
        // What was put before the stop, and perhaps missed by the last look.
        self.empty();
        for handler in &self.handlers {
            if let Err(error) = handler.flush(AT_HOME) {
                (self.on_error)(&error);
            }
        }
    }

    fn empty(&self) {
        loop {
            let mut records = Vec::new();
            // Bounded as well for a queue that only fails; it is looked at again later.
            for _ in 0..BATCH {
                match self.queue.get_nowait() {
                    Ok(Some(record)) => records.push(record),
                    Ok(None) => break,
                    Err(error) => (self.on_error)(&error),
                }
            }
            if records.is_empty() {
                return;
            }
            for handler in &self.handlers {
                let done = handler.handle_all(&records, self.respect_handler_level, AT_HOME);
                if let Err(error) = done {
                    (self.on_error)(&error);
                }
            }
        }
    }
}

impl fmt::Debug for QueueListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueListener")
            .field("handlers", &self.shared.handlers)
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::CaptureHandler;
    use crate::level::Level;
    use crate::record::sample::Sample;

    const SECOND: Duration = Duration::from_secs(1);

    fn record(level: Level, message: &str) -> OwnedRecord {
        Sample { level, message: message.into(), ..Sample::default() }.keep()
    }

    #[test]
    fn a_prepared_record_has_one_text_and_nothing_else() {
        let mut sample = Sample { message: "failed".into(), ..Sample::default() };
        sample.fields.push(("user".into(), ValueBuf::of("ada")));
        let queue = Arc::new(RecordQueue::unbounded());
        let handler = HandlerRef::new(QueueHandler::new(queue.clone()));
        let kept = sample.with(|record| {
            record.set_attribute("exc_text", ValueBuf::of("E\nF"));
            record.set_attribute("stack_info", ValueBuf::of("S"));
            record.keep()
        });
        handler.handle(&kept, true, SECOND).unwrap();
        let taken = queue.get_nowait().unwrap().unwrap();
        let view = taken.view();
        assert_eq!(view.message().unwrap(), "failed\nE\nF\nS");
        assert_eq!((view.exception(), view.stack()), (None, None));
        assert!(view.arguments().is_none());
        assert_eq!(view.field("user").unwrap().to_string(), "ada");
        assert_eq!(kept.view().stack().unwrap(), "S");
    }

    #[test]
    fn a_full_queue_fails_the_record_unless_a_listener_makes_room() {
        let handler = HandlerRef::new(QueueHandler::new(RecordQueue::bounded(2)));
        let results: Vec<_> = (0..3)
            .map(|_| handler.handle(&record(Level::INFO, "m"), true, SECOND).is_ok())
            .collect();
        assert_eq!(results, [true, true, false]);
        assert_eq!((handler.stats().delivered, handler.stats().failed), (2, 1));

        let capture = CaptureHandler::new();
        let records = capture.records();
        let queue = QueueHandler::new(RecordQueue::bounded(2)).with_listener([capture], false);
        let handler = HandlerRef::new(queue);
        let batch: Vec<_> = (0..9).map(|n| record(Level::INFO, &n.to_string())).collect();
        handler.handle_all(&batch, true, SECOND).unwrap();
        assert_eq!(records.messages().concat(), "012345678");
    }

    #[test]
    fn levels_behind_the_queue_count_only_if_respected() {
        for respect in [false, true] {
            let capture = CaptureHandler::new();
            let records = capture.records();
            let target = HandlerRef::new(capture).with_level(Level::ERROR);
            let queue = QueueHandler::new(RecordQueue::unbounded());
            let handler = HandlerRef::new(queue.with_listener([target], respect));
            handler.handle(&record(Level::INFO, "m"), true, SECOND).unwrap();
            assert_eq!(records.len(), usize::from(!respect));
        }
    }

    #[test]
    fn a_stopped_listener_leaves_records_in_the_queue_until_the_end() {
        let capture = CaptureHandler::new();
        let records = capture.records();
        let queue = QueueHandler::new(RecordQueue::unbounded()).with_listener([capture], true);
        let handler = HandlerRef::new(queue);
        handler.handle(&record(Level::INFO, "1"), true, SECOND).unwrap();
        handler
            .with_context(SECOND, |queue: &mut QueueHandler, cx| queue.set_listening(false, cx))
            .unwrap();
        handler.handle(&record(Level::INFO, "2"), true, SECOND).unwrap();
        assert_eq!((records.len(), handler.stats().held), (1, 1));
        handler.close(SECOND).unwrap();
        assert_eq!((records.len(), handler.stats().held), (2, 0));
    }

    #[test]
    fn a_listener_delivers_in_order_what_was_put_before_its_stop() {
        let queue = Arc::new(RecordQueue::unbounded());
        let capture = CaptureHandler::new();
        let records = capture.records();
        let mut listener = QueueListener::new(queue.clone(), [capture]);
        for round in 0..3 {
            listener.start().unwrap();
            assert!(listener.start().unwrap_err().is_already());
            for n in 0..1_000 {
                queue.put_nowait(record(Level::INFO, &format!("{round}-{n}"))).unwrap();
            }
            listener.stop(10 * SECOND).unwrap();
            let expected: Vec<_> = (0..1_000).map(|n| format!("{round}-{n}")).collect();
            assert_eq!(records.messages(), expected);
            records.take();
        }
        assert!(!listener.is_running());
        listener.stop(SECOND).unwrap();
    }

    #[test]
    fn a_queue_that_fails_is_reported_and_does_not_end_the_listener() {
        struct Broken(Mutex<u32>, RecordQueue);
        impl LogQueue for Broken {
            fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
                self.1.put_nowait(record)
            }
            fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
                let mut failures = lock(&self.0);
                if *failures > 0 {
                    *failures -= 1;
                    return Err(Error::other("garbled"));
                }
                self.1.get_nowait()
            }
            fn wait(&self, timeout: Duration) -> bool {
                self.1.wait(timeout)
            }
        }
        let queue = Arc::new(Broken(Mutex::new(3), RecordQueue::unbounded()));
        let capture = CaptureHandler::new();
        let records = capture.records();
        let errors = Arc::new(Mutex::new(0));
        let count = errors.clone();
        let mut listener =
            QueueListener::new(queue.clone(), [capture]).on_error(move |_| *lock(&count) += 1);
        queue.put_nowait(record(Level::INFO, "m")).unwrap();
        listener.start().unwrap();
        listener.stop(10 * SECOND).unwrap();
        assert_eq!((*lock(&errors), records.len()), (3, 1));
    }
}
