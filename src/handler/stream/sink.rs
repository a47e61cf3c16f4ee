//! Where a stream handler's bytes go.

use super::lines::Lines;
use crate::error::Error;
use crate::handler::worker::{Desk, Work};
use crate::sys;
use std::fmt;
use std::io::{self, Write};
use std::time::Duration;

/// What a pipe takes at once without blocking if it is writable at all (POSIX's `PIPE_BUF` is at
/// least 512; Linux and the BSDs take a page).
const PIPE_BYTES: usize = 4096;
/// How long one wait for a reader lasts before the deadline is looked at.
const SLICE: Duration = Duration::from_millis(20);

/// A destination of [`StreamHandler`](crate::StreamHandler).
///
/// # Examples
///
/// ```
/// use sawmill::{Stream, StreamHandler};
///
/// let handler = StreamHandler::new(Stream::stderr());
/// assert_eq!(handler.stream_name(), "stderr");
/// ```
pub struct Stream {
    kind: Kind,
}

enum Kind {
    /// Standard output or standard error, by its number at the time of each write.
    Standard(i32),
    #[cfg(unix)]
    Owned(std::os::fd::OwnedFd),
    Writer(Box<dyn Write + Send>),
}

impl Stream {
    /// The standard stream of this number.
    pub(super) fn again(number: i32) -> Self {
        Self { kind: Kind::Standard(number) }
    }

    /// The number of a standard stream.
    pub(super) fn number(&self) -> Option<i32> {
        match &self.kind {
            Kind::Standard(number) => Some(*number),
            _ => None,
        }
    }

    /// Standard output, descriptor 1, written without the standard library's buffer and lock.
    pub fn stdout() -> Self {
        Self { kind: Kind::Standard(1) }
    }

    /// Standard error, descriptor 2, written without the standard library's lock.
    pub fn stderr() -> Self {
        Self { kind: Kind::Standard(2) }
    }

    /// Any writer; it is flushed after each batch of lines.
    pub fn writer(writer: impl Write + Send + 'static) -> Self {
        Self { kind: Kind::Writer(Box::new(writer)) }
    }

    /// `stdout`, `stderr`, `fd N` or `writer`.
    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Standard(1) => "stdout".into(),
            Kind::Standard(_) => "stderr".into(),
            #[cfg(unix)]
            Kind::Owned(fd) => format!("fd {}", std::os::fd::AsRawFd::as_raw_fd(fd)),
            Kind::Writer(_) => "writer".into(),
        }
    }
}

#[cfg(unix)]
impl From<std::os::fd::OwnedFd> for Stream {
    /// A pipe, a socket, a terminal, a file: anything with a descriptor, blocking or not.
    fn from(fd: std::os::fd::OwnedFd) -> Self {
        Self { kind: Kind::Owned(fd) }
    }
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stream({})", self.name())
    }
}

/// Whether writing goes on to wait for a reader that does not read.
pub(super) trait Patience {
    /// Returns true if waiting should end.
    fn is_over(&self) -> bool;
    /// Counts records that were written.
    fn delivered(&self, records: u64);
}

impl Patience for Desk {
    fn is_over(&self) -> bool {
        self.gives_up()
    }
    fn delivered(&self, records: u64) {
        Desk::delivered(self, records);
    }
}

/// Writes lines to a stream, on a worker or on the drain.
#[derive(Debug)]
pub(super) struct Writing {
    pub(super) stream: Stream,
    pub(super) terminator: Vec<u8>,
    /// Part of a line was written and its rest was lost: a terminator must come first.
    torn: bool,
    /// Known once the first lines come.
    never_waits: Option<bool>,
}

impl Writing {
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream, terminator: b"\n".to_vec(), torn: false, never_waits: None }
    }

    /// Returns true if the stream is a regular file, which never waits for a reader.
    pub(super) fn never_waits(&mut self) -> bool {
        let fd = match &self.stream.kind {
            Kind::Standard(fd) => *fd,
            #[cfg(unix)]
            Kind::Owned(fd) => std::os::fd::AsRawFd::as_raw_fd(fd),
            Kind::Writer(_) => return false,
        };
        *self.never_waits.get_or_insert_with(|| sys::never_waits(fd))
    }

    /// Writes what is left of `lines`; waits for the reader as long as `patience` lasts.
    pub(super) fn write(
        &mut self,
        lines: &mut Lines,
        patience: &dyn Patience,
    ) -> Result<(), Error> {
        if lines.is_done() {
            return Ok(());
        }
        if self.torn && lines.is_fresh() {
            lines.put_before(&self.terminator);
        }
        let at_once = self.never_waits();
        let result = match &mut self.stream.kind {
            Kind::Standard(fd) => to_descriptor(*fd, at_once, lines, patience),
            #[cfg(unix)]
            Kind::Owned(fd) => {
                to_descriptor(std::os::fd::AsRawFd::as_raw_fd(fd), at_once, lines, patience)
            }
            Kind::Writer(writer) => to_writer(writer, lines, patience),
        };
        match result {
            Ok(()) => self.torn = false,
            Err(_) if lines.is_fresh() => {}
            Err(_) => self.torn = lines.is_torn(),
        }
        result.map_err(|cause| {
            let kind = match cause.kind() {
                io::ErrorKind::TimedOut => crate::error::ErrorKind::Timeout,
                _ => crate::error::ErrorKind::Io,
            };
            Error::new(kind, format!("cannot write to {}", self.stream.name())).because(cause)
        })
    }
}

impl Work for Writing {
    type Job = Lines;

    fn run(&mut self, job: &mut Lines, desk: &Desk) -> Result<(), Error> {
        self.write(job, desk)
    }

    fn restart(&mut self) {
        // Only a user's writer panics, and how far it got nobody knows.
        self.torn = true;
    }
}

fn to_descriptor(
    fd: i32,
    at_once: bool,
    lines: &mut Lines,
    patience: &dyn Patience,
) -> io::Result<()> {
    let limit = if at_once { usize::MAX } else { PIPE_BYTES };
    while !lines.is_done() {
        if !at_once {
            while !sys::poll_writable(fd, SLICE)? {
                if patience.is_over() {
                    return Err(stalled());
                }
            }
        }
        match sys::write_fd(fd, lines.next_bytes(limit)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => patience.delivered(lines.advance(n)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Another writer took the room between asking and writing.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if patience.is_over() {
                    return Err(stalled());
                }
                crate::sync::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn to_writer(
    writer: &mut Box<dyn Write + Send>,
    lines: &mut Lines,
    patience: &dyn Patience,
) -> io::Result<()> {
    while !lines.is_done() {
        match writer.write(lines.next_bytes(usize::MAX)) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => patience.delivered(lines.advance(n)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                if patience.is_over() {
                    return Err(stalled());
                }
                crate::sync::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => return Err(error),
        }
    }
    writer.flush()
}

fn stalled() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the reader does not read")
}
