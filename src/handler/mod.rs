//! Handlers deliver records.
//!
//! A handler lives at its home, the drain, and is used through `&mut self` without a lock. Level,
//! formatter and filters belong to the reference ([`HandlerRef`]), not to the handler itself: the
//! drain checks level, then filters, then calls [`Handler::emit`], as Python's `Handler.handle`
//! does. A handler that may block (a console, a socket) does its writing on a worker of its own,
//! so that it never stalls the others.

mod capture;
mod context;
#[cfg(test)]
pub(crate) mod contract;
mod direct;
pub(crate) mod file;
mod memory;
mod null;
mod queue;
mod socket;
mod stream;
pub(crate) mod worker;

pub use capture::{CaptureHandler, CapturedRecords};
pub use context::Context;
pub(crate) use context::{Delivery, LineCache};
pub use memory::{BufferingHandler, FlushBuffer, MemoryHandler};
pub use null::NullHandler;
pub use queue::{LogQueue, QueueHandler, QueueListener, RecordQueue};
pub use socket::SocketHandler;
pub(crate) use stream::last_resort;
pub use stream::{Stream, StreamHandler, WriterHandler};

use crate::error::Error;
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::level::Level;
use crate::record::{LogRecord, OwnedRecord};
use crate::seat::Seat;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, Weak, lock};
use std::any::Any;
use std::fmt;
use std::time::Duration;

/// A file that one handler writes to.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Place<'a> {
    pub(crate) path: &'a std::path::Path,
    /// Device and inode.
    pub(crate) id: (u64, u64),
    pub(crate) written: u64,
    /// Bytes of whole lines that are still to be written.
    pub(crate) waiting: u64,
    /// Other processes write to it as well.
    pub(crate) shared: bool,
}

/// Delivers records, on the drain.
///
/// # The contract
///
/// * `emit` gets each record once, already past level and filters. `Ok` means that the handler has
///   it: written, or held to be written by a later [`batch_end`](Self::batch_end) or
///   [`flush`](Self::flush). What it still holds it tells with [`held`](Self::held).
/// * A record that it held and then could not deliver it reports with [`Context::lost`].
/// * An `Err` or a panic counts the record as failed and is reported once per cause; the handler
///   is called again for the next record.
/// * `batch_end` comes when the rings ran dry: write what is buffered.
/// * `tick` comes now and then, also when nothing is logged.
/// * `flush` returns when everything held has been handed to the operating system.
/// * `close` comes last, after a `flush`; a record may still follow and may reopen (as Python's
///   `FileHandler` does).
/// * It never waits without a bound.
///
/// # Examples
///
/// ```
/// use sawmill::{Context, Error, Handler, LogRecord};
///
/// #[derive(Default)]
/// struct Lines(Vec<String>);
///
/// impl Handler for Lines {
///     fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
///         self.0.push(String::from_utf8_lossy(cx.formatted(record)?).into_owned());
///         Ok(())
///     }
/// }
/// ```
pub trait Handler: Send + Any {
    /// Where what the handler writes can be found again and cut back, for lanes that outlive the
    /// process. With `fresh` the system is asked how long the file is.
    #[doc(hidden)]
    fn place(&mut self, fresh: bool) -> Option<Place<'_>> {
        let _ = fresh;
        None
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// The record counts as failed.
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error>;

