//! What the tests of the file handlers share: a directory, records, contexts.

#[path = "../../../tests/shared/mount.rs"]
mod mount;

use crate::error::Error;
use crate::handler::{Context, Delivery, Handler};
use crate::level::Level;
use crate::record::{
    Body, Described, DescribedBuf, Field, Head, LogRecord, Names, ProcessInfo, ThreadInfo, Without,
};
use crate::sync::{AtomicU64, Ordering};
use std::path::{Path, PathBuf};

/// A directory that goes when the test ends.
pub(crate) struct TestDir(PathBuf);

impl TestDir {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// In memory if there is such a file system, for tests that sync a thousand times.
    pub(crate) fn in_memory() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() { Self::below(memory) } else { Self::new() }
    }

    pub(crate) fn below(parent: &Path) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = parent.join(format!("sawmill-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn read(&self, name: &str) -> String {
        String::from_utf8(std::fs::read(self.join(name)).unwrap()).unwrap()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.join(name), text).unwrap();
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The lines of all log files in a directory, compressed ones too. What is neither UTF-8 nor
/// whole shows as such a line; a last line without end as well.
pub(crate) fn lines_of(dir: &TestDir) -> Vec<String> {
    let mut lines = Vec::new();
    for name in dir.names() {
        if name.ends_with(".lock") || !dir.join(&name).symlink_metadata().unwrap().is_file() {
            continue;
        }
        let bytes = unpacked(&name, std::fs::read(dir.join(&name)).unwrap());
        let bytes = if bytes.contains(&0xfe) { messages_of(bytes) } else { bytes };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        lines.extend(text.lines().map(str::to_owned));
        if !text.is_empty() && !text.ends_with('\n') {
            lines.push(format!("{name}: no end"));
        }
    }
    lines
}

/// The messages of a binary log, each as a line.
fn messages_of(bytes: Vec<u8>) -> Vec<u8> {
    let mut reader = crate::binary::BinaryReader::of_stream(std::io::Cursor::new(bytes), "test");
    let mut lines = Vec::new();
    while let Some(block) = reader.next_block().unwrap() {
        let done = block.for_each(|record| {
            record.write_message(&mut lines).unwrap();
            lines.push(b'\n');
        });
        done.unwrap();
    }
    lines
}

fn unpacked(name: &str, bytes: Vec<u8>) -> Vec<u8> {
    #[cfg(feature = "gzip")]
    if name.ends_with(".gz") {
        let mut plain = Vec::new();
        let mut reader = flate2::read::MultiGzDecoder::new(&*bytes);
        std::io::Read::read_to_end(&mut reader, &mut plain).unwrap();
        return plain;
    }
    #[cfg(feature = "zstd")]
    if name.ends_with(".zst") {
        return zstd::decode_all(&*bytes).unwrap();
    }
    let _ = name;
    bytes
}

/// A home for one handler, with a clock and the books of the tests.
pub(crate) struct Desk<H> {
    pub(crate) handler: H,
    pub(crate) now_ns: i64,
    pub(crate) accepted: u64,
    pub(crate) delivery: Delivery,
}

impl<H: Handler> Desk<H> {
    pub(crate) fn new(handler: H) -> Self {
        let now_ns = 1_700_000_000_000_000_000;
        Self { handler, now_ns, accepted: 0, delivery: Delivery::default() }
    }

    fn with<R>(&mut self, f: impl FnOnce(&mut H, &mut Context<'_>) -> R) -> R {
        let mut line = Default::default();
        let mut cx = Context::new(None, 1, &mut line, self.now_ns, &mut self.delivery);
        f(&mut self.handler, &mut cx)
    }

    /// Emits a record of the desk's time, without a batch end.
    pub(crate) fn put(&mut self, message: &str) -> Result<(), Error> {
        let at = self.now_ns;
        let done =
            self.with(|handler, cx| with_record(message, at, |record| handler.emit(record, cx)));
        self.accepted += u64::from(done.is_ok());
        done
    }

    /// Emits a record of another time than the desk's.
    pub(crate) fn put_at(&mut self, message: &str, time_ns: i64) -> Result<(), Error> {
        self.with(|handler, cx| with_record(message, time_ns, |record| handler.emit(record, cx)))
    }

    /// Emits a record of a level.
    pub(crate) fn put_at_level(&mut self, message: &str, level: Level) -> Result<(), Error> {
        let at = self.now_ns;
        self.with(|handler, cx| {
            with_record_of(level, message, at, |record| handler.emit(record, cx))
        })
    }

    /// Emits and ends the batch, as an inline drain does.
    pub(crate) fn log(&mut self, message: &str) -> Result<(), Error> {
        self.put(message)?;
        self.batch_end()
    }

    pub(crate) fn batch_end(&mut self) -> Result<(), Error> {
        self.with(|handler, cx| handler.batch_end(cx))
    }

    pub(crate) fn flush(&mut self) -> Result<(), Error> {
        self.with(|handler, cx| handler.flush(cx))
    }

    /// Flushes to the disk. True: everything is there.
    pub(crate) fn sync(&mut self) -> Result<bool, Error> {
        self.delivery.not_synced = false;
        self.with(|handler, cx| {
            cx.set_wants_sync(true);
            handler.flush(cx)
        })?;
        Ok(!self.delivery.not_synced)
    }

    pub(crate) fn tick(&mut self) -> Result<(), Error> {
        self.with(|handler, cx| handler.tick(cx))
    }

    pub(crate) fn close(&mut self) -> Result<(), Error> {
        self.with(|handler, cx| handler.close(cx))
    }
}

/// Calls `f` with a described record.
pub(crate) fn with_record<R>(
    message: &str,
    time_ns: i64,
    f: impl FnOnce(&LogRecord<'_>) -> R,
) -> R {
    with_record_of(Level::INFO, message, time_ns, f)
}

fn with_record_of<R>(
    level: Level,
    message: &str,
    time_ns: i64,
    f: impl FnOnce(&LogRecord<'_>) -> R,
) -> R {
    let mut body = DescribedBuf::default();
    body.push(Field::Message, message);
    let words = body.words().to_vec();
    let (thread, process) = (ThreadInfo::default(), ProcessInfo::default());
    let head = Head {
        logger: "test",
        level,
        level_name: "",
        names: Names::default(),
        time_ns,
        start_ns: 0,
        thread: &thread,
        process: &process,
        lane: 0,
        sequence: 0,
        late: false,
        without: Without::default(),
        context: &[],
    };
    f(&LogRecord::new(head, Body::Described(Described::read(&words)), None))
}

/// A small file system of its own: tmpfs, or ext4 in a file. Needs root; says why it is not there.
pub(crate) struct SmallDisk {
    // Goes first.
    _mounted: mount::Mount,
    dir: TestDir,
}

impl SmallDisk {
    pub(crate) fn tmpfs(kib: u32) -> Option<Self> {
        let dir = TestDir::new();
        let size = format!("size={kib}k");
        Self::mount(&["-t", "tmpfs", "-o", &size, "none"], dir)
    }

    pub(crate) fn ext4(mib: u32) -> Option<Self> {
        let image = TestDir::new();
        let path = image.join("image");
        let path = path.to_str().unwrap();
        std::fs::File::create(path).unwrap().set_len(u64::from(mib) << 20).unwrap();
        if !run("mkfs.ext4", &["-q", "-O", "^has_journal", path]) {
            return None;
        }
        // The image is gone from its directory then, and from the disk with the mount.
        Self::mount(&["-o", "loop", path], TestDir::new())
    }

    fn mount(arguments: &[&str], dir: TestDir) -> Option<Self> {
        match mount::Mount::new(arguments, dir.path()) {
            Ok(mounted) => Some(Self { _mounted: mounted, dir }),
            Err(error) => {
                println!("skipped: mount: {error}");
                None
            }
        }
    }

    pub(crate) fn dir(&self) -> &TestDir {
        &self.dir
    }

    /// Takes all the room, or gives it back.
    pub(crate) fn fill(&self, full: bool) {
        use std::io::Write;
        let path = self.dir.join("ballast");
        if !full {
            std::fs::remove_file(path).unwrap();
            return;
        }
        let mut ballast = std::fs::File::create(path).unwrap();
        for size in [65_536, 4096, 512, 1] {
            while ballast.write_all(&vec![1; size]).is_ok() {}
        }
    }
}

fn run(program: &str, arguments: &[&str]) -> bool {
    let mut command = std::process::Command::new(program);
    let done = command.args(arguments).stderr(std::process::Stdio::piped()).output();
    match done {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            println!("skipped: {program}: {}", String::from_utf8_lossy(&output.stderr).trim());
            false
        }
        Err(error) => {
            println!("skipped: {program}: {error}");
            false
        }
    }
}
