//! Handlers deliver records.
//!
//! A handler lives at its home, the drain, and is used through `&mut self` without a lock. Level,
//! formatter and filters belong to the reference ([`HandlerRef`]), not to the handler itself: the
//! drain checks level, then filters, then calls [`Handler::emit`], as Python's `Handler.handle`
//! does. A handler that may block (a console, a socket) does its writing on a worker of its own,
//! so that it never stalls the others.

mod books;
mod capture;
mod context;
#[cfg(test)]
pub(crate) mod contract;
pub(crate) mod file;
mod memory;
mod null;
mod queue;
mod reference;
mod socket;
mod stream;
pub(crate) mod worker;

pub(crate) use books::Books;
pub use books::HandlerStats;
pub use capture::{CaptureHandler, CapturedRecords};
pub use context::Context;
pub(crate) use context::{Delivery, LineCache};
pub use memory::{BufferingHandler, FlushBuffer, MemoryHandler};
pub use null::NullHandler;
pub use queue::{LogQueue, QueueHandler, QueueListener, RecordQueue};
pub(crate) use reference::Home;
pub use reference::{HandlerExt, HandlerRef};
pub use socket::SocketHandler;
pub(crate) use stream::last_resort;
pub use stream::{Stream, StreamHandler, WriterHandler};

use crate::error::Error;
use crate::format::FormatterRef;
use crate::record::{LogRecord, OwnedRecord};
use std::any::Any;

/// A file that one handler writes to.
#[derive(Debug, Clone, Copy)]
#[doc(hidden)]
pub struct Place<'a> {
    pub(crate) path: &'a std::path::Path,
    /// Device and inode.
    pub(crate) id: (u64, u64),
    pub(crate) written: u64,
    /// Bytes of whole lines that are still to be written.
    pub(crate) waiting: u64,
    /// Other processes write to it as well.
    pub(crate) shared: bool,
    /// It is a file of blocks.
    pub(crate) blocks: Option<LastBlocks>,
}

/// The last blocks of a handler in its file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LastBlocks {
    pub(crate) segment: u32,
    /// The tag of the last one that is written to this very file; of the last one that waits, if
    /// any does.
    pub(crate) written: Option<u64>,
    pub(crate) waiting: Option<u64>,
}

/// Delivers records, on the drain.
///
/// # The contract
///
/// * `emit` gets each record once, already past level and filters. `Ok` means that the handler has
///   it: written, or held to be written by a later [`batch_end`](Self::batch_end) or
///   [`flush`](Self::flush). What it still holds it tells with [`held`](Self::held).
/// * A record that it held and then could not deliver it reports with [`Context::lost`].
/// * An `Err` or a panic counts the record as failed and is reported once per cause; the handler
///   is called again for the next record.
/// * `batch_end` comes when the rings ran dry: write what is buffered.
/// * `tick` comes now and then, also when nothing is logged.
/// * `flush` returns when everything held has been handed to the operating system.
/// * `close` comes last, after a `flush`; a record may still follow and may reopen (as Python's
///   `FileHandler` does).
/// * It never waits without a bound.
///
/// # Examples
///
/// ```
/// use sawmill::{Context, Error, Handler, LogRecord};
///
/// #[derive(Default)]
/// struct Lines(Vec<String>);
///
/// impl Handler for Lines {
///     fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
///         self.0.push(String::from_utf8_lossy(cx.formatted(record)?).into_owned());
///         Ok(())
///     }
/// }
/// ```
pub trait Handler: Send + Any {
    /// Where what the handler writes can be found again and cut back, for lanes that outlive the
    /// process. With `fresh` the system is asked how long the file is.
    #[doc(hidden)]
    fn place(&mut self, fresh: bool) -> Option<Place<'_>> {
        let _ = fresh;
        None
    }

    /// Takes one record.
    ///
    /// # Errors
    ///
    /// The record counts as failed.
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error>;

    /// The rings ran dry, or the batch is large: writes what is buffered.
    ///
    /// # Errors
    ///
    /// Reported; records that are lost by it must be told to [`Context::lost`].
    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Hands everything held to its destination, waiting at most until [`Context::remaining`].
    ///
    /// # Errors
    ///
    /// Reported, and part of the flush's report.
    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.batch_end(cx)
    }

    /// Releases what the handler holds of the system: files, threads.
    ///
    /// # Errors
    ///
    /// Reported.
    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Numbers the next write to a file of several processes, for whoever recovers the run.
    #[doc(hidden)]
    fn set_batch(&mut self, owner: u64, number: u64) {
        let _ = (owner, number);
    }

    /// How long the file of [`place`](Self::place) really is.
    #[doc(hidden)]
    fn length(&mut self) -> Option<u64> {
        None
    }

    /// The process is a forked child: threads of the handler's own are not there any more.
    #[doc(hidden)]
    fn begin_in_child(&mut self) {}

    /// Opens what the handler was told to open later: called once the configuration that made
    /// the handler is in force. Most handlers have nothing to do here.
    ///
    /// # Errors
    ///
    /// Reported; the next record tries again.
    fn open(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// Comes about four times a second, also when nothing is logged; once a second at the least if
    /// the drain parks. For what is due by the clock: a look at a file, a sync.
    ///
    /// # Errors
    ///
    /// Reported.
    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let _ = cx;
        Ok(())
    }

    /// How many records were accepted and are not at their destination yet.
    fn held(&self) -> u64 {
        0
    }

    /// Takes back all records of one flush, the delivered ones too, because a filter of their way
    /// failed and the runtime treats that as Python does: the flush ends there. Returns whether
    /// the failure goes on to whoever caused the flush.
    fn take_back(&mut self, records: Vec<OwnedRecord>) -> bool {
        drop(records);
        false
    }

    /// The handlers that this one forwards to; they must find a home even if no logger names them.
    fn targets(&self) -> Vec<HandlerRef> {
        Vec::new()
    }

    /// Whether `flush` comes before `close`; Python's `MemoryHandler` may say no.
    fn flush_on_close(&self) -> bool {
        true
    }

    /// What [`Context::formatted`] uses if the reference has no formatter. `None`: the message
    /// alone, then exception and stack text, as in Python.
    fn default_formatter(&self) -> Option<FormatterRef> {
        None
    }

    /// Whether the formatted line goes on as the message of a record, to be formatted again
    /// elsewhere. Builders give such a handler no formatter by default.
    fn passes_on(&self) -> bool {
        false
    }

    /// The class name, for reports and `sawmill check`.
    fn kind(&self) -> &'static str {
        let name = std::any::type_name::<Self>();
        name.rsplit("::").next().unwrap_or(name)
    }
}
