//! The frame of a block: a header of fixed size with a checksum of its own, then the payload.

use crate::level::Level;

/// Begins each block. Neither byte at the ends occurs in UTF-8, so that no text looks like it.
pub(crate) const SYNC: [u8; 4] = [0xc1, b'S', b'w', 0xfe];
/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 68;
/// The version that is written, and the only one that is read.
pub(crate) const VERSION: u64 = 1;
/// No block is larger: a record of the largest size, and a block's worth of others.
pub(crate) const MOST_BYTES: u32 = 64 << 20;
/// The payload is compressed with zstd.
pub(crate) const ZSTD: u8 = 1;

/// What a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Kind {
    /// Who wrote the blocks of this segment.
    Start = 1,
    /// Entries that later blocks refer to by number.
    Dictionary = 2,
    Records = 3,
    /// Where the blocks before it are.
    Index = 4,
    /// Nothing: a block that its dead writer's heir took back.
    Void = 5,
}

impl Kind {
    pub(crate) fn of(byte: u8) -> Option<Self> {
        [Self::Start, Self::Dictionary, Self::Records, Self::Index, Self::Void]
            .into_iter()
            .find(|kind| *kind as u8 == byte)
    }
}

/// What stands before a block's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    pub(crate) flags: u8,
    /// Which levels occur: bit `n` for class `n` of [`Level::class`].
    pub(crate) levels: u16,
    /// Whose numbers the block uses; several writers may share a file.
    pub(crate) segment: u32,
    /// Bytes of the payload as it is stored, and unpacked.
    pub(crate) stored: u32,
    pub(crate) raw: u32,
    pub(crate) records: u32,
    /// The lane of the first record, as a number of the dictionary, and that record's sequence.
    pub(crate) lane: u32,
    pub(crate) sequence: u64,
    /// The time of the first record; the least and the greatest in the block.
    pub(crate) first_ns: i64,
    pub(crate) least_ns: i64,
    pub(crate) most_ns: i64,
    /// CRC-32C of the payload as it is stored.
    pub(crate) sum: u32,
}

impl Header {
    /// The header of a block that holds no records.
    pub(crate) fn plain(kind: Kind, segment: u32, payload: &[u8]) -> Self {
        Self {
            kind,
            flags: 0,
            levels: 0,
            segment,
            stored: payload.len() as u32,
            raw: payload.len() as u32,
            records: 0,
            lane: 0,
            sequence: 0,
            first_ns: 0,
            least_ns: 0,
            most_ns: 0,
            sum: crc32c::crc32c(payload),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        };
        put(&SYNC);
        put(&[self.kind as u8, self.flags]);
        put(&self.levels.to_le_bytes());
        for word in [self.segment, self.stored, self.raw, self.records, self.lane] {
            put(&word.to_le_bytes());
        }
        put(&self.sequence.to_le_bytes());
        for time in [self.first_ns, self.least_ns, self.most_ns] {
            put(&time.to_le_bytes());
        }
        put(&self.sum.to_le_bytes());
        let sum = crc32c::crc32c(&bytes[..HEADER_BYTES - 4]);
        bytes[HEADER_BYTES - 4..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads a header; `None` if these bytes are none, or a damaged one.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_le_bytes([0, 1, 2, 3].map(|n| bytes[at + n]));
        let wide = |at: usize| u64::from(word(at)) | u64::from(word(at + 4)) << 32;
        if bytes[..4] != SYNC || word(64) != crc32c::crc32c(&bytes[..64]) {
            return None;
        }
        let header = Self {
            kind: Kind::of(bytes[4])?,
            flags: bytes[5],
            levels: u16::from_le_bytes([bytes[6], bytes[7]]),
            segment: word(8),
            stored: word(12),
            raw: word(16),
            records: word(20),
            lane: word(24),
            sequence: wide(28),
            first_ns: wide(36) as i64,
            least_ns: wide(44) as i64,
            most_ns: wide(52) as i64,
            sum: word(60),
        };
        (header.stored <= MOST_BYTES && header.raw <= MOST_BYTES).then_some(header)
    }

    /// Tells the block from the others of its segment.
    pub(crate) fn tag(&self) -> u64 {
        let bytes = self.to_bytes();
        let sum = [64, 65, 66, 67].map(|at| bytes[at]);
        u64::from(u32::from_le_bytes(sum)) << 32 | u64::from(self.sum)
    }

    /// The whole block's bytes in the file.
    pub(crate) fn block_bytes(&self) -> u64 {
        HEADER_BYTES as u64 + u64::from(self.stored)
    }
}

/// The bit of a level in [`Header::levels`].
pub(crate) fn level_bit(level: Level) -> u16 {
    1 << level.class().index()
}

/// The bits of the levels from `least` on.
pub(crate) fn bits_from(least: Level) -> u16 {
    u16::MAX << least.class().index()
}
