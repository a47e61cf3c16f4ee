//! Every rotation mode under every failure: for each n, the n-th file operation fails, once or
//! for a while, and afterwards a reader of the files finds what the books say.

use super::storage::Storage;
use super::storage::testing::{Fate, Faulty};
use super::testing::{Desk, TestDir, lines_of};
use super::*;
use crate::error::Error;
use crate::handler::Handler;
use crate::sync::Arc;
use std::collections::BTreeMap;

const EIO: i32 = 5;
const EACCES: i32 = 13;
const EROFS: i32 = 30;
const ENOSPC: i32 = 28;
const EDQUOT: i32 = 122;

const LINES: usize = 24;
const MINUTES_10_NS: i64 = 600_000_000_000;

/// How long operations fail.
#[derive(Debug, Clone, Copy)]
struct Failing {
    from: u64,
    operations: u64,
    errno: i32,
}

impl Failing {
    fn storage(self) -> Arc<Faulty> {
        let Self { from, operations, errno } = self;
        Faulty::new(move |what, at| match at.checked_sub(from) {
            // A disk that becomes full takes a part of a write first.
            Some(0) if what == "write" && errno == ENOSPC && operations > 1 => Fate::Short(5),
            Some(n) if n < operations && may_fail(what, errno) => Fate::Fail(errno),
            _ => Fate::Work,
        })
    }
}

/// A full disk refuses what needs room, and nothing else.
fn may_fail(what: &str, errno: i32) -> bool {
    const NEEDS_ROOM: [&str; 9] = [
        "open",
        "write",
        "allocate",
        "rename",
        "rename_new",
        "symlink",
        "create_dirs",
        "sync",
        "sync_dir",
    ];
    ![ENOSPC, EDQUOT].contains(&errno) || NEEDS_ROOM.contains(&what)
}

/// What a run of a handler came to.
#[derive(Debug, Default)]
struct Books {
    /// Lines that the handler took and told nothing bad of.
    delivered: Vec<String>,
    taken: u64,
    lost: u64,
    shed: u64,
    now_ns: i64,
}

impl Books {
    /// Logs lines, ten minutes apart, and closes.
    fn run<H: Handler>(&mut self, handler: H, lines: std::ops::Range<usize>, what: &str) {
        let mut desk = Desk::new(handler);
        // Files of the run before were changed at this time.
        desk.now_ns = self.now_ns;
        for n in lines {
            let line = format!("line {n:03} {}", "-".repeat(n % 7));
            desk.now_ns += MINUTES_10_NS;
            let shed = desk.delivery.shed;
            if desk.put(&line).is_ok() {
                self.taken += 1;
                if desk.delivery.shed == shed {
                    self.delivered.push(line);
                }
            }
            match n % 6 {
                2 | 3 => drop(desk.batch_end()),
                5 => drop(desk.flush()),
                _ => {}
            }
            if n % 11 == 10 {
                let _ = desk.tick();
            }
        }
        self.now_ns = desk.now_ns;
        let _ = desk.close();
        assert_eq!(desk.handler.held(), 0, "{what}");
        self.lost += desk.delivery.lost;
        self.shed += desk.delivery.shed;
    }
}

type Make<'a, H> = &'a dyn Fn(&TestDir, Arc<dyn Storage>) -> Result<H, Error>;

/// Runs a mode with one failure: a run before, a run with it, a run after. Returns how many
/// operations the run with the failure made.
fn run<H: Handler>(name: &str, make: Make<'_, H>, keeps_all: bool, failing: Failing) -> u64 {
    let what = format!("{name}: {failing:?}");
    let dir = TestDir::in_memory();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let mut books = Books { now_ns: now.as_nanos() as i64, ..Books::default() };
    let sound = || Arc::new(super::storage::Disk);
    books.run(make(&dir, sound()).unwrap(), 0..3, &what);
    let faulty = failing.storage();
    if let Ok(handler) = make(&dir, faulty.clone()) {
        books.run(handler, 3..LINES, &what);
    }
    books.run(make(&dir, sound()).unwrap(), LINES..LINES + 2, &what);

    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for line in lines_of(&dir) {
        *found.entry(line).or_default() += 1;
    }
    found.retain(|line, _| !line.starts_with("lost "));
    let known: std::collections::BTreeSet<_> = books.delivered.iter().collect();
    for (line, times) in &found {
        assert!(known.contains(line), "{what}: not a whole line: {line:?}\n{:?}", dir.names());
        assert_eq!(*times, 1, "{what}: {line}\n{:?}", dir.names());
    }
    if keeps_all {
        let missing: Vec<_> = books.delivered.iter().filter(|l| !found.contains_key(*l)).collect();
        assert_eq!(missing.len() as u64, books.lost, "{what}: {missing:?}\n{:?}", dir.names());
        assert_eq!(books.taken - books.shed - books.lost, found.len() as u64, "{what}");
    }
    let left: Vec<_> = dir.names().into_iter().filter(|name| name.contains(".part")).collect();
    assert!(left.is_empty(), "{what}: {left:?}");
    faulty.count()
}

