//! The tables as they lie in `tables.bin`, read.
//!
//! Each part is a patch: runs of codes with the characters they stand for, characters that the
//! base has and this encoding has not, and pairs.

use std::collections::BTreeMap;

const BYTES: &[u8] = include_bytes!("tables.bin");

/// An encoding's characters and pairs with their bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries {
    pub(super) singles: BTreeMap<u32, u32>,
    pub(super) pairs: Vec<((u32, u32), u32)>,
}

/// The parts of the file, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Table {
    Gb18030,
    FourBytes,
    Gbk,
    Gb2312,
    Big5,
    Cp950,
    Big5Hkscs,
    Cp949,
    EucKr,
    Johab,
    EucJp,
    ShiftJis,
    Cp932,
    EucJis2004,
    EucJisx0213,
    ShiftJis2004,
    ShiftJisx0213,
}

impl Table {
    /// The table of an encoding by its own name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gb18030" => Self::Gb18030,
            "gbk" => Self::Gbk,
            "gb2312" => Self::Gb2312,
            "big5" => Self::Big5,
            "cp950" => Self::Cp950,
            "big5hkscs" => Self::Big5Hkscs,
            "cp949" => Self::Cp949,
            "johab" => Self::Johab,
            "euc_jp" => Self::EucJp,
            "shift_jis" => Self::ShiftJis,
            "cp932" => Self::Cp932,
            "euc_jis_2004" => Self::EucJis2004,
            "euc_jisx0213" => Self::EucJisx0213,
            "shift_jis_2004" => Self::ShiftJis2004,
            "shift_jisx0213" => Self::ShiftJisx0213,
            _ => return None,
        })
    }

    fn part(self) -> Option<Reader> {
        let mut rest = BYTES;
        for at in 0.. {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (part, after) = after.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            if at == self as usize {
                return Some(Reader { rest: part });
            }
            rest = after;
        }
        None
    }

    /// The encoding, put together from what it is near to.
    pub(super) fn read(self) -> Option<Entries> {
        let mut entries = self.base()?;
        let mut part = self.part()?;
        let mut put = Vec::new();
        part.runs(|code, one| put.push((one, code)))?;
        part.spans(|one| {
            entries.singles.remove(&one);
        })?;
        entries.singles.extend(put);
        entries.pairs.clear();
        for _ in 0..part.number()? {
            let (one, next) = (part.number()?, part.number()?);
            entries.pairs.push(((one, next), part.number()?));
        }
        Some(entries)
    }

    fn base(self) -> Option<Entries> {
        let only = |table: Self, keep: fn(u32, u32) -> Option<u32>| {
            let mut entries = table.read()?;
            let kept = entries.singles.iter();
            entries.singles =
                kept.filter_map(|(one, code)| Some((*one, keep(*one, *code)?))).collect();
            Some(entries)
        };
        match self {
            Self::Gb18030 | Self::FourBytes | Self::Big5 | Self::Cp949 | Self::EucJp => {
                Some(Entries::default())
            }
            Self::Gbk => Self::Gb18030.read(),
            Self::Gb2312 => only(Self::Gbk, high),
            Self::Cp950 | Self::Big5Hkscs => Self::Big5.read(),
            Self::EucKr => only(Self::Cp949, high),
            Self::Johab => only(Self::Cp949, johab),
            Self::ShiftJis | Self::Cp932 => {
                only(Self::EucJp, |_, code| shifted(code).filter(|_| code <= 0xffff))
            }
            Self::EucJis2004 => only(Self::EucJp, |_, code| Some(code).filter(|_| code <= 0xffff)),
            Self::EucJisx0213 => Self::EucJis2004.read(),
            Self::ShiftJis2004 => only(Self::EucJis2004, |_, code| shifted(code)),
            Self::ShiftJisx0213 => only(Self::EucJisx0213, |_, code| shifted(code)),
        }
    }
}

/// GB 18030's codes of four bytes: the first character of each stretch, its place, how many.
pub(super) fn four_bytes() -> Vec<(u32, u32, u32)> {
    let read = || {
        let mut part = Table::FourBytes.part()?;
        (0..part.number()?)
            .map(|_| Some((part.number()?, part.number()?, part.number()?)))
            .collect::<Option<_>>()
    };
    read().unwrap_or_default()
}

/// Both bytes stand in the upper half of the code table.
fn high(_one: u32, code: u32) -> Option<u32> {
    (code < 0x80 || (0xa1a1..=0xffff).contains(&code) && code & 0xff >= 0xa1).then_some(code)
}

