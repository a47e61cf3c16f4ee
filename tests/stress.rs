//! Many threads, much churn: nothing is lost that is not reported lost, and each thread's records
//! stay in order.
//!
//! Longer runs: `SAWMILL_BURSTS=200 cargo test --release --test stress`.

use sawmill::{
    Context, Error, Format, Handler, HandlerRef, Level, LogRecord, Logger, Overflow, Patience,
    RotatingFileHandler, Runtime, Value, Wait, info, log,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LEVELS: [Level; 5] =
    [Level::DEBUG, Level::INFO, Level::WARNING, Level::ERROR, Level::CRITICAL];
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder of its own for a test, removed at the end of a good one.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("sawmill-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// `thread level message` for a record, `thread lost level=count ..` for a gap.
struct Plain;

impl Format for Plain {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend(record.thread_name().as_bytes());
        if let Some(Value::Map(lost)) = record.field("lost_by_level") {
            out.extend(b" lost");
            for (level, count) in lost.iter() {
                out.extend(format!(" {level}={count}").bytes());
            }
            return Ok(());
        }
        out.extend(format!(" {} ", record.level().as_i32()).bytes());
        record.write_message(out)
    }
}

/// Counts what it gets.
struct Count(Arc<AtomicU64>);

impl Handler for Count {
    fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// What the files say of one thread.
#[derive(Debug, Default)]
struct Found {
    last: Option<u64>,
    records: BTreeMap<i32, u64>,
    lost: BTreeMap<i32, u64>,
}

/// Reads `app.log` and its backups, oldest first, and holds that each thread's records are in
/// order. Returns what was found and the number of files.
fn read_back(folder: &Path) -> (BTreeMap<String, Found>, usize) {
    let mut files: Vec<(u32, PathBuf)> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.extension().unwrap().to_str().unwrap().parse().unwrap_or(0), path))
        .collect();
    files.sort_by_key(|(age, _)| std::cmp::Reverse(*age));
    let mut found = BTreeMap::<String, Found>::new();
    for (_, path) in &files {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.ends_with('\n'), "{} ends within a line", path.display());
        for line in text.lines() {
            read_line(line, &mut found);
        }
    }
    (found, files.len())
}

fn read_line(line: &str, found: &mut BTreeMap<String, Found>) {
    let mut words = line.split(' ');
    let thread = words.next().unwrap();
    if !found.contains_key(thread) {
        found.insert(thread.to_owned(), Found::default());
    }
    let of = found.get_mut(thread).unwrap();
    let second = words.next().unwrap();
    if second == "lost" {
        for word in words {
            let (level, count) = word.split_once('=').unwrap();
            let level: Level = level.parse().unwrap();
            *of.lost.entry(level.as_i32()).or_default() += count.parse::<u64>().unwrap();
        }
        return;
    }
    let sequence: u64 = words.next().unwrap().parse().unwrap();
    assert!(of.last < Some(sequence), "{thread}: {sequence} after {:?}", of.last);
    of.last = Some(sequence);
    *of.records.entry(second.parse().unwrap()).or_default() += 1;
}

/// 64 threads log a million records through rotation while levels change and a handler comes and
/// goes. Returns what the files say.
///
/// Each thread rests for `rest` after every hundred records.
fn storm(
    name: &str,
    overflow: Overflow,
    lane_bytes: usize,
    file_bytes: u64,
    rest: Duration,
) -> (BTreeMap<String, Found>, u64) {
    const THREADS: u64 = 64;
    const EACH: u64 = 15_625;
    let folder = Folder::new(name);
    let file = RotatingFileHandler::builder(folder.0.join("app.log"))
        .max_bytes(file_bytes)
        .backup_count(1000)
        .build()
        .unwrap();
    let runtime = Runtime::builder()
        .level(Level::TRACE)
        .handler("file", HandlerRef::new(file).with_formatter(Plain))
        .overflow(overflow)
        .lane_bytes(lane_bytes)
        .build()
        .unwrap();
    let logger = runtime.get_logger("storm.threads");
    let stop = Arc::new(AtomicBool::new(false));
    let (changes, counted) = change(&runtime, stop.clone());
    let workers: Vec<_> = (0..THREADS)
        .map(|number| {
            let logger = logger.clone();
            let work = move || {
                for sequence in 0..EACH {
                    let level = LEVELS[(sequence % 5) as usize];
                    log!(logger: logger, level, "{sequence} {}", "x".repeat(16));
                    if sequence % 100 == 99 && !rest.is_zero() {
                        thread::sleep(rest);
                    }
                }
            };
            thread::Builder::new().name(format!("w{number}")).spawn(work).unwrap()
        })
        .collect();
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    stop.store(true, Ordering::Relaxed);
    let rounds = changes.join().unwrap();
    assert!(rounds >= 3, "only {rounds} rounds of changes");
    let report = runtime.flush(PATIENCE);
    assert!(report.is_complete(), "{report}");
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!(stats.attempted, THREADS * EACH, "{stats}");
    assert_eq!(stats.in_flight, 0, "{stats}");
    assert!(counted.load(Ordering::Relaxed) > 0, "the handler that came and went got nothing");
    let report = runtime.shutdown(PATIENCE);
    assert!(report.is_complete(), "{report}");

    let (found, files) = read_back(&folder.0);
    assert!(files > 3, "only {files} files");
    for number in 0..THREADS {
        let of = &found[&format!("w{number}")];
        for level in LEVELS.map(Level::as_i32) {
            let records = of.records.get(&level).copied().unwrap_or(0);
            let lost = of.lost.get(&level).copied().unwrap_or(0);
            assert_eq!(records + lost, EACH / 5, "w{number}, level {level}: {of:?}");
        }
    }
    let lost = found.values().flat_map(|of| of.lost.values()).sum();
    assert_eq!(stats.dropped, lost, "{stats}");
    (found, lost)
}

