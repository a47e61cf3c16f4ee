//! The folder of results: for each workload a file of JSON lines, kept beside the README that quotes
//! its figures.
//!
//! The first line tells of the run (`"about": "run"`): commit, day, machine, compiler, command.
//! Each further line is one metric of one variant of one peer. A run of a workload replaces the
//! whole file of that workload.

use crate::machine;
use crate::report::{Line, Row};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

/// What was measured, when, where and how.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct About {
    /// `run`: tells this line from the others.
    pub(crate) about: String,
    /// With `-dirty` if the tree had other changes than results.
    pub(crate) commit: String,
    /// `2026-11-20`, in UTC.
    pub(crate) date: String,
    pub(crate) machine: String,
    /// Processes that wanted a core in the minute before: other work makes figures worse.
    #[serde(default)]
    pub(crate) load: String,
    pub(crate) rustc: String,
    pub(crate) command: String,
    pub(crate) tsc_read_ns: f64,
    pub(crate) tsc_step_ns: f64,
    /// Before the first run; each row has those around its own runs.
    pub(crate) hand_off_ns: Option<f64>,
}

impl About {
    /// This run, on this machine.
    pub(crate) fn here() -> Self {
        let said = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output().ok();
            let text = output.filter(|it| it.status.success()).map(|it| it.stdout);
            text.map(|text| String::from_utf8_lossy(&text).trim().to_owned())
        };
        let unknown = || "unknown".to_owned();
        let mut commit = said("git", &["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(unknown);
        let changes = ["status", "--porcelain", "--", ":/", ":(top,exclude)perf/results"];
        if said("git", &changes).is_some_and(|changes| !changes.is_empty()) {
            commit.push_str("-dirty");
        }
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        Self {
            about: "run".into(),
            commit,
            date: said("date", &["-u", "+%Y-%m-%d"]).unwrap_or_else(unknown),
            machine: machine::line(),
            load: machine::load(),
            rustc: said("rustc", &["--version"]).unwrap_or_else(unknown),
            command: format!("sawmill-perf {}", arguments.join(" ")),
            tsc_read_ns: machine::read_cost_ns(),
            tsc_step_ns: machine::step_ns(),
            hand_off_ns: machine::hand_off_ns(),
        }
    }

    /// A field of the run, as the README may quote it.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        Some(match name {
            "commit" => &self.commit,
            "date" => &self.date,
            "machine" => &self.machine,
            "load" => &self.load,
            "rustc" => &self.rustc,
            "command" => &self.command,
            _ => return None,
        })
    }
}

/// Replaces the results of one workload.
pub(crate) fn write(
    folder: &Path,
    workload: &str,
    about: &About,
    rows: &[&Row],
) -> Result<(), String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
    let mut out = serde_json::to_string(about).map_err(|error| wrong(&error))?;
    for line in rows.iter().flat_map(|row| row.lines()) {
        out.push('\n');
        out.push_str(&serde_json::to_string(&line).map_err(|error| wrong(&error))?);
    }
    out.push('\n');
    std::fs::create_dir_all(folder).map_err(|error| wrong(&error))?;
    std::fs::write(folder.join(format!("{workload}.jsonl")), out).map_err(|error| wrong(&error))
}

/// All that a folder holds.
#[derive(Debug, Default)]
pub(crate) struct Results {
    /// By workload.
    pub(crate) runs: BTreeMap<String, About>,
    pub(crate) lines: Vec<Line>,
}

impl Results {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", folder.display());
        let mut results = Self::default();
        let entries = std::fs::read_dir(folder).map_err(|error| wrong(&error))?;
        let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        for path in paths.iter().filter(|path| path.extension().is_some_and(|it| it == "jsonl")) {
            let text = std::fs::read_to_string(path).map_err(|error| wrong(&error))?;
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            results.add(&name, &text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(results)
    }

    pub(crate) fn add(&mut self, workload: &str, text: &str) -> Result<(), String> {
        let (first, rest) = text.split_once('\n').ok_or("empty")?;
        let about: About = serde_json::from_str(first).map_err(|error| error.to_string())?;
        self.runs.insert(workload.to_owned(), about);
        for line in rest.lines() {
            self.lines.push(serde_json::from_str(line).map_err(|error| error.to_string())?);
        }
        Ok(())
    }

    pub(crate) fn find(&self, [workload, peer, variant, metric]: [&str; 4]) -> Option<&Line> {
        self.lines.iter().find(|line| {
            (&*line.workload, &*line.peer, &*line.variant, &*line.metric)
                == (workload, peer, variant, metric)
        })
    }
}
