//! Doors for records that other logging crates make.

#[cfg(feature = "log")]
pub(crate) mod log;
pub(crate) mod panic;
