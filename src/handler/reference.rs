//! Shared references to handlers, which carry what belongs to the way there: name, level, formatter
//! and filters.

mod direct;

use super::{Books, Context, Handler, HandlerStats};
use crate::error::Error;
use crate::filter::FilterRef;
use crate::format::FormatterRef;
use crate::level::Level;
use crate::seat::Seat;
use crate::sync::{Arc, Mutex, Weak, lock};
use std::any::Any;
use std::fmt;
use std::time::Duration;

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
