//! The workloads: each runs in a process of its own and returns its figures.

mod burst;
mod busy;
mod decode;
mod disabled;
mod end;
mod idle;
mod latency;
mod response;
mod sustained;
mod threads;
mod throughput;
mod visible;

pub(crate) use busy::keep_busy;
pub(crate) use latency::TEXT;

use crate::report::Figure;
use crate::subject::{Overflow, Setup, Subject};
use std::fmt;
use std::time::Duration;

/// How much a run does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Batches of 20 calls in the latency workloads.
    pub(crate) batches: usize,
    /// Messages in the throughput workloads.
    pub(crate) messages: u64,
    /// Bursts of each length in the burst workload.
    pub(crate) bursts: usize,
    /// Threads in the thread workload, which goes on with ten times as many.
    pub(crate) threads: usize,
    /// How long the idle workload watches.
    pub(crate) idle: Duration,
}

impl Size {
    /// The sizes, as a child reads them.
    pub(crate) fn to_arguments(self) -> [String; 5] {
        let Self { batches, messages, bursts, threads, idle } = self;
        [
            batches.to_string(),
            messages.to_string(),
            bursts.to_string(),
            threads.to_string(),
            idle.as_millis().to_string(),
        ]
    }

    /// What the figures in the README were made with.
    pub(crate) const FULL: Self = Self {
        batches: 5_000,
        messages: 4_000_000,
        bursts: 200,
        threads: 1_000,
        idle: Duration::from_secs(5),
    };
    /// Enough to see that everything still runs.
    pub(crate) const SMOKE: Self = Self {
        batches: 50,
        messages: 50_000,
        bursts: 3,
        threads: 50,
        idle: Duration::from_millis(300),
    };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Workload {
    Latency,
    LatencyStr,
    /// `Latency` beside another file that is written to and synced.
    Busy,
    Burst,
    Throughput {
        producers: usize,
    },
    Response,
    Sustained,
    Decode,
    Threads,
    Disabled,
    Visible,
    Idle,
    End,
    /// The part of `End` that dies.
    Ending(end::End),
}

impl Workload {
    pub(crate) const ALL: [Self; 15] = [
        Self::Latency,
        Self::LatencyStr,
        Self::Busy,
        Self::Throughput { producers: 1 },
        Self::Throughput { producers: 2 },
        Self::Throughput { producers: 64 },
        Self::Response,
        Self::Sustained,
        Self::Decode,
        Self::Disabled,
        Self::Burst,
        Self::Visible,
        Self::Threads,
        Self::Idle,
        Self::End,
    ];

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        let ending = end::End::ALL.into_iter().map(Self::Ending);
        Self::ALL.into_iter().chain(ending).find(|workload| workload.to_string() == name)
    }

    /// What it measures, for `--help`.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Latency => "batches of 20 calls (u64, u64, f64), a millisecond apart",
            Self::LatencyStr => "the same with a 35-byte string and an i32",
            Self::Busy => {
                "`latency` while another process writes to a file beside the log and syncs it"
            }
            Self::Throughput { producers: 1 } => {
                "messages to a file, from one thread at full speed; beside `floor`, which puts words \
                 into a bare ring and writes a ready-made line of 145 bytes for each (`text`), or of \
                 15 (`binary`)"
            }
            Self::Throughput { .. } => "the same from several threads",
            Self::Disabled => "a call that is off, under an elaborate configuration",
            Self::Burst => "30 000 and 100 000 calls at full speed after 10 ms of silence",
            Self::Response => {
                "calls at rates from 10 000 to 8 million a second, each timed from when it was due"
            }
            Self::Sustained => "binary records at full speed for ten seconds",
            Self::Decode => {
                "binary records of 20 million messages: their bytes, and their decoding"
            }
            Self::Visible => "from a call until its line can be read from the file",
            Self::Threads => {
                "memory of a process with 1 000 and with 10 000 threads, or as many as the system \
                 allows, that log now and then"
            }
            Self::End | Self::Ending(_) => "records missing after the process ended unannounced",
            Self::Idle => "processor time of an idle process",
        }
    }

    /// Whether it times calls in small batches.
    pub(crate) fn is_latency(self) -> bool {
        matches!(self, Self::Latency | Self::LatencyStr | Self::Busy)
    }

    /// Sawmill's variants that differ in this workload.
    pub(crate) fn variants(self) -> &'static [&'static str] {
        match self {
            Self::Latency | Self::LatencyStr => {
                &["default", "spin", "park", "text", "json", "mapped", "mapped-lanes", "binary"]
            }
            Self::Busy => &["default", "mapped-lanes", "mapped-lanes-disk"],
            Self::Throughput { .. } => {
                &["default", "text", "json", "mapped", "mapped-lanes", "binary", "spin"]
            }
            Self::Sustained | Self::Decode => &["binary"],
            Self::Burst => &["default", "block", "drop", "park"],
            Self::Disabled | Self::Threads | Self::End => &["default"],
            Self::Ending(_) => &[],
            Self::Idle | Self::Visible => &["default", "park", "spin"],
            Self::Response => &["default", "spin"],
        }
    }

    /// How the subject answers when it cannot keep up.
    pub(crate) fn overflow(self, peer: &str, variant: &str) -> Overflow {
        match (self, peer, variant) {
            (Self::Burst, _, "block") => Overflow::Block,
            (Self::Burst, _, "drop") => Overflow::Drop,
            (Self::Throughput { .. }, "sawmill", "default") => Overflow::Default,
            // Nothing may be missing because a queue was full.
            (
                Self::Throughput { .. }
                | Self::Sustained
                | Self::Decode
                | Self::End
                | Self::Ending(_),
                _,
                _,
            ) => Overflow::Block,
            _ => Overflow::Default,
        }
    }

    /// Runs it in processes of its own, if it is of that kind.
    pub(crate) fn run_apart(
        self,
        peer: &str,
        setup: &Setup,
        size: &Size,
    ) -> Option<Result<Vec<Figure>, String>> {
        (self == Self::End).then(|| end::run(peer, setup, size))
    }

    /// Runs it on a subject.
    pub(crate) fn run<S: Subject>(self, subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
        match self {
            Self::Latency => {
                latency::run(subject, size, |s, n| s.ints(n, n ^ 7919, n as f64 * 0.25))
            }
            Self::LatencyStr => latency::run(subject, size, |s, n| {
                s.text(std::hint::black_box(latency::TEXT), n as i32);
            }),
            Self::Busy => busy::run(subject, setup, size),
            Self::Throughput { producers } => throughput::run(subject, setup, size, producers),
            Self::Sustained => sustained::run(subject, size),
            Self::Decode => decode::run(subject, setup, size),
            Self::Response => response::run(subject, size),
            Self::Visible => visible::run(subject, setup, size),
            Self::Threads => threads::run(subject, setup, size),
            Self::Disabled => disabled::run(subject),
            Self::Burst => burst::run(subject, setup, size),
            Self::Idle => idle::run(subject, size),
            Self::Ending(end) => {
                end::die(subject, end, size);
                Vec::new()
            }
            Self::End => unreachable!("`run_apart` runs this one"),
        }
    }
}

