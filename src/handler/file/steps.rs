//! What the builders and the handlers of files have in common, as macros.

/// The building steps of whatever writes files; `$inner` leads to their [`Options`].
macro_rules! file_steps {
    ($($inner:ident).+) => {
        /// Leaves the opening to [`Handler::open`](crate::Handler::open), which a configuration
        /// calls once it is in force: for factories of a
        /// [`Registry`](crate::config::Registry), so that a refused configuration leaves no file.
        #[cfg(feature = "config")]
        pub fn opened_later(mut self) -> Self {
            self.$($inner).+.later = true;
            self
        }

        /// Sets the permission bits of files that are created; the umask still applies.
        pub fn permissions(mut self, bits: u32) -> Self {
            self.$($inner).+.permissions = bits;
            self
        }

        /// Gives files that are created to a user, a group, or both, by their numbers; Unix only,
        /// and with the right to do so.
        pub fn owner(mut self, user: Option<u32>, group: Option<u32>) -> Self {
            self.$($inner).+.owner = (user, group);
            self
        }

        /// Makes the file's directory, and those above it, if they are missing.
        pub fn create_dirs(mut self, create: bool) -> Self {
            self.$($inner).+.create_dirs = create;
            self
        }

        /// Sets when what was written is to reach the disk.
        pub fn sync(mut self, policy: crate::handler::file::SyncPolicy) -> Self {
            self.$($inner).+.sync = policy;
            self
        }

        /// Sets what happens while the file takes nothing, such as on a full disk.
        pub fn on_failure(mut self, policy: crate::handler::file::OnFailure) -> Self {
            self.$($inner).+.on_failure = policy;
            self
        }

        /// Puts other file operations under the handler.
        // Every builder has it; not every one is tested with it.
        #[cfg(test)]
        #[allow(dead_code)]
        pub(crate) fn storage(
            mut self,
            storage: crate::sync::Arc<dyn crate::handler::file::storage::Storage>,
        ) -> Self {
            self.$($inner).+.storage = storage;
            self
        }
    };
}

/// The building steps of whatever writes to one file that lies open.
macro_rules! open_file_steps {
    ($($inner:ident).+) => {
        file_steps!($($inner).+);

        /// Opens the file at the first record, not at once.
        pub fn delay(mut self, delay: bool) -> Self {
            self.$($inner).+.delay = delay;
            self
        }

        /// Looks four times a second, before lines are written, whether the path still leads to
        /// the open file; if it was moved or removed, the path is opened anew. Without it lines
        /// follow a file that is moved, and are lost with one that is removed.
        pub fn follow(mut self, follow: bool) -> Self {
            self.$($inner).+.follow = follow;
            self
        }

        /// Allocates space ahead of the writes: 1 to 16 MiB behind the end of the file, given
        /// back when it is closed or, after a crash, opened again. Happens only under the file's
        /// advisory lock, while nobody else writes to it, on file systems that gain by it (ext4,
        /// XFS, F2FS), and once 64 KiB were written.
        pub fn reserve(mut self, reserve: bool) -> Self {
            self.$($inner).+.reserve = reserve;
            self
        }
    };
}

/// The building steps of whatever writes text to one file; `$inner` leads to their [`Options`].
macro_rules! common_steps {
    ($($inner:ident).+) => {
        open_file_steps!($($inner).+);

        /// Opens a closed file of mode `w` again, as Python does where the mode is not just that.
        #[cfg(feature = "config")]
        pub(crate) fn opened_again(mut self, again: bool) -> Self {
            self.$($inner).+.again = again;
            self
        }

        /// Leaves the mode as it is where a limit to the size would change it.
        #[cfg(feature = "config")]
        #[allow(dead_code, reason = "of all these handlers one has such a limit")]
        pub(crate) fn keeps_mode(mut self) -> Self {
            self.$($inner).+.keeps_mode = true;
            self
        }

        /// Sets the text encoding, by any of Python's names for it.
        ///
        /// UTF-8, `utf-8-sig`, ASCII, Latin-1, UTF-7, UTF-16 and UTF-32 are always known, code
        /// pages with the cargo feature `encodings`, Chinese, Japanese and Korean encodings with
        /// `east-asian`. What is written is what CPython 3.11 writes. A record that cannot be
        /// encoded counts as failed.
        pub fn encoding(mut self, name: impl Into<String>) -> Self {
            self.$($inner).+.encoding = Some(name.into());
            self
        }

        /// Sets what becomes of characters that the encoding cannot hold: `strict` (the record
        /// fails), `ignore`, `replace`, `backslashreplace`, `xmlcharrefreplace`, or with the cargo
        /// feature `namereplace` that.
        pub fn errors(mut self, name: impl Into<String>) -> Self {
            self.$($inner).+.errors = Some(name.into());
            self
        }

        /// Shares the file with other processes that write to it through handlers with this option:
        /// a lock on a file beside it (`app.log.lock`) is held for each write, of whole lines, and
        /// for each rotation, which the others notice with their next write. No space is allocated
        /// ahead. A batch is rotated as a whole.
        ///
        /// The file beside tells as well which batch is being written and who has written what, so
        /// that the next one cuts what a killed process left of a batch, and a recovery of its
        /// [mapped lanes](crate::Lanes::Mapped) knows whether it has to write that again.
        pub fn shared(mut self, shared: bool) -> Self {
            self.$($inner).+.shared = shared;
            self
        }

        /// Ends a line that a power failure left without an end, when the file is opened.
        pub fn mend(mut self, mend: bool) -> Self {
            self.$($inner).+.mend = mend;
            self
        }

        /// Sets what ends each line.
        pub fn terminator(mut self, terminator: impl Into<String>) -> Self {
            self.$($inner).+.terminator = terminator.into();
            self
        }

    };
}