/// Fails each operation of a mode in turn.
fn every_failure<H: Handler>(
    name: &str,
    keeps_all: bool,
    make: impl Fn(&TestDir, Arc<dyn Storage>) -> Result<H, Error>,
) {
    let never = Failing { from: u64::MAX, operations: 1, errno: EIO };
    let operations = run(name, &make, keeps_all, never);
    assert!(operations > 10, "{name}: {operations}");
    for from in 1..=operations {
        // One that comes and goes, a disk that is full for a while, one that is gone for good.
        let errno = [EIO, EACCES, EROFS][from as usize % 3];
        run(name, &make, keeps_all, Failing { from, operations: 1, errno });
        let errno = [ENOSPC, EDQUOT][from as usize % 2];
        run(name, &make, keeps_all, Failing { from, operations: 12, errno });
        if from % 4 == 0 {
            run(name, &make, keeps_all, Failing { from, operations: u64::MAX, errno: EIO });
        }
    }
    println!("{name}: {operations} operations, each failed");
}

fn plain(
    dir: &TestDir,
    storage: Arc<dyn Storage>,
    change: impl Fn(FileHandlerBuilder) -> FileHandlerBuilder,
) -> Result<FileHandler, Error> {
    change(FileHandler::builder(dir.join("a.log")).storage(storage).inline()).build()
}

#[test]
fn plain_files_survive_each_failure() {
    every_failure("plain", true, |dir, storage| plain(dir, storage, |it| it.delay(true)));
    every_failure("synced", true, |dir, storage| {
        plain(dir, storage, |it| it.sync(SyncPolicy::Batch))
    });
    every_failure("watched", true, |dir, storage| {
        WatchedFileHandler::builder(dir.join("a.log")).storage(storage).build()
    });
}

#[test]
fn python_s_rotations_survive_each_failure() {
    every_failure("RotatingFileHandler", true, |dir, storage| {
        let builder = RotatingFileHandler::builder(dir.join("a.log")).storage(storage);
        builder.max_bytes(60).backup_count(10).build()
    });
    every_failure("TimedRotatingFileHandler", true, |dir, storage| {
        let builder = TimedRotatingFileHandler::builder(dir.join("a.log")).storage(storage);
        builder.when(When::Hours).utc(true).build()
    });
}

#[test]
fn rotations_survive_each_failure() {
    let utc = || Rotate::size(60).utc();
    every_failure("size, dated", true, |dir, storage| plain(dir, storage, |it| it.rotate(utc())));
    every_failure("size or hourly, rising, synced", true, |dir, storage| {
        let rotate = utc().or_hourly();
        plain(dir, storage, |it| {
            it.rotate(rotate.clone()).naming(Naming::Rising).sync(SyncPolicy::Batch)
        })
    });
    every_failure("hourly or at the start, with a link", true, |dir, storage| {
        let rotate = Rotate::hourly().or_at_start().utc();
        plain(dir, storage, |it| it.rotate(rotate.clone()).latest("latest"))
    });
    every_failure("size, shifting", true, |dir, storage| {
        plain(dir, storage, |it| it.rotate(utc()).naming(Naming::Shifting).keep(Keep::files(12)))
    });
    every_failure("size, three kept, oldest deleted", false, |dir, storage| {
        plain(dir, storage, |it| {
            it.rotate(utc()).keep(Keep::files(3)).on_failure(OnFailure::new().delete_archives(true))
        })
    });
}

#[test]
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn compression_survives_each_failure() {
    let kinds =
        [(Compress::Gzip, cfg!(feature = "gzip")), (Compress::Zstd, cfg!(feature = "zstd"))];
    for (kind, _) in kinds.into_iter().filter(|(_, known)| *known) {
        every_failure(&format!("size, {kind:?}"), true, |dir, storage| {
            plain(dir, storage, |it| {
                it.rotate(Rotate::size(150).utc()).naming(Naming::Rising).compress(kind)
            })
        });
    }
}

fn mapped(
    dir: &TestDir,
    storage: Arc<dyn Storage>,
    change: impl Fn(MmapRotatingFileHandlerBuilder) -> MmapRotatingFileHandlerBuilder,
) -> Result<MmapRotatingFileHandler, Error> {
    let builder = MmapRotatingFileHandler::builder(dir.join("a.log")).storage(storage);
    change(builder.window_bytes(64 << 10).inline()).build()
}

#[test]
fn mapped_rotations_survive_each_failure() {
    let utc = || Rotate::size(80).utc();
    every_failure("mapped, rising", true, |dir, storage| {
        mapped(dir, storage, |it| it.rotate(utc()))
    });
    every_failure("mapped, dated, hourly, synced", true, |dir, storage| {
        mapped(dir, storage, |it| {
            it.rotate(Rotate::hourly().utc()).naming(Naming::Dated).sync(SyncPolicy::Batch)
        })
    });
    every_failure("mapped, shifting", true, |dir, storage| {
        mapped(dir, storage, |it| {
            it.rotate(utc()).naming(Naming::Shifting).keep(Keep::files(12)).latest("latest")
        })
    });
}
