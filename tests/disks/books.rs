//! The books of a log that was troubled.

use crate::Task;
use crate::child::{COPIES, LOG, LOGS, PATTERN, SHIPPED};
use crate::shared::{self, Shared};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

/// What became of one process's records.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) attempted: u64,
    pub(crate) found: u64,
    pub(crate) lost: u64,
    /// Missing where another process cut the file.
    pub(crate) window: u64,
    pub(crate) cuts: u64,
    pub(crate) unaccounted: u64,
    pub(crate) duplicates: u64,
    pub(crate) faults: u64,
    findings: Vec<String>,
}

impl Books {
    pub(crate) fn is_good(&self) -> bool {
        self.unaccounted == 0 && self.duplicates == 0 && self.faults == 0
    }

    pub(crate) fn add(&mut self, books: &Books) {
        self.attempted += books.attempted;
        self.found += books.found;
        self.lost += books.lost;
        self.window += books.window;
        self.cuts += books.cuts;
        self.unaccounted += books.unaccounted;
        self.duplicates += books.duplicates;
        self.faults += books.faults;
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = files.map(|file| file.path()).collect();
    files.sort();
    files
}

fn text_of(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    let mut text = String::new();
    if path.extension().is_some_and(|end| end == "gz") {
        flate2::read::MultiGzDecoder::new(&*bytes).read_to_string(&mut text)?;
        return Ok(text);
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Compares what the program counted with what its files show.
pub(crate) fn balance(
    task: Task,
    shared: &Shared,
    folder: &Path,
    cuts: u64,
) -> Result<Books, String> {
    let mut logs: Vec<PathBuf> = files(&folder.join(COPIES));
    for path in &logs {
        cut_off_torn_end(path, task.is_mapped()).map_err(|e| e.to_string())?;
    }
    let own = files(&folder.join(LOGS)).into_iter().chain(files(&folder.join(SHIPPED)));
    // What is being compressed has its original beside it.
    let is_log = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        name.starts_with(LOG) && !name.ends_with(".part")
    };
    logs.extend(own.filter(is_log));
    let output = Command::new(env!("CARGO_BIN_EXE_sawmill"))
        .args(["verify", "--json", "--pattern", PATTERN])
        .args(&logs)
        .output()
        .map_err(|e| e.to_string())?;
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout)
        .map_err(|e| format!("{e}: {}", String::from_utf8_lossy(&output.stderr)))?;
    let of = |key: &str| answer[key].as_u64().unwrap_or(u64::MAX);
    let mut books = Books {
        found: of("found"),
        lost: of("lost"),
        duplicates: of("duplicates"),
        faults: of("torn") + of("out_of_order") + of("contradictions") + of("unreadable"),
        cuts,
        ..Books::default()
    };
    let threads = 0..shared::THREADS;
    books.attempted = threads.clone().map(|thread| shared.returned(thread)).sum();
    // Calls that had not returned may have left a record each, and none is to be made up for.
    let mut missing = 0;
    let found = threads_of(&logs).map_err(|e| e.to_string())?;
    for thread in threads {
        let returned = shared.returned(thread);
        let numbers = found.get(&(thread as u64)).map(Vec::as_slice).unwrap_or_default();
        books.attempted += numbers.iter().filter(|(_, n)| *n > returned).count() as u64;
        missing +=
            returned.saturating_sub(numbers.iter().filter(|(_, n)| *n <= returned).count() as u64);
        if task != Task::Full {
            // Within one file nothing may miss.
            let within = numbers.windows(2).filter(|pair| pair[0].0 == pair[1].0);
            let holes = within.map(|pair| (pair[1].1 - pair[0].1).saturating_sub(1)).sum::<u64>();
            books.unaccounted += holes;
            missing -= holes.min(missing);
        }
    }
    match task {
        Task::Full => books.unaccounted += missing.saturating_sub(books.lost),
        // There is no window: the writer stood still.
        Task::CutStopped | Task::CutMappedStopped => {
            books.unaccounted += missing.saturating_sub(books.lost)
        }
        Task::Cut | Task::CutMapped => books.window = missing.saturating_sub(books.lost),
    }
    let told = answer["findings"].as_array().into_iter().flatten();
    books.findings = told.filter_map(|text| text.as_str()).take(3).map(str::to_owned).collect();
    Ok(books)
}

/// A copy ends where the tool read last, be that within a line: that line is the tool's loss. One
/// of a mapped file ends with its first NUL: what was stored while the tool read may stand behind.
fn cut_off_torn_end(path: &Path, mapped: bool) -> io::Result<()> {
    let bytes = fs::read(path)?;
    let text = bytes.iter().position(|byte| mapped && *byte == 0).unwrap_or(bytes.len());
    let whole = bytes[..text].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    if whole < bytes.len() {
        fs::write(path, &bytes[..whole])?;
    }
    Ok(())
}

/// With each thread the numbers of its records, in their order, and the file that has each.
fn threads_of(logs: &[PathBuf]) -> io::Result<BTreeMap<u64, Vec<(usize, u64)>>> {
    let mut found: BTreeMap<u64, Vec<(usize, u64)>> = BTreeMap::new();
    for (file, path) in logs.iter().enumerate() {
        for line in text_of(path)?.lines() {
            let Some((_, rest)) = line.split_once(" thread ") else { continue };
            let mut words = rest.split(' ');
            let thread = words.next().and_then(|word| word.parse().ok());
            let number = words.nth(1).and_then(|word| word.parse().ok());
            if let (Some(thread), Some(number)) = (thread, number) {
                found.entry(thread).or_default().push((file, number));
            }
        }
    }
    found.values_mut().for_each(|numbers| numbers.sort_by_key(|(_, number)| *number));
    Ok(found)
}
