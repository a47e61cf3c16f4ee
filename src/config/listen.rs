//! Configurations that come over a connection, as with Python's `logging.config.listen`.

use super::{Config, Door, Registry, news, read_message};
use crate::error::{Error, ErrorKind};
use crate::lane::is_on_drain;
use crate::runtime::{Core, Runtime};
use crate::sync::{Arc, AtomicU64, Condvar, Mutex, MutexGuard, Ordering, Weak, lock, thread};
use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read};
use std::net::ToSocketAddrs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The port that Python's `logging.config.listen` takes.
pub const DEFAULT_PORT: u16 = 9030;

/// How long a failing `accept` is let be: the process may be out of descriptors.
const REST: Duration = Duration::from_millis(100);
/// How long the end of a listener waits for what is under way.
const FAREWELL: Duration = Duration::from_secs(1);

/// Looks at a message before it is read: gives it back, changed or not, or `None` to discard it.
type Verify = Box<dyn Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync>;

/// Builds a [`Listener`].
///
/// | option | default | |
/// |---|---|---|
/// | [`verify`](Self::verify) | everything passes | the place to check a signature, or decrypt |
/// | [`max_bytes`](Self::max_bytes) | 1 MiB | a longer message is refused unread |
/// | [`timeout`](Self::timeout) | 10 s | for a whole message, from its connection on |
/// | [`max_connections`](Self::max_connections) | 8 | at the same time; more are closed at once |
/// | [`allow_remote`](Self::allow_remote) | off | other addresses than the loopback's |
/// | [`door`](Self::door) | [`Door::python`] | |
/// | [`registry`](Self::registry) | Python's names and sawmill's | |
#[must_use = "a builder does nothing until `start`"]
pub struct ListenerBuilder {
    verify: Option<Verify>,
    max_bytes: usize,
    timeout: Duration,
    max_connections: usize,
    allow_remote: bool,
    door: Door,
    registry: Registry,
}

impl fmt::Debug for ListenerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenerBuilder")
            .field("max_bytes", &self.max_bytes)
            .field("timeout", &self.timeout)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}

/// Takes configurations over TCP and applies them: Python's `logging.config.listen`.
///
/// Each connection carries one message: four bytes, its length with the most significant byte
/// first, and a JSON object in `dictConfig`'s schema or the text of an INI file. Nothing is
/// answered. What a message comes to is told by a record of the logger `sawmill.config`, whatever
/// the levels of loggers: `INFO` with the keys that changed, or `ERROR` with every problem; a
/// refused message changes nothing.
///
/// Whoever can connect can have files opened and emptied: it listens on the loopback only, unless
/// [`allow_remote`](ListenerBuilder::allow_remote) is given, and then a
/// [`verify`](ListenerBuilder::verify) hook should say who may.
///
/// One thread `sawmill-listen` accepts, and one for each connection reads. The listener ends when
/// it is dropped or [stopped](Self::stop), and takes nothing more when its runtime has ended.
///
/// # Examples
///
/// ```
/// # #[cfg(feature = "json")] {
/// use sawmill::config::Listener;
/// use std::io::Write;
///
/// let runtime = sawmill::Runtime::builder().build()?;
/// let listener = Listener::builder()
///     .verify(|message| message.starts_with(b"{").then(|| message.to_vec()))
///     .start("127.0.0.1:0", &runtime)?;
/// let text = br#"{"version": 1, "root": {"level": "DEBUG"}}"#;
/// let mut to = std::net::TcpStream::connect(listener.address()).unwrap();
/// to.write_all(&(text.len() as u32).to_be_bytes()).unwrap();
/// to.write_all(text).unwrap();
/// while listener.stats().applied == 0 {
///     std::thread::yield_now();
/// }
/// assert_eq!(runtime.root().level(), sawmill::Level::DEBUG);
/// listener.stop();
/// # }
/// # Ok::<(), sawmill::Error>(())
/// ```
#[must_use = "it ends when it is dropped"]
pub struct Listener {
    shared: Arc<Shared>,
}

/// What came of the connections that a [`Listener`] took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListenStats {
    /// Messages that were applied.
    pub applied: u64,
    /// Messages that were refused: no configuration, or one with mistakes.
    pub refused: u64,
    /// Messages that the `verify` hook discarded.
    pub discarded: u64,
    /// Connections that brought no whole message, or came when too many were open.
    pub failed: u64,
}