/// Changes levels, and adds and removes a handler, until told to stop. Returns the rounds done.
fn change(runtime: &Runtime, stop: Arc<AtomicBool>) -> (thread::JoinHandle<u64>, Arc<AtomicU64>) {
    let counted = Arc::new(AtomicU64::new(0));
    let (runtime, count) = (runtime.clone(), counted.clone());
    let work = move || {
        let logger = runtime.get_logger("storm");
        let mut rounds = 0;
        while !stop.load(Ordering::Relaxed) {
            let handler = HandlerRef::new(Count(count.clone()));
            logger.add_handler(handler.clone()).unwrap();
            logger.set_level(Level::DEBUG);
            runtime.get_logger(&format!("storm.other{}", rounds % 8)).set_level(Level::ERROR);
            thread::sleep(Duration::from_millis(3));
            logger.set_level(Level::TRACE);
            logger.remove_handler(&handler);
            thread::sleep(Duration::from_millis(1));
            rounds += 1;
        }
        rounds
    };
    (thread::spawn(work), counted)
}

#[test]
fn a_million_records_of_64_threads_arrive_when_calls_wait() {
    let (_, lost) = storm("blocking", Overflow::block(), 64 << 10, 2 << 20, Duration::ZERO);
    assert_eq!(lost, 0);
}

#[test]
fn every_record_dropped_under_load_is_told_by_thread_and_level() {
    let (_, lost) =
        storm("dropping", Overflow::drop(), 8 << 10, 64 << 10, Duration::from_millis(10));
    assert!(lost > 0, "nothing was dropped, so the test shows nothing");
    println!("{lost} of a million records were dropped and told");
}

#[test]
fn bursts_after_silence_are_whole_under_the_default_policy() {
    let bursts: u32 = std::env::var("SAWMILL_BURSTS").map_or(5, |n| n.parse().unwrap());
    let count = Arc::new(AtomicU64::new(0));
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("count", HandlerRef::new(Count(count.clone())))
        .build()
        .unwrap();
    let logger = runtime.get_logger("burst");
    let mut attempted = 0;
    let mut worst = Duration::ZERO;
    for _ in 0..bursts {
        for size in [30_000_u64, 100_000] {
            thread::sleep(Duration::from_millis(10));
            worst = worst.max(burst(&logger, size));
            attempted += size;
            assert!(runtime.flush(PATIENCE).is_complete());
        }
    }
    let stats = runtime.stats();
    stats.check().unwrap();
    println!("{attempted} calls, {} dropped, worst call {worst:?}", stats.dropped);
    assert_eq!(stats.attempted, attempted);
    assert_eq!(count.load(Ordering::Relaxed), stats.published + stats.gaps);
    // An unoptimised drain takes longer for a ring than calls may wait.
    if !cfg!(debug_assertions) {
        assert_eq!(stats.dropped, 0, "{stats}");
        assert!(worst < Duration::from_millis(11), "worst call {worst:?}");
    }
    let _ = runtime.shutdown(PATIENCE);
}

/// Logs at full speed; returns the worst call's time.
fn burst(logger: &Logger, size: u64) -> Duration {
    let mut worst = Duration::ZERO;
    for n in 0..size {
        let begin = Instant::now();
        log!(logger: logger, Level::INFO, "request {n} took {} us at {}", n * 3, 0.5);
        worst = worst.max(begin.elapsed());
    }
    worst
}

