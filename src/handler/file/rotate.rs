//! When a file is rotated: by its size, by the clock on the wall, at the start, on request.

use super::schedule::Zone;
use crate::error::Error;
use jiff::Timestamp;
use jiff::civil::{Time, Weekday};
use std::time::Duration;

const DAY_S: u64 = 24 * 60 * 60;

/// When a file is moved away and another one begun.
///
/// Whichever comes first: `Rotate::size(64 << 20).or_daily()`. Hours, days and weeks are those on
/// the clock of the zone, across summer time; a record is filed by its own time, and one that
/// comes late stays in the present file. A file without a record is never moved away.
///
/// # Examples
///
/// ```
/// use sawmill::Rotate;
/// use std::time::Duration;
///
/// let rotate = Rotate::size(64 << 20)
///     .or_daily()
///     .at(Duration::from_secs(4 * 3600))
///     .zone("Europe/Paris")
///     .or_at_start();
/// # let _ = rotate;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Rotate {
    pub(crate) max_bytes: Option<u64>,
    periods: Vec<Period>,
    at: Duration,
    utc: bool,
    zone: Option<String>,
    pub(crate) at_start: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Period {
    Hour,
    Day,
    /// 0 for Monday.
    Week(u8),
    Every(Duration),
}

impl Rotate {
    /// Only when [`FileHandler::do_rollover`](crate::FileHandler::do_rollover) is called.
    pub fn on_request() -> Self {
        Self::default()
    }

    /// Before a line that would make the file longer than so many bytes; a longer line gets a
    /// file of its own.
    pub fn size(max_bytes: u64) -> Self {
        Self::default().or_size(max_bytes)
    }

    /// At the full hour.
    pub fn hourly() -> Self {
        Self::default().or_hourly()
    }

    /// At midnight, or another [time of day](Self::at).
    pub fn daily() -> Self {
        Self::default().or_daily()
    }

    /// As [`daily`](Self::daily), on one day of the week: 0 for Monday to 6 for Sunday.
    pub fn weekly(day: u8) -> Self {
        Self::default().or_weekly(day)
    }

    /// At multiples of an interval since 1970 in UTC, at least a second.
    pub fn every(interval: Duration) -> Self {
        Self::default().or_every(interval)
    }

    /// When the handler opens a file that holds something already.
    pub fn at_start() -> Self {
        Self::default().or_at_start()
    }

    /// Also by [size](Self::size).
    pub fn or_size(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// Also [at the full hour](Self::hourly).
    pub fn or_hourly(self) -> Self {
        self.or(Period::Hour)
    }

    /// Also [once a day](Self::daily).
    pub fn or_daily(self) -> Self {
        self.or(Period::Day)
    }

    /// Also [once a week](Self::weekly).
    pub fn or_weekly(self, day: u8) -> Self {
        self.or(Period::Week(day))
    }

    /// Also [at multiples of an interval](Self::every).
    pub fn or_every(self, interval: Duration) -> Self {
        self.or(Period::Every(interval))
    }

    /// Also [at the start](Self::at_start).
    pub fn or_at_start(mut self) -> Self {
        self.at_start = true;
        self
    }

    fn or(mut self, period: Period) -> Self {
        self.periods.push(period);
        self
    }

    /// Sets the time of day of daily and weekly rotation; midnight by default.
    pub fn at(mut self, since_midnight: Duration) -> Self {
        self.at = since_midnight;
        self
    }

    /// Counts hours and days, and writes dates in names, in UTC.
    pub fn utc(mut self) -> Self {
        self.utc = true;
        self
    }

    /// Counts hours and days, and writes dates in names, in a zone of the time zone database or by
    /// a POSIX rule; the system's zone by default.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = Some(name.into());
        self
    }

    /// Checks what was said.
    pub(crate) fn check(&self) -> Result<Zone, Error> {
        if self.max_bytes == Some(0) {
            return Err(Error::invalid("rotate: a size must be at least 1"));
        }
        if self.at.as_secs() >= DAY_S {
            return Err(Error::invalid("rotate: a time of day is less than 24 hours"));
        }
        for period in &self.periods {
            match period {
                Period::Week(day @ 7..) => {
                    let text = format!("rotate: no weekday {day} (0 is Monday, 6 Sunday)");
                    return Err(Error::invalid(text));
                }
                Period::Every(interval) if interval.as_secs() == 0 => {
                    return Err(Error::invalid("rotate: an interval must be at least a second"));
                }
                _ => {}
            }
        }
        match (&self.zone, self.utc) {
            (Some(_), true) => Err(Error::invalid("rotate: a zone is given together with utc")),
            (Some(name), false) => Zone::named(name),
            (None, true) => Ok(Zone::Utc),
            (None, false) => Ok(Zone::system()),
        }
    }

    /// The first time after `now` at which the file is to be rotated, in seconds since the Unix
    /// epoch; `None` for never.
    pub(crate) fn next(&self, now: i64, zone: &Zone) -> Option<i64> {
        self.periods.iter().filter_map(|period| self.next_of(*period, now, zone)).min()
    }

