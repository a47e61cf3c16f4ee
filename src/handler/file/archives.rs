//! The rotated files of a handler: which there are, which go, which are compressed.
//!
//! A sweep does what is to be done to them: it removes what an interrupted sweep left, compresses,
//! and removes what the limits do not allow. It can be interrupted at any point and done again, so
//! the same sweep follows each rotation and each start. It runs on a thread of its own, one for
//! the process, that ends when there is nothing to do.

use super::names::{self, Archive};
use super::pack::{self, Compress};
use super::schedule::Zone;
use super::storage::Storage;
use crate::error::Error;
use crate::sync::{Arc, AtomicBool, Condvar, Mutex, Ordering, lock, thread};
use crate::sys;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How long a file stays as it is after its rotation: other processes may find out only then that
/// it was moved, and write to it until they do.
const SETTLING: Duration = Duration::from_secs(1);
/// How long the thread stays with nothing to do.
const IDLE: Duration = Duration::from_secs(2);
/// Errors kept for the handler to report; further ones of the same sweep add nothing.
const MOST_ERRORS: usize = 8;

/// How many rotated files are kept. What passes one of the limits goes, the oldest first.
///
/// Files of earlier runs count, and compressed ones with the bytes that they have then. The file
/// being written does not count.
///
/// # Examples
///
/// ```
/// use sawmill::Keep;
/// use std::time::Duration;
///
/// let ten = Keep::files(10);
/// let a_month_in_a_gigabyte =
///     Keep::all().bytes(1 << 30).age(Duration::from_secs(30 * 24 * 60 * 60));
/// # let _ = (ten, a_month_in_a_gigabyte);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Keep {
    pub(crate) files: Option<u32>,
    pub(crate) bytes: Option<u64>,
    pub(crate) age: Option<Duration>,
}

impl Keep {
    /// Keeps all files, unless a limit is added.
    pub fn all() -> Self {
        Self::default()
    }

    /// Keeps so many files.
    pub fn files(files: u32) -> Self {
        Self { files: Some(files), ..Self::default() }
    }

    /// Keeps files of so many bytes together.
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Keeps files that were written to within this time; looked at with each rotation, at the
    /// start, and once an hour.
    pub fn age(mut self, age: Duration) -> Self {
        self.age = Some(age);
        self
    }

    pub(crate) fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

/// The rotated files of a path.
#[derive(Debug)]
pub(crate) struct Archives {
    pub(crate) storage: Arc<dyn Storage>,
    /// What the files are named after.
    pub(crate) path: PathBuf,
    pub(crate) zone: Zone,
    /// Python's numbers count as ours.
    pub(crate) shifting: bool,
    pub(crate) keep: Keep,
    pub(crate) compress: Compress,
    /// Sweeps run on the caller's thread.
    pub(crate) inline: bool,
    stop: AtomicBool,
    /// A sweep runs; they exclude each other.
    sweeping: Mutex<()>,
    errors: Mutex<Vec<Error>>,
}

impl Archives {
    pub(crate) fn new(storage: Arc<dyn Storage>, path: PathBuf, zone: Zone) -> Self {
        Self {
            storage,
            path,
            zone,
            shifting: false,
            keep: Keep::all(),
            compress: Compress::None,
            inline: false,
            stop: AtomicBool::new(false),
            sweeping: Mutex::new(()),
            errors: Mutex::new(Vec::new()),
        }
    }

    /// Sets what counts as ours, what is kept, how it is compressed, and who does it.
    pub(crate) fn with(self, shifting: bool, keep: Keep, compress: Compress, inline: bool) -> Self {
        Self { shifting, keep, compress, inline, ..self }
    }

    /// The rotated files, the oldest first.
    pub(crate) fn list(&self) -> Result<Vec<Archive>, Error> {
        let Some(directory) = self.path.parent() else { return Ok(Vec::new()) };
        let failed = |error| Error::io("list", directory, error);
        let entries = match self.storage.list(directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(failed)?,
        };
        let mut found = names::archives(&self.path, entries, &self.zone, self.shifting);
        found.retain(|archive| !names::is_part(&archive.path));
        Ok(found)
    }

    /// Sees to it that a sweep runs, at once or when the file just rotated has settled.
    pub(crate) fn request_sweep(self: &Arc<Self>, rotated: bool) {
        if self.keep.is_all() && self.compress == Compress::None {
            return;
        }
        if self.inline {
            return self.sweep();
        }
        let wait = match rotated && self.compress != Compress::None {
            true => SETTLING,
            false => Duration::ZERO,
        };
        worker::enqueue(self.clone(), Instant::now() + wait);
    }

