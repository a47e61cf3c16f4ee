//! How records lie in a ring of 64-bit words.
//!
//! Word 0: length in words (24 bits), kind (8 bits), generation that admitted the record (high
//! half). Word 1: the stamp. Word 2: call site or level (low half), logger (high half). Then, if
//! the kind's flags say so, a word with the level chosen at run time and a word with the handler
//! that caused the record, and what a record factory changed of it; then the values.
//!
//! A frame is contiguous: where the end of the ring is too short, a [`PAD`] closes it.

/// Closes the end of the ring; its length covers the rest.
pub(crate) const PAD: u8 = 1;
/// Names a static call site: word 2 is site and logger, then tag words and values.
pub(crate) const SITE: u8 = 2;
/// Says everything itself: word 2 is level and logger, then items.
pub(crate) const DESCRIBED: u8 = 3;
/// Tells of losses: stamps of the first and the last one, then totals per class of level.
pub(crate) const GAP: u8 = 4;
/// A part of a frame too large for the ring; word 2 says whether it is the first, the last.
pub(crate) const PART: u8 = 5;
/// Marks the first part in word 2.
pub(crate) const FIRST_PART: u64 = 1;
/// Marks the last part in word 2.
pub(crate) const LAST_PART: u64 = 2;
/// The scope that this and the following records of the lane belong to: a map's payload.
pub(crate) const CONTEXT: u8 = 6;
/// The kind without its flags.
pub(crate) const KIND: u8 = 0x0f;
/// The level was held against the logger's threshold (described frames; site frames' always was):
/// what lies below the logger's level is the flight recorder's.
pub(crate) const WITH_CHECK: u8 = 0x10;
/// What a record factory changed comes before the values: a map's payload.
pub(crate) const WITH_CHANGES: u8 = 0x20;
/// A word with the level follows word 2 (site frames).
pub(crate) const WITH_LEVEL: u8 = 0x40;
/// A word with the handler that caused the record follows: it must not be offered to it.
pub(crate) const WITH_ORIGIN: u8 = 0x80;

/// Words before the values of a frame without flags.
pub(crate) const HEADER_WORDS: usize = 3;
/// The longest frame that a length can tell.
pub(crate) const MAX_WORDS: usize = (1 << 24) - 1;
/// Records above this are cut.
pub(crate) const MAX_RECORD_BYTES: usize = 16 << 20;

/// Builds word 0.
#[inline(always)]
pub(crate) const fn head(words: usize, kind: u8, generation: u32) -> u64 {
    words as u64 | (kind as u64) << 24 | (generation as u64) << 32
}

/// A frame's fixed part, read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) words: usize,
    pub(crate) kind: u8,
    pub(crate) generation: u32,
}

impl Head {
    #[inline(always)]
    pub(crate) const fn read(word: u64) -> Self {
        Self {
            words: (word & 0xff_ffff) as usize,
            kind: (word >> 24) as u8,
            generation: (word >> 32) as u32,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_keeps_its_parts() {
        let word = head(MAX_WORDS, DESCRIBED | WITH_ORIGIN, i32::MAX as u32);
        let read = Head::read(word);
        assert_eq!(read.words, MAX_WORDS);
        assert_eq!(read.kind, DESCRIBED | WITH_ORIGIN);
        assert_eq!(read.generation, i32::MAX as u32);
    }
}
