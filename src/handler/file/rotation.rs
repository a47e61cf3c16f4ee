//! Rotation under names that are given once: what plain and mapped handlers share.

use super::archives::{Archives, Keep};
use super::base::Backoff;
use super::names::{self, Naming, Order, with_suffix};
use super::pack::Compress;
use super::rotate::Rotate;
use super::schedule::Zone;
use super::storage::Storage;
use crate::error::Error;
use crate::handler::Context;
use crate::sync::Arc;
use std::cmp::Reverse;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SECOND_NS: i64 = 1_000_000_000;
/// How often a name is chosen anew because somebody took it meanwhile.
const MOST_NAMES: u32 = 100;
/// How often files are looked at for their age.
const AGE_EVERY: Duration = Duration::from_secs(60 * 60);

/// What a builder was told of rotation.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    pub(crate) rotate: Option<Rotate>,
    pub(crate) naming: Naming,
    pub(crate) keep: Keep,
    pub(crate) compress: Compress,
    pub(crate) latest: Option<PathBuf>,
    pub(crate) inline: bool,
}

impl Plan {
    /// Checks what was said; `None` if nothing of it asks for anything.
    pub(crate) fn build(
        self,
        path: &Path,
        storage: &Arc<dyn Storage>,
    ) -> Result<Option<Rotation>, Error> {
        let Self { rotate, naming, keep, compress, latest, inline } = self;
        if rotate.is_none() && latest.is_none() && keep.is_all() && compress == Compress::None {
            return Ok(None);
        }
        compress.check()?;
        let rotate = rotate.unwrap_or_default();
        let zone = rotate.check()?;
        let shifting = naming == Naming::Shifting;
        if shifting && keep.files.is_none_or(|files| files == 0) {
            let text = "keep: names that shift need a number of files, at least 1";
            return Err(Error::invalid(text));
        }
        if shifting && compress != Compress::None {
            let text = "compress: a file that is renamed at each rotation cannot be compressed";
            return Err(Error::invalid(text));
        }
        let directory = path.parent().unwrap_or(Path::new(""));
        let latest = latest.map(|latest| directory.join(latest));
        if latest.as_deref() == Some(path) {
            return Err(Error::invalid("latest: that is the file itself"));
        }
        let archives = Archives::new(storage.clone(), path.to_owned(), zone.clone())
            .with(shifting, keep, compress, inline);
        Ok(Some(Rotation {
            max_bytes: rotate.max_bytes.unwrap_or(u64::MAX),
            next_ns: i64::MAX,
            fresh: true,
            started: false,
            file: 0,
            begun: 0,
            rotate,
            naming,
            zone,
            archives: Arc::new(archives),
            latest,
            last: None,
            backoff: Backoff::default(),
            looked_for_age: Instant::now(),
            latest_ns: i64::MIN,
        }))
    }
}

/// When the present file is moved away, and to what name.
#[derive(Debug)]
pub(crate) struct Rotation {
    max_bytes: u64,
    /// In nanoseconds since the Unix epoch.
    next_ns: i64,
    /// The present file has no record yet: its time begins with the first.
    fresh: bool,
    started: bool,
    /// Which of the files at the path that is.
    file: u64,
    /// When the present file began, in seconds since the Unix epoch.
    begun: i64,
    rotate: Rotate,
    naming: Naming,
    zone: Zone,
    archives: Arc<Archives>,
    latest: Option<PathBuf>,
    last: Option<Order>,
    backoff: Backoff,
    looked_for_age: Instant,
    /// The time of the latest record, where the file is moved between batches.
    latest_ns: i64,
}

impl Rotation {
    /// Notes the time of a record that waits.
    pub(crate) fn note_time(&mut self, time_ns: i64) {
        self.latest_ns = self.latest_ns.max(time_ns);
    }

    pub(crate) fn latest_ns(&self) -> i64 {
        self.latest_ns
    }

    pub(crate) fn archives(&self) -> &Arc<Archives> {
        &self.archives
    }

    /// The size that no file passes; the greatest number if there is none.
    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// Takes over a file that may hold something already. Returns true if it is to be moved away
    /// at once.
    ///
    /// Once for each start of the handler; resumes what an earlier run left undone.
    pub(crate) fn start(&mut self, meta: Option<&Metadata>) -> bool {
        if std::mem::replace(&mut self.started, true) {
            return false;
        }
        self.archives.start();
        self.archives.request_sweep(false);
        let Some(meta) = meta.filter(|meta| meta.len() > 0) else {
            self.fresh = true;
            return false;
        };
        // A copy is younger than what it holds.
        let changed = meta.modified().map_or(0, seconds);
        let made = meta.created().map_or(changed, seconds);
        self.begin(made.min(changed));
        self.rotate.at_start
    }

    /// The handler was closed: another start may come.
    pub(crate) fn end(&mut self) {
        if std::mem::take(&mut self.started) {
            self.archives.end();
        }
    }

    pub(crate) fn has_started(&self) -> bool {
        self.started
    }

    #[cold]
    fn begin(&mut self, at: i64) {
        self.fresh = false;
        self.begun = at;
        let next = self.rotate.next(at, &self.zone).and_then(|at| at.checked_mul(SECOND_NS));
        self.next_ns = next.unwrap_or(i64::MAX);
    }

