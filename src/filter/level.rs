//! Filtering by level, in ways that a handler's own level cannot.

use super::{Filter, Verdict};
use crate::level::Level;
use crate::record::LogRecord;

/// Lets a range of levels pass, both ends included, but for those named as exceptions.
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerExt, Level, LevelFilter, NullHandler};
///
/// // What is not an error goes here; a handler at level ERROR gets the rest.
/// let plain = NullHandler::new().with_filter(LevelFilter::at_most(Level::WARNING));
/// # let _ = plain;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelFilter {
    low: Level,
    high: Level,
    except: Vec<Level>,
}

impl LevelFilter {
    /// Lets the levels from `low` to `high` pass, both included.
    pub fn between(low: Level, high: Level) -> Self {
        Self { low, high, except: Vec::new() }
    }

    /// Lets this level and the more important ones pass.
    pub fn at_least(low: Level) -> Self {
        Self::between(low, Level::new(i32::MAX))
    }

    /// Lets this level and the less important ones pass.
    pub fn at_most(high: Level) -> Self {
        Self::between(Level::new(i32::MIN), high)
    }

    /// Refuses these levels, whatever the range.
    #[must_use]
    pub fn except(mut self, levels: impl IntoIterator<Item = Level>) -> Self {
        self.except.extend(levels);
        self
    }

    fn passes(&self, level: Level) -> bool {
        (self.low..=self.high).contains(&level) && !self.except.contains(&level)
    }
}

impl Filter for LevelFilter {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        self.passes(record.level()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_includes_its_ends_and_leaves_out_the_exceptions() {
        let filter = LevelFilter::between(Level::INFO, Level::ERROR).except([Level::WARNING]);
        for (level, passes) in
            [(19, false), (20, true), (30, false), (31, true), (40, true), (41, false)]
        {
            assert_eq!(filter.passes(Level::new(level)), passes, "{level}");
        }
        assert!(LevelFilter::at_least(Level::ERROR).passes(Level::new(i32::MAX)));
        assert!(LevelFilter::at_most(Level::ERROR).passes(Level::new(i32::MIN)));
    }
}
