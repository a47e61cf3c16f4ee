//! The command line.

use crate::peer;
use crate::workload::{Size, Workload};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) enum Command {
    Help,
    Run(Plan),
    Child(Child),
    Report(Documents),
    Gates {
        set: bool,
    },
    /// What is counted, in a process that valgrind watches.
    Count {
        what: String,
        calls: u64,
    },
    /// Keeps a file busy, for another process's measurement.
    Busy(PathBuf),
    Ratio(Plan),
    Sites(Sites),
}

/// Documents to hold to the results.
pub(crate) struct Documents {
    pub(crate) results: PathBuf,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) update: bool,
    /// Where to draw the results.
    pub(crate) plots: Option<PathBuf>,
}

/// Call sites to generate.
pub(crate) struct Sites {
    pub(crate) count: usize,
    /// Empty: all.
    pub(crate) crates: Vec<String>,
    pub(crate) check: bool,
    pub(crate) results: Option<PathBuf>,
}

/// What to compare.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) workloads: Vec<Workload>,
    pub(crate) peers: Vec<String>,
    /// Empty: all.
    pub(crate) variants: Vec<String>,
    pub(crate) repeats: usize,
    /// Only runs during which the cores hand a line over quickly.
    pub(crate) near: bool,
    pub(crate) json: bool,
    pub(crate) folder: PathBuf,
    pub(crate) plots: Option<PathBuf>,
    pub(crate) results: Option<PathBuf>,
    pub(crate) size: Size,
}

impl Plan {
    pub(crate) fn usual() -> Self {
        Self {
            workloads: Vec::new(),
            peers: Vec::new(),
            variants: Vec::new(),
            repeats: 5,
            near: false,
            json: false,
            folder: std::env::temp_dir().join(format!("sawmill-perf-{}", std::process::id())),
            plots: None,
            results: None,
            size: Size::FULL,
        }
    }
}

/// One run, in a process of its own.
pub(crate) struct Child {
    pub(crate) workload: Workload,
    pub(crate) peer: String,
    pub(crate) variant: String,
    pub(crate) folder: PathBuf,
    pub(crate) size: Size,
}

pub(crate) fn help() -> String {
    let mut out = String::from(
        "Measures sawmill, and other loggers beside it.\n\n\
         usage: sawmill-perf WORKLOAD... [--peer NAME]... [--variant NAME]... [--repeats N]\n\
         \x20                   [--messages N] [--batches N] [--near] [--smoke] [--json] [--plot DIR] [--results DIR]\n\
         \x20                   [--dir DIR]\n\
         \x20      sawmill-perf report [--results DIR] [--check FILE]... [--update FILE]... [--plot DIR]\n\
         \x20      sawmill-perf gates [--set]\n\
         \x20      sawmill-perf ratio [--repeats N]\n\
         \x20      sawmill-perf sites [--sites N] [--crate NAME]... [--check] [--results DIR]\n\n\
         \x20 --peer NAME     compare only these (default: all that were built)\n\
         \x20 --variant NAME  only these variants\n\
         \x20 --repeats N     runs of each variant, taking turns (default: 5)\n\
         \x20 --messages N    messages in the throughput workloads (default: 4000000)\n\
         \x20 --batches N     batches of 20 in the latency workloads (default: 5000)\n\
         \x20 --near          repeats runs during which the cores were far from each other (eight times\n\
         \x20                 at most), and tells how many it left out\n\
         \x20 --smoke         small sizes and one run: does everything still work?\n\
         \x20 --json          one object a line on stdout\n\
         \x20 --plot DIR      draws each workload into DIR, as SVG, and PNG with the feature `plot`\n\
         \x20 --results DIR   keeps the results of each workload in DIR\n\
         \x20 --dir DIR       where the logs are written (default: the system's temporary folder)\n\n\
         workloads (or `all`):\n",
    );
    for workload in Workload::ALL {
        let _ = writeln!(out, "  {:<14}  {}", workload.to_string(), workload.about());
    }
    let _ = writeln!(out, "\npeers: {}", peer::names().join(" "));
    out.push_str(
        "\nreport  shows the results in DIR (default: perf/results), holds the marked figures of\n\
         \x20       documents to them, or draws them\n\
         gates   counts instructions of calls and lines under valgrind, and fails above the bounds\n\
         \x20       in perf/bounds.txt; --set writes them\n\
         ratio   fails unless sawmill is three times ahead of tracing-appender (feature `tracing`)\n\
         sites   code size and compile time of generated call sites, beside `log` and `tracing`\n",
    );
    out
}