    /// Lets a sweep that runs end where it stands; the next start goes on with it.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops, and removes what the limits do not allow, lest a program that ends leave more.
    pub(crate) fn end(&self) {
        self.stop();
        let _alone = lock(&self.sweeping);
        self.prune();
    }

    /// Takes [`stop`](Self::stop) back.
    pub(crate) fn start(&self) {
        self.stop.store(false, Ordering::Relaxed);
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// What sweeps could not do since the last call.
    pub(crate) fn take_errors(&self) -> Vec<Error> {
        std::mem::take(&mut *lock(&self.errors))
    }

    fn fail(&self, error: Error) {
        let mut errors = lock(&self.errors);
        if errors.len() < MOST_ERRORS {
            errors.push(error);
        }
    }

    /// Does everything that is to be done.
    pub(crate) fn sweep(self: &Arc<Self>) {
        let _alone = lock(&self.sweeping);
        self.remove_orphans();
        // First, so that there is room to compress.
        self.prune();
        if self.compress == Compress::None {
            return;
        }
        match self.list() {
            Err(error) => self.fail(error),
            Ok(found) => {
                let mut next: Option<Duration> = None;
                for archive in found.iter().filter(|archive| archive.packed.is_none()) {
                    if self.is_stopped() {
                        return;
                    }
                    if let Some(left) = self.settles_in(&archive.path) {
                        next = Some(next.map_or(left, |known| known.min(left)));
                        continue;
                    }
                    if let Err(error) = self.pack(&archive.path) {
                        self.fail(error);
                    }
                }
                if let Some(left) = next {
                    // Not for each by itself: a sweep takes what has settled until then.
                    let wait = left.max(SETTLING / 8);
                    worker::enqueue(self.clone(), Instant::now() + wait);
                }
            }
        }
        self.prune();
    }

    /// How long a file still stays as it is that was renamed a moment ago, by whatever process.
    fn settles_in(&self, path: &Path) -> Option<Duration> {
        if self.inline {
            return None;
        }
        let meta = self.storage.link_metadata(path).ok()?;
        let renamed = sys::status_changed(&meta).unwrap_or(SystemTime::UNIX_EPOCH);
        // A time ahead of the clock says nothing.
        let since = SystemTime::now().duration_since(renamed).ok()?;
        SETTLING.checked_sub(since).filter(|left| !left.is_zero())
    }

    /// Removes what compressions left that were interrupted and whose original is gone. With
    /// the original there, compressing it sees to them.
    fn remove_orphans(&self) {
        let Some(directory) = self.path.parent() else { return };
        let Ok(mut entries) = self.storage.list(directory) else { return };
        entries.retain(|path| names::is_part(path));
        let parts = names::archives(&self.path, entries, &self.zone, self.shifting);
        for part in parts {
            let is_there = self.storage.link_metadata(&names::original(&part.path)).is_ok();
            if !is_there && let Err(error) = self.storage.remove(&part.path) {
                self.fail(Error::io("remove", &part.path, error));
            }
        }
    }

    /// Removes what the limits do not allow.
    fn prune(&self) {
        if self.keep.is_all() {
            return;
        }
        let found = match self.list() {
            Ok(found) => found,
            Err(error) => return self.fail(error),
        };
        let (mut files, mut bytes) = (0, 0_u64);
        let oldest = self.keep.age.and_then(|age| SystemTime::now().checked_sub(age));
        for archive in found.iter().rev() {
            // What just went is nobody's concern any more.
            let Ok(meta) = self.storage.link_metadata(&archive.path) else { continue };
            files += 1;
            bytes += meta.len();
            let keeps = self.keep.files.is_none_or(|most| files <= most)
                && self.keep.bytes.is_none_or(|most| bytes <= most)
                && oldest.is_none_or(|oldest| meta.modified().is_ok_and(|at| at >= oldest));
            if !keeps
                && let Err(error) = self.storage.remove(&archive.path)
                && error.kind() != io::ErrorKind::NotFound
            {
                self.fail(Error::io("remove", &archive.path, error));
            }
        }
    }

    /// Removes the oldest rotated file, for the room that it takes. False: there is none.
    pub(crate) fn remove_oldest(&self) -> Result<bool, Error> {
        let Some(oldest) = self.list()?.into_iter().next() else { return Ok(false) };
        match self.storage.remove(&oldest.path) {
            Ok(()) => Ok(true),
            Err(error) => Err(Error::io("remove", &oldest.path, error)),
        }
    }

    /// Compresses a file, so that at each moment either it or its compressed form is whole, and
    /// never removes the one before the other is on the disk.
    fn pack(&self, path: &Path) -> Result<(), Error> {
        let failed = |error| Error::io("compress", path, error);
        let storage = &*self.storage;
        let file = match storage.open_read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            file => file.map_err(failed)?,
        };
        // Somebody still writes to it, or compresses it: another sweep will find it.
        if cfg!(unix) && !sys::lock_exclusive(&file).map_err(failed)? {
            return Ok(());
        }
        let done = names::with_suffix(path, self.compress.suffix());
        let part = names::with_suffix(&done, names::PART);
        match storage.link_metadata(&done) {
            // The last sweep ended before it removed the original, or somebody put it there.
            Ok(_) => {
                let stopped = || self.is_stopped();
                let whole = pack::holds_all_of(storage, &file, &done, self.compress, stopped);
                return if self.is_stopped() {
                    Ok(())
                } else if whole.unwrap_or(false) {
                    storage.remove(path).map_err(failed)
                } else {
                    let text = format!("{} is there and holds something else", done.display());
                    Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, text)))
                };
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        // We have the lock: what is there was left by somebody who died.
        match storage.remove(&part) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let made = self.pack_into(&file, &part, &done);
        match made {
            Ok(true) => storage.remove(path).map_err(failed),
            Ok(false) => Ok(()),
            Err(error) => {
                let _ = storage.remove(&part);
                Err(failed(error))
            }
        }
    }

