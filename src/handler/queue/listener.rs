//! The listener that takes records out of a queue.

use super::{BATCH, LogQueue};
use crate::error::{Error, ErrorKind};
use crate::handler::{HandlerRef, worker};
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering, lock, thread};
use std::fmt;
use std::time::{Duration, Instant};

/// How long a listener waits for records before it looks whether it is to stop.
const SLICE: Duration = Duration::from_millis(100);
/// How long a listener waits for a handler that a runtime has.
const AT_HOME: Duration = Duration::from_secs(10);

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
            let text = worker::panic_text(&*panic);
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
