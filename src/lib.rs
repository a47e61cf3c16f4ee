//! Python's `logging` model on a lock-free asynchronous core.

// The macros name the crate by its name, in its own tests too.
#[allow(unused_extern_crates)]
extern crate self as sawmill;

// In the order of the layers: a module names only those above it, and those on its own line.
mod clock;
mod error;
mod sync;
mod sys;

mod callsite;
mod level;
mod node;
mod value;

mod capture;
mod decode;
mod record;
mod text;

mod seat;

mod lane;

mod binary;

mod filter;
mod format;
mod handler;

mod tree;

mod drain;
mod front;

mod runtime;

#[cfg(feature = "config")]
pub mod config;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
mod bridge;
pub mod docs;
mod global;
mod init;
mod macros;
#[cfg(feature = "config")]
#[doc(hidden)]
pub mod python;

pub use crate::binary::{BinaryBlock, BinaryReader, Damage};
pub use crate::capture::Capture;
pub use crate::clock::{ClockSource, ManualClock};
pub use crate::decode::Value;
pub use crate::drain::{Failure, FailureKind, Recovery, Report, Stats, Wait};
pub use crate::error::Error;
pub use crate::filter::{
    Filter, FilterRef, FoldDuplicates, LevelFilter, NameFilter, RateLimit, Sampling, Verdict,
};
pub use crate::format::{
    BufferingFormatter, ConsoleFormatter, Format, Formatter, FormatterBuilder, FormatterRef,
    JsonFormatter, JsonFormatterBuilder, JsonKey, LogfmtFormatter, Style, TimestampDigits,
};
pub use crate::front::{Entered, InScope, LoggerAdapter, RecordBuilder, Scope, with_fields};
pub use crate::global::{
    add_level_name, basic_config, builder, default, disable, flush, get_logger, handler_by_name,
    level_name, record_factory, root, set_record_factory, shutdown,
};
#[cfg(feature = "config")]
pub use crate::global::{dict_config, file_config, listen, watch};
#[cfg(all(unix, feature = "sighup"))]
pub use crate::handler::file::reopen_files_on_sighup;
pub use crate::handler::file::{
    BinaryFileHandler, BinaryFileHandlerBuilder, Compress, FileHandler, FileHandlerBuilder,
    FileMode, Keep, MmapRotatingFileHandler, MmapRotatingFileHandlerBuilder, Naming, OnFailure,
    Rotate, RotatingFileHandler, RotatingFileHandlerBuilder, SyncPolicy, TimedRotatingFileHandler,
    TimedRotatingFileHandlerBuilder, WatchedFileHandler, WatchedFileHandlerBuilder, When,
    reopen_files,
};
pub use crate::handler::{
    BufferingHandler, CaptureHandler, CapturedRecords, Context, FlushBuffer, Handler, HandlerExt,
    HandlerRef, HandlerStats, LogQueue, MemoryHandler, NullHandler, QueueHandler, QueueListener,
    RecordQueue, SocketHandler, Stream, StreamHandler, WriterHandler,
};
pub use crate::lane::{Overflow, Patience};
pub use crate::level::{Level, STATIC_LEVEL};
pub use crate::record::{
    Caller, LogRecord, Notice, OwnedRecord, ProcessInfo, Render, ThreadInfo, ValueBuf,
};
pub use crate::runtime::{
    BASIC_FORMAT, BasicConfig, CrashHandling, Drain, FlightRecorder, Lanes, Runtime, RuntimeBuilder,
};
pub use crate::tree::{Logger, RecordFactory, TemporaryLevels};
pub use sawmill_macros::Capture;

// The README's examples compile and run with the other doctests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
