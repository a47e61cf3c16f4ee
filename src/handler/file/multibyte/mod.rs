//! East Asian encodings, as CPython's codecs have them.
//!
//! `tables.bin` holds what `tests/conformance/encodings.py` asked of CPython, each encoding as what
//! sets it apart from one that is near it. The crates for these encodings follow what browsers do,
//! which other characters and other bytes belong to.

mod charset;
mod iso2022;
mod tables;

use super::{Put, State};
use crate::sync::Arc;
use charset::Charset;
use iso2022::Iso2022;
use tables::Table;

/// What an error about an unknown encoding adds.
pub(super) const HINT: &str = "";

/// An encoding of several bytes a character.
#[derive(Debug, Clone)]
pub(super) struct Multibyte(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Charset(Arc<Charset>),
    EucKr(Arc<Charset>),
    Hz(Arc<Charset>),
    Iso2022(Arc<Iso2022>),
}

/// Python's names, each with its aliases.
const NAMES: &[(&str, &[&str])] = &[
    ("big5", &["big5_tw", "csbig5", "x_mac_trad_chinese"]),
    ("big5hkscs", &["big5_hkscs", "hkscs"]),
    ("cp932", &["932", "ms932", "ms_kanji", "mskanji"]),
    ("cp949", &["949", "ms949", "uhc"]),
    ("cp950", &["950", "ms950"]),
    ("euc_jp", &["eucjp", "u_jis", "ujis"]),
    ("euc_jis_2004", &["euc_jis2004", "eucjis2004", "jisx0213"]),
    ("euc_jisx0213", &["eucjisx0213"]),
    (
        "euc_kr",
        &[
            "euckr",
            "korean",
            "ks_c_5601",
            "ks_c_5601_1987",
            "ks_x_1001",
            "ksc5601",
            "ksx1001",
            "x_mac_korean",
        ],
    ),
    (
        "gb2312",
        &[
            "chinese",
            "csiso58gb231280",
            "euc_cn",
            "euccn",
            "eucgb2312_cn",
            "gb2312_1980",
            "gb2312_80",
            "iso_ir_58",
            "x_mac_simp_chinese",
        ],
    ),
    ("gbk", &["936", "cp936", "ms936"]),
    ("gb18030", &["gb18030_2000"]),
    ("johab", &["cp1361", "ms1361"]),
    ("shift_jis", &["csshiftjis", "s_jis", "shiftjis", "sjis", "x_mac_japanese"]),
    ("shift_jis_2004", &["s_jis_2004", "shiftjis2004", "sjis_2004"]),
    ("shift_jisx0213", &["s_jisx0213", "shiftjisx0213", "sjisx0213"]),
    ("hz", &["hz_gb", "hz_gb_2312", "hzgb"]),
    ("iso2022_jp", &["csiso2022jp", "iso2022jp", "iso_2022_jp"]),
    ("iso2022_jp_1", &["iso2022jp_1", "iso_2022_jp_1"]),
    ("iso2022_jp_2", &["iso2022jp_2", "iso_2022_jp_2"]),
    ("iso2022_jp_2004", &["iso2022jp_2004", "iso_2022_jp_2004"]),
    ("iso2022_jp_3", &["iso2022jp_3", "iso_2022_jp_3"]),
    ("iso2022_jp_ext", &["iso2022jp_ext", "iso_2022_jp_ext"]),
    ("iso2022_kr", &["csiso2022kr", "iso2022kr", "iso_2022_kr"]),
];

impl Multibyte {
    /// Finds an encoding by one of its normalised names. Reads its table, which it keeps in eight
    /// bytes a character.
    pub(super) fn find(name: &str) -> Option<Self> {
        let found = |(own, others): &&(&str, &[&str])| *own == name || others.contains(&name);
        let (name, _) = NAMES.iter().find(found)?;
        let kind = match *name {
            "euc_kr" => Kind::EucKr(Arc::new(Charset::of(&Table::EucKr.read()?))),
            "hz" => Kind::Hz(Arc::new(Charset::of(&Table::Gb2312.read()?))),
            name if name.starts_with("iso2022") => Kind::Iso2022(Arc::new(Iso2022::find(name)?)),
            name => {
                let mut charset = Charset::of(&Table::named(name)?.read()?);
                if name == "gb18030" {
                    charset.add_four_bytes();
                }
                Kind::Charset(Arc::new(charset))
            }
        };
        Some(Self(kind))
    }

    /// Appends a character, or two that have bytes of their own together.
    pub(super) fn put(
        &self,
        one: char,
        next: Option<char>,
        state: &mut State,
        out: &mut Vec<u8>,
    ) -> Put {
        match &self.0 {
            Kind::Charset(charset) => charset.put(one, next, out),
            Kind::EucKr(charset) => match charset.put(one, next, out) {
                Put::Not => syllable(one, out),
                put => put,
            },
            Kind::Hz(charset) => hz(one, charset, state, out),
            Kind::Iso2022(encoding) => encoding.put(one, next, state, out),
        }
    }
}

/// Simplified Chinese between `~{` and `~}`.
fn hz(one: char, charset: &Charset, state: &mut State, out: &mut Vec<u8>) -> Put {
    if one.is_ascii() {
        if std::mem::take(&mut state.set) != 0 {
            out.extend_from_slice(b"~}");
        }
        out.push(one as u8);
        if one == '~' {
            out.push(b'~');
        }
        return Put::One;
    }
    let Some(code) = charset.code(one) else { return Put::Not };
    if state.set == 0 {
        out.extend_from_slice(b"~{");
        state.set = 1;
    }
    out.extend_from_slice(&(code as u16 & 0x7f7f).to_be_bytes());
    Put::One
}

/// A Hangul syllable that KS X 1001 has no code for, as its letters behind a filler.
fn syllable(one: char, out: &mut Vec<u8>) -> Put {
    const FIRST: &[u8; 19] =
        b"\xa1\xa2\xa4\xa7\xa8\xa9\xb1\xb2\xb3\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe";
    const LAST: &[u8; 28] =
        b"\xd4\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa9\xaa\xab\xac\xad\xae\xaf\xb0\xb1\xb2\xb4\xb5\xb6\xb7\xb8\xba\xbb\xbc\xbd\xbe";
    let Some(at) = (one as u32).checked_sub(0xac00).filter(|at| *at < 11_172) else {
        return Put::Not;
    };
    let at = at as usize;
    let letters = [0xd4, FIRST[at / 588], 0xbf + (at / 28 % 21) as u8, LAST[at % 28]];
    out.extend(letters.into_iter().flat_map(|letter| [0xa4, letter]));
    Put::One
}
