//! The building of mapped handlers.

use super::*;
use crate::handler::file::OnFailure;

/// Builds a [`MmapRotatingFileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct MmapRotatingFileHandlerBuilder {
    options: Options,
    plan: Plan,
    window_bytes: u64,
    require_mapping: bool,
}

impl MmapRotatingFileHandlerBuilder {
    plan_steps!(plan);

    /// Sets the size that no file passes, in bytes, unless a single line does; at least 1.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.plan.rotate = Some(self.plan.rotate.unwrap_or_default().or_size(bytes));
        self
    }

    /// Sets how many full files are kept; 0 keeps all.
    pub fn backup_count(mut self, files: u32) -> Self {
        self.plan.keep.files = (files > 0).then_some(files);
        self
    }

    /// Sets when the live file is moved away; the size of 256 MiB does not count any more then.
    pub fn rotate(mut self, rotate: Rotate) -> Self {
        self.plan.rotate = Some(rotate);
        self
    }

    /// Sets how much is mapped and allocated at a time, in bytes: 64 KiB to 1 GiB, rounded up to
    /// whole pages.
    pub fn window_bytes(mut self, bytes: u64) -> Self {
        self.window_bytes = bytes;
        self
    }

    /// Makes [`build`](Self::build) fail where the file cannot be mapped.
    pub fn require_mapping(mut self, require: bool) -> Self {
        self.require_mapping = require;
        self
    }

    /// Sets what ends each line; it must not be empty or end in a NUL byte.
    pub fn terminator(mut self, terminator: impl Into<String>) -> Self {
        self.options.terminator = terminator.into();
        self
    }

    /// Sets the permission bits of files that are created; the umask still applies.
    pub fn permissions(mut self, bits: u32) -> Self {
        self.options.permissions = bits;
        self
    }

    /// Gives files that are created to a user, a group, or both, by their numbers.
    pub fn owner(mut self, user: Option<u32>, group: Option<u32>) -> Self {
        self.options.owner = (user, group);
        self
    }

    /// Sets when what was stored is to reach the disk.
    pub fn sync(mut self, policy: SyncPolicy) -> Self {
        self.options.sync = policy;
        self
    }

    /// Sets what happens while the file cannot be mapped and takes nothing.
    pub fn on_failure(mut self, policy: OnFailure) -> Self {
        self.options.on_failure = policy;
        self
    }

    /// Leaves the opening to [`Handler::open`](crate::Handler::open).
    #[cfg(feature = "config")]
    pub(crate) fn opened_later(mut self) -> Self {
        self.options.later = true;
        self
    }

    /// Makes the file's directory, and those above it, if they are missing.
    pub fn create_dirs(mut self, create: bool) -> Self {
        self.options.create_dirs = create;
        self
    }

    #[cfg(test)]
    pub(crate) fn storage(mut self, storage: Arc<dyn Storage>) -> Self {
        self.options.storage = storage;
        self
    }

    /// Checks the options, recovers what a killed process left, and opens the live file.
    ///
    /// # Errors
    ///
    /// If an option is out of range, another handler has the path, a file cannot be opened, or
    /// mapping is required and not possible.
    pub fn build(self) -> Result<MmapRotatingFileHandler, Error> {
        let Self { options, plan, window_bytes, require_mapping } = self;
        if !(64 << 10..=1 << 30).contains(&window_bytes) {
            return Err(Error::invalid("window_bytes: must be 64 KiB to 1 GiB"));
        }
        if options.terminator.is_empty() || options.terminator.ends_with('\0') {
            return Err(Error::invalid("terminator: must not be empty or end in a NUL byte"));
        }
        let path = absolute(&options.path)?;
        let plan = Plan { rotate: Some(plan.rotate.unwrap_or_default()), ..plan };
        let Some(rotation) = plan.build(&path, &options.storage)? else {
            return Err(Error::invalid("rotate: not given"));
        };
        let now = Instant::now();
        let mut handler = MmapRotatingFileHandler {
            live: with_suffix(&path, ".live"),
            path,
            options,
            rotation,
            window_bytes,
            require_mapping,
            state: State::Closed,
            lock: None,
            line: Vec::new(),
            unmapped: None,
            looked: now,
            synced: now,
            sync_due: false,
            behind: false,
            reopenings: reopenings(),
        };
        if !handler.options.later {
            handler.open_as_told()?;
        }
        Ok(handler)
    }
}

impl MmapRotatingFileHandler {
    /// Begins to build a handler for the files at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> MmapRotatingFileHandlerBuilder {
        let plan = Plan {
            rotate: Some(Rotate::size(256 << 20)),
            naming: Naming::Rising,
            ..Plan::default()
        };
        MmapRotatingFileHandlerBuilder {
            options: Options::new(path),
            plan,
            window_bytes: 4 << 20,
            require_mapping: false,
        }
    }
}
