//! The commands `decode` and `tail`, from outside.

#[path = "shared/dir.rs"]
mod dir;

use dir::Dir;
use sawmill::{
    BinaryFileHandler, FileHandler, Formatter, HandlerExt, HandlerRef, JsonFormatter, Level,
    MmapRotatingFileHandler, Naming, Rotate, Runtime, debug, error, info,
};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const PATTERN: &str = "%(asctime)s %(levelname)s %(name)s %(lineno)d %(sequence)d %(message)s";

impl Dir {
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.join(name)).unwrap()
    }

    /// Logs 20 000 records as text, JSON and binary.
    fn fill(&self) {
        let text = FileHandler::new(self.join("a.txt")).unwrap();
        let runtime = Runtime::builder()
            .level(Level::DEBUG)
            .overflow(sawmill::Overflow::block())
            .handler("text", text.with_formatter(Formatter::new(PATTERN).unwrap()))
            .handler(
                "json",
                FileHandler::new(self.join("a.json")).unwrap().with_formatter(JsonFormatter::new()),
            )
            .handler("binary", BinaryFileHandler::new(self.join("a.slog")).unwrap())
            .build()
            .unwrap();
        let (shop, cart) = (runtime.get_logger("shop"), runtime.get_logger("shop.cart"));
        runtime.scope(|| {
            for n in 0..20_000_u64 {
                info!("number {n} of {}", n as f64 * 0.5);
                if n % 100 == 0 {
                    debug!(logger: shop, "shop {n}");
                    info!(logger: cart, user = n; "cart {n}");
                }
                if n == 15_000 {
                    error!("the only error");
                }
            }
        });
        end(&runtime);
    }
}

fn end(runtime: &Runtime) {
    let report = runtime.shutdown(Duration::from_secs(30));
    assert!(report.is_complete(), "{report}");
}

fn sawmill(arguments: &[&str], files: &[PathBuf]) -> Output {
    command(arguments, files).output().unwrap()
}

fn command(arguments: &[&str], files: &[PathBuf]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sawmill"));
    command.args(arguments).args(files).stdin(Stdio::null());
    command
}

#[track_caller]
fn assert_shown(output: &Output, expected: &str) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let shown = String::from_utf8_lossy(&output.stdout);
    if shown != expected {
        for (found, expected) in shown.lines().zip(expected.lines()) {
            assert_eq!(found, expected);
        }
        panic!("{} lines, expected {}", shown.lines().count(), expected.lines().count());
    }
}

fn matching(text: &str, wanted: impl Fn(&str) -> bool) -> String {
    text.split_inclusive('\n').filter(|line| wanted(line)).collect()
}

#[test]
fn what_is_decoded_is_what_was_written_live() {
    let dir = Dir::new();
    dir.fill();
    let log = [dir.join("a.slog")];
    let text = dir.read("a.txt");
    assert_shown(&sawmill(&["decode", "--format", PATTERN], &log), &text);
    assert_shown(&sawmill(&["decode", "--json", "--threads", "3"], &log), &dir.read("a.json"));
    // Its archive, and both together.
    let mut packed = flate2::write::GzEncoder::new(
        std::fs::File::create(dir.join("a.gz")).unwrap(),
        flate2::Compression::fast(),
    );
    packed.write_all(&std::fs::read(&log[0]).unwrap()).unwrap();
    packed.finish().unwrap();
    let both = [dir.join("a.gz"), dir.join("a.slog")];
    assert_shown(&sawmill(&["decode", "--format", PATTERN], &both), &text.repeat(2));

    let shows = |arguments: &[&str], wanted: &dyn Fn(&str) -> bool| {
        let arguments = [&["decode", "--format", PATTERN], arguments].concat();
        let expected = matching(&text, wanted);
        assert!(!expected.is_empty() && expected.len() < text.len());
        assert_shown(&sawmill(&arguments, &log), &expected);
        let archive = [dir.join("a.gz")];
        assert_shown(&sawmill(&arguments, &archive), &expected);
    };
    shows(&["--level", "error"], &|line| line.contains(" ERROR "));
    shows(&["--logger", "shop"], &|line| line.contains(" shop"));
    shows(&["--logger", "shop.cart", "--grep", "7"], &|line| {
        line.contains(" shop.cart ") && line.contains('7')
    });
    // Times are those of records: the one of the error divides the others.
    let json = dir.read("a.json");
    let at = json.lines().position(|line| line.contains("the only error")).unwrap();
    let stamp = |line: &str| {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        record["timestamp"].as_str().unwrap().to_owned()
    };
    let time = stamp(json.lines().nth(at).unwrap());
    let line_of = |n: usize| text.lines().nth(n).unwrap().to_owned();
    let since = sawmill(&["decode", "--format", PATTERN, "--since", &time], &log);
    assert!(since.status.success(), "{}", String::from_utf8_lossy(&since.stderr));
    let since = String::from_utf8(since.stdout).unwrap();
    assert!(since.lines().count() < 8_000 && since.contains("the only error"));
    assert_eq!(since.lines().last().unwrap(), text.lines().last().unwrap());
    let until = sawmill(&["decode", "--format", PATTERN, "--until", &time], &log);
    let until = String::from_utf8(until.stdout).unwrap();
    assert!(until.starts_with(&line_of(0)) && !until.contains("the only error"));
    assert_eq!(until.lines().count() + since.lines().count(), text.lines().count());
    let style = sawmill(&["decode", "--style", "{", "--format", "{levelname}:{message}"], &log);
    assert!(style.stdout.starts_with(b"INFO:number 0 of 0\n"));
}

