//! When what was written to a file is to reach the disk.

use crate::level::Level;
use std::time::Duration;

/// When a file handler has the system write a file to the disk, `fdatasync(2)`.
///
/// What a handler has written survives the end of its process at once, whatever end that is; only
/// a power failure or a crash of the system takes what was not synced. A sync waits for the disk,
/// from a tenth of a millisecond to many, on the drain: other handlers wait with it, callers do not.
///
/// A new file's name is synced with its first contents, and a file before it is rotated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncPolicy {
    /// Only when asked to, by [`Runtime::sync`](crate::Runtime::sync).
    #[default]
    Never,
    /// At most so long after something was written, a second more if the drain was asleep.
    Every(Duration),
    /// After each batch: when the rings ran dry, every 256 KiB, and every 100 ms at the latest.
    Batch,
    /// After each batch that holds a record of this level or above.
    AtLevel(Level),
}
