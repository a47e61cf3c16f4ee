//! Threads that come and go leave nothing behind. Alone in its binary: it counts the process's
//! heap.

#![allow(unsafe_code)]

use sawmill::{Context, Error, Handler, HandlerRef, Level, LogRecord, Overflow, Runtime, log};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

/// Bytes allocated and not freed, and allocations not freed.
static BYTES: AtomicU64 = AtomicU64::new(0);
static BLOCKS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting does nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        BLOCKS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        BLOCKS.fetch_sub(1, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Counts what it gets.
struct Count(Arc<AtomicU64>);

impl Handler for Count {
    fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[test]
fn threads_that_come_and_go_leave_nothing_behind() {
    // Rings of one size, so that each round needs what the one before it left; then those that
    // threads get by default, whose sizes depend on who comes first.
    let heap = rounds(Some(64 << 10));
    println!("bytes and blocks on the heap after each round: {heap:?}");
    let ((early, _), (late, _)) = (heap[1], heap[ROUNDS as usize - 1]);
    assert!(late <= early + (16 << 10), "grew by {} bytes: {heap:?}", late - early);
    let heap = changes();
    println!("bytes and blocks on the heap after each round of changes: {heap:?}");
    let ((early, _), (late, _)) = (heap[1], heap[ROUNDS as usize - 1]);
    assert!(late <= early + (64 << 10), "grew by {} bytes: {heap:?}", late - early);
    let heap = rounds(None);
    println!("with lanes of the default sizes: {heap:?}");
    if let Some(resident) = resident_bytes() {
        // The rings of 64 threads, and what a test binary takes.
        assert!(resident < 64 << 20, "{resident} bytes are in RAM");
    }
}

const ROUNDS: u64 = 5;
const THREADS: u64 = 64;
const EACH: u64 = 500;

/// Bytes and blocks on the heap after each round of threads.
fn rounds(lane_bytes: Option<usize>) -> Vec<(u64, u64)> {
    let count = Arc::new(AtomicU64::new(0));
    let builder = Runtime::builder()
        .level(Level::INFO)
        .handler("count", HandlerRef::new(Count(count.clone())))
        .overflow(Overflow::block());
    let builder = match lane_bytes {
        Some(bytes) => builder.lane_bytes(bytes),
        None => builder,
    };
    let runtime = builder.build().unwrap();
    let logger = runtime.get_logger("churn");
    let mut heap = Vec::new();
    for round in 1..=ROUNDS {
        let (start, end) = (Barrier::new(THREADS as usize), Barrier::new(THREADS as usize));
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    for n in 0..EACH {
                        log!(logger: logger, Level::INFO, "{n}");
                    }
                    // Every lane is live at once.
                    end.wait();
                });
            }
        });
        assert!(runtime.flush(Duration::from_secs(60)).is_complete());
        assert_eq!(count.load(Ordering::Relaxed), round * THREADS * EACH);
        let lanes = wait_for_no_lanes(&runtime);
        assert_eq!(lanes, 0, "round {round}: lanes of ended threads remain");
        heap.push((BYTES.load(Ordering::Relaxed), BLOCKS.load(Ordering::Relaxed)));
    }
    runtime.stats().check().unwrap();
    let _ = runtime.shutdown(Duration::from_secs(60));
    heap
}

/// A thread's lane ends with its thread-locals, which may be a moment after the thread was joined.
fn wait_for_no_lanes(runtime: &Runtime) -> usize {
    for _ in 0..6000 {
        if runtime.stats().lanes == 0 {
            return 0;
        }
        thread::sleep(Duration::from_millis(5));
    }
    runtime.stats().lanes
}

/// The memory of this process that is in RAM, where the system tells.
fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    text.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4096)
}

/// Bytes and blocks on the heap after each round of handlers that a logger gets and loses.
fn changes() -> Vec<(u64, u64)> {
    let path = std::env::temp_dir().join(format!("sawmill-churn-{}.log", std::process::id()));
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("count", HandlerRef::new(Count(Arc::default())))
        .build()
        .unwrap();
    let logger = runtime.get_logger("churn.changes");
    let mut heap = Vec::new();
    for _ in 0..ROUNDS {
        for n in 0..200 {
            let file = HandlerRef::new(sawmill::FileHandler::new(&path).unwrap());
            logger.add_handler(file.clone()).unwrap();
            runtime.set_levels(if n % 2 == 0 { "churn.x=debug" } else { "churn.x=info" }).unwrap();
            log!(logger: logger, Level::INFO, "{n}");
            logger.remove_handler(&file);
        }
        assert!(runtime.flush(Duration::from_secs(60)).is_complete());
        heap.push((BYTES.load(Ordering::Relaxed), BLOCKS.load(Ordering::Relaxed)));
    }
    let _ = runtime.shutdown(Duration::from_secs(60));
    let _ = std::fs::remove_file(path);
    heap
}
