//! What a dead process left at the end of a file that others may have appended to since.

use super::frame::{HEADER_BYTES, Header, Kind, MOST_BYTES, SYNC};
use crate::lane::keep::BlockFiles;
use crate::sys;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What a recovery does with binary logs.
pub(crate) const BLOCK_FILES: BlockFiles = BlockFiles { has: has_block, undo: undo_blocks };

/// Bytes read at once in search of the next block.
const CHUNK_BYTES: usize = 64 << 10;

/// A stretch of the file: a block, or bytes that are none.
#[derive(Debug, Clone, Copy)]
struct Piece {
    at: u64,
    bytes: u64,
    /// Its header, if that can be read.
    header: Option<Header>,
    /// All of the block is there.
    is_whole: bool,
    /// It begins as blocks do.
    is_block: bool,
}

impl Piece {
    fn is(&self, segment: u32, tag: u64) -> bool {
        let is_it = |header: Header| header.segment == segment && header.tag() == tag;
        self.is_whole && self.header.is_some_and(is_it)
    }
}

/// Goes through a file, stretch by stretch.
struct Walk {
    file: File,
    at: u64,
    end: u64,
    buffer: Vec<u8>,
}

impl Walk {
    fn open(path: &Path, from: u64, write: bool) -> io::Result<Self> {
        let file = sys::options(0o600, true, true).read(true).write(write).open(path)?;
        let end = file.metadata()?.len();
        Ok(Self { file, at: from, end, buffer: Vec::new() })
    }

    /// Reads up to so many bytes from a place on into the buffer.
    fn read(&mut self, at: u64, bytes: u64) -> io::Result<()> {
        self.buffer.clear();
        self.file.seek(SeekFrom::Start(at))?;
        let bytes = bytes.min(self.end.saturating_sub(at));
        Read::by_ref(&mut self.file).take(bytes).read_to_end(&mut self.buffer)?;
        Ok(())
    }

    fn next(&mut self) -> io::Result<Option<Piece>> {
        let at = self.at;
        if at >= self.end {
            return Ok(None);
        }
        self.read(at, HEADER_BYTES as u64)?;
        let header = Header::read(&self.buffer);
        let begins = self.buffer.len().min(SYNC.len());
        let is_block = self.buffer[..begins] == SYNC[..begins];
        if let Some(header) = header
            && at + header.block_bytes() <= self.end
        {
            self.read(at + HEADER_BYTES as u64, header.stored.into())?;
            if self.buffer.len() == header.stored as usize
                && crc32c::crc32c(&self.buffer) == header.sum
            {
                self.at += header.block_bytes();
                let bytes = header.block_bytes();
                return Ok(Some(Piece {
                    at,
                    bytes,
                    header: Some(header),
                    is_whole: true,
                    is_block,
                }));
            }
        }
        self.at = self.find(at + 1)?;
        Ok(Some(Piece { at, bytes: self.at - at, header, is_whole: false, is_block }))
    }

    /// The next place with a header, or the end.
    fn find(&mut self, mut from: u64) -> io::Result<u64> {
        loop {
            self.read(from, CHUNK_BYTES as u64)?;
            let starts = self.buffer.windows(HEADER_BYTES);
            let is_header =
                |bytes: &[u8]| bytes.starts_with(&SYNC) && Header::read(bytes).is_some();
            if let Some(found) = starts.clone().position(is_header) {
                return Ok(from + found as u64);
            }
            if self.buffer.len() < CHUNK_BYTES {
                return Ok(self.end);
            }
            from += starts.len() as u64;
        }
    }

    /// Has a stretch of the file hold nothing, in as many bytes.
    fn void(&mut self, piece: &Piece) -> io::Result<()> {
        let Some(header) = piece.header else { return Ok(()) };
        let stored = piece.bytes.saturating_sub(HEADER_BYTES as u64);
        if piece.bytes < HEADER_BYTES as u64 || stored > u64::from(MOST_BYTES) {
            return Ok(());
        }
        self.read(piece.at + HEADER_BYTES as u64, stored)?;
        let header = Header::plain(Kind::Void, header.segment, &self.buffer);
        self.file.seek(SeekFrom::Start(piece.at))?;
        self.file.write_all(&header.to_bytes())
    }
}

