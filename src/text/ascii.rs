//! Printable ASCII, told from everything else.

const ALL: u64 = u64::from_ne_bytes([1; 8]);
const HIGH: u64 = ALL * 0x80;

/// Has high bits if there is more than printable ASCII among eight bytes, or with `QUOTED` what a
/// quoted string has to escape.
///
/// What is not ASCII has its high bit set, DEL gets it by one more, control characters by 0x20 less.
/// What borrows or carries into a neighbour is odd itself.
#[inline(always)]
fn odd<const QUOTED: bool>(bytes: [u8; 8]) -> u64 {
    let word = u64::from_ne_bytes(bytes);
    let mut odd = word | word.wrapping_add(ALL) | word.wrapping_sub(ALL * 0x20);
    if QUOTED {
        for each in [b'"', b'\\'] {
            // A byte that is this one becomes zero, and gets its high bit by one less.
            let zero = word ^ (ALL * each as u64);
            odd |= zero.wrapping_sub(ALL) & !zero;
        }
    }
    odd & HIGH
}

/// The same of two parts of four bytes.
#[inline(always)]
pub(super) fn are_odd_fours<const QUOTED: bool>(first: [u8; 4], last: [u8; 4]) -> bool {
    let [first, last] = [first, last].map(u32::from_ne_bytes).map(u64::from);
    odd::<QUOTED>((first | last << 32).to_ne_bytes()) != 0
}

/// Whether one of the parts is odd.
#[inline(always)]
pub(super) fn are_odd<const QUOTED: bool, const N: usize>(parts: [[u8; 8]; N]) -> bool {
    parts.into_iter().fold(0, |all, part| all | odd::<QUOTED>(part)) != 0
}

/// Whether text is printable ASCII throughout.
#[inline(always)]
pub(crate) fn is_plain(text: &[u8]) -> bool {
    is::<false>(text)
}

/// Whether text is printable ASCII throughout, without quotes and backslashes.
#[inline(always)]
pub(crate) fn is_plain_quoted(text: &[u8]) -> bool {
    is::<true>(text)
}

/// Eight bytes at a time, the last of them once more.
#[inline(always)]
pub(super) fn is<const QUOTED: bool>(text: &[u8]) -> bool {
    let Some(last) = text.last_chunk() else {
        let odd = |byte: &u8| QUOTED && matches!(byte, b'"' | b'\\');
        return !text.iter().any(|byte| byte.wrapping_sub(b' ') > b'~' - b' ' || odd(byte));
    };
    let (eights, _) = text.as_chunks();
    eights.iter().fold(odd::<QUOTED>(*last), |all, eight| all | odd::<QUOTED>(*eight)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_told_wherever_it_stands() {
        for length in 1..40 {
            for at in 0..length {
                for byte in 0..=u8::MAX {
                    let mut text = vec![b'~'; length];
                    text[at] = byte;
                    let plain = (b' '..=b'~').contains(&byte);
                    assert_eq!(is_plain(&text), plain, "{byte} at {at} of {length}");
                    let plain = plain && !matches!(byte, b'"' | b'\\');
                    assert_eq!(is_plain_quoted(&text), plain, "{byte} at {at} of {length}");
                }
            }
        }
    }
}
