//! Records that come to one handler one after the other, of one lane.

use crate::record::LogRecord;

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Take {
    /// It was taken.
    Next,
    /// It was taken, and none after it is.
    Last,
    /// It was not: [`Handler::emit`](super::Handler::emit) has to look at it.
    Left,
}

/// Where such records come from.
pub(crate) trait Records {
    /// Calls `take` for the records in order, until it takes none any more.
    fn each(&mut self, take: impl FnMut(&LogRecord<'_>) -> Take);
}
