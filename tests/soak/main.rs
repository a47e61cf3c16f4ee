//! A runtime under everything at once, for as long as one likes: what it holds at the end is what
//! it held after warming up.
//!
//! ```sh
//! cargo test --release --features gzip --test soak -- --seconds 600
//! ```
//!
//! Threads come, log and go; a file is rotated every few seconds and the archives are compressed
//! and removed; levels and handlers are changed; a console behind a pipe is not read for seconds.
//! After a tenth of the time and at the end everybody rests, and memory, descriptors and threads
//! are compared. Then the books must balance.
//!
//! `--lane-bytes N` has rings of another size, `--lane-bytes default` those of a runtime that is told
//! nothing, for which there are 32 MiB in all. Rings of ended threads are kept for others, so that
//! memory rises for as long as there are more threads at once than ever before, then no more: in a
//! run with `--seconds 60 --lane-bytes default` the heap from 13 to 16 MiB and what is resident from
//! 21 to 24 MiB within 20 s; 40 s and 4 million records later both were where they had been.
// Whoever counts the heap is an allocator.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

use sawmill::{
    Compress, FileHandler, Formatter, HandlerRef, Keep, Level, Logger, Naming, Overflow, Rotate,
    Runtime, StreamHandler, debug, info, warning,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// Threads that log as long as the program runs, and those that come and go.
const STEADY: usize = 2;
const SHORT: usize = 4;
/// Records of a short thread.
const OF_SHORT: u64 = 300;
/// A lane's ring, if nothing is said: rings of ended threads are kept for others, as many as were ever live at once.
const LANE_BYTES: usize = 64 << 10;
/// What may be more on the heap at the end: such rings.
const HEAP_SLACK_KIB: u64 = 4 << 10;
/// What may be more in RAM: the heap's own arenas, of which each new thread may open one.
const RESIDENT_SLACK_KIB: u64 = 32 << 10;

/// Bytes allocated and not freed.
static BYTES: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator unchanged; counting does nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(old, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What everybody looks at.
#[derive(Default)]
struct Signs {
    rest: AtomicBool,
    ends: AtomicBool,
    /// Who is at work, and has to come to rest.
    busy: AtomicU64,
    attempted: AtomicU64,
    threads: AtomicU64,
    changes: AtomicU64,
}

impl Signs {
    /// Works until told to rest, and again until told to end.
    fn work(&self, mut step: impl FnMut()) {
        while !self.ends.load(Ordering::SeqCst) {
            if self.rest.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_millis(1));
                continue;
            }
            self.busy.fetch_add(1, Ordering::SeqCst);
            if !self.rest.load(Ordering::SeqCst) {
                step();
            }
            self.busy.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// What the process holds.
#[derive(Debug, Clone, Copy)]
struct Holds {
    resident_kib: u64,
    heap_kib: u64,
    descriptors: usize,
    threads: usize,
}

impl Holds {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").expect("the system tells");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let resident = resident.and_then(|text| text.split_whitespace().next());
        let count = |path: &str| fs::read_dir(path).expect("the system tells").count();
        Self {
            resident_kib: resident.and_then(|text| text.parse().ok()).expect("a number"),
            heap_kib: BYTES.load(Ordering::Relaxed) >> 10,
            descriptors: count("/proc/self/fd"),
            threads: count("/proc/self/task"),
        }
    }
}

fn main() {
    let mut seconds = 3.0_f64;
    let mut lane_bytes = Some(LANE_BYTES);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        if argument == "--seconds" {
            seconds = arguments.next().and_then(|text| text.parse().ok()).expect("seconds");
        }
        if argument == "--lane-bytes" {
            let text = arguments.next().expect("bytes");
            lane_bytes = (text != "default").then(|| text.parse().expect("bytes"));
        }
    }
    let folder = env::temp_dir().join(format!("sawmill-soak-{}", process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let good = soak(Duration::from_secs_f64(seconds), lane_bytes, &folder);
    let _ = fs::remove_dir_all(&folder);
    println!("test result: {}", if good { "ok" } else { "FAILED" });
    if !good {
        process::exit(101);
    }
}

fn soak(time: Duration, lane_bytes: Option<usize>, folder: &Path) -> bool {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let line = || Formatter::new("%(asctime)s %(levelname)s %(lane)d %(sequence)d %(message)s");
    let file = FileHandler::builder(folder.join("app.log"))
        .rotate(Rotate::size(8 << 20))
        .naming(Naming::Rising)
        .compress(Compress::Gzip)
        .keep(Keep::files(4))
        .build()
        .expect("a log file");
    let console = StreamHandler::new(OwnedFd::from(writer)).with_queue_bytes(256 << 10);
    let mut builder = Runtime::builder();
    if let Some(bytes) = lane_bytes {
        builder = builder.lane_bytes(bytes);
    }
    let runtime = builder
        .level(Level::INFO)
        .handler("file", HandlerRef::new(file).with_formatter(line().expect("a pattern")))
        .handler("console", HandlerRef::new(console).with_formatter(line().expect("a pattern")))
        .overflow(Overflow::block())
        .build()
        .expect("a runtime");
    let signs = Arc::new(Signs::default());
    let logger = runtime.get_logger("soak");
    let mut threads = Vec::new();
    for number in 0..STEADY {
        let (logger, signs) = (logger.clone(), signs.clone());
        threads.push(thread::spawn(move || steady(number, &logger, &signs)));
    }
    let (runtime_, logger_, signs_) = (runtime.clone(), logger.clone(), signs.clone());
    threads.push(thread::spawn(move || churn(&runtime_, &logger_, &signs_)));
    let (runtime_, signs_, folder_) = (runtime.clone(), signs.clone(), folder.to_owned());
    threads.push(thread::spawn(move || reconfigure(&runtime_, &signs_, &folder_)));
    let signs_ = signs.clone();
    let reading = thread::spawn(move || read_now_and_then(reader, &signs_));

    let begin = Instant::now();
    let warm = measure(&signs, &runtime, begin, time / 10);
    println!("after {:?}: {warm:?}", begin.elapsed());
    let mut most = warm.resident_kib;
    let step = Duration::from_secs(60).min(time / 6);
    let mut next = step;
    while begin.elapsed() < time {
        thread::sleep(Duration::from_millis(100));
        let now = Holds::now();
        most = most.max(now.resident_kib);
        if begin.elapsed() >= next {
            println!("after {:?}: {now:?}", begin.elapsed());
            next += step;
        }
    }
    let end = measure(&signs, &runtime, begin, time);
    println!("after {:?}: {end:?}, at most {most} KiB", begin.elapsed());
    signs.ends.store(true, Ordering::SeqCst);
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    let report = runtime.shutdown(Duration::from_secs(60));
    let stats = runtime.stats();
    let attempted = signs.attempted.load(Ordering::SeqCst);
    println!(
        "{attempted} records of {} threads, {} changes of levels and handlers",
        signs.threads.load(Ordering::SeqCst),
        signs.changes.load(Ordering::SeqCst)
    );
    println!("{stats}");
    drop((logger, runtime));
    let read = reading.join().expect("no panic");
    let archives = fs::read_dir(folder).map_or(0, |files| files.count());

    let mut good = true;
    let mut hold = |what: &str, holds: bool| {
        if !holds {
            println!("NOT SO: {what}");
            good = false;
        }
    };
    hold("everything was written", report.is_complete());
    hold("the books balance", stats.check().is_ok());
    hold("every call is in the books", stats.attempted == attempted);
    hold("nobody waited in vain", stats.dropped == 0 && stats.in_flight == 0);
    let file = stats.handler("file").copied().unwrap_or_default();
    hold("the file got everything", file.delivered == attempted && file.offered == attempted);
    let console = stats.handler("console").copied().unwrap_or_default();
    hold("the console's reader got what was delivered", read == console.delivered);
    hold("archives are removed", archives <= 4 + 2);
    hold("the heap is flat", end.heap_kib <= warm.heap_kib + HEAP_SLACK_KIB);
    hold("memory is flat", end.resident_kib <= warm.resident_kib + RESIDENT_SLACK_KIB);
    hold("descriptors are flat", end.descriptors <= warm.descriptors);
    hold("threads are flat", end.threads <= warm.threads);
    good
}

/// Waits until `time`, has everybody rest, and looks at what the process holds.
fn measure(signs: &Signs, runtime: &Runtime, begin: Instant, time: Duration) -> Holds {
    thread::sleep(time.saturating_sub(begin.elapsed()));
    signs.rest.store(true, Ordering::SeqCst);
    while signs.busy.load(Ordering::SeqCst) != 0 {
        thread::sleep(Duration::from_millis(1));
    }
    drop(runtime.flush(Duration::from_secs(60)));
    // The thread that compresses ends when there is nothing left for it.
    let until = Instant::now() + Duration::from_secs(30);
    while archives_are_worked_on() && Instant::now() < until {
        thread::sleep(Duration::from_millis(50));
    }
    let holds = Holds::now();
    signs.rest.store(false, Ordering::SeqCst);
    holds
}

fn archives_are_worked_on() -> bool {
    let threads = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let name = |path: PathBuf| fs::read_to_string(path.join("comm")).unwrap_or_default();
    threads.map(|thread| name(thread.path())).any(|name| name.starts_with("sawmill-archive"))
}

fn steady(number: usize, logger: &Logger, signs: &Signs) {
    let mut n = 0_u64;
    signs.work(|| {
        for _ in 0..50 {
            n += 1;
            info!(logger: logger, "steady {number} record {n} of {}", n * 7);
            debug!(logger: logger, "now and then");
        }
        signs.attempted.fetch_add(50, Ordering::Relaxed);
        thread::sleep(Duration::from_millis(2));
    });
}

fn churn(runtime: &Runtime, logger: &Logger, signs: &Signs) {
    signs.work(|| {
        let short: Vec<_> = (0..SHORT)
            .map(|number| {
                let logger = logger.clone();
                thread::spawn(move || {
                    for n in 0..OF_SHORT {
                        if n % 100 == 0 {
                            warning!(logger: logger, "short {number} record {n}");
                        } else {
                            info!(logger: logger, "short {number} record {n}");
                        }
                    }
                })
            })
            .collect();
        signs.attempted.fetch_add(SHORT as u64 * OF_SHORT, Ordering::Relaxed);
        signs.threads.fetch_add(SHORT as u64, Ordering::Relaxed);
        short.into_iter().for_each(|thread| thread.join().expect("no panic"));
        // A ring is given to others when the drain is done with it.
        while runtime.stats().lanes > STEADY + 2 * SHORT {
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(10));
    });
}

/// Changes levels of loggers that nobody logs to, and gives a logger a file and takes it away.
fn reconfigure(runtime: &Runtime, signs: &Signs, folder: &Path) {
    let other = runtime.get_logger("soak.other");
    signs.work(|| {
        let n = signs.changes.fetch_add(1, Ordering::Relaxed);
        let level = if n.is_multiple_of(2) { "soak.other=warning" } else { "soak.other=debug" };
        runtime.set_levels(level).expect("levels");
        let file = FileHandler::new(folder.join("other.log")).expect("a file");
        let file = HandlerRef::new(file);
        other.add_handler(file.clone()).expect("a handler");
        warning!(logger: other, "change {n}");
        signs.attempted.fetch_add(1, Ordering::Relaxed);
        other.remove_handler(&file);
        drop(file);
        if n % 64 == 63 {
            // It is not rotated.
            let _ = fs::remove_file(folder.join("other.log"));
        }
        thread::sleep(Duration::from_millis(20));
    });
}

/// Reads the console's pipe for a second, and then not for one. Returns how many lines there were
/// but for those that tell of dropped ones.
fn read_now_and_then(mut reader: PipeReader, signs: &Signs) -> u64 {
    let mut lines = 0;
    let mut text = Vec::new();
    let mut bytes = vec![0; 64 << 10];
    let begin = Instant::now();
    loop {
        let stalls = begin.elapsed().as_secs() % 2 == 1;
        let rests = signs.rest.load(Ordering::SeqCst) || signs.ends.load(Ordering::SeqCst);
        if stalls && !rests {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        match reader.read(&mut bytes) {
            Ok(0) | Err(_) => return lines,
            Ok(n) => text.extend_from_slice(&bytes[..n]),
        }
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let is_told = |line: &[u8]| line.windows(7).any(|word| word == b"dropped");
        let all = text[..whole].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        lines += all.filter(|line| !is_told(line)).count() as u64;
        text.drain(..whole);
    }
}
