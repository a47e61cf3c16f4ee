//! A record's time as text, worked out once a second and patched in between.

use super::civil::{Civil, within_zone};
use super::shown::{Hole, POWERS, SECOND_NS, Shown, Unit};
use super::strftime::{self, Moment, Piece};
use super::zone::Zone;
use crate::error::Error;
use crate::format::pyconv::{Conversion, Part, Parts, Size};
use crate::record::LogRecord;
use crate::text::{Line, Shorts, put_fixed};
use std::cell::RefCell;

/// Whose reading of date formats applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `%f` is a fraction of the second; UTC is called `UTC`.
    Sawmill,
    /// `%f` stands for itself; UTC is called `GMT`, as `time.gmtime` does.
    Python,
}

/// How a time is to be shown; the defaults are Python's.
#[derive(Debug, Clone)]
pub(crate) struct TimeTextOptions {
    /// `datefmt`: replaces the next two.
    pub(crate) date_format: Option<String>,
    /// `default_time_format`
    pub(crate) time_format: String,
    /// `default_msec_format`: a `%` format for the time's text and the milliseconds.
    pub(crate) msec_format: Option<String>,
    pub(crate) zone: Zone,
    pub(crate) dialect: Dialect,
}

impl Default for TimeTextOptions {
    fn default() -> Self {
        Self {
            date_format: None,
            time_format: "%Y-%m-%d %H:%M:%S".to_owned(),
            msec_format: Some("%s,%03d".to_owned()),
            zone: Zone::local(),
            dialect: Dialect::Sawmill,
        }
    }
}

/// A piece of the text: of the date, or the milliseconds in so many digits.
#[derive(Debug, Clone)]
enum TimePart {
    Date(Piece),
    Millis(usize),
}

/// The text of a second.
#[derive(Debug, Default)]
struct Cache {
    second: Option<i64>,
    text: Vec<u8>,
    holes: Vec<Hole>,
}

/// Writes the time of records.
#[derive(Debug)]
pub(crate) struct TimeText {
    parts: Vec<TimePart>,
    /// A millisecond format that cannot be patched: applied in full for each record.
    odd_msecs: Option<String>,
    zone: Zone,
    dialect: Dialect,
    cache: RefCell<Cache>,
    shown: RefCell<Shown>,
}

impl TimeText {
    pub(crate) fn new(options: &TimeTextOptions) -> Self {
        let fractions = options.dialect == Dialect::Sawmill;
        let date_format = options.date_format.as_deref().filter(|format| !format.is_empty());
        let format = date_format.unwrap_or(&options.time_format);
        let mut parts: Vec<_> =
            strftime::compile(format, fractions).into_iter().map(TimePart::Date).collect();
        let mut odd_msecs = None;
        let msec_format = options.msec_format.as_deref().filter(|format| !format.is_empty());
        if let (None, Some(msec_format)) = (date_format, msec_format) {
            match millis_format(msec_format) {
                Some((before, between, digits, behind)) => {
                    let text = |text: &str| TimePart::Date(Piece::Text(text.to_owned()));
                    parts.insert(0, text(&before));
                    parts.push(text(&between));
                    parts.push(TimePart::Millis(digits));
                    parts.push(text(&behind));
                }
                None => odd_msecs = Some(msec_format.to_owned()),
            }
        }
        Self {
            parts,
            odd_msecs,
            zone: options.zone.clone(),
            dialect: options.dialect,
            cache: RefCell::default(),
            shown: RefCell::default(),
        }
    }

    /// Appends the record's time.
    ///
    /// Within one second this is a copy and a few digits.
    ///
    /// # Errors
    ///
    /// If the format for milliseconds does not take what it is given, or the year is beyond those
    /// that the C library knows.
    #[inline]
    pub(crate) fn write(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let (second, nanos) = record.second();
        let mut cache = self.cache.borrow_mut();
        if cache.second != Some(second) {
            self.refresh(second, &mut cache)?;
        }
        if let Some(format) = &self.odd_msecs {
            return merge_millis(format, &cache.text, record.msecs(), out);
        }
        let start = out.len();
        out.extend_from_slice(&cache.text);
        for hole in &cache.holes {
            let value = match hole.unit {
                Unit::Millis => {
                    let millis = record.msecs();
                    if millis < 0.0 {
                        splice_negative(millis, start + hole.at, hole.digits, out);
                        return Ok(());
                    }
                    millis as u32
                }
                Unit::Fraction => nanos / POWERS[9 - hole.digits],
            };
            put_fixed(value, &mut out[start + hole.at..start + hole.at + hole.digits]);
        }
        Ok(())
    }

    /// Appends the time of a call site's record to a line. `None` if it has to be asked for with
    /// [`write`](Self::write).
    #[inline(always)]
    pub(crate) fn push(&self, time_ns: i64, line: &mut Line<'_>) -> Option<()> {
        let mut shown = self.shown.borrow_mut();
        self.push_with(&mut shown, time_ns, line)
    }

