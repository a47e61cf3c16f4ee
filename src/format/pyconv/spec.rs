//! Format specifications: what stands behind the colon in `{levelname:>8}`.

use super::{Int, MOST, Py, fault, float, repr};
use crate::decode::Value;
use crate::error::Error;

/// A parsed specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Spec {
    fill: char,
    align: Option<u8>,
    sign: Option<u8>,
    no_negative_zero: bool,
    alternate: bool,
    width: usize,
    grouping: Option<u8>,
    precision: Option<usize>,
    kind: Option<char>,
}

/// Appends `format(value, spec)`.
///
/// # Errors
///
/// With CPython's text, if the specification is malformed or does not suit the value.
pub(crate) fn format(value: Value<'_>, spec: &str, out: &mut Vec<u8>) -> Result<(), Error> {
    let value = Py::of(value);
    let mut text = String::new();
    if spec.is_empty() {
        match value {
            Py::Str(text) => out.extend_from_slice(text.as_bytes()),
            value => {
                repr::str_of_py(value, &mut text);
                out.extend_from_slice(text.as_bytes());
            }
        }
        return Ok(());
    }
    match &value {
        Py::Str(text) => string(text, &Spec::parse(spec, &value, b'<')?, &value, out),
        Py::Other(_) => {
            repr::str_of_py(value.clone(), &mut text);
            string(&text, &Spec::parse(spec, &value, b'<')?, &value, out)
        }
        Py::Int(_) | Py::Bool(_) => {
            let parsed = Spec::parse(spec, &value, b'>')?;
            match parsed.kind {
                None | Some('b' | 'c' | 'd' | 'o' | 'x' | 'X' | 'n') => {
                    integer(value.as_int().unwrap_or(0.into()), &parsed, out)
                }
                Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%') => {
                    floating(value.as_f64().unwrap_or(0.0), &parsed, out);
                    Ok(())
                }
                Some(kind) => Err(unknown_code(kind, &value)),
            }
        }
        Py::Float(number) => {
            let parsed = Spec::parse(spec, &value, b'>')?;
            match parsed.kind {
                None | Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | 'n' | '%') => {
                    floating(*number, &parsed, out);
                    Ok(())
                }
                Some(kind) => Err(unknown_code(kind, &value)),
            }
        }
        _ => Err(fault(format!(
            "unsupported format string passed to {}.__format__",
            value.type_name()
        ))),
    }
}

fn unknown_code(kind: char, value: &Py<'_>) -> Error {
    let shown = match kind {
        '!'..='~' => kind.to_string(),
        _ => format!("\\x{:x}", u32::from(kind)),
    };
    fault(format!("Unknown format code '{shown}' for object of type '{}'", value.type_name()))
}

/// Takes decimal digits from the front.
fn number(rest: &mut &[char]) -> Result<Option<usize>, Error> {
    let digits = rest.iter().take_while(|each| each.is_ascii_digit()).count();
    if digits == 0 {
        return Ok(None);
    }
    let text: String = rest[..digits].iter().collect();
    *rest = &rest[digits..];
    match text.parse() {
        Ok(number) if number <= MOST => Ok(Some(number)),
        _ => Err(fault("Too many decimal digits in format string")),
    }
}