/// The building steps that rotating handlers share; `$hooks` is their [`base::Hooks`].
macro_rules! rotation_steps {
    ($hooks:ident) => {
        /// Sets a function that makes the name of a rotated file of the default one.
        pub fn namer(mut self, namer: impl Fn(&Path) -> PathBuf + Send + Sync + 'static) -> Self {
            self.$hooks.set_namer(namer);
            self
        }

        /// Sets a function that moves a file (the first path) to its rotated name (the second),
        /// in place of a rename. It runs on the drain: what takes long, as compression does,
        /// is better left to a thread of its own.
        pub fn rotator(
            mut self,
            rotator: impl Fn(&Path, &Path) -> io::Result<()> + Send + Sync + 'static,
        ) -> Self {
            self.$hooks.set_rotator(rotator);
            self
        }
    };
}

/// The methods that rotating handlers share; `$base` is their [`base::BaseRotating`].
macro_rules! rotation_methods {
    ($base:ident) => {
        /// The absolute path of the file, Python's `baseFilename`.
        pub fn path(&self) -> &Path {
            self.$base.output.path()
        }

        /// Sets what ends each line from now on.
        pub fn set_terminator(&mut self, terminator: &str) {
            self.$base.output.set_terminator(terminator);
        }

        /// Sets a function that makes the name of a rotated file of the default one.
        pub fn set_namer(&mut self, namer: impl Fn(&Path) -> PathBuf + Send + Sync + 'static) {
            self.$base.hooks.set_namer(namer);
        }

        /// Sets a function that moves a file (the first path) to its rotated name (the second).
        pub fn set_rotator(
            &mut self,
            rotator: impl Fn(&Path, &Path) -> io::Result<()> + Send + Sync + 'static,
        ) {
            self.$base.hooks.set_rotator(rotator);
        }

        /// Writes what waits, closes the file and opens its path again, for tools that move files
        /// away (`logrotate`). The file at the path is appended to, whatever the mode.
        ///
        /// # Errors
        ///
        /// If lines cannot be written or the path cannot be opened; the next record tries again.
        pub fn reopen(&mut self) -> Result<(), Error> {
            self.$base.output.reopen_now(&mut Context::detached())
        }

        /// The name of a rotated file: the default one, or what the namer makes of it.
        pub fn rotation_filename(&self, default: impl Into<PathBuf>) -> PathBuf {
            self.$base.hooks.rotation_filename(default.into())
        }
    };
}

/// The methods of [`Handler`](crate::Handler) that an [`output::Output`] answers by itself.
macro_rules! answered_by {
    ($($output:ident).+) => {
        fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.$($output).+.batch_end(cx)
        }

        fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.$($output).+.flush(cx)
        }

        fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.$($output).+.close(cx)
        }

        fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
            self.$($output).+.open_as_told()
        }

        fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
            self.$($output).+.tick(cx)
        }

        fn held(&self) -> u64 {
            self.$($output).+.held()
        }

        fn length(&mut self) -> Option<u64> {
            self.$($output).+.length()
        }

        fn place(&mut self, fresh: bool) -> Option<$crate::handler::Place<'_>> {
            self.$($output).+.place(fresh)
        }

        fn set_batch(&mut self, owner: u64, number: u64) {
            self.$($output).+.set_batch(owner, number);
        }

        fn targets(&self) -> Vec<$crate::handler::HandlerRef> {
            self.$($output).+.targets()
        }
    };
}

/// The building steps of rotation under names that are given once; `$plan` is a
/// [`rotation::Plan`].
macro_rules! plan_steps {
    ($plan:ident) => {
        /// Sets how rotated files are named.
        pub fn naming(mut self, naming: crate::handler::file::Naming) -> Self {
            self.$plan.naming = naming;
            self
        }

        /// Sets how many rotated files are kept, those of earlier runs included.
        pub fn keep(mut self, keep: crate::handler::file::Keep) -> Self {
            self.$plan.keep = keep;
            self
        }

        /// Compresses rotated files, on a thread of low priority.
        pub fn compress(mut self, compress: crate::handler::file::Compress) -> Self {
            self.$plan.compress = compress;
            self
        }

        /// Keeps a symbolic link to the file being written, at a path that counts from the file's
        /// directory. What has that name must be a link, or nothing.
        pub fn latest(mut self, link: impl Into<PathBuf>) -> Self {
            self.$plan.latest = Some(link.into());
            self
        }

        /// Has the rotated files looked after by the calling thread.
        #[cfg(test)]
        #[allow(dead_code)]
        pub(crate) fn inline(mut self) -> Self {
            self.$plan.inline = true;
            self
        }
    };
}

/// Lets a handler be told of its fallback after it was made.
macro_rules! takes_fallback {
    ($handler:ty, $($to:ident).+) => {
        #[cfg(feature = "config")]
        impl crate::handler::file::TakesFallback for $handler {
            fn set_fallback(&mut self, handler: crate::handler::HandlerRef) {
                self.$($to).+ = Some(handler);
            }
        }
    };
    ($handler:ty, in $($output:ident).+) => {
        #[cfg(feature = "config")]
        impl crate::handler::file::TakesFallback for $handler {
            fn set_fallback(&mut self, handler: crate::handler::HandlerRef) {
                self.$($output).+.set_fallback(handler);
            }
        }
    };
}
