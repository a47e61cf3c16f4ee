//! A limit to how often one place in the source may speak.

use super::{Filter, Verdict};
use crate::level::Level;
use crate::record::{LogRecord, Notice, OwnedRecord, ValueBuf};
use std::collections::{HashMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// How many places are told apart; further ones share one limit.
const PLACES: usize = 4096;

/// Lets the first records of each call site pass in each period, then every m-th or none.
///
/// Periods are counted by the records' own times, from the first record after the last period. A
/// record that passes after others were withheld has a notice before it, at its own level:
/// `withheld 41 records from src/pool.rs:88`, with the number as field `withheld`. A call site
/// that falls silent is told of when another record passes after its period has ended, or at the
/// next flush. Records without a call site are told apart by logger, file, line and, where the
/// line is unknown, by the message before its arguments are filled in. Up to 4096 places are told
/// apart, the rest share one limit.
///
/// | step | default |
/// |---|---|
/// | [`first(n)`](Self::first) | required |
/// | [`then_every(m)`](Self::then_every) | 0: none until the period ends |
/// | [`per(period)`](Self::per) | 1 s |
/// | [`keep_from(level)`](Self::keep_from) | every level is limited |
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerExt, Level, NullHandler, RateLimit};
/// use std::time::Duration;
///
/// let limit = RateLimit::first(10)
///     .then_every(1000)
///     .per(Duration::from_secs(60))
///     .keep_from(Level::ERROR);
/// let calm = NullHandler::new().with_filter(limit);
/// # let _ = calm;
/// ```
#[derive(Debug)]
pub struct RateLimit {
    first: u64,
    every: u64,
    period_ns: i64,
    keep_from: Option<Level>,
    places: HashMap<u64, Place>,
    /// Places that withhold, with the ends of their periods, in the order in which these began.
    waiting: VecDeque<(i64, u64)>,
    /// The place whose record has just passed.
    passed: Option<u64>,
}

#[derive(Debug)]
struct Place {
    begin_ns: i64,
    seen: u64,
    withheld: u64,
    /// One of the withheld records, to make the notice beside.
    like: Option<OwnedRecord>,
}

impl RateLimit {
    /// Lets the first `n` records of each call site pass in each period.
    #[must_use]
    pub fn first(n: u64) -> Self {
        Self {
            first: n,
            every: 0,
            period_ns: 1_000_000_000,
            keep_from: None,
            places: HashMap::new(),
            waiting: VecDeque::new(),
            passed: None,
        }
    }

    /// After the first ones lets every `m`-th pass; 0 lets none.
    #[must_use]
    pub fn then_every(mut self, m: u64) -> Self {
        self.every = m;
        self
    }

    /// Sets the period. A zero period never ends: the limit is for the life of the filter.
    #[must_use]
    pub fn per(mut self, period: Duration) -> Self {
        self.period_ns = match i64::try_from(period.as_nanos()) {
            Ok(0) | Err(_) => i64::MAX,
            Ok(ns) => ns,
        };
        self
    }

    /// Lets records at this level and above always pass.
    #[must_use]
    pub fn keep_from(mut self, level: Level) -> Self {
        self.keep_from = Some(level);
        self
    }

    fn notice_of(&mut self, key: u64) -> Option<OwnedRecord> {
        let place = self.places.get_mut(&key)?;
        let like = place.like.take()?;
        let withheld = std::mem::take(&mut place.withheld);
        let record = like.view();
        let what = if withheld == 1 { "record" } else { "records" };
        let text =
            format!("withheld {withheld} {what} from {}:{}", record.pathname(), record.line());
        let notice = Notice::new(record.level(), text).field("withheld", ValueBuf::of(&withheld));
        Some(record.beside(&notice))
    }
}

fn place_of(record: &LogRecord<'_>) -> u64 {
    if let Some(metadata) = record.metadata() {
        return std::ptr::from_ref(metadata).addr() as u64;
    }
    let mut hasher = DefaultHasher::new();
    (record.logger(), record.pathname(), record.line()).hash(&mut hasher);
    if record.line() == 0 {
        record.raw_message().to_string().hash(&mut hasher);
    }
    // A call site's address is even; an odd hash cannot be mistaken for one.
    hasher.finish() | 1
}

