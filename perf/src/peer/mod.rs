//! The loggers that can be measured.

use crate::report::Figure;
use crate::subject::{Floor, Setup};
use crate::workload::{Size, Workload};

/// The names of the peers that were built.
pub(crate) fn names() -> &'static [&'static str] {
    &["floor"]
}

/// The variants of a peer that differ in a workload.
pub(crate) fn variants(peer: &str, workload: Workload) -> &'static [&'static str] {
    match (peer, workload) {
        ("floor", Workload::Latency | Workload::LatencyStr) => &["default"],
        ("floor", _) => &[],
        (_, workload) => workload.variants(),
    }
}

/// Starts the peer and runs the workload on it.
pub(crate) fn run(
    peer: &str,
    workload: Workload,
    setup: &Setup,
    size: &Size,
) -> Result<Vec<Figure>, String> {
    match peer {
        "floor" => Ok(workload.run(Floor, setup, size)),
        _ => Err(format!("unknown peer {peer:?}")),
    }
}
