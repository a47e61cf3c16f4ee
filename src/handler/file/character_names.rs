//! The names of characters, as Python's `namereplace` writes them.

use crate::error::Error;

/// The characters that Unicode has named since its version 14, first and last of each stretch:
/// CPython 3.11, which the other bytes are held to as well, does not know them.
const NEWER: &[(u32, u32)] = &[
    (0x897, 0x897),
    (0xcf3, 0xcf3),
    (0xece, 0xece),
    (0x1b4e, 0x1b4f),
    (0x1b7f, 0x1b7f),
    (0x1c89, 0x1c8a),
    (0x2427, 0x2429),
    (0x2ffc, 0x2fff),
    (0x31e4, 0x31e5),
    (0x31ef, 0x31ef),
    (0xa7cb, 0xa7cd),
    (0xa7da, 0xa7dc),
    (0x105c0, 0x105f3),
    (0x10d40, 0x10d65),
    (0x10d69, 0x10d85),
    (0x10d8e, 0x10d8f),
    (0x10ec2, 0x10ec4),
    (0x10efc, 0x10eff),
    (0x1123f, 0x11241),
    (0x11380, 0x11389),
    (0x1138b, 0x1138b),
    (0x1138e, 0x1138e),
    (0x11390, 0x113b5),
    (0x113b7, 0x113c0),
    (0x113c2, 0x113c2),
    (0x113c5, 0x113c5),
    (0x113c7, 0x113ca),
    (0x113cc, 0x113d5),
    (0x113d7, 0x113d8),
    (0x113e1, 0x113e2),
    (0x116d0, 0x116e3),
    (0x11b00, 0x11b09),
    (0x11bc0, 0x11be1),
    (0x11bf0, 0x11bf9),
    (0x11f00, 0x11f10),
    (0x11f12, 0x11f3a),
    (0x11f3e, 0x11f5a),
    (0x1342f, 0x1342f),
    (0x13439, 0x13455),
    (0x13460, 0x143fa),
    (0x16100, 0x16139),
    (0x16d40, 0x16d79),
    (0x18cff, 0x18cff),
    (0x1b132, 0x1b132),
    (0x1b155, 0x1b155),
    (0x1cc00, 0x1ccf9),
    (0x1cd00, 0x1ceb3),
    (0x1d2c0, 0x1d2d3),
    (0x1df25, 0x1df2a),
    (0x1e030, 0x1e06d),
    (0x1e08f, 0x1e08f),
    (0x1e4d0, 0x1e4f9),
    (0x1e5d0, 0x1e5fa),
    (0x1e5ff, 0x1e5ff),
    (0x1f6dc, 0x1f6dc),
    (0x1f774, 0x1f776),
    (0x1f77b, 0x1f77f),
    (0x1f7d9, 0x1f7d9),
    (0x1f8b2, 0x1f8bb),
    (0x1f8c0, 0x1f8c1),
    (0x1fa75, 0x1fa77),
    (0x1fa87, 0x1fa89),
    (0x1fa8f, 0x1fa8f),
    (0x1faad, 0x1faaf),
    (0x1fabb, 0x1fabf),
    (0x1fac6, 0x1fac6),
    (0x1face, 0x1facf),
    (0x1fada, 0x1fadc),
    (0x1fadf, 0x1fadf),
    (0x1fae8, 0x1fae9),
    (0x1faf7, 0x1faf8),
    (0x1fbcb, 0x1fbef),
    (0x2b739, 0x2b739),
    (0x2ebf0, 0x2ee5d),
    (0x31350, 0x323af),
];

/// Returns that there are names.
pub(super) fn known() -> Result<(), Error> {
    Ok(())
}

/// `\N{NAME}`, if the character has a name.
pub(super) fn of(one: char) -> Option<String> {
    let code = one as u32;
    if (0xf_0000..0xf_1000).contains(&code) {
        return private(code);
    }
    let at = NEWER.partition_point(|(_, last)| *last < code);
    if NEWER.get(at).is_some_and(|(first, _)| *first <= code) {
        return None;
    }
    let name = unicode_names2::name(one)?;
    Some(format!("\\N{{{name}}}"))
}

/// CPython keeps other names of characters, and those of sequences, at characters for private use,
/// and `namereplace` shows them.
fn private(code: u32) -> Option<String> {
    let lines = include_str!("private_names.txt").lines();
    let mut names = lines.filter_map(|line| line.split_once(' '));
    let (_, name) = names.find(|(at, _)| u32::from_str_radix(at, 16) == Ok(code))?;
    Some(format!("\\N{{{name}}}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_python_does_not_know_have_no_name() {
        assert!(NEWER.is_sorted_by(|one, other| one.0 <= one.1 && one.1 < other.0));
        for (first, last) in NEWER {
            for code in [first, last] {
                let one = char::from_u32(*code).unwrap();
                assert!(of(one).is_none() && unicode_names2::name(one).is_some(), "{code:x}");
            }
        }
        assert_eq!(of('\u{1f600}').unwrap(), r"\N{GRINNING FACE}");
        assert_eq!(of('\u{f0005}').unwrap(), r"\N{STX}");
        assert!(of('\u{f0fff}').is_none());
    }
}
