//! Handlers that write to files.
//!
//! All of them gather whole lines and write them when 256 KiB are full or the rings ran dry, with
//! space allocated ahead where the file system gains by it, so that readers see exactly the bytes
//! that were written. [`FileHandler`] is the plain one.

#[macro_use]
mod steps;

mod archives;
mod base;
mod binary;
mod encoding;
mod failing;
pub(crate) mod lines;
mod mapped;
mod names;
mod open;
mod output;
mod pack;
mod plain;
mod reopen;
mod rotate;
mod rotating;
mod rotation;
mod schedule;
mod segment;
mod squeeze;
mod storage;
mod sync;
mod timed;
mod watched;

#[cfg(feature = "config")]
pub(crate) use failing::TakesFallback;

pub use archives::Keep;
pub use binary::{BinaryFileHandler, BinaryFileHandlerBuilder};
pub use failing::OnFailure;
pub use mapped::{MmapRotatingFileHandler, MmapRotatingFileHandlerBuilder};
pub use names::Naming;
pub use pack::Compress;
pub use plain::{FileHandler, FileHandlerBuilder};
pub use reopen::reopen_files;
#[cfg(all(unix, feature = "sighup"))]
pub use reopen::reopen_files_on_sighup;
pub use rotate::Rotate;
pub use rotating::{RotatingFileHandler, RotatingFileHandlerBuilder};
pub use schedule::When;
pub use storage::FileMode;
pub use sync::SyncPolicy;
pub use timed::{TimedRotatingFileHandler, TimedRotatingFileHandlerBuilder};
pub use watched::{WatchedFileHandler, WatchedFileHandlerBuilder};

#[cfg(all(test, unix))]
mod faults;
#[cfg(all(test, target_os = "linux"))]
mod full_disk;
#[cfg(all(test, unix))]
mod power_cut;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
