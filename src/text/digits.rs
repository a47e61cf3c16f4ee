//! Numbers as decimal digits, written straight to where they are to stand.

/// Room for what [`put_u64`] may write, the digits and what it leaves behind them.
pub(crate) const U64_ROOM: usize = 24;
/// Room for what [`put_short`] may write.
pub(crate) const SHORT_ROOM: usize = 32;

pub(super) const EIGHT: u64 = 100_000_000;
pub(super) const ASCII: u64 = 0x3030_3030_3030_3030;

/// The eight digits of a number below 10^8, the first in the lowest byte: halves of four, two and
/// one digit are split in all lanes of a word at once.
#[inline(always)]
const fn eight_digits(number: u32) -> u64 {
    let high = number / 10_000;
    let fours = high as u64 | ((number - high * 10_000) as u64) << 32;
    let high = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = high | (fours - high * 100) << 16;
    let high = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    high | (twos - high * 10) << 8
}

/// Writes a number and returns how many digits it has. Bytes behind them are written too.
///
/// How many there are is found by comparisons beside the making of the digits, not from them: what
/// follows in a line waits for its place alone.
#[inline(never)]
pub(crate) fn put_u64(number: u64, out: &mut [u8; U64_ROOM]) -> usize {
    if number < 10_000 {
        let count = 1 + at_least(number, [10, 100, 1_000]);
        let shown = (four_digits(number as u32) | ASCII as u32) >> (8 * (4 - count));
        *out.first_chunk_mut().expect("there is room for more") = shown.to_le_bytes();
        return count;
    }
    if number < EIGHT {
        let count = 5 + at_least(number, [100_000, 1_000_000, 10_000_000]);
        put_eight(number, count, 0, out);
        return count;
    }
    let (high, low) = (number / EIGHT, number % EIGHT);
    let count = if high < EIGHT {
        let count = count_eight(high);
        put_eight(high, count, 0, out);
        count
    } else {
        let count = count_eight(high / EIGHT);
        put_eight(high / EIGHT, count, 0, out);
        put_eight(high % EIGHT, 8, count, out);
        count + 8
    };
    put_eight(low, 8, count, out);
    count + 8
}

/// How many of these numbers it reaches.
#[inline(always)]
fn at_least<const N: usize>(number: u64, limits: [u64; N]) -> usize {
    limits.into_iter().map(|limit| usize::from(number >= limit)).sum()
}

/// How many digits a number below 10^8 has; a lone zero is one.
#[inline(always)]
fn count_eight(number: u64) -> usize {
    1 + at_least(number, [10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000])
}

/// The four digits of a number below 10^4, as [`eight_digits`].
#[inline(always)]
pub(super) const fn four_digits(number: u32) -> u32 {
    let high = (number * 10_486) >> 20;
    let twos = high | (number - high * 100) << 16;
    let high = ((twos * 103) >> 10) & 0x000f_000f;
    high | (twos - high * 10) << 8
}

/// Writes the last `count` digits of a number below 10^8 at `at`.
#[inline(always)]
fn put_eight(number: u64, count: usize, at: usize, out: &mut [u8; U64_ROOM]) {
    let shown = (eight_digits(number as u32) | ASCII) >> (8 * (8 - count));
    if let Some(slot) = out[at..].first_chunk_mut() {
        *slot = shown.to_le_bytes();
    }
}

/// The last six digits of a number, with zeros in front, and behind them the last two of these
/// bytes.
#[inline(always)]
pub(crate) fn six_digits(number: u32, bytes: [u8; 8]) -> [u8; 8] {
    let six = (eight_digits(number % 1_000_000) | ASCII) >> 16;
    (six | u64::from_le_bytes(bytes) >> 48 << 48).to_le_bytes()
}

