//! Which records are shown, and how.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use sawmill::{BinaryBlock, Error, Format, Formatter, JsonFormatter, Level, LogRecord, Style};

/// The line without `--format`: `Formatter::default_line`'s.
const PATTERN: &str = "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d \
                       [%(threadName)s] %(message)s%(fields)s";
const DATE_FORMAT: &str = "%Y-%m-%d %H:%M:%S.%f";

/// How records of binary logs are shown, and which.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ShowOptions {
    /// The pattern of the lines; by default time, level, logger, file and line, thread, message
    /// and fields.
    #[arg(long, value_name = "PATTERN", conflicts_with = "json")]
    format: Option<String>,
    /// The style of the pattern: `%`, `{` or `$`.
    #[arg(long, default_value = "%", value_name = "STYLE", requires = "format")]
    style: Style,
    /// How times are shown, in strftime directives.
    #[arg(long, value_name = "FORMAT", conflicts_with = "json")]
    datefmt: Option<String>,
    /// Prints one JSON object a line, as `JsonFormatter` does.
    #[arg(long)]
    json: bool,
    /// Shows times in UTC.
    #[arg(long, conflicts_with = "zone")]
    utc: bool,
    /// Shows times in this zone; by default in that of the process that wrote the log.
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Only records from this time on: `2026-11-20T13:05:22Z`, a local time without the `Z`,
    /// seconds since 1970, or a length of time back from now, such as `90m`.
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<i64>,
    /// Only records before this time.
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<i64>,
    /// Only records of at least this level.
    #[arg(long, value_name = "LEVEL")]
    level: Option<Level>,
    /// Only records of this logger and those below it; may be repeated.
    #[arg(long, value_name = "NAME")]
    logger: Vec<String>,
    /// Only records whose line contains this text.
    #[arg(long, value_name = "TEXT")]
    grep: Option<String>,
}

impl ShowOptions {
    /// The times that are wanted, from the first up to the second.
    pub(crate) fn span(&self) -> (i64, i64) {
        (self.since.unwrap_or(i64::MIN), self.until.unwrap_or(i64::MAX))
    }

    pub(crate) fn level(&self) -> Option<Level> {
        self.level
    }

    /// Whether every record is shown.
    pub(crate) fn shows_all(&self) -> bool {
        self.span() == (i64::MIN, i64::MAX)
            && self.level.is_none()
            && self.logger.is_empty()
            && self.grep.is_none()
    }

    /// An option that says something which lines of text cannot answer.
    pub(crate) fn needs_records(&self) -> Option<&'static str> {
        [
            ("--format", self.format.is_some()),
            ("--datefmt", self.datefmt.is_some()),
            ("--json", self.json),
            ("--utc", self.utc),
            ("--zone", self.zone.is_some()),
            ("--since", self.since.is_some()),
            ("--until", self.until.is_some()),
            ("--level", self.level.is_some()),
            ("--logger", !self.logger.is_empty()),
        ]
        .into_iter()
        .find_map(|(name, given)| given.then_some(name))
    }

    /// Leaves the lines of text that `--grep` asks for.
    pub(crate) fn keep_matching(&self, lines: &mut Vec<u8>) {
        let Some(text) = &self.grep else { return };
        let kept = lines.split_inclusive(|byte| *byte == b'\n');
        let kept = kept.filter(|line| contains(line.trim_ascii_end(), text.as_bytes()));
        *lines = kept.flatten().copied().collect();
    }

    fn wants(&self, record: &LogRecord<'_>) -> bool {
        let (since, until) = self.span();
        let time = record.time_ns();
        let logger = record.logger();
        let is_below = |name: &String| {
            logger
                .strip_prefix(&**name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // The last nanosecond of all is before no time.
        time >= since
            && (time < until || until == i64::MAX)
            && self.level.is_none_or(|level| record.level().is_at_least(level))
            && (self.logger.is_empty() || self.logger.iter().any(is_below))
    }

    fn formatter(&self, zone: &str) -> Result<Box<dyn Format>, Error> {
        if self.json {
            return Ok(Box::new(JsonFormatter::new()));
        }
        let mut builder = Formatter::builder();
        builder = match &self.format {
            Some(pattern) => builder.pattern(pattern).style(self.style),
            None => builder.pattern(PATTERN).date_format(DATE_FORMAT),
        };
        if let Some(format) = &self.datefmt {
            builder = builder.date_format(format);
        }
        builder = match (&self.zone, self.utc) {
            (Some(zone), _) => builder.zone(zone),
            (None, true) => builder.utc(),
            (None, false) if zone.is_empty() => builder.local(),
            (None, false) => builder.zone(zone),
        };
        Ok(Box::new(builder.build()?))
    }
}

/// Lines are handed on in parts of this size: a part is written while it is still in the caches.
const PART_BYTES: usize = 120 << 10;

/// Makes lines of blocks: one for each thread that does.
pub(crate) struct Shower<'o> {
    options: &'o ShowOptions,
    format: Option<(String, Box<dyn Format>)>,
}

