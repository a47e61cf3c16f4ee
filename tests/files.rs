//! File handlers in a runtime: what a reader of the files finds.

#[path = "shared/dir.rs"]
mod dir;
#[cfg(target_os = "linux")]
#[path = "shared/mount.rs"]
mod mount;

use dir::Dir;
use sawmill::{
    ClockSource, Drain, FileHandler, Format, Formatter, FormatterRef, HandlerExt, HandlerRef,
    JsonFormatter, Level, ManualClock, MmapRotatingFileHandler, Overflow, Rotate,
    RotatingFileHandler, Runtime, TimedRotatingFileHandler, WatchedFileHandler, When, error, info,
};
use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

impl Dir {
    /// The lines of all files whose names begin so.
    fn lines(&self, prefix: &str) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in std::fs::read_dir(&self.0).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_str().unwrap().starts_with(prefix) {
                let text = std::fs::read_to_string(entry.path()).unwrap();
                assert!(!text.contains('\0'), "{entry:?}");
                lines.extend(text.lines().map(str::to_owned));
            }
        }
        lines
    }
}

fn lossless(drain: Drain, handler: impl Into<HandlerRef>) -> (Runtime, HandlerRef) {
    let handler = handler.into();
    // Lines that hold nothing but the message.
    handler.set_formatter(Some(Formatter::new("%(message)s").unwrap().into()));
    let builder = Runtime::builder().level(Level::INFO).drain(drain).overflow(Overflow::block());
    (builder.handler("file", handler.clone()).build().unwrap(), handler)
}

/// Each thread's numbers, in the order of the lines; `thread number` each.
fn by_thread(lines: impl IntoIterator<Item = String>) -> HashMap<u32, Vec<u64>> {
    let mut found: HashMap<u32, Vec<u64>> = HashMap::new();
    for line in lines {
        let (thread, number) = line.split_once(' ').unwrap_or_else(|| panic!("line {line:?}"));
        found.entry(thread.parse().unwrap()).or_default().push(number.parse().unwrap());
    }
    found
}

/// Follows a name as `tail -F` does, until `done` and nothing more comes.
fn follow(path: &Path, done: &AtomicBool) -> Vec<u8> {
    let mut seen = Vec::new();
    let mut file = std::fs::File::open(path).unwrap();
    loop {
        let last = done.load(Ordering::Acquire);
        let moved = std::fs::File::open(path).ok().filter(|there| !is_same(there, &file));
        let got = file.read_to_end(&mut seen).unwrap();
        match moved {
            Some(next) => file = next,
            None if last && got == 0 => return seen,
            None => std::thread::yield_now(),
        }
    }
}

#[cfg(unix)]
fn is_same(one: &std::fs::File, other: &std::fs::File) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.metadata().unwrap().ino() == other.metadata().unwrap().ino()
}
#[cfg(not(unix))]
fn is_same(_: &std::fs::File, _: &std::fs::File) -> bool {
    true
}

#[test]
fn a_follower_sees_every_line_once_and_in_order_in_plain_and_rotating_files() {
    const LINES: u64 = 200_000;
    for rotating in [false, true] {
        let dir = Dir::new();
        let path = dir.join("app.log");
        let handler: HandlerRef = match rotating {
            false => FileHandler::new(&path).unwrap().into(),
            true => RotatingFileHandler::new(&path, 400_000, 20).unwrap().into(),
        };
        let (runtime, _) = lossless(Drain::Thread, handler);
        let done = AtomicBool::new(false);
        let seen = std::thread::scope(|scope| {
            let reader = scope.spawn(|| follow(&path, &done));
            let log = runtime.get_logger("app");
            for n in 0..LINES {
                info!(logger: log, "0 {n}");
                // A follower has to get from one file to the next before that one moves, too.
                if n % 25_000 == 24_999 {
                    std::thread::sleep(Duration::from_millis(200));
                }
            }
            assert!(runtime.shutdown(LONG).is_complete());
            done.store(true, Ordering::Release);
            reader.join().unwrap()
        });
        let seen = String::from_utf8(seen).unwrap();
        assert!(!seen.contains('\0'));
        let found = by_thread(seen.lines().map(str::to_owned));
        assert!(found[&0].iter().copied().eq(0..LINES), "rotating: {rotating}");
        let files = std::fs::read_dir(&dir.0).unwrap().count();
        assert_eq!(files > 3, rotating);
    }
}

