//! Encodings that switch between sets of characters.

use super::super::{Put, State};
use super::charset::{Charset, Pair};
use super::tables::{self, Entries, Table};

/// Sets of characters with the sequences that switch to them, in the order of being asked.
#[derive(Debug)]
pub(super) struct Iso2022 {
    sets: Vec<Set>,
}

#[derive(Debug)]
struct Set {
    escape: &'static [u8],
    charset: Charset,
    /// Switched to once, then shifted in and out: the Korean manner.
    shifts: bool,
    /// Of this set only pairs are taken here.
    pairs_only: bool,
    bytes: usize,
}

const ASCII: &[u8] = b"\x1b(B";
const SHIFT_OUT: u8 = 0x0e;
const SHIFT_IN: u8 = 0x0f;

impl Iso2022 {
    pub(super) fn find(name: &str) -> Option<Self> {
        let roman = || only(Table::EucJp, |one, code| code < 0x80 && one >= 0x80);
        let jis0208 = || only(Table::EucJp, |_, code| code <= 0xffff && code > 0x8eff);
        let jis0212 = || only(Table::EucJp, |_, code| code > 0xffff);
        // A wide tilde is EUC's alone.
        let first =
            |table| only(table, |one, code| code <= 0xffff && code > 0x8eff && one != 0xff5e);
        // The other rows of that plane are JIS X 0212's.
        let second = |table| {
            only(table, |_, code| {
                code > 0xffff && tables::second_plane((code >> 8 & 0xff) - 0xa0).is_some()
            })
        };
        let gb2312 = || only(Table::Gb2312, |_, code| code > 0xff);
        let korean = || only(Table::EucKr, |_, code| code > 0xff);
        let kana = || only(Table::EucJp, |_, code| code >> 8 == 0x8e);
        let mut sets = match name {
            "iso2022_kr" => vec![Set::new(b"\x1b$)C", korean()?)],
            "iso2022_jp" => vec![Set::new(b"\x1b$B", jis0208()?), Set::one(b"\x1b(J", roman()?)],
            "iso2022_jp_1" => vec![
                Set::new(b"\x1b$B", jis0208()?),
                Set::new(b"\x1b$(D", jis0212()?),
                Set::one(b"\x1b(J", roman()?),
            ],
            "iso2022_jp_2" => vec![
                Set::new(b"\x1b$B", jis0208()?),
                Set::new(b"\x1b$(D", jis0212()?),
                Set::new(b"\x1b$(C", korean()?),
                Set::new(b"\x1b$(A", gb2312()?),
                Set::one(b"\x1b(J", roman()?),
            ],
            "iso2022_jp_ext" => vec![
                Set::new(b"\x1b$B", jis0208()?),
                Set::new(b"\x1b$(D", jis0212()?),
                Set::one(b"\x1b(J", roman()?),
                Set::one(b"\x1b(I", kana()?),
            ],
            "iso2022_jp_2004" | "iso2022_jp_3" => {
                let (table, escape): (_, &[u8]) = match name {
                    "iso2022_jp_3" => (Table::EucJisx0213, b"\x1b$(O"),
                    _ => (Table::EucJis2004, b"\x1b$(Q"),
                };
                let mut pairs = Set::new(escape, first(table)?);
                pairs.pairs_only = true;
                vec![
                    pairs,
                    Set::new(b"\x1b$B", jis0208()?),
                    Set::new(escape, first(table)?),
                    Set::new(b"\x1b$(P", second(table)?),
                ]
            }
            _ => return None,
        };
        if name == "iso2022_kr" {
            sets[0].shifts = true;
        }
        Some(Self { sets })
    }

    /// Appends a character and what switches to its set.
    ///
    /// `state.set` counts the sets from 1; where they are shifted to, its low bit says that the set
    /// was named, the next one that it is shifted to.
    pub(super) fn put(
        &self,
        one: char,
        next: Option<char>,
        state: &mut State,
        out: &mut Vec<u8>,
    ) -> Put {
        if one.is_ascii() {
            self.put_ascii(one, state, out);
            return Put::One;
        }
        for (at, set) in self.sets.iter().enumerate() {
            let (code, put) = if set.pairs_only {
                match set.charset.pair(one, next) {
                    Pair::Open => return Put::Wait,
                    Pair::Code(code) => (code, Put::Two),
                    Pair::None => continue,
                }
            } else {
                let Some(code) = set.charset.code(one) else { continue };
                (code, Put::One)
            };
            if set.shifts {
                if state.set & 1 == 0 {
                    out.extend_from_slice(set.escape);
                }
                if state.set & 2 == 0 {
                    out.push(SHIFT_OUT);
                }
                state.set = 3;
            } else {
                // Two places may have one set.
                let named = (state.set as usize).checked_sub(1).map(|set| self.sets[set].escape);
                if named != Some(set.escape) {
                    out.extend_from_slice(set.escape);
                }
                (state.set, state.resumed) = (at as u8 + 1, false);
            }
            let code = (code & 0x7f7f) as u16;
            out.extend_from_slice(&code.to_be_bytes()[2 - set.bytes..]);
            return put;
        }
        Put::Not
    }

    fn put_ascii(&self, one: char, state: &mut State, out: &mut Vec<u8>) {
        let unknown = std::mem::take(&mut state.resumed);
        let shifts = self.sets[0].shifts;
        if unknown || !shifts && std::mem::take(&mut state.set) != 0 {
            out.extend_from_slice(ASCII);
        }
        if shifts && state.set & 2 != 0 {
            out.push(SHIFT_IN);
            state.set &= !2;
        }
        out.push(one as u8);
    }
}

impl Set {
    fn new(escape: &'static [u8], entries: Entries) -> Self {
        let charset = Charset::of(&entries);
        Self { escape, charset, shifts: false, pairs_only: false, bytes: 2 }
    }

    fn one(escape: &'static [u8], entries: Entries) -> Self {
        Self { bytes: 1, ..Self::new(escape, entries) }
    }
}

fn only(table: Table, keep: impl Fn(u32, u32) -> bool) -> Option<Entries> {
    let mut entries = table.read()?;
    entries.singles.retain(|one, code| keep(*one, *code));
    Some(entries)
}