struct Shared {
    address: SocketAddr,
    options: ListenerBuilder,
    core: Weak<Core>,
    state: Mutex<State>,
    /// A thread has ended.
    fewer: Condvar,
    applied: AtomicU64,
    refused: AtomicU64,
    discarded: AtomicU64,
    failed: AtomicU64,
}

#[derive(Default)]
struct State {
    stop: bool,
    accepts: bool,
    /// The open connections, to be shut down at the end.
    open: HashMap<u64, Option<TcpStream>>,
}

impl ListenerBuilder {
    /// Looks at each message before it is read: the bytes to go on with, or `None` to discard it.
    /// A hook that panics discards it as well.
    pub fn verify(
        mut self,
        hook: impl Fn(&[u8]) -> Option<Vec<u8>> + Send + Sync + 'static,
    ) -> Self {
        self.verify = Some(Box::new(hook));
        self
    }

    /// How long a message may be, in bytes.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// How long a message may take, from its connection on; 1 ms at least.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.max(Duration::from_millis(1));
        self
    }

    /// How many connections are read at the same time; one at least.
    pub fn max_connections(mut self, most: usize) -> Self {
        self.max_connections = most.max(1);
        self
    }

    /// Permits addresses that other machines can reach.
    pub fn allow_remote(mut self, allow: bool) -> Self {
        self.allow_remote = allow;
        self
    }

    /// Chooses the manner of reading.
    pub fn door(mut self, door: Door) -> Self {
        self.door = door;
        self
    }

    /// The names that configurations may use.
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Begins to listen; port 0 takes any free one, see [`Listener::address`].
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if an address is not on the loopback and remote ones are not allowed;
    /// [`Error::is_io`] if it cannot be bound, or a thread cannot be started.
    pub fn start(self, address: impl ToSocketAddrs, runtime: &Runtime) -> Result<Listener, Error> {
        let failed = |error| Error::new(ErrorKind::Io, "cannot listen").because(error);
        let addresses: Vec<SocketAddr> = address.to_socket_addrs().map_err(failed)?.collect();
        if let Some(far) = addresses.iter().find(|it| !it.ip().is_loopback())
            && !self.allow_remote
        {
            return Err(Error::invalid(format!(
                "address: {far} can be reached from other machines; allow_remote permits it"
            )));
        }
        let socket = TcpListener::bind(&addresses[..]).map_err(failed)?;
        let shared = Arc::new(Shared {
            address: socket.local_addr().map_err(failed)?,
            options: self,
            core: Arc::downgrade(runtime.core()),
            state: Mutex::new(State { accepts: true, ..State::default() }),
            fewer: Condvar::new(),
            applied: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            discarded: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let listener = shared.clone();
        thread::Builder::new()
            .name("sawmill-listen".to_owned())
            .spawn(move || {
                let _end = End { shared: &listener, connection: None };
                accept(&listener, socket);
            })
            .map_err(|error| {
                Error::new(ErrorKind::Io, "cannot start the listener's thread").because(error)
            })?;
        Ok(Listener { shared })
    }
}

impl Listener {
    /// Begins a listener.
    pub fn builder() -> ListenerBuilder {
        ListenerBuilder {
            verify: None,
            max_bytes: 1 << 20,
            timeout: Duration::from_secs(10),
            max_connections: 8,
            allow_remote: false,
            door: Door::python(),
            registry: Registry::new(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.shared.address
    }

    /// What has come so far.
    pub fn stats(&self) -> ListenStats {
        let get = |count: &AtomicU64| count.load(Ordering::Relaxed);
        ListenStats {
            applied: get(&self.shared.applied),
            refused: get(&self.shared.refused),
            discarded: get(&self.shared.discarded),
            failed: get(&self.shared.failed),
        }
    }

    /// Ends the listener, as dropping it does: Python's `stopListening`. Open connections are shut
    /// down; a configuration under way is waited for, up to a second.
    pub fn stop(self) {}
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        state.stop = true;
        for connection in state.open.values().flatten() {
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        wake(self.shared.address);
        // What is under way may wait for the drain.
        let until = Instant::now() + if is_on_drain() { Duration::ZERO } else { FAREWELL };
        let mut state = lock(&self.shared.state);
        while state.accepts || !state.open.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let woken = self.shared.fewer.wait_timeout(state, left);
            state = woken.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").field("address", &self.shared.address).finish_non_exhaustive()
    }
}

/// Lets a waiting `accept` return, which looks whether it is to stop.
fn wake(mut address: SocketAddr) {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
            SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        });
    }
    let _ = TcpStream::connect_timeout(&address, REST);
}

