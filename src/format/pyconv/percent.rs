//! `%` conversions: `%-8s`, `%(name)08.3f`.

use super::{Int, MOST, Py, fault, float, repr};
use crate::decode::Value;
use crate::error::Error;

/// The flags of a conversion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Flags {
    /// `-`
    pub(crate) left: bool,
    /// `+`
    pub(crate) plus: bool,
    /// a space
    pub(crate) blank: bool,
    /// `#`
    pub(crate) alternate: bool,
    /// `0`
    pub(crate) zero: bool,
}

/// A width or a precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Size {
    #[default]
    None,
    Is(usize),
    /// `*`: the next argument. Whoever applies the conversion resolves it first, with
    /// [`Conversion::set_width`] and [`Conversion::set_precision`].
    Star,
}

impl Size {
    pub(crate) fn get(self) -> Option<usize> {
        match self {
            Size::Is(size) => Some(size),
            Size::None | Size::Star => None,
        }
    }
}

/// What stands behind a `%`, without the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Conversion {
    pub(crate) flags: Flags,
    pub(crate) width: Size,
    pub(crate) precision: Size,
    /// The letter, possibly not one that is supported.
    pub(crate) kind: char,
    /// Where the letter stands, in characters, for the error text.
    pub(crate) index: usize,
}

/// A conversion with the key it names, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placeholder<'a> {
    pub(crate) key: Option<&'a str>,
    pub(crate) conversion: Conversion,
}

/// A piece of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// Literal text; a `%` for `%%`.
    Text(&'a str),
    Placeholder(Placeholder<'a>),
}

/// Cuts a format into its parts, ending after the first error.
#[derive(Debug, Clone)]
pub(crate) struct Parts<'a> {
    format: &'a str,
    at: usize,
    /// How far characters were counted, in bytes, and how many they are.
    counted: (usize, usize),
    failed: bool,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(format: &'a str) -> Self {
        Self { format, at: 0, counted: (0, 0), failed: false }
    }

    fn peek(&self) -> Option<char> {
        self.format[self.at..].chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn placeholder(&mut self) -> Result<Placeholder<'a>, Error> {
        self.at += 1;
        let key = match self.peek() {
            Some('(') => Some(self.key()?),
            _ => None,
        };
        let mut flags = Flags::default();
        while let Some(next) = self.peek() {
            match next {
                '-' => flags.left = true,
                '+' => flags.plus = true,
                ' ' => flags.blank = true,
                '#' => flags.alternate = true,
                '0' => flags.zero = true,
                _ => break,
            }
            self.at += 1;
        }
        let width = self.size("width too big")?;
        let mut precision = Size::None;
        if self.peek() == Some('.') {
            self.at += 1;
            precision = match self.size("precision too big")? {
                Size::None => Size::Is(0),
                size => size,
            };
        }
        if let Some('h' | 'l' | 'L') = self.peek() {
            self.at += 1;
        }
        let (from, before) = self.counted;
        let index = before + self.format[from..self.at].chars().count();
        self.counted = (self.at, index);
        let kind = self.bump().ok_or_else(|| fault("incomplete format"))?;
        Ok(Placeholder { key, conversion: Conversion { flags, width, precision, kind, index } })
    }

    fn key(&mut self) -> Result<&'a str, Error> {
        self.at += 1;
        let start = self.at;
        let mut open = 1;
        while let Some(next) = self.bump() {
            match next {
                '(' => open += 1,
                ')' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Ok(&self.format[start..self.at - 1]);
            }
        }
        Err(fault("incomplete format key"))
    }

    fn size(&mut self, too_big: &str) -> Result<Size, Error> {
        if self.peek() == Some('*') {
            self.at += 1;
            return Ok(Size::Star);
        }
        let digits = self.format[self.at..].bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(Size::None);
        }
        let text = &self.format[self.at..self.at + digits];
        self.at += digits;
        match text.parse::<usize>() {
            Ok(size) if size <= MOST => Ok(Size::Is(size)),
            _ => Err(fault(too_big)),
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.format[self.at..];
        if rest.is_empty() || self.failed {
            return None;
        }
        if !rest.starts_with('%') {
            let end = rest.find('%').unwrap_or(rest.len());
            self.at += end;
            return Some(Ok(Part::Text(&rest[..end])));
        }
        if rest.starts_with("%%") {
            self.at += 2;
            return Some(Ok(Part::Text("%")));
        }
        let part = self.placeholder();
        self.failed = part.is_err();
        Some(part.map(Part::Placeholder))
    }
}

