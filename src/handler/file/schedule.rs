//! When timed rotation happens and what the rotated files are called: Python's
//! `computeRollover`, with its arithmetic on whole seconds.

use crate::error::{Error, ErrorKind};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::str::FromStr;

const HOUR_S: i64 = 60 * 60;
const DAY_S: i64 = 24 * HOUR_S;

/// The unit of timed rotation, Python's `when`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// `S`: so many seconds from the start.
    Seconds,
    /// `M`: so many minutes from the start.
    Minutes,
    /// `H`: so many hours from the start.
    Hours,
    /// `D`: so many days from the start.
    Days,
    /// `MIDNIGHT`: at midnight, or another time of day.
    Midnight,
    /// `W0` to `W6`: on that day of the week, 0 for Monday.
    Weekday(u8),
}

impl FromStr for When {
    type Err = Error;

    /// Understands Python's letters, in any case.
    fn from_str(text: &str) -> Result<Self, Error> {
        let upper = text.to_uppercase();
        Ok(match &*upper {
            "S" => Self::Seconds,
            "M" => Self::Minutes,
            "H" => Self::Hours,
            "D" => Self::Days,
            "MIDNIGHT" => Self::Midnight,
            _ => match upper.strip_prefix('W') {
                Some(day) if day.chars().count() != 1 => {
                    return Err(Error::invalid(format!(
                        "You must specify a day for weekly rollover from 0 to 6 (0 is Monday): \
                         {upper}"
                    )));
                }
                Some(day) => match day.parse() {
                    Ok(day @ 0..=6) => Self::Weekday(day),
                    _ => {
                        return Err(Error::invalid(format!(
                            "Invalid day specified for weekly rollover: {upper}"
                        )));
                    }
                },
                None => {
                    return Err(Error::invalid(format!(
                        "Invalid rollover interval specified: {upper}"
                    )));
                }
            },
        })
    }
}

impl When {
    fn unit_s(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Minutes => 60,
            Self::Hours => HOUR_S,
            Self::Days | Self::Midnight => DAY_S,
            Self::Weekday(_) => 7 * DAY_S,
        }
    }

    /// The date in the names of rotated files, as `strftime` directives.
    fn suffix(self) -> &'static str {
        match self {
            Self::Seconds => "%Y-%m-%d_%H-%M-%S",
            Self::Minutes => "%Y-%m-%d_%H-%M",
            Self::Hours => "%Y-%m-%d_%H",
            Self::Days | Self::Midnight | Self::Weekday(_) => "%Y-%m-%d",
        }
    }

    /// The shape of that date: a 0 for each digit.
    fn shape(self) -> &'static str {
        match self {
            Self::Seconds => "0000-00-00_00-00-00",
            Self::Minutes => "0000-00-00_00-00",
            Self::Hours => "0000-00-00_00",
            Self::Days | Self::Midnight | Self::Weekday(_) => "0000-00-00",
        }
    }

    fn is_calendar(self) -> bool {
        matches!(self, Self::Midnight | Self::Weekday(_))
    }
}

/// Where days begin.
#[derive(Debug, Clone)]
pub(crate) enum Zone {
    Utc,
    Local(TimeZone),
}

impl Zone {
    /// The system's zone, or what `TZ` says.
    pub(crate) fn system() -> Self {
        Self::Local(TimeZone::system())
    }

    /// A zone by its name in the time zone database, or by a POSIX rule.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        let found = TimeZone::get(name).or_else(|error| TimeZone::posix(name).map_err(|_| error));
        match found {
            Ok(zone) => Ok(Self::Local(zone)),
            Err(error) => Err(Error::invalid(format!("zone: unknown {name:?}")).because(error)),
        }
    }

    /// The time on the wall, and whether it is summer time.
    fn at(&self, seconds: i64) -> (DateTime, bool) {
        let stamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        match self {
            Self::Utc => (TimeZone::UTC.to_datetime(stamp), false),
            Self::Local(zone) => {
                let info = zone.to_offset_info(stamp);
                (info.offset().to_datetime(stamp), info.dst().is_dst())
            }
        }
    }

    fn is_utc(&self) -> bool {
        matches!(self, Self::Utc)
    }

    pub(crate) fn rules(&self) -> TimeZone {
        match self {
            Self::Utc => TimeZone::UTC,
            Self::Local(zone) => zone.clone(),
        }
    }

    /// A date and time for the name of a file, with the offset from UTC in an hour that the
    /// clock shows twice.
    pub(crate) fn stamp(&self, seconds: i64) -> String {
        let stamp = Timestamp::from_second(seconds).unwrap_or(Timestamp::UNIX_EPOCH);
        let zoned = stamp.to_zoned(self.rules());
        let twice = self.rules().to_ambiguous_timestamp(zoned.datetime()).is_ambiguous();
        let form = if twice { "%Y-%m-%d_%H-%M-%S%z" } else { "%Y-%m-%d_%H-%M-%S" };
        zoned.strftime(form).to_string()
    }

    /// Reads what [`stamp`](Self::stamp) wrote.
    pub(crate) fn read_stamp(&self, text: &str) -> Option<i64> {
        const SHAPE: &[u8] = b"0000-00-00_00-00-00";
        let (date, offset) = text.split_at_checked(SHAPE.len())?;
        let shaped = date.bytes().zip(SHAPE).all(|(byte, wanted)| match wanted {
            b'0' => byte.is_ascii_digit(),
            other => byte == *other,
        });
        if !shaped {
            return None;
        }
        if offset.is_empty() {
            let wall = DateTime::strptime("%Y-%m-%d_%H-%M-%S", date).ok()?;
            return Some(self.rules().to_timestamp(wall).ok()?.as_second());
        }
        let zoned = Timestamp::strptime("%Y-%m-%d_%H-%M-%S%z", text);
        (offset.len() == 5).then(|| Some(zoned.ok()?.as_second())).flatten()
    }
}

