//! The bound of every logger that hands records to a thread that writes them: a record's words into
//! a ring, and a reader that copies a ready-made line for each record into a buffer and writes full
//! buffers to a file. No level, no site, no policy, nothing formatted.
//!
//! It is a bound while the cores are near each other. While they are far, what counts is how early
//! the producer asks for the cache lines that it will write: a bare ring does not ask before it
//! writes, and sawmill does.

use super::ring;
use crate::machine;
use crate::subject::{Ended, Setup, Subject};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// As long as a line of sawmill's among the first four million: 145 bytes.
const TEXT: &str = "2026-11-20 12:34:56.123456 INFO     sawmill_perf::peer::sawmill sawmill.rs:95 \
                    [MainThread] Logging int: 123456, int: 1234567890, double: 12345.5\n";
/// As long as a record in a binary log of sawmill's: 15 bytes.
const BINARY: &str = "Logging int: 1\n";

/// Bytes that are written at once, as by sawmill.
const BATCH_BYTES: usize = 256 << 10;
/// Space that is allocated at a time, as by sawmill.
const RESERVE_BYTES: u64 = 16 << 20;
/// Words that are given back to the producer at a time, as by sawmill: 64 KiB of whole records.
const RUN_WORDS: usize = (64 << 10) / 8 / ring::FRAME_WORDS * ring::FRAME_WORDS;
/// How long the writer lets records gather, as sawmill does: on the producer's heels it would take
/// each cache line from under its hands.
const GRACE: Duration = Duration::from_micros(10);

/// One thread's ring, and the writer beside it.
pub(crate) struct Bound {
    stop: Arc<AtomicBool>,
    writer: JoinHandle<io::Result<u64>>,
}

impl Bound {
    /// The calling thread is the one that logs.
    pub(crate) fn start(setup: &Setup) -> io::Result<Self> {
        let file = File::create(&setup.file)?;
        let line = if setup.variant == "binary" { BINARY } else { TEXT };
        let stop = Arc::new(AtomicBool::new(false));
        let (told, ring) = (stop.clone(), ring::open());
        let writer = std::thread::spawn(move || {
            machine::pin(1);
            write(ring, &told, file, line.as_bytes())
        });
        Ok(Self { stop, writer })
    }
}

/// Writes a line for each record until there are no more; returns the sum of their words, so that
/// each was looked at.
fn write(
    mut ring: rtrb::Consumer<u64>,
    stop: &AtomicBool,
    mut file: File,
    line: &[u8],
) -> io::Result<u64> {
    let mut buffer = Vec::with_capacity(BATCH_BYTES + line.len());
    let (mut sum, mut size, mut reserved) = (0_u64, 0, 0);
    loop {
        // Asked first: what comes after a yes is all there is.
        let last = stop.load(Ordering::Acquire);
        if ring.slots() < RUN_WORDS && !last {
            machine::spin_for(GRACE);
        }
        let words = ring.slots().min(RUN_WORDS);
        if words == 0 && last {
            break;
        }
        let Ok(chunk) = ring.read_chunk(words) else { break };
        let (begin, end) = chunk.as_slices();
        sum = begin.iter().chain(end).fold(sum, |sum, word| sum.wrapping_add(*word));
        chunk.commit_all();
        for _ in 0..words / ring::FRAME_WORDS {
            buffer.extend_from_slice(line);
            if buffer.len() >= BATCH_BYTES {
                if size + buffer.len() as u64 > reserved {
                    machine::reserve(&file, reserved, RESERVE_BYTES);
                    reserved += RESERVE_BYTES;
                }
                file.write_all(&buffer)?;
                size += buffer.len() as u64;
                buffer.clear();
            }
        }
    }
    file.write_all(&buffer)?;
    file.set_len(size + buffer.len() as u64)?;
    Ok(sum)
}

impl Subject for Bound {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        while !ring::publish(a, b, c.to_bits()) {
            std::thread::yield_now();
        }
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        self.ints(text.len() as u64, n as u64, 0.0);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        std::hint::black_box((a, b, c));
    }
    fn end(self) -> Ended {
        self.stop.store(true, Ordering::Release);
        match self.writer.join() {
            Ok(Ok(sum)) => {
                std::hint::black_box(sum);
            }
            Ok(Err(error)) => eprintln!("the file was not written: {error}"),
            Err(_) => eprintln!("the writer panicked"),
        }
        Ended { dropped: Some(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::subject::Overflow;

    #[test]
    fn lines_are_as_long_as_they_say_and_all_are_written() {
        assert_eq!((TEXT.len(), BINARY.len()), (145, 15));
        let folder =
            std::env::temp_dir().join(format!("sawmill-perf-bound-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (variant, line) in [("text", TEXT), ("binary", BINARY)] {
            let setup = Setup {
                variant: variant.into(),
                file: folder.join(variant),
                overflow: Overflow::Block,
                elaborate: false,
            };
            let bound = Bound::start(&setup).unwrap();
            for n in 0..100_000 {
                bound.ints(n, n, 0.5);
            }
            bound.end();
            let written = std::fs::read_to_string(&setup.file).unwrap();
            assert!(written == line.repeat(100_000));
        }
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
