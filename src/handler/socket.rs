//! Records over a stream socket.

use super::worker::{Desk, Job, Losses, Refused, Work, Worker};
use super::{Context, Handler};
use crate::error::{Error, ErrorKind};
use crate::record::LogRecord;
use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long a connection, and each write, may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How soon a failed connection is tried again, at first and at last: Python's `retryStart` and
/// `retryMax`.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(30);
/// Batches that may wait for the peer.
const PLACES: usize = 64;
/// A batch is handed over when it has this size, or when the rings ran dry.
const BATCH_BYTES: usize = 32 << 10;

/// Sends records to a peer over a stream socket: Python's `SocketHandler`.
///
/// Each record travels as its length, four bytes, big-endian, and what
/// [`OwnedRecord::to_bytes`](crate::OwnedRecord::to_bytes) makes of it. A worker connects and
/// writes; while there is no peer it is tried again after a second, doubling to thirty, and what
/// comes meanwhile is dropped, counted as shed and otherwise silent, as in Python.
///
/// # Examples
///
/// ```
/// use sawmill::SocketHandler;
///
/// let remote = SocketHandler::tcp("127.0.0.1", 9020);
/// # let _ = remote;
/// ```
pub struct SocketHandler {
    worker: Worker<Sending>,
    pending: Frames,
    accepted: u64,
    told: u64,
}

/// Frames that travel together.
#[derive(Debug, Default)]
struct Frames {
    bytes: Vec<u8>,
    records: u64,
}

impl Job for Frames {
    fn left(&self) -> u64 {
        self.records
    }
    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

enum Address {
    Tcp(String, u16),
    #[cfg(unix)]
    Unix(std::path::PathBuf),
}

enum Connection {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixStream),
}

struct Sending {
    address: Address,
    connection: Option<Connection>,
    retry_at: Option<Instant>,
    wait: Duration,
}

impl SocketHandler {
    /// Sends to a TCP port. Connects with the first record.
    #[must_use]
    pub fn tcp(host: impl Into<String>, port: u16) -> Self {
        Self::to(Address::Tcp(host.into(), port))
    }

    /// Sends to a socket of the file system. Connects with the first record.
    #[cfg(unix)]
    #[must_use]
    pub fn unix(path: impl Into<std::path::PathBuf>) -> Self {
        Self::to(Address::Unix(path.into()))
    }

    fn to(address: Address) -> Self {
        let work = Sending { address, connection: None, retry_at: None, wait: FIRST_RETRY };
        let worker = Worker::new("sawmill-socket", PLACES, work);
        Self { worker, pending: Frames::default(), accepted: 0, told: 0 }
    }

    fn hand_over(&mut self, cx: &mut Context<'_>) {
        if self.pending.records != 0 {
            let next = Frames::default();
            match self.worker.offer(std::mem::replace(&mut self.pending, next)) {
                Ok(()) => {}
                Err(Refused::Full(job)) => self.shed(job.records, cx),
                Err(Refused::Dead(job, error)) => {
                    self.shed(job.records, cx);
                    cx.report(error);
                }
            }
        }
        // What no peer took is dropped without a word.
        let Losses { records, .. } = self.worker.losses();
        self.shed(records, cx);
    }

    fn shed(&mut self, records: u64, cx: &mut Context<'_>) {
        self.told += records;
        cx.shed(records);
    }
}

impl Sending {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => {
                let now = Instant::now();
                if self.retry_at.is_some_and(|at| now < at) {
                    return Err(io::ErrorKind::NotConnected.into());
                }
                match self.address.connect() {
                    Ok(connection) => {
                        self.retry_at = None;
                        self.wait = FIRST_RETRY;
                        self.connection.insert(connection)
                    }
                    Err(error) => {
                        self.retry_at = Some(now + self.wait);
                        self.wait = (self.wait * 2).min(LAST_RETRY);
                        return Err(error);
                    }
                }
            }
        };
        let written = match connection {
            Connection::Tcp(stream) => stream.write_all(bytes),
            #[cfg(unix)]
            Connection::Unix(stream) => stream.write_all(bytes),
        };
        // Half a frame would spoil the rest of the stream.
        written.inspect_err(|_| self.connection = None)
    }
}