    /// The same, with the text around it.
    #[inline(always)]
    pub(crate) fn push_with(
        &self,
        shown: &mut Shown,
        time_ns: i64,
        line: &mut Line<'_>,
    ) -> Option<()> {
        // A burst shows many records at one microsecond.
        if !shown.shows(time_ns) && !shown.put(time_ns) {
            self.turn(shown, time_ns)?;
        }
        shown.push_to(line);
        Some(())
    }

    /// Makes text of the microseconds of these times, if nothing else changes between them. Says
    /// where they stand in the text around them.
    pub(crate) fn micros(
        &self,
        shown: &mut Shown,
        times: &[i64],
        texts: &mut Shorts,
    ) -> Option<usize> {
        let first = *times.first()?;
        if !shown.is_in_second(first) {
            if shown.is_still() {
                return None;
            }
            self.turn(shown, first)?;
        }
        shown.micros(times, texts)
    }

    #[cold]
    #[inline(never)]
    fn turn(&self, shown: &mut Shown, time_ns: i64) -> Option<()> {
        // Milliseconds of times before 1970 are Python's own.
        if self.odd_msecs.is_some() || time_ns < 0 {
            return None;
        }
        let second = time_ns / SECOND_NS;
        let mut cache = self.cache.borrow_mut();
        if cache.second != Some(second) {
            self.refresh(second, &mut cache).ok()?;
        }
        shown.turn(second * SECOND_NS, &cache.text, &cache.holes);
        shown.put(time_ns).then_some(())
    }

    #[cold]
    fn refresh(&self, second: i64, cache: &mut Cache) -> Result<(), Error> {
        let moment = |offset: i32, zone| {
            let civil = Civil::of(second.saturating_add(i64::from(offset)));
            let known = civil.is_known().then_some(Moment { civil, second, offset, zone });
            known.ok_or_else(|| Error::invalid("the record's time is in no year that is known"))
        };
        let moment = match &self.zone {
            Zone::Utc => moment(0, if self.dialect == Dialect::Python { "GMT" } else { "UTC" })?,
            Zone::Other(zone) => {
                let info = zone.to_offset_info(within_zone(second));
                let moment = moment(info.offset().seconds(), info.abbreviation())?;
                self.fill(&moment, cache);
                return Ok(());
            }
        };
        self.fill(&moment, cache);
        Ok(())
    }

    fn fill(&self, moment: &Moment<'_>, cache: &mut Cache) {
        let mut text = String::new();
        cache.holes.clear();
        let mut hole = |digits: usize, unit: Unit, text: &mut String| {
            cache.holes.push(Hole { at: text.len(), digits, unit });
            text.extend(std::iter::repeat_n('0', digits));
        };
        for part in &self.parts {
            match part {
                TimePart::Date(Piece::Text(literal)) => text.push_str(literal),
                TimePart::Date(Piece::Item(item)) => strftime::push(*item, moment, &mut text),
                TimePart::Date(Piece::Fraction(digits)) => hole(*digits, Unit::Fraction, &mut text),
                TimePart::Millis(digits) => hole(*digits, Unit::Millis, &mut text),
            }
        }
        cache.text = text.into_bytes();
        cache.second = Some(moment.second);
    }
}

/// Times before 1970 have negative milliseconds in Python.
#[cold]
fn splice_negative(millis: f64, at: usize, digits: usize, out: &mut Vec<u8>) {
    let text = format!("{:0digits$}", millis as i64);
    out.splice(at..at + digits, text.into_bytes());
}

/// Reads `%s,%03d` and its kin: text, the time, text, zero-padded milliseconds, text.
fn millis_format(format: &str) -> Option<(String, String, usize, String)> {
    let mut texts = [String::new(), String::new(), String::new()];
    let mut seen = 0;
    let mut digits = 0;
    for part in Parts::new(format) {
        match part.ok()? {
            Part::Text(text) => texts[seen].push_str(text),
            Part::Placeholder(placeholder) if placeholder.key.is_some() => return None,
            Part::Placeholder(placeholder) => {
                let Conversion { flags, width, precision, kind, .. } = placeholder.conversion;
                match (seen, kind, width) {
                    (0, 's', _) if placeholder.conversion.is_plain_str() => {}
                    // Three digits and more always hold the milliseconds.
                    (1, 'd', Size::Is(width))
                        if precision == Size::None
                            && flags.zero
                            && !(flags.left || flags.plus || flags.blank)
                            && (3..=30).contains(&width) =>
                    {
                        digits = width;
                    }
                    _ => return None,
                }
                seen += 1;
            }
        }
    }
    let [before, between, behind] = texts;
    (seen == 2).then_some((before, between, digits, behind))
}

