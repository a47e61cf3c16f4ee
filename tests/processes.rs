//! Several processes: each to its own file, one file under a common lock, one process that drains
//! the lanes of the others. What all of them logged is in the files once, in each thread's order.
//!
//! Without the test harness: this program starts itself anew as the processes. A short form runs
//! with the tests; `cargo test --release -p sawmill --features cli --test processes -- --full` has
//! eight processes log a million records each way. Arguments name the ways to be run.

#![cfg_attr(not(unix), allow(unused))]

use sawmill::{
    FileHandler, Formatter, HandlerRef, Keep, Lanes, Level, Overflow, Rotate, Runtime, info,
};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

const PATTERN: &str = "%(asctime)s %(levelname)s run=%(run)d lane=%(lane)d \
                       sequence=%(sequence)d %(process)d %(message)s";
const LIMIT: Duration = Duration::from_secs(300);
const PROCESSES: u64 = 8;
const THREADS: u64 = 2;

fn main() {
    if !cfg!(target_os = "linux") {
        println!("skipped: mapped lanes are there on Linux only");
        return;
    }
    let arguments: Vec<String> = env::args().skip(1).collect();
    match env::var("SAWMILL_PROCESS") {
        Ok(role) => child(&role),
        Err(_) => parent(&arguments),
    }
}

// --- the processes -------------------------------------------------------------------------

fn number(name: &str) -> u64 {
    env::var(name).unwrap().parse().unwrap()
}

fn folder() -> PathBuf {
    env::var_os("SAWMILL_FOLDER").unwrap().into()
}

fn file(path: &Path, shared: bool) -> HandlerRef {
    let bytes = number("SAWMILL_ROTATE");
    let builder = FileHandler::builder(path).rotate(Rotate::size(bytes)).keep(Keep::all());
    let file = if shared { builder.shared(true) } else { builder };
    HandlerRef::new(file.build().unwrap()).with_formatter(Formatter::new(PATTERN).unwrap())
}

fn child(role: &str) {
    match role {
        "own" => worker(&own_file()),
        "shared" => worker(&runtime(file(&folder().join("all.log"), true), Lanes::Heap)),
        "shared-mapped" => {
            let lanes = Lanes::Mapped(folder().join("lanes"));
            worker(&runtime(file(&folder().join("all.log"), true), lanes));
        }
        "worker" => worker(
            &Runtime::builder()
                .level(Level::INFO)
                .durability(Lanes::Mapped(folder().join("lanes")).collected())
                // Small enough that a worker waits for its collector.
                .lane_bytes(16 << 10)
                .overflow(Overflow::block())
                .init()
                .unwrap(),
        ),
        "collector" => collector(),
        other => panic!("unknown: {other}"),
    }
}

fn runtime(handler: HandlerRef, lanes: Lanes) -> Runtime {
    Runtime::builder()
        .level(Level::INFO)
        .durability(lanes)
        // What a killed process leaves is to be written in a moment.
        .lane_bytes(64 << 10)
        .overflow(Overflow::block())
        .handler("file", handler)
        .init()
        .unwrap()
}

fn own_file() -> Runtime {
    let path = folder().join(format!("own-{}.log", process::id()));
    runtime(file(&path, false), Lanes::Heap)
}

