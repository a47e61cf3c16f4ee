//! A buffer that lines are made in, where they are to stay.
//!
//! A line made elsewhere is copied once more, and read back while its last pieces are still on
//! their way to the cache, which costs more than the copy. A `Vec` lends no room behind its bytes
//! without filling it first; a sheet fills it once and keeps it.

use super::line::{ROOM_BYTES, Room};
use std::fmt;
use std::ops::Deref;

/// How much more than the room of a line is filled at a time.
const MORE: usize = 4096;

/// Bytes, with room behind them for a line. Shows itself as the bytes alone.
#[derive(Default)]
pub struct Sheet {
    /// What was written, then whatever; what was filled once stays filled.
    bytes: Vec<u8>,
    length: usize,
}

impl Sheet {
    /// The room behind what is written.
    #[inline(always)]
    pub(crate) fn room(&mut self) -> &mut Room {
        if self.bytes.len() - self.length < ROOM_BYTES {
            self.make_room();
        }
        self.bytes[self.length..].first_chunk_mut().expect("room was made")
    }

    #[cold]
    #[inline(never)]
    fn make_room(&mut self) {
        let least = self.length + ROOM_BYTES;
        self.bytes.reserve(least - self.bytes.len());
        // Some more at once; not all there is, for it may be lost to the next `with_vec`.
        let filled = self.bytes.capacity().min(least + MORE);
        self.bytes.resize(filled, 0);
    }

    /// So many bytes of the room are written now, and this one behind them.
    #[inline(always)]
    pub(crate) fn advance_to(&mut self, bytes: usize, last: u8) {
        let end = self.length + bytes;
        if let Some(slot) = self.bytes.get_mut(end) {
            *slot = last;
            self.length = end + 1;
        }
    }

    /// How many bytes are written.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// So many bytes of the room are written now.
    #[inline(always)]
    pub(crate) fn advance(&mut self, bytes: usize) {
        self.length = (self.length + bytes).min(self.bytes.len());
    }

    /// Lends the bytes as a vector, for whoever appends to one. What was appended when `write`
    /// panics is dropped.
    pub(crate) fn with_vec<R>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        self.bytes.truncate(self.length);
        let result = write(&mut self.bytes);
        self.length = self.bytes.len();
        result
    }

    #[inline(always)]
    pub(crate) fn push(&mut self, byte: u8) {
        match self.bytes.get_mut(self.length) {
            Some(slot) => {
                *slot = byte;
                self.length += 1;
            }
            None => self.extend_from_slice(&[byte]),
        }
    }

    pub(crate) fn extend_from_slice(&mut self, more: &[u8]) {
        match self.bytes.get_mut(self.length..self.length + more.len()) {
            Some(slot) => {
                slot.copy_from_slice(more);
                self.length += more.len();
            }
            None => self.with_vec(|bytes| bytes.extend_from_slice(more)),
        }
    }

    #[inline(always)]
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    pub(crate) fn clear(&mut self) {
        self.length = 0;
    }

    /// Takes out the first bytes.
    pub(crate) fn remove_first(&mut self, bytes: usize) {
        self.bytes.copy_within(bytes..self.length, 0);
        self.length -= bytes;
    }
}

impl Deref for Sheet {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl fmt::Debug for Sheet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sheet({} bytes)", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Line;
    use super::*;

    #[test]
    fn lines_and_bytes_stand_one_behind_the_other() {
        let mut sheet = Sheet::default();
        let mut expected = Vec::new();
        for turn in 0..1_000u64 {
            let room = sheet.room();
            let mut line = Line::new(room);
            line.push(b"turn ");
            line.push_u64(turn);
            let length = line.finished().unwrap();
            sheet.advance(length);
            expected.extend_from_slice(format!("turn {turn}").as_bytes());
            match turn % 7 {
                0 => sheet.extend_from_slice(b" and more"),
                1 => sheet.with_vec(|bytes| bytes.extend_from_slice(b" and more")),
                2 => b" and more".iter().for_each(|byte| sheet.push(*byte)),
                3 => {
                    sheet.remove_first(9);
                    expected.drain(..9);
                    continue;
                }
                4 => {
                    let length = sheet.len() / 2;
                    sheet.truncate(length);
                    expected.truncate(length);
                    continue;
                }
                _ => continue,
            }
            expected.extend_from_slice(b" and more");
            assert_eq!(*sheet, *expected);
        }
        sheet.clear();
        assert!(sheet.is_empty());
    }

    #[test]
    fn what_a_writer_left_behind_when_it_panicked_is_dropped() {
        let mut sheet = Sheet::default();
        sheet.extend_from_slice(b"whole");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            sheet.with_vec(|bytes| {
                bytes.extend_from_slice(b"half");
                panic!("told to");
            })
        }));
        assert!(panicked.is_err());
        assert_eq!(*sheet, *b"whole");
        sheet.room();
        sheet.extend_from_slice(b"!");
        assert_eq!(*sheet, *b"whole!");
    }
}
