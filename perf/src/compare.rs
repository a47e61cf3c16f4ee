//! All runs of all subjects, taking turns.

use crate::cli::Plan;
use crate::report::{Figure, Row};
use crate::results::{self, About};
use crate::workload::Workload;
use crate::{machine, peer, plot};
use std::path::Path;

/// Measures what the plan says, workload by workload.
pub(crate) fn run(plan: &Plan) -> Result<(), String> {
    // With --json the table of conditions goes to stderr: stdout holds objects only.
    let say = |line: String| if plan.json { eprintln!("{line}") } else { println!("{line}") };
    let about = About::here();
    say(format!("commit    {}", about.commit));
    say(format!("machine   {}", about.machine));
    say(format!("tsc read  {:.1} ns", about.tsc_read_ns));
    say(format!("tsc step  {:.1} ns", about.tsc_step_ns));
    match about.hand_off_ns {
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
                row.runs.push(run_near(plan, row)?);
            }
        }
        for row in rows.iter().filter(|row| row.workload == workload) {
            match plan.json {
                true => print_lines(row)?,
                false => println!("{}", row.to_text()),
            }
        }
        let mine: Vec<&Row> = rows.iter().filter(|row| row.workload == workload).collect();
        if let Some(folder) = &plan.results {
            results::write(folder, &workload, &about, &mine)?;
        }
        if let Some(folder) = &plan.plots {
            let lines: Vec<_> = mine.iter().flat_map(|row| row.lines()).collect();
            plot::write(folder, &workload, &lines).map_err(|e| format!("cannot draw: {e}"))?;
        }
        for warning in unlike(rows.iter().filter(|row| row.workload == workload)) {
            say(warning);
        }
    }
    Ok(())
}

fn print_lines(row: &Row) -> Result<(), String> {
    for line in row.lines() {
        println!("{}", serde_json::to_string(&line).map_err(|error| error.to_string())?);
    }
    Ok(())
}

/// How often a run is made anew while the cores are far from each other.
const TRIES: usize = 8;

/// One more run of a row; if the plan wants near runs alone, the first during which the cores were
/// near, with how many were thrown away for that.
fn run_near(plan: &Plan, row: &Row) -> Result<Vec<Figure>, String> {
    let mut run = run_child(plan, row)?;
    if plan.near && run.iter().any(is_hand_off) {
        let mut thrown_away = 0;
        while thrown_away < TRIES && run.iter().any(is_far) {
            thrown_away += 1;
            run = run_child(plan, row)?;
        }
        run.push(Figure::new("far runs left out", "runs", thrown_away as f64));
    }
    Ok(run)
}

fn is_hand_off(figure: &Figure) -> bool {
    figure.metric.starts_with("hand-off")
}

fn is_far(figure: &Figure) -> bool {
    is_hand_off(figure) && nearness(figure.value) == "far"
}

/// One more run of a row, in a process of its own.
pub(crate) fn run_child(plan: &Plan, row: &Row) -> Result<Vec<Figure>, String> {
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
        let hand_offs = row.runs.iter().flatten().filter(|figure| is_hand_off(figure));
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
