//! The live file's names, and the lock that keeps others away.

use super::*;

impl MmapRotatingFileHandler {
    pub(super) fn disk(&self) -> Arc<dyn Storage> {
        self.options.storage.clone()
    }

    pub(super) fn how(&self) -> How {
        self.options.how(FileMode::Append)
    }

    /// Takes the lock and makes the live file ready; nothing happens if it is.
    #[inline]
    pub(super) fn open_files(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::Closed) { self.open_closed() } else { Ok(()) }
    }

    #[cold]
    fn open_closed(&mut self) -> Result<(), Error> {
        let disk = self.disk();
        if self.options.create_dirs
            && let Some(parent) = self.path.parent()
            && !storage::exists(&*disk, parent)?
        {
            disk.create_dirs(parent).map_err(|error| Error::io("create", parent, error))?;
        }
        self.take_lock()?;
        let ready = self.ready_live(&*disk);
        if ready.is_err() {
            self.drop_lock();
        }
        ready
    }

    /// Opens the files, and gives them up again if they have to be mapped and cannot.
    pub(super) fn open_as_told(&mut self) -> Result<(), Error> {
        self.open_files()?;
        if !self.require_mapping || self.is_mapped() {
            return Ok(());
        }
        let why = self.unmapped.take();
        let _ = self.release();
        Err(why.unwrap_or_else(|| Error::invalid("require_mapping: not possible")))
    }

    pub(super) fn ready_live(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        let move_to = |from: &Path, to: &Path| {
            disk.rename_new(from, to).map_err(|error| Error::io("rename", from, error))
        };
        if storage::exists(disk, &self.live)? {
            self.recover(disk)?;
            if storage::exists(disk, &self.path)? {
                // Older than what the killed process wrote.
                self.rotation.start(disk.metadata(&self.path).ok().as_ref());
                self.rotation.archive(&self.path)?;
                self.rotation.end();
            }
        } else if storage::exists(disk, &self.path)? {
            move_to(&self.path, &self.live)?;
            self.recover(disk)?;
        }
        if self.rotation.start(disk.metadata(&self.live).ok().as_ref()) {
            self.rotation.archive(&self.live)?;
            self.rotation.note(true);
        }
        self.open_live(disk)?;
        self.rotation.try_link(&self.live)
    }

    /// Opens the live file, mapped if that can be done.
    pub(super) fn open_live(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        match Segment::open(disk, &self.live, self.how(), self.window_bytes.min(self.most())) {
            Ok(segment) => {
                let (user, group) = self.options.owner;
                if segment.position() == 0 && (user, group) != (None, None) {
                    disk.set_owner(segment.file(), user, group)
                        .map_err(|error| Error::io("give an owner to", &self.live, error))?;
                }
                self.state = State::Mapped(segment);
                self.looked = Instant::now();
            }
            Err(error) => {
                self.open_plain()?;
                self.unmapped = Some(error);
            }
        }
        Ok(())
    }

    /// A window larger than the file is to become helps nobody.
    pub(super) fn most(&self) -> u64 {
        let page = sys::page_bytes() as u64;
        self.rotation.max_bytes().checked_next_multiple_of(page).unwrap_or(u64::MAX)
    }

    pub(super) fn open_plain(&mut self) -> Result<(), Error> {
        let options =
            Options { path: self.live.clone(), delay: false, later: false, ..self.options.clone() };
        let mut output = Output::new(options)?;
        output.set_archives(self.rotation.archives().clone());
        self.state = State::Plain(Box::new(output));
        Ok(())
    }

    /// Cuts off what is no line, and ends a line that is not whole.
    fn recover(&self, disk: &dyn Storage) -> Result<(), Error> {
        let terminator = self.options.terminator.as_bytes();
        segment::recover(disk, &self.live, self.how(), terminator).map(drop)
    }

    pub(super) fn lock_path(&self) -> PathBuf {
        with_suffix(&self.path, ".lock")
    }

    pub(super) fn take_lock(&mut self) -> Result<(), Error> {
        let path = self.lock_path();
        let failed = |error| Error::io("lock", &path, error);
        let there = || std::fs::metadata(&path).ok().and_then(|meta| sys::file_id(&meta));
        if let Some(lock) = &self.lock {
            // Gone with its directory, it keeps nobody away.
            if lock.metadata().is_ok_and(|meta| sys::file_id(&meta) == there()) {
                return Ok(());
            }
            self.lock = None;
        }
        loop {
            let file = self.options.storage.open(&path, self.how()).map_err(failed)?;
            if !sys::lock_exclusive(&file).map_err(failed)? && cfg!(unix) {
                return Err(Error::new(
                    crate::error::ErrorKind::Already,
                    format!("another handler or process writes {}", self.path.display()),
                ));
            }
            // Whoever had the lock before may have removed the file just now.
            let ours = sys::file_id(&file.metadata().map_err(failed)?);
            if ours == there() {
                self.lock = Some(file);
                return Ok(());
            }
        }
    }

    pub(super) fn drop_lock(&mut self) {
        if self.lock.is_some() {
            // Removed first, closed after: nobody else can hold a lock that we remove.
            let _ = self.options.storage.remove(&self.lock_path());
            self.lock = None;
        }
    }

    /// Cuts the live file to its exact length and closes it.
    pub(super) fn finish(&mut self, disk: &dyn Storage) -> Result<(), Error> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Closed => Ok(()),
            State::Mapped(mut segment) => {
                if self.options.sync != SyncPolicy::Never {
                    // What fails stays behind, and a flush tells.
                    let _ = segment.sync(disk);
                }
                self.behind |= segment.is_unsynced();
                segment.finish(disk)
            }
            State::Plain(mut output) => {
                output.release_file();
                self.behind |= output.is_behind();
                Ok(())
            }
        }
    }

    /// Cuts the live file, gives it the plain name and gives the lock up.
    pub(super) fn release(&mut self) -> Result<(), Error> {
        if matches!(self.state, State::Closed) && self.lock.is_none() {
            return Ok(());
        }
        let disk = self.disk();
        let cut = !matches!(self.state, State::Closed);
        let done = self.finish(&*disk).and_then(|()| {
            if !storage::exists(&*disk, &self.live)? {
                return Ok(());
            }
            if !cut {
                // It was closed because it could not be cut.
                self.recover(&*disk)?;
            }
            match disk.rename_new(&self.live, &self.path) {
                // Somebody made a file of that name meanwhile: the next start sees to both.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
                done => done.map_err(|error| Error::io("rename", &self.live, error)),
            }
        });
        self.rotation.end();
        if done.is_ok()
            && let Err(error) = self.rotation.try_link(&self.path)
        {
            self.unmapped = Some(error);
        }
        self.drop_lock();
        done
    }
}
