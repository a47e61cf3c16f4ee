//! Binary logs: what is decoded is what the formatters would have written, and damage costs no
//! more than it hits.

use sawmill::{
    BinaryFileHandler, BinaryReader, Capture, Drain, FileHandler, Format, Formatter, HandlerExt,
    JsonFormatter, Level, RecordBuilder, Runtime, Scope, ValueBuf, critical, debug, error,
    exception, info, log, trace, warning,
};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const PATTERN: &str = "%(asctime)s %(created)r %(relativeCreated)d %(levelname)-8s %(levelno)d \
    %(name)s %(pathname)s %(filename)s %(module)s %(lineno)d %(funcName)s %(thread)s \
    %(threadName)s %(process)d %(processName)s %(taskName)s run=%(run)d lane=%(lane)d \
    sequence=%(sequence)d %(message)s %(fields)s";

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sawmill-binary-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A runtime that writes text, JSON and binary at once.
    fn runtime(&self, drain: Drain) -> Runtime {
        let text = FileHandler::new(self.join("a.txt")).unwrap();
        let json = FileHandler::new(self.join("a.json")).unwrap();
        let binary = BinaryFileHandler::new(self.join("a.slog")).unwrap();
        Runtime::builder()
            .drain(drain)
            .level(Level::TRACE)
            .handler("text", text.with_formatter(Formatter::new(PATTERN).unwrap()))
            .handler("json", json.with_formatter(JsonFormatter::new()))
            .handler("binary", binary)
            .overflow(sawmill::Overflow::block())
            .build()
            .unwrap()
    }

    /// Holds what is decoded against what was written as text.
    fn compare(&self) {
        let text = Formatter::new(PATTERN).unwrap();
        assert_lines(&decoded(&self.join("a.slog"), &text), &self.join("a.txt"));
        assert_lines(&decoded(&self.join("a.slog"), &JsonFormatter::new()), &self.join("a.json"));
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn assert_lines(found: &[u8], expected: &Path) {
    let expected = std::fs::read(expected).unwrap();
    if found != expected {
        let (found, expected) =
            (String::from_utf8_lossy(found), String::from_utf8_lossy(&expected));
        for (at, (found, expected)) in found.lines().zip(expected.lines()).enumerate() {
            assert_eq!(found, expected, "line {at}");
        }
        assert_eq!(found.lines().count(), expected.lines().count());
        panic!("they differ");
    }
}

fn decoded(path: &Path, format: &dyn Format) -> Vec<u8> {
    let mut reader = BinaryReader::open(path).unwrap();
    let mut out = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        block
            .for_each(|record| {
                format.format(record, &mut out).unwrap();
                out.push(b'\n');
            })
            .unwrap();
    }
    assert!(reader.finish().is_none(), "{:?}", reader.damage());
    out
}

fn end(runtime: &Runtime) {
    let report = runtime.shutdown(Duration::from_secs(30));
    assert!(report.is_complete(), "{report}");
    assert_eq!(runtime.stats().failures, 0);
}

#[derive(Debug, Clone, Capture)]
struct Order {
    id: u64,
    price: f64,
    tags: Vec<String>,
    state: State,
}

#[derive(Debug, Clone, Capture)]
enum State {
    Open,
    Part(u32, f32),
    Done { at: Duration },
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);
impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("outer\nin two lines")
    }
}
impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn generic<T: std::fmt::Display>(value: &T) {
    info!("generic {value}");
}

