//! Configuration.
#[cfg(feature = "ini")]
mod ini;
mod node;
#[cfg(feature = "yaml")]
mod yaml;
pub use node::{Map, Node};
