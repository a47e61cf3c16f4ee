//! Binary logs of processes that are killed: with mapped lanes each record is in the log once.
#![cfg(target_os = "linux")]

use sawmill::{
    BinaryFileHandler, BinaryReader, Lanes, Level, Naming, Overflow, Rotate, Runtime,
    RuntimeBuilder, info, warning,
};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
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
    sawmill::builder()
        .level(Level::INFO)
        .overflow(Overflow::block())
        .lane_bytes(256 << 10)
        .durability(Lanes::Mapped(folder.join("lanes")))
        .handler("binary", handler.build().unwrap())
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
