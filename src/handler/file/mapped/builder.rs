//! The building of mapped handlers.

use super::*;

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
    file_steps!(options);
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
            line: Sheet::default(),
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
