//! Filtering by the logger's name.

use super::{Filter, Verdict};
use crate::record::LogRecord;

/// Lets the records of one logger and its descendants pass: Python's `logging.Filter`.
///
/// # Examples
///
/// ```
/// use sawmill::{HandlerExt, NameFilter, NullHandler};
///
/// let only_db = NullHandler::new().with_filter(NameFilter::new("db"));
/// # let _ = only_db;
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameFilter {
    name: String,
}

impl NameFilter {
    /// Makes the filter; `::` in the name reads as a dot, the empty name lets everything pass.
    pub fn new(name: &str) -> Self {
        Self { name: name.replace("::", ".") }
    }

    fn passes(&self, logger: &str) -> bool {
        match logger.strip_prefix(&*self.name) {
            Some(rest) => rest.is_empty() || self.name.is_empty() || rest.starts_with('.'),
            None => false,
        }
    }
}

impl Filter for NameFilter {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        self.passes(record.logger()).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_passes_itself_and_what_lies_below_it() {
        let filter = NameFilter::new("a::b");
        for (logger, passes) in [
            ("a.b", true),
            ("a.b.c", true),
            ("a.bc", false),
            ("a", false),
            ("b", false),
            ("", false),
        ] {
            assert_eq!(filter.passes(logger), passes, "{logger:?}");
        }
        assert!(NameFilter::new("").passes("anything"));
    }
}
