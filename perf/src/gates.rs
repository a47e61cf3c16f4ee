//! Instructions of calls and of lines, held to bounds that noise cannot move.
//!
//! valgrind's callgrind counts what one function of this program executes, in a process that
//! calls it for `n` and in one for three times `n`: the difference is free of all that happens
//! once. A count depends on the compiler as well as on the code, so a bound has a tolerance.

use crate::peer::line;
use sawmill::{
    BinaryFileHandler, BinaryReader, ClockSource, Drain, FileHandler, FlightRecorder, Format,
    Handler, HandlerExt, HandlerRef, JsonFormatter, Lanes, Level, ManualClock,
    MmapRotatingFileHandler, NullHandler, RotatingFileHandler, Runtime, debug, info,
};
use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// What is counted, and what it is.
const COUNTS: [(&str, &str); 15] = [
    ("call", "an enabled call without arguments"),
    ("call-ints", "an enabled call, (u64, u64, f64)"),
    ("call-mapped", "the same in a ring that outlives the process"),
    ("call-str", "an enabled call, (35-byte str, i32)"),
    ("call-off", "a disabled call"),
    ("call-recorded", "as call-ints, below the logger's level, for a flight recorder"),
    ("line-text", "a line of the pattern of the workloads, formatted"),
    ("line-json", "a JSON line, formatted"),
    ("drain-text", "a record from the ring to the buffer of a file, as text"),
    ("drain-rotating", "the same to a file that is rotated by size"),
    ("drain-mapped", "the same to a mapped file"),
    ("drain-json", "the same as JSON"),
    ("drain-binary", "the same as a packed record"),
    ("decode", "a packed record read and formatted as text"),
    ("drain-recorded", "a record from the ring to the flight recorder"),
];
const CALLS: u64 = 1_000;
/// How far above its bound a count may be.
const TOLERANCE: f64 = 0.03;
/// Records that a handler is given first: lines of more than the buffer of a file holds, which is
/// filled once.
const WARM: u64 = 2_000;
const LIMIT: Duration = Duration::from_secs(60);

fn bounds_file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bounds.txt")
}

/// Counts everything; with `set` the counts become the bounds, else they are held to them.
pub(crate) fn run(set: bool) -> Result<(), String> {
    if !cfg!(all(target_arch = "x86_64", target_os = "linux")) {
        println!("skipped: the bounds are those of x86-64 Linux");
        return Ok(());
    }
    if cfg!(debug_assertions) {
        return Err("the bounds are those of a release build: add --release".into());
    }
    if Command::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not installed");
        return Ok(());
    }
    let bounds = match set {
        true => String::new(),
        false => std::fs::read_to_string(bounds_file())
            .map_err(|error| format!("{}: {error}", bounds_file().display()))?,
    };
    let mut written = String::from(
        "# Instructions a call or a line, `sawmill-perf gates`: more than three in a hundred above \
         these\n# fail the checks. `sawmill-perf gates --set` writes them.\n",
    );
    let mut above = Vec::new();
    for (what, about) in COUNTS {
        let each = (counted_under_valgrind(what, 3 * CALLS)? - counted_under_valgrind(what, CALLS)?)
            as f64
            / (2 * CALLS) as f64;
        written.push_str(&format!("{what} {each:.1}\n"));
        let bound = bounds.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
        let bound: Option<f64> = bound.and_then(|bound| bound.trim().parse().ok());
        println!(
            "{what:<14} {each:>8.1}  bound {:>8}  {about}",
            bound.map_or("-".into(), |bound| format!("{bound:.1}"))
        );
        match bound {
            _ if set => {}
            // Half an instruction is the noise of the counters of calls themselves.
            Some(bound) if each <= bound * (1.0 + TOLERANCE) + 0.5 => {}
            Some(_) => above.push(what),
            None => return Err(format!("{what} has no bound: `gates --set` writes it")),
        }
    }
    if set {
        return std::fs::write(bounds_file(), written).map_err(|error| error.to_string());
    }
    match above[..] {
        [] => Ok(()),
        _ => Err(format!("more instructions than the bounds allow: {}", above.join(", "))),
    }
}