#[test]
fn a_damaged_log_is_decoded_to_its_last_whole_block_and_says_what_is_lost() {
    let dir = Dir::new();
    dir.fill();
    let text = dir.read("a.txt");
    let whole = std::fs::read(dir.join("a.slog")).unwrap();
    let log = [dir.join("b.slog")];
    std::fs::write(&log[0], &whole[..whole.len() * 2 / 3]).unwrap();
    let output = sawmill(&["decode", "--format", PATTERN], &log);
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(text.starts_with(&shown) && shown.lines().count() > 5_000);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("no whole block") && told.contains("records are lost"), "{told}");
    // In the middle: the others are there, and in order.
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    std::fs::write(&log[0], &flipped).unwrap();
    let output = sawmill(&["decode", "--format", PATTERN], &log);
    assert_eq!(output.status.code(), Some(1));
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    assert!(shown.lines().all(|line| lines.any(|known| known == line)));
    assert!(shown.lines().last() == text.lines().last() && shown.len() < text.len());
    let missing = sawmill(&["decode"], &[dir.join("nothing")]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn the_books_of_a_binary_log_are_done() {
    let dir = Dir::new();
    let binary = BinaryFileHandler::new(dir.join("a.slog")).unwrap();
    // Callers do not wait: some are lost, and told.
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .lane_bytes(16 << 10)
        .overflow(sawmill::Overflow::drop())
        .handler("binary", binary)
        .build()
        .unwrap();
    runtime.scope(|| (0..60_000_u64).for_each(|n| info!("number {n} of {}", n * 2)));
    end(&runtime);
    let dropped = runtime.stats().dropped;
    let log = [dir.join("a.slog")];
    let output = sawmill(&["verify", "--attempted", "60000", "--json"], &log);
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{told}");
    let sums: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&sums["lost"], &sums["attempted"]), (&dropped.into(), &60_000.into()));
    // A damaged one is found out.
    let mut bytes = std::fs::read(&log[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&log[0], bytes).unwrap();
    assert!(!sawmill(&["verify"], &log).status.success());
}

/// A command that follows, and the lines that it shows.
struct Following {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
}

impl Following {
    fn new(arguments: &[&str], file: &Path) -> Self {
        let mut child = command(arguments, &[file.to_owned()])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        let (send, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            out.lines().map_while(Result::ok).all(|line| send.send(line).is_ok())
        });
        Self { child, lines }
    }

    fn take(&self, count: usize) -> Vec<String> {
        let until = Instant::now() + Duration::from_secs(30);
        let mut found = Vec::new();
        while found.len() < count {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => found.push(line),
                Err(_) => break,
            }
        }
        found
    }

    /// Interrupts it and returns what else it said.
    #[cfg(unix)]
    fn interrupt(mut self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        let mut told = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        (status.code(), told)
    }
}

/// Logs `from..to` and has them written.
fn log(runtime: &Runtime, numbers: std::ops::Range<u64>) {
    runtime.scope(|| numbers.for_each(|n| info!("line {n}")));
    assert!(runtime.flush(Duration::from_secs(30)).is_complete());
}