/// What became of a block.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// Records that could not be formatted, and why the first could not.
    pub(crate) unformatted: u64,
    pub(crate) why: Option<String>,
    /// What was wrong with the block itself.
    pub(crate) damage: Option<String>,
}

impl<'o> Shower<'o> {
    pub(crate) fn new(options: &'o ShowOptions) -> Self {
        Self { options, format: None }
    }

    /// Checks the options before anything is read.
    pub(crate) fn check(options: &ShowOptions) -> Result<(), Error> {
        options.formatter("").map(drop)
    }

    /// Appends the lines of a block, and lends them to `part` now and then, which may take them.
    pub(crate) fn lines(
        &mut self,
        block: &BinaryBlock,
        out: &mut Vec<u8>,
        mut part: impl FnMut(&mut Vec<u8>),
    ) -> Shown {
        let mut shown = Shown::default();
        if self.format.as_ref().is_none_or(|(zone, _)| zone != block.zone()) {
            let made = self.options.formatter(block.zone());
            // A zone that this machine does not know.
            let made = made.or_else(|_| self.options.formatter(""));
            match made {
                Ok(format) => self.format = Some((block.zone().to_owned(), format)),
                Err(error) => {
                    shown.unformatted = block.records();
                    shown.why = Some(error.to_string());
                    return shown;
                }
            }
        }
        let Some((_, format)) = &self.format else { return shown };
        let grep = self.options.grep.as_deref().map(str::as_bytes);
        let done = block.for_each(|record| {
            if !self.options.wants(record) {
                return;
            }
            let start = out.len();
            if let Err(error) = format.format(record, out) {
                out.truncate(start);
                shown.unformatted += 1;
                shown.why.get_or_insert_with(|| error.to_string());
                return;
            }
            if grep.is_some_and(|text| !contains(&out[start..], text)) {
                return out.truncate(start);
            }
            out.push(b'\n');
            if out.len() >= PART_BYTES {
                part(out);
            }
        });
        shown.damage = done.err().map(|error| error.to_string());
        shown
    }
}

fn contains(line: &[u8], text: &[u8]) -> bool {
    let Some(first) = text.first() else { return true };
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(text) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}

/// Reads a time, as nanoseconds since the Unix epoch.
fn time(text: &str) -> Result<i64, String> {
    let whole = |stamp: Timestamp| i64::try_from(stamp.as_nanosecond()).unwrap_or(i64::MAX);
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Ok(whole(stamp));
    }
    let local = text
        .parse::<DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)));
    if let Ok(local) = local {
        let stamp = TimeZone::system().to_timestamp(local).map_err(|error| error.to_string())?;
        return Ok(whole(stamp));
    }
    if let Ok(seconds) = text.parse::<f64>() {
        let nanos = seconds * 1e9;
        return if nanos.abs() < 9e18 { Ok(nanos as i64) } else { Err("out of range".into()) };
    }
    if let Ok(back) = text.parse::<SignedDuration>() {
        return Timestamp::now().checked_sub(back).map(whole).map_err(|error| error.to_string());
    }
    Err("expected a time such as 2026-11-20T13:05:22Z, seconds since 1970, or 90m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_each_form() {
        assert_eq!(time("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000_000_000));
        assert_eq!(time("1700000000.5"), Ok(1_700_000_000_500_000_000));
        let back = time("90m").unwrap() - time("1h 30 minutes").unwrap();
        assert!(back.abs() < 1_000_000_000, "{back}");
        assert!(time("2023-11-14 22:13").is_ok() && time("2023-11-14").is_ok());
        assert!(time("yesterday").is_err() && time("1e300").is_err());
    }

    #[test]
    fn a_text_is_found_wherever_it_stands() {
        assert!(contains(b"aab", b"ab") && contains(b"x", b"") && contains(b"ab", b"ab"));
        assert!(!contains(b"aac", b"ab") && !contains(b"a", b"ab"));
    }
}