    /// The rings ran dry, or the batch is large: writes what is buffered.
    ///
    /// # Errors
    ///
    /// Reported; records that are lost by it must be told to [`Context::lost`].
    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Hands everything held to its destination, waiting at most until [`Context::remaining`].
    ///
    /// # Errors
    ///
    /// Reported, and part of the flush's report.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.batch_end(cx)
    }

    /// Releases what the handler holds of the system: files, threads.
    ///
    /// # Errors
    ///
    /// Reported.
    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Numbers the next write to a file of several processes, for whoever recovers the run.
    #[doc(hidden)]
    fn set_batch(&mut self, owner: u64, number: u64) {
        let _ = (owner, number);
    }

    /// How long the file of [`place`](Self::place) really is.
    #[doc(hidden)]
    fn length(&mut self) -> Option<u64> {
        None
    }

    /// The process is a forked child: threads of the handler's own are not there any more.
    #[doc(hidden)]
    fn begin_in_child(&mut self) {}

    /// Opens what the handler was told to open later: called once the configuration that made
    /// the handler is in force. Most handlers have nothing to do here.
    ///
    /// # Errors
    ///
    /// Reported; the next record tries again.
    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Comes about four times a second, also when nothing is logged; once a second at the least if
    /// the drain parks. For what is due by the clock: a look at a file, a sync.
    ///
    /// # Errors
    ///
    /// Reported.
    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// How many records were accepted and are not at their destination yet.
    fn held(&self) -> u64 {
        0
    }

    /// Takes back all records of one flush, the delivered ones too, because a filter of their way
    /// failed and the runtime treats that as Python does: the flush ends there. Returns whether
    /// the failure goes on to whoever caused the flush.
    fn take_back(&mut self, records: Vec<OwnedRecord>) -> bool {
        drop(records);
        false
    }

    /// The handlers that this one forwards to; they must find a home even if no logger names them.
    fn targets(&self) -> Vec<HandlerRef> {
        Vec::new()
    }

    /// Whether `flush` comes before `close`; Python's `MemoryHandler` may say no.
    fn flush_on_close(&self) -> bool {
        true
    }

    /// What [`Context::formatted`] uses if the reference has no formatter. `None`: the message
    /// alone, then exception and stack text, as in Python.
    fn default_formatter(&self) -> Option<FormatterRef> {
        None
    }

    /// Whether the formatted line goes on as the message of a record, to be formatted again
    /// elsewhere. Builders give such a handler no formatter by default.
    fn passes_on(&self) -> bool {
        false
    }

    /// The class name, for reports and `sawmill check`.
    fn kind(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.rsplit("::").next().unwrap_or(name)
    }
}

/// What the books know of one handler; every count only grows.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) offered: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) below_level: AtomicU64,
    pub(crate) filtered: AtomicU64,
    /// Told with [`Context::shed`]; each was accepted before, or in the same call.
    pub(crate) shed: AtomicU64,
    pub(crate) failed: AtomicU64,
    /// Told with [`Context::lost`] after having been accepted.
    pub(crate) lost_later: AtomicU64,
    pub(crate) held: AtomicU64,
}

/// A handler's account of the records offered to it.
///
/// `offered = delivered + below_level + filtered + shed + failed + held`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HandlerStats {
    /// Records that a route led here.
    pub offered: u64,
    /// Records handed to their destination.
    pub delivered: u64,
    /// Records below the handler's level.
    pub below_level: u64,
    /// Records that its filters refused.
    pub filtered: u64,
    /// Records dropped because its own queue was full.
    pub shed: u64,
    /// Records lost to an error or a panic.
    pub failed: u64,
    /// Records accepted and not yet at their destination.
    pub held: u64,
}

impl Books {
    pub(crate) fn stats(&self) -> HandlerStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (accepted, later, held) = (get(&self.accepted), get(&self.lost_later), get(&self.held));
        let shed = get(&self.shed);
        HandlerStats {
            offered: get(&self.offered),
            delivered: accepted.saturating_sub(later + held + shed),
            below_level: get(&self.below_level),
            filtered: get(&self.filtered),
            shed,
            failed: get(&self.failed) + later,
            held,
        }
    }

    /// Adds to a count that only the handler's home writes.
    pub(crate) fn add(count: &AtomicU64, n: u64) {
        count.store(count.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
}

/// What a handler's reference carries besides the handler.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) level: Level,
    pub(crate) formatter: Option<FormatterRef>,
    pub(crate) filters: Vec<FilterRef>,
    /// The name does not lead here any more: the handler was closed.
    pub(crate) unlisted: bool,
}

/// The runtime that a handler has its home in, as far as its references need to know.
pub(crate) trait Home: Send + Sync {
    /// Settings changed: a new generation is to be made.
    fn settings_changed(&self);
    /// Runs `f` on the handler between two records.
    #[allow(clippy::type_complexity)]
    fn with_handler(
        &self,
        handler: u64,
        timeout: Duration,
        f: Box<dyn FnOnce(&mut dyn Handler, &mut Context<'_>) + Send>,
    ) -> Result<(), Error>;
}

/// A shared reference to a handler, compared by identity: what loggers hold, and the user.
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerRef, Level, NullHandler};
///
/// let handler = HandlerRef::new(NullHandler::new()).with_level(Level::ERROR);
/// assert_eq!(handler.level(), Level::ERROR);
/// assert_eq!(handler, handler.clone());
/// ```
#[derive(Clone)]
pub struct HandlerRef {
    cell: Arc<Cell>,
}

