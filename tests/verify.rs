//! `sawmill verify` on the files of a runtime, whole and tampered with.

use sawmill::{
    FileHandler, Formatter, HandlerRef, JsonFormatter, JsonKey, Level, Overflow,
    RotatingFileHandler, Runtime, info,
};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

const PATTERN: &str = "%(asctime)s %(levelname)-8s run=%(run)d lane=%(lane)d sequence=%(sequence)d \
                       %(name)s %(message)s";
const THREADS: u64 = 3;
const EACH: u64 = 3_000;

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("sawmill-verify-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Runs the command; returns whether it was content, and its JSON answer.
fn verify(arguments: &[&str], files: &[PathBuf]) -> (bool, serde_json::Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sawmill"));
    let output = command.args(["verify", "--json"]).args(arguments).args(files).output().unwrap();
    let answer = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", String::from_utf8_lossy(&output.stderr));
    });
    (output.status.success(), answer)
}

/// Logs from several threads through `handler`; returns how many records were attempted, dropped.
fn log(handler: HandlerRef, overflow: Overflow) -> (u64, u64) {
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .handler("file", handler)
        .lane_bytes(16 << 10)
        .overflow(overflow)
        .build()
        .unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let logger = runtime.get_logger("books");
            scope.spawn(move || {
                (0..EACH).for_each(|n| info!(logger: logger, "thread {thread} record {n}"));
            });
        }
    });
    let stats = runtime.stats();
    let report = runtime.shutdown(Duration::from_secs(20));
    assert!(report.is_complete(), "{report}");
    (stats.attempted, stats.dropped)
}

fn lines_of(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(String::from).collect()
}

fn write(path: &Path, lines: &[String]) -> PathBuf {
    fs::write(path, lines.join("\n") + "\n").unwrap();
    path.to_owned()
}

#[test]
fn books_balance_with_losses_reported() {
    let folder = folder("losses");
    for (name, formatter) in [("pattern", false), ("json", true)] {
        let file = folder.join(name);
        let handler = HandlerRef::new(FileHandler::new(&file).unwrap());
        let handler = if formatter {
            let json = JsonFormatter::builder()
                .key(JsonKey::Run, "run")
                .key(JsonKey::Lane, "lane")
                .key(JsonKey::Sequence, "sequence");
            handler.with_formatter(json.build())
        } else {
            handler.with_formatter(Formatter::new(PATTERN).unwrap())
        };
        let (attempted, dropped) = log(handler, Overflow::drop());
        assert_eq!(attempted, THREADS * EACH);
        let (good, answer) = verify(&["--attempted", &attempted.to_string()], &[file]);
        assert!(good, "{answer}");
        assert_eq!(answer["lost"], dropped);
        assert_eq!(answer["found"], attempted - dropped);
        assert_eq!(answer["lanes"], THREADS);
    }
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn archives_count_and_two_runs_may_share_them() {
    let folder = folder("archives");
    let path = folder.join("app.log");
    for _ in 0..2 {
        let rotating =
            RotatingFileHandler::builder(&path).max_bytes(100_000).backup_count(100).build();
        let handler = HandlerRef::new(rotating.unwrap());
        log(handler.with_formatter(Formatter::new(PATTERN).unwrap()), Overflow::block());
    }
    let mut files: Vec<PathBuf> =
        fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(files.len() > 3);
    for path in files.iter_mut().filter(|path| **path != folder.join("app.log")).take(2) {
        let packed = PathBuf::from(format!("{}.gz", path.display()));
        let file = fs::File::create(&packed).unwrap();
        let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        encoder.write_all(&fs::read(&*path).unwrap()).unwrap();
        encoder.finish().unwrap();
        fs::remove_file(&*path).unwrap();
        *path = packed;
    }
    let (good, answer) = verify(&["--pattern", PATTERN], &files);
    assert!(good, "{answer}");
    assert_eq!(answer["found"], 2 * THREADS * EACH);
    assert_eq!(answer["lanes"], 2 * THREADS);
    fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_archives_count_and_one_that_is_cut_off_does_not() {
    let folder = folder("zstd");
    let path = folder.join("app.log");
    let handler = HandlerRef::new(FileHandler::new(&path).unwrap());
    log(handler.with_formatter(Formatter::new(PATTERN).unwrap()), Overflow::block());
    let text = fs::read(&path).unwrap();
    let half = text.len() / 2;
    let half = half + text[half..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    // Two frames, as tools that append make them.
    let mut packed = zstd::bulk::compress(&text[..half / 2], 1).unwrap();
    packed.extend(zstd::bulk::compress(&text[half / 2..half], 1).unwrap());
    let files = [folder.join("app.log.1.zst"), folder.join("app.log")];
    fs::write(&files[0], &packed).unwrap();
    fs::write(&files[1], &text[half..]).unwrap();
    let (good, answer) = verify(&["--pattern", PATTERN], &files);
    assert!(good, "{answer}");
    assert_eq!(answer["found"], THREADS * EACH);
    fs::write(&files[0], &packed[..packed.len() - 100]).unwrap();
    let (good, answer) = verify(&["--pattern", PATTERN], &files);
    assert!(!good);
    assert_eq!(answer["unreadable"], 1, "{answer}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
#[cfg(not(feature = "zstd"))]
fn without_its_feature_a_zstd_archive_is_refused_by_name() {
    let folder = folder("no-zstd");
    let file = folder.join("app.log.1.zst");
    fs::write(&file, [0x28, 0xb5, 0x2f, 0xfd, 0, 0]).unwrap();
    let (good, answer) = verify(&[], &[file]);
    assert!(!good);
    assert!(answer["findings"].to_string().contains("cargo feature \\\"zstd\\\""), "{answer}");
    fs::remove_dir_all(folder).unwrap();
}

#[test]
fn what_was_tampered_with_is_found() {
    let folder = folder("tampered");
    let file = folder.join("whole");
    let handler = HandlerRef::new(FileHandler::new(&file).unwrap());
    log(handler.with_formatter(Formatter::new(PATTERN).unwrap()), Overflow::block());
    let whole = lines_of(&file);
    let other = folder.join("other");
    let found = |lines: &[String], key: &str| {
        let (good, answer) = verify(&["--pattern", PATTERN], &[write(&other, lines)]);
        assert!(!good, "{answer}");
        answer[key].as_u64().unwrap()
    };

    let mut lines = whole.clone();
    lines.remove(500);
    assert_eq!(found(&lines, "unaccounted"), 1);

    let mut lines = whole.clone();
    lines.push(whole[77].clone());
    assert_eq!(found(&lines, "duplicates"), 1);

    let mut lines = whole.clone();
    let lane = |line: &String| line.split("lane=").nth(1).unwrap()[..1].to_owned();
    let next = (1..).find(|at| lane(&lines[*at]) == lane(&lines[0])).unwrap();
    lines.swap(0, next);
    assert!(found(&lines, "out_of_order") > 0);

    let mut lines = whole.clone();
    lines[900].truncate(20);
    assert_eq!(found(&lines, "torn"), 1);

    let mut text = fs::read(&file).unwrap();
    text.truncate(text.len() - 5);
    fs::write(&other, text).unwrap();
    let (good, answer) = verify(&[], std::slice::from_ref(&other));
    assert!(!good);
    assert_eq!(answer["torn"], 1);
    fs::remove_dir_all(folder).unwrap();
}
