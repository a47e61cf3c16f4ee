//! Disks that run full, and files that are cut by others, under processes that log, rotate,
//! compress and die.
//!
//! The books must balance as in the campaign of deaths (`tests/crash/`), from what the files say:
//!
//! ```sh
//! cargo test --release --features cli --test disks -- --deaths 40 --seed 7
//! ```
//!
//! * `full`: the log lies on a small file system, which is filled and freed again and again, while
//!   it is rotated by size, the archives compressed and moved elsewhere.
//! * `cut`: another process copies the log and cuts it (`copytruncate`). What is written between its
//!   copy and its cut is lost by nature; it must be what is missing, and nothing else. With the
//!   writer stopped meanwhile (`cut-stopped`) there is no between, and nothing may miss.
//! * `cut-mapped`: the same under a mapped file.
// A disk has to be mounted, processes to be stopped.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod books;
mod child;
mod disk;
#[path = "../shared/mount.rs"]
mod mount;
#[allow(dead_code)]
#[path = "../crash/shared.rs"]
mod shared;

use books::Books;
use shared::Shared;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// A process lives for a second or two; the rest is for a machine that is busy.
const LIMIT: Duration = Duration::from_secs(90);

/// What happens to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    Full,
    Cut,
    CutStopped,
    CutMapped,
    CutMappedStopped,
}

impl Task {
    pub(crate) const ALL: [(&str, Self); 5] = [
        ("full", Self::Full),
        ("cut", Self::Cut),
        ("cut-stopped", Self::CutStopped),
        ("cut-mapped", Self::CutMapped),
        ("cut-mapped-stopped", Self::CutMappedStopped),
    ];

    /// Whether the log is a mapped file, whose end is NULs until it is closed.
    pub(crate) fn is_mapped(self) -> bool {
        matches!(self, Self::CutMapped | Self::CutMappedStopped)
    }

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, task)| *task == self).map_or("", |(name, _)| name)
    }
}

/// How a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Shutdown,
    Term,
    Kill,
}

impl End {
    fn signal(self) -> i32 {
        match self {
            Self::Shutdown => libc::SIGUSR1,
            Self::Term => libc::SIGTERM,
            Self::Kill => libc::SIGKILL,
        }
    }

    fn is_seen_in(self, status: ExitStatus) -> bool {
        match self {
            Self::Shutdown => status.success(),
            _ => status.signal() == Some(self.signal()),
        }
    }
}

fn main() {
    if env::var_os(child::VARIABLE).is_some() {
        return child::run();
    }
    let options = Options::parse();
    let mut rows: Vec<(String, u64, Books)> = Vec::new();
    let mut failed = false;
    for (name, task) in Task::ALL {
        if options.task.as_deref().is_some_and(|only| only != name) {
            continue;
        }
        if task == Task::Full
            && let Err(why) = disk::can_be_mounted()
        {
            println!("{name}: skipped: no file system can be mounted here: {why}");
            continue;
        }
        for lanes in ["heap", "mapped"] {
            let ends: &[End] = match lanes {
                "heap" => &[End::Shutdown, End::Term],
                _ => &[End::Shutdown, End::Term, End::Kill],
            };
            let deaths: Vec<_> = (0..options.deaths)
                .map(|number| {
                    let end = ends[number as usize % ends.len()];
                    (end, options.seed.wrapping_mul(1_000_003).wrapping_add(number))
                })
                .collect();
            let mut sum = Books::default();
            // They sleep for most of the time.
            for some in deaths.chunks(if task == Task::Full { 4 } else { 2 }) {
                let done: Vec<_> = thread::scope(|scope| {
                    let run = |&(end, seed): &(End, u64)| {
                        let folder = options.folder.join(format!("{name}-{lanes}-{seed}"));
                        scope.spawn(move || (seed, end, death(task, lanes, end, seed, &folder)))
                    };
                    let threads: Vec<_> = some.iter().map(run).collect();
                    threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
                });
                for (seed, end, done) in done {
                    match done {
                        Ok(books) => {
                            if !books.is_good() {
                                failed = true;
                                println!("{name} {lanes} {end:?} {seed}: {books:?}");
                            }
                            sum.add(&books);
                        }
                        Err(why) => {
                            failed = true;
                            println!("{name} {lanes} {end:?} {seed}: {why}");
                        }
                    }
                }
            }
            rows.push((format!("{name}, {lanes} lanes"), options.deaths, sum));
        }
    }
    println!(
        "\n| task | processes | attempted | found | reported lost | in the tool's window (cuts) | unaccounted | doubled |"
    );
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    for (name, deaths, sum) in &rows {
        println!(
            "| {name} | {deaths} | {} | {} | {} | {} ({}) | {} | {} |",
            sum.attempted,
            sum.found,
            sum.lost,
            sum.window,
            sum.cuts,
            sum.unaccounted,
            sum.duplicates
        );
    }
    if failed {
        println!("see {:?}", options.folder);
        println!("test result: FAILED");
        std::process::exit(101);
    }
    let _ = fs::remove_dir_all(&options.folder);
    println!("test result: ok");
}

