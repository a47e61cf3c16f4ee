//! Whether sawmill is still ahead of the logger that most Rust programs write their files with.
//!
//! Both take turns on a machine that may be busy, so only their ratio counts, and a ratio that is
//! too small is measured once more before it counts.

use crate::cli::Plan;
use crate::compare::run_child;
use crate::peer;
use crate::report::Row;
use crate::workload::{Size, Workload};

/// How many times ahead.
const AHEAD: f64 = 3.0;

pub(crate) fn run(plan: &Plan) -> Result<(), String> {
    if !peer::names().contains(&"tracing") {
        return Err("the feature `tracing` was not built".into());
    }
    let size = Size { batches: 300, messages: 400_000, ..Size::SMOKE };
    let plan = Plan { size, ..plan.clone() };
    let throughput = Workload::Throughput { producers: 1 };
    let cases = [
        // Less is better for the first, more for the second.
        (Workload::Latency, "p50", "default", false),
        (throughput, "rate", "text", true),
    ];
    let mut behind = Vec::new();
    for (workload, metric, variant, more) in cases {
        let mut ratio = 0.0;
        for _ in 0..2 {
            let [ours, theirs] = medians(&plan, workload, metric, variant)?;
            ratio = if more { ours / theirs } else { theirs / ours };
            println!("{workload} {metric}: {ours:.0} beside {theirs:.0}, {ratio:.1} times ahead");
            if ratio >= AHEAD {
                break;
            }
        }
        if ratio < AHEAD {
            behind.push(format!("{workload} {metric}"));
        }
    }
    match behind[..] {
        [] => Ok(()),
        _ => {
            Err(format!("less than {AHEAD} times ahead of tracing-appender: {}", behind.join(", ")))
        }
    }
}

/// The medians of sawmill and of tracing.
fn medians(
    plan: &Plan,
    workload: Workload,
    metric: &str,
    variant: &str,
) -> Result<[f64; 2], String> {
    let row = |peer: &str, variant: &str| Row {
        workload: workload.to_string(),
        peer: peer.into(),
        variant: variant.into(),
        runs: Vec::new(),
    };
    let mut rows = [row("sawmill", variant), row("tracing", "default")];
    for _ in 0..plan.repeats {
        for row in &mut rows {
            row.runs.push(run_child(plan, row)?);
        }
    }
    let mut medians = [0.0; 2];
    for (row, median) in rows.iter().zip(&mut medians) {
        let found = row.merged().into_iter().find(|m| m.metric == metric);
        *median = found.ok_or(format!("{} told no {metric}", row.peer))?.median;
    }
    Ok(medians)
}