fn counted_under_valgrind(what: &str, calls: u64) -> Result<u64, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let out = std::env::temp_dir().join(format!("sawmill-callgrind-{}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--toggle-collect=*gates::counted*", "--collect-atstart=no"])
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(this)
        .args(["--count", what, &calls.to_string()])
        .output()
        .map_err(|error| format!("valgrind: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let found = std::fs::read_to_string(&out).ok().and_then(|profile| {
        let line = profile.lines().find_map(|line| line.strip_prefix("totals: "))?;
        line.trim().parse().ok()
    });
    let _ = std::fs::remove_file(&out);
    match found {
        Some(0) | None => Err(format!("{what} was not counted: {text}")),
        Some(_) if !output.status.success() => Err(format!("{what} failed: {text}")),
        Some(count) => Ok(count),
    }
}

/// The function that callgrind watches.
#[inline(never)]
fn counted(calls: u64, mut call: impl FnMut(u64)) {
    for n in 0..calls {
        call(black_box(n));
    }
}

/// Does what is counted, in this process.
pub(crate) fn count(what: &str, calls: u64) -> Result<(), String> {
    let wrong = |error: sawmill::Error| error.to_string();
    match what {
        "line-text" => lines(line(), calls).map_err(wrong),
        "line-json" => lines(JsonFormatter::new(), calls).map_err(wrong),
        "drain-text" => drain(calls, |path| text(FileHandler::new(path), line())).map_err(wrong),
        "drain-rotating" => {
            let rotating = |path| RotatingFileHandler::new(path, 1 << 30, 1);
            drain(calls, |path| text(rotating(path), line())).map_err(wrong)
        }
        "drain-mapped" => {
            drain(calls, |path| text(MmapRotatingFileHandler::new(path), line())).map_err(wrong)
        }
        "drain-json" => {
            drain(calls, |path| text(FileHandler::new(path), JsonFormatter::new())).map_err(wrong)
        }
        "drain-binary" => {
            drain(calls, |path| BinaryFileHandler::new(path).map(HandlerRef::new)).map_err(wrong)
        }
        "decode" => decode(calls).map_err(wrong),
        "drain-recorded" => drain_recorded(calls).map_err(wrong),
        _ => self::calls(what, calls).map_err(wrong),
    }
}

fn calls(what: &str, calls: u64) -> Result<(), sawmill::Error> {
    // The ring is large enough for all calls. Not `Wait::Park`, which valgrind lacks the call for.
    let builder = sawmill::builder()
        .level(Level::INFO)
        .lane_bytes(4 << 20)
        .handler("null", NullHandler::new());
    match what {
        "call-mapped" => {
            let lanes = Lanes::mapped(&format!("sawmill-perf-{}", std::process::id()));
            builder.durability(lanes).init()?
        }
        "call-recorded" => builder.flight_recorder(FlightRecorder::new(1 << 20)).init()?,
        _ => builder.init()?,
    };
    // The first calls of each site register it; they are made for any number of calls.
    match what {
        "call" => repeat(calls, |_| info!("Logging")),
        "call-ints" | "call-mapped" => repeat(calls, |n| {
            let (a, b, c) = (n, n ^ 7919, n as f64 * 0.25);
            info!("Logging int: {}, int: {}, double: {}", a, b, c);
        }),
        "call-str" => repeat(calls, |n| {
            info!("Logging str: {}, int: {}", black_box(crate::workload::TEXT), n as i32);
        }),
        "call-off" | "call-recorded" => repeat(calls, |n| {
            let (a, b, c) = (n, n ^ 7919, n as f64 * 0.25);
            debug!("Logging int: {}, int: {}, double: {}", a, b, c);
        }),
        _ => return Err(sawmill::Error::other(format!("unknown count {what:?}"))),
    }
    let report = sawmill::shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    Ok(())
}

fn repeat(calls: u64, call: impl Fn(u64)) {
    counted(100, &call);
    counted(calls, &call);
}

/// A clock that moves a microsecond with each record, so that every run writes the same times.
fn clock() -> (ManualClock, ClockSource) {
    let clock = ManualClock::new(1_763_619_123_000_000_000);
    (clock.clone(), ClockSource::Manual(clock))
}

fn ints(n: u64, clock: &ManualClock) {
    clock.advance(Duration::from_micros(1));
    info!("Logging int: {}, int: {}, double: {}", n, n ^ 7919, n as f64 * 0.25);
}