impl Filter for RateLimit {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        self.passed = None;
        if self.keep_from.is_some_and(|level| record.level().is_at_least(level)) {
            return Verdict::Pass;
        }
        let now = record.time_ns();
        let mut key = place_of(record);
        if self.places.len() >= PLACES && !self.places.contains_key(&key) {
            let period = self.period_ns;
            self.places.retain(|_, place| {
                place.withheld != 0 || now.saturating_sub(place.begin_ns) < period
            });
            if self.places.len() >= PLACES {
                key = 0;
            }
        }
        let place = self.places.entry(key).or_insert(Place {
            begin_ns: now,
            seen: 0,
            withheld: 0,
            like: None,
        });
        // A clock set back begins a new period too; waiting for the old one to end might take long.
        if !(0..self.period_ns).contains(&now.saturating_sub(place.begin_ns)) {
            place.begin_ns = now;
            place.seen = 0;
        }
        place.seen += 1;
        let beyond = place.seen.saturating_sub(self.first);
        if beyond == 0 || beyond.is_multiple_of(self.every) {
            self.passed = Some(key);
            return Verdict::Pass;
        }
        place.withheld += 1;
        if place.like.is_none() {
            place.like = Some(record.keep());
            self.waiting.push_back((place.begin_ns.saturating_add(self.period_ns), key));
        }
        Verdict::Withhold
    }

    fn notice(&mut self, now_ns: i64, ending: bool) -> Option<OwnedRecord> {
        if let Some(key) = self.passed.take()
            && let Some(notice) = self.notice_of(key)
        {
            return Some(notice);
        }
        while let Some((end, key)) = self.waiting.front().copied() {
            if !ending && now_ns < end {
                return None;
            }
            self.waiting.pop_front();
            // None if the place was told of already, when it spoke again.
            if let Some(notice) = self.notice_of(key) {
                return Some(notice);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;

    const SECOND: i64 = 1_000_000_000;

    fn notices(filter: &mut RateLimit, now_ns: i64, ending: bool) -> Vec<String> {
        std::iter::from_fn(|| filter.notice(now_ns, ending))
            .map(|record| record.view().message().unwrap())
            .collect()
    }

    /// Feeds records at one time; returns how many passed and were withheld, and the notices.
    fn feed(filter: &mut RateLimit, line: u32, at: i64, n: u64) -> (u64, u64, Vec<String>) {
        let (mut passed, mut withheld, mut told) = (0, 0, Vec::new());
        for _ in 0..n {
            let sample = Sample { line, time_ns: at, ..Sample::default() };
            match sample.with(|record| filter.filter(record)) {
                Verdict::Pass => {
                    passed += 1;
                    told.extend(notices(filter, at, false));
                }
                Verdict::Withhold => withheld += 1,
                other => panic!("{other:?}"),
            }
        }
        (passed, withheld, told)
    }

    #[test]
    fn the_first_and_every_mth_pass_and_each_gap_is_told() {
        let mut filter = RateLimit::first(2).then_every(10);
        let (passed, withheld, told) = feed(&mut filter, 1, 0, 25);
        assert_eq!((passed, withheld), (4, 21));
        assert_eq!(told, ["withheld 9 records from src/sample.rs:1"; 2]);
        assert_eq!(notices(&mut filter, 0, true), ["withheld 3 records from src/sample.rs:1"]);
        assert_eq!(notices(&mut filter, 0, true), [] as [String; 0]);
    }

    #[test]
    fn a_new_period_starts_afresh_and_tells_what_the_old_one_withheld() {
        let mut filter = RateLimit::first(1).per(Duration::from_secs(2));
        assert_eq!(feed(&mut filter, 1, 0, 5).0, 1);
        assert_eq!(feed(&mut filter, 1, 2 * SECOND - 1, 1).0, 0);
        let (passed, _, told) = feed(&mut filter, 1, 2 * SECOND, 1);
        assert_eq!(passed, 1);
        assert_eq!(told, ["withheld 5 records from src/sample.rs:1"]);
    }

    #[test]
    fn a_silent_place_is_told_of_when_another_speaks_after_its_period() {
        let mut filter = RateLimit::first(1);
        feed(&mut filter, 1, 0, 3);
        assert_eq!(feed(&mut filter, 2, SECOND / 2, 1).2, [] as [String; 0]);
        let told = feed(&mut filter, 3, 2 * SECOND, 1).2;
        assert_eq!(told, ["withheld 2 records from src/sample.rs:1"]);
    }

    #[test]
    fn places_are_limited_apart_and_important_records_always_pass() {
        let mut filter = RateLimit::first(1).keep_from(Level::ERROR);
        assert_eq!(feed(&mut filter, 1, 0, 2).0, 1);
        assert_eq!(feed(&mut filter, 2, 0, 2).0, 1);
        let sample = Sample { level: Level::ERROR, ..Sample::default() };
        for _ in 0..3 {
            assert!(matches!(sample.with(|record| filter.filter(record)), Verdict::Pass));
        }
    }

    #[test]
    fn memory_is_bounded_however_many_places_speak() {
        let mut filter = RateLimit::first(1).per(Duration::from_secs(3600));
        for line in 0..3 * PLACES as u32 {
            feed(&mut filter, line, 0, 2);
        }
        assert!(filter.places.len() <= PLACES + 1);
        let told: u64 = std::iter::from_fn(|| filter.notice(0, true))
            .map(|record| match record.view().field("withheld") {
                Some(crate::decode::Value::U64(n)) => n,
                other => panic!("{other:?}"),
            })
            .sum();
        // One record of each place known passes, and one of all the others together.
        assert_eq!(told, 2 * 3 * PLACES as u64 - PLACES as u64 - 1);
    }

    #[test]
    fn a_clock_set_back_does_not_silence_a_place() {
        let mut filter = RateLimit::first(1);
        assert_eq!(feed(&mut filter, 1, 100 * SECOND, 2).0, 1);
        assert_eq!(feed(&mut filter, 1, 0, 2).0, 1);
    }
}