impl Address {
    fn connect(&self) -> io::Result<Connection> {
        match self {
            Self::Tcp(host, port) => {
                let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
                for address in (host.as_str(), *port).to_socket_addrs()? {
                    match TcpStream::connect_timeout(&address, PATIENCE) {
                        Ok(stream) => {
                            stream.set_write_timeout(Some(PATIENCE))?;
                            return Ok(Connection::Tcp(stream));
                        }
                        Err(error) => last = error,
                    }
                }
                Err(last)
            }
            #[cfg(unix)]
            Self::Unix(path) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Ok(Connection::Unix(stream))
            }
        }
    }
}

impl Work for Sending {
    type Job = Frames;

    fn run(&mut self, job: &mut Frames, desk: &Desk) -> Result<(), Error> {
        self.send(&job.bytes)
            .map_err(|error| Error::new(ErrorKind::Io, "cannot send records").because(error))?;
        desk.delivered(std::mem::take(&mut job.records));
        Ok(())
    }

    fn restart(&mut self) {
        self.connection = None;
    }
}

impl Handler for SocketHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let bytes = record.keep().to_bytes()?;
        let length = u32::try_from(bytes.len())
            .map_err(|_| Error::invalid("a record is too long for a socket"))?;
        self.pending.bytes.extend_from_slice(&length.to_be_bytes());
        self.pending.bytes.extend_from_slice(&bytes);
        self.pending.records += 1;
        self.accepted += 1;
        if self.pending.bytes.len() >= BATCH_BYTES {
            self.hand_over(cx);
        }
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.hand_over(cx);
        Ok(())
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.hand_over(cx);
        let done = self.worker.wait(Instant::now() + cx.remaining());
        self.hand_over(cx);
        match done {
            true => Ok(()),
            false => {
                Err(Error::new(ErrorKind::Timeout, "the peer did not take everything in time"))
            }
        }
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.hand_over(cx);
        self.worker.end(Instant::now() + cx.remaining());
        self.hand_over(cx);
        if let Some(work) = self.worker.at_home() {
            work.connection = None;
        }
        let left = self.held();
        self.shed(left, cx);
        Ok(())
    }

    fn held(&self) -> u64 {
        self.accepted.saturating_sub(self.told + self.worker.delivered())
    }
}

impl fmt::Debug for SocketHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketHandler").field("accepted", &self.accepted).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::HandlerRef;
    use crate::record::OwnedRecord;
    use std::io::Read;
    use std::net::TcpListener;

    const LONG: Duration = Duration::from_secs(10);

    fn record(message: &str) -> OwnedRecord {
        let info = crate::level::Level::INFO;
        crate::record::sample::with("net", info, message, |record| record.keep())
    }

    #[test]
    fn a_peer_gets_each_record_behind_its_length() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let handler = HandlerRef::new(SocketHandler::tcp("127.0.0.1", port));
        for message in ["one", "two"] {
            handler.handle(&record(message), true, LONG).unwrap();
        }
        handler.flush(LONG).unwrap();
        let (mut peer, _) = listener.accept().unwrap();
        for message in ["one", "two"] {
            let mut length = [0; 4];
            peer.read_exact(&mut length).unwrap();
            let mut bytes = vec![0; u32::from_be_bytes(length) as usize];
            peer.read_exact(&mut bytes).unwrap();
            let got = OwnedRecord::from_bytes(&bytes).unwrap();
            assert_eq!(got.view().message().unwrap(), message);
        }
        assert_eq!(handler.stats().delivered, 2);
    }

    #[test]
    fn without_a_peer_records_are_dropped_and_counted() {
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let handler = HandlerRef::new(SocketHandler::tcp("127.0.0.1", port));
        handler.handle(&record("lost"), true, LONG).unwrap();
        handler.close(LONG).unwrap();
        let stats = handler.stats();
        assert_eq!((stats.offered, stats.shed, stats.held, stats.failed), (1, 1, 0, 0));
    }
}
