//! The key-value server: lines over TCP, one connection a worker at a time.
//!
//! A request is `SEQ GET KEY`, `SEQ SET KEY VALUE` or `SEQ DEL KEY`; the answer repeats SEQ.

use sawmill::{info, warning};
use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Instant;

type Store = Mutex<HashMap<String, String>>;

/// What one worker did.
#[derive(Default)]
pub(crate) struct Worked {
    /// Requests served, each of them logged once.
    pub requests: u64,
    /// Of these, at WARNING.
    pub warnings: u64,
    /// What each log call took, with the two readings of the clock around it.
    pub log_call_ns: Vec<u32>,
}

/// A running server.
pub(crate) struct Server {
    workers: Vec<JoinHandle<Worked>>,
    listener: JoinHandle<()>,
}

impl Server {
    /// Serves `sessions` connections with `workers` threads, then ends.
    pub(crate) fn start(listener: TcpListener, workers: usize, sessions: usize) -> Self {
        let store = Arc::new(Store::default());
        let (hand_over, connections) = mpsc::channel::<TcpStream>();
        let connections = Arc::new(Mutex::new(connections));
        let worker = |number: usize| {
            let (store, connections) = (store.clone(), connections.clone());
            let work = move || work(number, &store, &connections);
            thread::Builder::new().name(format!("worker-{number}")).spawn(work)
        };
        let workers = (0..workers).map(|number| worker(number).expect("a thread starts")).collect();
        let listener = thread::spawn(move || {
            for connection in listener.incoming().take(sessions) {
                match connection {
                    Ok(connection) => hand_over.send(connection).expect("workers outlive us"),
                    Err(wrong) => warning!("a connection was not accepted: {wrong}"),
                }
            }
        });
        Self { workers, listener }
    }

    /// Waits until every session has ended and says what each worker did.
    pub(crate) fn join(self) -> Vec<Worked> {
        self.listener.join().expect("the listener does not panic");
        self.workers.into_iter().map(|w| w.join().expect("a worker does not panic")).collect()
    }
}

fn work(number: usize, store: &Store, connections: &Mutex<mpsc::Receiver<TcpStream>>) -> Worked {
    let mut worked = Worked::default();
    loop {
        let next = connections.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(connection) = next else { return worked };
        let session = Session { worker: number, store, worked: &mut worked };
        if let Err(wrong) = session.serve(&connection) {
            warning!("worker={number}: the session broke: {wrong}");
        }
    }
}

struct Session<'a> {
    worker: usize,
    store: &'a Store,
    worked: &'a mut Worked,
}

impl Session<'_> {
    fn serve(mut self, connection: &TcpStream) -> io::Result<()> {
        connection.set_nodelay(true)?;
        let mut requests = BufReader::new(connection);
        let mut answers = BufWriter::new(connection);
        let mut line = String::new();
        loop {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return answers.flush();
            }
            self.answer(line.trim_end(), &mut answers)?;
            // Answers leave when the client has nothing more under way.
            if requests.buffer().is_empty() {
                answers.flush()?;
            }
        }
    }

    fn answer(&mut self, line: &str, out: &mut impl Write) -> io::Result<()> {
        let mut words = line.splitn(4, ' ');
        let seq: u64 = words
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "no sequence number"))?;
        let (verb, key) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
        let answer = {
            let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
            match verb {
                "SET" => {
                    store.insert(key.to_owned(), words.next().unwrap_or("").to_owned());
                    "STORED".to_owned()
                }
                "DEL" => store.remove(key).map_or("MISSING".to_owned(), |_| "DELETED".to_owned()),
                "GET" => store.get(key).map_or("MISSING".to_owned(), |v| format!("VALUE {v}")),
                _ => "WHAT".to_owned(),
            }
        };
        writeln!(out, "{seq} {answer}")?;

        let (worker, n, bytes) = (self.worker, self.worked.requests, answer.len());
        let from = Instant::now();
        if answer == "MISSING" || answer == "WHAT" {
            warning!(seq, key, verb; "worker={worker} n={n} seq={seq} {verb} {key}: {answer}");
            self.worked.warnings += 1;
        } else {
            info!("worker={worker} n={n} seq={seq} {verb} {key}: {bytes} bytes");
        }
        let took = u32::try_from(from.elapsed().as_nanos()).unwrap_or(u32::MAX);
        self.worked.log_call_ns.push(took);
        self.worked.requests += 1;
        Ok(())
    }
}
