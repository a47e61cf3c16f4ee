//! A binary log, block by block.

use super::block::BinaryBlock;
use super::dictionary::{self, Segment};
use super::frame::{HEADER_BYTES, Header, Kind, SYNC, bits_from};
use super::index::{self, Listed};
use crate::error::Error;
use crate::level::Level;
use crate::sync::Arc;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes asked for at once.
const CHUNK_BYTES: usize = 64 << 10;

/// What could not be read of a binary log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Damage {
    /// Stretches of bytes that are no whole block.
    pub places: u64,
    /// How many bytes these are.
    pub bytes: u64,
    /// Where the first of them begins.
    pub first_at: Option<u64>,
    /// Records of damaged blocks whose headers could be read, and of blocks whose writer's
    /// dictionary is not in the file.
    pub records: u64,
}

impl Damage {
    /// Returns true if all was read.
    pub fn is_none(&self) -> bool {
        self.bytes == 0 && self.records == 0
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { places, bytes, first_at, records } = self;
        write!(f, "{bytes} bytes in {places} places are no whole block")?;
        if let Some(at) = first_at {
            write!(f, ", the first at byte {at}")?;
        }
        write!(f, "; at least {records} records are lost with them")
    }
}

enum Input {
    File(File),
    Stream(Box<dyn Read + Send>),
}

/// Reads a binary log from beginning to end, block by block.
///
/// A damaged block is left out and counted ([`damage`](Self::damage)); reading goes on at the next
/// whole one. What a filter rules out by its time or level is passed over unread; where the file
/// was closed in order, its index says so without a look at the blocks.
///
/// At the end of the file [`next_block`](Self::next_block) returns `None`, and may be called again
/// when the file has grown.
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-b-{}", std::process::id()));
/// use sawmill::{BinaryFileHandler, BinaryReader};
/// use std::time::Duration;
///
/// let handler = BinaryFileHandler::builder(directory.join("app.slog")).create_dirs(true).build()?;
/// let runtime = sawmill::Runtime::builder().handler("file", handler).build()?;
/// runtime.scope(|| sawmill::warning!(n = 7; "packed"));
/// assert!(runtime.shutdown(Duration::from_secs(5)).is_complete());
///
/// let mut reader = BinaryReader::open(directory.join("app.slog"))?;
/// let mut shown = Vec::new();
/// while let Some(block) = reader.next_block()? {
///     block.for_each(|record| shown.push(format!("{} {}", record.level(), record.message().unwrap())))?;
/// }
/// assert_eq!(shown, ["WARNING packed"]);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
pub struct BinaryReader {
    input: Input,
    name: String,
    /// Bytes read and not used up, from `start` on; `offset` is where they are in the file.
    buffer: Vec<u8>,
    start: usize,
    offset: u64,
    segments: HashMap<u32, Arc<Segment>>,
    /// Segments whose version is not ours.
    unknown: HashSet<u32>,
    index: HashMap<u64, Listed>,
    since_ns: i64,
    until_ns: i64,
    levels: u16,
    damage: Damage,
    /// The bytes before `offset` are part of a damaged stretch.
    lost_sync: bool,
    skipped: u64,
}

impl fmt::Debug for BinaryReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BinaryReader")
            .field("name", &self.name)
            .field("offset", &self.offset)
            .field("damage", &self.damage)
            .finish_non_exhaustive()
    }
}

