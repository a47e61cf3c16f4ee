//! Deaths of real processes under load, and the books of what they leave behind.
//!
//! Each death is one process that logs from several threads and ends in one way at a random moment.
//! `sawmill verify` then does the books of its file, and what the program itself counted, in memory
//! that survives it, is compared with them:
//!
//! ```sh
//! cargo test --release --features cli --test crash -- --deaths 1000 --seed 7 \
//!     --write tests/crash/results.md --write README.md
//! ```
//!
//! `--deaths N` is the number for each sort of lanes, shared out over the kinds; `--lanes heap` and
//! `--kind SIGTERM` leave out the others; `--write FILE` writes the table of the campaign,
//! in place of the one between two marks if the file has them.
//!
//! Without arguments a few of each kind are run.
// Faults have to be made, memory to be shared, processes to be forked.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod child;
mod held;
mod kinds;
mod memory;
mod results;
mod shared;

use kinds::{Kind, Lanes};
use results::{Books, Results, Row};
use shared::Shared;
use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Deaths of each kind if nothing is said.
const FEW: u64 = 2;
/// A death takes milliseconds; the rest is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(60);
/// How old a record is at least that must not miss where nobody can write it any more.
/// Where the drain looked at the lanes for the last time longer before the death, because it did
/// not get the processor or the file system held it up, the age counts from that look. A build that is not
/// optimised drains a tenth as fast as it logs.
const YOUNG_NS: u64 = if cfg!(debug_assertions) { 1_000_000_000 } else { 10_000_000 };

fn main() {
    if env::var_os(child::VARIABLE).is_some() {
        return child::run();
    }
    let options = Options::parse();
    let mut failed = false;
    let mut results = Results::default();
    for lanes in &options.lanes {
        let mut table = BTreeMap::new();
        for (at, kind) in Kind::ALL.iter().enumerate() {
            if options.kind.as_ref().is_some_and(|only| *only != kind.to_string()) {
                continue;
            }
            let row = table.entry(at).or_insert_with(Row::default);
            if let Some(why) = kind.cannot_be_made(*lanes) {
                row.skipped = Some(why);
                continue;
            }
            for number in 0..options.of_each(at) {
                let seed =
                    options.seed.wrapping_mul(1_000_003).wrapping_add(number * 64 + at as u64);
                let folder = options.folder.join(format!("{lanes}-{kind}-{number}"));
                match death(*kind, *lanes, seed, &folder) {
                    Ok(books) => {
                        row.deaths += 1;
                        row.sum.add(&books);
                        if books.is_good() {
                            let _ = fs::remove_dir_all(&folder);
                        } else {
                            failed = true;
                            println!("{lanes} {kind} --seed {seed}: {books:?}, see {folder:?}");
                        }
                    }
                    Err(why) => {
                        failed = true;
                        row.broken += 1;
                        println!("{lanes} {kind} seed {seed}: {why}, see {folder:?}");
                    }
                }
            }
        }
        results.print(*lanes, &table);
        results.add(*lanes, table);
    }
    for file in &options.write {
        results.write(file, &options).expect("the results");
    }
    if failed {
        println!("test result: FAILED");
        std::process::exit(101);
    }
    let _ = fs::remove_dir(&options.folder);
    println!("test result: ok");
}

struct Options {
    deaths: Option<u64>,
    seed: u64,
    kind: Option<String>,
    lanes: Vec<Lanes>,
    folder: PathBuf,
    write: Vec<PathBuf>,
}

impl Options {
    /// Flags of the test harness that runs all test programs are passed over.
    fn parse() -> Self {
        let folder = env::temp_dir().join(format!("sawmill-crash-{}", std::process::id()));
        let lanes = Lanes::ALL.to_vec();
        let mut options =
            Self { deaths: None, seed: 1, kind: None, lanes, folder, write: Vec::new() };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the option");
            match &*argument {
                "--deaths" => options.deaths = Some(value().parse().expect("a number")),
                "--seed" => options.seed = value().parse().expect("a number"),
                "--kind" => options.kind = Some(value()),
                "--write" => options.write.push(value().into()),
                "--dir" => options.folder = value().into(),
                "--lanes" => {
                    let name = value();
                    options.lanes.retain(|lanes| lanes.to_string() == name);
                }
                _ => {}
            }
        }
        options
    }

    /// Deaths of the kind at this place: all of them shared out, in a campaign at least 50.
    fn of_each(&self, at: usize) -> u64 {
        let kinds = if self.kind.is_some() { 1 } else { Kind::ALL.len() as u64 };
        self.deaths.map_or(FEW, |all| {
            let share = all / kinds + u64::from((at as u64) < all % kinds);
            if all >= 1000 { share.max(50) } else { share }
        })
    }
}

