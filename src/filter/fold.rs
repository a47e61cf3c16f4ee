//! Repetitions of a message folded into a count.

use super::{Filter, Verdict};
use crate::level::Level;
use crate::record::{LogRecord, Notice, OwnedRecord, ValueBuf};
use std::time::Duration;

/// Withholds records that repeat the one before: same logger, level and message.
///
/// When another record comes, or the same one after the period, a notice goes first, at the level
/// of the repeated record: `last message repeated 12 times`, with the number as field `withheld`.
/// A flush tells what is open. The message is rendered for the comparison, and once more by the
/// formatter. Exceptions and stacks are not compared; neither are fields.
///
/// # Examples
///
/// ```
/// use sawmill::{FoldDuplicates, HandlerExt, NullHandler};
/// use std::time::Duration;
///
/// let folded = NullHandler::new().with_filter(FoldDuplicates::within(Duration::from_secs(30)));
/// # let _ = folded;
/// ```
#[derive(Debug)]
pub struct FoldDuplicates {
    period_ns: i64,
    logger: String,
    level: Level,
    message: Vec<u8>,
    begin_ns: i64,
    /// Whether a record has been seen at all.
    begun: bool,
    repeated: u64,
    /// The last repetition's time, and one of them to make the notice beside.
    last_ns: i64,
    like: Option<OwnedRecord>,
    /// Rendering space.
    scratch: Vec<u8>,
    due: Option<OwnedRecord>,
}

impl FoldDuplicates {
    /// Folds repetitions for at most `period` after the record that passed.
    #[must_use]
    pub fn within(period: Duration) -> Self {
        Self {
            period_ns: i64::try_from(period.as_nanos()).unwrap_or(i64::MAX),
            logger: String::new(),
            level: Level::NOTSET,
            message: Vec::new(),
            begin_ns: 0,
            begun: false,
            repeated: 0,
            last_ns: 0,
            like: None,
            scratch: Vec::new(),
            due: None,
        }
    }

    fn close_run(&mut self) -> Option<OwnedRecord> {
        let like = self.like.take()?;
        let repeated = std::mem::take(&mut self.repeated);
        let record = like.view();
        let times = if repeated == 1 { "time" } else { "times" };
        let notice =
            Notice::new(record.level(), format!("last message repeated {repeated} {times}"))
                .time_ns(self.last_ns)
                .field("withheld", ValueBuf::of(&repeated));
        Some(record.beside(&notice))
    }
}

impl Filter for FoldDuplicates {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        self.scratch.clear();
        if record.write_message(&mut self.scratch).is_err() {
            // The handler's formatter will say what is wrong with it.
            return Verdict::Pass;
        }
        let now = record.time_ns();
        let same = self.begun
            && self.scratch == self.message
            && record.level() == self.level
            && record.logger() == self.logger;
        if same && (0..self.period_ns).contains(&now.saturating_sub(self.begin_ns)) {
            self.repeated += 1;
            self.last_ns = now;
            if self.like.is_none() {
                self.like = Some(record.keep());
            }
            return Verdict::Withhold;
        }
        self.due = self.close_run();
        self.begun = true;
        self.begin_ns = now;
        if !same {
            std::mem::swap(&mut self.message, &mut self.scratch);
            self.level = record.level();
            self.logger.clear();
            self.logger.push_str(record.logger());
        }
        Verdict::Pass
    }

    fn notice(&mut self, _: i64, ending: bool) -> Option<OwnedRecord> {
        match self.due.take() {
            None if ending => self.close_run(),
            due => due,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;

    /// What a handler behind the filter would show.
    fn shown(filter: &mut FoldDuplicates, messages: &[(&str, i64)]) -> Vec<String> {
        let mut out = Vec::new();
        for (message, second) in messages {
            let time_ns = second * 1_000_000_000;
            let sample = Sample { message: (*message).into(), time_ns, ..Sample::default() };
            if matches!(sample.with(|record| filter.filter(record)), Verdict::Pass) {
                while let Some(notice) = filter.notice(time_ns, false) {
                    out.push(notice.view().message().unwrap());
                }
                out.push((*message).into());
            }
        }
        while let Some(notice) = filter.notice(0, true) {
            out.push(notice.view().message().unwrap());
        }
        out
    }

    #[test]
    fn repetitions_become_a_count_before_the_next_message() {
        let mut filter = FoldDuplicates::within(Duration::from_secs(60));
        let told =
            shown(&mut filter, &[("a", 0), ("a", 1), ("a", 2), ("b", 3), ("a", 4), ("a", 5)]);
        let expected =
            ["a", "last message repeated 2 times", "b", "a", "last message repeated 1 time"];
        assert_eq!(told, expected);
    }

    #[test]
    fn a_period_that_ends_lets_the_message_pass_again() {
        let mut filter = FoldDuplicates::within(Duration::from_secs(10));
        let told = shown(&mut filter, &[("a", 0), ("a", 9), ("a", 10), ("a", 11)]);
        let expected = ["a", "last message repeated 1 time", "a", "last message repeated 1 time"];
        assert_eq!(told, expected);
    }

    #[test]
    fn level_and_logger_tell_messages_apart() {
        let mut filter = FoldDuplicates::within(Duration::from_secs(60));
        let one = Sample::default();
        let two = Sample { level: Level::ERROR, ..Sample::default() };
        let three = Sample { logger: "other".into(), ..Sample::default() };
        for sample in [&one, &two, &three] {
            assert!(matches!(sample.with(|r| filter.filter(r)), Verdict::Pass));
        }
        assert!(matches!(three.with(|r| filter.filter(r)), Verdict::Withhold));
    }
}
