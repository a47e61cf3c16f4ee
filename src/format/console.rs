//! Lines for people at a terminal.

use super::neutral::{self, Breaks};
use super::time::{TimeText, TimeTextOptions};
use super::{Format, logfmt};
use crate::error::Error;
use crate::level::Level;
use crate::record::LogRecord;
use std::fmt;
use std::io::IsTerminal;

/// Writes lines for people: time of day, level, logger, message, fields; in colours where the
/// stream is a terminal.
///
/// ```text
/// 06:12:03.123 INFO     shop.cart added 7 user_id=7
/// ```
///
/// Whether there are colours is decided by the stream that the lines go to, once, when the
/// formatter is made: [`stdout`](Self::stdout), [`stderr`](Self::stderr), or
/// [`for_stream`](Self::for_stream). So give each handler a formatter of its own. The rules, first
/// match first:
///
/// | condition | colours |
/// | --- | --- |
/// | `NO_COLOR` is set and not empty | no |
/// | `CLICOLOR_FORCE` is set, not empty and not `0` | yes |
/// | `TERM` is `dumb`, or `CLICOLOR` is `0` | no |
/// | the stream is a terminal | yes |
/// | otherwise | no |
///
/// Values are neutralised as the pattern formatter does; the only escape sequences in a line are
/// the formatter's own.
///
/// # Examples
///
/// ```
/// use sawmill::{ConsoleFormatter, FormatterRef};
///
/// let formatter = FormatterRef::new(ConsoleFormatter::stderr());
/// let plain = FormatterRef::new(ConsoleFormatter::with_colors(false));
/// # let _ = (formatter, plain);
/// ```
pub struct ConsoleFormatter {
    time: TimeText,
    colors: bool,
}

impl ConsoleFormatter {
    /// Makes the formatter for a handler that writes to standard output.
    pub fn stdout() -> Self {
        Self::for_stream(&std::io::stdout())
    }

    /// Makes the formatter for a handler that writes to standard error.
    pub fn stderr() -> Self {
        Self::for_stream(&std::io::stderr())
    }

    /// Makes the formatter for a handler that writes to this stream.
    pub fn for_stream(stream: &impl IsTerminal) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        Self::with_colors(wants_colors(variable, stream.is_terminal()))
    }

    /// Makes the formatter with or without colours, whatever the environment says.
    pub fn with_colors(colors: bool) -> Self {
        let date_format = Some("%H:%M:%S.%3f".to_owned());
        let options = TimeTextOptions { date_format, ..TimeTextOptions::default() };
        Self { time: TimeText::new(&options), colors }
    }

    /// Returns true if lines are coloured.
    pub fn has_colors(&self) -> bool {
        self.colors
    }

    fn paint(&self, color: &str, out: &mut Vec<u8>) {
        if self.colors {
            out.extend_from_slice(color.as_bytes());
        }
    }
}

const RESET: &str = "\x1b[0m";
const DIM: &str = "\x1b[2m";
const CYAN: &str = "\x1b[36m";
/// The width of `CRITICAL`.
const LEVEL_WIDTH: usize = 8;

fn color_of(level: Level) -> &'static str {
    match level.as_i32() {
        50.. => "\x1b[1;31m",
        40.. => "\x1b[31m",
        30.. => "\x1b[33m",
        20.. => "\x1b[32m",
        10.. => "\x1b[34m",
        _ => "\x1b[35m",
    }
}

fn wants_colors(variable: impl Fn(&str) -> Option<String>, is_terminal: bool) -> bool {
    let is_set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if is_set("NO_COLOR") {
        return false;
    }
    if is_set("CLICOLOR_FORCE") && variable("CLICOLOR_FORCE").as_deref() != Some("0") {
        return true;
    }
    let refused =
        variable("TERM").as_deref() == Some("dumb") || variable("CLICOLOR").as_deref() == Some("0");
    is_terminal && !refused
}

impl Format for ConsoleFormatter {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let begin = out.len();
        self.paint(DIM, out);
        self.time.write(record, out)?;
        self.paint(RESET, out);
        out.push(b' ');
        self.paint(color_of(record.level()), out);
        let start = out.len();
        out.extend_from_slice(record.level_name().as_bytes());
        neutral::neutralize(out, start, Breaks::Escape);
        let shown = String::from_utf8_lossy(&out[start..]).chars().count();
        self.paint(RESET, out);
        out.resize(out.len() + LEVEL_WIDTH.saturating_sub(shown) + 1, b' ');
        self.paint(DIM, out);
        let start = out.len();
        out.extend_from_slice(record.logger().as_bytes());
        neutral::neutralize(out, start, Breaks::Escape);
        self.paint(RESET, out);
        out.push(b' ');
        let start = out.len();
        record.write_message(out)?;
        neutral::neutralize(out, start, Breaks::Indent);
        record.for_each_field(|key, value| {
            out.push(b' ');
            self.paint(CYAN, out);
            logfmt::push_key(key, out);
            self.paint(RESET, out);
            out.push(b'=');
            logfmt::push_value(value, out);
        });
        super::write_trailing_text(record, begin, true, out);
        Ok(())
    }
}

impl fmt::Debug for ConsoleFormatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsoleFormatter").field("colors", &self.colors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ValueBuf;
    use crate::record::sample::Sample;

    fn line(colors: bool) -> String {
        let sample = Sample {
            logger: "shop.cart".into(),
            level: Level::WARNING,
            message: "two\nlines \x1b[31m".into(),
            fields: vec![("user id".into(), ValueBuf::of("ada l"))],
            ..Sample::default()
        };
        let formatter = ConsoleFormatter::with_colors(colors);
        let mut out = Vec::new();
        sample.with(|record| formatter.format(record, &mut out)).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn without_colours_a_line_is_plain_text() {
        let shown = line(false);
        assert!(
            shown
                .ends_with(":20.000 WARNING  shop.cart two\n    lines \\x1b[31m user_id=\"ada l\""),
            "{shown:?}"
        );
        assert!(!shown.contains('\x1b'));
    }

    #[test]
    fn colours_are_closed_and_change_nothing_else() {
        let shown = line(true);
        assert!(shown.contains("\x1b[33mWARNING\x1b[0m  "), "{shown:?}");
        let mut plain = shown.clone();
        for code in [RESET, DIM, CYAN, "\x1b[33m"] {
            plain = plain.replace(code, "");
        }
        assert_eq!(plain, line(false));
        let starts = shown.matches("\x1b[").count();
        assert_eq!(starts, 2 * shown.matches(RESET).count());
    }

    #[test]
    fn the_environment_decides_in_its_order() {
        for (set, is_terminal, expected) in [
            (&[][..], true, true),
            (&[][..], false, false),
            (&[("NO_COLOR", "1")][..], true, false),
            (&[("NO_COLOR", "")][..], true, true),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")][..], true, false),
            (&[("CLICOLOR_FORCE", "1")][..], false, true),
            (&[("CLICOLOR_FORCE", "0")][..], false, false),
            (&[("TERM", "dumb")][..], true, false),
            (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")][..], false, true),
            (&[("TERM", "xterm")][..], true, true),
            (&[("CLICOLOR", "0")][..], true, false),
        ] {
            let variable = |name: &str| {
                let found = set.iter().find(|(key, _)| *key == name);
                found.map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(wants_colors(variable, is_terminal), expected, "{set:?} {is_terminal}");
        }
    }
}
