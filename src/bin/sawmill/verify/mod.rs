//! `sawmill verify`: does the books of log files.
//!
//! Every record of a lane has a number, the lost ones too, and gap records tell the numbers that
//! nobody will find. So the files alone show whether anything is missing, doubled or out of order.

mod binary;
mod ledger;
mod lines;
mod pattern;

use ledger::Ledger;
use pattern::Pattern;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Findings of a kind that are told one by one.
const TOLD: usize = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Logs, archives (gzip; zstd with the cargo feature), recovered parts; of one handler, in any order.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The pattern of the lines in `%` style; without it lines are JSON, or show ` lane=1`,
    /// ` sequence=2` and best ` run=3` somewhere before the message.
    #[arg(long)]
    pattern: Option<String>,
    /// How many records the program logged, if it knows.
    #[arg(long)]
    attempted: Option<u64>,
    /// A line that is no record continues the one before it, whatever it begins with; otherwise
    /// only if it begins with a space or a tab.
    #[arg(long)]
    multiline: bool,
    /// Prints one JSON object.
    #[arg(long)]
    json: bool,
}

/// What one line says of its record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Entry {
    /// When the runtime started, or the process's number where that is not shown.
    run: Option<i64>,
    process: Option<u64>,
    lane: u64,
    sequence: u64,
    /// A gap record: how many records it reports lost.
    lost: Option<u64>,
}

/// Something that the books do not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Finding {
    Torn,
    Duplicate,
    OutOfOrder,
    Unaccounted,
    Contradiction,
    Unreadable,
}

impl Finding {
    const ALL: [Self; 6] = [
        Self::Torn,
        Self::Duplicate,
        Self::OutOfOrder,
        Self::Unaccounted,
        Self::Contradiction,
        Self::Unreadable,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Torn => "torn",
            Self::Duplicate => "duplicates",
            Self::OutOfOrder => "out_of_order",
            Self::Unaccounted => "unaccounted",
            Self::Contradiction => "contradictions",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Findings, counted and the first of each kind told.
#[derive(Debug, Default)]
struct Findings {
    counts: [u64; Finding::ALL.len()],
    told: Vec<(Finding, String)>,
}

impl Findings {
    fn add(&mut self, finding: Finding, count: u64, text: impl FnOnce() -> String) {
        let known = self.told.iter().filter(|(kind, _)| *kind == finding).count();
        if known < TOLD {
            self.told.push((finding, text()));
        }
        self.counts[finding as usize] += count;
    }

    fn count(&self, finding: Finding) -> u64 {
        self.counts[finding as usize]
    }

    fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let pattern = match options.pattern.as_deref().map(Pattern::compile).transpose() {
        Ok(pattern) => pattern,
        Err(why) => {
            eprintln!("sawmill verify: --pattern: {why}");
            return ExitCode::from(2);
        }
    };
    let mut findings = Findings::default();
    let mut ledger = Ledger::default();
    for path in &options.files {
        read(path, options, pattern.as_ref(), &mut ledger, &mut findings);
    }
    let sums = ledger.close(options.attempted, &mut findings);
    let text = if options.json { in_json(&sums, &findings) } else { in_words(&sums, &findings) };
    let _ = std::io::stdout().write_all(text.as_bytes());
    if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn read(
    path: &Path,
    options: &Options,
    pattern: Option<&Pattern>,
    ledger: &mut Ledger,
    findings: &mut Findings,
) {
    match crate::logs::open_if_binary(path) {
        Ok(Some(mut reader)) => return binary::read(path, &mut reader, ledger, findings),
        Ok(None) => {}
        Err(error) => {
            let text = || format!("{}: {error}", path.display());
            return findings.add(Finding::Unreadable, 1, text);
        }
    }
    let file = ledger.begin_file();
    let mut number = 0_u64;
    let mut within_record = false;
    let done = lines::each(path, |line, is_whole| {
        number += 1;
        let place = || format!("{}:{number}", path.display());
        if !is_whole {
            let text = || format!("{}: the file ends within this line", place());
            return findings.add(Finding::Torn, 1, text);
        }
        match lines::entry(line, pattern) {
            Some(entry) => {
                within_record = true;
                ledger.enter(file, &entry, &place, findings);
            }
            None => {
                let indented = line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'));
                let empty = line.is_empty();
                if !(within_record && (options.multiline || indented)) && !empty
                    || line.contains(&0)
                {
                    let text = || format!("{}: no record: {}", place(), lines::shown(line));
                    findings.add(Finding::Torn, 1, text);
                }
            }
        }
    });
    if let Err(error) = done {
        findings.add(Finding::Unreadable, 1, || format!("{}: {error}", path.display()));
    }
}

fn in_words(sums: &ledger::Sums, findings: &Findings) -> String {
    let mut text = String::new();
    for (_, line) in &findings.told {
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(
        text,
        "attempted {} {} found {} + reported lost {}",
        sums.attempted,
        if sums.attempted == sums.found + sums.lost { "=" } else { "!=" },
        sums.found,
        sums.lost
    );
    let _ = writeln!(text, "lanes {}, gap records {}", sums.lanes, sums.gaps);
    let counts = Finding::ALL
        .map(|kind| format!("{} {}", kind.name().replace('_', " "), findings.count(kind)));
    let _ = writeln!(text, "{}", counts.join(", "));
    text
}

fn in_json(sums: &ledger::Sums, findings: &Findings) -> String {
    let mut map = serde_json::Map::new();
    for (key, number) in [
        ("attempted", sums.attempted),
        ("found", sums.found),
        ("lost", sums.lost),
        ("lanes", sums.lanes),
        ("gaps", sums.gaps),
    ] {
        map.insert(key.to_owned(), number.into());
    }
    for kind in Finding::ALL {
        map.insert(kind.name().to_owned(), findings.count(kind).into());
    }
    let told: Vec<&str> = findings.told.iter().map(|(_, text)| &**text).collect();
    map.insert("findings".to_owned(), told.into());
    format!("{}\n", serde_json::Value::Object(map))
}
