//! Where a file's blocks are, and of what time and levels: written when a file is closed.

use super::frame::{HEADER_BYTES, Header, Kind};
use super::pack::{In, Out, unzigzag, zigzag};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

/// Ends an index block, behind its length: eight bytes by which a file's last block shows itself.
const MARK: [u8; 8] = *b"\xc1SwINDX\xfe";
const TAIL_BYTES: u64 = 16;

/// Makes an index block of the blocks from the first one on, which follow each other.
pub(crate) fn index_block(segment: u32, blocks: &[(u64, Header)]) -> Vec<u8> {
    let mut out = Out::default();
    let from = blocks.first().map_or(0, |(at, _)| *at);
    out.room(20);
    out.varint(from);
    out.varint(blocks.len() as u64);
    for (_, header) in blocks {
        out.room(64);
        out.varint(header.kind as u64);
        out.varint(header.block_bytes());
        if header.kind == Kind::Records {
            out.varint(header.levels.into());
            out.varint(header.records.into());
            out.varint(zigzag(header.least_ns));
            out.varint(header.most_ns.wrapping_sub(header.least_ns) as u64);
        }
    }
    let bytes = (HEADER_BYTES + out.len()) as u64 + TAIL_BYTES;
    out.raw(&bytes.to_le_bytes());
    out.raw(&MARK);
    let payload = out.bytes();
    let mut block = Header::plain(Kind::Index, segment, payload).to_bytes().to_vec();
    block.extend_from_slice(payload);
    block
}

/// What an index says of a block of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) bytes: u64,
    pub(crate) levels: u16,
    pub(crate) records: u64,
    pub(crate) least_ns: i64,
    pub(crate) most_ns: i64,
}

/// Reads the index at the end of a file: the blocks of records by their places. `None` if there
/// is none, or it does not fit the file; the file is then read block by block.
pub(crate) fn read(file: &mut File) -> io::Result<Option<HashMap<u64, Listed>>> {
    let end = file.seek(SeekFrom::End(0))?;
    let Some(at) = end.checked_sub(TAIL_BYTES) else { return Ok(None) };
    let mut tail = [0; TAIL_BYTES as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut tail)?;
    let (bytes, mark) = tail.split_at(8);
    let bytes = bytes.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    let Some(at) = end.checked_sub(bytes).filter(|_| mark == MARK && bytes < 1 << 26) else {
        return Ok(None);
    };
    let mut block = vec![0; bytes as usize];
    file.seek(SeekFrom::Start(at))?;
    file.read_exact(&mut block)?;
    Ok(parse(&block, at))
}

fn parse(block: &[u8], at: u64) -> Option<HashMap<u64, Listed>> {
    let header = Header::read(block).filter(|header| header.kind == Kind::Index)?;
    let payload = block.get(HEADER_BYTES..)?;
    if header.stored as usize != payload.len() || header.sum != crc32c::crc32c(payload) {
        return None;
    }
    let mut read = In::new(payload);
    let mut place = read.varint()?;
    let mut found = HashMap::new();
    for _ in 0..read.varint()? {
        let kind = Kind::of(u8::try_from(read.varint()?).ok()?)?;
        let bytes = read.varint()?;
        if kind == Kind::Records {
            let levels = u16::try_from(read.varint()?).ok()?;
            let records = read.varint()?;
            let least_ns = unzigzag(read.varint()?);
            let most_ns = least_ns.wrapping_add(read.varint()? as i64);
            found.insert(place, Listed { bytes, levels, records, least_ns, most_ns });
        }
        place = place.checked_add(bytes)?;
    }
    (place == at).then_some(found)
}