impl Spec {
    fn parse(text: &str, value: &Py<'_>, default_align: u8) -> Result<Self, Error> {
        let all: Vec<char> = text.chars().collect();
        let mut rest = &all[..];
        let mut this = Self {
            fill: ' ',
            align: None,
            sign: None,
            no_negative_zero: false,
            alternate: false,
            width: 0,
            grouping: None,
            precision: None,
            kind: None,
        };
        let is_align = |each: &char| matches!(each, '<' | '>' | '=' | '^');
        let mut fill_given = false;
        if rest.get(1).is_some_and(is_align) {
            (this.fill, this.align, fill_given) = (rest[0], Some(rest[1] as u8), true);
            rest = &rest[2..];
        } else if rest.first().is_some_and(is_align) {
            this.align = Some(rest[0] as u8);
            rest = &rest[1..];
        }
        let mut take = |wanted: &[char]| match rest.first() {
            Some(each) if wanted.contains(each) => {
                rest = &rest[1..];
                Some(*each as u8)
            }
            _ => None,
        };
        this.sign = take(&[' ', '+', '-']);
        this.no_negative_zero = take(&['z']).is_some();
        this.alternate = take(&['#']).is_some();
        if !fill_given && take(&['0']).is_some() {
            this.fill = '0';
            if this.align.is_none() && default_align == b'>' {
                this.align = Some(b'=');
            }
        }
        this.width = number(&mut rest)?.unwrap_or(0);
        for wanted in [',', '_'] {
            if rest.first() == Some(&wanted) {
                if this.grouping.is_some() {
                    return Err(fault("Cannot specify both ',' and '_'."));
                }
                this.grouping = Some(wanted as u8);
                rest = &rest[1..];
            }
        }
        if rest.first() == Some(&',') {
            let text = match this.grouping {
                Some(b'_') => "Cannot specify both ',' and '_'.",
                _ => "Cannot specify ',' with ','.",
            };
            return Err(fault(text));
        }
        if rest.first() == Some(&'.') {
            rest = &rest[1..];
            let missing = || fault("Format specifier missing precision");
            this.precision = Some(number(&mut rest)?.ok_or_else(missing)?);
        }
        if rest.len() > 1 {
            return Err(fault(format!(
                "Invalid format specifier '{text}' for object of type '{}'",
                value.type_name()
            )));
        }
        this.kind = rest.first().copied();
        this.align = this.align.or(Some(default_align));
        if let (Some(grouping), Some(kind)) = (this.grouping, this.kind_or_default(value)) {
            let grouping = char::from(grouping);
            match kind {
                'd' | 'e' | 'f' | 'g' | 'E' | 'G' | '%' | 'F' => {}
                'b' | 'o' | 'x' | 'X' if grouping == '_' => {}
                '!'..='~' => {
                    return Err(fault(format!("Cannot specify '{grouping}' with '{kind}'.")));
                }
                _ => {
                    let code = u32::from(kind);
                    return Err(fault(format!("Cannot specify '{grouping}' with '\\x{code:x}'.")));
                }
            }
        }
        Ok(this)
    }

    fn kind_or_default(&self, value: &Py<'_>) -> Option<char> {
        self.kind.or(match value {
            Py::Str(_) | Py::Other(_) => Some('s'),
            Py::Int(_) | Py::Bool(_) => Some('d'),
            _ => None,
        })
    }
}

fn push_fill(fill: char, count: usize, out: &mut Vec<u8>) {
    let mut buffer = [0; 4];
    let fill = fill.encode_utf8(&mut buffer).as_bytes();
    for _ in 0..count {
        out.extend_from_slice(fill);
    }
}

/// How much padding stands before and behind.
fn split(align: Option<u8>, padding: usize) -> (usize, usize) {
    match align {
        Some(b'>') => (padding, 0),
        Some(b'^') => (padding / 2, padding - padding / 2),
        _ => (0, padding),
    }
}

fn string(text: &str, spec: &Spec, value: &Py<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    match spec.kind {
        None | Some('s') => {}
        Some(kind) => return Err(unknown_code(kind, value)),
    }
    let refused = match spec {
        Spec { sign: Some(b' '), .. } => "Space not allowed",
        Spec { sign: Some(_), .. } => "Sign not allowed",
        Spec { no_negative_zero: true, .. } => "Negative zero coercion (z) not allowed",
        Spec { alternate: true, .. } => "Alternate form (#) not allowed",
        Spec { align: Some(b'='), .. } => "'=' alignment not allowed",
        _ => "",
    };
    if !refused.is_empty() {
        return Err(fault(format!("{refused} in string format specifier")));
    }
    let cut = spec.precision.and_then(|precision| text.char_indices().nth(precision));
    let text = cut.map_or(text, |(end, _)| &text[..end]);
    let (before, behind) = split(spec.align, spec.width.saturating_sub(text.chars().count()));
    push_fill(spec.fill, before, out);
    out.extend_from_slice(text.as_bytes());
    push_fill(spec.fill, behind, out);
    Ok(())
}

/// A number in its parts: `-`, `0x`, `12`, `.5e+3`.
struct Parts<'a> {
    negative: bool,
    prefix: &'a str,
    digits: &'a str,
    rest: &'a str,
}