struct Cell {
    seat: Seat<dyn Handler>,
    kind: &'static str,
    passes_on: bool,
    targets: Mutex<Vec<HandlerRef>>,
    settings: Mutex<Settings>,
    books: Books,
    home: Mutex<Option<Weak<dyn Home>>>,
}

impl HandlerRef {
    /// Makes a reference to a handler, at level `NOTSET`, without formatter and filters.
    pub fn new(handler: impl Handler) -> Self {
        Self::from_box(Box::new(handler))
    }

    pub(crate) fn from_box(handler: Box<dyn Handler>) -> Self {
        let kind = handler.kind();
        let passes_on = handler.passes_on();
        let targets = handler.targets();
        let settings = Settings { formatter: handler.default_formatter(), ..Settings::default() };
        Self {
            cell: Arc::new(Cell {
                seat: Seat::new(handler),
                kind,
                passes_on,
                targets: Mutex::new(targets),
                settings: Mutex::new(settings),
                books: Books::default(),
                home: Mutex::new(None),
            }),
        }
    }

    pub(crate) fn id(&self) -> u64 {
        self.cell.seat.id()
    }

    pub(crate) fn seat(&self) -> &Seat<dyn Handler> {
        &self.cell.seat
    }

    pub(crate) fn books(&self) -> &Books {
        &self.cell.books
    }

    pub(crate) fn settings(&self) -> Settings {
        lock(&self.cell.settings).clone()
    }

    pub(crate) fn passes_on(&self) -> bool {
        self.cell.passes_on
    }

    pub(crate) fn targets(&self) -> Vec<HandlerRef> {
        lock(&self.cell.targets).clone()
    }

    /// Notes that the handler forwards elsewhere from now on.
    pub(crate) fn set_targets(&self, targets: Vec<HandlerRef>) {
        *lock(&self.cell.targets) = targets;
        self.changed();
    }

    /// Notes the runtime that has the handler; fails if another one has it.
    pub(crate) fn settle(&self, home: &Weak<dyn Home>) -> Result<(), Error> {
        let mut slot = lock(&self.cell.home);
        match &*slot {
            Some(known) if known.strong_count() > 0 && !known.ptr_eq(home) => Err(Error::new(
                crate::error::ErrorKind::Already,
                format!("handler {self:?} belongs to another runtime already"),
            )),
            _ => {
                *slot = Some(home.clone());
                Ok(())
            }
        }
    }

