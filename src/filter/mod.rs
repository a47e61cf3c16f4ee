//! Filters decide whether a record goes on, and may change it.

mod fold;
mod level;
mod name;
mod rate;
mod sampling;

pub use fold::FoldDuplicates;
pub use level::LevelFilter;
pub use name::NameFilter;
pub use rate::RateLimit;
pub use sampling::Sampling;

use crate::error::Error;
use crate::record::{LogRecord, OwnedRecord};
use crate::seat::Seat;
use crate::sync::Arc;
use std::fmt;

/// What a filter says of a record.
#[derive(Debug)]
pub enum Verdict {
    /// The record goes on, with the changes the filter made.
    Pass,
    /// The record ends here, for this handler or (a logger's filter) for all.
    Refuse,
    /// As [`Refuse`](Self::Refuse), by a filter that counts what it holds back and tells it later
    /// with [`Filter::notice`]; the books count such records as withheld.
    Withhold,
    /// The filter could not decide: the record ends here, as with `Refuse`, and the error is
    /// reported. A configuration in Python's manner ends the record's whole walk.
    Fail(Error),
    /// Another record goes on in its place, for the rest of this path.
    Replace(OwnedRecord),
}

impl From<bool> for Verdict {
    fn from(pass: bool) -> Self {
        if pass { Self::Pass } else { Self::Refuse }
    }
}

/// Decides on records, on the drain; a closure `FnMut(&mut LogRecord) -> impl Into<Verdict>` is one.
///
/// As in Python, a filter on a logger sees only the records logged on that very logger, and a
/// filter on a handler sees every record offered to it that passed its level.
///
/// # Examples
///
/// ```
/// use sawmill::{Filter, LogRecord, Verdict};
///
/// struct EveryNth { n: u64, seen: u64 }
/// impl Filter for EveryNth {
///     fn filter(&mut self, _: &mut LogRecord<'_>) -> Verdict {
///         self.seen += 1;
///         (self.seen % self.n == 0).into()
///     }
/// }
/// ```
pub trait Filter: Send {
    /// Decides.
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict;

    /// Gives a record of the filter's own that is due: what it withheld.
    ///
    /// Asked for after each record that the filter let pass, and delivered before that record;
    /// with `ending`, until there is none, at a flush and when the filter's home ends.
    /// The notice takes the way that the record would have taken from here. `now_ns` is the
    /// drain's time in nanoseconds since the Unix epoch.
    fn notice(&mut self, now_ns: i64, ending: bool) -> Option<OwnedRecord> {
        let _ = (now_ns, ending);
        None
    }
}

impl<F, V> Filter for F
where
    F: FnMut(&mut LogRecord<'_>) -> V + Send,
    V: Into<Verdict>,
{
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        self(record).into()
    }
}

/// A shared reference to a filter, compared by identity.
///
/// The same reference on several loggers or handlers is one filter with one state.
#[derive(Clone)]
pub struct FilterRef {
    seat: Arc<Seat<dyn Filter>>,
}

impl FilterRef {
    /// Makes a reference to a filter.
    pub fn new(filter: impl Filter + 'static) -> Self {
        Self::from_box(Box::new(filter))
    }

    pub(crate) fn from_box(filter: Box<dyn Filter>) -> Self {
        Self { seat: Arc::new(Seat::new(filter)) }
    }

    pub(crate) fn seat(&self) -> &Seat<dyn Filter> {
        &self.seat
    }
}

impl<F: Filter + 'static> From<F> for FilterRef {
    fn from(filter: F) -> Self {
        Self::new(filter)
    }
}

impl PartialEq for FilterRef {
    fn eq(&self, other: &Self) -> bool {
        self.seat.id() == other.seat.id()
    }
}
impl Eq for FilterRef {}

impl fmt::Debug for FilterRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilterRef({})", self.seat.id())
    }
}
