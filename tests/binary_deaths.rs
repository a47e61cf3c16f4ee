//! Binary logs of processes that are killed: with mapped lanes each record is in the log once.
#![cfg(target_os = "linux")]

use sawmill::{
    BinaryFileHandler, BinaryReader, Context, Drain, Error, FileHandler, Handler, HandlerRef,
    Lanes, Level, LogRecord, Naming, Overflow, Rotate, Runtime, RuntimeBuilder, info, warning,
};
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use std::{env, fs, process, thread};

const LIMIT: Duration = Duration::from_secs(30);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("sawmill-binary-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// The numbers in all files, the rotated ones first.
    fn numbers(&self) -> Vec<u64> {
        let mut names: Vec<PathBuf> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .collect();
        names.sort();
        // `a.slog` comes before `a.slog.1`, and is the newest.
        names.rotate_left(1);
        let mut found = Vec::new();
        for name in names {
            let mut reader = BinaryReader::open(&name).unwrap();
            while let Some(block) = reader.next_block().unwrap() {
                block
                    .for_each(|record| {
                        let message = record.message().unwrap();
                        let number = message.split(' ').nth(1).unwrap();
                        found.push(number.parse().unwrap());
                    })
                    .unwrap();
            }
            assert!(reader.finish().is_none(), "{name:?}: {}", reader.damage());
        }
        found
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn builder(kind: &str, folder: &Path) -> RuntimeBuilder {
    let mut handler = BinaryFileHandler::builder(folder.join("a.slog")).naming(Naming::Rising);
    if kind.contains("rotated") {
        handler = handler.rotate(Rotate::size(300_000));
    }
    if kind.contains("compressed") {
        handler = handler.compress_blocks(3);
    }
    mapped(folder).handler("binary", handler.build().unwrap())
}

fn mapped(folder: &Path) -> RuntimeBuilder {
    sawmill::builder()
        .level(Level::INFO)
        .overflow(Overflow::block())
        .lane_bytes(256 << 10)
        .durability(Lanes::Mapped(folder.join("lanes")))
}

/// The process that is killed: logs numbers, and tells now and then how many.
#[test]
fn child() {
    let Ok(kind) = env::var("SAWMILL_BINARY_DEATH") else { return };
    let folder = PathBuf::from(env::var_os("SAWMILL_FOLDER").unwrap());
    let _runtime = builder(&kind, &folder).init().unwrap();
    let mut out = std::io::stdout();
    for n in 0_u64.. {
        info!("number {n} {} {}", n as f64 * 0.5, "some text");
        if n % 512 == 511 {
            let _ = out.write_all(b"+");
            let _ = out.flush();
            if n % 4096 == 4095 {
                // The rings run dry.
                thread::sleep(Duration::from_millis(1));
            }
        }
        assert!(n < 1 << 24, "nobody kills this process");
    }
    warning!("not reached");
}

fn die_and_recover(kind: &str) {
    for round in 0..8_u64 {
        let folder = Folder::new(&format!("{kind}-{round}"));
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["child", "--exact", "--nocapture"])
            .env("SAWMILL_BINARY_DEATH", kind)
            .env("SAWMILL_FOLDER", &folder.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut told = child.stdout.take().unwrap();
        let mut marks = 0;
        let mut one = [0];
        // Once it is under way, and some blocks later.
        while marks < 4 + round * 13 && matches!(told.read(&mut one), Ok(1)) {
            marks += u64::from(one[0] == b'+');
        }
        thread::sleep(Duration::from_micros(round * 731));
        child.kill().unwrap();
        child.wait().unwrap();
        let mut rest = Vec::new();
        told.read_to_end(&mut rest).unwrap();
        let logged = 512 * (marks + rest.iter().filter(|byte| **byte == b'+').count() as u64);

        let runtime: Runtime = builder(kind, &folder.0).build().unwrap();
        let report = runtime.shutdown(LIMIT);
        assert!(report.is_complete(), "{report}");
        runtime.stats().check().unwrap();
        let found = folder.numbers();
        assert!(found.len() as u64 >= logged, "{} of at least {logged}", found.len());
        let wrong = found.iter().zip(0..).position(|(found, expected)| *found != expected);
        assert_eq!(wrong, None, "{kind}, round {round}, of {}", found.len());
    }
}

#[test]
fn each_record_of_a_killed_process_is_in_its_log_once() {
    die_and_recover("plain");
}

#[test]
fn so_it_is_in_logs_that_are_rotated() {
    die_and_recover("rotated");
}

#[test]
#[cfg(feature = "zstd")]
fn so_it_is_in_logs_whose_blocks_are_compressed() {
    die_and_recover("compressed");
    die_and_recover("compressed, rotated");
}

/// When a process dies that has another writer beside it in its file.
const MOMENTS: [&str; 4] = ["before a write", "behind it", "beside others", "in a batch"];
/// The same as the first, and both log text.
const WITH_TEXT: &str = "before a write of text";
/// Records that are written in one batch by the last of these.
const MANY: u64 = 40_000;
/// The numbers of the other writer begin here.
const OTHERS: u64 = 1 << 30;

/// Does something at a moment of a batch, once the fuse burns.
struct Deed {
    on_record: bool,
    act: Box<dyn FnMut() + Send>,
}

static FUSE: AtomicBool = AtomicBool::new(false);

impl Handler for Deed {
    fn emit(&mut self, record: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        if self.on_record && record.message()?.starts_with("last") {
            (self.act)();
        }
        Ok(())
    }

    fn batch_end(&mut self, _: &mut Context<'_>) -> Result<(), Error> {
        if !self.on_record && FUSE.load(Ordering::Relaxed) {
            (self.act)();
        }
        Ok(())
    }
}

/// The process that dies beside another writer, which here is another runtime.
#[test]
fn child_beside_others() {
    let Ok(moment) = env::var("SAWMILL_BINARY_MOMENT") else { return };
    let folder = PathBuf::from(env::var_os("SAWMILL_FOLDER").unwrap());
    let file = || match &*moment {
        WITH_TEXT => HandlerRef::new(FileHandler::new(folder.join("a.log")).unwrap()),
        _ => HandlerRef::new(BinaryFileHandler::new(folder.join("a.slog")).unwrap()),
    };
    let others =
        sawmill::builder().level(Level::INFO).drain(Drain::Inline).handler("binary", file());
    let others = Arc::new(others.build().unwrap());
    let said = Arc::new(AtomicU64::new(OTHERS));
    let say = move || {
        // Not on the thread that is delivering something else.
        let (others, number) = (others.clone(), said.fetch_add(1, Ordering::Relaxed));
        thread::spawn(move || others.scope(|| info!("number {number}"))).join().unwrap();
    };
    say();
    let once_more = say.clone();
    let deed = |on_record, act: Box<dyn FnMut() + Send>| HandlerRef::new(Deed { on_record, act });
    let end = || Box::new(|| process::abort());
    let in_batch = moment == "in a batch";
    let drain = if in_batch { Drain::Thread } else { Drain::Inline };
    let builder = mapped(&folder).lane_bytes(16 << 20).drain(drain);
    let runtime = match &*moment {
        "before a write" | WITH_TEXT => {
            builder.handler("end", deed(false, end())).handler("binary", file())
        }
        "behind it" => builder.handler("binary", file()).handler("end", deed(false, end())),
        "beside others" => builder
            .handler("say", deed(false, Box::new(say)))
            .handler("binary", file())
            .handler("end", deed(false, end())),
        _ => {
            let act = move || {
                say();
                process::abort();
            };
            builder.handler("binary", file()).handler("end", deed(true, Box::new(act)))
        }
    };
    let runtime = runtime.build().unwrap();
    let log = |n: u64| info!("number {n} {}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    runtime.scope(|| {
        if in_batch {
            runtime.pause(LIMIT).unwrap();
            (0..MANY).for_each(log);
            info!("last {MANY}");
            runtime.resume().unwrap();
        } else {
            (0..10).for_each(log);
            if moment != "beside others" {
                once_more();
            }
            FUSE.store(true, Ordering::Relaxed);
            log(10);
        }
    });
    thread::sleep(LIMIT);
    panic!("it does not die");
}

fn die_beside_others(moment: &str, folder: &Folder) {
    let status = Command::new(env::current_exe().unwrap())
        .args(["child_beside_others", "--exact", "--nocapture"])
        .env("SAWMILL_BINARY_MOMENT", moment)
        .env("SAWMILL_FOLDER", &folder.0)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.signal(), Some(libc::SIGABRT), "{moment}: {status}");
}