#[test]
fn a_stall_costs_each_lane_its_budget_once() {
    struct Stuck(Arc<AtomicBool>);
    impl Handler for Stuck {
        fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
            while self.0.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            Ok(())
        }
    }
    let stuck = Arc::new(AtomicBool::new(true));
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("stuck", HandlerRef::new(Stuck(stuck.clone())))
        .overflow(Overflow::all(Patience::Wait(Duration::from_millis(20))))
        .lane_bytes(16 << 10)
        .build()
        .unwrap();
    let logger = runtime.get_logger("stall");
    let begin = Instant::now();
    for n in 0..10_000 {
        log!(logger: logger, Level::INFO, "{n}");
    }
    let took = begin.elapsed();
    stuck.store(false, Ordering::Relaxed);
    assert!(runtime.flush(PATIENCE).is_complete());
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!(stats.attempted, 10_000);
    assert!(stats.dropped > 5_000, "{stats}");
    assert!(took < Duration::from_secs(1), "the calls waited for {took:?} in all");
    assert!(took >= Duration::from_millis(20), "no call waited: {took:?}");
    let _ = runtime.shutdown(PATIENCE);
}

#[test]
fn a_shutdown_among_threads_that_log_leaves_nothing_in_flight() {
    for round in 0..20 {
        let count = Arc::new(AtomicU64::new(0));
        let overflow = if round % 2 == 0 { Overflow::block() } else { Overflow::default() };
        let runtime = Runtime::builder()
            .level(Level::INFO)
            .handler("count", HandlerRef::new(Count(count.clone())))
            .overflow(overflow)
            .lane_bytes(16 << 10)
            .build()
            .unwrap();
        let logger = runtime.get_logger("end");
        let stop = AtomicBool::new(false);
        let calls = AtomicU64::new(0);
        thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| {
                    let mut n = 0;
                    while !stop.load(Ordering::Relaxed) {
                        log!(logger: logger, Level::INFO, "{n}");
                        n += 1;
                    }
                    calls.fetch_add(n, Ordering::Relaxed);
                });
            }
            thread::sleep(Duration::from_millis(10));
            let report = runtime.shutdown(PATIENCE);
            thread::sleep(Duration::from_millis(2));
            stop.store(true, Ordering::Relaxed);
            assert!(report.is_complete(), "{report}");
        });
        let stats = runtime.stats();
        stats.check().unwrap();
        assert_eq!(stats.in_flight, 0, "round {round}: {stats}");
        assert_eq!(count.load(Ordering::Relaxed), stats.published + stats.gaps, "{stats}");
        assert_eq!(stats.attempted + stats.after_end, calls.load(Ordering::Relaxed), "{stats}");
    }
}

#[test]
fn a_flush_ends_whole_although_others_never_stop_logging() {
    let count = Arc::new(AtomicU64::new(0));
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("count", HandlerRef::new(Count(count.clone())))
        .build()
        .unwrap();
    let logger = runtime.get_logger("flush");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    log!(logger: logger, Level::INFO, "on and on");
                }
            });
        }
        let flushes: Vec<_> = (0..20)
            .map(|_| {
                let published = runtime.stats().published;
                (published, runtime.flush(PATIENCE), count.load(Ordering::Relaxed))
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        for (published, report, delivered) in flushes {
            assert!(report.is_complete(), "{report}");
            // A record is counted just before it is published: one in each call under way.
            assert!(delivered + 2 >= published, "{delivered} of {published}");
        }
    });
    let _ = runtime.shutdown(PATIENCE);
}

/// Counts records by the number that their loggers' names end with.
struct CountEach(Arc<[AtomicU64; PARKING]>);

impl Handler for CountEach {
    fn emit(&mut self, record: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        let thread = record.logger().rsplit('.').next().and_then(|it| it.parse::<usize>().ok());
        self.0[thread.unwrap()].fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

const PARKING: usize = 3;

/// Records come alone, or two behind each other, while the drain is about to sleep, sleeps, or wakes:
/// one that woke nobody would wait for the timer of a second.
#[test]
fn a_drain_that_parks_is_woken_for_every_record() {
    const ROUNDS: u64 = 2_000;
    const LATE: Duration = Duration::from_millis(900);
    let seen = Arc::new([const { AtomicU64::new(0) }; PARKING]);
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .wait(Wait::Park)
        .handler("count", CountEach(seen.clone()))
        .build()
        .unwrap();
    let late: u64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PARKING)
            .map(|thread| {
                let (seen, log) = (&seen[thread], runtime.get_logger(&format!("parking.{thread}")));
                scope.spawn(move || {
                    let (mut late, mut logged) = (0, 0);
                    for round in 0..ROUNDS {
                        for _ in 0..=round % 2 {
                            info!(logger: log, "round {round}");
                            logged += 1;
                        }
                        let begun = Instant::now();
                        while seen.load(Ordering::Relaxed) < logged {
                            std::thread::yield_now();
                        }
                        late += u64::from(begun.elapsed() > LATE);
                        let pause = Duration::from_micros(round * 7919 % 97);
                        let begun = Instant::now();
                        while begun.elapsed() < pause {
                            std::hint::spin_loop();
                        }
                    }
                    late
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(late, 0, "records that waited for the timer");
    assert!(runtime.shutdown(PATIENCE).is_complete());
    runtime.stats().check().unwrap();
}
