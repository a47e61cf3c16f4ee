//! Text encodings other than UTF-8, by the names that Python knows.
//!
//! Log files are UTF-8 unless somebody asks for something else. What Python's codecs write is
//! written here: the byte order mark of `utf-16`, `utf-32` and `utf-8-sig` at the start of a file
//! only, and the error handlers of `open(errors=...)`.

#[cfg_attr(feature = "encodings", path = "codepages/mod.rs")]
#[cfg_attr(not(feature = "encodings"), path = "no_codepages.rs")]
mod codepages;

use crate::error::Error;
use codepages::Codepage;

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
    Page(Codepage),
}

/// Python's error handlers, for characters that an encoding cannot hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OnError {
    Strict,
    Ignore,
    Replace,
    Backslash,
    XmlReference,
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
            Error::invalid(format!("unknown encoding: {name}{}", codepages::HINT))
        })?;
        let errors = match errors.unwrap_or("strict") {
            "strict" | "surrogateescape" | "surrogatepass" => OnError::Strict,
            "ignore" => OnError::Ignore,
            "replace" => OnError::Replace,
            "backslashreplace" => OnError::Backslash,
            "xmlcharrefreplace" => OnError::XmlReference,
            "namereplace" => {
                return Err(Error::new(
                    crate::error::ErrorKind::Unsupported,
                    "the error handler 'namereplace' is not available",
                ));
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

    /// Appends `text`, encoded. On an error nothing is appended.
    ///
    /// Bytes that are not UTF-8 count as U+FFFD.
    ///
    /// # Errors
    ///
    /// If a character cannot be encoded and the error handler is `strict`.
    pub(crate) fn encode(&self, text: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        if matches!(self.codec, Codec::Utf8 | Codec::Utf8Sig) {
            out.extend_from_slice(text);
            return Ok(());
        }
        let before = out.len();
        let text = String::from_utf8_lossy(text);
        for (at, one) in text.char_indices() {
            if self.put(one, out) {
                continue;
            }
            if self.errors == OnError::Strict {
                out.truncate(before);
                let position = text[..at].chars().count();
                return Err(Error::invalid(format!(
                    "'{}' codec can't encode character {one:?} in position {position}",
                    self.name
                )));
            }
            let replacement = match self.errors {
                OnError::Strict | OnError::Ignore => String::new(),
                OnError::Replace => "?".into(),
                OnError::XmlReference => format!("&#{};", one as u32),
                OnError::Backslash => match one as u32 {
                    code @ ..0x100 => format!("\\x{code:02x}"),
                    code @ ..0x1_0000 => format!("\\u{code:04x}"),
                    code => format!("\\U{code:08x}"),
                },
            };
            // Replacements are ASCII, which every encoding here can hold.
            replacement.chars().for_each(|one| {
                self.put(one, out);
            });
        }
        Ok(())
    }

    fn put(&self, one: char, out: &mut Vec<u8>) -> bool {
        let code = one as u32;
        match &self.codec {
            Codec::Utf8 | Codec::Utf8Sig => {
                out.extend_from_slice(one.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Codec::Bytes(last) => {
                if code > *last {
                    return false;
                }
                out.push(code as u8);
            }
            Codec::Utf16 { big, .. } => {
                one.encode_utf16(&mut [0; 2]).iter().for_each(|unit| put16(*unit, *big, out));
            }
            Codec::Utf32 { big, .. } => put32(code, *big, out),
            Codec::Page(page) => return page.put(one, out),
        }
        true
    }
}

impl Codec {
    fn find(name: &str) -> Option<Self> {
        let little = cfg!(target_endian = "little");
        Some(match name {
            "utf_8" | "utf8" | "u8" | "utf" | "utf8_ucs2" | "utf8_ucs4" | "cp65001" => Self::Utf8,
            "utf_8_sig" | "utf8_sig" => Self::Utf8Sig,
            "latin_1" | "latin1" | "latin" | "l1" | "iso_8859_1" | "iso8859_1" | "iso8859"
            | "8859" | "cp819" | "iso_8859_1_1987" | "iso_ir_100" | "ibm819" | "csisolatin1" => {
                Self::Bytes(0xff)
            }
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
            _ => Self::Page(Codepage::find(name)?),
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
        Encoding::find(name, errors)?.encode(text.as_bytes(), &mut out)?;
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
        assert!(latin.encode("price €5".as_bytes(), &mut out).is_err());
        assert_eq!(out, b"kept");
        latin.encode("naïve".as_bytes(), &mut out).unwrap();
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
    fn an_unknown_encoding_is_named_in_the_error() {
        let error = Encoding::find("no-such", None).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("unknown encoding: no-such"));
    }
}