/// Writes the last digits of a number into all of `slot`, with zeros in front.
#[inline]
pub(crate) fn put_fixed(number: u32, slot: &mut [u8]) {
    // Milliseconds, as Python's times show them.
    if let Ok(slot) = <&mut [u8; 3]>::try_from(&mut *slot) {
        slot.copy_from_slice(&six_digits(number, [0; 8])[3..6]);
    } else {
        let mut rest = number;
        for digit in slot.iter_mut().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// Decimals that [`put_short`] tries.
const DECIMALS: u32 = 6;
const SCALE: f64 = 1e6;
/// Below this, all digits together are at most 15.
const LARGEST: f64 = 1e9;

/// Writes a float as `{}` shows it if it is below a thousand million and has at most six decimals,
/// which most floats in logs have; else `None`.
///
/// The scaled float is rounded to an integer of at most 15 digits; if that integer, divided by the
/// scale, is the float again, it holds the float's decimals: the division is correctly rounded, so
/// this decimal reads as that float, and no two decimals of up to 15 digits read as the same float
/// (Clinger, "How to read floating point numbers accurately", 1990). So it is the shortest, too.
#[inline(never)]
pub(crate) fn put_short(value: f64, out: &mut [u8; SHORT_ROOM]) -> Option<usize> {
    let magnitude = value.abs();
    // Not a number is not below anything.
    let is_small = magnitude < LARGEST;
    if !is_small {
        return None;
    }
    // Conversions of signed integers are one instruction.
    let scaled = (magnitude * SCALE + 0.5) as i64;
    if scaled as f64 / SCALE != magnitude {
        return None;
    }
    let (scaled, one) = (scaled as u64, 10u64.pow(DECIMALS));
    let (whole, decimals) = (scaled / one, scaled % one);
    out[0] = b'-';
    let mut at = usize::from(value.is_sign_negative());
    at += put_u64(whole, out[at..].first_chunk_mut()?);
    if decimals != 0 {
        let digits = eight_digits(decimals as u32) >> 16;
        // The decimals fill six bytes; zeros at their end are not shown.
        let shown = DECIMALS as usize - ((digits << 16).leading_zeros() / 8) as usize;
        // The point and six digits; the whole part has at most nine, and a sign.
        let text = (digits | ASCII) << 8 | u64::from(b'.');
        *out[at & 15..].first_chunk_mut()? = text.to_le_bytes();
        at += 1 + shown;
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(number: u64) -> String {
        let mut out = [0; U64_ROOM];
        let length = put_u64(number, &mut out);
        String::from_utf8(out[..length].to_vec()).unwrap()
    }

    fn short(value: f64) -> Option<String> {
        let mut out = [0; SHORT_ROOM];
        let length = put_short(value, &mut out)?;
        Some(String::from_utf8(out[..length].to_vec()).unwrap())
    }

    #[test]
    fn integers_of_every_length_are_written() {
        let mut numbers = vec![0, u64::MAX];
        for length in 0..20 {
            let power = 10u64.pow(length);
            numbers.extend([power, power - 1, power + 1, power.wrapping_mul(7), power / 2 * 3]);
        }
        for number in numbers {
            assert_eq!(shown(number), number.to_string());
        }
        let mut number = 1u64;
        for _ in 0..100_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let number = number >> (number & 63);
            assert_eq!(shown(number), number.to_string());
        }
    }

    #[test]
    fn digits_of_a_fixed_number_are_the_last_ones() {
        for number in (0..100_000).chain([999_999, 1_000_000, 123_456_789, 999_999_999]) {
            for length in 0..=30 {
                let mut slot = vec![b'x'; length];
                put_fixed(number, &mut slot);
                let all = format!("{number:030}");
                assert_eq!(std::str::from_utf8(&slot).unwrap(), &all[30 - length..]);
            }
        }
    }

    #[test]
    fn every_group_of_four_digits_is_split() {
        for number in 0..10_000u64 {
            let both = number * 10_000 + (9_999 - number);
            assert_eq!(shown(EIGHT + both), format!("1{both:08}"));
        }
    }

    #[test]
    fn short_decimals_read_as_format_shows_them() {
        for value in [0.0, -0.0, 1.0, 12_499.75, 0.1, -0.000_001, 999_999_999.999_999, 1e8 + 0.5] {
            assert_eq!(short(value).unwrap(), format!("{value}"));
        }
        let mut found = 0;
        let mut seed = 1u64;
        for _ in 0..200_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695);
            let value = (seed >> 34) as f64 / 10f64.powi((seed & 7) as i32) - 1e4;
            for value in [value, f64::from_bits(seed), value + f64::EPSILON * value] {
                if let Some(text) = short(value) {
                    assert_eq!(text, format!("{value}"));
                    found += 1;
                }
            }
        }
        assert!(found > 150_000, "{found}");
    }

    #[test]
    fn other_floats_are_left_to_others() {
        for value in [f64::NAN, f64::INFINITY, -f64::INFINITY, 1e9, 1.0 / 3.0, 1e-7, 5e-324] {
            assert_eq!(short(value), None);
        }
    }
}
