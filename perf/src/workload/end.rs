//! What is missing from the file when a process ends without telling its logger.

use crate::machine;
use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, Workload, count_lines};
use std::fmt;

/// How the process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// `main` returns, and what it holds is dropped.
    Return,
    /// `std::process::exit`.
    Exit,
    /// `main` panics.
    Panic,
    /// The signal that asks a process to end, unhandled.
    Sigterm,
    /// `std::process::abort`.
    Abort,
}

impl End {
    pub(crate) const ALL: [Self; 5] =
        [Self::Return, Self::Exit, Self::Panic, Self::Sigterm, Self::Abort];
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Return => "return",
            Self::Exit => "exit",
            Self::Panic => "panic",
            Self::Sigterm => "sigterm",
            Self::Abort => "abort",
        })
    }
}

/// Records in each process.
fn records(size: &Size) -> u64 {
    size.messages.min(50_000)
}

/// Starts a process for each way to end, and counts afterwards what is in its file.
pub(crate) fn run(peer: &str, setup: &Setup, size: &Size) -> Result<Vec<Figure>, String> {
    let this = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let folder = setup.file.parent().unwrap_or(std::path::Path::new("."));
    let mut figures = Vec::new();
    for end in End::ALL {
        let folder = folder.join(end.to_string());
        let name = Workload::Ending(end).to_string();
        let mut command = std::process::Command::new(&this);
        command.args(["--child", &name, peer, &setup.variant]).arg(&folder);
        command.args(size.to_arguments());
        let output = command.output().map_err(|e| format!("cannot start a child: {e}"))?;
        if !String::from_utf8_lossy(&output.stdout).contains("logged everything") {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("{peer} did not log before its {end}: {said}"));
        }
        let file = folder.join(setup.file.file_name().unwrap_or_default());
        let (lines, _) = count_lines(&file, b"Logging int:").unwrap_or((0, 0));
        let missing = records(size) as f64 - lines as f64;
        figures.push(Figure::new(&format!("missing, {end}"), "records", missing));
    }
    figures.push(Figure::new("attempted", "records", records(size) as f64));
    Ok(figures)
}

/// Logs and ends; does not return unless the end is a return.
pub(crate) fn die<S: Subject>(subject: S, end: End, size: &Size) {
    for n in 0..records(size) {
        subject.ints(n, n, 0.5);
    }
    println!("logged everything");
    match end {
        End::Return => drop(subject),
        End::Exit => std::process::exit(0),
        End::Panic => panic!("as asked"),
        End::Sigterm => machine::raise_sigterm(),
        End::Abort => std::process::abort(),
    }
}
