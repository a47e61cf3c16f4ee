//! The handler that puts records into a queue.

use super::{BATCH, LogQueue};
use crate::error::Error;
use crate::handler::{Context, Handler, HandlerRef};
use crate::record::{LogRecord, OwnedRecord, ValueBuf};
use crate::sync::Arc;
use std::fmt;

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
