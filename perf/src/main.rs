//! Measures sawmill, and other loggers beside it, in one run.
//!
//! Every run of every variant is a process of its own, and the variants take turns, so that a
//! machine that changes its pace hurts all alike. Each process measures first what the machine
//! gives at that moment: the cost of a bare read of the counter, and how long a cache line takes
//! from one core to the other.

mod cli;
mod compare;
mod gates;
mod machine;
mod peer;
mod plot;
#[cfg(feature = "plot")]
mod png;
mod ratio;
mod readme;
mod report;
mod results;
mod sites;
mod stats;
mod subject;
mod workload;

use crate::cli::{Child, Command, Documents};
use crate::report::Figure;
use crate::results::Results;
use crate::subject::Setup;
use crate::workload::Workload;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match cli::parse(&arguments) {
        Ok(Command::Help) => {
            print!("{}", cli::help());
            Ok(())
        }
        Ok(Command::Child(child)) => measure(&child),
        Ok(Command::Run(plan)) => compare::run(&plan),
        Ok(Command::Report(documents)) => report(&documents),
        Ok(Command::Gates { set }) => gates::run(set),
        Ok(Command::Count { what, calls }) => gates::count(&what, calls),
        Ok(Command::Busy(file)) => workload::keep_busy(&file),
        Ok(Command::Ratio(plan)) => ratio::run(&plan),
        Ok(Command::Sites(plan)) => sites::run(&plan),
        Err(wrong) => Err(format!("{wrong}\ntry --help")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(wrong) => {
            eprintln!("sawmill-perf: {wrong}");
            ExitCode::FAILURE
        }
    }
}

/// One run, in this process: prints its figures for the parent to read.
fn measure(child: &Child) -> Result<(), String> {
    std::fs::create_dir_all(&child.folder)
        .map_err(|e| format!("{}: {e}", child.folder.display()))?;
    let setup = Setup {
        variant: child.variant.clone(),
        file: child.folder.join("perf.log"),
        overflow: child.workload.overflow(&child.peer, &child.variant),
        elaborate: child.workload == Workload::Disabled,
    };
    if let Some(figures) = child.workload.run_apart(&child.peer, &setup, &child.size) {
        figures?.iter().for_each(|figure| println!("{}", figure.to_line()));
        return Ok(());
    }
    let read = machine::read_cost_ns();
    let mut figures = vec![Figure::new("tsc read", "ns", read)];
    let before = machine::hand_off_ns();
    figures.extend(before.map(|ns| Figure::new("hand-off before", "ns", ns)));
    figures.extend(peer::run(&child.peer, child.workload, &setup, &child.size)?);
    // What a call costs beside the reading of the counter that every stamp is.
    if child.workload.is_latency()
        && let Some(p50) = figures.iter().find(|figure| figure.metric == "p50")
    {
        figures.push(Figure::new("above tsc", "ns", p50.value - read));
    }
    figures.extend(machine::hand_off_ns().map(|ns| Figure::new("hand-off after", "ns", ns)));
    for figure in figures {
        println!("{}", figure.to_line());
    }
    Ok(())
}

/// Shows or draws the results, or holds documents to them.
fn report(documents: &Documents) -> Result<(), String> {
    let results = Results::read(&documents.results)?;
    if let Some(folder) = &documents.plots {
        for workload in results.runs.keys() {
            plot::write(folder, workload, &results.lines)?;
        }
    }
    if documents.files.is_empty() && documents.plots.is_none() {
        for (workload, about) in &results.runs {
            println!("{workload}: {}, {}, {}", about.commit, about.date, about.machine);
        }
        results.lines.iter().for_each(|line| println!("{}", line.to_text()));
        return Ok(());
    }
    let mut wrong = 0;
    for file in &documents.files {
        let name = file.display();
        let text = std::fs::read_to_string(file).map_err(|error| format!("{name}: {error}"))?;
        let checked = readme::check(&text, &results);
        if checked.figures == 0 {
            return Err(format!("{name}: no figure is marked"));
        }
        checked.mistakes.iter().for_each(|mistake| eprintln!("{name}: {mistake}"));
        wrong += checked.mistakes.len();
        if documents.update {
            std::fs::write(file, &checked.text).map_err(|error| format!("{name}: {error}"))?;
            println!("{name}: {} of {} figures set", checked.differences.len(), checked.figures);
        } else {
            checked.differences.iter().for_each(|difference| eprintln!("{name}: {difference}"));
            wrong += checked.differences.len();
            println!("{name}: {} figures held to {}", checked.figures, documents.results.display());
        }
    }
    match wrong {
        0 => Ok(()),
        wrong => Err(format!("{wrong} figures are not those of the results")),
    }
}
