//! Rotation in a runtime, with others at work on the files: what a reader of them finds.

#[path = "shared/dir.rs"]
mod dir;

use dir::Dir;
use sawmill::{
    Drain, FileHandler, Formatter, HandlerRef, Keep, Level, MmapRotatingFileHandler, Naming,
    OnFailure, Overflow, Rotate, Runtime, SyncPolicy, error, info,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(60);

impl Dir {
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn read(&self, name: &str) -> String {
        let bytes = std::fs::read(self.join(name)).unwrap();
        if !name.ends_with(".gz") {
            return String::from_utf8(bytes).unwrap();
        }
        let mut text = String::new();
        let mut reader = flate2::read::MultiGzDecoder::new(&*bytes);
        std::io::Read::read_to_string(&mut reader, &mut text).unwrap();
        text
    }

    /// The lines of all files, by name.
    fn lines(&self) -> Vec<String> {
        let files = self.names().into_iter().filter(|name| !name.ends_with(".lock"));
        files
            .flat_map(|name| self.read(&name).lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

fn runtime(handler: impl Into<HandlerRef>) -> Runtime {
    let handler = handler.into();
    handler.set_formatter(Some(Formatter::new("%(message)s").unwrap().into()));
    let builder = Runtime::builder().level(Level::INFO).overflow(Overflow::block());
    builder.on_error(|_| {}).handler("file", handler).build().unwrap()
}

#[cfg(any(feature = "gzip", feature = "sighup"))]
fn wait_for(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_present_file_keeps_its_name_and_the_others_get_theirs_once() {
    let dir = Dir::new();
    for round in 0..3 {
        let handler = FileHandler::builder(dir.join("app.log"))
            .rotate(Rotate::size(1000).or_at_start().utc())
            .latest("latest.log")
            .build()
            .unwrap();
        let runtime = runtime(handler);
        let log = runtime.get_logger("app");
        for n in 0..40 {
            info!(logger: log, "round {round} line {n:02} {}", "-".repeat(80));
        }
        assert!(runtime.shutdown(LONG).is_complete());
    }
    let names = dir.names();
    // Ten lines of 97 bytes a file; files of one second are told apart by a number.
    assert_eq!(names.iter().filter(|name| name.starts_with("app.log.2")).count(), 11, "{names:?}");
    assert!(names.contains(&"latest.log".to_owned()));
    assert_eq!(dir.read("latest.log"), dir.read("app.log"));
    let mut lines = dir.lines();
    let linked = dir.read("latest.log").lines().count();
    assert_eq!(lines.len() - linked, 120);
    lines.sort();
    lines.dedup();
    assert_eq!(lines.len(), 120);
}

#[test]
#[cfg(unix)]
fn a_file_that_others_move_remove_or_cut_is_noticed_within_a_second() {
    let dir = Dir::new();
    let runtime = runtime(FileHandler::new(dir.join("app.log")).unwrap());
    let log = runtime.get_logger("app");
    let mut n = 0;
    // Counts how long lines went elsewhere.
    let mut reaches = |what: &str, there: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !there() {
            n += 1;
            info!(logger: log, "line {n}");
            std::thread::sleep(Duration::from_millis(10));
            assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
        }
        begin.elapsed()
    };
    let has_lines = || std::fs::metadata(dir.join("app.log")).is_ok_and(|meta| meta.len() > 0);
    reaches("written", &has_lines);
    let mut slowest = Duration::ZERO;
    std::fs::rename(dir.join("app.log"), dir.join("app.log.old")).unwrap();
    slowest = slowest.max(reaches("moved", &has_lines));
    std::fs::remove_file(dir.join("app.log")).unwrap();
    slowest = slowest.max(reaches("removed", &has_lines));
    std::fs::File::create(dir.join("app.log")).unwrap();
    slowest = slowest.max(reaches("cut", &has_lines));
    assert!(runtime.shutdown(LONG).is_complete());
    assert!(!dir.read("app.log").contains('\0'));
    println!("the slowest was noticed after {slowest:?}");
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_mapped_file_outlives_copytruncate_by_another_process() {
    let dir = Dir::new();
    let handler = MmapRotatingFileHandler::builder(dir.join("hot.log"));
    let handler = handler.max_bytes(1 << 30).window_bytes(256 << 10).build().unwrap();
    let live = handler.live_path().to_owned();
    let runtime = runtime(handler);
    let log = runtime.get_logger("app");
    let script = "i=0; while [ $i -lt 20 ]; do cp \"$1\" \"$2.$i\"; : > \"$1\"; i=$((i+1)); \
                  sleep 0.02; done";
    let mut other = Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(&live)
        .arg(dir.join("copy"))
        .spawn()
        .unwrap();
    let mut n = 0_u64;
    let mut ended = None;
    while ended.is_none_or(|at| n < at + 1000) {
        for _ in 0..100 {
            info!(logger: log, "{n} {}", "x".repeat(60));
            n += 1;
        }
        if ended.is_none() && other.try_wait().unwrap().is_some() {
            ended = Some(n);
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    assert!(other.wait().unwrap().success());
    assert!(runtime.shutdown(LONG).is_complete());
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!(stats.handler("file").unwrap().failed, 0);
    // What was logged since the last cut is there to the end, whole, without a NUL.
    let text = dir.read("hot.log");
    assert!(!text.contains('\0'));
    let whole = |line: &str| line.len() > 60 && line.ends_with(&"x".repeat(60));
    let numbers: Vec<u64> = text
        .lines()
        .inspect(|line| assert!(whole(line), "{line:?}"))
        .map(|line| line.split(' ').next().unwrap().parse().unwrap())
        .collect();
    assert!(numbers.len() >= 1000, "{}", numbers.len());
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
    assert_eq!(*numbers.last().unwrap(), n - 1);
}

const ROLE: &str = "SAWMILL_TEST_ROTATION";

/// This test binary again, as a process that runs one test in a role.
fn child(test: &str, role: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(ROLE, role)
        .env("SAWMILL_TEST_DIR", dir)
        .spawn()
        .unwrap()
}

#[test]
#[cfg(unix)]
fn processes_that_rotate_one_file_lose_and_double_no_line() {
    const LINES: usize = 5000;
    const PROCESSES: usize = 4;
    const PACKED: usize = if cfg!(feature = "gzip") { 4 } else { 0 };
    let packed = |dir: &Dir| dir.names().iter().filter(|name| name.ends_with(".gz")).count();
    if let Ok(role) = std::env::var(ROLE) {
        let top = PathBuf::from(std::env::var_os("SAWMILL_TEST_DIR").unwrap());
        // Removed by the parent, when all have ended.
        let dir = std::mem::ManuallyDrop::new(Dir(top.join("logs")));
        let handler = FileHandler::builder(dir.join("app.log"));
        let handler = handler.rotate(Rotate::size(50_000).utc()).reserve(false);
        #[cfg(feature = "gzip")]
        let handler = handler.compress(sawmill::Compress::Gzip);
        let runtime = runtime(handler.build().unwrap());
        let log = runtime.get_logger("app");
        let begin = Instant::now();
        let mut n = 0;
        // Until files were compressed beside the writers, however long that takes here.
        while n < LINES || packed(&dir) < PACKED {
            assert!(begin.elapsed() < LONG, "{:?}", dir.names());
            for _ in 0..50 {
                info!(logger: log, "{role} {n} {}", "-".repeat(50));
                n += 1;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(runtime.shutdown(LONG).is_complete());
        std::fs::write(top.join(role), n.to_string()).unwrap();
        return;
    }
    let top = Dir::new();
    let dir = Dir(top.join("logs"));
    std::fs::create_dir(&dir.0).unwrap();
    let name = "processes_that_rotate_one_file_lose_and_double_no_line";
    let children: Vec<_> =
        (0..PROCESSES).map(|role| child(name, &role.to_string(), &top.0)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let logged: Vec<usize> =
        (0..PROCESSES).map(|role| top.read(&role.to_string()).parse().unwrap()).collect();
    let mut found: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for line in dir.lines() {
        let mut words = line.split(' ');
        let mut number = || words.next().unwrap().parse().unwrap();
        *found.entry((number(), number())).or_default() += 1;
        assert_eq!(words.next(), Some("-".repeat(50).as_str()), "{line}");
    }
    let missing: Vec<_> = (0..PROCESSES)
        .flat_map(|role| (0..logged[role]).map(move |n| (role, n)))
        .filter(|line| !found.contains_key(line))
        .collect();
    assert!(missing.is_empty(), "{} {missing:?}", missing.len());
    assert!(found.values().all(|times| *times == 1));
    assert!(logged.iter().all(|lines| *lines >= LINES));
    assert_eq!(found.len(), logged.iter().sum::<usize>());
    assert!(packed(&dir) >= PACKED, "{:?}", dir.names());
    assert!(dir.names().len() > 10, "{:?}", dir.names());
}

#[test]
fn a_report_says_whether_files_were_synced() {
    for drain in [Drain::Thread, Drain::Inline] {
        let dir = Dir::new();
        let build = |handler: HandlerRef| {
            Runtime::builder().drain(drain).handler("file", handler).build().unwrap()
        };
        let never = build(FileHandler::new(dir.join("never.log")).unwrap().into());
        assert!(never.sync(LONG).is_synced(), "nothing was written");
        error!(logger: never.get_logger("app"), "one");
        let report = never.flush(LONG);
        assert!(report.is_complete() && !report.is_synced(), "{report}");
        let report = never.sync(LONG);
        assert!(report.is_complete() && report.is_synced(), "{report}");
        assert!(report.to_string().starts_with("complete and synced"), "{report}");

        let rotated = FileHandler::builder(dir.join("rotated.log")).rotate(Rotate::size(10));
        let rotated = build(rotated.build().unwrap().into());
        for _ in 0..5 {
            error!(logger: rotated.get_logger("app"), "a line that fills a file");
        }
        assert!(!rotated.flush(LONG).is_synced());
        // What was rotated before counts as well.
        let report = rotated.sync(LONG);
        assert_eq!(report.is_synced(), cfg!(target_os = "linux"), "{report}");

        let policy = SyncPolicy::AtLevel(Level::ERROR);
        let at_errors = FileHandler::builder(dir.join("errors.log")).sync(policy).build().unwrap();
        let at_errors = build(at_errors.into());
        let log = at_errors.get_logger("app");
        sawmill::warning!(logger: log, "not yet");
        assert!(!at_errors.flush(LONG).is_synced());
        error!(logger: log, "now");
        assert!(at_errors.flush(LONG).is_synced());
        if cfg!(target_os = "linux") {
            let mapped = MmapRotatingFileHandler::new(dir.join("mapped.log")).unwrap();
            let mapped = build(mapped.into());
            error!(logger: mapped.get_logger("app"), "one");
            assert!(!mapped.flush(LONG).is_synced());
            assert!(mapped.sync(LONG).is_synced());
            let _ = mapped.shutdown(LONG);
        }
        for runtime in [never, rotated, at_errors] {
            assert!(runtime.shutdown(LONG).is_complete());
        }
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_a_full_device_does_not_take_goes_to_the_fallback_and_the_books_balance() {
    let fallback = sawmill::CaptureHandler::new();
    let kept = fallback.records();
    // A device that is always full.
    let handler = FileHandler::builder("/dev/full")
        .on_failure(OnFailure::new().buffer_bytes(512 << 10).fallback(fallback))
        .build()
        .unwrap();
    let runtime = runtime(handler);
    let log = runtime.get_logger("app");
    for n in 0..20_000 {
        info!(logger: log, "{n} {}", "x".repeat(90));
    }
    error!(logger: log, "important");
    assert!(!runtime.flush(LONG).is_complete());
    let report = runtime.shutdown(LONG);
    assert!(report.lost() > 0, "{report}");
    let stats = runtime.stats();
    stats.check().unwrap();
    let file = stats.handler("file").unwrap();
    assert_eq!((file.offered, file.delivered, file.held), (20_001, 0, 0));
    // Below WARNING from half of the memory on; what was accepted is lost with the device.
    assert!(file.failed > 2000 && file.failed < 5000, "{file:?}");
    assert_eq!(file.shed, kept.messages().len() as u64);
    assert!(!kept.messages().contains(&"important".to_owned()));
}

#[test]
fn limits_hold_across_runs_and_at_the_end_of_each() {
    let dir = Dir::new();
    for _ in 0..4 {
        let handler = FileHandler::builder(dir.join("app.log"))
            .rotate(Rotate::size(500))
            .naming(Naming::Rising)
            .keep(Keep::files(3))
            .build()
            .unwrap();
        let runtime = runtime(handler);
        for n in 0..100 {
            info!(logger: runtime.get_logger("app"), "{n} {}", "-".repeat(90));
        }
        assert!(runtime.shutdown(LONG).is_complete());
        assert_eq!(dir.names().len(), 4, "{:?}", dir.names());
    }
    // 100 lines of 93 or 94 bytes, five a file, and no number twice.
    assert_eq!(dir.names()[3], "app.log.000079");
}

#[test]
#[cfg(feature = "gzip")]
fn rotated_files_are_compressed_behind_the_drain_and_what_is_left_at_the_next_start() {
    use std::io::Read;
    let dir = Dir::new();
    let build = || {
        let handler = FileHandler::builder(dir.join("app.log"))
            .rotate(Rotate::size(10_000))
            .compress(sawmill::Compress::Gzip);
        runtime(handler.build().unwrap())
    };
    let first = build();
    for n in 0..1000 {
        info!(logger: first.get_logger("app"), "{n} {}", "-".repeat(90));
    }
    // Ends before the rotated files have settled.
    assert!(first.shutdown(LONG).is_complete());
    let second = build();
    let left = || {
        let plain = |name: &String| name.starts_with("app.log.") && !name.ends_with(".gz");
        dir.names().iter().filter(|name| plain(name)).count()
    };
    wait_for("compressed", || left() == 0);
    assert!(second.shutdown(LONG).is_complete());
    let mut numbers = Vec::new();
    for name in dir.names() {
        let bytes = std::fs::read(dir.join(&name)).unwrap();
        let mut text = String::new();
        match name.ends_with(".gz") {
            true => {
                flate2::read::GzDecoder::new(&*bytes).read_to_string(&mut text).unwrap();
            }
            false => text = String::from_utf8(bytes).unwrap(),
        }
        let number = |line: &str| line.split(' ').next().unwrap().parse::<usize>().unwrap();
        numbers.extend(text.lines().map(number));
    }
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..1000));
}

#[test]
#[cfg(all(unix, feature = "sighup"))]
fn the_signal_sighup_opens_files_anew() {
    const NAME: &str = "the_signal_sighup_opens_files_anew";
    if std::env::var_os(ROLE).is_some() {
        let dir = std::path::PathBuf::from(std::env::var_os("SAWMILL_TEST_DIR").unwrap());
        let handler = FileHandler::builder(dir.join("app.log")).follow(false).build().unwrap();
        let runtime = runtime(handler);
        sawmill::reopen_files_on_sighup().unwrap();
        let begin = Instant::now();
        for n in 0_u64.. {
            info!(logger: runtime.get_logger("app"), "{n}");
            std::thread::sleep(Duration::from_millis(5));
            if dir.join("stop").exists() || begin.elapsed() > LONG {
                break;
            }
        }
        assert!(runtime.shutdown(LONG).is_complete());
        return;
    }
    let dir = Dir::new();
    let mut other = child(NAME, "writer", &dir.0);
    let has_lines = |name: &str| std::fs::metadata(dir.join(name)).is_ok_and(|it| it.len() > 100);
    wait_for("the first lines", || has_lines("app.log"));
    std::fs::rename(dir.join("app.log"), dir.join("app.log.1")).unwrap();
    std::thread::sleep(Duration::from_millis(600));
    assert!(!dir.join("app.log").exists(), "nobody asked yet");
    let signal = Command::new("kill").args(["-HUP", &other.id().to_string()]).status().unwrap();
    assert!(signal.success());
    wait_for("the new file", || has_lines("app.log"));
    std::fs::write(dir.join("stop"), "").unwrap();
    assert!(other.wait().unwrap().success());
    let numbers: Vec<u64> = ["app.log.1", "app.log"]
        .iter()
        .flat_map(|name| dir.read(name).lines().map(|it| it.parse().unwrap()).collect::<Vec<_>>())
        .collect();
    assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
}

#[cfg(feature = "yaml")]
mod configured {
    use super::*;
    use sawmill::config::{Config, Registry};

    fn apply(dir: &Dir, handlers: &str) -> Result<Runtime, sawmill::Error> {
        let text = format!(
            "version: 1\nformatters: {{plain: {{format: '%(message)s'}}}}\nhandlers:\n{}\n\
             root: {{level: INFO, handlers: [file]}}\n",
            handlers.replace("DIR", &dir.0.display().to_string())
        );
        let runtime = Runtime::builder().drain(Drain::Inline).on_error(|_| {}).build()?;
        Config::from_yaml(&text)?.apply_to(&runtime, &Registry::new())?;
        Ok(runtime)
    }

    #[test]
    fn a_configuration_sets_rotation_limits_and_what_happens_on_a_full_disk() {
        let dir = Dir::new();
        let runtime = apply(
            &dir,
            "  spare: {class: logging.FileHandler, filename: DIR/spare.log, formatter: plain}
  file:
    class: sawmill.FileHandler
    filename: DIR/logs/app.log
    formatter: plain
    createDirs: true
    permissions: \"600\"
    maxBytes: 1 KiB
    rotate: [day, start, 6 h, w0]
    atTime: \"04:30\"
    zone: Europe/Paris
    naming: rising
    keepFiles: 2
    keepBytes: 1 MiB
    keepAge: 30 d
    latest: latest.log
    sync: ERROR
    bufferBytes: 2 MiB
    shedBelow: INFO
    waitWhenFull: 10 ms
    deleteArchives: true
    fallback: spare",
        )
        .unwrap();
        for n in 0..100 {
            info!(logger: runtime.get_logger("app"), "{n} {}", "-".repeat(90));
        }
        assert!(!runtime.flush(LONG).is_synced());
        error!(logger: runtime.get_logger("app"), "now");
        assert!(runtime.shutdown(LONG).is_complete());
        let logs = Dir(dir.join("logs"));
        let names = logs.names();
        assert_eq!(names.len(), 4, "{names:?}");
        assert!(names.contains(&"app.log.000009".to_owned()), "{names:?}");
        assert!(logs.read("app.log").ends_with("now\n"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = logs.join("app.log").metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
            assert_eq!(logs.read("latest.log"), logs.read("app.log"));
        }
    }

    #[test]
    fn a_mapped_file_is_configured_by_the_same_keys() {
        let dir = Dir::new();
        let handler = "  file: {class: sawmill.MmapRotatingFileHandler, filename: DIR/hot.log, \
                       maxBytes: 1000, naming: dated, rotate: hour, windowBytes: 64 KiB, \
                       keepFiles: 3, sync: 1 s, formatter: plain}";
        let runtime = apply(&dir, handler).unwrap();
        for n in 0..100 {
            info!(logger: runtime.get_logger("app"), "{n} {}", "-".repeat(90));
        }
        assert!(runtime.shutdown(LONG).is_complete());
        assert_eq!(dir.names().len(), 4, "{:?}", dir.names());
        assert!(dir.read("hot.log").ends_with(&format!("99 {}\n", "-".repeat(90))));
    }

    #[test]
    fn each_mistake_is_told_with_its_place_and_no_file_is_made() {
        let dir = Dir::new();
        let refused = |keys: &str, class: &str| {
            let handler = format!("  file: {{class: {class}, filename: DIR/a.log, {keys}}}");
            apply(&dir, &handler).expect_err(keys).to_string()
        };
        for (keys, at, text) in [
            ("rotate: dayly", "handlers.file.rotate", "expected hour, day"),
            ("rotate: w7", "handlers.file", "no weekday"),
            ("maxBytes: 64 pints", "handlers.file.maxBytes", "a number of bytes"),
            ("keepAge: -1", "handlers.file.keepAge", "a length of time"),
            ("naming: random", "handlers.file.naming", "unknown naming"),
            ("compress: rar", "handlers.file.compress", "unknown compression"),
            ("sync: sometimes", "handlers.file.sync", ""),
            ("permissions: 999", "handlers.file.permissions", "octal"),
            ("fallback: nobody", "handlers.file.fallback", "there is no handler"),
            ("atTime: noon", "handlers.file.atTime", "HH:MM"),
            ("rotate: day, zone: Mars/Olympus", "handlers.file", "Mars/Olympus"),
            ("utc: true", "handlers.file.utc", "means nothing"),
            ("maxBytes: 10, naming: shifting", "handlers.file", "number of files"),
            ("keepFile: 3", "handlers.file.keepFile", "keepFiles"),
        ] {
            let told = refused(keys, "sawmill.FileHandler");
            assert!(told.contains(at) && told.contains(text), "{keys}: {told}");
        }
        // Python's class takes Python's arguments.
        let told = refused("rotate: day", "logging.FileHandler");
        assert!(told.contains("handlers.file.rotate"), "{told}");
        assert_eq!(dir.names(), [""; 0]);
    }
}