/// Any other format for milliseconds, as `format % (time, msecs)`.
fn merge_millis(format: &str, time: &[u8], millis: f64, out: &mut Vec<u8>) -> Result<(), Error> {
    use crate::decode::Value;
    let time = String::from_utf8_lossy(time);
    let mut values = [Value::Str(&time), Value::F64(millis)].into_iter();
    for part in Parts::new(format) {
        match part? {
            Part::Text(text) => out.extend_from_slice(text.as_bytes()),
            Part::Placeholder(placeholder) => {
                if placeholder.key.is_some() {
                    return Err(Error::other("format requires a mapping"));
                }
                let mut next = || {
                    values
                        .next()
                        .ok_or_else(|| Error::other("not enough arguments for format string"))
                };
                let mut conversion = placeholder.conversion;
                if conversion.width == Size::Star {
                    conversion.set_width(next()?)?;
                }
                if conversion.precision == Size::Star {
                    conversion.set_precision(next()?)?;
                }
                conversion.apply(next()?, out)?;
            }
        }
    }
    match values.next() {
        None => Ok(()),
        Some(_) => Err(Error::other("not all arguments converted during string formatting")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;

    fn shown(options: &TimeTextOptions, time_ns: i64) -> String {
        let text = TimeText::new(options);
        let mut out = b"before ".to_vec();
        let sample = Sample { time_ns, ..Sample::default() };
        match sample.with(|record| text.write(record, &mut out)) {
            Ok(()) => String::from_utf8(out.split_off(7)).unwrap(),
            Err(error) => format!("! {error}"),
        }
    }

    fn utc() -> TimeTextOptions {
        TimeTextOptions { zone: Zone::Utc, ..TimeTextOptions::default() }
    }

    #[test]
    fn the_default_has_a_comma_and_three_digits() {
        for (time_ns, expected) in [
            (1_700_000_000_000_000_000, "2023-11-14 22:13:20,000"),
            (1_700_000_000_062_500_000, "2023-11-14 22:13:20,062"),
            (1_700_000_000_999_999_999, "2023-11-14 22:13:20,999"),
            (1_700_000_059_999_375_000, "2023-11-14 22:14:19,999"),
        ] {
            assert_eq!(shown(&utc(), time_ns), expected);
        }
    }

    #[test]
    fn one_text_serves_a_second_and_no_longer() {
        let text = TimeText::new(&utc());
        let at = |time_ns| {
            let mut out = Vec::new();
            let sample = Sample { time_ns, ..Sample::default() };
            sample.with(|record| text.write(record, &mut out)).unwrap();
            String::from_utf8(out).unwrap()
        };
        let start = 1_700_000_000_000_000_000;
        for (more, expected) in [
            (1_000_000, "20,001"),
            (999_000_000, "20,999"),
            (1_000_000_000, "21,000"),
            (0, "20,000"),
            (86_400_000_000_000, "20,000"),
        ] {
            let shown = at(start + more);
            assert!(shown.ends_with(expected), "{shown}");
        }
        assert!(at(start + 86_400_000_000_000).starts_with("2023-11-15"));
    }

    #[test]
    fn milliseconds_may_be_written_in_any_way_python_can() {
        let at = 1_700_000_000_007_000_000;
        for (format, expected) in [
            (None, "22:13"),
            (Some(""), "22:13"),
            (Some("%s.%06d"), "22:13.000007"),
            (Some("<%s.%03d>"), "<22:13.007>"),
            (Some("%s~%d"), "22:13~7"),
            (Some("%s %.1f"), "22:13 7.0"),
            (Some("%s %*d"), "! * wants int"),
            (Some("%s"), "! not all arguments converted during string formatting"),
            (Some("%(a)s"), "! format requires a mapping"),
        ] {
            let options = TimeTextOptions {
                time_format: "%H:%M".into(),
                msec_format: format.map(str::to_owned),
                ..utc()
            };
            assert_eq!(shown(&options, at), expected, "{format:?}");
        }
    }

    #[test]
    fn fractions_are_cut_to_the_digits_asked_for() {
        let date_format = Some("%H:%M:%S.%f|%3f|%9f".to_owned());
        let options = TimeTextOptions { date_format, ..utc() };
        assert_eq!(shown(&options, 1_700_000_000_123_456_789), "22:13:20.123456|123|123456789");
        let options = TimeTextOptions { dialect: Dialect::Python, ..options };
        assert_eq!(shown(&options, 1_700_000_000_123_456_789), "22:13:20.%f|%3f|      %9f");
    }

    #[test]
    fn zones_follow_their_rules_across_a_change() {
        let zone = Zone::named("EST5EDT,M3.2.0,M11.1.0").unwrap();
        let date_format = Some("%d/%b/%Y:%H:%M:%S %z %Z".to_owned());
        let options = TimeTextOptions { zone, date_format, ..utc() };
        for (second, expected) in [
            (1_699_163_999, "05/Nov/2023:01:59:59 -0400 EDT"),
            (1_699_164_000, "05/Nov/2023:01:00:00 -0500 EST"),
            (1_710_053_999, "10/Mar/2024:01:59:59 -0500 EST"),
            (1_710_054_000, "10/Mar/2024:03:00:00 -0400 EDT"),
        ] {
            assert_eq!(shown(&options, second * 1_000_000_000), expected);
        }
    }
}