    /// Notes which file is open.
    pub(crate) fn took(&mut self, file: u64) {
        self.file = file;
    }

    /// Returns true if the file is to be moved away before a record of that time and so many
    /// bytes, with `size` bytes in the file. Another file than before, which another process
    /// began, has its time yet before it.
    #[inline]
    pub(crate) fn is_due(&mut self, file: u64, time_ns: i64, size: u64, more: u64) -> bool {
        if self.fresh || file != self.file {
            self.file = file;
            self.begin(time_ns.div_euclid(SECOND_NS));
        }
        size > 0
            && (time_ns >= self.next_ns || size.saturating_add(more) > self.max_bytes)
            && self.backoff.is_over()
    }

    /// Up to which time, and to how many bytes, this file is written to; `None` if its next record
    /// has to be asked for.
    pub(crate) fn bounds(&self, file: u64) -> Option<(i64, u64)> {
        (self.started && !self.fresh && file == self.file).then_some((self.next_ns, self.max_bytes))
    }

    /// Returns true if the time of a file that holds something has passed.
    pub(crate) fn is_past(&self, now_ns: i64, size: u64) -> bool {
        !self.fresh && size > 0 && now_ns >= self.next_ns && self.backoff.is_over()
    }

    /// Notes how a rotation ended.
    pub(crate) fn note(&mut self, good: bool) {
        self.backoff.note(good);
        if good {
            self.fresh = true;
        }
    }

    /// Gives the file at `live` the name of a rotated one. The file is closed, its lines written.
    ///
    /// # Errors
    ///
    /// If it cannot be moved; it is where it was then. That there is none is no error.
    pub(crate) fn archive(&mut self, live: &Path) -> Result<(), Error> {
        let storage = self.archives.storage.clone();
        let failed = |error| Error::io("rotate", live, error);
        for _ in 0..MOST_NAMES {
            let found = self.archives.list()?;
            if self.naming == Naming::Shifting {
                self.shift()?;
            }
            let Archives { path, .. } = &*self.archives;
            let (name, order) =
                names::next(path, self.naming, &found, self.last, self.begun, &self.zone);
            match storage.rename_new(live, &name) {
                Ok(()) => {
                    self.last = Some(order);
                    self.archives.request_sweep(true);
                    return Ok(());
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                // Another process was faster, or what has the name is not ours to count.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    if self.naming != Naming::Shifting {
                        self.last = Some(order);
                    }
                }
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, "every name is taken")))
    }

    /// Python's chain: frees the number 1.
    fn shift(&self) -> Result<(), Error> {
        let Archives { storage, path, keep, .. } = &*self.archives;
        let most = keep.files.unwrap_or(u32::MAX);
        // As many as follow each other; behind a hole nothing need move.
        let mut numbers: Vec<u32> = Vec::new();
        for archive in self.archives.list()?.iter().rev() {
            match archive.order {
                Order::Shifting(Reverse(number)) if number == numbers.len() as u32 + 1 => {
                    numbers.push(number);
                }
                _ => break,
            }
        }
        for number in numbers.into_iter().rev() {
            let source = with_suffix(path, &format!(".{number}"));
            let done = if number >= most {
                storage.remove(&source)
            } else {
                storage.rename(&source, &with_suffix(path, &format!(".{}", number + 1)))
            };
            done.map_err(|error| Error::io("rotate", &source, error))?;
        }
        Ok(())
    }

    /// Lets the `latest` link lead to the file being written.
    pub(crate) fn link(&self, live: &Path, cx: &mut Context<'_>) {
        if let Err(error) = self.try_link(live) {
            cx.report(error);
        }
    }

    /// As [`link`](Self::link).
    ///
    /// # Errors
    ///
    /// If it cannot be made, or something that is no link has its name.
    pub(crate) fn try_link(&self, live: &Path) -> Result<(), Error> {
        let Some(latest) = &self.latest else { return Ok(()) };
        let failed = |error| Error::io("link", latest, error);
        let storage = &*self.archives.storage;
        match storage.link_metadata(latest) {
            Ok(meta) if !meta.file_type().is_symlink() => {
                let text = "something that is no symbolic link has that name";
                return Err(failed(io::Error::new(io::ErrorKind::AlreadyExists, text)));
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        // Beside each other they may be moved together.
        let target = match (live.parent() == latest.parent(), live.file_name()) {
            (true, Some(name)) => Path::new(name),
            _ => live,
        };
        let new = with_suffix(latest, &format!(".new-{}", std::process::id()));
        match storage.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        storage.symlink(target, &new).map_err(failed)?;
        storage.rename(&new, latest).map_err(|error| {
            let _ = storage.remove(&new);
            failed(error)
        })
    }

    /// Reports what sweeps could not do, and looks for files that became too old.
    pub(crate) fn tick(&mut self, cx: &mut Context<'_>) {
        for error in self.archives.take_errors() {
            cx.report(error);
        }
        if self.archives.keep.age.is_some() && self.looked_for_age.elapsed() >= AGE_EVERY {
            self.looked_for_age = Instant::now();
            self.archives.request_sweep(false);
        }
    }
}

impl Drop for Rotation {
    fn drop(&mut self) {
        self.end();
    }
}

fn seconds(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -(before.duration().as_secs_f64().ceil() as i64),
    }
}
