//! Without the feature `namereplace` characters have no names.

use crate::error::{Error, ErrorKind};

/// Returns an error: there are no names.
pub(super) fn known() -> Result<(), Error> {
    let text = "the error handler 'namereplace' needs the cargo feature `namereplace`";
    Err(Error::new(ErrorKind::Unsupported, text))
}

/// Never asked.
pub(super) fn of(_one: char) -> Option<String> {
    None
}
