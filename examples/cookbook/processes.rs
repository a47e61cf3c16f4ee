//! Several processes, one file: workers send their records to the one process that writes.
//!
//! As the chapter does it, with a queue. Here the program starts itself twice as a worker; their queue
//! is a pair of sockets, which keeps the records apart. For one file without a queue there are
//! `FileHandlerBuilder::shared` and `Runtime::collect`.

mod place;

use sawmill::{
    Error, FileHandler, Formatter, HandlerExt, Level, LogQueue, OwnedRecord, QueueHandler,
    QueueListener, info,
};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(60);
const WORKERS: u64 = 2;
/// Records of a worker before it waits for the others, and after.
const HALF: u64 = 100;

/// One end of a pair of sockets.
struct SocketQueue {
    socket: UnixDatagram,
    /// What a wait has received already.
    ahead: Mutex<Option<Vec<u8>>>,
}

impl SocketQueue {
    fn new(socket: UnixDatagram) -> Self {
        Self { socket, ahead: Mutex::new(None) }
    }

    fn receive(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; 64 << 10];
        let length = self.socket.recv(&mut bytes)?;
        bytes.truncate(length);
        Ok(bytes)
    }

    fn ahead(&self) -> std::sync::MutexGuard<'_, Option<Vec<u8>>> {
        self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogQueue for SocketQueue {
    fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
        // Waits for the reader, which a worker with no other handler may: at most the socket's
        // write timeout.
        let sent = self.socket.send(&record.to_bytes()?);
        sent.map(drop).map_err(|error| Error::other("the socket took no record").because(error))
    }

    fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
        let ahead = self.ahead().take();
        let bytes = match ahead {
            Some(bytes) => bytes,
            None => {
                let _ = self.socket.set_nonblocking(true);
                match self.receive() {
                    Ok(bytes) => bytes,
                    Err(_) => return Ok(None),
                }
            }
        };
        OwnedRecord::from_bytes(&bytes).map(Some)
    }

    fn wait(&self, timeout: Duration) -> bool {
        let _ = self.socket.set_nonblocking(false);
        let _ = self.socket.set_read_timeout(Some(timeout));
        match self.receive() {
            Ok(bytes) => *self.ahead() = Some(bytes),
            Err(_) => return false,
        }
        true
    }
}

fn start(name: &str, socket: UnixDatagram) -> Result<Child, Box<dyn std::error::Error>> {
    let mut command = Command::new(std::env::current_exe()?);
    // The socket comes as the worker's standard output, which it has no other use for.
    command.arg(name).stdin(Stdio::piped()).stdout(OwnedFd::from(socket));
    Ok(command.spawn()?)
}

fn worker(name: &str) -> Result<(), Box<dyn std::error::Error>> {
    let socket = UnixDatagram::from(std::io::stdout().as_fd().try_clone_to_owned()?);
    socket.set_write_timeout(Some(LIMIT))?;
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .process_name(name)
        .handler("queue", QueueHandler::new(SocketQueue::new(socket)))
        .init()?;
    for n in 0..2 * HALF {
        if n == HALF {
            std::io::stdin().read_exact(&mut [0])?;
        }
        info!("record {n}");
    }
    assert!(runtime.shutdown(LIMIT).is_complete());
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if let Some(name) = std::env::args().nth(1) {
        return worker(&name);
    }
    let place = place::Place::new()?;
    let pattern = Formatter::new("%(processName)s %(message)s")?;
    let file = FileHandler::new(place.path("all.log"))?.with_formatter(pattern);

    let (ours, theirs) = UnixDatagram::pair()?;
    let mut listener = QueueListener::new(SocketQueue::new(ours), [file.clone()]);
    listener.start()?;
    let mut workers = Vec::new();
    for n in 1..=WORKERS {
        workers.push(start(&format!("worker-{n}"), theirs.try_clone()?)?);
    }
    drop(theirs);

    // Once each worker is half-way the second halves begin, so that the workers do overlap.
    let began = Instant::now();
    while file.stats().offered < WORKERS * HALF {
        assert!(began.elapsed() < LIMIT, "the workers do not log");
        std::thread::sleep(Duration::from_millis(1));
    }
    for worker in &mut workers {
        worker.stdin.as_mut().expect("it is piped").write_all(b"\n")?;
    }
    for mut worker in workers {
        assert!(worker.wait()?.success());
    }
    // Takes out what still waits in the socket.
    listener.stop(LIMIT)?;

    let text = std::fs::read_to_string(place.path("all.log"))?;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len() as u64, WORKERS * 2 * HALF);
    let mut spans = Vec::new();
    for n in 1..=WORKERS {
        let name = format!("worker-{n} ");
        let of_one = || lines.iter().filter_map(|line| line.strip_prefix(&name));
        // Each once, and in order.
        assert!(of_one().eq((0..2 * HALF).map(|n| format!("record {n}"))));
        let first = lines.iter().position(|line| line.starts_with(&name));
        spans.push((first, lines.iter().rposition(|line| line.starts_with(&name))));
        println!("{name}wrote {} records", of_one().count());
    }
    assert!(spans[0].0 < spans[1].1 && spans[1].0 < spans[0].1, "interleaved");
    Ok(())
}