/// When timed rotation happens. Times are seconds since the Unix epoch.
#[derive(Debug, Clone)]
pub(crate) struct Schedule {
    when: When,
    interval_s: i64,
    /// Seconds into the day; the end of the day if `None`.
    at_time_s: Option<i64>,
    zone: Zone,
    suffix: String,
}

impl Schedule {
    pub(crate) fn new(
        when: When,
        interval: u32,
        at_time_s: Option<i64>,
        zone: Zone,
        suffix: Option<String>,
    ) -> Result<Self, Error> {
        if interval == 0 {
            return Err(Error::invalid("interval: must be at least 1"));
        }
        if let When::Weekday(day @ 7..) = when {
            return Err(Error::invalid(format!("when: no weekday {day} (0 is Monday, 6 Sunday)")));
        }
        if let Some(at) = at_time_s
            && !(0..DAY_S).contains(&at)
        {
            return Err(Error::invalid("at_time: must be a time of day, less than 24 hours"));
        }
        let suffix = suffix.unwrap_or_else(|| when.suffix().to_owned());
        let this =
            Self { when, interval_s: when.unit_s() * i64::from(interval), at_time_s, zone, suffix };
        this.written(DateTime::constant(2000, 1, 1, 0, 0, 0, 0))?;
        Ok(this)
    }

    fn written(&self, at: DateTime) -> Result<String, Error> {
        jiff::fmt::strtime::format(&self.suffix, at).map_err(|error| {
            Error::new(ErrorKind::Invalid, format!("suffix: {:?}", self.suffix)).because(error)
        })
    }

    /// The first rollover after `now`, Python's `computeRollover`.
    pub(crate) fn compute(&self, now: i64) -> i64 {
        let mut result = now + self.interval_s;
        if !self.when.is_calendar() {
            return result;
        }
        let (wall, dst_now) = self.zone.at(now);
        let second_of_day = i64::from(wall.hour()) * HOUR_S
            + i64::from(wall.minute()) * 60
            + i64::from(wall.second());
        let mut day = i64::from(wall.weekday().to_monday_zero_offset());
        let mut left = self.at_time_s.unwrap_or(DAY_S) - second_of_day;
        if left < 0 {
            left += DAY_S;
            day = (day + 1) % 7;
        }
        result = now + left;
        if let When::Weekday(wanted) = self.when {
            let wanted = i64::from(wanted);
            if day != wanted {
                // Both steps count from the end of the day, as `left` does.
                let days = if day < wanted { wanted - day } else { 6 - day + wanted + 1 };
                let there = result + days * DAY_S;
                result = self.moved_with_dst(there, dst_now);
            }
        }
        result
    }

    /// `there`, by the hour that summer time comes or goes until then.
    fn moved_with_dst(&self, there: i64, dst_now: bool) -> i64 {
        if self.zone.is_utc() {
            return there;
        }
        match (dst_now, self.zone.at(there).1) {
            (false, true) => there - HOUR_S,
            (true, false) => there + HOUR_S,
            _ => there,
        }
    }

    /// The next rollover after one that happened at `now`.
    pub(crate) fn next(&self, now: i64) -> i64 {
        let mut next = self.compute(now);
        while next <= now {
            next += self.interval_s;
        }
        if self.when.is_calendar() {
            next = self.moved_with_dst(next, self.zone.at(now).1);
        }
        next
    }

    /// The date in the name of the file that ends at the rollover due at `rollover_at` and made
    /// at `now`: where its interval began, in the hour that was on the wall then.
    pub(crate) fn name(&self, rollover_at: i64, now: i64) -> String {
        let begin = rollover_at - self.interval_s;
        let (mut wall, dst_then) = self.zone.at(begin);
        if !self.zone.is_utc() {
            let moved = match (self.zone.at(now).1, dst_then) {
                (true, false) => Some(HOUR_S),
                (false, true) => Some(-HOUR_S),
                _ => None,
            };
            if let Some(by) = moved {
                wall = self.zone.at(begin + by).0;
            }
        }
        // Checked when the schedule was made.
        self.written(wall).unwrap_or_default()
    }

