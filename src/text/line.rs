//! A line being made, in room of a fixed size.
//!
//! Lines are made of many short pieces. Appended to a `Vec` each costs a look at its capacity and
//! a call of `memcpy`, together more than the moves themselves; here a piece is a few moves of a
//! fixed size and one comparison. What a move writes beyond its piece is overwritten by the next.

use super::ascii;
use super::cells::Cells;
use super::digits::{self, SHORT_ROOM, U64_ROOM};

/// Lines up to this many bytes fit; whoever makes a longer one has to do without. A power of two.
const ROOM: usize = 2048;
/// What a move of a fixed size may write behind the room.
const BEHIND: usize = 64;
/// Text kept by call sites comes in blocks of this many bytes.
pub(crate) const BLOCK: usize = 32;

/// A line being made.
///
/// What does not fit is written over the line's beginning, so that nothing has to be looked at on
/// the way, and the whole is refused at the end.
///
/// Lives where it is used, and hands itself to no function that is not inlined: its length stays
/// in a register.
pub(crate) struct Line<'a> {
    room: &'a mut Room,
    length: usize,
}

pub(crate) const ROOM_BYTES: usize = ROOM + BEHIND;

/// Where a line is made.
pub(crate) type Room = [u8; ROOM_BYTES];

pub(crate) fn room() -> Box<Room> {
    Box::new([0; ROOM_BYTES])
}

impl<'a> Line<'a> {
    #[inline(always)]
    pub(crate) fn new(room: &'a mut Room) -> Self {
        Self::begun(room, 0)
    }

    /// Goes on with a line that has so many bytes.
    #[inline(always)]
    pub(crate) fn begun(room: &'a mut Room, length: usize) -> Self {
        Self { room, length }
    }

    /// How long the line is so far, whether it fits or not.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// The line's length, if it fitted.
    #[inline(always)]
    pub(crate) fn finished(&self) -> Option<usize> {
        (self.length <= ROOM).then_some(self.length)
    }

    /// The last byte so far.
    pub(crate) fn last(&self) -> Option<u8> {
        self.text()?.last().copied()
    }

    /// The line, if it fitted.
    fn text(&self) -> Option<&[u8]> {
        self.room.get(..self.finished()?)
    }

    #[inline(always)]
    fn slot<const N: usize>(&mut self, at: usize) -> &mut [u8; N] {
        const { assert!(N <= BEHIND) };
        let at = at % ROOM;
        self.room[at..].first_chunk_mut().expect("a chunk fits behind each place in the room")
    }

    /// Appends the first `length` bytes of a block.
    #[inline(always)]
    pub(crate) fn push_block(&mut self, block: &[u8; BLOCK], length: usize) {
        *self.slot(self.length) = *block;
        self.length += length;
    }

    /// Appends what a column holds in a row, if it is one of words; else nothing.
    #[inline(always)]
    pub(crate) fn push_shorts(&mut self, column: &Cells, row: usize) -> bool {
        let Some(shorts) = column.shorts() else { return false };
        for short in shorts {
            let (text, length) = short.at(row);
            *self.slot(self.length) = text;
            self.length += length;
        }
        true
    }

    /// Writes bytes over what is at a place.
    #[inline(always)]
    pub(crate) fn put_at(&mut self, at: usize, bytes: [u8; 8]) {
        *self.slot(at) = bytes;
    }

    /// Appends the first `length` bytes of several blocks.
    #[inline(always)]
    pub(crate) fn push_blocks(&mut self, blocks: &[[u8; BLOCK]], length: usize) {
        let mut at = self.length;
        for block in blocks {
            *self.slot(at) = *block;
            at += BLOCK;
        }
        self.length += length;
    }

    /// Appends bytes.
    #[inline(always)]
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // Two moves that overlap cover every length between one and two of their sizes.
        macro_rules! two_moves {
            ($size:literal) => {
                if let (Some(first), Some(last)) =
                    (bytes.first_chunk::<$size>(), bytes.last_chunk::<$size>())
                {
                    *self.slot(self.length) = *first;
                    *self.slot(self.length + bytes.len() - $size) = *last;
                }
            };
        }
        match bytes.len() {
            0 => {}
            1 => *self.slot(self.length) = [bytes[0]],
            2..4 => two_moves!(2),
            4..8 => two_moves!(4),
            8..16 => two_moves!(8),
            16..32 => two_moves!(16),
            32..=64 => two_moves!(32),
            _ => put(bytes, self.length, self.room),
        }
        self.length += bytes.len();
    }

    /// Appends bytes if they are printable ASCII throughout, with `QUOTED` without quotes and
    /// backslashes; else nothing.
    #[inline(always)]
    pub(crate) fn push_plain<const QUOTED: bool>(&mut self, bytes: &[u8]) -> bool {
        let length = put_plain::<QUOTED>(bytes, self.length, self.room);
        self.length = length.unwrap_or(self.length);
        length.is_some()
    }

    #[inline(always)]
    pub(crate) fn push_u64(&mut self, number: u64) {
        self.length += digits::put_u64(number, self.slot::<U64_ROOM>(self.length));
    }

    #[inline(always)]
    pub(crate) fn push_i64(&mut self, number: i64) {
        if number < 0 {
            *self.slot(self.length) = *b"-";
            self.length += 1;
        }
        self.push_u64(number.unsigned_abs())
    }

    /// Appends a float as `{}` shows it, if it has few digits; else nothing.
    #[inline(always)]
    pub(crate) fn push_short(&mut self, number: f64) -> bool {
        let length = digits::put_short(number, self.slot::<SHORT_ROOM>(self.length));
        self.length += length.unwrap_or(0);
        length.is_some()
    }

    /// Appends a float as `{}` shows it.
    pub(crate) fn push_f64(&mut self, number: f64) {
        if !self.push_short(number) {
            let (room, length) = (&mut *self.room, self.length);
            self.length += super::float::with_shortest(number, |text| {
                put(text.as_bytes(), length, room);
                text.len()
            });
        }
    }
}

