//! `strftime` as the C library writes it in the C locale, compiled once.

use super::civil::Civil;
use std::fmt::Write as _;

const DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Wide enough for any use, too narrow to take all memory.
const MOST: usize = 1000;

/// A piece of a date format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Item(Item),
    /// The fraction of the second, so many digits, cut off.
    Fraction(usize),
}

/// A directive with the C library's flags and width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Item {
    letter: u8,
    /// `_`, `-` or `0`: what pads, in place of the directive's own choice.
    pad: Option<u8>,
    /// `^`
    upper: bool,
    /// `#`
    swap: bool,
    width: usize,
}

impl Item {
    const fn of(letter: u8) -> Self {
        Self { letter, pad: None, upper: false, swap: false, width: 0 }
    }
}

/// A moment, taken apart.
pub(super) struct Moment<'a> {
    pub(super) civil: Civil,
    /// Seconds since the Unix epoch.
    pub(super) second: i64,
    /// Seconds east of UTC.
    pub(super) offset: i32,
    pub(super) zone: &'a str,
}

/// Cuts a format into pieces. `%f` (microseconds), `%3f`, `%6f` and `%9f` are fractions if
/// `fractions` is set, and stand for themselves otherwise, as unknown directives do.
pub(super) fn compile(format: &str, fractions: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        let directive = &rest[at..];
        let (piece, length) = directive_at(directive, fractions);
        match piece {
            Some(piece) => {
                if !text.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                }
                pieces.push(piece);
            }
            None => text.push_str(&standing_for_itself(&directive[..length])),
        }
        rest = &directive[length..];
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// What is no directive, as the C library shows it: padded, and in upper case, if its flags say so.
fn standing_for_itself(text: &str) -> String {
    let rest = text.trim_start_matches('%');
    let flags = &rest[..rest.len() - rest.trim_start_matches(['_', '-', '0', '^', '#']).len()];
    let digits = rest[flags.len()..].bytes().take_while(u8::is_ascii_digit).count();
    let width = rest[flags.len()..flags.len() + digits].parse().unwrap_or(0).min(MOST);
    let fill = match flags.chars().rfind(|flag| matches!(flag, '_' | '-' | '0')) {
        Some('0') => '0',
        _ => ' ',
    };
    let mut shown = String::new();
    shown.extend(std::iter::repeat_n(fill, width.saturating_sub(text.chars().count())));
    match flags.contains('^') {
        true => shown.push_str(&text.to_ascii_uppercase()),
        false => shown.push_str(text),
    }
    shown
}

/// Reads one directive; gives its length, and nothing if it stands for itself.
fn directive_at(text: &str, fractions: bool) -> (Option<Piece>, usize) {
    let bytes = text.as_bytes();
    let mut item = Item::of(0);
    let mut at = 1;
    while let Some(flag @ (b'_' | b'-' | b'0' | b'^' | b'#')) = bytes.get(at) {
        match flag {
            b'^' => item.upper = true,
            b'#' => item.swap = true,
            pad => item.pad = Some(*pad),
        }
        at += 1;
    }
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        item.width = (item.width * 10 + usize::from(digit - b'0')).min(MOST);
        at += 1;
    }
    // Modifiers for other calendars and digits, which the C locale does not have; directives that
    // could not have them stand for themselves.
    let without: &[u8] = match bytes.get(at) {
        Some(b'E') => b"aAbBdDeFgGhHIjklmMSUVwW",
        Some(b'O') => b"aAcDFxXY",
        _ => b"",
    };
    if let Some(b'E' | b'O') = bytes.get(at) {
        at += 1;
    }
    let Some(letter) = bytes.get(at) else { return (None, text.len()) };
    let length = at + text[at..].chars().next().map_or(1, char::len_utf8);
    if *letter == b'f' && fractions {
        let digits = if item.width == 0 { 6 } else { item.width.min(9) };
        return (Some(Piece::Fraction(digits)), length);
    }
    let known = b"aAbBcCdDeFgGhHIjklmMnpPrRsStTuUVwWxXyYzZ%".contains(letter);
    if known && !without.contains(letter) {
        item.letter = *letter;
        return (Some(Piece::Item(item)), length);
    }
    (None, length)
}

