//! Text encodings other than UTF-8, by the names that Python knows.
//!
//! Log files are UTF-8 unless somebody asks for something else. What Python's codecs write is
//! written here: the byte order mark of `utf-16`, `utf-32` and `utf-8-sig` at the start of a file
//! only, and the error handlers of `open(errors=...)`. `tests/conformance/encodings.py` compares
//! every encoding and error handler with CPython's, over all characters.

#[cfg_attr(feature = "encodings", path = "codepages/mod.rs")]
#[cfg_attr(not(feature = "encodings"), path = "no_codepages.rs")]
mod codepages;
mod escapes;
#[cfg_attr(feature = "east-asian", path = "multibyte/mod.rs")]
#[cfg_attr(not(feature = "east-asian"), path = "no_multibyte.rs")]
mod multibyte;
#[cfg_attr(feature = "namereplace", path = "character_names.rs")]
#[cfg_attr(not(feature = "namereplace"), path = "no_character_names.rs")]
mod names;

use crate::error::Error;
use codepages::Codepage;
use multibyte::Multibyte;

/// How the text of a file is encoded, and what becomes of characters that it cannot hold.
#[derive(Debug, Clone)]
pub(crate) struct Encoding {
    name: Box<str>,
    codec: Codec,
    errors: OnError,
}

#[derive(Debug, Clone)]
enum Codec {
    Utf8,
    Utf8Sig,
    /// Characters up to this one are their own byte.
    Bytes(u32),
    Utf16 {
        big: bool,
        mark: bool,
    },
    Utf32 {
        big: bool,
        mark: bool,
    },
    Utf7,
    /// Python's `unicode_escape` and `raw_unicode_escape`.
    Escapes {
        raw: bool,
    },
    /// Python's `undefined`, which can hold nothing.
    Undefined,
    Page(Codepage),
    Multibyte(Multibyte),
}

/// What an encoding remembers from one record to the next of an open file.
#[derive(Debug, Clone, Copy, Default)]
#[cfg_attr(not(feature = "east-asian"), expect(dead_code, reason = "only they switch"))]
pub(crate) struct State {
    /// The set of characters that is switched to; what it counts is the encoding's own.
    set: u8,
    /// The file had text when it was opened, of which nothing is known.
    resumed: bool,
    /// A character that may belong together with the next one.
    waiting: Option<char>,
}

impl State {
    /// The state at the start of a file, or behind text that stands there already.
    pub(crate) fn opened(resumed: bool) -> Self {
        Self { resumed, ..Self::default() }
    }
}

/// How far an encoding came with a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "east-asian"), expect(dead_code, reason = "only they look ahead"))]
enum Put {
    One,
    /// The next character went with it.
    Two,
    /// The next character decides.
    Wait,
    Not,
}

/// Python's error handlers, for characters that an encoding cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnError {
    Strict,
    Ignore,
    Replace,
    Backslash,
    XmlReference,
    Name,
}

impl Encoding {
    /// Finds an encoding by Python's name for it, and an error handler (`strict` if `None`).
    ///
    /// # Errors
    ///
    /// If no such encoding or error handler is known, or the crate was built without the feature
    /// that has it.
    pub(crate) fn find(name: &str, errors: Option<&str>) -> Result<Self, Error> {
        let codec = Codec::find(&normalized(name)).ok_or_else(|| {
            let hints = [codepages::HINT, multibyte::HINT].concat();
            Error::invalid(format!("unknown encoding: {name}{hints}"))
        })?;
        let errors = match errors.unwrap_or("strict") {
            "strict" | "surrogateescape" | "surrogatepass" => OnError::Strict,
            "ignore" => OnError::Ignore,
            "replace" => OnError::Replace,
            "backslashreplace" => OnError::Backslash,
            "xmlcharrefreplace" => OnError::XmlReference,
            "namereplace" => {
                names::known()?;
                OnError::Name
            }
            other => {
                return Err(Error::invalid(format!("unknown error handler name '{other}'")));
            }
        };
        Ok(Self { name: name.into(), codec, errors })
    }

    /// Returns true if text needs no work: UTF-8 without a mark.
    pub(crate) fn is_utf8(&self) -> bool {
        matches!(self.codec, Codec::Utf8)
    }