/// Takes connections until the end, which closes the socket before it is told.
#[allow(clippy::needless_pass_by_value)]
fn accept(shared: &Arc<Shared>, socket: TcpListener) {
    let mut number = 0;
    loop {
        let accepted = socket.accept();
        let state = lock(&shared.state);
        if state.stop || shared.core.strong_count() == 0 {
            return;
        }
        match accepted {
            Ok((connection, from)) => {
                number += 1;
                let told = admit(shared, state, number, connection, from);
                if let Err(error) = told {
                    shared.fail(&error, from);
                }
            }
            Err(_) => {
                drop(state);
                shared.failed.fetch_add(1, Ordering::Relaxed);
                thread::sleep(REST);
            }
        }
    }
}

/// Starts the thread that reads a connection, if there is room for one.
fn admit(
    shared: &Arc<Shared>,
    mut state: MutexGuard<'_, State>,
    number: u64,
    connection: TcpStream,
    from: SocketAddr,
) -> Result<(), Error> {
    let most = shared.options.max_connections;
    if state.open.len() >= most {
        return Err(Error::other(format!("more than {most} connections are open")));
    }
    state.open.insert(number, connection.try_clone().ok());
    drop(state);
    let own = shared.clone();
    let read = move || {
        let _end = End { shared: &own, connection: Some(number) };
        own.serve(connection, from);
    };
    let thread = thread::Builder::new().name("sawmill-listen".to_owned());
    thread.spawn(read).map(drop).map_err(|error| {
        lock(&shared.state).open.remove(&number);
        Error::new(ErrorKind::Io, "cannot start a thread for it").because(error)
    })
}

/// Tells that a thread has ended, however it did.
struct End<'a> {
    shared: &'a Shared,
    connection: Option<u64>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let mut state = lock(&self.shared.state);
        match self.connection {
            Some(number) => {
                state.open.remove(&number);
            }
            None => state.accepts = false,
        }
        self.shared.fewer.notify_all();
    }
}

impl Shared {
    fn runtime(&self) -> Option<Runtime> {
        let runtime = Runtime::from_core(self.core.upgrade()?);
        (!runtime.has_ended()).then_some(runtime)
    }

    /// Reads the message of a connection and applies it.
    fn serve(&self, connection: TcpStream, from: SocketAddr) {
        let deadline = Instant::now() + self.options.timeout;
        let read =
            read_message(&mut Timed { connection: &connection, deadline }, self.options.max_bytes);
        if lock(&self.state).stop {
            return;
        }
        let message = match read {
            Ok(message) => message,
            Err(error) => return self.fail(&error, from),
        };
        let verified = match &self.options.verify {
            None => Some(message),
            Some(verify) => {
                let verified = catch_unwind(AssertUnwindSafe(|| verify(&message)));
                verified.unwrap_or(None)
            }
        };
        let Some(message) = verified else {
            self.discarded.fetch_add(1, Ordering::Relaxed);
            return;
        };
        let Some(runtime) = self.runtime() else { return };
        let config = Config::from_message(&message).map(|it| it.with_door(self.options.door));
        let applied = news::apply(config, &runtime, &self.options.registry, &from.to_string());
        let count = if applied.is_ok() { &self.applied } else { &self.refused };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn fail(&self, error: &Error, from: SocketAddr) {
        if let Some(runtime) = self.runtime() {
            news::refused(&runtime, error, &from.to_string());
        }
        self.failed.fetch_add(1, Ordering::Relaxed);
    }
}

/// A connection that is read until a deadline, however slowly its bytes come.
struct Timed<'a> {
    connection: &'a TcpStream,
    deadline: Instant,
}

impl Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.connection.set_read_timeout(Some(left))?;
        self.connection.read(buffer)
    }
}
