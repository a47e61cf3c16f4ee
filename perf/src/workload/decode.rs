//! What a message takes in a binary log, and how fast text is made of it again.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books};
use sawmill::{BinaryBlock, BinaryReader, Format};
use std::fs::File;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Threads that make text; another one reads, and one writes.
const THREADS: usize = 2;

/// Logs five times the messages of the throughput workload, then decodes them into a file, with the
/// pattern of the text variant.
pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    let total = size.messages * 5;
    for n in 0..total {
        subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
    }
    let ended = subject.end();
    let bytes = std::fs::metadata(&setup.file).map_or(0, |meta| meta.len());
    let from = ticks();
    let (records, text) = decoded(setup).unwrap_or_else(|error| {
        eprintln!("the log cannot be decoded: {error}");
        (0, 0)
    });
    let passed = machine::ns(from, ticks());
    let mut figures = vec![
        Figure::new("rate", "1/s", records as f64 / passed * 1e9),
        Figure::new("bytes a message", "bytes", bytes as f64 / total as f64),
        Figure::new("volume", "bytes", bytes as f64),
        Figure::new("text", "bytes", text as f64),
    ];
    add_books(&mut figures, total, records, ended.dropped);
    figures
}

type Lines = (u64, Vec<u8>);

fn decoded(setup: &Setup) -> Result<(u64, u64), String> {
    let mut reader = BinaryReader::open(&setup.file).map_err(|error| error.to_string())?;
    let mut out = File::create(setup.file.with_extension("decoded")).map_err(|e| e.to_string())?;
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..THREADS {
            let (tasks, to_do) = sync_channel::<BinaryBlock>(2);
            let (finished, done) = sync_channel::<Lines>(2);
            let (give_back, buffers) = sync_channel::<Vec<u8>>(4);
            scope.spawn(move || work(&to_do, &finished, &buffers));
            workers.push((tasks, Mutex::new((done, give_back))));
        }
        let (tasks, results): (Vec<_>, Vec<_>) = workers.into_iter().unzip();
        // Blocks go to the workers in turn, and come back so: their order is kept.
        let writer = scope.spawn(move || {
            let (mut records, mut bytes) = (0, 0);
            for worker in results.iter().cycle() {
                let (done, give_back) = &*worker.lock().unwrap_or_else(PoisonError::into_inner);
                let Ok((lent, lines)) = done.recv() else { break };
                records += lent;
                bytes += lines.len() as u64;
                out.write_all(&lines).map_err(|error| error.to_string())?;
                let _ = give_back.try_send(lines);
            }
            Ok((records, bytes))
        });
        for worker in tasks.iter().cycle() {
            match reader.next_block() {
                Ok(Some(block)) => {
                    if worker.send(block).is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => return Err(error.to_string()),
            }
        }
        drop(tasks);
        writer.join().unwrap_or_else(|_| Err("the writer panicked".into()))
    })
}

fn work(to_do: &Receiver<BinaryBlock>, finished: &SyncSender<Lines>, buffers: &Receiver<Vec<u8>>) {
    let format = crate::peer::line();
    for block in to_do {
        let mut lines = buffers.try_recv().unwrap_or_default();
        lines.clear();
        let lent = block.for_each(|record| {
            if format.format(record, &mut lines).is_ok() {
                lines.push(b'\n');
            }
        });
        if finished.send((lent.unwrap_or(0), lines)).is_err() {
            return;
        }
    }
}