    /// Appends what begins an empty file: a byte order mark, or nothing.
    pub(crate) fn begin(&self, out: &mut Vec<u8>) {
        match self.codec {
            Codec::Utf8Sig => out.extend_from_slice("\u{feff}".as_bytes()),
            Codec::Utf16 { big, mark: true } => put16(0xfeff, big, out),
            Codec::Utf32 { big, mark: true } => put32(0xfeff, big, out),
            _ => {}
        }
    }

    /// Appends `text`, encoded: a record and its end, as one write of Python's has them. On an
    /// error nothing is appended; what the state remembers stays changed, as in Python.
    ///
    /// Bytes that are not UTF-8 count as U+FFFD.
    ///
    /// # Errors
    ///
    /// If a character cannot be encoded and the error handler is `strict`.
    pub(crate) fn encode(
        &self,
        state: &mut State,
        text: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if matches!(self.codec, Codec::Utf8 | Codec::Utf8Sig) {
            out.extend_from_slice(text);
            return Ok(());
        }
        let before = out.len();
        let text = String::from_utf8_lossy(text);
        match self.codec {
            Codec::Utf7 => {
                escapes::utf7(&text, out);
                return Ok(());
            }
            Codec::Undefined => return Err(Error::invalid("undefined encoding")),
            _ => {}
        }
        let waiting = state.waiting.take();
        let mut chars = waiting.into_iter().chain(text.chars()).peekable();
        let mut position = 0;
        while let Some(one) = chars.next() {
            match self.put(one, chars.peek().copied(), state, out) {
                Put::One => {}
                Put::Two => {
                    chars.next();
                    position += 1;
                }
                Put::Wait => state.waiting = Some(one),
                Put::Not if self.errors == OnError::Strict => {
                    out.truncate(before);
                    return Err(Error::invalid(format!(
                        "'{}' codec can't encode character {one:?} in position {position}",
                        self.name
                    )));
                }
                Put::Not => {
                    // Replacements are ASCII, which every encoding has or leaves out.
                    for one in self.replacement(one).chars() {
                        self.put(one, None, state, out);
                    }
                }
            }
            position += 1;
        }
        Ok(())
    }

    fn replacement(&self, one: char) -> String {
        match self.errors {
            OnError::Strict | OnError::Ignore => String::new(),
            OnError::Replace => "?".into(),
            OnError::XmlReference => format!("&#{};", one as u32),
            OnError::Name => names::of(one).unwrap_or_else(|| backslashed(one)),
            OnError::Backslash => backslashed(one),
        }
    }

    fn put(&self, one: char, next: Option<char>, state: &mut State, out: &mut Vec<u8>) -> Put {
        let code = one as u32;
        let done = match &self.codec {
            Codec::Utf8 | Codec::Utf8Sig | Codec::Utf7 | Codec::Undefined => {
                out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
                true
            }
            Codec::Bytes(last) => {
                if code <= *last {
                    out.push(code as u8);
                }
                code <= *last
            }
            Codec::Utf16 { big, .. } => {
                one.encode_utf16(&mut [0; 2]).iter().for_each(|unit| put16(*unit, *big, out));
                true
            }
            Codec::Utf32 { big, .. } => {
                put32(code, *big, out);
                true
            }
            Codec::Escapes { raw } => {
                escapes::escape(one, *raw, out);
                true
            }
            Codec::Page(page) => page.put(one, out),
            Codec::Multibyte(encoding) => return encoding.put(one, next, state, out),
        };
        if done { Put::One } else { Put::Not }
    }
}

/// As Python's `backslashreplace` has a character.
fn backslashed(one: char) -> String {
    match one as u32 {
        code @ ..0x100 => format!("\\x{code:02x}"),
        code @ ..0x1_0000 => format!("\\u{code:04x}"),
        code => format!("\\U{code:08x}"),
    }
}