impl Conversion {
    /// `%s`.
    #[cfg(test)]
    pub(crate) const STR: Self = Self { kind: 's', ..Self::DECIMAL };
    /// `%d`.
    pub(crate) const DECIMAL: Self = Self {
        flags: Flags { left: false, plus: false, blank: false, alternate: false, zero: false },
        width: Size::None,
        precision: Size::None,
        kind: 'd',
        index: 1,
    };

    /// True for a bare `%s`.
    pub(crate) fn is_plain_str(&self) -> bool {
        self.kind == 's'
            && self.width == Size::None
            && self.precision == Size::None
            && self.flags == Flags::default()
    }

    /// Resolves a `*` width; a negative one asks for alignment to the left.
    ///
    /// # Errors
    ///
    /// `* wants int`, or a width out of range.
    pub(crate) fn set_width(&mut self, value: Value<'_>) -> Result<(), Error> {
        let width = Py::of(value).as_int().ok_or_else(|| fault("* wants int"))?;
        self.flags.left |= width.negative;
        self.width = Size::Is(limited(width, "width too big")?);
        Ok(())
    }

    /// Resolves a `*` precision; a negative one means 0.
    ///
    /// # Errors
    ///
    /// `* wants int`, or a precision out of range.
    pub(crate) fn set_precision(&mut self, value: Value<'_>) -> Result<(), Error> {
        let precision = Py::of(value).as_int().ok_or_else(|| fault("* wants int"))?;
        if precision.magnitude > i32::MAX as u128 + u128::from(precision.negative) {
            return Err(fault("Python int too large to convert to C int"));
        }
        let size = if precision.negative { 0 } else { limited(precision, "precision too big")? };
        self.precision = Size::Is(size);
        Ok(())
    }

    /// Appends the value, converted. A `*` that was not resolved counts as not given.
    ///
    /// # Errors
    ///
    /// With CPython's text, if the value does not suit the letter, or the letter is not known.
    pub(crate) fn apply(&self, value: Value<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        if let Value::Str(text) | Value::Text(text) = value
            && self.kind == 's'
        {
            self.place(text, false, out);
            return Ok(());
        }
        let mut text = String::new();
        let number = match self.kind {
            's' => {
                repr::str_of(value, &mut text);
                false
            }
            'r' => {
                repr::repr(value, &mut text);
                false
            }
            'a' => {
                repr::ascii(value, &mut text);
                false
            }
            'd' | 'i' | 'u' | 'o' | 'x' | 'X' => {
                self.integer(Py::of(value), &mut text)?;
                true
            }
            'e' | 'E' | 'f' | 'F' | 'g' | 'G' => {
                let value = Py::of(value);
                let number = value.as_f64().ok_or_else(|| {
                    fault(format!("must be real number, not {}", value.type_name()))
                })?;
                let precision = self.precision.get().unwrap_or(6);
                float::push(number, self.kind as u8, precision, self.flags.alternate, &mut text);
                true
            }
            'c' => {
                text.push(character(Py::of(value))?);
                false
            }
            other => {
                return Err(fault(format!(
                    "unsupported format character '{}' (0x{:x}) at index {}",
                    if (' '..='~').contains(&other) { other } else { '?' },
                    u32::from(other),
                    self.index
                )));
            }
        };
        self.place(&text, number, out);
        Ok(())
    }

    fn integer(&self, value: Py<'_>, text: &mut String) -> Result<(), Error> {
        let (negative, digits) = match (value.as_int(), &value, self.kind) {
            (Some(Int { negative, magnitude }), _, kind) => match kind {
                'o' => (negative, format!("{magnitude:o}")),
                'x' => (negative, format!("{magnitude:x}")),
                'X' => (negative, format!("{magnitude:X}")),
                _ => (negative, magnitude.to_string()),
            },
            (None, Py::Float(value), 'd' | 'i' | 'u') => {
                if value.is_nan() {
                    return Err(fault("cannot convert float NaN to integer"));
                }
                if value.is_infinite() {
                    return Err(fault("cannot convert float infinity to integer"));
                }
                let whole = value.trunc();
                (whole < 0.0, format!("{:.0}", whole.abs()))
            }
            (None, value, kind) => {
                let wanted = if matches!(kind, 'o' | 'x' | 'X') {
                    "an integer is required"
                } else {
                    "a real number is required"
                };
                return Err(fault(format!("%{kind} format: {wanted}, not {}", value.type_name())));
            }
        };
        if negative {
            text.push('-');
        }
        if self.flags.alternate && matches!(self.kind, 'o' | 'x' | 'X') {
            text.push('0');
            text.push(self.kind);
        }
        let zeros = self.precision.get().unwrap_or(0).saturating_sub(digits.len());
        text.extend(std::iter::repeat_n('0', zeros));
        text.push_str(&digits);
        Ok(())
    }

