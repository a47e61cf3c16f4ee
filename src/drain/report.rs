//! What a flush or a shutdown came to.

use std::fmt;

/// What a flush or a shutdown came to.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// let runtime = sawmill::Runtime::builder().capture().build()?;
/// let report = runtime.flush(Duration::from_secs(1));
/// assert!(report.is_complete(), "{report}");
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "a report says whether records were left behind"]
pub struct Report {
    pub(crate) complete: bool,
    pub(crate) synced: bool,
    pub(crate) written: u64,
    pub(crate) lost: u64,
    pub(crate) pending: u64,
    pub(crate) reasons: Vec<String>,
}

impl Report {
    /// Returns true if everything published before the call was handed to its destination in
    /// time.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns true if, beyond that, everything written to files since they were opened has
    /// reached the disk: by [`Runtime::sync`](crate::Runtime::sync), or because each handler's
    /// [`SyncPolicy`](crate::SyncPolicy) had seen to it. Consoles, pipes and networks do not count.
    pub fn is_synced(&self) -> bool {
        self.synced
    }

    /// Deliveries handed to their destinations since the runtime began; a record that goes to two
    /// handlers counts twice.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Records lost since the runtime began: refused by a full ring, or by a handler that failed
    /// or had to shed.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Records published and not yet taken, or held by a handler.
    pub fn pending(&self) -> u64 {
        self.pending
    }

    /// Why the call is not complete, or why records were lost: one line for each cause.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match (self.complete, self.synced) {
            (true, true) => "complete and synced",
            (true, false) => "complete",
            (false, _) => "incomplete",
        };
        write!(
            f,
            "{state}: {} written, {} lost, {} pending",
            self.written, self.lost, self.pending
        )?;
        for reason in &self.reasons {
            write!(f, "; {reason}")?;
        }
        Ok(())
    }
}