/// A code of EUC-JP as Shift JIS has it.
fn shifted(code: u32) -> Option<u32> {
    if code < 0x80 {
        return Some(code);
    }
    if code >> 8 == 0x8e {
        return Some(code & 0xff);
    }
    let (row, cell) = ((code >> 8 & 0xff) - 0xa0, (code & 0xff) - 0xa1);
    let (place, lead) = if code <= 0xffff {
        (row - 1, if row - 1 < 62 { 0x81 } else { 0xc1 })
    } else {
        (second_plane(row)?, 0xf0)
    };
    let trail = cell + if place % 2 == 0 { 0 } else { 94 };
    let trail = trail + if trail < 0x3f { 0x40 } else { 0x41 };
    Some((lead + place / 2) << 8 | trail)
}

/// Which of the second plane's rows a row is, if it belongs to JIS X 0213.
pub(super) fn second_plane(row: u32) -> Option<u32> {
    const ROWS: [u32; 9] = [1, 8, 3, 4, 5, 12, 13, 14, 15];
    match row {
        78..95 => Some(row - 78 + 9),
        row => Some(ROWS.iter().position(|known| *known == row)? as u32),
    }
}

/// A code of EUC-KR as Johab has it.
fn johab(one: u32, code: u32) -> Option<u32> {
    if let Some(at) = one.checked_sub(0xac00).filter(|at| *at < 11_172) {
        // The letters' numbers leave gaps.
        let (first, middle, last) = (at / 588, at / 28 % 21, at % 28);
        let middle = middle + 3 + (middle + 1) / 6 * 2;
        let last = last + 1 + u32::from(last > 16);
        return Some(0x8000 | (first + 2) << 10 | middle << 5 | last);
    }
    if code < 0x80 {
        return Some(code);
    }
    let (row, cell) = ((code >> 8) - 0xa1, (code & 0xff).wrapping_sub(0xa1));
    let place = row + if row < 0x29 { 0x1b2 } else { 0x197 };
    let trail = cell.wrapping_add(if place & 1 == 0 { 0 } else { 0x5e });
    let trail = trail.wrapping_add(if trail < 0x4e { 0x31 } else { 0x43 });
    Some(place >> 1 << 8 | trail & 0xff)
}

/// Reads numbers of seven bits a byte.
struct Reader {
    rest: &'static [u8],
}

impl Reader {
    fn number(&mut self) -> Option<u32> {
        let mut number = 0;
        for shift in (0..35).step_by(7) {
            let (byte, rest) = self.rest.split_first()?;
            self.rest = rest;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = i64::from(self.number()?);
        Some(if number & 1 == 0 { number / 2 } else { -(number + 1) / 2 })
    }

    /// Calls `each` with key and value.
    fn runs(&mut self, mut each: impl FnMut(u32, u32)) -> Option<()> {
        let (mut end, mut last) = (0_i64, -1_i64);
        for _ in 0..self.number()? {
            end += self.signed()?;
            for _ in 0..self.number()? {
                last += self.signed()? + 1;
                each(u32::try_from(end).ok()?, u32::try_from(last).ok()?);
                end += 1;
            }
        }
        Some(())
    }

    fn spans(&mut self, mut each: impl FnMut(u32)) -> Option<()> {
        let mut end = 0;
        for _ in 0..self.number()? {
            end += self.number()?;
            for _ in 0..self.number()? {
                each(end);
                end += 1;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_read_to_its_end_and_has_its_size() {
        let sizes = [
            (Table::Gb18030, 24_068),
            (Table::Gbk, 21_919),
            (Table::Gb2312, 7573),
            (Table::Big5, 13_834),
            (Table::Cp950, 13_879),
            (Table::Big5Hkscs, 18_514),
            (Table::Cp949, 17_176),
            (Table::EucKr, 8354),
            (Table::Johab, 17_176),
            (Table::EucJp, 13_138),
            (Table::ShiftJis, 7072),
            (Table::Cp932, 9408),
            (Table::EucJis2004, 14_557),
            (Table::EucJisx0213, 14_547),
            (Table::ShiftJis2004, 11_399),
            (Table::ShiftJisx0213, 11_389),
        ];
        for (table, size) in sizes {
            assert_eq!(table.read().unwrap().singles.len(), size, "{table:?}");
        }
        let last = four_bytes().pop().unwrap();
        assert_eq!((last.0, last.2), (0x1_0000, 0x10_0000));
    }
}