#[test]
fn many_threads_find_each_line_once_in_order_whatever_the_handler() {
    const THREADS: u32 = 8;
    const LINES: u64 = 2000;
    let midnight = |path| TimedRotatingFileHandler::new(path, When::Midnight, 3);
    let mapped = |path| MmapRotatingFileHandler::builder(path).max_bytes(100_000).build();
    for drain in [Drain::Thread, Drain::Inline] {
        let dir = Dir::new();
        let handlers: Vec<HandlerRef> = vec![
            FileHandler::new(dir.join("plain")).unwrap().into(),
            RotatingFileHandler::new(dir.join("rotating"), 50_000, 30).unwrap().into(),
            midnight(dir.join("timed")).unwrap().into(),
            WatchedFileHandler::new(dir.join("watched")).unwrap().into(),
            mapped(dir.join("mapped")).unwrap().into(),
            // A second handler on the first one's path.
            FileHandler::new(dir.join("plain")).unwrap().into(),
        ];
        let overflow = Overflow::block();
        let mut builder = Runtime::builder().level(Level::INFO).drain(drain).overflow(overflow);
        for (at, handler) in handlers.iter().enumerate() {
            handler.set_formatter(Some(Formatter::new("%(message)s").unwrap().into()));
            builder = builder.handler(&format!("h{at}"), handler.clone());
        }
        let runtime = builder.build().unwrap();
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let log = runtime.get_logger("many");
                scope.spawn(move || (0..LINES).for_each(|n| info!(logger: log, "{thread} {n}")));
            }
        });
        let report = runtime.shutdown(LONG);
        assert!(report.is_complete() && report.lost() == 0, "{report}");
        runtime.stats().check().unwrap();
        for (at, handler) in handlers.iter().enumerate() {
            let stats = handler.stats();
            let all = u64::from(THREADS) * LINES;
            assert_eq!((stats.delivered, stats.held, stats.failed), (all, 0, 0), "{at}: {stats:?}");
        }
        for name in ["rotating", "timed", "watched", "mapped", "plain"] {
            let lines = dir.lines(name);
            let times = if name == "plain" { 2 } else { 1 };
            assert_eq!(lines.len() as u64, times * u64::from(THREADS) * LINES, "{name}");
            let mut found = by_thread(lines);
            for (thread, numbers) in &mut found {
                // Files come in no order of age, and the plain one was written by two.
                if name != "timed" && name != "watched" {
                    numbers.sort_unstable();
                    numbers.dedup();
                }
                assert!(numbers.iter().copied().eq(0..LINES), "{name}, thread {thread}");
            }
        }
    }
}

/// Logs what runs of lines are made of, and what ends them, all of it delivered at once.
fn log_every_kind(builder: sawmill::RuntimeBuilder) -> Runtime {
    let clock = ManualClock::new(1_763_619_123_999_000_000);
    let builder = builder.level(Level::INFO).drain(Drain::Inline).lane_bytes(4 << 20);
    let runtime = builder.clock(ClockSource::Manual(clock.clone())).build().unwrap();
    runtime.scope(|| {
        runtime.pause(LONG).unwrap();
        for n in 0..4_000u64 {
            clock.advance(Duration::from_nanos(n % 4 * 450));
            match n % 50 {
                7 => info!("two\nlines, {}", "a\ttab"),
                19 => info!(user = n; "a field"),
                23 => error!("another level"),
                31 => info!("{}", "long ".repeat(n as usize)),
                37..45 => info!("another site, {}", n as i32 - 2_000),
                _ => info!("int {n}, {}, double {}", n << (n % 50), n as f64 * 0.125),
            }
        }
        runtime.resume().unwrap();
        assert!(runtime.deliver(LONG).is_complete());
    });
    runtime
}

#[test]
fn lines_made_in_runs_are_those_that_the_formatter_makes() {
    runs_are_as(Formatter::default_line);
    runs_are_as(JsonFormatter::new);
}

fn runs_are_as<F: Format + 'static>(format: fn() -> F) {
    let formatter = || FormatterRef::new(format());
    let format = format();
    let captured = log_every_kind(Runtime::builder().capture());
    let mut expected = Vec::new();
    for record in captured.records() {
        format.format(&record.view(), &mut expected).unwrap();
        expected.push(b'\n');
    }
    let expected = String::from_utf8(expected).unwrap();
    for limit in [u64::MAX, 100_000] {
        let dir = Dir::new();
        let file = FileHandler::builder(dir.join("runs.log")).rotate(Rotate::size(limit));
        let handler = file.build().unwrap().with_formatter(formatter());
        let runtime = log_every_kind(Runtime::builder().handler("file", handler));
        assert!(runtime.shutdown(LONG).is_complete());
        let mut found = 0;
        for entry in std::fs::read_dir(&dir.0).unwrap() {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            assert!(text.len() as u64 <= limit && expected.contains(&text));
            found += text.len();
        }
        assert_eq!(found, expected.len());
    }
}

