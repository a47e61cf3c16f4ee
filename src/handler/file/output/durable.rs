//! When what was written reaches the disk.

use super::*;

impl Output {
    pub(super) fn sync_if_due(&mut self) -> Result<(), Error> {
        let due = match self.options.sync {
            SyncPolicy::Never => return Ok(()),
            SyncPolicy::Batch => true,
            SyncPolicy::AtLevel(_) => self.sync_due && self.committed == 0,
            SyncPolicy::Every(interval) => self.synced.elapsed() >= interval,
        };
        if due { self.sync_file() } else { Ok(()) }
    }

    /// Syncs what was written to the open file, and its name.
    pub(super) fn sync_file(&mut self) -> Result<(), Error> {
        self.sync_due = false;
        let Self { file: Some(open), options, path, .. } = self else { return Ok(()) };
        if !open.regular || !(open.unsynced || open.doubtful) {
            return Ok(());
        }
        self.synced = Instant::now();
        let failed = |error| Error::io("sync", path, error);
        if open.doubtful {
            let text = "an earlier sync failed, what it was to save may be lost";
            return Err(failed(io::Error::other(text)));
        }
        let storage = &*options.storage;
        let done = storage.sync(&open.file);
        open.doubtful = done.is_err();
        done.map_err(failed)?;
        if open.name_unsynced
            && let Some(directory) = path.parent()
        {
            storage.sync_dir(directory).map_err(failed)?;
            open.name_unsynced = false;
        }
        open.unsynced = false;
        Ok(())
    }

    /// Syncs everything that was written since this began, rotated files included.
    pub(super) fn sync_all(&mut self) -> Result<(), Error> {
        self.sync_file()?;
        if self.behind
            && let Some(open) = &self.file
        {
            let failed = |error| Error::io("sync the file system of", &self.path, error);
            self.options.storage.sync_file_system(&open.file).map_err(failed)?;
            self.behind = false;
        }
        Ok(())
    }
}
