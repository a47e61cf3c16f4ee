//! Text that cannot forge lines or drive a terminal.
//!
//! What a program logs is often not its own: a name from a form, a header from a peer. Text
//! formatters therefore make visible, in values and never in their own pattern, everything that
//! ends a line, moves a cursor, or reorders what is read:
//!
//! | in a value | becomes |
//! | --- | --- |
//! | line feed, carriage return and line feed, in messages, exceptions and stacks | a line feed and four spaces |
//! | line feed elsewhere | `\n` |
//! | carriage return | `\r` |
//! | other control characters of ASCII, NUL and ESC among them, and DEL; not the tab | `\x1b` |
//! | C1 control characters | `\u{9b}` |
//! | line and paragraph separators, directional marks and overrides | `\u{202e}` |
//!
//! So a line that does not begin with spaces begins a record, and a reader sees where one ends.
//! Everything else, UTF-8 included, stays as it is.

use crate::text::ascii;

/// What a line feed becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breaks {
    /// A line feed and [`INDENT`]: for text of many lines.
    Indent,
    /// `\n`: for names and fields.
    Escape,
}

/// What stands before each further line of a text of many lines.
pub(crate) const INDENT: &str = "    ";

/// Whether text needs no change.
#[inline(always)]
pub(crate) fn is_harmless(text: &str) -> bool {
    ascii::is_plain(text.as_bytes()) || !text.chars().any(is_harmful)
}

/// Makes what was written from `start` on harmless. A pass over plain ASCII costs a few
/// nanoseconds; only what needs a change is copied.
#[inline]
pub(crate) fn neutralize(out: &mut Vec<u8>, start: usize, breaks: Breaks) {
    if !ascii::is_plain(&out[start..]) {
        careful(out, start, breaks);
    }
}

#[inline(never)]
fn careful(out: &mut Vec<u8>, start: usize, breaks: Breaks) {
    let fresh = String::from_utf8_lossy(&out[start..]);
    let Some((first, _)) = fresh.char_indices().find(|(_, each)| is_harmful(*each)) else { return };
    let rest = fresh[first..].to_owned();
    out.truncate(start + first);
    push(&rest, breaks, out);
}

/// Appends text that is made harmless.
pub(crate) fn push(text: &str, breaks: Breaks, out: &mut Vec<u8>) {
    use std::io::Write as _;
    let mut each = text.chars().peekable();
    while let Some(this) = each.next() {
        let is_break = this == '\n' || (this == '\r' && each.peek() == Some(&'\n'));
        let _ = match this {
            _ if is_break && breaks == Breaks::Indent => {
                if this == '\r' {
                    each.next();
                }
                out.push(b'\n');
                out.write_all(INDENT.as_bytes())
            }
            '\n' => out.write_all(b"\\n"),
            '\r' => out.write_all(b"\\r"),
            '\0'..='\x7f' if is_harmful(this) => write!(out, "\\x{:02x}", u32::from(this)),
            this if is_harmful(this) => write!(out, "\\u{{{:x}}}", u32::from(this)),
            this => out.write_all(this.encode_utf8(&mut [0; 4]).as_bytes()),
        };
    }
}

/// Control characters but the tab, line and paragraph separators, and directional formatting.
pub(crate) fn is_harmful(each: char) -> bool {
    matches!(
        each,
        '\0'..='\x08'
            | '\n'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn harmless(text: &str, breaks: Breaks) -> String {
        let mut out = b"\nbefore:".to_vec();
        let start = out.len();
        out.extend_from_slice(text.as_bytes());
        neutralize(&mut out, start, breaks);
        assert!(out.starts_with(b"\nbefore:"));
        String::from_utf8(out.split_off(start)).unwrap()
    }

    #[test]
    fn plain_text_and_utf8_stay_as_they_are() {
        for text in
            ["", "plain ~ text", "tab\there", "na\u{ef}ve \u{6f22}\u{5b57} \u{1f600} e\u{301}"]
        {
            assert_eq!(harmless(text, Breaks::Indent), text);
            assert_eq!(harmless(text, Breaks::Escape), text);
        }
    }

    #[test]
    fn further_lines_are_indented_so_that_none_can_be_forged() {
        let forged = "ok\n2026-11-20 ERROR root: forged\r\nagain\rover";
        assert_eq!(
            harmless(forged, Breaks::Indent),
            "ok\n    2026-11-20 ERROR root: forged\n    again\\rover"
        );
        assert_eq!(
            harmless(forged, Breaks::Escape),
            "ok\\n2026-11-20 ERROR root: forged\\r\\nagain\\rover"
        );
    }

    #[test]
    fn nothing_that_drives_a_terminal_gets_through() {
        for (text, expected) in [
            ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
            ("nul\0 del\x7f", "nul\\x00 del\\x7f"),
            ("\u{9b}31m\u{85}", "\\u{9b}31m\\u{85}"),
            ("a\u{2028}b\u{2029}c", "a\\u{2028}b\\u{2029}c"),
            (
                "\u{202e}evil\u{2066}\u{2069}\u{200f}\u{61c}",
                "\\u{202e}evil\\u{2066}\\u{2069}\\u{200f}\\u{61c}",
            ),
        ] {
            assert_eq!(harmless(text, Breaks::Indent), expected);
        }
    }

    #[test]
    fn every_character_is_either_kept_or_made_visible() {
        for each in '\0'..=char::MAX {
            let shown = harmless(&each.to_string(), Breaks::Escape);
            let kept = shown.chars().eq([each]);
            assert_eq!(kept, !is_harmful(each), "{each:?}");
            assert!(!shown.chars().any(|each| each != '\t' && each.is_control()), "{each:?}");
        }
    }
}
