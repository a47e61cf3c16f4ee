//! Reconfigures a runtime again and again while threads log, and looks for every record.
//!
//! Each configuration writes its own number into its lines and its own file. Each record says
//! which configurations had been applied, and which had been begun, when it was logged: it must
//! stand once, in the file of one of those, under that file's number; and the numbers of one
//! thread never go back. Descriptors and memory are watched over the whole run.

use clap::Parser;
use sawmill::config::{Config, Door, Node, Registry};
use sawmill::{Drain, Runtime};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

#[derive(Debug, Parser)]
#[command(about = "Reconfigures while threads log, and looks for every record")]
struct Options {
    /// How many configurations are applied.
    #[arg(long, default_value_t = 10_000)]
    times: u64,
    /// How many threads log.
    #[arg(long, default_value_t = 8)]
    threads: u64,
    /// How many records they log together.
    #[arg(long, default_value_t = 1_000_000)]
    records: u64,
    /// How much more memory the second half of the run may take, in KiB.
    #[arg(long, default_value_t = 2048)]
    growth: u64,
    /// Where the files are written; removed at the end.
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// How many configurations the threads and the one who configures may be apart.
const SLACK: u64 = 2;
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let options = Options::parse();
    let named = format!("sawmill-reconfigure-{}", std::process::id());
    let folder = options.dir.clone().unwrap_or_else(|| std::env::temp_dir().join(named));
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let done = run(&options, &folder);
    let _ = std::fs::remove_dir_all(&folder);
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("reconfigure: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn config(folder: &Path, number: u64) -> Config {
    let file = folder.join(format!("{number}.log")).display().to_string();
    let handler = Node::map([
        ("class", "logging.FileHandler"),
        ("filename", file.as_str()),
        ("formatter", "own"),
    ]);
    let format = format!("{number} %(message)s");
    Config::new(Node::map([
        ("version", Node::from(1)),
        ("formatters", Node::map([("own", Node::map([("format", format)]))])),
        ("handlers", Node::map([("file", handler)])),
        ("root", Node::map([("level", Node::from("INFO")), ("handlers", Node::list(["file"]))])),
        ("sawmill", Node::map([("overflow", "wait")])),
    ]))
}

/// What one thread notes of its calls: which configurations had been begun after each.
type Begun = Vec<u64>;

fn run(options: &Options, folder: &Path) -> Result<(), String> {
    let Options { times, threads, records, .. } = *options;
    let each = records.div_ceil(threads);
    let runtime = Runtime::builder().drain(Drain::Thread).exit_hook(false).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let registry = Registry::new();
    let (begun, applied, logged) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let configure = |number: u64| {
        begun.store(number, Ordering::SeqCst);
        let done = config(folder, number).with_door(Door::sawmill()).apply_to(&runtime, &registry);
        applied.store(number, Ordering::SeqCst);
        done.map_err(|error| format!("configuration {number}: {error}"))
    };
    configure(1)?;
    let mut notes: Vec<Begun> = (0..threads).map(|_| vec![u64::MAX; each as usize]).collect();
    let started = Instant::now();
    let mut levels = Vec::new();
    let configured = std::thread::scope(|scope| {
        for (thread, note) in notes.iter_mut().enumerate() {
            let (runtime, begun, applied, logged) = (&runtime, &begun, &applied, &logged);
            scope.spawn(move || {
                let log = runtime.get_logger(&format!("load.{thread}"));
                for n in 0..each {
                    // Neither runs away from the other: the records meet all configurations.
                    while n * times > (begun.load(Ordering::Relaxed) + SLACK) * each {
                        std::thread::yield_now();
                    }
                    let before = applied.load(Ordering::SeqCst);
                    sawmill::info!(logger: log, "{thread} {n} {before}");
                    note[n as usize] = begun.load(Ordering::SeqCst);
                    logged.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let mut failed = None;
        for number in 2..=times {
            while logged.load(Ordering::Relaxed) * times
                < number.saturating_sub(SLACK) * (each * threads)
                && logged.load(Ordering::Relaxed) < each * threads
            {
                std::thread::yield_now();
            }
            // What failed is told when the threads have ended, which wait for the numbers.
            if let Err(wrong) = configure(number) {
                failed.get_or_insert(wrong);
            }
            if number % (times / 20).max(1) == 0 {
                levels.push(Taken::now(number));
            }
        }
        failed
    });
    if let Some(wrong) = configured {
        return Err(wrong);
    }
    let took = started.elapsed();
    let report = runtime.shutdown(LONG);
    if !report.is_complete() {
        return Err(format!("the shutdown was not complete: {report}"));
    }
    let stats = runtime.stats();
    drop(runtime);
    let found = look(folder, times, &notes)?;
    println!(
        "{times} configurations in {:.1} s while {threads} threads logged {} records: {} lines in \
         {} files, none lost, none doubled, each in the file of the configuration that admitted it; \
         {:.1} configurations a record could have met on average; dropped {}",
        took.as_secs_f64(),
        each * threads,
        found.lines,
        found.files,
        found.choices,
        stats.dropped,
    );
    for taken in &levels {
        println!("  after {:>6}: {} descriptors, {} KiB", taken.number, taken.files, taken.memory);
    }
    flat(&levels, options.growth)
}

/// What the process holds at one moment; 0 where the system does not tell.
struct Taken {
    number: u64,
    files: usize,
    memory: u64,
}

impl Taken {
    fn now(number: u64) -> Self {
        let files = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = line.and_then(|it| it.split_whitespace().next()?.parse().ok());
        Self { number, files, memory: memory.unwrap_or(0) }
    }
}

/// Compares what was held in the first half and in the second.
fn flat(levels: &[Taken], growth: u64) -> Result<(), String> {
    if levels.len() < 4 {
        return Ok(());
    }
    let (early, late) = levels.split_at(levels.len() / 2);
    let most = |levels: &[Taken]| {
        let files = levels.iter().map(|taken| taken.files).max().unwrap_or(0);
        (files, levels.iter().map(|taken| taken.memory).max().unwrap_or(0))
    };
    let ((files, memory), (files_late, memory_late)) = (most(early), most(late));
    // A file of before and the one that takes its place may be open at the same time.
    if files_late > files + 2 {
        return Err(format!("{files} descriptors were open at most, then {files_late}"));
    }
    if memory_late > memory + growth {
        return Err(format!("{memory} KiB were taken at most, then {memory_late}"));
    }
    Ok(())
}

struct Found {
    lines: u64,
    files: u64,
    /// How many configurations could have admitted a record, on average.
    choices: f64,
}

/// Holds every line against what its thread noted.
fn look(folder: &Path, times: u64, notes: &[Begun]) -> Result<Found, String> {
    let mut file_of: Vec<Vec<u64>> = notes.iter().map(|note| vec![0; note.len()]).collect();
    let mut found = Found { lines: 0, files: 0, choices: 0.0 };
    let mut choices = 0;
    for number in 1..=times {
        let path = folder.join(format!("{number}.log"));
        let text =
            std::fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        found.files += 1;
        for line in text.lines() {
            let fields: Vec<u64> = line.split(' ').filter_map(|it| it.parse().ok()).collect();
            let [own, thread, n, before] = fields[..] else {
                return Err(format!("{number}.log: damaged line {line:?}"));
            };
            let (thread, n) = (thread as usize, n as usize);
            let Some(after) = notes.get(thread).and_then(|note| note.get(n)) else {
                return Err(format!("{number}.log: nobody logged {line:?}"));
            };
            if own != number {
                return Err(format!("{number}.log: line of configuration {own}: {line:?}"));
            }
            if !(before..=*after).contains(&number) {
                return Err(format!(
                    "{number}.log: {line:?} was logged between configurations {before} and {after}"
                ));
            }
            if file_of[thread][n] != 0 {
                let other = file_of[thread][n];
                return Err(format!("{line:?} stands in {other}.log and in {number}.log"));
            }
            file_of[thread][n] = number;
            found.lines += 1;
            choices += after - before + 1;
        }
    }
    for (thread, files) in file_of.iter().enumerate() {
        if let Some(n) = files.iter().position(|file| *file == 0) {
            return Err(format!("record {n} of thread {thread} is lost"));
        }
        if let Some(n) = files.windows(2).position(|pair| pair[0] > pair[1]) {
            return Err(format!("thread {thread} went back to an older file after record {n}"));
        }
    }
    found.choices = choices as f64 / found.lines as f64;
    Ok(found)
}
