//! Floats in the shape of `core::fmt`, mostly without it.

use super::digits::{SHORT_ROOM, put_short};
use std::io::Write as _;

/// Appends a float as `{}` shows it.
#[inline]
pub(super) fn push_f64(value: f64, out: &mut Vec<u8>) {
    let mut room = [0; SHORT_ROOM];
    match put_short(value, &mut room) {
        Some(length) => out.extend_from_slice(&room[..length]),
        None => with_shortest(value, |text| out.extend_from_slice(text.as_bytes())),
    }
}

/// Lends a float's text as `{}` shows it.
///
/// zmij finds the shortest digits, in the shape that std has for plain numbers; std itself writes
/// numbers with exponents and those where two shortest texts may be equally near, for it breaks
/// that tie the other way. A tie at `k` decimals means that `x * 10^k` is an odd multiple of 1/2,
/// so that `x` has exactly `k + 1` binary digits behind the point.
#[inline(never)]
pub(super) fn with_shortest<R>(value: f64, then: impl FnOnce(&str) -> R) -> R {
    let mut buffer = zmij::Buffer::new();
    if value.is_finite() {
        let text = buffer.format_finite(value);
        let bits = value.to_bits();
        let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
        let binary_digits = 1075 - (bits >> 52 & 0x7ff) as i32 - mantissa.trailing_zeros() as i32;
        if let Some(text) = as_std(text, binary_digits, 16) {
            return then(text);
        }
    }
    then(&value.to_string())
}

/// Appends a float as `{}` shows it.
pub(super) fn push_f32(value: f32, out: &mut Vec<u8>) {
    if value.is_finite() {
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let bits = value.to_bits();
        let mantissa = bits & ((1 << 23) - 1) | 1 << 23;
        let binary_digits = 150 - (bits >> 23 & 0xff) as i32 - mantissa.trailing_zeros() as i32;
        if let Some(text) = as_std(text, binary_digits, 7) {
            return out.extend_from_slice(text.as_bytes());
        }
    }
    slow(value, out);
}

/// The text as std writes it, if that is the same number of digits. Texts up to `unique` bytes have
/// so few digits that no second text of that length reads back as the same float.
#[inline]
fn as_std(text: &str, binary_digits: i32, unique: usize) -> Option<&str> {
    let bytes = text.as_bytes();
    let decimals = bytes.iter().rev().position(|each| *each == b'.')?;
    if bytes[bytes.len().saturating_sub(5)..].contains(&b'e') {
        return None;
    }
    if bytes.len() > unique && binary_digits == decimals as i32 + 1 {
        return None;
    }
    Some(text.strip_suffix(".0").unwrap_or(text))
}

#[cold]
#[inline(never)]
fn slow(value: impl std::fmt::Display, out: &mut Vec<u8>) {
    let _ = write!(out, "{value}");
}

/// Appends a float with up to 9 decimals as `{:.n}` shows it, if it is below 2^53 and finite.
///
/// Exact: the scaled mantissa is an integer of at most 83 bits, shifted with rounding to even.
pub(super) fn push_fixed(value: f64, decimals: usize, out: &mut Vec<u8>) -> bool {
    const POWERS: [u64; 10] =
        [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];
    let Some(power) = POWERS.get(decimals) else { return false };
    let bits = value.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    // Below 2^53 the exponent is at most 1075: a shift to the right, of at least nothing.
    if exponent > 1075 {
        return false;
    }
    let fraction = bits & ((1 << 52) - 1);
    let (mantissa, shift) = match exponent {
        0 => (fraction, 1074),
        exponent => (fraction | 1 << 52, 1075 - exponent),
    };
    let scaled = u128::from(mantissa) * u128::from(*power);
    let rounded = if shift >= 127 {
        0
    } else {
        let whole = scaled >> shift;
        let rest = scaled & ((1 << shift) - 1);
        let half = (1u128 << shift) >> 1;
        whole + u128::from(rest > half || (rest == half && shift > 0 && whole & 1 == 1))
    };
    let Ok(rounded) = u64::try_from(rounded) else { return false };
    if value.is_sign_negative() {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    out.extend_from_slice(buffer.format(rounded / power).as_bytes());
    if decimals > 0 {
        out.push(b'.');
        let text = buffer.format(rounded % power);
        out.resize(out.len() + decimals - text.len(), b'0');
        out.extend_from_slice(text.as_bytes());
    }
    true
}
