//! Guides.

#[doc = include_str!("coming_from_log.md")]
pub mod coming_from_log {}

#[doc = include_str!("coming_from_python.md")]
pub mod coming_from_python {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("durability.md")]
pub mod durability {}

#[doc = include_str!("files.md")]
pub mod files {}

#[doc = include_str!("binary_log.md")]
pub mod binary_log {}
