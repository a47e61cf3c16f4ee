//! The load: several clients, each with its own keys, so that it knows every answer beforehand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;

/// How much load there is.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub clients: u64,
    pub sessions_each: u64,
    pub requests: u64,
}

/// Requests on their way at once in a session.
const PIPELINED: u64 = 8;

impl Load {
    /// Connections that the server will see.
    pub(crate) fn sessions(self) -> usize {
        (self.clients * self.sessions_each) as usize
    }

    /// Sends everything and returns when the last answer has been checked.
    ///
    /// # Errors
    ///
    /// The first answer that is not what it should be, or an error of a socket.
    pub(crate) fn run(self, server: SocketAddr) -> Result<(), String> {
        let client = |me: u64| thread::spawn(move || self.client(me, server));
        let clients: Vec<_> = (0..self.clients).map(client).collect();
        clients
            .into_iter()
            .try_for_each(|c| c.join().map_err(|_| "a client panicked".to_owned())?)
    }

    /// Client `me` sends the sequence numbers that leave `me` when divided by the count of clients.
    fn client(self, me: u64, server: SocketAddr) -> Result<(), String> {
        let mut numbers = (0..self.requests).filter(|seq| seq % self.clients == me).peekable();
        let each = self.requests.div_ceil(self.clients).div_ceil(self.sessions_each);
        let mut known: HashMap<String, String> = HashMap::new();
        for _ in 0..self.sessions_each {
            let session = numbers.by_ref().take(each as usize);
            self.session(me, server, session, &mut known)
                .map_err(|e| format!("client {me}: {e}"))?;
        }
        Ok(())
    }

    fn session(
        self,
        me: u64,
        server: SocketAddr,
        mut numbers: impl Iterator<Item = u64>,
        known: &mut HashMap<String, String>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let connection = TcpStream::connect(server)?;
        connection.set_nodelay(true)?;
        let mut answers = BufReader::new(&connection);
        let mut requests = BufWriter::new(&connection);
        let mut line = String::new();
        loop {
            let batch: Vec<u64> = numbers.by_ref().take(PIPELINED as usize).collect();
            if batch.is_empty() {
                return Ok(());
            }
            let mut expected = Vec::new();
            for seq in batch {
                let (request, answer) = request(me, seq, known);
                writeln!(requests, "{seq} {request}")?;
                expected.push(format!("{seq} {answer}"));
            }
            requests.flush()?;
            for expected in expected {
                line.clear();
                answers.read_line(&mut line)?;
                if line.trim_end() != expected {
                    return Err(format!("got {line:?}, expected {expected:?}").into());
                }
            }
        }
    }
}

/// Request number `seq` of client `me`, with the answer that it must get.
fn request(me: u64, seq: u64, known: &mut HashMap<String, String>) -> (String, String) {
    // A cheap generator suffices: the mix of verbs and keys should be even, not secret.
    let dice = seq.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
    let key = format!("client{me}/item{:03}", dice % 500);
    match dice / 500 % 10 {
        0..=2 => {
            let value = format!("value-{seq:08}");
            let request = format!("SET {key} {value}");
            known.insert(key, value);
            (request, "STORED".into())
        }
        3 => {
            let answer = if known.remove(&key).is_some() { "DELETED" } else { "MISSING" };
            (format!("DEL {key}"), answer.into())
        }
        _ => {
            let answer = known.get(&key).map_or("MISSING".into(), |value| format!("VALUE {value}"));
            (format!("GET {key}"), answer)
        }
    }
}
