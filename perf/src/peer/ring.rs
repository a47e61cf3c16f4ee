//! The floor under every logger that hands records over: a stamp, six words into a ring, and a
//! reader that looks at each of them. No level, no site, no policy, no text, no file.

use crate::machine::{self, ticks};
use crate::subject::{Ended, Subject};
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// 1 MiB, as a thread's ring in sawmill.
const WORDS: usize = (1 << 20) / 8;
/// Words of a record.
pub(super) const FRAME_WORDS: usize = 6;
/// How long the reader spins before it looks again.
const POLL: Duration = Duration::from_micros(100);

thread_local! {
    static PRODUCER: std::cell::RefCell<Option<rtrb::Producer<u64>>> =
        const { std::cell::RefCell::new(None) };
}

/// One thread's ring and the reader beside it; other threads' calls go nowhere.
pub(crate) struct Ring {
    stop: Arc<AtomicBool>,
    reader: Mutex<Option<JoinHandle<u64>>>,
}

impl Ring {
    /// The calling thread is the one that logs.
    pub(crate) fn start() -> Self {
        let mut consumer = open();
        let stop = Arc::new(AtomicBool::new(false));
        let told = stop.clone();
        let reader = std::thread::spawn(move || {
            machine::pin(1);
            let mut sum = 0u64;
            while !told.load(Ordering::Relaxed) {
                match consumer.read_chunk(consumer.slots()) {
                    Ok(chunk) if !chunk.is_empty() => {
                        sum = chunk.into_iter().fold(sum, u64::wrapping_add);
                    }
                    _ => machine::spin_for(POLL),
                }
            }
            sum
        });
        Self { stop, reader: Mutex::new(Some(reader)) }
    }
}

/// Makes a ring that the calling thread publishes to.
pub(super) fn open() -> rtrb::Consumer<u64> {
    let (mut producer, consumer) = rtrb::RingBuffer::new(WORDS);
    // First touches are not what is measured.
    drop(producer.write_chunk(WORDS));
    PRODUCER.set(Some(producer));
    consumer
}

/// Publishes six words, of which the second is the stamp. False: the ring is full.
#[inline(always)]
pub(super) fn publish(a: u64, b: u64, c: u64) -> bool {
    PRODUCER.with_borrow_mut(|producer| {
        let ring = producer.as_mut();
        let Some(Ok(chunk)) = ring.map(|ring| ring.write_chunk_uninit(FRAME_WORDS)) else {
            return false;
        };
        chunk.fill_from_iter([FRAME_WORDS as u64, ticks(), 7, a, b, c]);
        true
    })
}

impl Subject for Ring {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        publish(a, b, c.to_bits());
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        let word = |at: usize| {
            let mut bytes = [0; 8];
            let from = &text.as_bytes()[at.min(text.len())..];
            let length = from.len().min(8);
            bytes[..length].copy_from_slice(&from[..length]);
            u64::from_ne_bytes(bytes)
        };
        publish(word(0) ^ word(24), word(8) ^ word(32), word(16) ^ n as u64);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        black_box((a, b, c));
    }
    fn end(self) -> Ended {
        self.stop.store(true, Ordering::Relaxed);
        let reader = self.reader.lock().ok().and_then(|mut reader| reader.take());
        black_box(reader.map(|reader| reader.join().ok()));
        Ended::default()
    }
}