fn follows_through_rotation(
    make: impl Fn(&Path) -> HandlerRef,
    roll: impl Fn(&HandlerRef),
    arguments: &[&str],
    all: bool,
) {
    let dir = Dir::new();
    let path = dir.join("a.log");
    let handler = make(&path);
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("file", handler.clone().with_formatter(Formatter::new("%(message)s").unwrap()))
        .build()
        .unwrap();
    log(&runtime, 0..50);
    let following = Following::new(arguments, &path);
    let first = if all { 0 } else { 47 };
    let expect = |from: u64, to: u64| {
        let expected: Vec<_> = (from..to).map(|n| format!("line {n}")).collect();
        assert_eq!(following.take((to - from) as usize), expected);
    };
    expect(first, 50);
    log(&runtime, 50..60);
    expect(50, 60);
    log(&runtime, 60..65);
    roll(&handler);
    log(&runtime, 65..70);
    // Twice before anybody may have looked.
    roll(&handler);
    log(&runtime, 70..75);
    expect(60, 75);
    let (code, told) = following.interrupt();
    assert_eq!((code, &*told), (Some(0), ""));
    end(&runtime);
}

const SECONDS_10: Duration = Duration::from_secs(10);

#[test]
#[cfg(unix)]
fn text_is_followed_through_rotation_until_interrupted() {
    follows_through_rotation(
        |path| {
            let handler = FileHandler::builder(path).rotate(Rotate::on_request());
            handler.naming(Naming::Rising).build().unwrap().into()
        },
        |handler| {
            handler.with(SECONDS_10, |file: &mut FileHandler| file.do_rollover()).unwrap().unwrap();
        },
        &["tail", "-f", "-n", "3"],
        false,
    );
}

#[test]
#[cfg(target_os = "linux")]
fn mapped_files_are_followed_through_rotation() {
    follows_through_rotation(
        |path| {
            let handler = MmapRotatingFileHandler::builder(path).window_bytes(64 << 10);
            handler.build().unwrap().into()
        },
        |handler| {
            let roll = |file: &mut MmapRotatingFileHandler| file.do_rollover();
            handler.with(SECONDS_10, roll).unwrap().unwrap();
        },
        &["tail", "-f", "-n", "3"],
        false,
    );
}

#[test]
#[cfg(unix)]
fn binary_logs_are_followed_through_rotation() {
    let make = |path: &Path| {
        let handler = BinaryFileHandler::builder(path).rotate(Rotate::on_request());
        handler.naming(Naming::Rising).build().unwrap().into()
    };
    let roll = |handler: &HandlerRef| {
        let roll = |file: &mut BinaryFileHandler| file.do_rollover();
        handler.with(SECONDS_10, roll).unwrap().unwrap();
    };
    let format = ["--format", "%(message)s"];
    follows_through_rotation(make, roll, &[&["tail", "-fn3"], &format[..]].concat(), false);
    follows_through_rotation(make, roll, &[&["decode", "-f"], &format[..]].concat(), true);
}

#[test]
fn the_end_of_a_log_is_shown_whatever_its_kind() {
    let dir = Dir::new();
    dir.fill();
    let text = dir.read("a.txt");
    let last = |n: usize| {
        let from = text.lines().count() - n;
        text.split_inclusive('\n').skip(from).collect::<String>()
    };
    for n in ["0", "1", "10", "5000"] {
        let expected = last(n.parse().unwrap());
        assert_shown(&sawmill(&["tail", "-n", n], &[dir.join("a.txt")]), &expected);
        let binary = sawmill(&["tail", "-n", n, "--format", PATTERN], &[dir.join("a.slog")]);
        assert_shown(&binary, &expected);
    }
    let error = ["tail", "--level", "ERROR", "--format", "%(message)s"];
    assert_shown(&sawmill(&error, &[dir.join("a.slog")]), "the only error\n");
    let refused = sawmill(&error, &[dir.join("a.txt")]);
    assert_eq!(refused.status.code(), Some(2));
}

#[test]
#[cfg(unix)]
fn a_closed_pipe_ends_it_quietly() {
    let dir = Dir::new();
    dir.fill();
    for arguments in [&["decode"][..], &["decode", "--json", "-f"], &["tail", "-f", "-n30000"]] {
        let mut child = command(arguments, &[dir.join("a.slog")])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut begin = [0; 10];
        child.stdout.take().unwrap().read_exact(&mut begin).unwrap();
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), &*told), (Some(0), ""), "{arguments:?}");
    }
}
