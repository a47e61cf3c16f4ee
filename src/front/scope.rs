//! Fields that every record of a stretch of code carries: Python's contextvars, an MDC.
//!
//! A thread has one current scope: all fields in force, flattened, under a number. Entering and
//! leaving tell this thread's lanes the number; a lane whose drain knows another number sends its
//! next record the slow way, which writes the fields before it, whole. So a record cannot carry a
//! wrong context, whatever was dropped before, and an unchanged scope costs the call nothing.

use super::lanes;
use crate::lane::{Refused, Writer};
use crate::level::Level;
use crate::record::{Fields, ValueBuf};
use crate::sync::{Arc, AtomicU64, Ordering};
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Numbers scopes. 0 is no scope.
static NEXT: AtomicU64 = AtomicU64::new(1);

thread_local! {
    static CURRENT: RefCell<Option<Arc<Flat>>> = const { RefCell::new(None) };
}

/// All fields in force, outermost first, each key once.
struct Flat {
    number: u64,
    fields: Vec<(Box<str>, ValueBuf)>,
    /// The fields as a captured map, its tag word first.
    map: ValueBuf,
}

/// Fields for the records of a stretch of code, whatever logger or library they come from.
///
/// [`scope!`](crate::scope) makes one and enters it in one step. Fields of an inner scope come
/// after those of the outer ones and take the place of equal keys; a call's own fields take the
/// place of a scope's.
///
/// Entering costs an allocation and a copy of all fields in force; the first record after each
/// change carries them to the drain. Calls within an unchanged scope cost nothing more.
///
/// # Examples
///
/// ```
/// use sawmill::{Scope, ValueBuf};
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// runtime.scope(|| {
///     let _request = Scope::new([("request", ValueBuf::of(&17))]).enter();
///     sawmill::warning!("slow");
/// });
/// assert_eq!(runtime.records()[0].view().field("request").unwrap().to_string(), "17");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Scope {
    fields: Fields,
}

impl Scope {
    pub(super) fn of(fields: &Fields) -> Self {
        Self { fields: fields.clone() }
    }

    /// Makes a scope with these fields.
    pub fn new<K: Into<Box<str>>>(fields: impl IntoIterator<Item = (K, ValueBuf)>) -> Self {
        Self { fields: fields.into_iter().map(|(key, value)| (key.into(), value)).collect() }
    }

    /// All fields in force on this thread, to take along to another thread.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::Scope;
    ///
    /// let scope = Scope::current();
    /// std::thread::spawn(move || {
    ///     let _same_as_the_parents = scope.enter();
    /// })
    /// .join()
    /// .unwrap();
    /// ```
    pub fn current() -> Self {
        let fields = current().map(|flat| flat.fields.iter().cloned().collect());
        Self { fields: fields.unwrap_or_default() }
    }

    /// Adds the fields to those in force on this thread, until the guard is dropped.
    ///
    /// Guards are dropped in the reverse order of their making, as locals are.
    pub fn enter(&self) -> Entered {
        Entered { before: switch(self.flat()), here: PhantomData }
    }

    /// Runs `f` within the scope.
    pub fn run<R>(&self, f: impl FnOnce() -> R) -> R {
        let _entered = self.enter();
        f()
    }

    /// Wraps a future, so that every poll of it runs with the fields in force here and now and
    /// this scope's, whatever thread it happens on. Allocates once.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::{Scope, ValueBuf};
    ///
    /// async fn serve() {
    ///     sawmill::info!("serving");
    /// }
    /// let task = Scope::new([("peer", ValueBuf::of("10.0.0.1"))]).attach(serve());
    /// # drop(task);
    /// ```
    pub fn attach<F: Future>(&self, future: F) -> InScope<F> {
        InScope { future: Box::pin(future), flat: self.flat() }
    }