/// Starts a process that dies, lets the next one clear up behind it, and does the books.
fn death(kind: Kind, lanes: Lanes, seed: u64, folder: &Path) -> Result<Books, String> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).map_err(|e| e.to_string())?;
    let shared = Shared::create(&folder.join("counts")).map_err(|e| e.to_string())?;
    let said = fs::File::create(folder.join("said")).map_err(|e| e.to_string())?;
    let mut command = Command::new(env::current_exe().map_err(|e| e.to_string())?);
    command
        .env(child::VARIABLE, format!("{kind},{lanes},{seed}"))
        .env("RUST_BACKTRACE", "0")
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(said);
    let name = kind.to_string();
    let is_binary = child::is_binary(seed);
    if is_binary {
        command.env(child::BINARY, "1");
    }
    let group = match kind {
        Kind::Oom => Some(memory::Group::make().map_err(|e| e.to_string())?),
        _ => None,
    };
    if let Some(group) = &group {
        command.env(memory::VARIABLE, group.path());
    }
    let begin = Instant::now();
    let mut child = command.spawn().map_err(|e| e.to_string())?;
    if let Some(signal) = kind.signal_from_outside() {
        while !shared.is_ready() && begin.elapsed() < LIMIT {
            thread::sleep(Duration::from_micros(200));
        }
        thread::sleep(child::moment(seed));
        shared.note_death();
        // SAFETY: numbers only; the child is ours and not yet waited for.
        unsafe { libc::kill(child.id() as i32, signal) };
    }
    let status = wait(&mut child, begin)?;
    if !kind.ends_so(status) {
        return Err(format!("ended with {status}"));
    }
    if let Some(group) = &group {
        let kills = group.kills().map_err(|e| e.to_string())?;
        if kills != 1 {
            return Err(format!("the kernel killed {kills} processes of the group"));
        }
    }
    drop(group);
    let spilled = child::spills(&name, &lanes.to_string(), seed);
    if lanes == Lanes::Mapped || spilled {
        // Those who clear up may be killed as well, at any point.
        for attempt in 0..seed % 3 {
            command.env(child::VARIABLE, format!("{},{lanes},{seed}", child::CLEAR_UP));
            let mut heir = command.spawn().map_err(|e| e.to_string())?;
            thread::sleep(child::moment(seed ^ attempt) / 3);
            let _ = heir.kill();
            wait(&mut heir, Instant::now())?;
        }
        // The next start clears up, or the command does.
        let status = if (seed / 64).is_multiple_of(2) || child::rotates(&name, seed) {
            command.env(child::VARIABLE, format!("{},{lanes},{seed}", child::CLEAR_UP)).status()
        } else {
            let config = folder.join("recover.json");
            fs::write(&config, child::config(is_binary)).map_err(|e| e.to_string())?;
            let mut command = Command::new(env!("CARGO_BIN_EXE_sawmill"));
            command.arg("recover").arg(folder.join(child::LANES)).arg("--config").arg(config);
            command.current_dir(folder).stdout(Stdio::null()).status()
        };
        let status = status.map_err(|e| e.to_string())?;
        if !status.success() {
            return Err(format!("the next start ended with {status}"));
        }
        if let Ok(left) = fs::read_dir(folder.join(child::LANES)) {
            let left: Vec<_> = left.flatten().map(|e| e.file_name()).collect();
            if left.len() > 1 {
                return Err(format!("the next start left {left:?}"));
            }
        }
    }
    balance(kind, lanes, seed, spilled, &shared, folder)
}

fn wait(child: &mut std::process::Child, begin: Instant) -> Result<ExitStatus, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it hung".to_owned());
        }
        thread::sleep(Duration::from_micros(500));
    }
}