/// As [`Line::push_plain`]; returns the line's new length.
#[inline(never)]
fn put_plain<const QUOTED: bool>(bytes: &[u8], at: usize, room: &mut Room) -> Option<usize> {
    let length = bytes.len();
    let mut line = Line { room, length: at };
    if !(4..=16).contains(&length) {
        if !ascii::is::<QUOTED>(bytes) {
            return None;
        }
        line.push(bytes);
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        if ascii::are_odd::<QUOTED, _>([*first, *last]) {
            return None;
        }
        *line.slot(at) = *first;
        *line.slot(at + length - 8) = *last;
        line.length += length;
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        if ascii::are_odd_fours::<QUOTED>(*first, *last) {
            return None;
        }
        *line.slot(at) = *first;
        *line.slot(at + length - 4) = *last;
        line.length += length;
    }
    Some(line.length)
}

#[inline(never)]
fn put(bytes: &[u8], at: usize, room: &mut Room) {
    if let Some(slot) = room.get_mut(at..at + bytes.len()) {
        slot.copy_from_slice(bytes);
    }
}

impl std::fmt::Debug for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Line({:?})", String::from_utf8_lossy(self.text().unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_of_every_length_stand_one_behind_the_other() {
        let mut room = room();
        let mut line = Line::new(&mut room);
        let mut expected = Vec::new();
        for length in (0..70).chain([100, 3, 200, 1, 0, 31, 33]) {
            let piece: Vec<u8> = (0..length).map(|n| b'a' + (n % 26) as u8).collect();
            if expected.len() + 3 * length > 1900 {
                line.length = 0;
                expected.clear();
            }
            line.push(&piece);
            expected.extend_from_slice(&piece);
            assert!(line.push_plain::<true>(&piece));
            expected.extend_from_slice(&piece);
            if let Some(last) = piece.last() {
                let odd = [&piece[1..], &[last + 0x80]].concat();
                assert!(!line.push_plain::<false>(&odd));
                let quoted = [&piece[1..], b"\\"].concat();
                assert!(!line.push_plain::<true>(&quoted));
            }
            let part = &piece[..length.min(BLOCK)];
            let mut block = [0; BLOCK];
            block[..part.len()].copy_from_slice(part);
            line.push_block(&block, part.len());
            expected.extend_from_slice(part);
            assert_eq!(line.text(), Some(&*expected));
        }
    }

    #[test]
    fn numbers_are_written_as_format_writes_them() {
        let mut room = room();
        for number in [0, 7, -1, 42, -99_999_999, 100_000_000, i64::MIN, i64::MAX] {
            let mut line = Line::new(&mut room);
            line.push_i64(number);
            assert_eq!(line.text().unwrap(), number.to_string().as_bytes());
        }
        for number in [0.0, -0.0, 2.5, 1.0 / 3.0, 1e300, f64::NAN, f64::NEG_INFINITY, 5e-324] {
            let mut line = Line::new(&mut room);
            line.push_f64(number);
            assert_eq!(line.text().unwrap(), format!("{number}").as_bytes());
        }
    }

    #[test]
    fn a_line_that_does_not_fit_is_refused() {
        for size in [1, 12, 40, 300, 3000] {
            let piece = vec![b'x'; size];
            let mut room = room();
            let mut line = Line::new(&mut room);
            while line.length() + size <= ROOM {
                line.push(&piece);
                assert!(line.text().is_some_and(|line| line.iter().all(|each| *each == b'x')));
            }
            line.push(&piece);
            assert_eq!(line.text(), None);
            for _ in 0..100 {
                line.push_block(&[b'y'; BLOCK], BLOCK);
                line.push_u64(u64::MAX);
                line.push_f64(0.5);
                line.push(&piece);
                assert_eq!(line.text(), None);
            }
        }
    }
}