/// Appends what a directive stands for.
pub(super) fn push(item: Item, moment: &Moment<'_>, out: &mut String) {
    let civil = &moment.civil;
    let sunday_based = i64::from(civil.weekday);
    let monday_based = (sunday_based + 6) % 7;
    let day_of_year = i64::from(civil.day_of_year);
    let hour = i64::from(civil.hour);
    let hour_of_12 = (hour + 11) % 12 + 1;
    let year = civil.year;
    let mut number =
        |value: i64, digits: usize, pad: u8| push_number(item, value, digits, pad, out);
    match item.letter {
        b'd' => number(i64::from(civil.day), 2, b'0'),
        b'e' => number(i64::from(civil.day), 2, b'_'),
        b'm' => number(i64::from(civil.month), 2, b'0'),
        b'y' => number(year.rem_euclid(100), 2, b'0'),
        b'Y' => number(year, 0, b'0'),
        b'C' => number(year.div_euclid(100), 1, b'0'),
        b'j' => number(day_of_year, 3, b'0'),
        b'H' => number(hour, 2, b'0'),
        b'k' => number(hour, 2, b'_'),
        b'I' => number(hour_of_12, 2, b'0'),
        b'l' => number(hour_of_12, 2, b'_'),
        b'M' => number(i64::from(civil.minute), 2, b'0'),
        b'S' => number(i64::from(civil.second), 2, b'0'),
        b's' => number(moment.second, 0, b'0'),
        b'u' => number(monday_based + 1, 1, b'0'),
        b'w' => number(sunday_based, 1, b'0'),
        b'U' => number((day_of_year + 6 - sunday_based) / 7, 2, b'0'),
        b'W' => number((day_of_year + 6 - monday_based) / 7, 2, b'0'),
        b'V' => number(i64::from(civil.iso_week().1), 2, b'0'),
        b'G' => number(civil.iso_week().0, 0, b'0'),
        b'g' => number(civil.iso_week().0.rem_euclid(100), 2, b'0'),
        b'a' => push_text(item, &day_name(civil)[..3], out),
        b'A' => push_text(item, day_name(civil), out),
        b'b' | b'h' => push_text(item, &month_name(civil)[..3], out),
        b'B' => push_text(item, month_name(civil), out),
        b'p' | b'P' => {
            let lower = item.letter == b'P' || item.swap;
            let text = match (hour < 12, lower) {
                (true, false) => "AM",
                (false, false) => "PM",
                (true, true) => "am",
                (false, true) => "pm",
            };
            push_text(Item { swap: false, upper: item.upper && !lower, ..item }, text, out);
        }
        b'Z' if item.swap => push_text(
            Item { swap: false, upper: false, ..item },
            &moment.zone.to_ascii_lowercase(),
            out,
        ),
        b'Z' => push_text(item, moment.zone, out),
        b'z' => {
            // Padded before the sign and behind it, as the C library does.
            let fill = if matches!(item.pad, None | Some(b'_' | b'-')) { ' ' } else { '0' };
            out.extend(std::iter::repeat_n(fill, item.width.saturating_sub(1)));
            out.push(if moment.offset < 0 { '-' } else { '+' });
            let minutes = i64::from(moment.offset.unsigned_abs() / 60);
            let value = minutes / 60 * 100 + minutes % 60;
            let item = if item.pad == Some(b'-') { Item { width: 0, ..item } } else { item };
            push_number(item, value, 4, b'0', out);
        }
        b'n' => push_text(item, "\n", out),
        b't' => push_text(item, "\t", out),
        b'%' => push_text(item, "%", out),
        b'c' => compound(item, "%a %b %e %H:%M:%S %Y", moment, out),
        b'x' | b'D' => compound(item, "%m/%d/%y", moment, out),
        b'X' | b'T' => compound(item, "%H:%M:%S", moment, out),
        b'r' => compound(item, "%I:%M:%S %p", moment, out),
        b'R' => compound(item, "%H:%M", moment, out),
        _ => compound(item, "%Y-%m-%d", moment, out),
    }
}

fn push_number(item: Item, value: i64, digits: usize, pad: u8, out: &mut String) {
    let digits = digits.max(item.width);
    let _ = match item.pad.unwrap_or(pad) {
        b'-' => write!(out, "{value:>width$}", width = item.width),
        b'_' => write!(out, "{value:>digits$}"),
        _ => write!(out, "{value:0>digits$}"),
    };
}

