//! Encodings that write other characters as escapes.

/// UTF-7, as Python writes it: characters that a mail may hold as they are, the others in base64
/// between `+` and `-`.
pub(super) fn utf7(text: &str, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let direct = |one: char| match one {
        '\t' | '\n' | '\r' | ' ' => true,
        '+' | '\\' | '~' => false,
        one => one.is_ascii_graphic(),
    };
    let digit = |bits: u32| DIGITS[(bits & 63) as usize];
    let mut shifted = false;
    // Bits that are not written yet, and how many: never more than five between characters.
    let (mut bits, mut count) = (0_u32, 0);
    for one in text.chars() {
        if shifted && direct(one) {
            if count > 0 {
                out.push(digit(bits << (6 - count)));
            }
            (shifted, bits, count) = (false, 0, 0);
            if one.is_ascii_alphanumeric() || matches!(one, '/' | '-') {
                out.push(b'-');
            }
        } else if !shifted && one == '+' {
            out.extend_from_slice(b"+-");
            continue;
        }
        if direct(one) {
            out.push(one as u8);
            continue;
        }
        if !shifted {
            out.push(b'+');
            shifted = true;
        }
        for unit in one.encode_utf16(&mut [0; 2]) {
            bits = (bits << 16) | u32::from(*unit);
            count += 16;
            while count >= 6 {
                count -= 6;
                out.push(digit(bits >> count));
            }
            bits &= (1 << count) - 1;
        }
    }
    if count > 0 {
        out.push(digit(bits << (6 - count)));
    }
    if shifted {
        out.push(b'-');
    }
}

/// A character as Python's `unicode_escape` has it, or its `raw_unicode_escape`.
pub(super) fn escape(one: char, raw: bool, out: &mut Vec<u8>) {
    match one {
        '\u{100}'.. => out.extend_from_slice(super::backslashed(one).as_bytes()),
        one if raw => out.push(one as u8),
        '\\' => out.extend_from_slice(br"\\"),
        '\t' => out.extend_from_slice(br"\t"),
        '\n' => out.extend_from_slice(br"\n"),
        '\r' => out.extend_from_slice(br"\r"),
        ' '..='~' => out.push(one as u8),
        one => out.extend_from_slice(super::backslashed(one).as_bytes()),
    }
}