impl fmt::Display for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latency => f.write_str("latency"),
            Self::LatencyStr => f.write_str("latency-str"),
            Self::Busy => f.write_str("latency-busy"),
            Self::Throughput { producers: 1 } => f.write_str("throughput"),
            Self::Throughput { producers } => write!(f, "throughput-{producers}"),
            Self::Response => f.write_str("response"),
            Self::Sustained => f.write_str("sustained"),
            Self::Decode => f.write_str("decode"),
            Self::Visible => f.write_str("visible"),
            Self::Threads => f.write_str("threads"),
            Self::Disabled => f.write_str("disabled"),
            Self::Burst => f.write_str("burst"),
            Self::Idle => f.write_str("idle"),
            Self::End => f.write_str("end"),
            Self::Ending(end) => write!(f, "end-{end}"),
        }
    }
}

/// What is said of the records at the end: lines found, what the logger says it dropped, and what
/// is missing from both.
fn add_books(into: &mut Vec<Figure>, attempted: u64, found: u64, dropped: Option<u64>) {
    into.push(Figure::new("lines found", "records", found as f64));
    if let Some(dropped) = dropped {
        into.push(Figure::new("dropped", "records", dropped as f64));
    }
    let missing = attempted as f64 - found as f64 - dropped.unwrap_or(0) as f64;
    into.push(Figure::new("missing", "records", missing));
}

/// Counts the lines that hold `mark`, or the records of binary logs, in the file and in what it was rotated to.
fn count_lines(file: &std::path::Path, mark: &[u8]) -> std::io::Result<(u64, u64)> {
    let (mut lines, mut bytes) = (0, 0);
    let folder = file.parent().unwrap_or(std::path::Path::new("."));
    let stem = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().contains(&stem) {
            continue;
        }
        let (more, size) = count_in(&entry.path(), mark)?;
        lines += more;
        bytes += size;
    }
    Ok((lines, bytes))
}

fn count_in(file: &std::path::Path, mark: &[u8]) -> std::io::Result<(u64, u64)> {
    use std::io::BufRead as _;
    let mut reader = std::io::BufReader::with_capacity(1 << 20, std::fs::File::open(file)?);
    if sawmill::BinaryReader::is_binary(reader.fill_buf()?) {
        let mut reader = sawmill::BinaryReader::open(file).map_err(std::io::Error::other)?;
        let mut records = 0;
        while let Some(block) = reader.next_block().map_err(std::io::Error::other)? {
            records += block.records();
        }
        if !reader.finish().is_none() {
            return Err(std::io::Error::other(reader.damage().to_string()));
        }
        return Ok((records, std::fs::metadata(file)?.len()));
    }
    let (mut lines, mut bytes, mut line) = (0, 0, Vec::new());
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line)? {
            0 => return Ok((lines, bytes)),
            read => bytes += read as u64,
        }
        // A mapped file may end in a stretch of NULs, which is not text.
        if line.windows(mark.len()).any(|window| window == mark) {
            lines += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_workload_is_found_by_its_name() {
        for workload in Workload::ALL {
            assert_eq!(Workload::from_name(&workload.to_string()), Some(workload));
        }
        assert_eq!(Workload::from_name("nothing"), None);
    }

    #[test]
    fn lines_are_counted_over_rotated_files() {
        let folder =
            std::env::temp_dir().join(format!("sawmill-perf-count-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("a.log"), "x int: 1\nother\nx int: 2\n\0\0\0").unwrap();
        std::fs::write(folder.join("a.log.1"), "x int: 3\n").unwrap();
        std::fs::write(folder.join("b.log"), "x int: 4\n").unwrap();
        let counted = count_lines(&folder.join("a.log"), b"int:").unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        assert_eq!(counted.0, 3);
    }
}