impl BinaryReader {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`Error::is_io`] if it cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
        Self::of_file(file, &path.display().to_string())
    }

    /// Reads a file that is open, from its beginning; `name` is for errors.
    ///
    /// # Errors
    ///
    /// [`Error::is_io`] if it cannot be read.
    pub fn of_file(mut file: File, name: &str) -> Result<Self, Error> {
        let failed = |error| Error::io("read", Path::new(name), error);
        let index = if file.metadata().map_err(failed)?.is_file() {
            let index = index::read(&mut file).map_err(failed)?.unwrap_or_default();
            file.seek(SeekFrom::Start(0)).map_err(failed)?;
            index
        } else {
            HashMap::new()
        };
        let input = Input::File(file);
        Ok(Self { index, ..Self::of(input, name) })
    }

    /// Reads from a stream: a pipe, or an archive that is being unpacked.
    pub fn of_stream(stream: impl Read + Send + 'static, name: &str) -> Self {
        Self::of(Input::Stream(Box::new(stream)), name)
    }

    fn of(input: Input, name: &str) -> Self {
        Self {
            input,
            name: name.to_owned(),
            buffer: Vec::new(),
            start: 0,
            offset: 0,
            segments: HashMap::new(),
            unknown: HashSet::new(),
            index: HashMap::new(),
            since_ns: i64::MIN,
            until_ns: i64::MAX,
            levels: u16::MAX,
            damage: Damage::default(),
            lost_sync: false,
            skipped: 0,
        }
    }

    /// Returns true if these first bytes of a file are those of a binary log.
    pub fn is_binary(head: &[u8]) -> bool {
        head.starts_with(&SYNC)
    }

    /// Passes over blocks without a record from `since` up to, but not including, `until`, in
    /// nanoseconds since the Unix epoch. Blocks that have some may have others beside them.
    #[must_use]
    pub fn between(mut self, since_ns: i64, until_ns: i64) -> Self {
        (self.since_ns, self.until_ns) = (since_ns, until_ns);
        self
    }

    /// Passes over blocks without a record of at least this level.
    #[must_use]
    pub fn at_least(mut self, level: Level) -> Self {
        self.levels = bits_from(level);
        self
    }

    /// What could not be read so far.
    pub fn damage(&self) -> Damage {
        self.damage
    }

    /// Records in blocks that a filter ruled out.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Bytes at the end of the file that are no whole block: one that is being written, or was
    /// when the process died.
    pub fn pending(&self) -> u64 {
        (self.buffer.len() - self.start) as u64
    }

    /// The next block of records; `None` at the end of what is there.
    ///
    /// # Errors
    ///
    /// [`Error::is_io`] if the file cannot be read, or an archive is cut off.
    pub fn next_block(&mut self) -> Result<Option<BinaryBlock>, Error> {
        loop {
            if let Some(listed) = self.index.get(&self.offset).copied()
                && !self.wants(listed.least_ns, listed.most_ns, listed.levels)
            {
                self.skipped += listed.records;
                self.skip(listed.bytes)?;
                continue;
            }
            if !self.fill(HEADER_BYTES)? {
                return Ok(None);
            }
            let Some(header) = Header::read(&self.buffer[self.start..]) else {
                self.resync(None)?;
                continue;
            };
            let unwanted = header.kind == Kind::Records
                && !self.wants(header.least_ns, header.most_ns, header.levels);
            if unwanted && !self.lost_sync {
                if !self.can_skip(header.block_bytes())? {
                    return Ok(None);
                }
                self.skipped += u64::from(header.records);
                self.skip(header.block_bytes())?;
                continue;
            }
            let whole = HEADER_BYTES + header.stored as usize;
            if !self.fill(whole)? {
                return Ok(None);
            }
            let payload = &self.buffer[self.start + HEADER_BYTES..self.start + whole];
            if crc32c::crc32c(payload) != header.sum {
                self.resync(Some(header))?;
                continue;
            }
            let mut kept = Vec::new();
            match header.kind {
                Kind::Records if unwanted => {}
                Kind::Records => {
                    kept.reserve_exact(payload.len() + 8);
                    kept.extend_from_slice(payload);
                    kept.extend([0; 8]);
                }
                Kind::Start => match dictionary::read_start(payload) {
                    Some(start) => {
                        // Said again behind a cut: what was learned stands.
                        let segment = Segment::new(start);
                        self.segments.entry(header.segment).or_insert_with(|| Arc::new(segment));
                    }
                    None => {
                        self.unknown.insert(header.segment);
                    }
                },
                Kind::Dictionary => {
                    if let Some(segment) = self.segments.get_mut(&header.segment) {
                        Arc::make_mut(segment).learn(payload);
                    }
                }
                Kind::Index | Kind::Void => {}
            }
            self.lost_sync = false;
            self.start += whole;
            self.offset += whole as u64;
            if kept.is_empty() {
                continue;
            }
            match self.segments.get(&header.segment) {
                Some(segment) => {
                    let segment = segment.clone();
                    return Ok(Some(BinaryBlock { header, segment, payload: kept }));
                }
                None if self.unknown.contains(&header.segment) => {
                    let text = format!("{}: written by a later version", self.name);
                    return Err(Error::new(crate::error::ErrorKind::Unsupported, text));
                }
                None => self.damage.records += u64::from(header.records),
            }
        }
    }

    /// Declares the end of the file: what is left is damage.
    pub fn finish(&mut self) -> Damage {
        let left = self.pending();
        if left > 0 {
            let header = Header::read(&self.buffer[self.start..]);
            self.note_damage(left, header);
            self.start = self.buffer.len();
            self.offset += left;
        }
        self.damage
    }

    fn wants(&self, least_ns: i64, most_ns: i64, levels: u16) -> bool {
        most_ns >= self.since_ns && least_ns < self.until_ns && levels & self.levels != 0
    }

    /// Makes sure that so many bytes are there; false at the end of the file.
    fn fill(&mut self, bytes: usize) -> Result<bool, Error> {
        while self.buffer.len() - self.start < bytes {
            if self.start > 0 {
                self.buffer.drain(..self.start);
                self.start = 0;
            }
            let known = self.buffer.len();
            // A length that was damaged must not take more memory than the file has bytes.
            self.buffer.resize(known + CHUNK_BYTES.max(bytes - known).min(4 << 20), 0);
            let read = loop {
                let into = &mut self.buffer[known..];
                let read = match &mut self.input {
                    Input::File(file) => file.read(into),
                    Input::Stream(stream) => stream.read(into),
                };
                match read {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    done => break done,
                }
            };
            self.buffer.truncate(known + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) => return Err(Error::io("read", Path::new(&self.name), error)),
            }
        }
        Ok(true)
    }

    /// Whether a block that is to be passed over is there whole.
    fn can_skip(&mut self, bytes: u64) -> Result<bool, Error> {
        let there = (self.buffer.len() - self.start) as u64;
        if there >= bytes {
            return Ok(true);
        }
        match &self.input {
            Input::File(file) => {
                let failed = |error| Error::io("examine", Path::new(&self.name), error);
                let meta = file.metadata().map_err(failed)?;
                Ok(!meta.is_file() || meta.len() >= self.offset + bytes)
            }
            Input::Stream(_) => Ok(true),
        }
    }

    fn skip(&mut self, bytes: u64) -> Result<(), Error> {
        let there = (self.buffer.len() - self.start) as u64;
        self.offset += bytes;
        if bytes <= there {
            self.start += bytes as usize;
            return Ok(());
        }
        (self.start, self.buffer) = (0, Vec::new());
        let done = match &mut self.input {
            Input::File(file) => match file.seek(SeekFrom::Start(self.offset)) {
                Ok(_) => Ok(0),
                // A pipe that is read as a file.
                Err(_) => io::copy(&mut file.take(bytes - there), &mut io::sink()),
            },
            Input::Stream(stream) => io::copy(&mut stream.take(bytes - there), &mut io::sink()),
        };
        done.map(drop).map_err(|error| Error::io("read", Path::new(&self.name), error))
    }

    /// Passes over a damaged place: on to the next bytes that may begin a block.
    fn resync(&mut self, header: Option<Header>) -> Result<(), Error> {
        let rest = &self.buffer[self.start + 1..];
        let found = rest.windows(SYNC.len()).position(|bytes| bytes == SYNC);
        // The last three bytes may be the beginning of one.
        let bytes = 1 + found.unwrap_or_else(|| rest.len().saturating_sub(SYNC.len() - 1));
        self.note_damage(bytes as u64, header);
        self.start += bytes;
        self.offset += bytes as u64;
        self.lost_sync = true;
        Ok(())
    }

    fn note_damage(&mut self, bytes: u64, header: Option<Header>) {
        let damage = &mut self.damage;
        damage.first_at.get_or_insert(self.offset);
        damage.places += u64::from(!self.lost_sync);
        damage.bytes += bytes;
        if let Some(header) = header.filter(|header| header.kind == Kind::Records) {
            damage.records += u64::from(header.records);
        }
    }
}