struct Options {
    deaths: u64,
    seed: u64,
    task: Option<String>,
    folder: PathBuf,
}

impl Options {
    /// Flags of the test harness that runs all test programs are passed over.
    fn parse() -> Self {
        let folder = env::temp_dir().join(format!("sawmill-disks-{}", std::process::id()));
        let mut options = Self { deaths: 2, seed: 1, task: None, folder };
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().expect("a value behind the option");
            match &*argument {
                "--deaths" => options.deaths = value().parse().expect("a number"),
                "--seed" => options.seed = value().parse().expect("a number"),
                "--task" => options.task = Some(value()),
                "--dir" => options.folder = value().into(),
                _ => {}
            }
        }
        options
    }
}

/// A process that logs and dies under trouble, the next one that clears up, and the books.
fn death(task: Task, lanes: &str, end: End, seed: u64, folder: &Path) -> Result<Books, String> {
    let _ = fs::remove_dir_all(folder);
    let text = |error: std::io::Error| error.to_string();
    let log = folder.join(child::LOGS);
    fs::create_dir_all(&log).map_err(text)?;
    let disk = match task {
        Task::Full => Some(disk::Disk::mount(&log, 12 << 20).map_err(text)?),
        _ => None,
    };
    let shared = Shared::create(&folder.join("counts")).map_err(text)?;
    let start = |told: &str| -> Result<Child, String> {
        let said = fs::File::options().append(true).create(true).open(folder.join("said"));
        Command::new(env::current_exe().map_err(text)?)
            .env(child::VARIABLE, format!("{},{lanes},{told},{seed}", task.name()))
            .current_dir(folder)
            .stdout(Stdio::null())
            .stderr(said.map_err(text)?)
            .spawn()
            .map_err(text)
    };
    let begin = Instant::now();
    let mut process = start("log")?;
    while !shared.is_ready() && begin.elapsed() < LIMIT {
        if let Some(status) = process.try_wait().map_err(text)? {
            return Err(format!("ended at once with {status}"));
        }
        thread::sleep(Duration::from_millis(1));
    }
    let life = Duration::from_millis(700 + child::random(seed) % 900);
    let mut cuts = 0;
    let mut is_full = false;
    match &disk {
        Some(disk) => is_full = disk.trouble(seed, life, end == End::Kill || lanes == "mapped"),
        None => cuts = cut_by_another(task, seed, life, &process, folder)?,
    }
    shared.note_death();
    // SAFETY: numbers only; the child is ours and not yet waited for.
    unsafe { libc::kill(process.id() as i32, end.signal()) };
    let ended = wait(&mut process, Instant::now());
    if is_full && let Some(disk) = &disk {
        disk.free();
    }
    let status = ended?;
    if !end.is_seen_in(status) {
        return Err(format!("ended with {status}"));
    }
    // The next start takes over what is left, and goes on with rotated files.
    let status = wait(&mut start("clear-up")?, Instant::now())?;
    if !status.success() {
        return Err(format!("the next start ended with {status}"));
    }
    let books = books::balance(task, &shared, folder, cuts)?;
    let is_good = books.is_good();
    if !is_good && disk.is_some() {
        // The file system goes, what it holds is to be looked at.
        let _ = Command::new("cp").arg("-r").arg(&log).arg(folder.join("seen")).status();
    }
    drop(disk);
    if is_good {
        let _ = fs::remove_dir_all(folder);
    }
    Ok(books)
}

/// Has another process copy and cut the log, again and again. Returns how often it did.
fn cut_by_another(
    task: Task,
    seed: u64,
    life: Duration,
    process: &Child,
    folder: &Path,
) -> Result<u64, String> {
    let stops = matches!(task, Task::CutStopped | Task::CutMappedStopped);
    let stopped = if stops { process.id() } else { 0 };
    let mut tool = Command::new(env::current_exe().map_err(|e| e.to_string())?)
        .env(child::VARIABLE, format!("{},cut,{stopped},{seed}", task.name()))
        .env(child::LIFE, life.as_millis().to_string())
        .current_dir(folder)
        .spawn()
        .map_err(|e| e.to_string())?;
    let status = wait(&mut tool, Instant::now())?;
    if !status.success() {
        return Err(format!("the tool ended with {status}"));
    }
    let copies = fs::read_dir(folder.join(child::COPIES)).map_err(|e| e.to_string())?;
    Ok(copies.count() as u64)
}

fn wait(child: &mut Child, begin: Instant) -> Result<ExitStatus, String> {
    loop {
        if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
            return Ok(status);
        }
        if begin.elapsed() > LIMIT {
            let _ = child.kill();
            let _ = child.wait();
            return Err("it hung".to_owned());
        }
        thread::sleep(Duration::from_millis(1));
    }
}