    /// The fields of this scope alone.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &ValueBuf)> {
        self.fields.iter().map(|(key, value)| (&**key, value))
    }

    fn flat(&self) -> Option<Arc<Flat>> {
        let current = current();
        if self.fields.is_empty() {
            return current;
        }
        let outer = current.as_ref().map(|flat| &*flat.fields).unwrap_or_default();
        let mut fields: Vec<(Box<str>, ValueBuf)> =
            Vec::with_capacity(outer.len() + self.fields.len());
        for (key, value) in outer.iter().chain(&*self.fields) {
            match fields.iter_mut().find(|(known, _)| known == key) {
                Some(field) => field.1 = value.clone(),
                None => fields.push((key.clone(), value.clone())),
            }
        }
        let map = ValueBuf::map(fields.iter().map(|(key, value)| (&**key, value.clone())));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Some(Arc::new(Flat { number, fields, map }))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.fields()).finish()
    }
}

/// Ends a scope on its thread when dropped.
#[must_use = "a scope ends where its guard is dropped: at once, unless it is bound to a name"]
pub struct Entered {
    before: Option<Arc<Flat>>,
    /// A guard ends the scope of its own thread: it must not go to another.
    here: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        switch(self.before.take());
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entered").finish_non_exhaustive()
    }
}

/// A future whose polls run within a scope; made by [`Scope::attach`].
#[must_use = "futures do nothing unless polled"]
pub struct InScope<F> {
    future: Pin<Box<F>>,
    flat: Option<Arc<Flat>>,
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let _entered = Entered { before: switch(self.flat.clone()), here: PhantomData };
        self.future.as_mut().poll(cx)
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InScope").finish_non_exhaustive()
    }
}

/// Enters a scope with these fields: `Scope::new(fields).enter()`.
///
/// # Examples
///
/// ```
/// use sawmill::ValueBuf;
///
/// let _request = sawmill::with_fields([("request", ValueBuf::of(&17))]);
/// sawmill::info!("begun");
/// ```
pub fn with_fields<K: Into<Box<str>>>(fields: impl IntoIterator<Item = (K, ValueBuf)>) -> Entered {
    Scope::new(fields).enter()
}

fn current() -> Option<Arc<Flat>> {
    CURRENT.try_with(|current| current.try_borrow().ok()?.clone()).ok().flatten()
}

/// Returns true if a field of this key is in force.
pub(super) fn has(key: &str) -> bool {
    current().is_some_and(|flat| flat.fields.iter().any(|(known, _)| **known == *key))
}

/// The fields in force: a captured map's payload, or nothing.
pub(super) fn words() -> Vec<u64> {
    current().map(|flat| flat.map.words()[1..].to_vec()).unwrap_or_default()
}

/// The number of the scope that this thread is in; 0 for none.
pub(super) fn number() -> u64 {
    let number = |current: &RefCell<Option<Arc<Flat>>>| {
        current.try_borrow().ok()?.as_ref().map(|flat| flat.number)
    };
    CURRENT.try_with(number).ok().flatten().unwrap_or(0)
}

/// Puts another scope in force and returns the one before.
fn switch(to: Option<Arc<Flat>>) -> Option<Arc<Flat>> {
    let number = to.as_ref().map_or(0, |flat| flat.number);
    let before = CURRENT
        .try_with(|current| Some(std::mem::replace(&mut *current.try_borrow_mut().ok()?, to)))
        .ok()
        .flatten()
        .flatten();
    lanes::enter_scope(number);
    before
}

/// Makes sure that the drain knows the scope of the record that this lane writes next.
///
/// # Errors
///
/// If there is no room for the fields; the record must not be written then.
pub(super) fn tell(lane: &mut Writer, level: Level) -> Result<(), Refused> {
    let flat = current();
    lane.enter_scope(flat.as_ref().map_or(0, |flat| flat.number));
    if lane.untold_scope().is_none() {
        return Ok(());
    }
    match flat {
        None => lane.tell_scope(&[], level),
        Some(flat) => match lane.tell_scope(&flat.map.words()[1..], level) {
            Err(Refused) if lane.is_too_long(flat.map.words().len() - 1) => {
                // It never fits this ring: the records go without it, and say so.
                let note = ValueBuf::of("too long for this thread's lane");
                lane.tell_scope(&ValueBuf::map([("scope", note)]).words()[1..], level)
            }
            told => told,
        },
    }
}