#[test]
fn a_handler_in_use_can_be_rolled_over_and_told_its_line_end() {
    let dir = Dir::new();
    let handler = RotatingFileHandler::new(dir.join("app.log"), 0, 3).unwrap();
    let (runtime, handler) = lossless(Drain::Thread, handler);
    let log = runtime.get_logger("app");
    info!(logger: log, "before");
    assert!(runtime.flush(LONG).is_complete());
    let rolled = handler.with(LONG, |handler: &mut RotatingFileHandler| {
        handler.set_terminator("|\n");
        handler.do_rollover()
    });
    rolled.unwrap().unwrap();
    info!(logger: log, "after");
    assert!(runtime.shutdown(LONG).is_complete());
    assert_eq!(std::fs::read_to_string(dir.join("app.log.1")).unwrap(), "before\n");
    assert_eq!(std::fs::read_to_string(dir.join("app.log")).unwrap(), "after|\n");
}

#[test]
fn a_record_is_filed_by_its_own_time() {
    let dir = Dir::new();
    let handler = TimedRotatingFileHandler::builder(dir.join("t.log"))
        .when(When::Minutes)
        .utc(true)
        .now_ns(1_700_000_000_000_000_000)
        .build()
        .unwrap();
    let (runtime, _) = lossless(Drain::Thread, handler);
    let log = runtime.get_logger("t");
    for (second, text) in [(0, "first"), (59, "same minute"), (60, "next"), (300, "last")] {
        let record = sawmill::RecordBuilder::new(Level::INFO);
        log.handle(&record.message(text).created(1_700_000_000.0 + f64::from(second)));
    }
    assert!(runtime.shutdown(LONG).is_complete());
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap();
    assert_eq!(read("t.log.2023-11-14_22-13"), "first\nsame minute\n");
    assert_eq!(read("t.log.2023-11-14_22-14"), "next\n");
    assert_eq!(read("t.log"), "last\n");
}

#[test]
#[cfg(target_os = "linux")]
fn lines_that_met_a_full_disk_arrive_by_themselves_when_there_is_room() {
    let dir = Dir::new();
    let _mounted = match mount::Mount::new(&["-t", "tmpfs", "-o", "size=256k", "none"], &dir.0) {
        Ok(mounted) => mounted,
        Err(why) => return println!("skipped: cannot mount a small disk: {why}"),
    };
    std::fs::write(dir.join("ballast"), vec![1; 200 << 10]).unwrap();
    let failures = std::sync::Arc::new(AtomicU64::new(0));
    let counted = failures.clone();
    let file = HandlerRef::new(FileHandler::new(dir.join("app.log")).unwrap())
        .with_formatter(Formatter::new("%(message)s").unwrap());
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .overflow(Overflow::block())
        .handler("file", file.clone())
        .on_error(move |failure| {
            assert!(failure.error.io_error().is_some(), "{}", failure.error);
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let log = runtime.get_logger("full");
    (0..12_000).for_each(|n| error!(logger: log, "0 {n}"));
    let deadline = Instant::now() + Duration::from_secs(10);
    while failures.load(Ordering::Relaxed) == 0 {
        assert!(Instant::now() < deadline, "the full disk was told");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_file(dir.join("ballast")).unwrap();
    // No flush, no further record.
    while file.stats().held > 0 || file.stats().delivered < 12_000 {
        assert!(Instant::now() < deadline, "{:?}", file.stats());
        std::thread::sleep(Duration::from_millis(20));
    }
    let found = by_thread(dir.lines("app.log"));
    assert!(found[&0].iter().copied().eq(0..12_000));
    assert!(runtime.shutdown(LONG).is_complete());
}

/// Runs itself as the process that is killed.
#[test]
#[cfg(target_os = "linux")]
fn lines_of_a_mapped_file_survive_kill_9() {
    const ROLE: &str = "SAWMILL_TEST_KILLED";
    if let Some(path) = std::env::var_os(ROLE) {
        let handler = MmapRotatingFileHandler::builder(path).max_bytes(500_000).build().unwrap();
        let (runtime, handler) = lossless(Drain::Thread, handler);
        let log = runtime.get_logger("killed");
        (0..30_000).for_each(|n| info!(logger: log, "0 {n}"));
        while handler.stats().delivered < 30_000 {
            std::thread::sleep(Duration::from_millis(1));
        }
        println!("ready");
        loop {
            std::thread::park();
        }
    }
    let dir = Dir::new();
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lines_of_a_mapped_file_survive_kill_9", "--nocapture"])
        .env(ROLE, dir.join("hot.log"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().ends_with("ready")));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(dir.join("hot.log.live").exists());
    // The next start cuts what the killed process left, and the next end gives it its name.
    let (runtime, _) =
        lossless(Drain::Inline, MmapRotatingFileHandler::new(dir.join("hot.log")).unwrap());
    info!(logger: runtime.get_logger("next"), "1 0");
    assert!(runtime.shutdown(LONG).is_complete());
    assert!(!dir.join("hot.log.live").exists());
    let mut found = by_thread(dir.lines("hot.log"));
    found.get_mut(&0).unwrap().sort_unstable();
    assert!(found[&0].iter().copied().eq(0..30_000));
    assert_eq!(found[&1], [0]);
}
