//! Python's `logging` model on a lock-free asynchronous core.
#![allow(dead_code, missing_docs)]

// The macros name the crate by its name, in its own tests too.
#[allow(unused_extern_crates)]
extern crate self as sawmill;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod callsite;
mod capture;
mod clock;
#[cfg(feature = "config")]
pub mod config;
mod decode;
mod error;
mod filter;
mod format;
mod handler;
mod level;
mod macros;
#[cfg(feature = "config")]
mod python;
mod record;
mod seat;
mod sync;
mod sys;
mod text;
mod value;

pub use crate::capture::Capture;
pub use crate::clock::{ClockSource, ManualClock};
pub use crate::decode::Value;
pub use crate::error::Error;
pub use crate::filter::{
    Filter, FilterRef, FoldDuplicates, LevelFilter, NameFilter, RateLimit, Sampling, Verdict,
};
pub use crate::format::{Format, FormatterRef};
pub use crate::handler::file::{
    FileHandler, FileHandlerBuilder, FileMode, RotatingFileHandler, RotatingFileHandlerBuilder,
    TimedRotatingFileHandler, TimedRotatingFileHandlerBuilder, WatchedFileHandler,
    WatchedFileHandlerBuilder, When,
};
pub use crate::handler::{
    BufferingHandler, CaptureHandler, CapturedRecords, Context, FlushBuffer, Handler, HandlerExt,
    HandlerRef, HandlerStats, LogQueue, MemoryHandler, NullHandler, QueueHandler, QueueListener,
    RecordQueue, Stream, StreamHandler, WriterHandler,
};
pub use crate::level::{Level, STATIC_LEVEL};
pub use crate::record::{
    LogRecord, Notice, OwnedRecord, ProcessInfo, Render, ThreadInfo, ValueBuf,
};
pub use sawmill_macros::Capture;