    /// How many references there are, this one included.
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.cell)
    }

    /// The handler goes back to its seat: a runtime may take it again.
    pub(crate) fn leave_home(&self) {
        *lock(&self.cell.home) = None;
    }

    fn changed(&self) {
        let home = lock(&self.cell.home).as_ref().and_then(Weak::upgrade);
        if let Some(home) = home {
            home.settings_changed();
        }
    }

    fn change(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut lock(&self.cell.settings));
        self.changed();
    }

    /// Sets the level and returns the reference, for building.
    #[must_use]
    pub fn with_level(self, level: Level) -> Self {
        self.set_level(level);
        self
    }

    /// Sets the formatter and returns the reference, for building.
    #[must_use]
    pub fn with_formatter(self, formatter: impl Into<FormatterRef>) -> Self {
        self.set_formatter(Some(formatter.into()));
        self
    }

    /// Adds a filter and returns the reference, for building.
    #[must_use]
    pub fn with_filter(self, filter: impl Into<FilterRef>) -> Self {
        self.add_filter(filter);
        self
    }

    /// Sets the name and returns the reference, for building.
    #[must_use]
    pub fn with_name(self, name: &str) -> Self {
        self.set_name(Some(name));
        self
    }

    /// The name, if it has one.
    pub fn name(&self) -> Option<Arc<str>> {
        lock(&self.cell.settings).name.clone()
    }

    /// The name under which its runtime finds the handler: until it is closed.
    pub(crate) fn listed_name(&self) -> Option<Arc<str>> {
        let settings = lock(&self.cell.settings);
        settings.name.clone().filter(|_| !settings.unlisted)
    }

    /// Takes the handler from the names, as Python does when a handler is closed.
    pub(crate) fn unlist(&self) {
        lock(&self.cell.settings).unlisted = true;
    }

    /// Names the handler, or takes its name away.
    pub fn set_name(&self, name: Option<&str>) {
        self.change(|settings| {
            settings.name = name.map(Into::into);
            settings.unlisted = false;
        });
    }

    /// The level; `NOTSET` lets everything through.
    pub fn level(&self) -> Level {
        lock(&self.cell.settings).level
    }

    /// Sets the level, for every record logged after this returns.
    pub fn set_level(&self, level: Level) {
        self.change(|settings| settings.level = level);
    }

    /// The formatter, if one was set.
    pub fn formatter(&self) -> Option<FormatterRef> {
        lock(&self.cell.settings).formatter.clone()
    }

    /// Sets or removes the formatter.
    pub fn set_formatter(&self, formatter: Option<FormatterRef>) {
        self.change(|settings| settings.formatter = formatter);
    }

    /// The filters, in order.
    pub fn filters(&self) -> Vec<FilterRef> {
        lock(&self.cell.settings).filters.clone()
    }

    /// Adds a filter at the end; one that is there already stays where it is.
    pub fn add_filter(&self, filter: impl Into<FilterRef>) {
        let filter = filter.into();
        self.change(|settings| {
            if !settings.filters.contains(&filter) {
                settings.filters.push(filter);
            }
        });
    }

    /// Removes a filter; nothing happens if it is not there.
    pub fn remove_filter(&self, filter: &FilterRef) {
        self.change(|settings| settings.filters.retain(|known| known != filter));
    }

    /// The class name of the handler.
    pub fn kind(&self) -> &'static str {
        self.cell.kind
    }

    /// The handler's books.
    pub fn stats(&self) -> HandlerStats {
        self.cell.books.stats()
    }

    /// Runs a closure on the handler at its home, between two records, and returns what it
    /// returns.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if the handler is not an `H`; [`Error::is_timeout`] if its home did
    /// not come to it in time; [`Error::is_on_drain`] on the drain itself.
    pub fn with<H: Handler, R: Send + 'static>(
        &self,
        timeout: Duration,
        f: impl FnOnce(&mut H) -> R + Send + 'static,
    ) -> Result<R, Error> {
        self.with_context(timeout, move |handler: &mut H, _| f(handler))
    }

    /// As [`with`](Self::with), with the context that `emit` gets.
    ///
    /// # Errors
    ///
    /// As [`with`](Self::with).
    pub fn with_context<H: Handler, R: Send + 'static>(
        &self,
        timeout: Duration,
        f: impl FnOnce(&mut H, &mut Context<'_>) -> R + Send + 'static,
    ) -> Result<R, Error> {
        let wrong = || Error::invalid(format!("{self:?} is not a {}", std::any::type_name::<H>()));
        let home = lock(&self.cell.home).as_ref().and_then(Weak::upgrade);
        let Some(home) = home else {
            let mut cx = Context::detached();
            let done = self.seat().with_waiting(|handler| {
                (handler as &mut dyn Any).downcast_mut::<H>().map(|handler| f(handler, &mut cx))
            });
            return done.flatten().ok_or_else(wrong);
        };
        let answer = Arc::new(Mutex::new(None));
        let slot = answer.clone();
        home.with_handler(
            self.id(),
            timeout,
            Box::new(move |handler, cx| {
                let handler: &mut dyn Any = handler;
                *lock(&slot) = handler.downcast_mut::<H>().map(|handler| f(handler, cx));
            }),
        )?;
        let found = lock(&answer).take();
        found.ok_or_else(wrong)
    }
}

impl<H: Handler> From<H> for HandlerRef {
    fn from(handler: H) -> Self {
        Self::new(handler)
    }
}

impl PartialEq for HandlerRef {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}
impl Eq for HandlerRef {}

impl fmt::Debug for HandlerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{}({name:?})", self.cell.kind),
            None => write!(f, "{}(#{})", self.cell.kind, self.id()),
        }
    }
}

/// The building steps of [`HandlerRef`], on a handler itself.
pub trait HandlerExt: Handler + Sized {
    /// Makes a reference with this formatter, which several handlers may share as a
    /// [`FormatterRef`].
    fn with_formatter(self, formatter: impl Into<FormatterRef>) -> HandlerRef {
        HandlerRef::new(self).with_formatter(formatter)
    }
    /// Makes a reference with this level.
    fn with_level(self, level: Level) -> HandlerRef {
        HandlerRef::new(self).with_level(level)
    }
    /// Makes a reference with this filter, which several handlers and loggers may share as a
    /// [`FilterRef`].
    fn with_filter(self, filter: impl Into<FilterRef>) -> HandlerRef {
        HandlerRef::new(self).with_filter(filter)
    }
}
impl<H: Handler> HandlerExt for H {}
