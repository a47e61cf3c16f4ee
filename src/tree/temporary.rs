//! Levels in force for a while, beside those that are set.

use super::{Logger, Tree, timer};
use crate::error::Error;
use crate::level::Level;
use crate::sync::Arc;
use std::fmt;
use std::time::{Duration, Instant};

/// A level that stands before the one that is set on a logger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Override {
    pub(super) id: u64,
    pub(super) logger: u32,
    pub(super) level: Level,
}

/// Levels that hold until this guard goes, or for a time.
///
/// They stand before the levels that are set, and change none of them: what is set meanwhile, by
/// [`Logger::set_level`] or a new configuration, holds once the guard has gone. Where several are
/// in force for one logger, the one that began last counts; when it ends, the one before it does,
/// in whichever order they end.
///
/// # Examples
///
/// ```
/// use sawmill::Level;
///
/// let runtime = sawmill::Runtime::builder().level(Level::INFO).build()?;
/// let pool = runtime.get_logger("db.pool");
/// {
///     let _debug = runtime.temporary_levels("db=debug")?;
///     assert_eq!(pool.effective_level(), Level::DEBUG);
/// }
/// assert_eq!(pool.effective_level(), Level::INFO);
/// # Ok::<(), sawmill::Error>(())
/// ```
#[must_use = "the levels revert when this is dropped"]
pub struct TemporaryLevels {
    tree: Arc<Tree>,
    ids: Vec<u64>,
}

impl fmt::Debug for TemporaryLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TemporaryLevels").field("levels", &self.ids.len()).finish_non_exhaustive()
    }
}

impl TemporaryLevels {
    /// Puts levels in force, all in one generation.
    pub(crate) fn begin<'a>(
        tree: &Arc<Tree>,
        levels: impl IntoIterator<Item = (&'a str, Level)>,
    ) -> Self {
        let mut ids = Vec::new();
        // Nothing here can be refused.
        let _ = tree.change(|state| {
            for (logger, level) in levels {
                let number = state.number(logger);
                ids.push(state.add_override(number, level));
            }
            Ok(())
        });
        Self { tree: tree.clone(), ids }
    }

    /// Lets the levels hold for `time` from now, without a guard.
    ///
    /// A thread `sawmill-timer` ends them, one for all of the process, which lives while there is
    /// something to end.
    ///
    /// # Errors
    ///
    /// [`Error::is_io`] if that thread cannot be started; the levels have reverted then.
    pub fn revert_after(self, time: Duration) -> Result<(), Error> {
        let now = Instant::now();
        // What does not fit into the clock is as good as for ever.
        let at = now.checked_add(time).unwrap_or(now + Duration::from_secs(100 * 365 * 86_400));
        timer::at(at, Box::new(move || drop(self)))
    }

    /// Ends the levels now, as dropping does.
    pub fn revert(self) {}
}

impl Drop for TemporaryLevels {
    fn drop(&mut self) {
        let _ = self.tree.change(|state| {
            state.remove_overrides(&self.ids);
            Ok(())
        });
    }
}

impl Logger {
    /// Puts a level in force until the guard goes, in place of the one that is set.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::Level;
    /// use std::time::Duration;
    ///
    /// let runtime = sawmill::Runtime::builder().build()?;
    /// runtime.get_logger("db").temporary_level(Level::DEBUG).revert_after(Duration::from_secs(60))?;
    /// assert_eq!(runtime.get_logger("db.pool").effective_level(), Level::DEBUG);
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn temporary_level(&self, level: Level) -> TemporaryLevels {
        TemporaryLevels::begin(self.tree(), [(self.name(), level)])
    }
}
