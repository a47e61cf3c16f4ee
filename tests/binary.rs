//! Binary logs: what is decoded is what the formatters would have written, and damage costs no
//! more than it hits.

#[path = "shared/dir.rs"]
mod dir;

use dir::Dir;
use proptest::prelude::*;
use sawmill::{
    BinaryFileHandler, BinaryReader, Capture, ClockSource, Drain, FileHandler, Filter, FilterRef,
    Format, Formatter, HandlerExt, HandlerRef, JsonFormatter, Level, LogRecord, ManualClock,
    NullHandler, RecordBuilder, Rotate, Runtime, Scope, ValueBuf, Verdict, critical, debug, error,
    exception, info, log, trace, warning,
};
use std::path::Path;
use std::time::Duration;

const PATTERN: &str = "%(asctime)s %(created)r %(relativeCreated)d %(levelname)-8s %(levelno)d \
    %(name)s %(pathname)s %(filename)s %(module)s %(lineno)d %(funcName)s %(thread)s \
    %(threadName)s %(process)d %(processName)s %(taskName)s run=%(run)d lane=%(lane)d \
    sequence=%(sequence)d %(message)s %(fields)s";

impl Dir {
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

/// Lets everything pass, and so has each record looked at.
struct Looking;

impl Filter for Looking {
    fn filter(&mut self, _: &mut LogRecord<'_>) -> Verdict {
        Verdict::Pass
    }
}

/// A record of so many numbers; one after the other is alike, but for some that are longer or come
/// later.
fn numbers(values: u32, n: u64, clock: &ManualClock) {
    clock.advance(Duration::from_nanos(if n % 90 == 89 { 20_000 << (n % 7) } else { n % 300 }));
    let long = n << if n % 70 == 69 { 33 } else { 0 };
    let (signed, half) = (-(long as i64), long as f64 * 0.5);
    match values {
        0 => info!("none"),
        1 => info!("{long}"),
        2 => log!(Level::new(25), "{signed} {half}"),
        3 => info!("{long} {n} {half}"),
        4 => info!("{} {} {half} {signed}", n as f32 * 0.1, n % 3 > 1),
        5 => info!("{long} {long} {} {} {}", n as i8, 'a', half as f32),
        _ => info!("{n} {n} {n} {n} {n} {n} {n} {n} {half} {signed} {long}"),
    }
}

#[test]
fn records_packed_from_their_frames_are_those_packed_one_by_one() {
    let logs = [false, true].map(|one_by_one| {
        let dir = Dir::new();
        let clock = ManualClock::new(1_763_619_123_000_000_000);
        let mut handler = HandlerRef::new(BinaryFileHandler::new(dir.join("a.slog")).unwrap());
        if one_by_one {
            handler = handler.with_filter(FilterRef::new(Looking));
        }
        let runtime = Runtime::builder()
            .drain(Drain::Inline)
            .clock(ClockSource::Manual(clock.clone()))
            .level(Level::TRACE)
            .handler("binary", handler.with_level(Level::DEBUG))
            .lane_bytes(16 << 20)
            .handler("worst", HandlerRef::new(NullHandler::new()).with_level(Level::CRITICAL))
            .handler_for("quiet", "none", HandlerRef::new(NullHandler::new()))
            .build()
            .unwrap();
        let quiet = runtime.get_logger("quiet");
        let many: Vec<_> = (0..600).map(|n| runtime.get_logger(&format!("many.{n}"))).collect();
        runtime.scope(|| {
            for _ in 0..2 {
                everything(&runtime);
                // What is paused comes as one run, over the ends of blocks.
                runtime.pause(Duration::from_secs(9)).unwrap();
                for n in 0..9_000_u64 {
                    clock.advance(Duration::from_nanos(n % 300));
                    info!("number {n} {} {:?}", n as f64 * 0.1, "text of one length or another");
                    match n % 11 {
                        0 => trace!("below the handler's level"),
                        1 => info!("without a value"),
                        2 => info!(logger: many[n as usize % 600], "elsewhere {n} {}", -(n as i32)),
                        3 if n % 2 == 0 => info!("changing {:?}", Some(n)),
                        3 => info!("changing {:?}", None::<u64>),
                        4 if n % 100 == 4 => critical!("for two {}", n << (n % 60)),
                        5 if n % 10 == 5 => {
                            let _scope = Scope::new([("n", ValueBuf::of(&n))]).enter();
                            info!("within {n}");
                        }
                        6 if n % 50 == 6 => warning!("long {}", "x".repeat(n as usize)),
                        7 if n % 20 == 7 => info!(logger: quiet, "for one more"),
                        _ => {}
                    }
                }
                for values in 0..7 {
                    (0..700).for_each(|n| numbers(values, n, &clock));
                }
                runtime.resume().unwrap();
                assert!(runtime.deliver(Duration::from_secs(30)).is_complete());
            }
        });
        end(&runtime);
        let stats = runtime.stats();
        let books = ["binary", "worst", "none"].map(|name| *stats.handler(name).unwrap());
        let [binary, ..] = books;
        let sum = binary.delivered + binary.below_level + binary.filtered + binary.failed;
        assert_eq!((binary.offered, stats.taken), (sum, stats.routed));
        let text = decoded(&dir.join("a.slog"), &Formatter::new(PATTERN).unwrap());
        (books, stats.taken, text, decoded(&dir.join("a.slog"), &JsonFormatter::new()))
    });
    let [(books, taken, text, json), one_by_one] = logs;
    assert_eq!((books, taken), (one_by_one.0, one_by_one.1));
    let [text, expected] = [&text, &one_by_one.2].map(|text| String::from_utf8_lossy(text));
    for (found, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(found, expected);
    }
    assert!(text == expected && json == one_by_one.3);
}

#[test]
#[cfg(feature = "zstd")]
fn compressed_blocks_say_the_same_in_fewer_bytes() {
    let dir = Dir::new();
    let handler = |name: &str| BinaryFileHandler::builder(dir.join(name));
    let text = FileHandler::new(dir.join("a.txt")).unwrap();
    let small = handler("a.slog").compress_blocks(3).build().unwrap();
    let rotated = handler("b.slog").compress_blocks(1).rotate(Rotate::size(60_000));
    let rotated = rotated.naming(sawmill::Naming::Rising).build().unwrap();
    let runtime = Runtime::builder()
        .level(Level::TRACE)
        .overflow(sawmill::Overflow::block())
        .handler("text", text.with_formatter(Formatter::new(PATTERN).unwrap()))
        .handler("binary", small)
        .handler("rotated", rotated)
        .handler("large", handler("c.slog").build().unwrap())
        .build()
        .unwrap();
    runtime.scope(|| {
        everything(&runtime);
        for n in 0..40_000_u64 {
            info!("number {n} {} of {}", n as f64 * 0.25, "a text that comes again and again");
            if n == 20_000 {
                let report = runtime.flush(Duration::from_secs(30));
                assert!(report.is_complete(), "{report}");
                let so_far = messages(std::fs::read(dir.join("a.slog")).unwrap());
                assert_eq!(
                    so_far.0.last().map(|last| last.starts_with("number 20000 ")),
                    Some(true)
                );
            }
        }
    });
    end(&runtime);
    let stats = runtime.stats();
    let [all, same] = ["text", "binary"].map(|name| stats.handler(name).unwrap().delivered);
    assert_eq!(all, same);
    let format = Formatter::new(PATTERN).unwrap();
    assert_lines(&decoded(&dir.join("a.slog"), &format), &dir.join("a.txt"));
    let bytes = |name: &str| std::fs::metadata(dir.join(name)).unwrap().len();
    assert!(bytes("a.slog") < bytes("c.slog") / 2, "{} of {}", bytes("a.slog"), bytes("c.slog"));
    let mut names: Vec<_> =
        std::fs::read_dir(&dir.0).unwrap().map(|it| it.unwrap().path()).collect();
    names.retain(|name| name.file_name().unwrap().to_string_lossy().starts_with("b.slog"));
    names.sort();
    names.rotate_left(1);
    assert!(names.len() > 3, "{names:?}");
    let parts: Vec<_> = names.iter().map(|name| decoded(name, &format)).collect();
    assert_lines(&parts.concat(), &dir.join("a.txt"));
}

#[test]
fn blocks_are_compressed_at_levels_that_zstd_has_where_it_is_there() {
    let dir = Dir::new();
    let built =
        |level| BinaryFileHandler::builder(dir.join("a.slog")).compress_blocks(level).build();
    let told = |level| built(level).unwrap_err().to_string();
    if cfg!(feature = "zstd") {
        assert!(told(0).contains("levels 1 to 19") && told(20).contains("20"));
        assert!(built(19).is_ok());
    } else {
        assert!(told(3).contains("needs the cargo feature"));
    }
    assert!(!dir.join("a.slog").exists() || cfg!(feature = "zstd"));
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

/// The messages of a log that may be damaged, and how many records it could not give.
fn messages(bytes: Vec<u8>) -> (Vec<String>, u64, bool) {
    let mut reader = BinaryReader::of_stream(std::io::Cursor::new(bytes), "test");
    let mut found = Vec::new();
    let mut sound = true;
    while let Some(block) = reader.next_block().unwrap() {
        let read = block.for_each(|record| found.push(record.message().unwrap_or_default()));
        sound &= read.is_ok();
    }
    let damage = reader.finish();
    (found, damage.records, sound && damage.is_none())
}

/// Blocks of one record to a few, with scopes and dictionaries between.
fn small_log(dir: &Dir) -> Vec<u8> {
    let runtime = dir.runtime(Drain::Inline);
    runtime.scope(|| {
        for n in 0..2_u64 {
            let _scope = Scope::new([("n", ValueBuf::of(&n))]).enter();
            info!(n; "first {n} {:?}", Some(n));
            if n % 2 == 0 {
                warning!("second {n} {}", "text");
            }
        }
    });
    end(&runtime);
    std::fs::read(dir.join("a.slog")).unwrap()
}

#[test]
fn damage_at_any_place_costs_its_block_and_is_told() {
    let dir = Dir::new();
    let whole = small_log(&dir);
    let (all, _, sound) = messages(whole.clone());
    assert!(sound && all.len() == 3, "{all:?}");
    // Every message is one of those that were logged, and in their order.
    let is_part = |found: &[String]| {
        let mut rest = all.iter();
        found.iter().all(|one| rest.any(|known| known == one))
    };
    for at in 0..whole.len() {
        let (found, _, sound) = messages(whole[..at].to_vec());
        assert!(all.starts_with(&found), "cut at {at}: {found:?}");
        assert!(!sound || found.len() < all.len() || at >= whole.len() * 2 / 3, "{at}");
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        let (found, _, sound) = messages(flipped);
        assert!(is_part(&found), "byte {at}: {found:?}");
        assert!(!sound, "byte {at} was changed, and nobody noticed");
    }
}

#[test]
fn a_byte_that_changed_in_the_midst_costs_one_block_of_a_large_log() {
    let dir = Dir::new();
    let runtime = dir.runtime(Drain::default());
    runtime.scope(|| (0..50_000_u64).for_each(|n| info!("number {n} {}", n * 3)));
    end(&runtime);
    let mut bytes = std::fs::read(dir.join("a.slog")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    let (found, lost, sound) = messages(bytes);
    assert!(!sound && lost > 0 && lost < 10_000, "{lost}");
    assert_eq!(found.len() as u64 + lost, 50_000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Bytes that nobody wrote: no panic, no endless loop, whatever they say.
    #[test]
    fn garbage_behind_a_sound_beginning_is_survived(
        garbage in prop::collection::vec(any::<u8>(), 0..400),
        at in 0_usize..2_000,
    ) {
        static WHOLE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let whole = WHOLE.get_or_init(|| small_log(&Dir::new()));
        let mut bytes = whole.clone();
        let at = at.min(bytes.len());
        let end = (at + garbage.len()).min(bytes.len());
        bytes.splice(at..end, garbage);
        messages(bytes);
    }
}

/// One random record: values of each kind that a call may have.
#[derive(Debug, Clone)]
struct Values {
    ints: (u64, i64, i32, i8),
    wide: (u128, i128),
    floats: (f64, f32),
    text: String,
    bytes: Vec<u8>,
    list: Vec<Option<i16>>,
    flag: bool,
    letter: char,
    level: i32,
    seconds: Duration,
}

fn any_values() -> impl Strategy<Value = Values> {
    let small = prop_oneof![any::<u64>(), 0_u64..300];
    let floats = (any::<f64>(), any::<f32>());
    (
        (small, any::<i64>(), any::<i32>(), any::<i8>()),
        any::<(u128, i128)>(),
        floats,
        ".{0,40}",
        any::<Vec<u8>>(),
        any::<Vec<Option<i16>>>(),
        any::<(bool, char)>(),
        5..60_i32,
        (0..1_u64 << 40, 0..1_000_000_000_u32),
    )
        .prop_map(|(ints, wide, floats, text, bytes, list, (flag, letter), level, (s, n))| {
            let seconds = Duration::new(s, n);
            Values { ints, wide, floats, text, bytes, list, flag, letter, level, seconds }
        })
}

fn log_values(v: &Values) {
    let (a, b, c, d) = v.ints;
    info!("{a} {b} {c} {d} {} {} {}", v.floats.0, v.floats.1, v.flag);
    log!(Level::new(v.level), "{:?} {} {}", v.text, v.letter, v.text);
    let (text, bytes, list) = (&v.text, &v.bytes, &v.list);
    debug!(text, bytes, list, seconds:? = v.seconds; "{} {:?} {a:x}", v.wide.0, v.wide.1);
    let _scope = (d % 3 == 0).then(|| Scope::new([("s", ValueBuf::of(&v.text))]).enter());
    warning!("{:?} {:>12.3} {:?}", v.list, v.floats.0, v.bytes);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn random_values_come_back_as_they_were_shown(
        all in prop::collection::vec(any_values(), 1..25),
        inline: bool,
    ) {
        let dir = Dir::new();
        let runtime = dir.runtime(if inline { Drain::Inline } else { Drain::default() });
        runtime.scope(|| all.iter().for_each(log_values));
        end(&runtime);
        dir.compare();
    }
}

#[test]
fn each_rotated_file_decodes_alone_and_none_is_too_large() {
    let dir = Dir::new();
    let handler = BinaryFileHandler::builder(dir.join("a.slog"))
        .rotate(Rotate::size(100_000))
        .naming(sawmill::Naming::Rising)
        .build()
        .unwrap();
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .overflow(sawmill::Overflow::block())
        .handler("binary", handler)
        .build()
        .unwrap();
    runtime.scope(|| {
        for n in 0..60_000_u64 {
            info!("number {n} {}", n as f64);
            if n % 1000 == 0 {
                let _scope = Scope::new([("n", ValueBuf::of(&n))]).enter();
                error!("thousand {n}");
            }
        }
    });
    end(&runtime);
    let mut names: Vec<_> =
        std::fs::read_dir(&dir.0).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    assert!(names.len() > 5, "{names:?}");
    let (live, rotated) = names.split_first().unwrap();
    let mut all = Vec::new();
    for name in rotated.iter().chain([live]) {
        let bytes = std::fs::read(name).unwrap();
        assert!(bytes.len() <= 100_000, "{name:?}: {}", bytes.len());
        let (found, _, sound) = messages(bytes);
        assert!(sound);
        all.extend(found);
    }
    let expected: Vec<_> = (0..60_000_u64)
        .flat_map(|n| {
            let thousand = (n % 1000 == 0).then(|| format!("thousand {n}"));
            [Some(format!("number {n} {}", n as f64)), thousand]
        })
        .flatten()
        .collect();
    assert!(all == expected);
}

#[test]
fn a_second_run_appends_and_both_decode() {
    let dir = Dir::new();
    for run in 0..3 {
        let runtime = dir.runtime(Drain::Inline);
        runtime.scope(|| info!("run {run} {}", "x"));
        end(&runtime);
    }
    dir.compare();
}

#[test]
fn blocks_outside_of_the_wanted_time_and_level_are_passed_over_with_and_without_an_index() {
    let dir = Dir::new();
    let runtime = dir.runtime(Drain::default());
    let logger = runtime.get_logger("relay");
    for n in 0..20_000_i64 {
        let level = if n == 11_111 { Level::ERROR } else { Level::INFO };
        let record = RecordBuilder::new(level).message(&format!("message {n}")).time_ns(n * 1000);
        logger.handle(&record);
    }
    end(&runtime);
    let whole = std::fs::read(dir.join("a.slog")).unwrap();
    // The index is the last block; without it the headers say the same.
    let mark = *b"\xc1Sw\xfe\x04";
    let index = whole.windows(5).rposition(|bytes| bytes == mark).unwrap();
    std::fs::write(dir.join("cut.slog"), &whole[..index]).unwrap();
    for name in ["a.slog", "cut.slog"] {
        let open = || BinaryReader::open(dir.join(name)).unwrap();
        let read = |mut reader: BinaryReader| {
            let mut found = Vec::new();
            while let Some(block) = reader.next_block().unwrap() {
                block.for_each(|record| found.push(record.message().unwrap())).unwrap();
            }
            assert!(reader.finish().is_none());
            assert_eq!(found.len() as u64 + reader.skipped(), 20_000, "{name}");
            found
        };
        let some = read(open().between(5_000_000, 5_001_000));
        assert!(some.contains(&"message 5000".to_owned()) && some.len() < 10_000);
        let errors = read(open().at_least(Level::ERROR));
        assert!(errors.contains(&"message 11111".to_owned()) && errors.len() < 10_000);
        assert!(read(open().between(i64::MIN, 0)).is_empty());
    }
}