/// Compares what the program counted with what its file shows.
fn balance(
    kind: Kind,
    lanes: Lanes,
    seed: u64,
    spilled: bool,
    shared: &Shared,
    folder: &Path,
) -> Result<Books, String> {
    let log = folder.join(child::LOG);
    // Archives too, where the file is rotated.
    let files = fs::read_dir(folder).map_err(|e| e.to_string())?.flatten();
    let is_log = |path: &PathBuf| {
        let path = path.to_string_lossy();
        path.contains(child::LOG) && !path.ends_with(".lock")
    };
    let logs: Vec<PathBuf> = files.map(|file| file.path()).filter(is_log).collect();
    let output = Command::new(env!("CARGO_BIN_EXE_sawmill"))
        .args(["verify", "--json", "--pattern", child::PATTERN])
        .args(&logs)
        .output()
        .map_err(|e| e.to_string())?;
    let answer: serde_json::Value =
        serde_json::from_slice(&output.stdout).map_err(|e| e.to_string())?;
    let of = |key: &str| answer[key].as_u64().unwrap_or(u64::MAX);
    let mut books = Books {
        attempted: of("attempted"),
        found: of("found"),
        lost: of("lost"),
        unaccounted: of("unaccounted"),
        duplicates: of("duplicates"),
        faults: of("torn") + of("out_of_order") + of("contradictions") + of("unreadable"),
        ..Books::default()
    };
    let is_binary = child::is_binary(seed);
    let cut_off = || is_binary || spilled || !ends_whole(&log);
    let is_taken_away = kind.may_miss_young(lanes) || kind.logs_on_at_the_end();
    if is_taken_away && of("torn") == 1 && cut_off() {
        // A process killed within its last write leaves a line cut off, which the next start ends,
        // or a block. So does a thread that is within a write when `exit` takes it away: its call
        // has not returned, and what the others counted is looked for all the same.
        books.faults -= 1;
    }
    // What is missing at the ends of lanes only the program knows.
    let text = if is_binary { decoded(&logs)? } else { read(&logs).map_err(|e| e.to_string())? };
    let mut seen = BTreeMap::<u64, u64>::new();
    for line in text.lines() {
        let Some((_, rest)) = line.rsplit_once(" thread ") else { continue };
        let mut words = rest.split(' ');
        let thread = words.next().and_then(|word| word.parse().ok());
        let number = words.nth(1).and_then(|word| word.parse().ok());
        if let (Some(thread), Some(number)) = (thread, number) {
            let most = seen.entry(thread).or_insert(0_u64);
            *most = (*most).max(number);
        }
    }
    for child in 0..kind.children() {
        let mark = format!(" child {child} record ");
        let seen = text.lines().filter(|line| line.contains(&mark)).count() as u64;
        let missing = child::OF_CHILD.saturating_sub(seen);
        books.attempted += missing;
        books.unaccounted += missing;
    }
    let by_rule = kind.may_miss_young(lanes);
    for thread in 0..shared::THREADS as u64 {
        let seen = seen.get(&thread).copied().unwrap_or(0);
        let returned = shared.returned(thread as usize);
        let missing = returned.saturating_sub(seen);
        books.attempted += missing;
        if !by_rule {
            books.unaccounted += missing;
            continue;
        }
        let before = |ns| shared.returned_before(thread as usize, ns).saturating_sub(seen);
        let old = before(YOUNG_NS);
        let unaccounted = before(YOUNG_NS + shared.since_look_ns());
        books.unaccounted += unaccounted;
        books.held_up += old - unaccounted;
        books.young += missing - old;
    }
    if books.held_up != 0 {
        books.longest = Duration::from_nanos(shared.since_look_ns());
    }
    Ok(books)
}

fn read(logs: &[PathBuf]) -> std::io::Result<String> {
    logs.iter().map(fs::read_to_string).collect()
}

/// Binary logs as the lines that the others are.
fn decoded(logs: &[PathBuf]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_sawmill"))
        .args(["decode", "--format", child::PATTERN])
        .args(logs)
        .output()
        .map_err(|e| e.to_string())?;
    String::from_utf8(output.stdout).map_err(|e| e.to_string())
}

fn ends_whole(log: &Path) -> bool {
    fs::read(log).is_ok_and(|text| text.last().is_none_or(|byte| *byte == b'\n'))
}

/// The signal that ended a process.
fn signal_of(status: ExitStatus) -> Option<i32> {
    status.signal()
}
