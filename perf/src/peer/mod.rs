//! The loggers that can be measured.

#[cfg(feature = "peers")]
mod rust;
mod sawmill;

use crate::report::Figure;
use crate::subject::{Floor, Setup};
use crate::workload::{Size, Workload};

#[cfg(not(feature = "peers"))]
mod rust {
    //! No peers were built.
    use super::*;

    pub(crate) const NAMES: [&str; 0] = [];

    pub(crate) fn variants(_: &str) -> &'static [&'static str] {
        &[]
    }

    pub(crate) fn run(peer: &str, _: Workload, _: &Setup, _: &Size) -> Result<Vec<Figure>, String> {
        Err(format!("unknown peer {peer:?}"))
    }
}

/// The names of the peers that were built.
pub(crate) fn names() -> Vec<&'static str> {
    ["floor", "sawmill"].into_iter().chain(rust::NAMES).collect()
}

/// The variants of a peer that differ in a workload.
pub(crate) fn variants(peer: &str, workload: Workload) -> &'static [&'static str] {
    match (peer, workload) {
        ("floor", Workload::Latency | Workload::LatencyStr) => &["default"],
        ("floor", _) => &[],
        ("sawmill", workload) => workload.variants(),
        (peer, _) => rust::variants(peer),
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
        "sawmill" => {
            let subject = sawmill::Sawmill::start(setup).map_err(|e| format!("sawmill: {e}"))?;
            Ok(workload.run(subject, setup, size))
        }
        peer => rust::run(peer, workload, setup, size),
    }
}
