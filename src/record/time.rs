//! When a record was made, in the ways in which Python tells it.

use super::{Body, Described, LogRecord};
use crate::decode::Value;
use std::time::{Duration, SystemTime};

impl LogRecord<'_> {
    /// When the record was made, in nanoseconds since the Unix epoch.
    pub fn time_ns(&self) -> i64 {
        self.head.time_ns
    }

    /// When the record was made.
    pub fn time(&self) -> SystemTime {
        let distance = Duration::from_nanos(self.head.time_ns.unsigned_abs());
        if self.head.time_ns < 0 {
            SystemTime::UNIX_EPOCH - distance
        } else {
            SystemTime::UNIX_EPOCH + distance
        }
    }

    /// When the record was made, in seconds since the Unix epoch, as Python's `created`.
    pub fn created(&self) -> f64 {
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => *seconds,
            _ => self.head.time_ns as f64 / 1e9,
        }
    }

    /// Returns true if `created` was given as an integer, which patterns show.
    pub(crate) fn created_whole(&self) -> bool {
        matches!(&self.body, Body::Described(Described { whole: true, .. }))
    }

    /// Returns true if the runtime started at a whole second.
    pub(crate) fn started_whole(&self) -> bool {
        self.head.start_ns.rem_euclid(1_000_000_000) == 0
    }

    /// The whole second since the Unix epoch, and the nanoseconds into it.
    #[inline]
    pub(crate) fn second(&self) -> (i64, u32) {
        let nanos = self.head.time_ns.rem_euclid(1_000_000_000) as u32;
        let own = match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => {
                (whole_second(*seconds), nanos)
            }
            _ => (self.head.time_ns.div_euclid(1_000_000_000), nanos),
        };
        if self.overlay.is_some() { self.changed_second(own) } else { own }
    }

    /// As filters changed it: `created` has the second, `msecs` the fraction.
    #[cold]
    fn changed_second(&self, (second, nanos): (i64, u32)) -> (i64, u32) {
        let number = |name: &str| self.changed_number(name);
        let millis = |millis: f64| (millis.clamp(0.0, 999.0) * 1e6) as u32;
        (
            number("created").map_or(second, |created| created.floor() as i64),
            number("msecs").map_or(nanos, millis),
        )
    }

    #[cold]
    fn changed_number(&self, name: &str) -> Option<f64> {
        match self.changed(name)? {
            Value::F64(number) => Some(number),
            Value::I64(number) => Some(number as f64),
            Value::U64(number) => Some(number as f64),
            _ => None,
        }
    }

    /// The milliseconds into the second, cut to a whole number, as Python's `msecs`.
    pub fn msecs(&self) -> f64 {
        if self.overlay().is_some()
            && let Some(changed) = self.changed_number("msecs")
        {
            return changed;
        }
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => whole_millis(*seconds),
            _ => f64::from(self.head.time_ns.rem_euclid(1_000_000_000) as u32 / 1_000_000),
        }
    }

    /// Milliseconds since the runtime started, as Python's `relativeCreated`.
    pub fn relative_created(&self) -> f64 {
        match &self.body {
            Body::Described(Described { created: Some(seconds), .. }) => {
                let start = self.head.start_ns;
                let fraction = start.rem_euclid(1_000_000_000) as f64 / 1e9;
                (seconds - (start.div_euclid(1_000_000_000) as f64 + fraction)) * 1000.0
            }
            _ => self.head.time_ns.saturating_sub(self.head.start_ns) as f64 / 1e6,
        }
    }
}

// Out of line: the compiler would work them out ahead for every record, and what other records have
// in that place reads as a denormal number, which costs a hundred cycles.
#[inline(never)]
fn whole_second(seconds: f64) -> i64 {
    seconds.floor() as i64
}

#[inline(never)]
fn whole_millis(seconds: f64) -> f64 {
    ((seconds - seconds.trunc()) * 1000.0).trunc() + 0.0
}
