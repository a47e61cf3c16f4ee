//! Handlers that write lines to a stream.
//!
//! A console, a pipe or a socket may stall for as long as its reader likes, so by default a worker
//! writes, behind a bounded queue of batches. Standard output and error are written by descriptor:
//! the standard library's lock on stdout may be held by the very thread that is about to exit.

mod lines;
mod sink;

pub use sink::Stream;

use super::worker::{Job, Losses, Refused, Work, Worker, panic_text};
use super::{Context, Handler};
use crate::error::{Error, ErrorKind};
use crate::level::Level;
use crate::record::{LogRecord, Notice, OwnedRecord, ValueBuf};
use lines::Lines;
use sink::{Patience, Writing};
use std::fmt;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

/// A batch is handed to the worker when it has this size, or when the rings ran dry.
const BATCH_BYTES: usize = 32 << 10;
/// Batches that may wait for the worker; what comes then gathers on the handler's side.
const PLACES: usize = 64;

/// Writes lines to standard output, standard error or another stream: Python's `StreamHandler`.
///
/// By default a worker thread of the handler's own writes (it starts with the first record), so
/// that a reader that stalls holds up neither the callers nor the other handlers. What waits for
/// the reader is bounded; beyond that, records are shed and counted, and a line in their place
/// says how many once the reader reads again. A stream without a reader (a closed pipe) loses its
/// records: counted, reported once, tried again with each batch. With [`sync`](Self::sync), and
/// where the stream is a regular file, which has no reader to wait for, the drain writes instead.
///
/// | step | default |
/// |---|---|
/// | [`with_terminator`](Self::with_terminator) | `"\n"` |
/// | [`with_queue_bytes`](Self::with_queue_bytes) | 4 MiB |
/// | [`sync`](Self::sync) | a worker writes |
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerExt, Level, StreamHandler};
///
/// let errors = StreamHandler::stderr().with_level(Level::ERROR);
/// # let _ = errors;
/// ```
pub struct StreamHandler {
    worker: Worker<Writing>,
    /// The drain writes, not the worker, because it was asked for.
    sync: bool,
    /// The drain writes, for either reason; known once the first record comes.
    direct: Option<bool>,
    terminator: Vec<u8>,
    queue_bytes: usize,
    pending: Lines,
    name: String,
    /// Of a standard stream.
    number: Option<i32>,
    books: Tally,
    gap: Option<Gap>,
    /// The error of the drain's last write, which is told once.
    last_cause: Option<String>,
}

/// Counts since the handler was made; `held` follows from them.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    /// Told as lost or shed.
    told: u64,
    /// Written by the drain itself.
    delivered: std::cell::Cell<u64>,
}

/// Records that were shed and are not told of in the stream yet.
#[derive(Debug)]
struct Gap {
    records: u64,
    first: OwnedRecord,
}

impl StreamHandler {
    /// Writes to a stream.
    #[must_use]
    pub fn new(stream: impl Into<Stream>) -> Self {
        let stream = stream.into();
        let (name, number) = (stream.name(), stream.number());
        let thread = format!("sawmill-{}", name.replace(' ', ""));
        Self {
            worker: Worker::new(thread, PLACES, Writing::new(stream)),
            sync: false,
            direct: None,
            terminator: b"\n".to_vec(),
            queue_bytes: 4 << 20,
            pending: Lines::default(),
            name,
            number,
            books: Tally::default(),
            gap: None,
            last_cause: None,
        }
    }

    /// Writes to standard output.
    #[must_use]
    pub fn stdout() -> Self {
        Self::new(Stream::stdout())
    }

    /// Writes to standard error.
    #[must_use]
    pub fn stderr() -> Self {
        Self::new(Stream::stderr())
    }

    /// Sets what ends each line.
    #[must_use]
    pub fn with_terminator(mut self, terminator: impl Into<Vec<u8>>) -> Self {
        self.terminator = terminator.into();
        if let Some(work) = self.worker.at_home() {
            work.terminator.clone_from(&self.terminator);
        }
        self
    }

    /// Sets how many bytes may wait for a reader that does not read; one line always may.
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// Lets the drain write, without a worker, as suits command-line tools: a slow reader slows
    /// the program down, as `println!` would, and nothing is shed.
    ///
    /// Waits for the reader without a limit, except at a flush and at the end.
    #[must_use]
    pub fn sync(mut self) -> Self {
        self.sync = true;
        self
    }

    fn is_direct(&mut self) -> bool {
        let Self { direct, sync, worker, .. } = self;
        *direct
            .get_or_insert_with(|| *sync || worker.at_home().is_some_and(|work| work.never_waits()))
    }

    /// `stdout`, `stderr`, `fd N` or `writer`.
    pub fn stream_name(&self) -> &str {
        &self.name
    }