    /// Sign, prefix, padding and cutting, in CPython's order.
    fn place(&self, mut text: &str, number: bool, out: &mut Vec<u8>) {
        if matches!(self.kind, 's' | 'r' | 'a')
            && let Some(precision) = self.precision.get()
        {
            text = text.char_indices().nth(precision).map_or(text, |(end, _)| &text[..end]);
        }
        let mut sign = None;
        if number {
            sign = match text.as_bytes().first() {
                Some(sign @ (b'-' | b'+')) => {
                    text = &text[1..];
                    Some(*sign)
                }
                _ if self.flags.plus => Some(b'+'),
                _ if self.flags.blank => Some(b' '),
                _ => None,
            };
        }
        let mut prefix = "";
        if self.flags.alternate && matches!(self.kind, 'o' | 'x' | 'X') {
            (prefix, text) = text.split_at(2);
        }
        let length = text.chars().count() + prefix.len() + usize::from(sign.is_some());
        let padding = self.width.get().unwrap_or(0).saturating_sub(length);
        let zero = number && self.flags.zero;
        if !self.flags.left && !zero {
            out.resize(out.len() + padding, b' ');
        }
        out.extend(sign);
        out.extend_from_slice(prefix.as_bytes());
        if !self.flags.left && zero {
            out.resize(out.len() + padding, b'0');
        }
        out.extend_from_slice(text.as_bytes());
        if self.flags.left {
            out.resize(out.len() + padding, b' ');
        }
    }
}

fn limited(value: Int, too_big: &str) -> Result<usize, Error> {
    match usize::try_from(value.magnitude) {
        Ok(size) if size <= MOST => Ok(size),
        _ => Err(fault(too_big)),
    }
}