impl Codec {
    fn find(name: &str) -> Option<Self> {
        let little = cfg!(target_endian = "little");
        Some(match name {
            "utf_8" | "utf8" | "u8" | "utf" | "utf8_ucs2" | "utf8_ucs4" | "cp65001" => Self::Utf8,
            "utf_8_sig" | "utf8_sig" => Self::Utf8Sig,
            "latin_1" | "latin1" | "latin" | "l1" | "iso_8859_1" | "iso8859_1" | "iso8859"
            | "8859" | "cp819" | "charmap" | "iso_8859_1_1987" | "iso_ir_100" | "ibm819"
            | "csisolatin1" => Self::Bytes(0xff),
            "ascii" | "us_ascii" | "646" | "us" | "ansi_x3.4_1968" | "ansi_x3_4_1968"
            | "ansi_x3.4_1986" | "cp367" | "csascii" | "ibm367" | "iso646_us"
            | "iso_646.irv_1991" | "iso_ir_6" => Self::Bytes(0x7f),
            "utf_16" | "utf16" | "u16" => Self::Utf16 { big: !little, mark: true },
            "utf_16_le" | "utf_16le" | "unicodelittleunmarked" => {
                Self::Utf16 { big: false, mark: false }
            }
            "utf_16_be" | "utf_16be" | "unicodebigunmarked" => {
                Self::Utf16 { big: true, mark: false }
            }
            "utf_32" | "utf32" | "u32" => Self::Utf32 { big: !little, mark: true },
            "utf_32_le" | "utf_32le" => Self::Utf32 { big: false, mark: false },
            "utf_32_be" | "utf_32be" => Self::Utf32 { big: true, mark: false },
            "utf_7" | "u7" | "unicode_1_1_utf_7" | "utf7" => Self::Utf7,
            "unicode_escape" => Self::Escapes { raw: false },
            "raw_unicode_escape" => Self::Escapes { raw: true },
            "undefined" => Self::Undefined,
            _ => match Codepage::find(name) {
                Some(page) => Self::Page(page),
                None => Self::Multibyte(Multibyte::find(name)?),
            },
        })
    }
}

fn put16(unit: u16, big: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&if big { unit.to_be_bytes() } else { unit.to_le_bytes() });
}

fn put32(code: u32, big: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(&if big { code.to_be_bytes() } else { code.to_le_bytes() });
}

