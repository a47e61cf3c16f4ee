//! The process that logs, and the one that cuts its log.

use crate::Task;
use crate::shared::{Shared, THREADS};
use sawmill::{
    Compress, CrashHandling, FileHandler, Formatter, HandlerRef, Level, MmapRotatingFileHandler,
    Naming, Overflow, Rotate, Runtime, info, warning,
};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// Tells the program that it is a child: `task,lanes,what,seed`.
pub(crate) const VARIABLE: &str = "SAWMILL_TROUBLE";
/// How long the cutting process lives, in milliseconds.
pub(crate) const LIFE: &str = "SAWMILL_TROUBLE_LIFE";
/// Where the log lies, and what it is called.
pub(crate) const LOGS: &str = "logs";
pub(crate) const LOG: &str = "app.log";
/// Where archives are moved to, and where copies are made.
pub(crate) const SHIPPED: &str = "shipped";
pub(crate) const COPIES: &str = "copies";
pub(crate) const PATTERN: &str =
    "%(run)d %(process)d %(lane)d %(sequence)d %(name)s %(levelname)s %(message)s";

pub(crate) fn random(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

static ENDS: AtomicBool = AtomicBool::new(false);

extern "C" fn end(_signal: i32) {
    ENDS.store(true, Ordering::Relaxed);
}

pub(crate) fn run() {
    let told = env::var(VARIABLE).expect("told what to do");
    let words: Vec<&str> = told.split(',').collect();
    let [task, lanes, what, seed] = words[..] else { panic!("{told}") };
    let seed: u64 = seed.parse().expect("a seed");
    let task = Task::ALL.iter().find(|(name, _)| *name == task).expect("a known task").1;
    if lanes == "cut" {
        return cut(task, what.parse().expect("a process"), seed);
    }
    let handler: extern "C" fn(i32) = end;
    // SAFETY: the handler stores to an atomic and nothing else.
    unsafe { libc::signal(libc::SIGUSR1, handler as libc::sighandler_t) };
    let runtime = start(task, lanes);
    if what != "log" {
        let report = runtime.shutdown(Duration::from_secs(60));
        assert!(report.is_complete(), "{report}");
        return;
    }
    let shared: &'static Shared =
        Box::leak(Box::new(Shared::open(Path::new("counts")).expect("the counts")));
    for number in 0..THREADS {
        thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || log(number, shared, seed))
            .expect("a thread");
    }
    while (0..THREADS).any(|number| shared.returned(number) == 0) {
        thread::sleep(Duration::from_micros(100));
    }
    shared.set_ready();
    while !ENDS.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(1));
    }
    // Everybody stops, so that nothing comes after the end.
    thread::sleep(Duration::from_millis(20));
    drop(runtime.shutdown(Duration::from_secs(30)));
    process::exit(0);
}

fn start(task: Task, lanes: &str) -> Runtime {
    let path = Path::new(LOGS).join(LOG);
    let handler = match task {
        Task::Full => FileHandler::builder(path)
            .rotate(Rotate::size(200_000))
            .naming(Naming::Rising)
            .compress(Compress::Gzip)
            .build()
            .map(HandlerRef::new),
        Task::CutMapped | Task::CutMappedStopped => {
            MmapRotatingFileHandler::new(path).map(HandlerRef::new)
        }
        Task::Cut | Task::CutStopped => FileHandler::new(path).map(HandlerRef::new),
    };
    let handler = handler.expect("a log file");
    let handler = handler.with_formatter(Formatter::new(PATTERN).expect("a pattern"));
    let folder = env::current_dir().expect("a directory").join("lanes");
    let lanes =
        if lanes == "mapped" { sawmill::Lanes::Mapped(folder) } else { sawmill::Lanes::Heap };
    Runtime::builder()
        .durability(lanes)
        .level(Level::INFO)
        .handler("file", handler)
        .overflow(Overflow::block())
        .crash_handling(CrashHandling::new().panics(false).deadline(Duration::from_secs(30)))
        .init()
        .expect("a runtime")
}

/// Logs in bursts, a megabyte or two a second in all.
fn log(number: usize, shared: &Shared, seed: u64) {
    let filler = "x".repeat(200);
    let mut state = random(seed ^ (number as u64) << 32);
    let mut n = 0_u64;
    while !ENDS.load(Ordering::Relaxed) {
        state = random(state);
        for _ in 0..state % 40 {
            n += 1;
            if n.is_multiple_of(64) {
                warning!("thread {number} record {n} of a warning");
            } else {
                info!("thread {number} record {n} {}", &filler[..(n % 200) as usize]);
            }
            shared.note(number, n);
        }
        thread::sleep(Duration::from_millis(2 + (state >> 16) % 8));
    }
}

/// Copies the log and cuts it, as logrotate's `copytruncate` does.
fn cut(task: Task, stopped: i32, seed: u64) {
    fs::create_dir_all(COPIES).expect("a folder");
    // A mapped file has its name once it is closed.
    let name = if task.is_mapped() { format!("{LOG}.live") } else { LOG.to_owned() };
    let path = Path::new(LOGS).join(name);
    let life: u64 = env::var(LIFE).ok().and_then(|life| life.parse().ok()).expect("a life");
    let until = Instant::now() + Duration::from_millis(life);
    let mut state = seed;
    for number in 1.. {
        state = random(state);
        thread::sleep(Duration::from_millis(10 + state % 90));
        if Instant::now() >= until {
            return;
        }
        let Ok(mut log) = File::options().read(true).write(true).open(&path) else { continue };
        if stopped != 0 {
            stop(stopped);
        }
        let mut text = Vec::new();
        log.rewind().and_then(|()| log.read_to_end(&mut text)).expect("the log");
        if stopped == 0 {
            // A large copy takes its time.
            thread::sleep(Duration::from_micros(state >> 20 & 0x1fff));
        }
        log.set_len(0).expect("cut");
        if stopped != 0 {
            // SAFETY: numbers only.
            unsafe { libc::kill(stopped, libc::SIGCONT) };
        }
        let copy = format!("{COPIES}/{number:04}");
        File::create(copy).and_then(|mut copy| copy.write_all(&text)).expect("a copy");
    }
}

/// Stops a process, and waits until it stands still.
fn stop(process: i32) {
    // SAFETY: numbers only.
    unsafe { libc::kill(process, libc::SIGSTOP) };
    let tasks = format!("/proc/{process}/task");
    let stands = || {
        let threads = fs::read_dir(&tasks).ok()?;
        let mut states = threads.flatten().map(|thread| {
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['T', 'Z', 'X']))
        });
        Some(states.all(|stopped| stopped))
    };
    while stands() == Some(false) {
        thread::sleep(Duration::from_micros(200));
    }
}
