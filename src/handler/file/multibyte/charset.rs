//! Characters with their bytes.

use super::super::Put;
use super::tables::{self, Entries};

/// The characters of an encoding with their bytes, as numbers.
#[derive(Debug, Default)]
pub(super) struct Charset {
    /// By character.
    singles: Vec<(u32, u32)>,
    /// Two characters that have bytes of their own.
    pairs: Vec<((u32, u32), u32)>,
    /// Stretches of characters whose codes of four bytes count on: the first, its place, how many.
    steps: Vec<(u32, u32, u32)>,
}

impl Charset {
    pub(super) fn of(entries: &Entries) -> Self {
        Self {
            singles: entries.singles.iter().map(|(one, code)| (*one, *code)).collect(),
            pairs: entries.pairs.clone(),
            steps: Vec::new(),
        }
    }

    /// Adds GB 18030's codes of four bytes, which every other character has.
    pub(super) fn add_four_bytes(&mut self) {
        self.steps = tables::four_bytes();
    }

    /// The bytes of a character, as a number.
    pub(super) fn code(&self, one: char) -> Option<u32> {
        let at = self.singles.binary_search_by_key(&(one as u32), |(known, _)| *known).ok()?;
        Some(self.singles[at].1)
    }

    /// The bytes of two characters together; `None` in the first place: the first begins no pair.
    pub(super) fn pair(&self, one: char, next: Option<char>) -> Pair {
        let one = one as u32;
        let mut of_one = self.pairs.iter().filter(|((first, _), _)| *first == one).peekable();
        if of_one.peek().is_none() {
            return Pair::None;
        }
        let Some(next) = next else { return Pair::Open };
        let found = of_one.find(|((_, second), _)| *second == next as u32);
        found.map_or(Pair::None, |(_, code)| Pair::Code(*code))
    }

    pub(super) fn put(&self, one: char, next: Option<char>, out: &mut Vec<u8>) -> Put {
        match self.pair(one, next) {
            Pair::Open => return Put::Wait,
            Pair::Code(code) => {
                put_code(code, out);
                return Put::Two;
            }
            Pair::None => {}
        }
        if let Some(code) = self.code(one) {
            put_code(code, out);
            return Put::One;
        }
        let step = self.steps.iter().rev().find(|(first, ..)| *first <= one as u32);
        let Some((first, place, count)) = step else { return Put::Not };
        let into = one as u32 - first;
        if into >= *count {
            return Put::Not;
        }
        let place = place + into;
        let digit = |from: u32, one: u32| (from + one) as u8;
        out.extend_from_slice(&[
            digit(0x81, place / 12_600),
            digit(0x30, place / 1260 % 10),
            digit(0x81, place / 10 % 126),
            digit(0x30, place % 10),
        ]);
        Put::One
    }
}

/// Two characters together.
pub(super) enum Pair {
    /// They have no bytes of their own.
    None,
    /// The first may begin a pair, and nothing follows yet.
    Open,
    Code(u32),
}

/// Appends the bytes of a code, as many as it has.
fn put_code(code: u32, out: &mut Vec<u8>) {
    let skip = (code.leading_zeros() / 8).min(3) as usize;
    out.extend_from_slice(&code.to_be_bytes()[skip..]);
}
