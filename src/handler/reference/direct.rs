//! Delivery without a logger: Python's `Handler.handle`, `flush` and `close`.
//!
//! A handler that a runtime has is used at its home, between two records. One that no runtime has
//! yet (the handlers of a [`QueueListener`](crate::QueueListener) in a process of its own) is used
//! where it waits, on the calling thread.

use super::HandlerRef;
use crate::error::{Error, ErrorKind};
use crate::filter::Verdict;
use crate::format::Format;
use crate::handler::worker::panic_text;
use crate::handler::{Books, Context, Delivery, Handler, LineCache};
use crate::record::{LogRecord, OwnedRecord};
use crate::sync::{Ordering, Weak, lock};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// How many deliveries one record may cause by being forwarded, lest a circle of handlers that
/// forward to each other never end.
const FORWARDS: usize = 100_000;

impl HandlerRef {
    /// Delivers a record through this handler: its level if `check_level`, its filters, `emit`.
    ///
    /// At its home if a runtime has the handler, waiting for that at most until `timeout`; else on
    /// this thread, and what the handler buffers is written before this returns.
    ///
    /// # Errors
    ///
    /// Without a home: what filters, formatter or handler said; the record counts as failed. With
    /// one those go to the runtime's error hook, and the errors here are [`Error::is_timeout`] and
    /// [`Error::is_on_drain`].
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::{CaptureHandler, HandlerRef, Level, Runtime};
    /// use std::time::Duration;
    ///
    /// let runtime = Runtime::builder().capture().build()?;
    /// runtime.scope(|| sawmill::warning!("kept"));
    /// let record = &runtime.records()[0];
    ///
    /// let capture = CaptureHandler::new();
    /// let records = capture.records();
    /// let handler = HandlerRef::new(capture).with_level(Level::ERROR);
    /// handler.handle(record, false, Duration::from_secs(1))?;
    /// handler.handle(record, true, Duration::from_secs(1))?;
    /// assert_eq!(records.messages(), ["kept"]);
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn handle(
        &self,
        record: &OwnedRecord,
        check_level: bool,
        timeout: Duration,
    ) -> Result<(), Error> {
        self.handle_all(std::slice::from_ref(record), check_level, timeout)
    }