pub(crate) fn parse(arguments: &[String]) -> Result<Command, String> {
    if arguments.first().is_some_and(|first| first == "--child") {
        return parse_child(&arguments[1..]);
    }
    if let Some((first, rest)) = arguments.split_first() {
        match first.as_str() {
            "report" => return parse_report(rest),
            "gates" => return parse_gates(rest),
            "--busy" => {
                let [file] = rest else { return Err("one file is kept busy".into()) };
                return Ok(Command::Busy(file.into()));
            }
            "--count" => return parse_count(rest),
            "ratio" => return parse_ratio(rest),
            "sites" => return parse_sites(rest),
            _ => {}
        }
    }
    let mut plan = Plan::usual();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().cloned().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "-h" | "--help" => return Ok(Command::Help),
            "--json" => plan.json = true,
            "--near" => plan.near = true,
            "--smoke" => (plan.size, plan.repeats) = (Size::SMOKE, 1),
            "--peer" => plan.peers.push(known_peer(value()?)?),
            "--variant" => plan.variants.push(value()?),
            "--repeats" => plan.repeats = number(&value()?)?,
            "--messages" => plan.size.messages = number(&value()?)?,
            "--batches" => plan.size.batches = number(&value()?)?,
            "--plot" => plan.plots = Some(value()?.into()),
            "--results" => plan.results = Some(value()?.into()),
            "--dir" => plan.folder = value()?.into(),
            "all" => plan.workloads = Workload::ALL.to_vec(),
            name => match Workload::from_name(name) {
                Some(workload) => plan.workloads.push(workload),
                None => return Err(format!("unknown workload or option {name:?}")),
            },
        }
    }
    if plan.workloads.is_empty() {
        return Err("which workload?".into());
    }
    if plan.repeats == 0 || plan.size.batches == 0 || plan.size.messages == 0 {
        return Err("a count of 0 measures nothing".into());
    }
    if plan.peers.is_empty() {
        plan.peers = peer::names().iter().map(|&name| name.to_owned()).collect();
    }
    Ok(Command::Run(plan))
}

fn parse_child(arguments: &[String]) -> Result<Command, String> {
    let [workload, peer, variant, folder, batches, messages, bursts, threads, idle_ms] = arguments
    else {
        return Err("a child gets nine arguments".into());
    };
    Ok(Command::Child(Child {
        workload: Workload::from_name(workload).ok_or(format!("unknown workload {workload:?}"))?,
        peer: known_peer(peer.clone())?,
        variant: variant.clone(),
        folder: folder.into(),
        size: Size {
            batches: number(batches)?,
            messages: number(messages)?,
            bursts: number(bursts)?,
            threads: number(threads)?,
            idle: Duration::from_millis(number(idle_ms)?),
        },
    }))
}

fn parse_report(arguments: &[String]) -> Result<Command, String> {
    let mut documents =
        Documents { results: "perf/results".into(), files: Vec::new(), update: false, plots: None };
    let mut rest = arguments.iter();
    let mut checks = false;
    while let Some(argument) = rest.next() {
        let value = rest.next().cloned().ok_or(format!("{argument} needs a value"))?;
        match argument.as_str() {
            "--results" => documents.results = value.into(),
            "--plot" => documents.plots = Some(value.into()),
            "--check" | "--update" => {
                documents.files.push(value.into());
                documents.update |= argument == "--update";
                checks |= argument == "--check";
            }
            _ => return Err(format!("unknown option {argument:?}")),
        }
    }
    if documents.update && checks {
        return Err("--check and --update exclude each other".into());
    }
    Ok(Command::Report(documents))
}

fn parse_gates(arguments: &[String]) -> Result<Command, String> {
    match arguments {
        [] => Ok(Command::Gates { set: false }),
        [set] if set == "--set" => Ok(Command::Gates { set: true }),
        _ => Err("gates takes --set alone".into()),
    }
}

fn parse_count(arguments: &[String]) -> Result<Command, String> {
    let [what, calls] = arguments else { return Err("a count gets two arguments".into()) };
    Ok(Command::Count { what: what.clone(), calls: number(calls)? })
}

fn parse_ratio(arguments: &[String]) -> Result<Command, String> {
    let mut plan = Plan::usual();
    match arguments {
        [] => {}
        [repeats, count] if repeats == "--repeats" => plan.repeats = number(count)?,
        _ => return Err("ratio takes --repeats N alone".into()),
    }
    if plan.repeats == 0 {
        return Err("a count of 0 measures nothing".into());
    }
    Ok(Command::Ratio(plan))
}

fn parse_sites(arguments: &[String]) -> Result<Command, String> {
    let mut plan = Sites { count: 1000, crates: Vec::new(), check: false, results: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().cloned().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--sites" => plan.count = number(&value()?)?,
            "--crate" => plan.crates.push(value()?),
            "--check" => plan.check = true,
            "--results" => plan.results = Some(value()?.into()),
            _ => return Err(format!("unknown option {argument:?}")),
        }
    }
    if plan.count == 0 {
        return Err("a count of 0 measures nothing".into());
    }
    Ok(Command::Sites(plan))
}

fn known_peer(name: String) -> Result<String, String> {
    match peer::names().contains(&name.as_str()) {
        true => Ok(name),
        false => Err(format!("unknown peer {name:?}; built were: {}", peer::names().join(" "))),
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text:?} is not a number that fits here"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(line: &str) -> Result<Command, String> {
        parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_reach_the_plan() {
        let Ok(Command::Run(plan)) = run("latency --peer floor --repeats 3 --messages 10 --json")
        else {
            panic!("not understood");
        };
        assert_eq!(plan.workloads, [Workload::Latency]);
        assert_eq!(plan.peers, ["floor"]);
        assert_eq!((plan.repeats, plan.size.messages, plan.json), (3, 10, true));
    }

    #[test]
    fn mistakes_are_told() {
        let wrong = [
            "",
            "latency --peer",
            "latency --peer nobody",
            "speed",
            "latency --repeats x",
            "report --check",
            "report --check a --update b",
            "gates --sets",
            "ratio --repeats 0",
            "sites --sites 0",
        ];
        for wrong in wrong {
            assert!(run(wrong).is_err(), "{wrong:?} was accepted");
        }
    }
}
