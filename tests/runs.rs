//! Records that a handler gets in runs are those that it gets one by one.

#[path = "shared/dir.rs"]
mod dir;

use dir::Dir;
use sawmill::{
    ClockSource, Drain, Error, FileHandler, FileHandlerBuilder, Filter, FilterRef, Format,
    Formatter, HandlerRef, HandlerStats, JsonFormatter, Level, LogRecord, ManualClock,
    MmapRotatingFileHandler, Naming, NullHandler, Rotate, RotatingFileHandler, Runtime, Scope,
    SyncPolicy, TimedRotatingFileHandler, Value, ValueBuf, Verdict, WatchedFileHandler, When,
    critical, debug, exception, info, log, trace, warning,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const PATTERN: &str = "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d \
    [%(threadName)s] %(sequence)d %(message)s%(fields)s";

/// Lets everything pass, and so has each record looked at.
struct Looking;

impl Filter for Looking {
    fn filter(&mut self, _: &mut LogRecord<'_>) -> Verdict {
        Verdict::Pass
    }
}

/// Fails now and then, and panics now and then, when it has written something already.
struct Moody(Formatter);

impl Format for Moody {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.0.format(record, out)?;
        match record.field("mood") {
            Some(Value::U64(1)) => Err(Error::other("in no mood")),
            Some(Value::U64(2)) => panic!("in a bad mood"),
            _ => Ok(()),
        }
    }
}

/// Logs what comes in runs, and what ends them.
fn log_much(runtime: &Runtime, clock: &ManualClock) {
    let many: Vec<_> = (0..300).map(|n| runtime.get_logger(&format!("many.{n}"))).collect();
    let quiet = runtime.get_logger("quiet");
    runtime.scope(|| {
        for _ in 0..2 {
            runtime.pause(LIMIT).unwrap();
            for n in 0..6_000_u64 {
                clock.advance(Duration::from_micros(n % 3_000));
                info!("number {n} {} {}", n as f64 * 0.1, "text of one length or another");
                match n % 13 {
                    0 => trace!("below the handler's level"),
                    1 => info!("without a value"),
                    2 => info!(logger: many[n as usize % 300], "elsewhere {}", -(n as i32)),
                    3 => info!("changing {:?}", (n % 2 == 0).then_some(n)),
                    4 if n % 100 == 4 => critical!("for two {}", n << (n % 60)),
                    5 if n % 10 == 5 => {
                        let _scope = Scope::new([("n", ValueBuf::of(&n))]).enter();
                        info!("within {n}");
                    }
                    6 if n % 50 == 6 => warning!("long {}", "x".repeat(n as usize)),
                    7 if n % 20 == 7 => info!(logger: quiet, "for one more"),
                    8 => info!(n, mood = u64::from(n % 7 == 1); "keyed"),
                    9 if n % 30 == 9 => warning!(mood = 2_u64; "a panic"),
                    10 => warning!("two lines\n{n}\u{1b}[0m"),
                    11 if n % 40 == 11 => exception!("x".parse::<u8>().unwrap_err(), "failed"),
                    12 if n % 60 == 12 => log!(Level::new(37), "chosen {n}"),
                    _ => debug!("{n:>8} {:.3}", n as f64),
                }
            }
            runtime.resume().unwrap();
            assert!(runtime.deliver(LIMIT).is_complete());
        }
    });
}

type Outcome = (BTreeMap<String, Vec<u8>>, Vec<HandlerStats>);

/// What a file, or several, and the books come to.
fn outcome(
    one_by_one: bool,
    make: &dyn Fn(PathBuf) -> HandlerRef,
    format: impl Format + 'static,
) -> Outcome {
    let dir = Dir::new();
    let clock = ManualClock::new(1_763_619_123_000_000_000);
    let mut handler = make(dir.join("a.log")).with_formatter(format);
    if one_by_one {
        handler = handler.with_filter(FilterRef::new(Looking));
    }
    let runtime = Runtime::builder()
        .drain(Drain::Inline)
        .clock(ClockSource::Manual(clock.clone()))
        .level(Level::TRACE)
        .handler("file", handler.with_level(Level::DEBUG))
        .handler("worst", HandlerRef::new(NullHandler::new()).with_level(Level::CRITICAL))
        .handler_for("quiet", "none", HandlerRef::new(NullHandler::new()))
        .lane_bytes(16 << 20)
        .on_error(|_| {})
        .build()
        .unwrap();
    log_much(&runtime, &clock);
    assert!(runtime.shutdown(LIMIT).is_complete());
    let stats = runtime.stats();
    let books = ["file", "worst", "none"].map(|name| *stats.handler(name).unwrap());
    let files = std::fs::read_dir(&dir.0).unwrap().map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, std::fs::read(path).unwrap())
    });
    (files.collect(), books.to_vec())
}

/// A handler of a file that is built so.
fn file(
    change: impl Fn(FileHandlerBuilder) -> FileHandlerBuilder,
) -> impl Fn(PathBuf) -> HandlerRef {
    move |path| HandlerRef::new(change(FileHandler::builder(path)).build().unwrap())
}

