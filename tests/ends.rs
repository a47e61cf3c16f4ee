//! However a process ends short of a signal, what was published is in its file.
//!
//! Without the test harness: each way to end is taken by this program started anew, so that `main`
//! is really left. `SAWMILL_END` names the way.

use sawmill::{
    Error, FileHandler, Format, HandlerRef, Level, LogRecord, MemoryHandler, Runtime, info, warning,
};
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

const RECORDS: u64 = 20_000;
/// A bounded wait at the end of a process is one second; the rest is for a loaded machine.
const LIMIT: Duration = Duration::from_secs(20);

/// The message alone.
struct Message;

impl Format for Message {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        record.write_message(out)
    }
}

/// How a process ends.
struct End {
    name: &'static str,
    /// What it does after `RECORDS` records.
    run: fn(),
    /// The exit code of the process.
    code: i32,
    /// Records beyond the common ones.
    more: u64,
}

const ENDS: &[End] = &[
    End { name: "return", run: || {}, code: 0, more: 0 },
    End { name: "exit", run: || process::exit(7), code: 7, more: 0 },
    End { name: "exit_in_a_thread", run: exit_in_a_thread, code: 8, more: 1 },
    End { name: "panic_in_main", run: || panic!("as asked"), code: 101, more: 0 },
    End { name: "panic_in_a_thread", run: panic_in_a_thread, code: 0, more: 1 },
    End { name: "return_while_threads_wait", run: return_while_threads_wait, code: 0, more: 4 },
    End { name: "thread_local_destructors", run: thread_local_destructors, code: 0, more: 3 },
    End { name: "logging_in_a_panic", run: logging_in_a_panic, code: 101, more: 1 },
    End { name: "exit_while_threads_log", run: exit_while_threads_log, code: 9, more: 0 },
    End { name: "held_by_a_memory_handler", run: || process::exit(0), code: 0, more: 0 },
];

fn main() {
    match (env::var("SAWMILL_END"), env::var("SAWMILL_FILE")) {
        (Ok(end), Ok(file)) => child(&end, Path::new(&file)),
        _ => parent(),
    }
}

fn child(end: &str, file: &Path) {
    let end = ENDS.iter().find(|known| known.name == end).expect("a known way to end");
    let handler = HandlerRef::new(FileHandler::new(file).unwrap()).with_formatter(Message);
    let handler = match end.name {
        "held_by_a_memory_handler" => {
            HandlerRef::new(MemoryHandler::new(1_000_000).with_target(handler))
        }
        _ => handler,
    };
    let runtime = Runtime::builder().level(Level::INFO).handler("file", handler).init().unwrap();
    for n in 0..RECORDS {
        info!("record {n}");
    }
    drop(runtime);
    (end.run)();
}

fn exit_in_a_thread() {
    let thread = thread::spawn(|| {
        info!("record {RECORDS}");
        process::exit(8);
    });
    let _ = thread.join();
}

fn panic_in_a_thread() {
    let thread = thread::spawn(|| {
        warning!("record {RECORDS}");
        panic!("as asked");
    });
    assert!(thread.join().is_err());
}

fn return_while_threads_wait() {
    let logged = std::sync::Arc::new(std::sync::Barrier::new(5));
    for n in 0..4 {
        let logged = logged.clone();
        thread::spawn(move || {
            info!("record {}", RECORDS + n);
            logged.wait();
            thread::sleep(Duration::from_secs(3600));
        });
    }
    logged.wait();
}

fn thread_local_destructors() {
    struct Last(u64);
    impl Drop for Last {
        fn drop(&mut self) {
            info!("record {}", self.0);
        }
    }
    thread_local! {
        // Made before the thread's lane and after it: destroyed on either side of it.
        static EARLY: Last = const { Last(RECORDS) };
        static LATE: Last = const { Last(RECORDS + 1) };
    }
    let thread = thread::spawn(|| {
        EARLY.with(|_| ());
        info!("record {}", RECORDS + 2);
        LATE.with(|_| ());
    });
    thread.join().unwrap();
}

fn logging_in_a_panic() {
    struct Guard;
    impl Drop for Guard {
        fn drop(&mut self) {
            info!("record {RECORDS}");
        }
    }
    let _guard = Guard;
    panic!("as asked");
}

/// The threads' records are not counted: which of them were published before the end is open.
fn exit_while_threads_log() {
    for _ in 0..4 {
        thread::spawn(|| {
            loop {
                info!("more");
            }
        });
    }
    thread::sleep(Duration::from_millis(20));
    process::exit(9);
}

fn parent() {
    let folder = env::temp_dir().join(format!("sawmill-ends-{}", process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let wanted = env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let ends = ENDS.iter().filter(|end| wanted.as_ref().is_none_or(|name| end.name == name));
    let mut failed = 0;
    let mut run = 0;
    for end in ends {
        run += 1;
        let result = check(end, &folder.join(end.name));
        println!("test {} ... {}", end.name, if result.is_ok() { "ok" } else { "FAILED" });
        if let Err(why) = result {
            eprintln!("{}: {why}", end.name);
            failed += 1;
        }
    }
    println!("\ntest result: {run} ends, {failed} failed");
    if failed != 0 {
        process::exit(101);
    }
    let _ = fs::remove_dir_all(&folder);
}

/// Starts a process that ends so, and looks for its records.
fn check(end: &End, file: &PathBuf) -> Result<(), String> {
    let begin = Instant::now();
    let mut child = Command::new(env::current_exe().map_err(text)?);
    child.env("SAWMILL_END", end.name).env("SAWMILL_FILE", file).env("RUST_BACKTRACE", "0");
    let output = child.output().map_err(text)?;
    let took = begin.elapsed();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() != Some(end.code) {
        return Err(format!("ended with {}: {said}", shown(output.status)));
    }
    if took > LIMIT {
        return Err(format!("took {took:?}"));
    }
    let found = fs::read_to_string(file).map_err(text)?;
    if !found.ends_with('\n') {
        return Err("the file ends within a line".to_owned());
    }
    let mut numbers = Vec::new();
    for line in found.lines() {
        match line.strip_prefix("record ").map(str::parse::<u64>) {
            Some(Ok(number)) => numbers.push(number),
            // What other threads go on to log may find its lane full for good, and is told of.
            _ if end.name == "exit_while_threads_log"
                && (line == "more" || line.starts_with("lost ")) => {}
            _ => return Err(format!("a torn line: {line:?}")),
        }
    }
    let common = numbers.iter().filter(|number| **number < RECORDS);
    if !common.copied().eq(0..RECORDS) {
        return Err(format!("{} of {RECORDS} records, or out of order", numbers.len()));
    }
    numbers.sort_unstable();
    if !numbers.iter().copied().eq(0..RECORDS + end.more) {
        return Err(format!("{:?} after the {RECORDS} records", &numbers[RECORDS as usize..]));
    }
    Ok(())
}

fn text(error: impl fmt::Display) -> String {
    error.to_string()
}

fn shown(status: ExitStatus) -> String {
    status.to_string()
}