fn push_text(item: Item, text: &str, out: &mut String) {
    let fill = if item.pad == Some(b'0') { '0' } else { ' ' };
    out.extend(std::iter::repeat_n(fill, item.width.saturating_sub(text.chars().count())));
    match item.upper || item.swap {
        true => out.push_str(&text.to_uppercase()),
        false => out.push_str(text),
    }
}

/// A directive that stands for others.
fn compound(item: Item, format: &str, moment: &Moment<'_>, out: &mut String) {
    let mut text = String::new();
    for piece in compile(format, false) {
        match piece {
            Piece::Text(literal) => text.push_str(&literal),
            Piece::Item(inner) => push(inner, moment, &mut text),
            Piece::Fraction(_) => {}
        }
    }
    push_text(Item { swap: false, ..item }, &text, out);
}

fn day_name(civil: &Civil) -> &'static str {
    DAYS[usize::from(civil.weekday)]
}

fn month_name(civil: &Civil) -> &'static str {
    MONTHS[usize::from(civil.month) - 1]
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::{DateTime, date};
    use jiff::tz::Offset;

    fn shown(format: &str, civil: DateTime) -> String {
        let civil = Civil::of(Offset::UTC.to_timestamp(civil).unwrap().as_second());
        let moment = Moment { civil, second: 1_699_168_400, offset: -5 * 3600, zone: "EST" };
        let mut out = String::new();
        for piece in compile(format, false) {
            match piece {
                Piece::Text(text) => out.push_str(&text),
                Piece::Item(item) => push(item, &moment, &mut out),
                Piece::Fraction(_) => unreachable!(),
            }
        }
        out
    }

    #[test]
    fn every_directive_reads_as_the_c_library_writes_it() {
        let civil = date(2023, 11, 5).at(7, 13, 20, 0);
        for (format, expected) in [
            ("%Y-%m-%dT%H:%M:%S%z", "2023-11-05T07:13:20-0500"),
            ("%y|%j|%a %A|%b %B|%h", "23|309|Sun Sunday|Nov November|Nov"),
            ("%I %p %P|%k|%l|%e", "07 AM am| 7| 7| 5"),
            ("%U %W %w %u", "45 44 0 7"),
            ("%G-%V-%g|%C", "2023-44-23|20"),
            (
                "%c|%x|%X|%D|%F|%r|%R|%T",
                "Sun Nov  5 07:13:20 2023|11/05/23|07:13:20|11/05/23|2023-11-05|07:13:20 AM|07:13|07:13:20",
            ),
            ("%s %Z %n%t%%", "1699168400 EST \n\t%"),
            ("%-d|%_d|%010d|%10d|%5Y|%_5S|%-j", "5| 5|0000000005|0000000005|02023|   20|309"),
            ("%^a|%#b|%#p|%#Z|%^10B|%5a|%05a", "SUN|NOV|am|est|  NOVEMBER|  Sun|00Sun"),
            ("%^c", "SUN NOV  5 07:13:20 2023"),
            ("%Ey|%Od|%EY", "23|05|2023"),
            ("%f|%Q|%+|%N|%:z|%é|%", "%f|%Q|%+|%N|%:z|%é|%"),
            ("%-m/%-d %5F", "11/5 2023-11-05"),
        ] {
            assert_eq!(shown(format, civil), expected, "{format}");
        }
        let civil = date(2024, 2, 29).at(0, 0, 0, 0);
        assert_eq!(shown("%j %U %W %w %I %p %V", civil), "060 08 09 4 12 AM 09");
        let civil = date(2027, 1, 2).at(12, 0, 0, 0);
        assert_eq!(shown("%G-W%V-%u %U %W %I %p", civil), "2026-W53-6 00 00 12 PM");
    }

    #[test]
    fn fractions_are_read_only_where_they_are_wanted() {
        assert_eq!(compile("%f", true), [Piece::Fraction(6)]);
        assert_eq!(compile("%3f", true), [Piece::Fraction(3)]);
        assert_eq!(compile("a%f", false), [Piece::Text("a%f".into())]);
    }
}
