//! A sample of the records in place of all of them.

use super::{Filter, Verdict};
use crate::level::Level;
use crate::record::{LogRecord, Notice, OwnedRecord, ValueBuf};
use std::time::Duration;

/// Lets one record in `n` pass, chosen at random, and says of how many it is the sample.
///
/// A record that passes carries field `withheld`, the number withheld since the last that passed,
/// for whoever scales the sample up again. A notice with the sum comes once a minute (while
/// records pass) and at a flush: `withheld 971 records by sampling 1 in 100`.
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerExt, Level, NullHandler, Sampling};
///
/// let sampled = NullHandler::new().with_filter(Sampling::one_in(100).keep_from(Level::WARNING));
/// # let _ = sampled;
/// ```
#[derive(Debug)]
pub struct Sampling {
    n: u64,
    keep_from: Option<Level>,
    report_ns: i64,
    state: u64,
    /// Since the last record that passed.
    since: u64,
    /// Since the last notice.
    untold: u64,
    told_ns: Option<i64>,
    like: Option<OwnedRecord>,
}

impl Sampling {
    /// Lets one record in `n` pass; 0 and 1 let all pass.
    #[must_use]
    pub fn one_in(n: u64) -> Self {
        Self {
            n: n.max(1),
            keep_from: None,
            report_ns: 60_000_000_000,
            state: 0x9e37_79b9_7f4a_7c15,
            since: 0,
            untold: 0,
            told_ns: None,
            like: None,
        }
    }

    /// Lets records at this level and above always pass.
    #[must_use]
    pub fn keep_from(mut self, level: Level) -> Self {
        self.keep_from = Some(level);
        self
    }

    /// Sets how often a notice comes while records pass; one minute by default.
    #[must_use]
    pub fn report_every(mut self, period: Duration) -> Self {
        self.report_ns = i64::try_from(period.as_nanos()).unwrap_or(i64::MAX);
        self
    }

    /// Chooses the random sequence, so that a run can be repeated. It is the same in every run
    /// unless chosen.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.state = seed | 1;
        self
    }

    /// xorshift64*: uniform enough for sampling, and no dependency.
    fn next(&mut self) -> u64 {
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        self.state.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}

impl Filter for Sampling {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        if self.keep_from.is_some_and(|level| record.level().is_at_least(level)) {
            return Verdict::Pass;
        }
        self.told_ns.get_or_insert(record.time_ns());
        let chosen = (u128::from(self.next()) * u128::from(self.n)) >> 64 == 0;
        if chosen {
            if self.since != 0 {
                record.set_attribute("withheld", ValueBuf::of(&std::mem::take(&mut self.since)));
            }
            return Verdict::Pass;
        }
        self.since += 1;
        self.untold += 1;
        if self.like.is_none() {
            self.like = Some(record.keep());
        }
        Verdict::Withhold
    }

    fn notice(&mut self, now_ns: i64, ending: bool) -> Option<OwnedRecord> {
        let due = self.told_ns.is_some_and(|told| now_ns.saturating_sub(told) >= self.report_ns);
        if !ending && !due {
            return None;
        }
        let like = self.like.take()?;
        self.told_ns = Some(now_ns);
        let record = like.view();
        let withheld = std::mem::take(&mut self.untold);
        let what = if withheld == 1 { "record" } else { "records" };
        let text = format!("withheld {withheld} {what} by sampling 1 in {}", self.n);
        let notice = Notice::new(record.level(), text)
            .time_ns(now_ns)
            .field("withheld", ValueBuf::of(&withheld));
        Some(record.beside(&notice))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Value;
    use crate::record::sample::Sample;

    #[test]
    fn about_one_in_n_pass_and_the_counts_add_up() {
        let mut filter = Sampling::one_in(10);
        let (mut passed, mut withheld, mut in_fields) = (0, 0, 0);
        for _ in 0..20_000 {
            Sample::default().with(|record| match filter.filter(record) {
                Verdict::Pass => {
                    passed += 1;
                    if let Some(Value::U64(n)) = record.field("withheld") {
                        in_fields += n;
                    }
                }
                _ => withheld += 1,
            });
        }
        assert!((1_700..2_300).contains(&passed), "{passed}");
        assert_eq!(in_fields + filter.since, withheld);
        let told = filter.notice(0, true).unwrap();
        assert_eq!(
            told.view().message().unwrap(),
            format!("withheld {withheld} records by sampling 1 in 10")
        );
        assert!(filter.notice(0, true).is_none());
    }

    #[test]
    fn a_notice_is_due_once_a_period() {
        let second = 1_000_000_000;
        let mut filter = Sampling::one_in(u64::MAX).report_every(Duration::from_secs(5));
        let at = |s: i64| Sample { time_ns: s * second, ..Sample::default() };
        at(0).with(|record| filter.filter(record));
        assert!(filter.notice(4 * second, false).is_none());
        assert!(filter.notice(5 * second, false).is_some());
        at(6).with(|record| filter.filter(record));
        assert!(filter.notice(9 * second, false).is_none());
        assert!(filter.notice(10 * second, false).is_some());
    }

    #[test]
    fn one_in_one_and_important_records_pass_always() {
        let mut all = Sampling::one_in(0);
        let mut none = Sampling::one_in(u64::MAX).keep_from(Level::ERROR);
        let error = Sample { level: Level::ERROR, ..Sample::default() };
        for _ in 0..100 {
            assert!(matches!(Sample::default().with(|r| all.filter(r)), Verdict::Pass));
            assert!(matches!(error.with(|r| none.filter(r)), Verdict::Pass));
        }
    }
}
