//! Floats as CPython writes them.

use std::fmt::Write as _;

/// Significant digits without trailing zeros, and where the point stands: 0.d1d2d3 * 10^point.
struct Digits {
    text: String,
    point: i32,
}

/// Reads `12.5`, `1.25e1`, `0.0125`: what core and zmij write for finite values without a sign.
fn digits_of(text: &str) -> Digits {
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut point = whole.len() as i32 + exponent.parse::<i32>().unwrap_or(0);
    let mut digits = String::with_capacity(mantissa.len());
    digits.push_str(whole);
    digits.push_str(fraction);
    let zeros = digits.len() - digits.trim_start_matches('0').len();
    point -= zeros as i32;
    let text = digits[zeros..].trim_end_matches('0');
    if text.is_empty() {
        return Digits { text: "0".to_owned(), point: 1 };
    }
    Digits { text: text.to_owned(), point }
}

/// The shortest digits that read back; of two equally near texts the even one, as CPython.
fn shortest(value: f64) -> Digits {
    digits_of(zmij::Buffer::new().format_finite(value))
}

fn rounded(value: f64, significant: usize) -> Digits {
    // A double has no more than 767 significant digits; the rest would be zeros.
    let decimals = significant.clamp(1, 800) - 1;
    digits_of(&format!("{value:.decimals$e}"))
}

fn push_exponent(exponent: i32, upper: bool, out: &mut String) {
    out.push(if upper { 'E' } else { 'e' });
    out.push(if exponent < 0 { '-' } else { '+' });
    let _ = write!(out, "{:02}", exponent.unsigned_abs());
}

fn push_zeros(count: usize, out: &mut String) {
    out.extend(std::iter::repeat_n('0', count));
}

/// How many digits to show at least, and whether a point stands at the end.
struct Layout {
    exponent: bool,
    /// Positions, counted from the first digit, that are shown even where no digits are left.
    least: i32,
    /// Keep a trailing point.
    keep_point: bool,
    /// Add `.0` to whole numbers.
    dot_zero: bool,
}

fn place(digits: &Digits, layout: &Layout, upper: bool, out: &mut String) {
    let count = digits.text.len() as i32;
    let (point, exponent) = match layout.exponent {
        true => (1, Some(digits.point - 1)),
        false => (digits.point, None),
    };
    let least = match layout.dot_zero && exponent.is_none() {
        true => layout.least.max(count).max(point + 1),
        false => layout.least.max(count).max(point),
    };
    if point <= 0 {
        out.push_str("0.");
        push_zeros(point.unsigned_abs() as usize, out);
        out.push_str(&digits.text);
        push_zeros((least - count).max(0) as usize, out);
    } else if point <= count {
        let (whole, fraction) = digits.text.split_at(point as usize);
        out.push_str(whole);
        out.push('.');
        out.push_str(fraction);
        push_zeros((least - count) as usize, out);
    } else {
        out.push_str(&digits.text);
        push_zeros((point - count) as usize, out);
        out.push('.');
        push_zeros((least - point) as usize, out);
    }
    if out.ends_with('.') && !layout.keep_point {
        out.pop();
    }
    if let Some(exponent) = exponent {
        push_exponent(exponent, upper, out);
    }
}

/// Sign, `inf` and `nan`; returns the magnitude if there is more to write.
fn begin(value: f64, upper: bool, out: &mut String) -> Option<f64> {
    if value.is_nan() {
        out.push_str(if upper { "NAN" } else { "nan" });
        return None;
    }
    if value.is_sign_negative() {
        out.push('-');
    }
    if value.is_infinite() {
        out.push_str(if upper { "INF" } else { "inf" });
        return None;
    }
    Some(value.abs())
}

/// Appends `repr(value)`.
pub(super) fn push_repr(value: f64, out: &mut String) {
    push_repr_form(value, false, out);
}

/// Appends `repr(value)`; `alternate` keeps a point before an exponent.
pub(super) fn push_repr_form(value: f64, alternate: bool, out: &mut String) {
    if let Some(value) = begin(value, false, out) {
        let digits = shortest(value);
        let exponent = digits.point <= -4 || digits.point > 16;
        let layout = Layout { exponent, least: 0, keep_point: alternate, dot_zero: true };
        place(&digits, &layout, false, out);
    }
}

/// Appends the value as `g` writes it; `dot_zero` leaves a digit behind the point, which an omitted
/// type asks for.
pub(super) fn push_general(
    value: f64,
    precision: usize,
    alternate: bool,
    dot_zero: bool,
    out: &mut String,
) {
    if let Some(value) = begin(value, false, out) {
        general(value, precision, alternate, dot_zero, false, out);
    }
}

fn general(
    value: f64,
    precision: usize,
    alternate: bool,
    dot_zero: bool,
    upper: bool,
    out: &mut String,
) {
    let precision = precision.max(1) as i32;
    let digits = rounded(value, precision as usize);
    let layout = Layout {
        exponent: digits.point <= -4 || digits.point > precision - i32::from(dot_zero),
        least: if alternate { precision } else { 0 },
        keep_point: alternate,
        dot_zero,
    };
    place(&digits, &layout, upper, out);
}

/// Appends the value as `e`, `f`, `g` or their capitals write it. `alternate` keeps the point and,
/// for `g`, the zeros at the end.
pub(super) fn push(value: f64, kind: u8, precision: usize, alternate: bool, out: &mut String) {
    let upper = kind.is_ascii_uppercase();
    let Some(value) = begin(value, upper, out) else { return };
    match kind.to_ascii_lowercase() {
        b'f' => {
            // No double has more than 1074 decimals.
            let shown = precision.min(1100);
            let _ = write!(out, "{value:.shown$}");
            push_zeros(precision - shown, out);
            if precision == 0 && alternate {
                out.push('.');
            }
        }
        b'e' => {
            let digits = rounded(value, precision + 1);
            let layout = Layout {
                exponent: true,
                least: precision as i32 + 1,
                keep_point: alternate,
                dot_zero: false,
            };
            place(&digits, &layout, upper, out);
        }
        _ => general(value, precision, alternate, false, upper, out),
    }
}
