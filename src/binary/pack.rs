//! Numbers in as few bytes as they need.

/// The bytes that a number needs: 0 to 8.
#[inline(always)]
pub(crate) fn length(value: u64) -> usize {
    (71 - value.leading_zeros() as usize) / 8
}

/// What is left of a word of which `n` bytes were stored, for each `n`.
const MASKS: [u64; 16] = {
    let mut masks = [0; 16];
    let mut n = 1;
    while n < 9 {
        masks[n] = u64::MAX >> (64 - 8 * n);
        n += 1;
    }
    masks
};

/// Whether each four bits are a number's length.
#[inline(always)]
pub(crate) fn are_lengths(lengths: u64) -> bool {
    let below_eight = lengths | lengths >> 1 | lengths >> 2;
    lengths >> 3 & below_eight & 0x1111_1111_1111_1111 == 0
}

#[inline(always)]
pub(crate) fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

#[inline(always)]
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// A number below 0x4000 as a varint, and its length.
#[inline(always)]
pub(crate) fn short_varint(number: u64) -> (u64, usize) {
    match number {
        ..0x80 => (number, 1),
        _ => (number & 0x7f | 0x80 | (number >> 7) << 8, 2),
    }
}

/// Bytes in the making, with room beyond their end, so that numbers are stored whole.
#[derive(Debug, Default)]
pub(crate) struct Out {
    bytes: Vec<u8>,
    at: usize,
}

impl Out {
    /// Makes room for `more` bytes and a word.
    #[inline]
    pub(crate) fn room(&mut self, more: usize) {
        if self.bytes.len() < self.at + more + 8 {
            self.bytes.resize((self.at + more + 8).next_power_of_two().max(1 << 16), 0);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.at
    }

    pub(crate) fn clear(&mut self) {
        self.at = 0;
        // One huge record must not be paid for ever after.
        if self.bytes.len() > 1 << 20 {
            self.bytes = Vec::new();
        }
    }

    pub(crate) fn truncate(&mut self, at: usize) {
        self.at = self.at.min(at);
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.at]
    }

    /// Stores the low `n` bytes; there must be [`room`](Self::room).
    #[inline(always)]
    pub(crate) fn low(&mut self, value: u64, n: usize) {
        self.bytes[self.at..self.at + 8].copy_from_slice(&value.to_le_bytes());
        self.at += n;
    }

    /// All bytes there are room for, and where the next comes.
    #[inline(always)]
    pub(crate) fn split(&mut self) -> (&mut [u8], usize) {
        (&mut self.bytes, self.at)
    }

    /// Takes bytes that were stored at the end of [`split`](Self::split).
    pub(crate) fn set_len(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    /// Seven bits a byte, lowest first; takes up to ten bytes of room.
    #[inline(always)]
    pub(crate) fn varint(&mut self, value: u64) {
        if value < 0x80 {
            return self.low(value, 1);
        }
        if value < 0x4000 {
            return self.low(value & 0x7f | 0x80 | (value >> 7) << 8, 2);
        }
        self.long_varint(value);
    }

    #[inline(never)]
    fn long_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.low(value & 0x7f | 0x80, 1);
            value >>= 7;
        }
        self.low(value, 1);
    }

    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.room(bytes.len());
        self.short(bytes);
    }

    /// Bytes for which there is [`room`](Self::room).
    #[inline]
    pub(crate) fn short(&mut self, bytes: &[u8]) {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
    }

    /// Words of any kind: their number, then for each two a byte with their lengths, and their
    /// bytes.
    pub(crate) fn words(&mut self, words: &[u64]) {
        self.room(10 + words.len() * 9);
        self.varint(words.len() as u64);
        for pair in words.chunks(2) {
            let (a, b) = (pair[0], pair.get(1).copied().unwrap_or(0));
            let (long_a, long_b) = (length(a), length(b));
            self.low((long_a | long_b << 4) as u64, 1);
            self.low(a, long_a);
            self.low(b, long_b);
        }
    }
}

/// Reads what [`Out`] wrote. `None` where the bytes do not fit what is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct In<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The bytes end here; behind it lie at least eight more, which mean nothing.
    end: usize,
}