fn compare<F: Format + 'static>(
    what: &str,
    make: impl Fn(PathBuf) -> HandlerRef,
    format: impl Fn() -> F,
) -> Outcome {
    let runs = outcome(false, &make, format());
    let single = outcome(true, &make, format());
    assert_eq!(runs.1, single.1, "{what}");
    let names = |outcome: &Outcome| outcome.0.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&runs), names(&single), "{what}");
    for (name, bytes) in &runs.0 {
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (found, expected) = (lines(bytes), lines(&single.0[name]));
        for (at, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "{what}, {name}, line {at}");
        }
        assert!(*bytes == single.0[name], "{what}, {name}");
    }
    assert!(runs.1[0].delivered > 10_000, "{what}");
    runs
}

fn text() -> Formatter {
    Formatter::new(PATTERN).unwrap()
}

#[test]
fn text_and_json_are_the_same() {
    compare("text", file(|it| it), text);
    compare("json", file(|it| it), JsonFormatter::new);
    compare("another end", file(|it| it.terminator("\r\n")), text);
    compare("utf-16", file(|it| it.encoding("utf-16")), text);
    compare("synced", file(|it| it.sync(SyncPolicy::AtLevel(Level::CRITICAL))), text);
}

#[test]
fn files_are_rotated_at_the_same_records() {
    let by_size = || Rotate::size(100_000).utc();
    let files =
        compare("size", file(|it| it.rotate(by_size()).naming(Naming::Rising)), text).0.len();
    assert!(files > 10, "{files}");
    let rotate = || Rotate::hourly().utc();
    compare("hourly", file(|it| it.rotate(rotate()).naming(Naming::Rising)), text);
    let rotate = || by_size().or_hourly();
    compare("both", file(|it| it.rotate(rotate()).naming(Naming::Rising)), JsonFormatter::new);
}

#[test]
fn every_handler_of_lines_rotates_at_the_same_records() {
    let rotating = |bytes, backups| {
        move |path| {
            let handler = RotatingFileHandler::builder(path).max_bytes(bytes);
            let handler = handler.backup_count(backups).terminator("\r\n");
            HandlerRef::new(handler.build().unwrap())
        }
    };
    let files = compare("rotating", rotating(100_000, 200), text).0;
    assert!(files.len() > 10 && files.values().all(|file| file.len() < 100_000));
    compare("one that is never rotated", rotating(0, 0), JsonFormatter::new);
    let timed = |by_clock| {
        move |path| {
            let handler = TimedRotatingFileHandler::builder(path).when(When::Seconds).utc(true);
            let handler = handler.now_ns(1_763_619_123_000_000_000).by_clock(by_clock);
            HandlerRef::new(handler.build().unwrap())
        }
    };
    let files = compare("timed", timed(false), text).0;
    assert!(files.len() > 10, "{}", files.len());
    compare("timed by the clock", timed(true), JsonFormatter::new);
    let mapped = |path| {
        let handler = MmapRotatingFileHandler::builder(path).max_bytes(100_000);
        HandlerRef::new(handler.window_bytes(64 << 10).terminator("\r\n").build().unwrap())
    };
    let files = compare("mapped", mapped, text).0;
    assert!(files.len() > 10 && files.values().all(|file| file.len() <= 100_000));
    compare("watched", |path| HandlerRef::new(WatchedFileHandler::new(path).unwrap()), text);
}

#[test]
fn records_of_an_older_generation_go_the_way_that_was_theirs() {
    let dir = Dir::new();
    let file = |name: &str| HandlerRef::new(FileHandler::new(dir.join(name)).unwrap());
    for drain in [Drain::Inline, Drain::default()] {
        let (first, second) = (file("first"), file("second"));
        let builder = Runtime::builder().drain(drain).level(Level::INFO).lane_bytes(4 << 20);
        let runtime = builder.handler("first", first).build().unwrap();
        let root = runtime.root();
        let log = |n: u64| info!(logger: root, "number {n}");
        // The call site is known by then.
        (0..10).for_each(log);
        assert!(runtime.deliver(LIMIT).is_complete());
        runtime.pause(LIMIT).unwrap();
        (10..500).for_each(log);
        root.add_handler(second.clone()).unwrap();
        (500..1_000).for_each(log);
        runtime.resume().unwrap();
        assert!(runtime.deliver(LIMIT).is_complete());
        assert!(runtime.shutdown(LIMIT).is_complete());
        let lines = |name: &str| {
            let path = dir.join(name);
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::remove_file(path).unwrap();
            let number = |line: &str| line.rsplit(' ').next().unwrap().parse().unwrap();
            text.lines().map(number).collect::<Vec<u64>>()
        };
        assert!(lines("first").into_iter().eq(0..1_000));
        assert!(lines("second").into_iter().eq(500..1_000));
    }
}

#[test]
fn what_a_formatter_refuses_is_counted_the_same() {
    std::panic::set_hook(Box::new(|_| {}));
    let (_, books) = compare("moody", file(|it| it), || Moody(text()));
    assert!(books[0].failed > 100, "{:?}", books[0]);
}
