//! What a message takes in a binary log, and how fast text is made of it again.

use crate::machine::{self, ticks};
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, add_books};
use sawmill::{BinaryBlock, BinaryReader, Format};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};

/// Threads that make text; another one reads, and one writes.
const THREADS: usize = 2;
/// Lines are written in parts of this size, while they are still in the caches.
const PART_BYTES: usize = 120 << 10;

/// Logs five times the messages of the throughput workload, then decodes them with the pattern of
/// the text variant: into a file, and into `/dev/null`, which takes lines without copying them.
pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    let total = size.messages * 5;
    for n in 0..total {
        subject.ints(n, n.wrapping_mul(7919), n as f64 * 0.25);
    }
    let ended = subject.end();
    let bytes = std::fs::metadata(&setup.file).map_or(0, |meta| meta.len());
    let timed = |to: &Path| {
        let from = ticks();
        let (records, text) = decoded(&setup.file, to).unwrap_or_else(|error| {
            eprintln!("the log cannot be decoded into {}: {error}", to.display());
            (0, 0)
        });
        (records, text, records as f64 / machine::ns(from, ticks()) * 1e9)
    };
    let (_, _, unwritten) = timed(Path::new("/dev/null"));
    let (records, text, rate) = timed(&setup.file.with_extension("decoded"));
    let mut figures = vec![
        Figure::new("rate", "1/s", rate),
        Figure::new("rate unwritten", "1/s", unwritten),
        Figure::new("bytes a message", "bytes", bytes as f64 / total as f64),
        Figure::new("volume", "bytes", bytes as f64),
        Figure::new("text", "bytes", text as f64),
    ];
    add_books(&mut figures, total, records, ended.dropped);
    figures
}

/// Some lines of a block, and with the last of them its records.
struct Part {
    lines: Vec<u8>,
    records: Option<u64>,
}

fn decoded(log: &Path, to: &Path) -> Result<(u64, u64), String> {
    let mut reader = BinaryReader::open(log).map_err(|error| error.to_string())?;
    let mut out = File::create(to).map_err(|error| error.to_string())?;
    std::thread::scope(|scope| {
        let mut workers = Vec::new();
        for _ in 0..THREADS {
            let (tasks, to_do) = sync_channel::<BinaryBlock>(2);
            let (finished, done) = sync_channel::<Part>(64);
            let (give_back, buffers) = sync_channel::<Vec<u8>>(66);
            scope.spawn(move || work(&to_do, &finished, &buffers));
            workers.push((tasks, Mutex::new((done, give_back))));
        }
        let (tasks, results): (Vec<_>, Vec<_>) = workers.into_iter().unzip();
        // Blocks go to the workers in turn, and come back so: their order is kept.
        let writer = scope.spawn(move || {
            let (mut records, mut bytes) = (0, 0);
            for worker in results.iter().cycle() {
                let (done, give_back) = &*worker.lock().unwrap_or_else(PoisonError::into_inner);
                loop {
                    let Ok(part) = done.recv() else { return Ok((records, bytes)) };
                    bytes += part.lines.len() as u64;
                    out.write_all(&part.lines).map_err(|error| error.to_string())?;
                    let _ = give_back.try_send(part.lines);
                    if let Some(lent) = part.records {
                        records += lent;
                        break;
                    }
                }
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

fn work(to_do: &Receiver<BinaryBlock>, finished: &SyncSender<Part>, buffers: &Receiver<Vec<u8>>) {
    let format = crate::peer::line();
    let buffer = || {
        let mut lines = buffers.try_recv().unwrap_or_default();
        lines.clear();
        lines
    };
    for block in to_do {
        let mut lines = buffer();
        let mut heard = true;
        let lent = block.for_each(|record| {
            if format.format(record, &mut lines).is_ok() {
                lines.push(b'\n');
            }
            if lines.len() >= PART_BYTES {
                let lines = std::mem::replace(&mut lines, buffer());
                heard = heard && finished.send(Part { lines, records: None }).is_ok();
            }
        });
        if !heard || finished.send(Part { lines, records: Some(lent.unwrap_or(0)) }).is_err() {
            return;
        }
    }
}
