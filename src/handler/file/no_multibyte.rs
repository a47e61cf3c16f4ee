//! Without the feature `east-asian` there are no encodings of several bytes but Unicode's own.

use super::{Put, State};

/// What an error about an unknown encoding adds.
pub(super) const HINT: &str = " (East Asian ones are known with the cargo feature `east-asian`)";

/// Never made.
#[derive(Debug, Clone)]
pub(super) enum Multibyte {}

impl Multibyte {
    pub(super) fn find(_name: &str) -> Option<Self> {
        None
    }

    pub(super) fn put(
        &self,
        _one: char,
        _next: Option<char>,
        _state: &mut State,
        _out: &mut Vec<u8>,
    ) -> Put {
        match *self {}
    }
}