/// A name as Python's codec registry compares it: lower case, runs of other characters than
/// letters, digits and dots as one underscore.
fn normalized(name: &str) -> String {
    let mut out = String::new();
    let mut gap = false;
    for one in name.chars() {
        if one.is_ascii_alphanumeric() || one == '.' {
            if gap && !out.is_empty() {
                out.push('_');
            }
            gap = false;
            out.push(one.to_ascii_lowercase());
        } else {
            gap = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(name: &str, errors: Option<&str>, text: &str) -> Result<Vec<u8>, Error> {
        let mut out = Vec::new();
        Encoding::find(name, errors)?.encode(&mut State::default(), text.as_bytes(), &mut out)?;
        Ok(out)
    }

    #[test]
    fn characters_beyond_the_encoding_go_the_way_of_the_error_handler() {
        let text = "é € 😀 end";
        let get =
            |errors| String::from_utf8(encoded("ascii", Some(errors), text).unwrap()).unwrap();
        assert_eq!(get("ignore"), "   end");
        assert_eq!(get("replace"), "? ? ? end");
        assert_eq!(get("backslashreplace"), r"\xe9 \u20ac \U0001f600 end");
        assert_eq!(get("xmlcharrefreplace"), "&#233; &#8364; &#128512; end");
        assert!(encoded("ascii", None, text).unwrap_err().is_invalid());
        assert!(encoded("ascii", Some("no-such"), text).unwrap_err().is_invalid());
    }

    #[test]
    fn a_failed_encoding_leaves_the_buffer_as_it_was() {
        let mut out = b"kept".to_vec();
        let latin = Encoding::find("Latin-1", None).unwrap();
        assert!(latin.encode(&mut State::default(), "price €5".as_bytes(), &mut out).is_err());
        assert_eq!(out, b"kept");
        latin.encode(&mut State::default(), "naïve".as_bytes(), &mut out).unwrap();
        assert_eq!(out, b"keptna\xefve");
    }

    #[test]
    fn wide_encodings_have_their_byte_order() {
        assert_eq!(encoded("utf-16-be", None, "a😀").unwrap(), [0, 97, 0xd8, 0x3d, 0xde, 0]);
        assert_eq!(encoded("UTF_16LE", None, "é").unwrap(), [0xe9, 0]);
        assert_eq!(encoded("utf-32-be", None, "😀").unwrap(), [0, 1, 0xf6, 0]);
        let mut mark = Vec::new();
        Encoding::find("utf-8-sig", None).unwrap().begin(&mut mark);
        assert_eq!(mark, [0xef, 0xbb, 0xbf]);
        mark.clear();
        Encoding::find("utf-16-le", None).unwrap().begin(&mut mark);
        assert!(mark.is_empty());
    }

    #[test]
    fn what_python_writes_as_escapes_is_written_so() {
        assert_eq!(encoded("utf-7", None, "a+あ-b\n😀").unwrap(), b"a+-+MEI--b\n+2D3eAA-");
        let text = "a\\é\t€😀\n";
        let escaped = encoded("unicode_escape", None, text).unwrap();
        assert_eq!(escaped, br"a\\\xe9\t\u20ac\U0001f600\n");
        let raw = encoded("raw-unicode-escape", None, text).unwrap();
        assert_eq!(raw, b"a\\\xe9\t\\u20ac\\U0001f600\n");
        assert!(encoded("undefined", Some("ignore"), "a").is_err());
    }

    #[cfg(feature = "namereplace")]
    #[test]
    fn characters_are_replaced_by_their_names() {
        let get = |text| encoded("ascii", Some("namereplace"), text).unwrap();
        assert_eq!(get("é"), br"\N{LATIN SMALL LETTER E WITH ACUTE}");
        assert_eq!(get("一각"), br"\N{CJK UNIFIED IDEOGRAPH-4E00}\N{HANGUL SYLLABLE GAG}");
        assert_eq!(get("\u{85}\u{e000}\u{10ffff}"), br"\x85\ue000\U0010ffff");
    }

    #[cfg(feature = "east-asian")]
    #[test]
    fn east_asian_text_is_written_as_python_writes_it() {
        let all = |name| encoded(name, Some("replace"), "a一あ각é").unwrap();
        assert_eq!(all("gbk"), b"a\xd2\xbb\xa4\xa2?\xa8\xa6");
        assert_eq!(all("gb18030"), b"a\xd2\xbb\xa4\xa2\x827\xcf6\xa8\xa6");
        assert_eq!(all("Big5"), b"a\xa4@\xc6\xa6??");
        assert_eq!(all("shift-jis"), b"a\x88\xea\x82\xa0??");
        assert_eq!(all("euc-jp"), b"a\xb0\xec\xa4\xa2?\x8f\xab\xb1");
        assert_eq!(all("cp949"), b"a\xec\xe9\xaa\xa2\xb0\xa2?");
        assert_eq!(all("johab"), b"a\xf1y\xdd\xa2\x88b?");
        assert_eq!(all("iso2022_jp"), b"a\x1b$B0l$\"\x1b(B??");
        assert_eq!(all("iso2022_kr"), b"a\x1b$)C\x0eli*\"0\"\x0f?");
        assert_eq!(all("hz"), b"a~{R;$\"~}?~{(&");
    }

    #[cfg(feature = "east-asian")]
    #[test]
    fn what_is_switched_to_lasts_from_record_to_record_even_past_a_failure() {
        let japanese = Encoding::find("iso2022-jp", None).unwrap();
        let (mut state, mut out) = (State::default(), Vec::new());
        assert!(japanese.encode(&mut state, "a一😀\n".as_bytes(), &mut out).is_err());
        assert_eq!(out, b"");
        japanese.encode(&mut state, "b一\n".as_bytes(), &mut out).unwrap();
        assert_eq!(out, b"\x1b(Bb\x1b$B0l\x1b(B\n");
        let korean = Encoding::find("iso2022-kr", None).unwrap();
        let (mut state, mut out) = (State::default(), Vec::new());
        for text in ["각\n", "각\n"] {
            korean.encode(&mut state, text.as_bytes(), &mut out).unwrap();
        }
        assert_eq!(out, b"\x1b$)C\x0e0\"\x0f\n\x0e0\"\x0f\n");
        let paired = Encoding::find("euc-jis-2004", None).unwrap();
        let (mut state, mut out) = (State::default(), Vec::new());
        for text in ["か", "\u{309a}か", "x"] {
            paired.encode(&mut state, text.as_bytes(), &mut out).unwrap();
        }
        assert_eq!(out, b"\xa4\xf7\xa4\xabx");
    }

    #[test]
    fn an_unknown_encoding_is_named_in_the_error() {
        let error = Encoding::find("no-such", None).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("unknown encoding: no-such"));
    }
}