    fn next_of(&self, period: Period, now: i64, zone: &Zone) -> Option<i64> {
        let stamp = Timestamp::from_second(now).ok()?;
        match period {
            Period::Hour => {
                let offset = i64::from(zone.rules().to_offset(stamp).seconds());
                Some(((now + offset).div_euclid(3600) + 1) * 3600 - offset)
            }
            Period::Every(interval) => {
                let step = i64::try_from(interval.as_secs()).ok()?;
                now.div_euclid(step).checked_add(1)?.checked_mul(step)
            }
            Period::Day => self.next_day(stamp, zone, None),
            Period::Week(day) => self.next_day(stamp, zone, Some(day)),
        }
    }

    fn next_day(&self, now: Timestamp, zone: &Zone, weekday: Option<u8>) -> Option<i64> {
        let of_day = self.at.as_secs() as u32;
        let part = |seconds: u32| i8::try_from(seconds).unwrap_or(0);
        let at = Time::new(part(of_day / 3600), part(of_day / 60 % 60), part(of_day % 60), 0);
        let at = at.ok()?;
        let weekday = match weekday {
            Some(day) => Some(Weekday::from_monday_zero_offset(i8::try_from(day).ok()?).ok()?),
            None => None,
        };
        let mut date = zone.rules().to_datetime(now).date();
        // A week, and a day for a time of today that has passed.
        for _ in 0..9 {
            if weekday.is_none_or(|weekday| date.weekday() == weekday) {
                // A time that the clock skips counts as the one after.
                let then = zone.rules().to_timestamp(date.to_datetime(at)).ok()?;
                if then > now {
                    return Some(then.as_second());
                }
            }
            date = date.tomorrow().ok()?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    /// The times from one on, as UTC.
    fn times(rotate: Rotate, from: &str, n: usize) -> Vec<String> {
        let zone = rotate.check().unwrap();
        let mut at = stamp(from);
        let mut found = Vec::new();
        for _ in 0..n {
            at = rotate.next(at, &zone).unwrap();
            found.push(Timestamp::from_second(at).unwrap().to_string());
        }
        found
    }

    #[test]
    fn days_are_those_of_the_zone_across_summer_time() {
        let daily = Rotate::daily().zone("Europe/Paris");
        assert_eq!(
            times(daily, "2026-10-24T12:00:00Z", 3),
            ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z", "2026-10-26T23:00:00Z"]
        );
        // Half past two is skipped in spring: the rotation comes at half past three.
        let at = Duration::from_secs(9000);
        let daily = Rotate::daily().at(at).zone("Europe/Paris");
        assert_eq!(
            times(daily, "2026-03-28T12:00:00Z", 2),
            ["2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"]
        );
        // In Santiago the clock skips midnight itself.
        let daily = Rotate::daily().zone("America/Santiago");
        assert_eq!(
            times(daily, "2026-09-05T12:00:00Z", 2),
            ["2026-09-06T04:00:00Z", "2026-09-07T03:00:00Z"]
        );
    }

    #[test]
    fn hours_are_full_hours_and_the_one_that_comes_twice_counts_twice() {
        let hourly = Rotate::hourly().zone("Europe/Paris");
        assert_eq!(
            times(hourly, "2026-10-24T23:30:00Z", 3),
            ["2026-10-25T00:00:00Z", "2026-10-25T01:00:00Z", "2026-10-25T02:00:00Z"]
        );
        let hourly = Rotate::hourly().zone("Asia/Kolkata");
        assert_eq!(times(hourly, "2026-11-20T12:00:00Z", 1), ["2026-11-20T12:30:00Z"]);
    }

    #[test]
    fn whichever_period_ends_first_counts() {
        // The 20th is a Friday.
        let rotate = Rotate::weekly(5).or_every(Duration::from_secs(40_000)).utc();
        assert_eq!(
            times(rotate, "2026-11-20T12:00:00Z", 3),
            ["2026-11-20T18:40:00Z", "2026-11-21T00:00:00Z", "2026-11-21T05:46:40Z"]
        );
        let weekly = Rotate::weekly(4).at(Duration::from_secs(3600)).utc();
        assert_eq!(
            times(weekly, "2026-11-20T00:59:59Z", 2),
            ["2026-11-20T01:00:00Z", "2026-11-27T01:00:00Z"]
        );
        assert_eq!(Rotate::size(1).next(0, &Zone::Utc), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [
            Rotate::size(0),
            Rotate::weekly(7),
            Rotate::every(Duration::from_millis(999)),
            Rotate::daily().at(Duration::from_secs(DAY_S)),
            Rotate::daily().utc().zone("Europe/Paris"),
            Rotate::daily().zone("Mars/Olympus"),
        ] {
            assert!(wrong.check().unwrap_err().is_invalid(), "{wrong:?}");
        }
    }
}