fn drain_recorded(calls: u64) -> Result<(), sawmill::Error> {
    let (clock, source) = clock();
    let runtime = Runtime::builder()
        .level(Level::ERROR)
        .drain(Drain::Inline)
        .clock(source)
        .lane_bytes(4 << 20)
        .handler("null", NullHandler::new())
        .flight_recorder(FlightRecorder::new(1 << 20))
        .build()?;
    runtime.scope(|| {
        for records in [100, calls] {
            runtime.pause(LIMIT)?;
            (0..records).for_each(|n| ints(n, &clock));
            runtime.resume()?;
            counted(1, |_| assert!(runtime.deliver(LIMIT).is_complete()));
        }
        Ok::<(), sawmill::Error>(())
    })?;
    assert_eq!(runtime.stats().recorded, 100 + calls);
    Ok(())
}

fn lines(format: impl Format, calls: u64) -> Result<(), sawmill::Error> {
    let (clock, source) = clock();
    let runtime = Runtime::builder().drain(Drain::Inline).clock(source).capture().build()?;
    runtime.scope(|| (0..256).for_each(|n| ints(n, &clock)));
    let records = runtime.records();
    let views: Vec<_> = records.iter().map(|record| record.view()).collect();
    let mut out = Vec::with_capacity(4 << 10);
    let mut line = |n: u64| {
        out.clear();
        let done = format.format(&views[n as usize % views.len()], &mut out);
        assert!(done.is_ok() && !black_box(&out).is_empty());
    };
    counted(100, &mut line);
    counted(calls, &mut line);
    Ok(())
}

fn folder() -> PathBuf {
    std::env::temp_dir().join(format!("sawmill-gates-{}", std::process::id()))
}

/// A handler with its formatter.
fn text(
    handler: Result<impl Handler, sawmill::Error>,
    format: impl Format + 'static,
) -> Result<HandlerRef, sawmill::Error> {
    Ok(handler?.with_formatter(format))
}

fn drain(
    calls: u64,
    handler: impl Fn(PathBuf) -> Result<HandlerRef, sawmill::Error>,
) -> Result<(), sawmill::Error> {
    let wrong = |error: std::io::Error| sawmill::Error::other(error.to_string());
    std::fs::create_dir_all(folder()).map_err(wrong)?;
    let done = handler(folder().join("drain.log")).and_then(|it| drain_into(it, calls, true));
    let _ = std::fs::remove_dir_all(folder());
    done
}

fn decode(calls: u64) -> Result<(), sawmill::Error> {
    let path = folder().join("decode.slog");
    let file = BinaryFileHandler::builder(&path).create_dirs(true).build()?;
    drain_into(file.into(), calls, false)?;
    let format = line();
    let mut out = Vec::with_capacity(1 << 20);
    let mut reader = BinaryReader::open(&path)?;
    let mut records = 0;
    while let Some(block) = reader.next_block()? {
        out.clear();
        counted(1, |_| {
            let lent = block.for_each(|record| {
                let done = format.format(record, &mut out);
                assert!(done.is_ok());
            });
            records += lent.unwrap_or(0);
        });
    }
    let _ = std::fs::remove_dir_all(folder());
    assert_eq!(records, WARM + calls);
    Ok(())
}

fn drain_into(handler: HandlerRef, calls: u64, is_counted: bool) -> Result<(), sawmill::Error> {
    let (clock, source) = clock();
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .drain(Drain::Inline)
        .clock(source)
        .lane_bytes(4 << 20)
        .handler("file", handler)
        .build()?;
    runtime.scope(|| {
        for records in [WARM, calls] {
            runtime.pause(LIMIT)?;
            (0..records).for_each(|n| ints(n, &clock));
            runtime.resume()?;
            let deliver = |_| assert!(runtime.deliver(LIMIT).is_complete());
            if is_counted { counted(1, deliver) } else { deliver(0) }
        }
        Ok::<(), sawmill::Error>(())
    })?;
    let delivered = runtime.stats().handler("file").map(|stats| stats.delivered);
    assert_eq!(delivered, Some(WARM + calls));
    let report = runtime.shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    Ok(())
}
