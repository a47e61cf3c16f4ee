//! Handlers that keep records for later.

use super::{Books, Context, Handler, HandlerRef};
use crate::error::Error;
use crate::level::Level;
use crate::record::{LogRecord, OwnedRecord};
use std::time::Duration;

/// How long the last records of a handler that nobody closed may take to their target.
const LAST_PATIENCE: Duration = Duration::from_secs(1);

/// Keeps records until its buffer is full or one is important, then gives all of them to its
/// target: Python's `MemoryHandler`.
///
/// The target's filters and formatter apply, its level does not. Without a target the records stay,
/// without a limit, until one is set and the buffer is flushed again. Closing drops the target. What
/// is kept when the last reference goes is given to the target first, which Python does at its exit
/// alone.
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

    fn take_back(&mut self, mut records: Vec<OwnedRecord>) -> bool {
        records.append(&mut self.buffer);
        self.buffer = records;
        true
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.target.iter().cloned().collect()
    }

    fn flush_on_close(&self) -> bool {
        self.flush_on_close
    }
}

impl Drop for MemoryHandler {
    /// As a close, if none came before: the last reference went when no runtime had the handler.
    fn drop(&mut self) {
        if self.flush_on_close
            && !self.buffer.is_empty()
            && let Some(target) = self.target.take()
        {
            let records = std::mem::take(&mut self.buffer);
            let done = target.handle_all(&records, false, LAST_PATIENCE);
            // Nobody is left to be told of what fails; the target's books have it, but for what
            // never got there.
            if done.is_err_and(|error| error.is_on_drain()) {
                let lost = records.len() as u64;
                Books::add(&target.books().offered, lost);
                Books::add(&target.books().failed, lost);
            }
        }
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

impl Drop for BufferingHandler {
    /// As a close, if none came before.
    fn drop(&mut self) {
        self.empty(&mut Context::detached());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::NameFilter;
    use crate::handler::CaptureHandler;
    use crate::record::sample::Sample;

    const SECOND: Duration = Duration::from_secs(1);

    fn log(handler: &HandlerRef, logger: &str, level: Level, message: &str) {
        let sample =
            Sample { logger: logger.into(), level, message: message.into(), ..Sample::default() };
        handler.handle(&sample.keep(), true, SECOND).unwrap();
    }

    #[test]
    fn what_is_kept_when_the_last_reference_goes_is_given_on() {
        let capture = CaptureHandler::new();
        let records = capture.records();
        let target = HandlerRef::new(capture);
        for (flush, found) in [(false, 0), (true, 1)] {
            let memory = MemoryHandler::new(9).with_flush_on_close(flush);
            let memory = HandlerRef::new(memory.with_target(target.clone()));
            log(&memory, "a", Level::INFO, "kept");
            assert_eq!(records.len(), 0);
            drop(memory);
            assert_eq!(records.len(), found);
        }
        let given = crate::sync::Arc::new(crate::sync::AtomicUsize::new(0));
        let counted = given.clone();
        let digest = HandlerRef::new(BufferingHandler::new(9, move |records| {
            counted.fetch_add(records.len(), crate::sync::Ordering::Relaxed);
            Ok(())
        }));
        log(&digest, "a", Level::INFO, "kept");
        drop(digest);
        assert_eq!(given.load(crate::sync::Ordering::Relaxed), 1);
    }

    #[test]
    fn capacity_and_level_cause_a_flush_and_the_targets_level_does_not_count() {
        let capture = CaptureHandler::new();
        let records = capture.records();
        let target = HandlerRef::new(capture).with_level(Level::CRITICAL);
        target.add_filter(NameFilter::new("a"));
        let handler = HandlerRef::new(MemoryHandler::new(3).with_target(target.clone()));
        log(&handler, "a", Level::INFO, "1");
        log(&handler, "b", Level::INFO, "2");
        assert_eq!(records.len(), 0);
        log(&handler, "a.x", Level::INFO, "3");
        assert_eq!(records.messages(), ["1", "3"]);
        log(&handler, "a", Level::ERROR, "4");
        assert_eq!(records.messages(), ["1", "3", "4"]);
        let stats = target.stats();
        assert_eq!((stats.offered, stats.filtered, stats.delivered), (4, 1, 3));
    }

    #[test]
    fn without_a_target_records_stay_until_one_is_set() {
        let handler = HandlerRef::new(MemoryHandler::new(2));
        for n in 0..5 {
            log(&handler, "a", Level::ERROR, &n.to_string());
        }
        assert_eq!(handler.stats().held, 5);
        let capture = CaptureHandler::new();
        let records = capture.records();
        MemoryHandler::set_target(&handler, Some(capture.into()), SECOND).unwrap();
        assert!(records.is_empty());
        log(&handler, "a", Level::INFO, "5");
        assert_eq!(records.messages(), ["0", "1", "2", "3", "4", "5"]);
        MemoryHandler::set_target(&handler, None, SECOND).unwrap();
        assert!(handler.targets().is_empty());
        log(&handler, "a", Level::ERROR, "6");
        assert_eq!((records.len(), handler.stats().held), (6, 1));
    }

    #[test]
    fn flush_on_close_off_drops_what_is_kept_and_counts_it() {
        for flush in [false, true] {
            let capture = CaptureHandler::new();
            let records = capture.records();
            let memory = MemoryHandler::new(9).with_target(capture).with_flush_on_close(flush);
            let handler = HandlerRef::new(memory);
            log(&handler, "a", Level::INFO, "1");
            handler.close(SECOND).unwrap();
            let stats = handler.stats();
            assert_eq!(records.len() as u64, stats.delivered);
            assert_eq!((stats.delivered, stats.shed), if flush { (1, 0) } else { (0, 1) });
        }
    }

    #[test]
    fn memory_handlers_may_be_chained() {
        let capture = CaptureHandler::new();
        let records = capture.records();
        let never = Level::new(i32::MAX);
        let inner = MemoryHandler::new(4).with_target(capture).with_flush_level(never);
        let outer = MemoryHandler::new(2).with_target(inner).with_flush_level(never);
        let handler = HandlerRef::new(outer);
        for n in 0..3 {
            log(&handler, "a", Level::INFO, &n.to_string());
        }
        assert_eq!(records.len(), 0);
        log(&handler, "a", Level::INFO, "3");
        assert_eq!(records.messages(), ["0", "1", "2", "3"]);
    }

    #[test]
    fn a_buffer_whose_flush_fails_or_panics_loses_counted_records_once() {
        let mut call = 0;
        let handler = HandlerRef::new(BufferingHandler::new(2, move |_| {
            call += 1;
            match call {
                1 => Err(Error::other("no")),
                2 => panic!("never"),
                _ => Ok(()),
            }
        }));
        let mut errors = 0;
        for _ in 0..6 {
            errors += u32::from(handler.handle(&Sample::default().keep(), true, SECOND).is_err());
        }
        let stats = handler.stats();
        assert_eq!((errors, stats.failed, stats.delivered, stats.held), (2, 4, 2, 0));
    }
}