    /// Returns false if it was stopped, or the file grew meanwhile.
    fn pack_into(&self, file: &std::fs::File, part: &Path, done: &Path) -> io::Result<bool> {
        let storage = &*self.storage;
        let before = storage.stat(file)?;
        let packed = storage.open(part, pack::how())?;
        let whole = pack::pack(storage, file, &packed, self.compress, || self.is_stopped())?;
        if !whole || storage.stat(file)?.len() != before.len() {
            drop(packed);
            storage.remove(part)?;
            return Ok(false);
        }
        storage.copy_rights(&before, &packed)?;
        storage.sync(&packed)?;
        drop(packed);
        storage.rename_new(part, done)?;
        if let Some(directory) = done.parent() {
            storage.sync_dir(directory)?;
        }
        Ok(true)
    }
}

mod worker {
    //! The thread that sweeps, one for all handlers of the process.

    use super::*;

    struct Queue {
        jobs: Vec<(Instant, Arc<Archives>)>,
        /// The process that the thread runs in: a child after a fork has none.
        runs_in: u32,
    }

    static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: Vec::new(), runs_in: 0 });
    static CHANGED: Condvar = Condvar::new();

    /// Queues a sweep; of two of the same files the sooner serves as well.
    pub(super) fn enqueue(archives: Arc<Archives>, at: Instant) {
        let mut queue = lock(&QUEUE);
        match queue.jobs.iter_mut().find(|(_, known)| Arc::ptr_eq(known, &archives)) {
            Some((due, _)) => *due = (*due).min(at),
            None => queue.jobs.push((at, archives)),
        }
        if queue.runs_in != std::process::id() {
            let started = thread::Builder::new().name("sawmill-archive".into()).spawn(run);
            if started.is_ok() {
                queue.runs_in = std::process::id();
            }
        }
        CHANGED.notify_one();
    }

    fn run() {
        sys::lower_priority();
        while let Some(archives) = next() {
            // A panic in a sweep ends that sweep.
            if catch_unwind(AssertUnwindSafe(|| archives.sweep())).is_err() {
                archives.fail(Error::other("the sweep of the rotated files panicked"));
            }
        }
    }

    /// Waits for a sweep that is due. `None`: the thread is to end.
    fn next() -> Option<Arc<Archives>> {
        let mut queue = lock(&QUEUE);
        let mut idle_since = Instant::now();
        loop {
            let now = Instant::now();
            // A handler that was closed has nothing to wait for.
            let due =
                |(at, archives): &(Instant, Arc<Archives>)| *at <= now || archives.is_stopped();
            if let Some(at) = queue.jobs.iter().position(due) {
                return Some(queue.jobs.swap_remove(at).1);
            }
            let pause = match queue.jobs.iter().map(|(at, _)| *at).min() {
                Some(at) => {
                    idle_since = now;
                    at - now
                }
                None if now - idle_since >= IDLE => {
                    queue.runs_in = 0;
                    return None;
                }
                None => IDLE,
            };
            queue = match CHANGED.wait_timeout(queue, pause) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }
}
