//! The format of binary logs: records as packed values, read back as the records they were.
//!
//! A file is a run of blocks ([`frame`]), each sealed by a checksum. Blocks of records name call
//! sites, loggers and threads by numbers that dictionary blocks before them explain
//! ([`dictionary`]), so that a file decodes alone. What stands inside a block of records is in
//! [`encode`] and, the other way round, [`block`]; `docs::binary_log` has all of it in one place.

mod block;
mod dictionary;
mod encode;
mod frame;
mod index;
mod pack;
mod reader;
mod run;
mod settle;

pub use block::BinaryBlock;
pub(crate) use block::zip;
pub(crate) use dictionary::Start;
pub(crate) use encode::{Encoder, Preamble};
pub(crate) use frame::{HEADER_BYTES, Header, Kind};
pub(crate) use index::index_block;
pub use reader::{BinaryReader, Damage};
pub(crate) use run::{Alike, Bounds, FoundForm, FrameSource, SiteFrame};
pub(crate) use settle::BLOCK_FILES;
