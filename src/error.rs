//! The crate's one error type.
//!
//! Logging calls never return errors: what fails on the drain is counted, reported to the error
//! hook and retried where that makes sense. Errors are for building, configuring and waiting.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::Path;

/// What went wrong while building, configuring, flushing or stopping.
///
/// The kind is private and asked for with predicates, so that kinds can be added; the text names
/// the offending field, key or file, and [`source`](StdError::source) gives the cause.
///
/// # Examples
///
/// ```
/// let error = "loud".parse::<sawmill::Level>().unwrap_err();
/// assert!(error.is_invalid());
/// assert!(error.to_string().contains("loud"));
/// ```
#[derive(Debug)]
pub struct Error {
    // Boxed, so that a `Result` without a value is one word: every step of a formatter returns one.
    inner: Box<Inner>,
}

#[derive(Debug)]
struct Inner {
    kind: ErrorKind,
    context: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    Io,
    Invalid,
    Unresolved,
    Timeout,
    Closed,
    Already,
    OnDrain,
    Format,
    Unsupported,
}

impl Error {
    #[cold]
    pub(crate) fn new(kind: ErrorKind, context: impl Into<String>) -> Self {
        Self { inner: Box::new(Inner { kind, context: context.into(), source: None }) }
    }

    /// Makes an error of one's own, for a handler, filter or formatter to return.
    ///
    /// # Examples
    ///
    /// ```
    /// let error = sawmill::Error::other("the tape is full");
    /// assert_eq!(error.to_string(), "the tape is full");
    /// ```
    #[cold]
    pub fn other(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Format, context)
    }

    #[cold]
    pub(crate) fn invalid(context: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, context)
    }

    #[cold]
    pub(crate) fn io(what: &str, path: &Path, source: io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("cannot {what} {}", path.display())).because(source)
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Returns true if a wait ended at its deadline; what was waited for may still complete.
    pub fn is_timeout(&self) -> bool {
        self.inner.kind == ErrorKind::Timeout
    }

    /// Returns true if an operation of the file system or the operating system failed.
    pub fn is_io(&self) -> bool {
        self.inner.kind == ErrorKind::Io
    }

    /// Returns true if a value was not understood or is out of its range.
    pub fn is_invalid(&self) -> bool {
        self.inner.kind == ErrorKind::Invalid
    }

    /// Returns true if a name refers to nothing.
    pub fn is_unresolved(&self) -> bool {
        self.inner.kind == ErrorKind::Unresolved
    }

    /// Returns true if what was asked for had been closed or shut down.
    pub fn is_closed(&self) -> bool {
        self.inner.kind == ErrorKind::Closed
    }

    /// Returns true if somebody else was first: a second `init`, a logger already installed.
    pub fn is_already(&self) -> bool {
        self.inner.kind == ErrorKind::Already
    }

    /// Returns true if a wait was asked for on the drain itself, where it could never end.
    pub fn is_on_drain(&self) -> bool {
        self.inner.kind == ErrorKind::OnDrain
    }

    /// Returns true if this platform or this set of cargo features cannot do it.
    pub fn is_unsupported(&self) -> bool {
        self.inner.kind == ErrorKind::Unsupported
    }

    /// Returns the operating system's error, if one is among the causes.
    pub fn io_error(&self) -> Option<&io::Error> {
        let mut source = self.source();
        while let Some(cause) = source {
            if let Some(found) = cause.downcast_ref::<io::Error>() {
                return Some(found);
            }
            source = cause.source();
        }
        None
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.context)?;
        match &self.inner.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}