fn character(value: Py<'_>) -> Result<char, Error> {
    if let Py::Str(text) = &value {
        let mut each = text.chars();
        if let (Some(only), None) = (each.next(), each.next()) {
            return Ok(only);
        }
    }
    let Some(Int { negative, magnitude }) = value.as_int() else {
        return Err(fault("%c requires int or char"));
    };
    let code = u32::try_from(magnitude).ok().filter(|code| !negative && *code < 0x11_0000);
    let code = code.ok_or_else(|| fault("%c arg not in range(0x110000)"))?;
    // Lone surrogates cannot be written as UTF-8.
    Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ValueBuf;

    /// Python's `format % value` for a single conversion.
    fn merge(format: &str, value: &ValueBuf) -> Result<String, String> {
        let mut out = Vec::new();
        for part in Parts::new(format) {
            match part.map_err(|error| error.to_string())? {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Placeholder(it) => {
                    it.conversion.apply(value.get(), &mut out).map_err(|error| error.to_string())?
                }
            }
        }
        Ok(String::from_utf8(out).unwrap())
    }

    fn shown(format: &str, value: ValueBuf) -> String {
        merge(format, &value).unwrap()
    }

    fn error(format: &str, value: ValueBuf) -> String {
        merge(format, &value).unwrap_err()
    }

    #[test]
    fn strings_are_cut_and_padded_by_characters() {
        assert_eq!(shown("%-8s|", ValueBuf::of("INFO")), "INFO    |");
        assert_eq!(shown("%8s|", ValueBuf::of("é")), "       é|");
        assert_eq!(shown("%.2s|", ValueBuf::of("été")), "ét|");
        assert_eq!(shown("%08s|", ValueBuf::of("x")), "       x|");
        assert_eq!(shown("%r", ValueBuf::of("it's \"q\" é\n\u{200b}")), r#"'it\'s "q" é\n\u200b'"#);
        assert_eq!(shown("%r", ValueBuf::of("it's")), r#""it's""#);
        assert_eq!(shown("%a", ValueBuf::of("é😀")), r"'\xe9\U0001f600'");
        assert_eq!(shown("100%%", ValueBuf::none()), "100%");
    }

    #[test]
    fn integers_follow_cpython() {
        assert_eq!(
            shown("%05d|%+d|% d|%x|%#o|%#X", ValueBuf::of(&137)),
            "00137|+137| 137|89|0o211|0X89"
        );
        assert_eq!(shown("%x|%#010x|%-#10x|", ValueBuf::of(&-255)), "-ff|-0x00000ff|-0xff     |");
        assert_eq!(
            shown("%.5d|%8.5d|%-08.5d|%08.5d", ValueBuf::of(&-42)),
            "-00042|  -00042|-00042  |-0000042"
        );
        assert_eq!(shown("%d %i", ValueBuf::of(&-2.9)), "-2 -2");
        assert_eq!(shown("%d", ValueBuf::of(&1e20)), "100000000000000000000");
        assert_eq!(shown("%d|%s|%r", ValueBuf::of(&true)), "1|True|True");
        assert_eq!(shown("%c%c", ValueBuf::of(&0x41)), "AA");
    }

    #[test]
    // All digits of a tie are written out.
    #[allow(clippy::excessive_precision)]
    fn floats_follow_cpython() {
        assert_eq!(shown("%s", ValueBuf::of(&1e16)), "1e+16");
        assert_eq!(shown("%s", ValueBuf::of(&9999999999999998.0)), "9999999999999998.0");
        assert_eq!(shown("%s", ValueBuf::of(&0.00001)), "1e-05");
        assert_eq!(shown("%s", ValueBuf::of(&0.0001)), "0.0001");
        assert_eq!(shown("%s", ValueBuf::of(&1.5e300)), "1.5e+300");
        assert_eq!(shown("%s", ValueBuf::of(&1587332930.06640625)), "1587332930.0664062");
        assert_eq!(shown("%s|%f|%F|%05f", ValueBuf::of(&f64::INFINITY)), "inf|inf|INF|00inf");
        assert_eq!(shown("%s|%+f", ValueBuf::of(&-f64::NAN)), "nan|+nan");
        assert_eq!(shown("%s|%.0f|%#.0f|%g", ValueBuf::of(&-0.0)), "-0.0|-0|-0.|-0");
        assert_eq!(
            shown("%f|%.2f|%15.1f|%-9.1f|", ValueBuf::of(&1234.5625)),
            "1234.562500|1234.56|         1234.6|1234.6   |"
        );
        assert_eq!(
            shown("%e|%.0e|%#.0e|%E", ValueBuf::of(&1234.5)),
            "1.234500e+03|1e+03|1.e+03|1.234500E+03"
        );
        assert_eq!(
            shown("%g|%#g|%.3g|%.10g", ValueBuf::of(&1234567.0)),
            "1.23457e+06|1.23457e+06|1.23e+06|1234567"
        );
        assert_eq!(shown("%g|%#g|%G", ValueBuf::of(&0.0001)), "0.0001|0.000100000|0.0001");
        assert_eq!(shown("%.1f|%.0f", ValueBuf::of(&0.25)), "0.2|0");
        assert_eq!(shown("%.3f", ValueBuf::of(&7)), "7.000");
    }

    #[test]
    fn containers_show_their_repr() {
        let list = ValueBuf::list([
            ValueBuf::of(&1),
            ValueBuf::of("a"),
            ValueBuf::none(),
            ValueBuf::of(&1.0),
        ]);
        let map = ValueBuf::map([("k", list.clone())]);
        assert_eq!(shown("%s", list), "[1, 'a', None, 1.0]");
        assert_eq!(shown("%.8s", map), "{'k': [1");
        assert_eq!(shown("%s", ValueBuf::of(&b"a\x00'"[..])), r#"b"a\x00'""#);
    }

    #[test]
    fn errors_have_cpythons_texts() {
        assert_eq!(error("%d", ValueBuf::of("x")), "%d format: a real number is required, not str");
        assert_eq!(error("%x", ValueBuf::of(&1.0)), "%x format: an integer is required, not float");
        assert_eq!(error("%f", ValueBuf::none()), "must be real number, not NoneType");
        assert_eq!(error("%c", ValueBuf::of("ab")), "%c requires int or char");
        assert_eq!(error("%c", ValueBuf::of(&-1)), "%c arg not in range(0x110000)");
        assert_eq!(
            error("ab%y", ValueBuf::of(&1)),
            "unsupported format character 'y' (0x79) at index 3"
        );
        assert_eq!(error("%d", ValueBuf::of(&f64::NAN)), "cannot convert float NaN to integer");
        assert_eq!(error("%", ValueBuf::of(&1)), "incomplete format");
        assert_eq!(error("%(a", ValueBuf::of(&1)), "incomplete format key");
        assert_eq!(error("%99999999999999999999d", ValueBuf::of(&1)), "width too big");
    }

    #[test]
    fn keys_may_hold_balanced_parentheses() {
        let parts: Vec<_> = Parts::new("%(a(b))-3ld%%").map(Result::unwrap).collect();
        let Part::Placeholder(first) = parts[0] else { panic!("{parts:?}") };
        assert_eq!(first.key, Some("a(b)"));
        assert_eq!(first.conversion.width, Size::Is(3));
        assert_eq!(first.conversion.kind, 'd');
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn a_negative_star_width_aligns_left() {
        let mut conversion = Conversion::STR;
        conversion.set_width(Value::I32(-4)).unwrap();
        let mut out = Vec::new();
        conversion.apply(Value::Str("x"), &mut out).unwrap();
        assert_eq!(out, b"x   ");
        assert!(conversion.set_precision(Value::Str("3")).is_err());
    }
}
