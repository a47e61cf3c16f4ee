//! Python's own ways, in one place: behind the configuration readers and the `sawmill` command.
//!
//! Nothing on the way of a record names this module; what a record needs of it (the merging of
//! arguments) comes in through the traits that everybody may implement.

#[cfg(feature = "ini")]
pub(crate) mod literal;
mod merge;
mod report;

pub use merge::PercentMerge;
pub use report::error_report;

/// A value as Python's `str` shows it.
pub fn text_of(value: &crate::record::ValueBuf) -> String {
    let mut text = String::new();
    crate::format::pyconv::str_of(value.get(), &mut text);
    text
}

/// Returns true for the attributes that a record has from its birth, which `extra` must not touch.
pub fn is_attribute(name: &str) -> bool {
    crate::record::is_standard(name)
}
