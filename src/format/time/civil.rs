//! Dates of any year that the C library can tell.

use jiff::Timestamp;

const DAY: i64 = 86_400;
/// After so many seconds the calendar, its weekdays included, is the same again: 400 years.
const CYCLE: i64 = 146_097 * DAY;

/// A date and a time of day, taken apart; jiff ends with the year 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Civil {
    pub(super) year: i64,
    /// From 1.
    pub(super) month: u8,
    pub(super) day: u8,
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    /// From 0, a Sunday.
    pub(super) weekday: u8,
    /// From 1.
    pub(super) day_of_year: u16,
}

impl Civil {
    /// Takes seconds since the Unix epoch apart, the zone's offset already added.
    pub(super) fn of(second: i64) -> Self {
        let (days, second) = (second.div_euclid(DAY), second.rem_euclid(DAY));
        // Years that begin in March have their leap day at the end.
        let shifted = days + 719_468;
        let (era, day) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (of_month, month) = (day - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
        let year = year + era * 400 + i64::from(month <= 2);
        let day_of_year = if month <= 2 { day - 305 } else { day + 60 + i64::from(is_leap(year)) };
        Self {
            year,
            month: month as u8,
            day: of_month as u8,
            hour: (second / 3600) as u8,
            minute: (second / 60 % 60) as u8,
            second: (second % 60) as u8,
            weekday: (days + 4).rem_euclid(7) as u8,
            day_of_year: day_of_year as u16,
        }
    }

    /// Returns true if Python has this year: the C library keeps it in an `int`, less 1900.
    pub(super) fn is_known(&self) -> bool {
        i32::try_from(self.year - 1900).is_ok() && self.year <= i64::from(i32::MAX)
    }

    /// The year and the week of ISO 8601.
    pub(super) fn iso_week(&self) -> (i64, u8) {
        let weekday = i64::from((self.weekday + 6) % 7 + 1);
        let week = (i64::from(self.day_of_year) - weekday + 10) / 7;
        if week < 1 {
            return (self.year - 1, weeks(self.year - 1));
        }
        if week > i64::from(weeks(self.year)) {
            return (self.year + 1, 1);
        }
        (self.year, week as u8)
    }
}

/// The moment to ask a zone about: beyond jiff's years, one as many cycles of the calendar away as
/// it takes. Rules for the future repeat with the calendar, and the distant past has but one offset.
pub(super) fn within_zone(second: i64) -> Timestamp {
    let (least, most) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
    let within = if second > most {
        most - CYCLE + (second - most).rem_euclid(CYCLE)
    } else if second < least {
        least + CYCLE - (least - second).rem_euclid(CYCLE)
    } else {
        second
    };
    Timestamp::from_second(within).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// How many weeks of ISO 8601 a year has.
fn weeks(year: i64) -> u8 {
    // Of the 31st of December, from 0, a Sunday.
    let last = |year: i64| {
        (year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400)).rem_euclid(7)
    };
    52 + u8::from(last(year) == 4 || last(year - 1) == 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::Offset;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_parts_are_jiffs_where_it_has_the_year(
            second in Timestamp::MIN.as_second()..Timestamp::MAX.as_second(),
        ) {
            let civil = Civil::of(second);
            let at = Offset::UTC.to_datetime(Timestamp::from_second(second).unwrap());
            let date = (i64::from(at.year()), at.month() as u8, at.day() as u8);
            prop_assert_eq!((civil.year, civil.month, civil.day), date);
            let time = (at.hour() as u8, at.minute() as u8, at.second() as u8);
            prop_assert_eq!((civil.hour, civil.minute, civil.second), time);
            prop_assert_eq!(civil.weekday, at.weekday().to_sunday_zero_offset() as u8);
            prop_assert_eq!(civil.day_of_year, at.day_of_year() as u16);
            let iso = at.date().iso_week_date();
            prop_assert_eq!(civil.iso_week(), (i64::from(iso.year()), iso.week() as u8));
        }

        #[test]
        fn the_calendar_repeats_itself(second in -(1_i64 << 54)..1 << 54) {
            let (one, other) = (Civil::of(second), Civil::of(second + CYCLE));
            prop_assert_eq!(Civil { year: one.year + 400, ..one }, other);
            prop_assert_eq!(one.iso_week().1, other.iso_week().1);
            let within = within_zone(second).as_second();
            prop_assert_eq!((second - within) % CYCLE, 0);
        }
    }

    #[test]
    fn the_last_known_years_are_the_c_librarys() {
        assert!(Civil::of(67_767_976_233_532_799).is_known());
        assert!(!Civil::of(67_767_976_233_532_800).is_known());
        assert!(Civil::of(-67_768_040_609_740_800).is_known());
        assert!(!Civil::of(-67_768_040_609_740_801).is_known());
        assert!(!Civil::of(i64::MAX).is_known() && !Civil::of(i64::MIN).is_known());
    }
}