    /// Writes to another stream from now on, after a flush of the old one; returns the old one,
    /// or `None` if it is the same standard stream.
    ///
    /// To be called at the handler's home, with
    /// [`HandlerRef::with_context`](crate::HandlerRef::with_context).
    ///
    /// # Errors
    ///
    /// If the old stream did not take its lines before the context's deadline. They are lost then,
    /// and the new stream is in use all the same.
    pub fn set_stream(
        &mut self,
        stream: impl Into<Stream>,
        cx: &mut Context<'_>,
    ) -> Result<Option<Stream>, Error> {
        let stream = stream.into();
        if self.name != "writer" && self.name == stream.name() {
            return Ok(None);
        }
        let flushed = self.flush(cx);
        self.end_worker(cx);
        self.name = stream.name();
        let mut writing = Writing::new(stream);
        writing.terminator.clone_from(&self.terminator);
        self.direct = None;
        let old = self.worker.replace(writing).map(|writing| writing.stream);
        flushed.map(|()| old)
    }

    fn gather(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let line = self.pending.begin();
        cx.format_into(record, line)?;
        line.extend_from_slice(&self.terminator);
        if self.pending.begun() == 0 {
            // Nothing to write, so nothing to wait for.
            return Ok(());
        }
        let waiting = self.worker.bytes() + self.pending.len();
        let full = waiting != 0 && waiting + self.pending.begun() > self.queue_bytes;
        if full && !self.is_direct() {
            self.shed(record, cx);
            return Ok(());
        }
        self.pending.end_record();
        self.books.accepted += 1;
        Ok(())
    }

    #[cold]
    fn shed(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) {
        let gap = self.gap.get_or_insert_with(|| Gap { records: 0, first: record.keep() });
        gap.records += 1;
        cx.shed(1);
    }

    /// Once shedding has begun it lasts until half of the queue is free, lest every other line be
    /// about a gap.
    fn is_crowded(&self) -> bool {
        let waiting = self.worker.bytes() + self.pending.len();
        self.gap.is_some() && waiting > self.queue_bytes / 2
    }

    /// Puts a line about the gap in the place of the records that were shed.
    fn tell_gap(&mut self, cx: &mut Context<'_>) {
        if self.is_crowded() {
            return;
        }
        let Some(Gap { records, first }) = self.gap.take() else { return };
        let what = if records == 1 { "record was" } else { "records were" };
        let notice = Notice::new(
            Level::WARNING,
            format!("{records} {what} dropped: the reader of {} was too slow", self.name),
        )
        .logger("sawmill")
        .time_ns(cx.now_ns())
        .field("dropped", ValueBuf::of(&records));
        let notice = first.view().beside(&notice);
        let line = self.pending.begin();
        match cx.format_into(&notice.view(), line) {
            Ok(()) => {
                line.extend_from_slice(&self.terminator);
                self.pending.end_notice();
            }
            // The counts stand in the books all the same.
            Err(error) => cx.report(error),
        }
    }

    /// Hands what is gathered to the worker, or writes it, waiting until the deadline if one is
    /// given.
    ///
    /// # Errors
    ///
    /// If the deadline passed; what is left stays.
    fn pass_on(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        if self.is_direct() {
            return self.write_here(cx, deadline);
        }
        let mut next = self.worker.spare().unwrap_or_default();
        next.clear();
        match self.worker.offer(std::mem::replace(&mut self.pending, next)) {
            Ok(()) => Ok(()),
            // It goes on gathering, up to the limit.
            Err(Refused::Full(job)) => {
                self.pending = job;
                Ok(())
            }
            Err(Refused::Dead(job, error)) => {
                self.pending = job;
                cx.report(error);
                if self.worker.at_home().is_some() {
                    // No thread to be had: better late than not at all.
                    return self.write_here(cx, deadline);
                }
                let lost = self.pending.left();
                self.pending.clear();
                self.books.told += lost;
                cx.lost_more(lost);
                Ok(())
            }
        }
    }

    fn write_here(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Result<(), Error> {
        let Some(work) = self.worker.at_home() else { return Ok(()) };
        let here = Here { deadline, delivered: &self.books.delivered };
        let pending = &mut self.pending;
        // A user's writer may panic; what it took and what not is in the lines' own count.
        let result = catch_unwind(AssertUnwindSafe(|| work.write(pending, &here)));
        let result = result.unwrap_or_else(|panic| {
            work.restart();
            Err(Error::other(format!("the writer panicked: {}", panic_text(&*panic))))
        });
        match result {
            Err(error) if error.is_timeout() => return Err(error),
            Err(error) => {
                let lost = self.pending.left();
                self.books.told += lost;
                let text = error.to_string();
                if self.last_cause.as_ref() == Some(&text) {
                    cx.lost_more(lost);
                } else {
                    self.last_cause = Some(text);
                    cx.lost(lost, error);
                }
            }
            Ok(()) => self.last_cause = None,
        }
        self.pending.clear();
        Ok(())
    }

    /// Tells the home what the worker lost.
    fn collect(&mut self, cx: &mut Context<'_>) {
        let Losses { records, causes } = self.worker.losses();
        self.books.told += records;
        cx.lost_more(records);
        causes.into_iter().for_each(|cause| cx.report(cause));
    }

    fn end_worker(&mut self, cx: &mut Context<'_>) {
        let deadline = Instant::now() + cx.remaining();
        let ended = self.worker.end(deadline);
        self.collect(cx);
        // What a worker that hangs has in its hands, and what found no place in the queue.
        let left = self.held();
        self.pending.clear();
        if left != 0 {
            self.books.told += left;
            let why = if ended { "did not take them in time" } else { "hangs" };
            let text = format!("{left} records are lost: {} {why}", self.name);
            cx.lost(left, Error::new(ErrorKind::Timeout, text));
        }
    }

    fn flush_until(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Result<(), Error> {
        loop {
            self.tell_gap(cx);
            self.pass_on(cx, Some(deadline))?;
            let done = self.worker.wait(deadline);
            self.collect(cx);
            if !done {
                let text = format!("{} did not take everything in time", self.name);
                return Err(Error::new(ErrorKind::Timeout, text));
            }
            if self.pending.is_empty() && self.gap.is_none() {
                return Ok(());
            }
        }
    }
}

/// The drain's own patience while it writes.
struct Here<'a> {
    deadline: Option<Instant>,
    delivered: &'a std::cell::Cell<u64>,
}

impl Patience for Here<'_> {
    fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }
    fn delivered(&self, records: u64) {
        self.delivered.set(self.delivered.get() + records);
    }
}