fn has_block(path: &Path, from: u64, segment: u32, tag: u64) -> io::Result<bool> {
    let mut walk = Walk::open(path, from, false)?;
    while let Some(piece) = walk.next()? {
        if piece.is(segment, tag) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Cuts what is at the end of the file and nobody else's; where others have written behind it, it
/// becomes void. May be interrupted and repeated.
fn undo_blocks(path: &Path, from: u64, segment: u32, last: Option<u64>) -> io::Result<()> {
    let mut walk = Walk::open(path, from, true)?;
    if let Some(last) = last {
        loop {
            match walk.next()? {
                // Somebody cut the file, or moved its blocks: nothing is known of the others.
                None => return Ok(()),
                Some(piece) if piece.is(segment, last) => break,
                Some(_) => {}
            }
        }
    }
    let mut ours: Vec<Piece> = Vec::new();
    // Where a stretch begins that goes on to the end and holds nothing of others.
    let mut tail = None;
    while let Some(piece) = walk.next()? {
        let is_ours = piece.header.is_some_and(|header| header.segment == segment);
        // Of a block whose header is cut short nobody can tell whose it is, or use it.
        let is_scrap = piece.header.is_none() && piece.is_block && walk.at == walk.end;
        tail = (is_ours || is_scrap).then(|| tail.unwrap_or(piece.at));
        if is_ours {
            ours.push(piece);
        }
    }
    let mut end = walk.end;
    if let Some(tail) = tail
        && !sys::is_locked_by_others(&walk.file)
    {
        walk.file.set_len(tail)?;
        end = tail;
    }
    for piece in ours.iter().filter(|piece| piece.at < end) {
        let holds = |header: Header| matches!(header.kind, Kind::Records | Kind::Index);
        // A torn block at the end may be somebody's who is about to go on behind it.
        let is_over = piece.is_whole || piece.at + piece.bytes < walk.end;
        if is_over && (!piece.is_whole || piece.header.is_some_and(holds)) {
            walk.void(piece)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::BinaryReader;
    use std::path::PathBuf;

    struct Log(PathBuf);

    impl Log {
        fn new(name: &str, blocks: &[&[u8]]) -> Self {
            let name = format!("sawmill-settle-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, blocks.concat()).unwrap();
            Self(path)
        }

        /// Segment and kind of each block; nothing may be damaged.
        fn blocks(&self) -> Vec<(u32, Kind)> {
            let mut walk = Walk::open(&self.0, 0, false).unwrap();
            let mut found = Vec::new();
            while let Some(piece) = walk.next().unwrap() {
                assert!(piece.is_whole, "{piece:?}");
                let header = piece.header.unwrap();
                found.push((header.segment, header.kind));
            }
            let mut reader = BinaryReader::open(&self.0).unwrap();
            while reader.next_block().unwrap().is_some() {}
            assert_eq!(reader.finish().bytes, 0);
            found
        }
    }

    impl Drop for Log {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn block(kind: Kind, segment: u32, payload: &[u8]) -> Vec<u8> {
        let mut block = Header::plain(kind, segment, payload).to_bytes().to_vec();
        block.extend_from_slice(payload);
        block
    }

    fn records(segment: u32, payload: &[u8]) -> Vec<u8> {
        block(Kind::Records, segment, payload)
    }

    fn tag(block: &[u8]) -> u64 {
        Header::read(block).unwrap().tag()
    }

    #[test]
    fn a_block_is_found_behind_what_others_wrote() {
        let (first, others, second) =
            (records(1, b"one"), records(2, &[7; 100_000]), records(1, b"two"));
        let log = Log::new("found", &[&first, &others, &second, &others]);
        // In the midst of somebody's block, as our own length says.
        let from = first.len() as u64 + 10;
        assert!(has_block(&log.0, from, 1, tag(&second)).unwrap());
        assert!(!has_block(&log.0, from, 1, tag(&first)).unwrap());
        assert!(!has_block(&log.0, 0, 2, tag(&second)).unwrap());
        let torn = Log::new("torn", &[&first, &second[..second.len() - 1], &others]);
        assert!(!has_block(&torn.0, 0, 1, tag(&second)).unwrap());
    }

    #[test]
    fn what_nobody_wrote_behind_is_cut() {
        let (start, first, second) =
            (block(Kind::Start, 1, b""), records(1, b"one"), records(1, b"two"));
        for torn in [0, 1, 67, second.len() - 1] {
            let log = Log::new("cut", &[&start, &first, &second, &second[..torn]]);
            undo_blocks(&log.0, 0, 1, Some(tag(&first))).unwrap();
            assert_eq!(log.blocks(), [(1, Kind::Start), (1, Kind::Records)], "{torn}");
            undo_blocks(&log.0, start.len() as u64, 1, None).unwrap();
            assert_eq!(log.blocks(), [(1, Kind::Start)], "{torn}");
        }
    }

    #[test]
    fn what_others_wrote_behind_stays_and_ours_becomes_void() {
        let (first, second, theirs) =
            (records(1, b"one"), records(1, &[5; 300]), records(2, b"theirs"));
        let entries = block(Kind::Dictionary, 1, b"");
        let log = Log::new(
            "void",
            &[&first, &entries, &second, &theirs, &second[..200], &theirs, &first],
        );
        for _ in 0..2 {
            undo_blocks(&log.0, 0, 1, Some(tag(&first))).unwrap();
            let expected = [
                (1, Kind::Records),
                (1, Kind::Dictionary),
                (1, Kind::Void),
                (2, Kind::Records),
                (1, Kind::Void),
                (2, Kind::Records),
            ];
            assert_eq!(log.blocks(), expected);
        }
    }

    #[test]
    fn without_its_last_block_a_file_is_left_alone() {
        let (first, second) = (records(1, b"one"), records(1, b"two"));
        let log = Log::new("alone", &[&first]);
        undo_blocks(&log.0, 0, 1, Some(tag(&second))).unwrap();
        assert_eq!(log.blocks(), [(1, Kind::Records)]);
    }
}
