//! One file of several processes: a lock beside it, which whoever writes or rotates holds.

use super::*;
use crate::sync::thread;
use std::fs::File;

/// How long a write waits for the lock; then the lines wait, and the file is tried again.
const PATIENCE: Duration = Duration::from_secs(2);
/// The naps between two looks at the lock, at first and at last.
const FIRST_NAP: Duration = Duration::from_micros(20);
const LAST_NAP: Duration = Duration::from_millis(1);

/// The file beside a shared one, whose lock stands for it.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// With the process that opened it: a forked child that went on with the same description
    /// would hold the lock together with its parent.
    file: Option<(u32, File)>,
    /// How many holds there are, one in the other.
    holds: u32,
}

impl Output {
    /// Whether other processes write to the file as well, and agree on it.
    pub(crate) fn is_shared(&self) -> bool {
        self.options.shared
    }

    /// Keeps other processes from writing to the file and moving it, until
    /// [`let_go`](Self::let_go); nothing happens if it is not shared. The file at the path is open
    /// then, and its size known.
    ///
    /// # Errors
    ///
    /// If others hold the lock for too long, or the file beside cannot be opened; nothing is held.
    pub(crate) fn hold(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if !self.options.shared {
            return Ok(());
        }
        if self.share.holds == 0 {
            self.share.take(&self.path, &self.options)?;
        }
        self.share.holds += 1;
        let looked = self.look_at_shared(cx);
        if looked.is_err() {
            self.let_go();
        }
        looked
    }

    fn look_at_shared(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.file.is_some() {
            self.look_around(cx)?;
        }
        self.open()
    }

    /// Lets others write, once as many holds have ended as began.
    pub(crate) fn let_go(&mut self) {
        if !self.options.shared {
            return;
        }
        self.share.holds = self.share.holds.saturating_sub(1);
        if self.share.holds == 0
            && let Some((_, file)) = &self.share.file
        {
            let _ = sys::unlock(file);
        }
    }

    /// The bytes that wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.committed as u64
    }

    /// Returns true if a batch is full.
    pub(crate) fn wants_write(&self) -> bool {
        self.committed >= BATCH_BYTES && self.is_due()
    }
}

impl Share {
    fn take(&mut self, path: &Path, options: &Options) -> Result<(), Error> {
        let process = std::process::id();
        if self.file.as_ref().is_none_or(|(opener, _)| *opener != process) {
            let beside = super::super::names::with_suffix(path, ".lock");
            let file = sys::options(options.permissions, false, true)
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&beside)
                .map_err(|error| Error::io("open", &beside, error))?;
            self.file = Some((process, file));
        }
        let Some((_, file)) = &self.file else { return Ok(()) };
        let until = Instant::now() + PATIENCE;
        let mut nap = FIRST_NAP;
        loop {
            let failed = |error| Error::io("lock", path, error);
            if sys::lock_exclusive(file).map_err(failed)? {
                return Ok(());
            }
            if Instant::now() >= until {
                let text = "another process has held its lock for too long";
                return Err(failed(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            thread::sleep(nap);
            nap = (nap * 2).min(LAST_NAP);
        }
    }
}
