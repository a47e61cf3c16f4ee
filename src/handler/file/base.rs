//! What rotating handlers share, Python's `BaseRotatingHandler`: how rotated files are named, how
//! a file is moved away, and what happens when that fails.

pub(crate) use super::names::with_suffix;
use super::output::Output;
use super::storage::{self, Storage};
use crate::error::Error;
use crate::handler::Context;
use crate::sync::Arc;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How soon a rotation that failed is tried again, at first and at last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(60);

type Namer = dyn Fn(&Path) -> PathBuf + Send + Sync;
type Rotator = dyn Fn(&Path, &Path) -> io::Result<()> + Send + Sync;

/// The user's part in a rotation.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    namer: Option<Arc<Namer>>,
    rotator: Option<Arc<Rotator>>,
}

impl Hooks {
    pub(crate) fn set_namer(&mut self, namer: impl Fn(&Path) -> PathBuf + Send + Sync + 'static) {
        self.namer = Some(Arc::new(namer));
    }

    pub(crate) fn set_rotator(
        &mut self,
        rotator: impl Fn(&Path, &Path) -> io::Result<()> + Send + Sync + 'static,
    ) {
        self.rotator = Some(Arc::new(rotator));
    }

    pub(crate) fn has_namer(&self) -> bool {
        self.namer.is_some()
    }

    /// The name of a rotated file: the default one, or what the namer makes of it.
    pub(crate) fn rotation_filename(&self, default: PathBuf) -> PathBuf {
        match &self.namer {
            Some(namer) => namer(&default),
            None => default,
        }
    }

    /// Moves `source` to `dest`, by the rotator if there is one. A source that is not there is no
    /// error: with `delay` it may never have been made.
    pub(crate) fn rotate(
        &self,
        storage: &dyn Storage,
        source: &Path,
        dest: &Path,
    ) -> Result<(), Error> {
        let done = match &self.rotator {
            Some(rotator) => rotator(source, dest),
            None if !storage::exists(storage, source)? => Ok(()),
            None => storage.rename(source, dest),
        };
        done.map_err(|error| Error::io("rotate", source, error))
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("namer", &self.namer.is_some())
            .field("rotator", &self.rotator.is_some())
            .finish()
    }
}

/// An output that is rotated.
#[derive(Debug)]
pub(crate) struct BaseRotating {
    pub(crate) output: Output,
    pub(crate) hooks: Hooks,
    backoff: Backoff,
}

/// When a rotation that failed may be tried again.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Backoff(Option<(Instant, Duration)>);

impl Backoff {
    pub(crate) fn is_over(&self) -> bool {
        self.0.is_none_or(|(retry_at, _)| Instant::now() >= retry_at)
    }

    /// Notes how a rotation ended.
    pub(crate) fn note(&mut self, good: bool) {
        self.0 = (!good).then(|| {
            let wait = self.0.map_or(FIRST_RETRY, |(_, wait)| (wait * 2).min(LAST_RETRY));
            (Instant::now() + wait, wait)
        });
    }
}

impl BaseRotating {
    pub(crate) fn new(output: Output, hooks: Hooks) -> Self {
        Self { output, hooks, backoff: Backoff::default() }
    }

    /// Returns true unless a rotation failed a short while ago.
    pub(crate) fn may_roll(&self) -> bool {
        self.backoff.is_over()
    }

    /// Writes what waits, closes the file, lets `shift` move files, and opens the path again.
    ///
    /// # Errors
    ///
    /// What fails first. The path is open again then as well, and nothing in it is lost: it grows
    /// on until a later attempt.
    pub(crate) fn roll(
        &mut self,
        cx: &mut Context<'_>,
        shift: impl FnOnce(&Hooks, &dyn Storage, &Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let done = self.try_roll(cx, shift);
        self.backoff.note(done.is_ok());
        done
    }

    fn try_roll(
        &mut self,
        cx: &mut Context<'_>,
        shift: impl FnOnce(&Hooks, &dyn Storage, &Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let before = self.output.file_number();
        self.output.hold(cx)?;
        let done = match self.output.is_shared() && self.output.file_number() != before {
            // Another process moved it meanwhile.
            true => Ok(()),
            false => self.roll_held(cx, shift),
        };
        self.output.let_go();
        done
    }

    fn roll_held(
        &mut self,
        cx: &mut Context<'_>,
        shift: impl FnOnce(&Hooks, &dyn Storage, &Path) -> Result<(), Error>,
    ) -> Result<(), Error> {
        // The lines that wait belong to the old file.
        self.output.write_all(cx)?;
        self.output.release_file();
        let storage = self.output.storage().clone();
        if let Err(error) = shift(&self.hooks, &*storage, self.output.path()) {
            // Not with the handler's mode, which might empty the file. If that fails as well, the
            // next record opens it and tells.
            let _ = self.output.open_to_append();
            return Err(error);
        }
        if self.output.options().delay {
            return Ok(());
        }
        self.output.open()
    }
}

/// Removes a file if it is there.
pub(crate) fn remove_existing(storage: &dyn Storage, path: &Path) -> Result<(), Error> {
    if storage::exists(storage, path)? {
        storage.remove(path).map_err(|error| Error::io("remove", path, error))?;
    }
    Ok(())
}
