//! A storage whose operations fail when a test says so.

use super::*;
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};

/// What a test decides about one operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Work,
    /// Fails with this number of the operating system.
    Fail(i32),
    /// A write takes this many bytes only.
    Short(usize),
}

type Decide = dyn FnMut(&'static str, u64) -> Fate + Send;

/// Asks a closure before each operation: its name and its number, from 1.
pub(crate) struct Faulty {
    decide: Mutex<Box<Decide>>,
    count: AtomicU64,
    under: Arc<dyn Storage>,
}

impl Faulty {
    pub(crate) fn new(decide: impl FnMut(&'static str, u64) -> Fate + Send + 'static) -> Arc<Self> {
        Self::over(Arc::new(Disk), decide)
    }

    /// As [`new`](Self::new), over another storage than the disk.
    pub(crate) fn over(
        under: Arc<dyn Storage>,
        decide: impl FnMut(&'static str, u64) -> Fate + Send + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { decide: Mutex::new(Box::new(decide)), count: AtomicU64::new(0), under })
    }

    /// Fails the `n`-th operation, whatever it is, and no other.
    pub(crate) fn nth(n: u64, errno: i32) -> Arc<Self> {
        Self::new(move |_, at| if at == n { Fate::Fail(errno) } else { Fate::Work })
    }

    pub(crate) fn set(&self, decide: impl FnMut(&'static str, u64) -> Fate + Send + 'static) {
        *lock(&self.decide) = Box::new(decide);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    fn ask(&self, what: &'static str) -> io::Result<Option<usize>> {
        let at = self.count.fetch_add(1, Ordering::Relaxed) + 1;
        match lock(&self.decide)(what, at) {
            Fate::Work => Ok(None),
            Fate::Fail(errno) => Err(io::Error::from_raw_os_error(errno)),
            Fate::Short(n) => Ok(Some(n)),
        }
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

/// The methods that ask and then do, under the names by which they ask.
macro_rules! asked {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {
        $(fn $name(&self, $($arg: $type),*) -> io::Result<$result> {
            self.ask(stringify!($name))?;
            self.under.$name($($arg),*)
        })*
    };
}

impl Storage for Faulty {
    asked! {
        open(path: &Path, how: How) -> File;
        open_read(path: &Path) -> File;
        read(file: &File, into: &mut [u8]) -> usize;
        sync(file: &File) -> ();
        sync_dir(path: &Path) -> ();
        sync_file_system(file: &File) -> ();
        set_owner(file: &File, user: Option<u32>, group: Option<u32>) -> ();
        copy_rights(from: &Metadata, to: &File) -> ();
        write_at(file: &File, bytes: &[u8], at: u64) -> ();
        allocate(file: &File, offset: u64, len: u64, keep_size: bool) -> ();
        truncate(file: &File, len: u64) -> ();
        stat(file: &File) -> Metadata;
        metadata(path: &Path) -> Metadata;
        link_metadata(path: &Path) -> Metadata;
        rename(from: &Path, to: &Path) -> ();
        rename_new(from: &Path, to: &Path) -> ();
        symlink(target: &Path, at: &Path) -> ();
        remove(path: &Path) -> ();
        create_dirs(path: &Path) -> ();
        list(directory: &Path) -> Vec<PathBuf>;
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<usize> {
        let most = self.ask("write")?.unwrap_or(bytes.len());
        self.under.write(file, &bytes[..most.min(bytes.len())])
    }
}