impl<'a> In<'a> {
    /// `bytes` end in eight bytes of padding.
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len().saturating_sub(8) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.at >= self.end
    }

    /// What is not read yet, and the padding.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Goes to `n` bytes after the beginning of what [`rest`](Self::rest) gave.
    pub(crate) fn go_to(&mut self, rest: &[u8], n: usize) {
        self.at = self.end.min(self.bytes.len() - rest.len() + n);
    }

    #[inline(always)]
    pub(crate) fn low(&mut self, n: usize) -> Option<u64> {
        let mask = MASKS.get(n).filter(|_| n <= 8)?;
        let bytes = self.bytes.get(self.at..self.at + 8)?.first_chunk::<8>()?;
        self.at += n;
        (self.at <= self.end).then_some(u64::from_le_bytes(*bytes) & mask)
    }

    /// Reads a number of each length, four bits each, that [`are_lengths`] has seen, into `values`;
    /// `unfold` gets the number's place and it.
    #[inline(always)]
    pub(crate) fn numbers(
        &mut self,
        mut lengths: u64,
        values: &mut [u64],
        unfold: impl Fn(usize, u64) -> u64,
    ) -> Option<()> {
        for (place, value) in values.iter_mut().enumerate() {
            let length = (lengths & 15) as usize;
            lengths >>= 4;
            let bytes = self.bytes.get(self.at..)?.first_chunk::<8>()?;
            *value = unfold(place, u64::from_le_bytes(*bytes) & MASKS[length]);
            self.at += length;
        }
        // One that reached beyond the end by less than what lies there is found out here.
        (self.at <= self.end).then_some(())
    }

    #[inline(always)]
    pub(crate) fn varint(&mut self) -> Option<u64> {
        let [first, second, ..] = *self.bytes.get(self.at..)?.first_chunk::<8>()?;
        let (value, length) = match (first, second) {
            (..0x80, _) => (u64::from(first), 1),
            (_, ..0x80) => (u64::from(first & 0x7f) | u64::from(second) << 7, 2),
            _ => return self.long_varint(),
        };
        self.at += length;
        (self.at <= self.end).then_some(value)
    }

    #[cold]
    fn long_varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.low(1)?;
            value |= (byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    pub(crate) fn raw(&mut self, n: usize) -> Option<&'a [u8]> {
        let to = self.at.checked_add(n).filter(|to| *to <= self.end)?;
        let bytes = self.bytes.get(self.at..to)?;
        self.at = to;
        Some(bytes)
    }

    /// Appends words that [`Out::words`] wrote.
    pub(crate) fn words(&mut self, into: &mut Vec<u64>) -> Option<()> {
        let mut left = usize::try_from(self.varint()?).ok()?;
        // Two words take a byte at least.
        if left.div_ceil(2) > self.end - self.at {
            return None;
        }
        while left > 0 {
            let lengths = self.low(1)? as usize;
            into.push(self.low(lengths & 15)?);
            let second = self.low(lengths >> 4)?;
            if left > 1 {
                into.push(second);
            }
            left = left.saturating_sub(2);
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_come_back(words: Vec<u64>, small in prop::collection::vec(0_u64..300, 0..9),
                             n: i64, text: Vec<u8>) {
            let mut out = Out::default();
            out.words(&words);
            out.words(&small);
            out.room(10);
            out.varint(zigzag(n));
            out.raw(&text);
            let mut bytes = out.bytes().to_vec();
            bytes.extend([0xff; 8]);
            let mut read = In::new(&bytes);
            let mut back = Vec::new();
            read.words(&mut back).unwrap();
            read.words(&mut back).unwrap();
            prop_assert_eq!(back, [words, small].concat());
            prop_assert_eq!(unzigzag(read.varint().unwrap()), n);
            prop_assert_eq!(read.raw(text.len()).unwrap(), &text[..]);
            prop_assert!(read.is_empty() && read.low(1).is_none() && read.raw(1).is_none());
        }
    }

    #[test]
    fn lengths_are_up_to_eight() {
        for (lengths, sound) in [(0, true), (0x8888_8888_8888_8888, true), (0x0123_4567, true)] {
            assert_eq!(are_lengths(lengths), sound);
        }
        for place in 0..16 {
            assert!((9..16).all(|length: u64| !are_lengths(length << (4 * place))));
        }
    }

    #[test]
    fn numbers_end_where_the_bytes_do() {
        let mut out = Out::default();
        out.room(64);
        (1..4).for_each(|n| out.low(0x0303_0303, n));
        let mut bytes = out.bytes().to_vec();
        bytes.extend([0xff; 8]);
        let mut values = [0; 3];
        let read = |lengths, values: &mut [u64]| In::new(&bytes).numbers(lengths, values, |_, n| n);
        assert!(read(0x321, &mut values).is_some());
        assert_eq!(values, [0x03, 0x0303, 0x0003_0303]);
        assert!(read(0x421, &mut values).is_none() && read(0x888, &mut values).is_none());
    }

    #[test]
    fn a_number_takes_the_bytes_it_needs() {
        for (value, bytes) in
            [(0, 0), (1, 1), (255, 1), (256, 2), (u64::MAX >> 8, 7), (u64::MAX, 8)]
        {
            assert_eq!(length(value), bytes);
        }
    }
}
