//! Handlers that keep records for later.

use super::{Context, Handler, HandlerRef};
use crate::error::Error;
use crate::level::Level;
use crate::record::{LogRecord, OwnedRecord};
use std::time::Duration;

/// Keeps records until its buffer is full or one is important, then gives all of them to its
/// target: Python's `MemoryHandler`.
///
/// The target's filters and formatter apply, its level does not. Without a target the records stay,
/// without a limit, until one is set and the buffer is flushed again. Closing drops the target.
///
/// | step | default |
/// |---|---|
/// | [`new(capacity)`](Self::new) | required |
/// | [`with_flush_level`](Self::with_flush_level) | `ERROR` |
/// | [`with_target`](Self::with_target) | none |
/// | [`with_flush_on_close`](Self::with_flush_on_close) | true |
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerRef, MemoryHandler, NullHandler};
///
/// let file = HandlerRef::new(NullHandler::new());
/// let context_of_errors = MemoryHandler::new(500).with_target(file);
/// # let _ = context_of_errors;
/// ```
#[derive(Debug)]
pub struct MemoryHandler {
    capacity: usize,
    flush_level: Level,
    flush_on_close: bool,
    target: Option<HandlerRef>,
    buffer: Vec<OwnedRecord>,
}

impl MemoryHandler {
    /// Makes a handler that flushes once it keeps `capacity` records; 0 flushes each at once.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            flush_level: Level::ERROR,
            flush_on_close: true,
            target: None,
            buffer: Vec::new(),
        }
    }

    /// Sets the level at which a record causes a flush.
    #[must_use]
    pub fn with_flush_level(mut self, level: Level) -> Self {
        self.flush_level = level;
        self
    }

    /// Sets whether what is kept at the end goes to the target, or is dropped (counted as shed).
    #[must_use]
    pub fn with_flush_on_close(mut self, flush: bool) -> Self {
        self.flush_on_close = flush;
        self
    }

    /// Sets the target.
    #[must_use]
    pub fn with_target(mut self, target: impl Into<HandlerRef>) -> Self {
        self.target = Some(target.into());
        self
    }

    /// How many records are kept.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Returns true if none are kept.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The records kept.
    pub fn buffered(&self) -> &[OwnedRecord] {
        &self.buffer
    }

    /// Gives a memory handler another target, or none: Python's `setTarget`. What is kept stays
    /// until the next flush.
    ///
    /// # Errors
    ///
    /// As [`HandlerRef::with`].
    pub fn set_target(
        handler: &HandlerRef,
        target: Option<HandlerRef>,
        timeout: Duration,
    ) -> Result<(), Error> {
        // The new target needs a home before the first record is forwarded to it, and the old one
        // keeps its home until the last has been.
        let mut both = handler.targets();
        both.extend(target.clone());
        handler.set_targets(both);
        let new = target.clone();
        handler.with(timeout, move |memory: &mut Self| memory.target = new)?;
        handler.set_targets(target.into_iter().collect());
        Ok(())
    }

    fn empty(&mut self, cx: &mut Context<'_>) {
        if let Some(target) = &self.target {
            for record in self.buffer.drain(..) {
                cx.forward(target, record, false);
            }
        }
    }
}

impl Handler for MemoryHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.buffer.push(record.keep());
        if self.buffer.len() >= self.capacity || record.level().is_at_least(self.flush_level) {
            self.empty(cx);
        }
        Ok(())
    }

    fn batch_end(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.empty(cx);
        Ok(())
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.flush_on_close {
            self.empty(cx);
        }
        // Without a target, or not wanted: nobody will ever ask for them.
        cx.shed(self.buffer.len() as u64);
        self.buffer.clear();
        self.target = None;
        Ok(())
    }

    fn held(&self) -> u64 {
        self.buffer.len() as u64
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.target.iter().cloned().collect()
    }

    fn flush_on_close(&self) -> bool {
        self.flush_on_close
    }
}

/// What a [`BufferingHandler`] does with a full buffer.
pub type FlushBuffer = Box<dyn FnMut(&[OwnedRecord]) -> Result<(), Error> + Send>;

/// Keeps records and gives them to a closure, many at a time: Python's `BufferingHandler`.
///
/// For one mail about many records, one transaction, one request. A flush that fails loses its
/// records, counted.
///
/// # Examples
///
/// ```
/// use sawmill::BufferingHandler;
///
/// let digest = BufferingHandler::new(100, |records| {
///     println!("{} records", records.len());
///     Ok(())
/// });
/// # let _ = digest;
/// ```
pub struct BufferingHandler {
    capacity: usize,
    flush: FlushBuffer,
    buffer: Vec<OwnedRecord>,
}

impl BufferingHandler {
    /// Makes a handler that calls `flush` once it keeps `capacity` records, and at flushes.
    #[must_use]
    pub fn new(
        capacity: usize,
        flush: impl FnMut(&[OwnedRecord]) -> Result<(), Error> + Send + 'static,
    ) -> Self {
        Self { capacity, flush: Box::new(flush), buffer: Vec::new() }
    }

    fn empty(&mut self, cx: &mut Context<'_>) {
        if self.buffer.is_empty() {
            return;
        }
        // Taken first: what a closure that panics had in its hands must not come again.
        let records = std::mem::take(&mut self.buffer);
        let flush = std::panic::AssertUnwindSafe(|| (self.flush)(&records));
        let result = std::panic::catch_unwind(flush).unwrap_or_else(|panic| {
            let text = super::worker::panic_text(&*panic);
            Err(Error::other(format!("the flush of a buffer panicked: {text}")))
        });
        if let Err(error) = result {
            cx.lost(records.len() as u64, error);
        }
    }
}

impl Handler for BufferingHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.buffer.push(record.keep());
        if self.buffer.len() >= self.capacity {
            self.empty(cx);
        }
        Ok(())
    }

    fn batch_end(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.empty(cx);
        Ok(())
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.empty(cx);
        Ok(())
    }

    fn held(&self) -> u64 {
        self.buffer.len() as u64
    }
}

impl std::fmt::Debug for BufferingHandler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BufferingHandler")
            .field("capacity", &self.capacity)
            .field("held", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
