//! What `decode` and `tail` share: files of each kind, how records are shown, signals, time.

pub(super) mod follow;
pub(super) mod pipeline;
pub(super) mod show;

use sawmill::BinaryReader;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    pub(super) fn of(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            _ => Self::Plain,
        }
    }
}

/// The first bytes of a file; it is read from its beginning again afterwards.
pub(super) fn peek(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Read::by_ref(file).take(4).read_to_end(&mut head)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(head)
}

/// The bytes of an archive, unpacked.
pub(super) fn unpacked(file: File, packing: Packing) -> io::Result<Box<dyn Read + Send>> {
    Ok(match packing {
        Packing::Plain => Box::new(file),
        Packing::Gzip => {
            Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(1 << 16, file)))
        }
        #[cfg(feature = "zstd")]
        Packing::Zstd => Box::new(zstd::Decoder::new(file)?),
        #[cfg(not(feature = "zstd"))]
        Packing::Zstd => {
            let text = "a zstd archive: this build lacks the cargo feature \"zstd\"";
            return Err(io::Error::new(io::ErrorKind::Unsupported, text));
        }
    })
}

/// A binary log, from its file or its archive.
pub(super) fn open(path: &Path) -> Result<BinaryReader, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut file = File::open(path).map_err(|error| failed(&error))?;
    let name = path.display().to_string();
    let is_file = file.metadata().map_err(|error| failed(&error))?.is_file();
    let head = if is_file { peek(&mut file).map_err(|error| failed(&error))? } else { Vec::new() };
    match Packing::of(&head) {
        Packing::Plain => BinaryReader::of_file(file, &name).map_err(|error| failed(&error)),
        packing => {
            let stream = unpacked(file, packing).map_err(|error| failed(&error))?;
            Ok(BinaryReader::of_stream(stream, &name))
        }
    }
}

/// A binary log or an archive of one; `None` if the file is something else.
///
/// # Errors
///
/// If it cannot be read.
pub(super) fn open_if_binary(path: &Path) -> io::Result<Option<BinaryReader>> {
    let mut file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Ok(None);
    }
    let name = path.display().to_string();
    let head = peek(&mut file)?;
    let packing = Packing::of(&head);
    if packing == Packing::Plain {
        let reader = BinaryReader::is_binary(&head).then(|| BinaryReader::of_file(file, &name));
        return reader.transpose().map_err(io::Error::other);
    }
    let mut stream = unpacked(file, packing)?;
    let mut head = Vec::new();
    Read::by_ref(&mut stream).take(4).read_to_end(&mut head)?;
    let is_binary = BinaryReader::is_binary(&head);
    let whole = io::Cursor::new(head).chain(stream);
    Ok(is_binary.then(|| BinaryReader::of_stream(whole, &name)))
}

/// Set when the user wants it to end: by SIGINT or SIGTERM.
pub(super) fn interrupts() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    #[cfg(unix)]
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // The second one ends the process, should the first not.
        let _ = signal_hook::flag::register_conditional_default(signal, flag.clone());
        let _ = signal_hook::flag::register(signal, flag.clone());
    }
    flag
}

/// Standard output, without a buffer of its own; whole lines go there.
pub(super) struct Out {
    out: io::Stdout,
    /// Nobody reads any more.
    pub(super) closed: bool,
}

impl Out {
    pub(super) fn new() -> Self {
        Self { out: io::stdout(), closed: false }
    }

    /// Writes lines. Notes if the reader is gone.
    ///
    /// # Errors
    ///
    /// If they cannot be written for another reason.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.closed || lines.is_empty() {
            return Ok(());
        }
        // The lock of standard output holds a buffer of lines, which large writes pass by.
        let mut out = self.out.lock();
        match out.write_all(lines).and_then(|()| out.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.closed = true,
            done => return done,
        }
        Ok(())
    }
}

pub(super) fn is_set(flag: &AtomicBool) -> bool {
    flag.load(Ordering::Relaxed)
}