fn place(number: &Parts<'_>, spec: &Spec, group: usize, out: &mut Vec<u8>) {
    let sign = match (number.negative, spec.sign) {
        (true, _) => Some(b'-'),
        (false, Some(sign @ (b'+' | b' '))) => Some(sign),
        _ => None,
    };
    let others = usize::from(sign.is_some()) + number.prefix.len() + number.rest.len();
    let least = match (spec.fill, spec.align) {
        ('0', Some(b'=')) => spec.width.saturating_sub(others),
        _ => 0,
    };
    let digits = match spec.grouping {
        Some(separator) if !number.digits.is_empty() => {
            grouped(number.digits, char::from(separator), group, least)
        }
        _ if number.digits.is_empty() => String::new(),
        // Not with `format!`, whose widths end at 65 535.
        _ => "0".repeat(least.saturating_sub(number.digits.len())) + number.digits,
    };
    let padding = spec.width.saturating_sub(others + digits.len());
    let (before, behind) = match spec.align {
        Some(b'=') => (0, 0),
        align => split(align, padding),
    };
    push_fill(spec.fill, before, out);
    out.extend(sign);
    out.extend_from_slice(number.prefix.as_bytes());
    if spec.align == Some(b'=') {
        push_fill(spec.fill, padding, out);
    }
    out.extend_from_slice(digits.as_bytes());
    out.extend_from_slice(number.rest.as_bytes());
    push_fill(spec.fill, behind, out);
}

/// Digits in groups, padded with zeros (and their separators) to at least `least` characters.
fn grouped(digits: &str, separator: char, group: usize, least: usize) -> String {
    let mut reversed = String::new();
    let mut left = digits.len();
    let mut wanted = least;
    let mut source = digits.bytes().rev();
    loop {
        let length = group.min(left.max(wanted).max(1));
        for _ in 0..length {
            reversed.push(char::from(source.next().unwrap_or(b'0')));
        }
        left = left.saturating_sub(length);
        wanted = wanted.saturating_sub(length);
        if left == 0 && wanted == 0 {
            break;
        }
        reversed.push(separator);
        wanted = wanted.saturating_sub(1);
    }
    reversed.chars().rev().collect()
}

fn integer(value: Int, spec: &Spec, out: &mut Vec<u8>) -> Result<(), Error> {
    if spec.precision.is_some() {
        return Err(fault("Precision not allowed in integer format specifier"));
    }
    if spec.no_negative_zero {
        let text = "Negative zero coercion (z) not allowed in integer format specifier";
        return Err(fault(text));
    }
    let Int { negative, magnitude } = value;
    let (digits, prefix, group) = match spec.kind {
        Some('c') => {
            if spec.sign.is_some() {
                return Err(fault("Sign not allowed with integer format specifier 'c'"));
            }
            if spec.alternate {
                let text = "Alternate form (#) not allowed with integer format specifier 'c'";
                return Err(fault(text));
            }
            if magnitude > i64::MAX as u128 + u128::from(negative) {
                return Err(fault("Python int too large to convert to C long"));
            }
            let code = u32::try_from(magnitude).ok().filter(|code| !negative && *code < 0x11_0000);
            let code = code.ok_or_else(|| fault("%c arg not in range(0x110000)"))?;
            let each = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
            let align = if spec.align == Some(b'=') { Some(b'>') } else { spec.align };
            let (before, behind) = split(align, spec.width.saturating_sub(1));
            push_fill(spec.fill, before, out);
            push_fill(each, 1, out);
            push_fill(spec.fill, behind, out);
            return Ok(());
        }
        Some('b') => (format!("{magnitude:b}"), "0b", 4),
        Some('o') => (format!("{magnitude:o}"), "0o", 4),
        Some('x') => (format!("{magnitude:x}"), "0x", 4),
        Some('X') => (format!("{magnitude:X}"), "0X", 4),
        _ => (magnitude.to_string(), "", 3),
    };
    let prefix = if spec.alternate { prefix } else { "" };
    place(&Parts { negative, prefix, digits: &digits, rest: "" }, spec, group, out);
    Ok(())
}