fn worker(runtime: &Runtime) {
    let records = number("SAWMILL_RECORDS") / THREADS;
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            thread::spawn(move || {
                for n in 0..records {
                    info!("thread {thread} record {n} {:.3}", n as f64 * 0.5);
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let report = runtime.shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!((stats.attempted, stats.dropped), (records * THREADS, 0));
}

/// Collects until every process has been found and has ended; a file `stop` ends it at once.
fn collector() {
    let handler = file(&folder().join("all.log"), false);
    let runtime =
        Runtime::builder().handler("file", handler).overflow(Overflow::block()).build().unwrap();
    runtime.collect(folder().join("lanes")).unwrap();
    let again = Runtime::builder().build().unwrap();
    let second = again.collect(folder().join("lanes"));
    assert!(second.unwrap_err().is_already());
    fs::write(folder().join("collecting"), "").unwrap();
    let until = Instant::now() + LIMIT;
    let (processes, stop) = (number("SAWMILL_PROCESSES"), folder().join("stop"));
    let mut idle = 0;
    while Instant::now() < until {
        let (found, left) = runtime.collected_processes(LIMIT).unwrap();
        let over = found >= processes && left == 0;
        idle = if over { idle + 1 } else { 0 };
        // Twice, for one that is about to be found.
        if stop.exists() || idle > 10 {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
    let report = runtime.shutdown(LIMIT);
    assert!(report.is_complete(), "{report}");
    runtime.stats().check().unwrap();
}

// --- what they come to ---------------------------------------------------------------------

struct Way {
    folder: PathBuf,
    records: u64,
    rotate: u64,
}

impl Way {
    fn new(name: &str, records: u64, rotate: u64) -> Self {
        let folder = env::temp_dir().join(format!("sawmill-processes-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        Self { folder, records, rotate }
    }

    fn start(&self, role: &str, processes: u64) -> Child {
        self.start_with(role, processes, self.records)
    }

    fn start_with(&self, role: &str, processes: u64, records: u64) -> Child {
        Command::new(env::current_exe().unwrap())
            .env("SAWMILL_PROCESS", role)
            .env("SAWMILL_FOLDER", &self.folder)
            .env("SAWMILL_RECORDS", records.to_string())
            .env("SAWMILL_ROTATE", self.rotate.to_string())
            .env("SAWMILL_PROCESSES", processes.to_string())
            .stdin(Stdio::null())
            .spawn()
            .unwrap()
    }

    fn logs(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).unwrap().flatten().map(|entry| entry.path());
        let is_log = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            name.contains(".log") && !name.ends_with(".lock")
        };
        entries.filter(is_log).collect()
    }

    /// Does the books of files with the command; how many files and records these were.
    fn verify(&self, logs: &[PathBuf], attempted: Option<u64>) -> u64 {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sawmill"));
        command.args(["verify", "--json"]).args(logs);
        if let Some(attempted) = attempted {
            command.args(["--attempted", &attempted.to_string()]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{told}");
        let books: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(books["duplicates"].as_u64().unwrap_or(0), 0, "{text}");
        books["found"].as_u64().unwrap_or_else(|| panic!("no count: {text}"))
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

fn wait(children: Vec<Child>) {
    for mut child in children {
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}");
    }
}

/// Has so many records logged by each process.
type Show = fn(u64);

fn parent(arguments: &[String]) {
    let full = arguments.iter().any(|argument| argument == "--full");
    let all = if full { 1_000_000 } else { 16_000 };
    let names: Vec<&String> = arguments.iter().filter(|name| !name.starts_with('-')).collect();
    let ways: [(&str, Show); 7] = [
        ("own", own),
        ("shared", shared),
        ("shared-mapped", shared_mapped),
        ("collector", collected),
        ("restarts", restarts),
        ("serve", served),
        ("shared-killed", shared_killed),
    ];
    for (name, way) in ways {
        if !names.is_empty() && !names.iter().any(|wanted| *wanted == name) {
            continue;
        }
        let began = Instant::now();
        way(all / PROCESSES);
        println!("{name}: ok in {:.1} s", began.elapsed().as_secs_f64());
    }
}

/// Each process to a file of its own.
fn own(records: u64) {
    let way = Way::new("own", records, records * 40 / 4);
    wait((0..PROCESSES).map(|_| way.start("own", PROCESSES)).collect());
    let logs = way.logs();
    assert!(logs.len() as u64 > PROCESSES * 2, "{logs:?}");
    let mut found = 0;
    for own in logs.iter().filter(|log| log.extension().is_some_and(|end| end == "log")) {
        let prefix = own.file_name().unwrap().to_string_lossy().into_owned();
        let its = |log: &&PathBuf| log.file_name().unwrap().to_string_lossy().starts_with(&prefix);
        let its: Vec<PathBuf> = logs.iter().filter(its).cloned().collect();
        found += way.verify(&its, Some(records));
    }
    assert_eq!(found, records * PROCESSES);
}

fn one_file(role: &str, records: u64) {
    let way = Way::new(role, records, (records * PROCESSES * 80 / 10).max(4096));
    wait((0..PROCESSES).map(|_| way.start(role, PROCESSES)).collect());
    let logs = way.logs();
    assert!(logs.len() > 3, "{logs:?}");
    assert_eq!(way.verify(&logs, Some(records * PROCESSES)), records * PROCESSES);
    for log in &logs {
        // A rotation in time: nobody writes on into a file that others have moved away.
        let size = fs::metadata(log).unwrap().len();
        assert!(size <= way.rotate + (1 << 20), "{} has {size} bytes", log.display());
    }
}

/// One file, which whoever holds the lock rotates.
fn shared(records: u64) {
    one_file("shared", records);
}

/// The same with lanes that outlive their process.
fn shared_mapped(records: u64) {
    one_file("shared-mapped", records);
}

/// One process drains the lanes of the others; one of these is killed.
fn collected(records: u64) {
    let way = Way::new("collector", records, (records * PROCESSES * 80 / 10).max(4096));
    let collector = way.start("collector", PROCESSES);
    let mut workers: Vec<Child> = (0..PROCESSES).map(|_| way.start("worker", PROCESSES)).collect();
    // As soon as something of it was written, so that it is in the midst of its work.
    let mut killed = workers.pop().unwrap();
    let marker = format!(" {} thread ", killed.id());
    let until = Instant::now() + LIMIT;
    let is_there = |log: &PathBuf| fs::read_to_string(log).is_ok_and(|text| text.contains(&marker));
    while !way.logs().iter().any(is_there) {
        assert!(Instant::now() < until, "nothing is collected");
        thread::sleep(Duration::from_micros(200));
    }
    killed.kill().unwrap();
    let _ = killed.wait();
    wait(workers);
    wait(vec![collector]);
    let logs = way.logs();
    assert!(logs.len() > 3, "{logs:?}");
    // Of the killed one everything that it had published: its books balance up to there.
    let found = way.verify(&logs, None);
    let text: String = logs.iter().map(|log| fs::read_to_string(log).unwrap()).collect();
    let of_killed = text.lines().filter(|line| line.contains(&marker)).count() as u64;
    assert_eq!(found, records * (PROCESSES - 1) + of_killed);
    println!("  of the killed process {of_killed} records were published");
    // Nothing is left in the lanes' folder but the locks.
    let left: Vec<_> = fs::read_dir(way.folder.join("lanes"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name != "collector" && name != "recovery")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// The collector is killed, ended and begun anew while the others log.
fn restarts(records: u64) {
    let way = Way::new("restarts", records, (records * PROCESSES * 80 / 10).max(4096));
    let workers: Vec<Child> = (0..PROCESSES).map(|_| way.start("worker", PROCESSES)).collect();
    let ready = way.folder.join("collecting");
    for round in 0..4 {
        let mut collector = way.start("collector", u64::MAX);
        let until = Instant::now() + LIMIT;
        while !ready.exists() {
            assert!(Instant::now() < until, "the collector does not begin");
            thread::sleep(Duration::from_millis(1));
        }
        thread::sleep(Duration::from_millis(30 + 17 * round));
        if round % 2 == 0 {
            collector.kill().unwrap();
            let _ = collector.wait();
        } else {
            fs::write(way.folder.join("stop"), "").unwrap();
            assert!(collector.wait().unwrap().success());
            fs::remove_file(way.folder.join("stop")).unwrap();
        }
        fs::remove_file(&ready).unwrap();
    }
    let collector = way.start("collector", 0);
    wait(workers);
    wait(vec![collector]);
    let all = records * PROCESSES;
    assert_eq!(way.verify(&way.logs(), Some(all)), all);
}

/// The command collects, by a configuration file.
fn served(records: u64) {
    let way = Way::new("serve", records, u64::MAX);
    let log = way.folder.join("all.log");
    let config = format!(
        r#"{{"version": 1, "formatters": {{"line": {{"format": "{PATTERN}"}}}},
            "handlers": {{"file": {{
                "class": "sawmill.FileHandler", "filename": "{}", "formatter": "line"}}}},
            "root": {{"level": "INFO", "handlers": ["file"]}}}}"#,
        log.display()
    );
    fs::write(way.folder.join("serve.json"), config).unwrap();
    let serving = Command::new(env!("CARGO_BIN_EXE_sawmill"))
        .args(["serve", "--once", "--config"])
        .args([way.folder.join("serve.json"), way.folder.join("lanes")])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait((0..PROCESSES).map(|_| way.start("worker", PROCESSES)).collect());
    let output = serving.wait_with_output().unwrap();
    assert!(output.status.success());
    let all = records * PROCESSES;
    assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{all} records\n"));
    assert_eq!(way.verify(&[log], Some(all)), all);
}

/// One file, lanes that outlive their process, and all processes killed at once, again and again.
fn shared_killed(records: u64) {
    let rounds = if records > 10_000 { 20 } else { 4 };
    let way = Way::new("shared-killed", u64::MAX, 2 << 20);
    for round in 0..rounds {
        let mut running: Vec<Child> =
            (0..PROCESSES).map(|_| way.start("shared-mapped", PROCESSES)).collect();
        thread::sleep(Duration::from_millis(150 + 7 * round));
        running.iter_mut().for_each(|child| child.kill().unwrap());
        running.iter_mut().for_each(|child| drop(child.wait()));
    }
    // Whoever starts next writes what the killed ones had published.
    wait(vec![way.start_with("shared-mapped", PROCESSES, 0)]);
    let found = way.verify(&way.logs(), None);
    println!("  {found} records of {} processes", PROCESSES * rounds);
    assert!(found > 0);
    let left: Vec<_> = fs::read_dir(way.folder.join("lanes"))
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .filter(|name| name != "recovery")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}
