//! Without the feature `encodings` there are no code pages.

/// What an error about an unknown encoding adds.
pub(super) const HINT: &str = " (more are known with the cargo feature `encodings`)";

/// Never made.
#[derive(Debug, Clone)]
pub(super) enum Codepage {}

impl Codepage {
    pub(super) fn find(_name: &str) -> Option<Self> {
        None
    }

    pub(super) fn put(&self, _one: char, _out: &mut Vec<u8>) -> bool {
        match *self {}
    }
}
