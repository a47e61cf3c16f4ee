//! The loggers that can be measured.

mod bound;
mod ring;
#[cfg(feature = "peers")]
mod rust;
mod sawmill;
#[cfg(feature = "tracing")]
mod tracing;

pub(crate) use self::sawmill::line;

use crate::report::Figure;
use crate::subject::{Floor, Setup};
use crate::workload::{Size, Workload};

/// The names of the peers that were built.
pub(crate) fn names() -> Vec<&'static str> {
    let own: &[&str] = &["floor", "sawmill"];
    #[cfg(feature = "tracing")]
    let own = [own, &["tracing"]].concat();
    #[cfg(feature = "peers")]
    let own = [&own, &rust::NAMES[..]].concat();
    own.to_vec()
}

/// The variants of a peer that differ in a workload.
pub(crate) fn variants(peer: &str, workload: Workload) -> &'static [&'static str] {
    match (peer, workload) {
        ("floor", Workload::Latency | Workload::LatencyStr | Workload::Response) => {
            &["default", "ring"]
        }
        ("floor", Workload::Throughput { producers: 1 }) => &["text", "binary"],
        ("floor", _) => &[],
        ("sawmill", workload) => workload.variants(),
        (_, Workload::Sustained | Workload::Decode) => &[],
        #[cfg(feature = "tracing")]
        ("tracing", _) => &tracing::VARIANTS,
        _ => &["default"],
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
        "floor" if setup.variant == "ring" => Ok(workload.run(ring::Ring::start(), setup, size)),
        "floor" if matches!(setup.variant.as_str(), "text" | "binary") => {
            let subject = bound::Bound::start(setup).map_err(|e| format!("floor: {e}"))?;
            Ok(workload.run(subject, setup, size))
        }
        "floor" => Ok(workload.run(Floor, setup, size)),
        "sawmill" => {
            let subject = sawmill::Sawmill::start(setup).map_err(|e| format!("sawmill: {e}"))?;
            Ok(workload.run(subject, setup, size))
        }
        #[cfg(feature = "tracing")]
        "tracing" => {
            let subject = tracing::Tracing::start(setup).map_err(|e| format!("tracing: {e}"))?;
            Ok(workload.run(subject, setup, size))
        }
        #[cfg(feature = "peers")]
        peer => rust::run(peer, workload, setup, size),
        #[cfg(not(feature = "peers"))]
        peer => Err(format!("unknown peer {peer:?}")),
    }
}
