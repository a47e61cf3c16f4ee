//! The books: what became of every record.

use crate::handler::HandlerStats;
use crate::lane::ByClass;
use crate::level::CLASS_LEVELS;
use crate::level::Level;
use crate::sync::{AtomicU64, Ordering};
use std::fmt;

/// The drain's counts; written by the drain only.
#[derive(Debug, Default)]
pub(crate) struct DrainBooks {
    pub(crate) routed: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) withheld: AtomicU64,
    pub(crate) unrouted: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) damaged: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) recovered: AtomicU64,
    /// The flight recorder's: what it took, and what became of that; what it keeps is brought up to
    /// date when somebody asks.
    pub(crate) recorded: AtomicU64,
    pub(crate) discarded: AtomicU64,
    pub(crate) dumped: AtomicU64,
    pub(crate) recorder_kept: AtomicU64,
    pub(crate) dumps: AtomicU64,
    pub(crate) dumps_withheld: AtomicU64,
}

impl DrainBooks {
    /// Begins the count anew: what came before is in the books of the parent process.
    pub(crate) fn clear(&self) {
        for count in [
            &self.routed,
            &self.filtered,
            &self.withheld,
            &self.unrouted,
            &self.late,
            &self.damaged,
            &self.gaps,
            &self.failures,
            &self.recovered,
            &self.recorded,
            &self.discarded,
            &self.dumped,
            &self.recorder_kept,
            &self.dumps,
            &self.dumps_withheld,
        ] {
            count.store(0, Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn add(count: &AtomicU64, n: u64) {
        count.store(count.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
    }
}

/// A runtime's books at one moment.
///
/// After a flush with no calls under way these hold to the record:
///
/// * `attempted = published + dropped`
/// * `published = taken + in_flight`
/// * `taken + recovered = routed + filtered + withheld + unrouted + damaged + recorded +
///   collected`
/// * `recorded = recorder_kept + dumped + discarded`
/// * for each handler `offered = delivered + below_level + filtered + shed + failed + held`
///
/// Read while other threads log, each count is exact for itself and the sums may differ by the
/// calls under way.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Records that calls tried to publish.
    pub attempted: u64,
    /// Records published in a lane.
    pub published: u64,
    /// Records dropped because a lane was full.
    pub dropped: u64,
    /// Records published and not yet taken by the drain.
    pub in_flight: u64,
    /// Records the drain has taken.
    pub taken: u64,
    /// Records that another process has taken, and written, which drains this one's lanes.
    pub collected: u64,
    /// Records that a logger's filters let pass to at least one handler.
    pub routed: u64,
    /// Records that a logger's filters refused, or whose logger was disabled.
    pub filtered: u64,
    /// Records that a logger's rate limits, samplers and folders withheld.
    pub withheld: u64,
    /// Records that no handler was found for.
    pub unrouted: u64,
    /// Records below their logger's level that went to the flight recorder and to no handler; see
    /// [`FlightRecorder`](crate::FlightRecorder).
    pub recorded: u64,
    /// Of these: what the recorder keeps now.
    pub recorder_kept: u64,
    /// Of these: what it has written, or handed to filters and handlers that would not have it.
    pub dumped: u64,
    /// Of these: what it has thrown out for newer ones.
    pub discarded: u64,
    /// Dumps written.
    pub dumps: u64,
    /// Records that would have had a dump written, too soon after the last one.
    pub dumps_withheld: u64,
    /// Frames that could not be read.
    pub damaged: u64,
    /// Records delivered after one with a later stamp.
    pub late: u64,
    /// Records longer than 16 MiB, published cut.
    pub cut: u64,
    /// Gap records made.
    pub gaps: u64,
    /// Failures of filters, formatters and handlers.
    pub failures: u64,
    /// Records of dead processes, taken over from the lanes that outlived them.
    pub recovered: u64,
    /// Lanes that were to outlive the process, and names of call sites and loggers in them, for
    /// which there was no room; they do not.
    pub unkept_lanes: u64,
    /// Records logged after the runtime had ended; they are in no other count.
    pub after_end: u64,
    /// Records that a handler logged because of a record that a handler had logged: they could go
    /// round for ever, so they go nowhere; they are in no other count.
    pub circular: u64,
    /// Arguments whose formatting panicked, in the whole process.
    pub panics: u64,
    /// Lanes that are live.
    pub lanes: usize,
    /// Drops by class of level, least first; see [`Stats::dropped_by_level`].
    pub(crate) dropped_by_class: ByClass,
    pub(crate) published_by_class: ByClass,
    /// The books of each handler at home, with its name or its class and number.
    pub handlers: Vec<(String, HandlerStats)>,
}

impl Stats {
    /// Drops by class of level: everything below 10 counts as `TRACE`, 10 to 19 as `DEBUG`, and
    /// so on; 50 and above as `CRITICAL`.
    pub fn dropped_by_level(&self) -> impl Iterator<Item = (Level, u64)> {
        CLASS_LEVELS.into_iter().zip(self.dropped_by_class)
    }

    /// Publications by class of level, as [`dropped_by_level`](Self::dropped_by_level).
    pub fn published_by_level(&self) -> impl Iterator<Item = (Level, u64)> {
        CLASS_LEVELS.into_iter().zip(self.published_by_class)
    }

    /// The books of a handler by its name.
    pub fn handler(&self, name: &str) -> Option<&HandlerStats> {
        self.handlers.iter().find(|(known, _)| known == name).map(|(_, stats)| stats)
    }

    /// Checks the identities above; an `Err` names the first that does not hold.
    ///
    /// # Errors
    ///
    /// A text with both sides of the identity. Only meaningful after a flush, with no calls under
    /// way.
    pub fn check(&self) -> Result<(), String> {
        let hold = |what: &str, left: u64, right: u64| {
            if left == right { Ok(()) } else { Err(format!("{what}: {left} != {right}")) }
        };
        hold("attempted = published + dropped", self.attempted, self.published + self.dropped)?;
        hold("published = taken + in flight", self.published, self.taken + self.in_flight)?;
        let ends = self.routed + self.filtered + self.withheld + self.unrouted + self.damaged;
        let taken = self.taken + self.recovered;
        let text = "taken + recovered = routed + filtered + withheld + unrouted + damaged + recorded + collected";
        hold(text, taken, ends + self.recorded + self.collected)?;
        let ends = self.recorder_kept + self.dumped + self.discarded;
        hold("recorded = kept + dumped + discarded", self.recorded, ends)?;
        for (name, h) in &self.handlers {
            let sum = h.delivered + h.below_level + h.filtered + h.shed + h.failed + h.held;
            hold(&format!("{name}: offered = delivered + the rest"), h.offered, sum)?;
        }
        Ok(())
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "attempted {} = published {} + dropped {}; in flight {}",
            self.attempted, self.published, self.dropped, self.in_flight
        )?;
        writeln!(
            f,
            "taken {} = routed {} + filtered {} + withheld {} + unrouted {} + damaged {} + recorded {}",
            self.taken,
            self.routed,
            self.filtered,
            self.withheld,
            self.unrouted,
            self.damaged,
            self.recorded
        )?;
        if self.recorded != 0 {
            writeln!(
                f,
                "recorded {} = kept {} + dumped {} + discarded {}; dumps {}, withheld {}",
                self.recorded,
                self.recorder_kept,
                self.dumped,
                self.discarded,
                self.dumps,
                self.dumps_withheld
            )?;
        }
        for (name, h) in &self.handlers {
            writeln!(
                f,
                "{name}: offered {} = delivered {} + below level {} + filtered {} + shed {} + \
                 failed {} + held {}",
                h.offered, h.delivered, h.below_level, h.filtered, h.shed, h.failed, h.held
            )?;
        }
        write!(
            f,
            "late {}, cut {}, gaps {}, failures {}, after the end {}, lanes {}",
            self.late, self.cut, self.gaps, self.failures, self.after_end, self.lanes
        )
    }
}