#[test]
fn a_recovery_cuts_no_lines_of_others_from_a_text() {
    let folder = Folder::new("beside-text");
    die_beside_others(WITH_TEXT, &folder);
    let path = folder.0.join("a.log");
    let handler = FileHandler::new(&path).unwrap();
    let runtime = mapped(&folder.0).handler("file", handler).build().unwrap();
    assert!(runtime.shutdown(LIMIT).is_complete());
    let text = fs::read_to_string(path).unwrap();
    for number in (0..=10).chain([OTHERS, OTHERS + 1]) {
        let shown = format!("] number {number}");
        let is_it = |line: &str| {
            let rest = line.split_once(&*shown).map(|(_, rest)| rest);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        assert!(text.lines().any(is_it), "{number} is not in {text}");
    }
}

#[test]
fn beside_other_writers_each_record_is_in_the_log_once() {
    for (at, moment) in MOMENTS.iter().enumerate() {
        let folder = Folder::new(&format!("beside-{at}"));
        die_beside_others(moment, &folder);
        let runtime: Runtime = builder("plain", &folder.0).build().unwrap();
        let report = runtime.shutdown(LIMIT);
        assert!(report.is_complete(), "{report}");
        let mut found = folder.numbers();
        found.sort_unstable();
        let most = if *moment == "in a batch" { MANY } else { 10 };
        let expected: Vec<u64> = (0..=most).chain(OTHERS..OTHERS + 2).collect();
        let wrong = found.iter().zip(&expected).position(|(found, expected)| found != expected);
        assert_eq!((wrong, found.len()), (None, expected.len()), "{moment}");
        if *moment == "in a batch" {
            // What was written of it before the others wrote is void.
            let log = fs::read(folder.0.join("a.slog")).unwrap();
            let void = b"\xc1Sw\xfe\x05";
            assert!(log.windows(void.len()).any(|bytes| bytes == void));
        }
    }
}