    /// Returns true if a part of a file's name is a date of this schedule, Python's `extMatch`.
    pub(crate) fn is_date(&self, part: &str) -> bool {
        let shape = self.when.shape().as_bytes();
        part.len() == shape.len()
            && part.bytes().zip(shape).all(|(byte, wanted)| match wanted {
                b'0' => byte.is_ascii_digit(),
                other => byte == *other,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(when: &str, at: Option<i64>, zone: &str) -> Schedule {
        let zone = if zone == "utc" { Zone::Utc } else { Zone::named(zone).unwrap() };
        Schedule::new(when.parse().unwrap(), 1, at, zone, None).unwrap()
    }

    fn stamp(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    #[test]
    fn units_are_read_as_python_spells_them() {
        assert_eq!("midnight".parse::<When>().unwrap(), When::Midnight);
        assert_eq!("w6".parse::<When>().unwrap(), When::Weekday(6));
        for (wrong, text) in [
            ("X", "Invalid rollover interval specified: X"),
            ("w7", "Invalid day specified for weekly rollover: W7"),
            ("W", "You must specify a day for weekly rollover"),
            ("W10", "You must specify a day for weekly rollover"),
        ] {
            let error = wrong.parse::<When>().unwrap_err();
            assert!(error.is_invalid() && error.to_string().starts_with(text), "{error}");
        }
    }

    #[test]
    fn plain_units_count_from_the_start_and_calendar_units_from_the_wall() {
        let now = stamp("2023-11-14T22:13:20Z");
        assert_eq!(schedule("M", None, "utc").compute(now), now + 60);
        assert_eq!(schedule("midnight", None, "utc").compute(now), stamp("2023-11-15T00:00:00Z"));
        let noon = Some(12 * HOUR_S);
        assert_eq!(schedule("midnight", noon, "utc").compute(now), stamp("2023-11-15T12:00:00Z"));
        // A Tuesday: Wednesday's rollover is at the end of Wednesday.
        assert_eq!(schedule("W2", None, "utc").compute(now), stamp("2023-11-16T00:00:00Z"));
        assert_eq!(schedule("W1", None, "utc").compute(now), stamp("2023-11-15T00:00:00Z"));
        assert_eq!(schedule("W0", None, "utc").compute(now), stamp("2023-11-21T00:00:00Z"));
    }

    #[test]
    fn midnight_is_the_zones_midnight_across_summer_time() {
        let paris = schedule("midnight", None, "Europe/Paris");
        let now = stamp("2023-03-25T12:00:00Z");
        assert_eq!(paris.compute(now), stamp("2023-03-25T23:00:00Z"));
        // The day of the change has 23 hours.
        assert_eq!(paris.next(stamp("2023-03-25T23:00:00Z")), stamp("2023-03-26T22:00:00Z"));
        assert_eq!(
            paris.name(stamp("2023-03-26T22:00:00Z"), stamp("2023-03-26T22:00:01Z")),
            "2023-03-26"
        );
    }

    #[test]
    fn every_answer_is_cpythons() {
        let table = include_str!("schedule_cpython.txt");
        let mut checked = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap();
            let (zone, when, utc) = (word(), word(), word());
            let mut number = || word().parse::<i64>().unwrap();
            let (at, now, due, late, next) = (number(), number(), number(), number(), number());
            let zone = if utc == "1" { Zone::Utc } else { Zone::named(zone).unwrap() };
            let at = (at >= 0).then_some(at);
            let schedule = Schedule::new(when.parse().unwrap(), 1, at, zone, None).unwrap();
            assert_eq!(schedule.compute(now), due, "{line}");
            assert_eq!(schedule.next(late), next, "{line}");
            assert_eq!(schedule.name(due, late), word(), "{line}");
            checked += 1;
        }
        assert_eq!(checked, 400);
    }

    #[test]
    fn options_out_of_range_are_refused_by_name() {
        let refused = |when, interval, at, suffix: Option<&str>| {
            let suffix = suffix.map(str::to_owned);
            Schedule::new(when, interval, at, Zone::Utc, suffix).unwrap_err().to_string()
        };
        assert!(refused(When::Hours, 0, None, None).starts_with("interval"));
        assert!(refused(When::Weekday(7), 1, None, None).starts_with("when"));
        assert!(refused(When::Midnight, 1, Some(DAY_S), None).starts_with("at_time"));
        assert!(refused(When::Hours, 1, None, Some("%Ö")).starts_with("suffix"));
        assert!(Zone::named("Mars/Olympus").unwrap_err().to_string().contains("Mars/Olympus"));
    }

    #[test]
    fn only_dates_of_the_schedule_are_dates() {
        let hours = schedule("H", None, "utc");
        assert!(hours.is_date("2023-11-14_22"));
        for other in ["2023-11-14", "2023-11-14_2", "2023-11-14_22-10", "2023-11-14-22", "notes"] {
            assert!(!hours.is_date(other), "{other}");
        }
    }
}