fn floating(value: f64, spec: &Spec, out: &mut Vec<u8>) {
    let mut text = String::new();
    let (value, percent) = match spec.kind {
        Some('%') => (value * 100.0, "%"),
        _ => (value, ""),
    };
    match (spec.kind, spec.precision) {
        (None, None) => float::push_repr_form(value, spec.alternate, &mut text),
        (None, Some(precision)) => {
            float::push_general(value, precision, spec.alternate, true, &mut text);
        }
        (Some(kind), precision) => {
            let kind = match kind {
                'n' => b'g',
                '%' => b'f',
                kind => kind as u8,
            };
            float::push(value, kind, precision.unwrap_or(6), spec.alternate, &mut text);
        }
    }
    text.push_str(percent);
    let mut negative = text.starts_with('-');
    let shown = if negative { &text[1..] } else { &text[..] };
    if spec.no_negative_zero
        && negative
        && !shown
            .split(['e', 'E'])
            .next()
            .unwrap_or("")
            .bytes()
            .any(|each| matches!(each, b'1'..=b'9'))
        && !shown.starts_with(['i', 'I'])
    {
        negative = false;
    }
    let whole = shown.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = shown.split_at(whole);
    place(&Parts { negative, prefix: "", digits, rest }, spec, 3, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ValueBuf;

    fn shown(value: ValueBuf, spec: &str) -> String {
        let mut out = Vec::new();
        match format(value.get(), spec, &mut out) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => format!("! {error}"),
        }
    }

    fn check(value: ValueBuf, cases: &[(&str, &str)]) {
        for (spec, expected) in cases {
            assert_eq!(shown(value.clone(), spec), *expected, "{value:?} with {spec:?}");
        }
    }

    #[test]
    fn strings_follow_cpython() {
        check(
            ValueBuf::of("xyé"),
            &[
                ("", "xyé"),
                (">8", "     xyé"),
                ("*^12", "****xyé*****"),
                (".2", "xy"),
                ("😀<5.1s", "x😀😀😀😀"),
                ("05", "xyé00"),
                ("5z5", "! Invalid format specifier '5z5' for object of type 'str'"),
                ("+", "! Sign not allowed in string format specifier"),
                (" ", "! Space not allowed in string format specifier"),
                ("#", "! Alternate form (#) not allowed in string format specifier"),
                ("=5", "! '=' alignment not allowed in string format specifier"),
                ("d", "! Unknown format code 'd' for object of type 'str'"),
                (",", "! Cannot specify ',' with 's'."),
                ("99999999999999999999", "! Too many decimal digits in format string"),
            ],
        );
    }

    #[test]
    fn integers_follow_cpython() {
        check(
            ValueBuf::of(&1234567),
            &[
                ("+,", "+1,234,567"),
                ("_x", "12_d687"),
                ("#x", "0x12d687"),
                ("<12d", "1234567     "),
                ("^11", "  1234567  "),
                (".2f", "1234567.00"),
                ("%", "123456700.000000%"),
                ("n", "1234567"),
                (".2d", "! Precision not allowed in integer format specifier"),
                ("z", "! Negative zero coercion (z) not allowed in integer format specifier"),
                ("s", "! Unknown format code 's' for object of type 'int'"),
                ("é", "! Unknown format code '\\xe9' for object of type 'int'"),
                (",x", "! Cannot specify ',' with 'x'."),
                (",_", "! Cannot specify both ',' and '_'."),
                ("_,", "! Cannot specify both ',' and '_'."),
                ("abc", "! Invalid format specifier 'abc' for object of type 'int'"),
            ],
        );
        check(ValueBuf::of(&-70000), &[("=+#12_x", "-0x   1_1170"), ("012,", "-000,070,000")]);
        check(
            ValueBuf::of(&5),
            &[
                ("012_b", "00_0000_0101"),
                ("+c", "! Sign not allowed with integer format specifier 'c'"),
            ],
        );
        check(ValueBuf::of(&1234), &[("010,", "00,001,234"), ("05d", "01234")]);
        check(ValueBuf::of(&true), &[("", "True"), ("5", "    1")]);
    }

    #[test]
    fn floats_follow_cpython() {
        check(
            ValueBuf::of(&1234.5),
            &[
                ("", "1234.5"),
                (".3", "1.23e+03"),
                ("+010,.2f", "+01,234.50"),
                ("g", "1234.5"),
                ("#.3g", "1.23e+03"),
                ("10.1f", "    1234.5"),
                ("d", "! Unknown format code 'd' for object of type 'float'"),
                (".", "! Format specifier missing precision"),
            ],
        );
        check(
            ValueBuf::of(&5.0),
            &[(".1", "5e+00"), ("#", "5.0"), ("#.0f", "5."), ("03.0f", "005")],
        );
        check(ValueBuf::of(&1e16), &[("", "1e+16"), (",", "1e+16"), ("15", "          1e+16")]);
        check(ValueBuf::of(&f64::INFINITY), &[("010", "0000000inf"), ("+F", "+INF"), (",", "inf")]);
        check(ValueBuf::of(&-0.01), &[("z.1f", "0.0"), (".1f", "-0.0")]);
    }

    #[test]
    fn other_types_take_no_specification() {
        check(
            ValueBuf::none(),
            &[("", "None"), ("5", "! unsupported format string passed to NoneType.__format__")],
        );
        check(
            ValueBuf::list([]),
            &[("", "[]"), ("s", "! unsupported format string passed to list.__format__")],
        );
    }
}