/// One of everything that a record can carry.
fn everything(runtime: &Runtime) {
    trace!("plain");
    debug!("numbers {} {} {} {}", 1_u64, -2_i32, 3.5_f64, 4.25_f32);
    for n in 0..40_u64 {
        info!("growing {} {} {}", n << n, -(n as i64) << n, n as f64 * 1e-3);
    }
    info!("{:>8} {:<6}| {:#x} {:08.3} {:?}", 7_u8, "ab", 255_i16, 2.5, "q\"\n");
    info!("{} {} {}", u128::MAX, i128::MIN, 'ß');
    info!("{:?} {:?} {}", (), Some(Some(3)), f64::NAN);
    info!("width {:1$} {:.*}", 5, 9, 1.23456);
    info!(a = 1, b = "two", c:? = [1, 2, 3], d = true, e = &[1_u8, 2, 3][..]; "keyed");
    let order = Order {
        id: 9,
        price: 1.5,
        tags: vec!["x".into(), "a tag longer than eight bytes".into()],
        state: State::Part(3, 0.5),
    };
    info!(order:? = order; "derived {:?}", State::Done { at: Duration::from_millis(5) });
    info!("state {:?} {:?}", State::Open, order);
    let address: std::net::SocketAddr = "[::1]:80".parse().unwrap();
    let v4: std::net::SocketAddr = "127.0.0.1:80".parse().unwrap();
    info!("addresses {address} {v4} {} {}", address.ip(), v4.ip());
    info!(
        "many {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}",
        1, 2, 3, "four", 5, 6, 7, 8, 9, 10, 11, 12, 13.5, 14, 15, 16, 17, 18
    );
    info!("{}", format_args!("eager {}", 1));
    let failed = Outer("x".parse::<u8>().unwrap_err());
    exception!(failed, "it failed {}", 3);
    error!(error:err = failed; "as a field");
    log!(Level::new(37), "run time level");
    critical!(stack_info = true; "with a stack");
    warning!("long {}", "x".repeat(300_000));
    {
        let _outer =
            Scope::new([("request", ValueBuf::of(&17)), ("user", ValueBuf::of("ada"))]).enter();
        info!("within");
        {
            let _inner = Scope::new([("user", ValueBuf::of("bob"))]).enter();
            info!(request = 18; "deeper");
        }
        info!("out again");
    }
    info!("no scope");
    let audit = runtime.get_logger("audit.log");
    info!(logger: audit, "elsewhere");
    audit.handle(
        &RecordBuilder::new(Level::new(33))
            .message("described")
            .pathname("relay.py")
            .line(7)
            .function("f")
            .thread(5)
            .thread_name("T")
            .process(6)
            .process_name("P")
            .task_name("task")
            .exception("Traceback\n  x")
            .stack("Stack\n  y")
            .level_name("ODD")
            .created(1_700_000_000.25)
            .field("host", ValueBuf::map([("k", ValueBuf::list([ValueBuf::none()]))])),
    );
    audit.handle(&RecordBuilder::new(Level::INFO).message("whole").created_second(5));
    audit.handle(&RecordBuilder::new(Level::INFO).message("before").time_ns(-5));
    audit.log_value(Level::INFO, &ValueBuf::list([ValueBuf::of(&1)]));
    generic(&5);
    generic(&"text");
    generic(&2.5);
    runtime.add_level_name(Level::new(37), "RENAMED");
    log!(Level::new(37), "run time level");
}

#[test]
fn what_is_decoded_is_what_was_formatted() {
    for drain in [Drain::Inline, Drain::default()] {
        let dir = Dir::new();
        let runtime = dir.runtime(drain);
        runtime.scope(|| everything(&runtime));
        end(&runtime);
        dir.compare();
    }
}

#[test]
fn threads_keep_the_order_of_delivery_and_their_numbers() {
    let dir = Dir::new();
    let runtime = dir.runtime(Drain::default());
    std::thread::scope(|scope| {
        for n in 0..5 {
            let runtime = runtime.clone();
            scope.spawn(move || {
                runtime.scope(|| {
                    for k in 0..5_000_u64 {
                        let _scope =
                            (k % 7 == 0).then(|| Scope::new([("k", ValueBuf::of(&k))]).enter());
                        info!("thread {n} {k} {}", k as f64 * 0.1);
                        if k % 50 == 0 {
                            std::thread::yield_now();
                        }
                    }
                });
            });
        }
    });
    end(&runtime);
    dir.compare();
}
