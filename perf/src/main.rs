//! Measures sawmill, and other loggers beside it, in one run.
//!
//! Every run of every variant is a process of its own, and the variants take turns, so that a
//! machine that changes its pace hurts all alike. Each process measures first what the machine
//! gives at that moment: the cost of a bare read of the counter, and how long a cache line takes
//! from one core to the other.

mod cli;
mod machine;
mod peer;
mod plot;
mod report;
mod stats;
mod subject;
mod workload;

use crate::cli::{Child, Command, Plan};
use crate::report::{Figure, Row};
use crate::subject::Setup;
use crate::workload::Workload;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let done = match cli::parse(&arguments) {
        Ok(Command::Help) => {
            print!("{}", cli::help());
            Ok(())
        }
        Ok(Command::Child(child)) => measure(&child),
        Ok(Command::Run(plan)) => compare(&plan),
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
    let mut figures = vec![Figure::new("tsc read", "ns", machine::read_cost_ns())];
    let before = machine::hand_off_ns();
    figures.extend(before.map(|ns| Figure::new("hand-off before", "ns", ns)));
    figures.extend(peer::run(&child.peer, child.workload, &setup, &child.size)?);
    figures.extend(machine::hand_off_ns().map(|ns| Figure::new("hand-off after", "ns", ns)));
    for figure in figures {
        println!("{}", figure.to_line());
    }
    Ok(())
}

/// All runs of all subjects, taking turns.
fn compare(plan: &Plan) -> Result<(), String> {
    // With --json the table of conditions goes to stderr: stdout holds objects only.
    let say = |line: String| if plan.json { eprintln!("{line}") } else { println!("{line}") };
    say(format!("machine   {}", machine::line()));
    say(format!("tsc read  {:.1} ns", machine::read_cost_ns()));
    say(format!("tsc step  {:.1} ns", machine::step_ns()));
    match machine::hand_off_ns() {
        Some(ns) => say(format!("hand-off  {ns:.0} ns ({})", nearness(ns))),
        None => say("hand-off  not measured: one core".into()),
    }
    say(String::new());

    let mut rows: Vec<Row> = Vec::new();
    for &workload in &plan.workloads {
        for peer in &plan.peers {
            for variant in peer::variants(peer, workload) {
                if plan.variants.is_empty() || plan.variants.iter().any(|v| v == variant) {
                    rows.push(Row {
                        workload: workload.to_string(),
                        peer: peer.clone(),
                        variant: variant.to_string(),
                        runs: Vec::new(),
                    });
                }
            }
        }
    }
    if rows.is_empty() {
        return Err("no peer has such a variant in this workload".into());
    }
    // Workload by workload; within one, each turn runs every variant once.
    for workload in plan.workloads.iter().map(Workload::to_string) {
        for _ in 0..plan.repeats {
            for row in rows.iter_mut().filter(|row| row.workload == workload) {
                row.runs.push(run_child(plan, row)?);
            }
        }
        for row in rows.iter().filter(|row| row.workload == workload) {
            match plan.json {
                true => print!("{}", row.to_json()),
                false => println!("{}", row.to_text()),
            }
        }
        if let Some(folder) = &plan.plots {
            let mine: Vec<&Row> = rows.iter().filter(|row| row.workload == workload).collect();
            plot::write(folder, &workload, &mine).map_err(|e| format!("cannot draw: {e}"))?;
        }
        for warning in unlike(rows.iter().filter(|row| row.workload == workload)) {
            say(warning);
        }
    }
    Ok(())
}

fn run_child(plan: &Plan, row: &Row) -> Result<Vec<Figure>, String> {
    let this = std::env::current_exe().map_err(|e| format!("cannot find this program: {e}"))?;
    let folder = plan.folder.join(format!("{}-{}-{}", row.workload, row.peer, row.variant));
    clear(&folder)?;
    let mut command = std::process::Command::new(this);
    command.arg("--child").args([&row.workload, &row.peer, &row.variant]).arg(&folder);
    command.args(plan.size.to_arguments());
    let output = command.output().map_err(|e| format!("cannot start a child: {e}"))?;
    clear(&folder)?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        return Err(format!(
            "{} {} {}: {}\n{}",
            row.workload,
            row.peer,
            row.variant,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(text.lines().filter_map(Figure::from_line).collect())
}

fn clear(folder: &Path) -> Result<(), String> {
    match std::fs::remove_dir_all(folder) {
        Err(wrong) if wrong.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("{}: {wrong}", folder.display()))
        }
        _ => Ok(()),
    }
}

fn nearness(hand_off_ns: f64) -> &'static str {
    if hand_off_ns < machine::NEAR_NS { "near" } else { "far" }
}

/// A warning for each row whose runs met other hand-offs than the first row's did.
fn unlike<'a>(rows: impl Iterator<Item = &'a Row>) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut first: Option<&'static str> = None;
    for row in rows {
        let hand_offs = row.runs.iter().flatten().filter(|f| f.metric.starts_with("hand-off"));
        let kinds: Vec<&str> = hand_offs.map(|figure| nearness(figure.value)).collect();
        let far = kinds.iter().filter(|&&kind| kind == "far").count();
        let kind = match far {
            0 => "near",
            far if far == kinds.len() => "far",
            _ => "mixed",
        };
        let name = format!("{} {} {}", row.workload, row.peer, row.variant);
        if kind == "mixed" {
            warnings.push(format!("{name}: hand-offs near and far in one row; repeat the run\n"));
        } else if *first.get_or_insert(kind) != kind {
            warnings.push(format!("{name}: {kind} hand-offs, unlike the rows before it\n"));
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(hand_offs: [f64; 2]) -> Row {
        let run = |ns: f64| vec![Figure::new("hand-off before", "ns", ns)];
        Row {
            workload: "latency".into(),
            peer: "floor".into(),
            variant: "default".into(),
            runs: hand_offs.map(run).to_vec(),
        }
    }

    #[test]
    fn rows_of_unlike_hand_off_are_told_apart() {
        assert!(unlike([row([40.0, 50.0]), row([35.0, 60.0])].iter()).is_empty());
        assert_eq!(unlike([row([40.0, 50.0]), row([200.0, 210.0])].iter()).len(), 1);
        assert_eq!(unlike([row([40.0, 200.0])].iter()).len(), 1);
    }
}