    pub(crate) fn handle_all(
        &self,
        records: &[OwnedRecord],
        check_level: bool,
        timeout: Duration,
    ) -> Result<(), Error> {
        let home = lock(&self.cell.home).as_ref().and_then(Weak::upgrade);
        if let Some(home) = home {
            let this = self.clone();
            let records = records.to_vec();
            let forward = move |_: &mut dyn Handler, cx: &mut Context<'_>| {
                for record in records {
                    cx.forward(&this, record, check_level);
                }
            };
            return home.with_handler(self.id(), timeout, Box::new(forward));
        }
        let deadline = Instant::now() + timeout;
        let mut errors = Vec::new();
        let mut queue: VecDeque<(HandlerRef, OwnedRecord, bool)> =
            records.iter().map(|record| (self.clone(), record.clone(), check_level)).collect();
        let mut used: Vec<HandlerRef> = vec![self.clone()];
        let mut deliveries = 0;
        while let Some((target, record, check_level)) = queue.pop_front() {
            deliveries += 1;
            if deliveries > FORWARDS + records.len() {
                errors.push(Error::other("handlers forward to each other in a circle"));
                break;
            }
            let mut delivery = Delivery::default();
            target.deliver_here(&record, check_level, deadline, &mut delivery);
            errors.append(&mut delivery.errors);
            // Depth first: a target's own forwards come before the next record, as in Python.
            for forward in delivery.forwards.into_iter().rev() {
                if !used.contains(&forward.target) {
                    used.push(forward.target.clone());
                }
                queue.push_front((forward.target, forward.record, forward.check_level));
            }
        }
        for handler in used {
            errors.extend(handler.call_here(deadline, |h, cx| h.batch_end(cx)).err());
        }
        first(errors)
    }

    /// Opens what the handler was told to open later.
    #[cfg(feature = "config")]
    pub(crate) fn open(&self, timeout: Duration) -> Result<(), Error> {
        self.call(timeout, |handler, cx| handler.open(cx))
    }

    /// Hands everything that the handler holds to its destination.
    ///
    /// # Errors
    ///
    /// What the handler says; [`Error::is_timeout`] if it was not done in time.
    pub fn flush(&self, timeout: Duration) -> Result<(), Error> {
        self.call(timeout, |handler, cx| handler.flush(cx))
    }

    /// Flushes and closes the handler: files and threads are released, its name no longer leads
    /// to it. A record that follows may open them again.
    ///
    /// # Errors
    ///
    /// What the handler says; [`Error::is_timeout`] if it was not done in time.
    pub fn close(&self, timeout: Duration) -> Result<(), Error> {
        self.unlist();
        self.call(timeout, |handler, cx| {
            let flushed = if handler.flush_on_close() { handler.flush(cx) } else { Ok(()) };
            let closed = handler.close(cx);
            flushed.and(closed)
        })
    }

    fn call(
        &self,
        timeout: Duration,
        f: impl Fn(&mut dyn Handler, &mut Context<'_>) -> Result<(), Error> + Send + 'static,
    ) -> Result<(), Error> {
        let home = lock(&self.cell.home).as_ref().and_then(Weak::upgrade);
        let Some(home) = home else {
            return self.call_here(Instant::now() + timeout, f);
        };
        let answer = crate::sync::Arc::new(crate::sync::Mutex::new(Ok(())));
        let slot = answer.clone();
        home.with_handler(
            self.id(),
            timeout,
            Box::new(move |handler, cx| *lock(&slot) = f(handler, cx)),
        )?;
        std::mem::replace(&mut *lock(&answer), Ok(()))
    }

    /// Calls the waiting handler, with its formatter, and books what it tells.
    fn call_here<R>(
        &self,
        deadline: Instant,
        f: impl FnOnce(&mut dyn Handler, &mut Context<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let mut delivery = Delivery::default();
        let result = self.use_here(deadline, &mut delivery, f);
        let mut errors = delivery.errors;
        for forward in delivery.forwards {
            let left = deadline.saturating_duration_since(Instant::now());
            errors.extend(
                forward.target.handle_all(&[forward.record], forward.check_level, left).err(),
            );
        }
        let value = result?;
        first(errors).map(|()| value)
    }

    fn use_here<R>(
        &self,
        deadline: Instant,
        delivery: &mut Delivery,
        f: impl FnOnce(&mut dyn Handler, &mut Context<'_>) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let away = |what: &str| {
            Error::new(ErrorKind::Closed, format!("{what} of {self:?} is in use by a runtime"))
        };
        let formatter = self.settings().formatter;
        let mut cache = LineCache::default();
        let now_ns = Context::detached().now_ns();
        let work = |format: Option<(u64, &dyn Format)>| {
            let mut told = Delivery::default();
            let result = self.seat().with_waiting(|handler| {
                let mut cx = Context::new(format, 0, &mut cache, now_ns, &mut told).until(deadline);
                let result = catch_unwind(AssertUnwindSafe(|| f(handler, &mut cx))).unwrap_or_else(
                    |panic| Err(Error::other(format!("panicked: {}", panic_text(&*panic)))),
                );
                drop(cx);
                self.books().held.store(handler.held(), Ordering::Relaxed);
                result
            });
            (result.unwrap_or_else(|| Err(away("the seat"))), told)
        };
        let (result, told) = match &formatter {
            None => work(None),
            Some(formatter) => {
                let id = formatter.seat().id();
                let done = formatter.seat().with_waiting(|format| work(Some((id, &*format))));
                done.unwrap_or_else(|| (Err(away("the formatter")), Delivery::default()))
            }
        };
        let books = self.books();
        Books::add(&books.lost_later, told.lost);
        Books::add(&books.shed, told.shed);
        delivery.errors.extend(told.errors);
        delivery.forwards.extend(told.forwards);
        result
    }

    fn deliver_here(
        &self,
        record: &OwnedRecord,
        check_level: bool,
        deadline: Instant,
        delivery: &mut Delivery,
    ) {
        let settings = self.settings();
        let books = self.books();
        Books::add(&books.offered, 1);
        let mut replaced: OwnedRecord;
        let mut view = record.view();
        if check_level && !view.level().is_at_least(settings.level) {
            return Books::add(&books.below_level, 1);
        }
        let mut notices = Vec::new();
        for filter in &settings.filters {
            let verdict = filter.seat().with_waiting(|filter| {
                catch_unwind(AssertUnwindSafe(|| {
                    let verdict = filter.filter(&mut view);
                    if matches!(verdict, Verdict::Pass | Verdict::Replace(_)) {
                        let now_ns = view.time_ns();
                        notices.extend(std::iter::from_fn(|| filter.notice(now_ns, false)));
                    }
                    verdict
                }))
            });
            match verdict {
                Some(Ok(Verdict::Pass)) => {}
                Some(Ok(Verdict::Refuse | Verdict::Withhold)) => {
                    return Books::add(&books.filtered, 1);
                }
                Some(Ok(Verdict::Replace(other))) => {
                    replaced = other;
                    view = replaced.view();
                }
                Some(Ok(Verdict::Fail(error))) => {
                    Books::add(&books.failed, 1);
                    return delivery.errors.push(error);
                }
                Some(Err(panic)) => {
                    Books::add(&books.failed, 1);
                    let text = format!("a filter panicked: {}", panic_text(&*panic));
                    return delivery.errors.push(Error::other(text));
                }
                None => {
                    Books::add(&books.failed, 1);
                    let text = format!("a filter of {self:?} is in use by a runtime");
                    return delivery.errors.push(Error::new(ErrorKind::Closed, text));
                }
            }
        }
        for notice in notices {
            Books::add(&books.offered, 1);
            self.emit_here(&notice.view(), deadline, delivery);
        }
        self.emit_here(&view, deadline, delivery);
    }

    fn emit_here(&self, record: &LogRecord<'_>, deadline: Instant, delivery: &mut Delivery) {
        let result = self.use_here(deadline, delivery, |handler, cx| handler.emit(record, cx));
        let books = self.books();
        match result {
            Ok(()) => Books::add(&books.accepted, 1),
            Err(error) => {
                Books::add(&books.failed, 1);
                delivery.errors.push(error);
            }
        }
    }
}

fn first(errors: Vec<Error>) -> Result<(), Error> {
    errors.into_iter().next().map_or(Ok(()), Err)
}
