//! Encodings of one byte a character: the code pages that Python knows.

use crate::sync::Arc;

/// What an error about an unknown encoding adds.
pub(super) const HINT: &str = "";

const PAGES: &str = include_str!("pages.txt");

/// The characters of a code page with their bytes, sorted.
#[derive(Debug, Clone)]
pub(super) struct Codepage {
    bytes: Arc<[(char, u8)]>,
}

impl Codepage {
    /// Finds a page by one of its normalised names.
    pub(super) fn find(name: &str) -> Option<Self> {
        PAGES.lines().filter(|line| !line.starts_with('#')).find_map(|line| {
            let (names, runs) = line.split_once(':')?;
            names.split(' ').any(|known| known == name).then(|| Self::parse(runs))?
        })
    }

    fn parse(runs: &str) -> Option<Self> {
        let hex = |text| u32::from_str_radix(text, 16).ok();
        let mut bytes = Vec::with_capacity(256);
        for run in runs.split_whitespace() {
            let (byte, rest) = run.split_once('-')?;
            let (first, length) = rest.split_once('+').unwrap_or((rest, "1"));
            let (byte, first) = (hex(byte)?, hex(first)?);
            for step in 0..hex(length)? {
                bytes.push((char::from_u32(first + step)?, u8::try_from(byte + step).ok()?));
            }
        }
        bytes.sort_unstable();
        Some(Self { bytes: bytes.into() })
    }

    /// Appends a character's byte; false if the page has none.
    pub(super) fn put(&self, one: char, out: &mut Vec<u8>) -> bool {
        match self.bytes.binary_search_by_key(&one, |(known, _)| *known) {
            Ok(at) => {
                out.push(self.bytes[at].1);
                true
            }
            Err(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(name: &str, text: &str) -> Option<Vec<u8>> {
        let page = Codepage::find(name)?;
        let mut out = Vec::new();
        text.chars().all(|one| page.put(one, &mut out)).then_some(out)
    }

    #[test]
    fn every_page_is_read_and_maps_no_byte_twice() {
        let lines: Vec<_> = PAGES.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(lines.len(), 69);
        for line in lines {
            let (names, runs) = line.split_once(':').unwrap();
            let page = Codepage::parse(runs).unwrap();
            let mut bytes: Vec<_> = page.bytes.iter().map(|(_, byte)| *byte).collect();
            bytes.sort_unstable();
            bytes.dedup();
            assert_eq!(bytes.len(), page.bytes.len(), "{names}");
            assert!(bytes.len() > 180, "{names}");
        }
    }

    #[test]
    fn characters_go_where_python_puts_them() {
        assert_eq!(
            encode("cp1252", "\u{201c}1\u{201d}\u{20ac}"),
            Some(vec![0x93, b'1', 0x94, 0x80])
        );
        assert_eq!(encode("iso8859_5", "\u{41f}"), Some(vec![0xbf]));
        assert_eq!(encode("iso_8859_5", "\u{201c}"), None);
        assert_eq!(encode("koi8_r", "\u{41f}\u{440}"), Some(vec![0xf0, 0xd2]));
        assert_eq!(encode("cp037", "A\n"), Some(vec![0xc1, 0x25]));
        assert!(Codepage::find("shift_jis").is_none());
    }
}