impl Handler for StreamHandler {
    fn begin_in_child(&mut self) {
        let work = self.number.map(|number| {
            let mut work = Writing::new(Stream::again(number));
            work.terminator.clone_from(&self.terminator);
            work
        });
        self.worker.begin_in_child(work);
        // What waits is the parent's to write.
        self.pending = Lines::default();
        self.books = Tally::default();
        self.gap = None;
    }

    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.gap.is_some() {
            if self.is_crowded() {
                self.shed(record, cx);
                return Ok(());
            }
            self.tell_gap(cx);
        }
        self.gather(record, cx)?;
        if self.pending.len() >= BATCH_BYTES {
            self.pass_on(cx, None)?;
        }
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.collect(cx);
        self.tell_gap(cx);
        self.pass_on(cx, None)
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let deadline = Instant::now() + cx.remaining();
        self.flush_until(cx, deadline)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let flushed = self.flush(cx);
        self.end_worker(cx);
        // The loss of what was left has been told.
        match flushed {
            Err(error) if !error.is_timeout() => Err(error),
            _ => Ok(()),
        }
    }

    fn held(&self) -> u64 {
        let delivered = self.worker.delivered() + self.books.delivered.get();
        self.books.accepted.saturating_sub(self.books.told + delivered)
    }
}

impl Drop for StreamHandler {
    fn drop(&mut self) {
        // A handler without a home to close it: what it holds still goes out, within a second.
        let mut cx = Context::detached();
        let _ = self.close(&mut cx);
    }
}

impl fmt::Debug for StreamHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamHandler")
            .field("stream", &self.name)
            .field("sync", &self.sync)
            .field("held", &self.held())
            .finish_non_exhaustive()
    }
}

/// Writes lines to any [`Write`]r; otherwise as [`StreamHandler`].
///
/// The writer's `write` is called with batches of whole lines, then its `flush`. One that panics
/// or fails loses the rest of its batch, counted, and is called again for the next.
///
/// # Examples
///
/// ```
/// use sawmill::WriterHandler;
///
/// let (reader, writer) = std::io::pipe()?;
/// let handler = WriterHandler::new(writer).with_terminator("\r\n");
/// # let _ = (reader, handler);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct WriterHandler {
    inner: StreamHandler,
}

impl WriterHandler {
    /// Writes to `writer`, on a worker.
    #[must_use]
    pub fn new(writer: impl Write + Send + 'static) -> Self {
        Self { inner: StreamHandler::new(Stream::writer(writer)) }
    }

    /// As [`StreamHandler::with_terminator`].
    #[must_use]
    pub fn with_terminator(mut self, terminator: impl Into<Vec<u8>>) -> Self {
        self.inner = self.inner.with_terminator(terminator);
        self
    }

    /// As [`StreamHandler::with_queue_bytes`].
    #[must_use]
    pub fn with_queue_bytes(mut self, bytes: usize) -> Self {
        self.inner = self.inner.with_queue_bytes(bytes);
        self
    }

    /// As [`StreamHandler::sync`]; for writers that cannot block, such as memory.
    #[must_use]
    pub fn sync(mut self) -> Self {
        self.inner = self.inner.sync();
        self
    }
}

impl Handler for WriterHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.emit(record, cx)
    }
    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.batch_end(cx)
    }
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.flush(cx)
    }
    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.inner.close(cx)
    }
    fn held(&self) -> u64 {
        self.inner.held()
    }
}

/// The handler of records for which no handler was found, as in Python: the bare message of
/// `WARNING` and above to standard error, written at once.
pub(crate) fn last_resort() -> super::HandlerRef {
    let handler = super::HandlerExt::with_level(StreamHandler::stderr().sync(), Level::WARNING)
        .with_name("last resort");
    // A name for the books, not one that users look up: theirs may be the same.
    handler.unlist();
    handler
}

#[cfg(all(test, unix))]
mod tests;
