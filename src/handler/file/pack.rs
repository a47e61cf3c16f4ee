//! Compression of rotated files, and the look whether a compressed one is what it should be.

use super::storage::{FileMode, How, Storage};
use crate::error::{Error, ErrorKind};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Bytes that are compressed between two looks whether to go on.
const BLOCK_BYTES: usize = 128 << 10;

/// How rotated files are compressed: by a thread of low priority, never by the drain.
///
/// The compressed file is written under another name, synced, and given its own before the
/// original is removed; a process that ends meanwhile leaves the original, and the next start goes
/// on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Compress {
    /// Not at all.
    #[default]
    None,
    /// To `.gz`; needs the cargo feature `gzip`.
    Gzip,
    /// To `.zst`; needs the cargo feature `zstd`.
    Zstd,
}

impl Compress {
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    /// Checks that this build can do it.
    pub(crate) fn check(self) -> Result<(), Error> {
        let (known, feature) = match self {
            Self::None => return Ok(()),
            Self::Gzip => (cfg!(feature = "gzip"), "gzip"),
            Self::Zstd => (cfg!(feature = "zstd"), "zstd"),
        };
        if known {
            return Ok(());
        }
        let text = format!("compress: needs the cargo feature {feature:?}");
        Err(Error::new(ErrorKind::Unsupported, text))
    }
}

impl std::str::FromStr for Compress {
    type Err = Error;

    /// Understands `gzip` and `zstd`, their suffixes `gz` and `zst`, and `none`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "none" => Ok(Self::None),
            "gzip" | "gz" => Ok(Self::Gzip),
            "zstd" | "zst" => Ok(Self::Zstd),
            _ => Err(Error::invalid(format!("unknown compression: {text:?} (gzip or zstd)"))),
        }
    }
}

/// How the compressed file is made: nothing may be there, and nobody else may read it until it
/// has the rights of the original.
pub(super) fn how() -> How {
    How { mode: FileMode::New, permissions: 0o600, mapped: false }
}

/// The bytes of a file, by way of the storage.
struct Bytes<'a> {
    storage: &'a dyn Storage,
    file: &'a File,
}

impl Read for Bytes<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.storage.read(self.file, into)
    }
}

impl Write for Bytes<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.storage.write(self.file, bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Something that compresses what is written to it.
trait Packer: Write {
    fn finish(self: Box<Self>) -> io::Result<()>;
}

#[cfg(feature = "gzip")]
impl<W: Write> Packer for flate2::write::GzEncoder<W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

#[cfg(feature = "zstd")]
impl<W: Write> Packer for zstd::stream::write::Encoder<'_, W> {
    fn finish(self: Box<Self>) -> io::Result<()> {
        (*self).finish().map(drop)
    }
}

fn packer<'a>(compress: Compress, into: Bytes<'a>) -> io::Result<Box<dyn Packer + 'a>> {
    match compress {
        #[cfg(feature = "gzip")]
        Compress::Gzip => {
            Ok(Box::new(flate2::write::GzEncoder::new(into, flate2::Compression::default())))
        }
        #[cfg(feature = "zstd")]
        Compress::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(into, 0)?;
            encoder.include_checksum(true)?;
            Ok(Box::new(encoder))
        }
        _ => {
            let _ = into;
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

fn unpacker<'a>(compress: Compress, from: Bytes<'a>) -> io::Result<Box<dyn Read + 'a>> {
    match compress {
        #[cfg(feature = "gzip")]
        Compress::Gzip => Ok(Box::new(flate2::read::MultiGzDecoder::new(from))),
        #[cfg(feature = "zstd")]
        Compress::Zstd => Ok(Box::new(zstd::stream::read::Decoder::new(from)?)),
        _ => {
            let _ = from;
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// Compresses one file into another. Returns false if it was stopped.
pub(super) fn pack(
    storage: &dyn Storage,
    mut from: &File,
    into: &File,
    compress: Compress,
    stopped: impl Fn() -> bool,
) -> io::Result<bool> {
    from.seek(SeekFrom::Start(0))?;
    let mut packer = packer(compress, Bytes { storage, file: into })?;
    let mut block = vec![0; BLOCK_BYTES];
    loop {
        if stopped() {
            return Ok(false);
        }
        match storage.read(from, &mut block) {
            Ok(0) => break,
            Ok(n) => packer.write_all(&block[..n])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    packer.finish()?;
    Ok(true)
}

/// Returns true if a compressed file holds all that a file holds. It may hold more: a power
/// failure may have taken the end of a file that was not synced, and spares the compressed one.
pub(super) fn holds_all_of(
    storage: &dyn Storage,
    mut plain: &File,
    packed: &Path,
    compress: Compress,
    stopped: impl Fn() -> bool,
) -> io::Result<bool> {
    plain.seek(SeekFrom::Start(0))?;
    let file = storage.open_read(packed)?;
    let mut unpacked = unpacker(compress, Bytes { storage, file: &file })?;
    let (mut one, mut two) = (vec![0; BLOCK_BYTES], vec![0; BLOCK_BYTES]);
    loop {
        if stopped() {
            return Ok(false);
        }
        let got = fill(&mut Bytes { storage, file: plain }, &mut one)?;
        // To its end in any case: whether it is whole shows there.
        let unpacked = fill(&mut unpacked, &mut two)?;
        if got > unpacked || one[..got] != two[..got] {
            return Ok(false);
        }
        if unpacked == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the block is full or nothing more comes.
fn fill(from: &mut dyn Read, into: &mut [u8]) -> io::Result<usize> {
    let mut got = 0;
    while got < into.len() {
        match from.read(&mut into[got..]) {
            Ok(0) => break,
            Ok(n) => got += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(got)
}
