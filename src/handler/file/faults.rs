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
        Faulty::new(move |what, at| self.fate(what, at))
    }

    fn fate(self, what: &str, at: u64) -> Fate {
        let Self { from, operations, errno } = self;
        match at.checked_sub(from) {
            // A disk that becomes full takes a part of a write first.
            Some(0) if what == "write" && errno == ENOSPC && operations > 1 => Fate::Short(5),
            Some(n) if n < operations && may_fail(what, errno) => Fate::Fail(errno),
            _ => Fate::Work,
        }
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

    /// Holds what is found against what was promised.
    fn compare(&self, dir: &TestDir, keeps_all: bool, what: &str) {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for line in lines_of(dir) {
            *found.entry(line).or_default() += 1;
        }
        found.retain(|line, _| !line.starts_with("lost "));
        let known: std::collections::BTreeSet<_> = self.delivered.iter().collect();
        for (line, times) in &found {
            assert!(known.contains(line), "{what}: not a whole line: {line:?}\n{:?}", dir.names());
            assert_eq!(*times, 1, "{what}: {line}\n{:?}", dir.names());
        }
        if keeps_all {
            let missing: Vec<_> =
                self.delivered.iter().filter(|l| !found.contains_key(*l)).collect();
            assert_eq!(missing.len() as u64, self.lost, "{what}: {missing:?}\n{:?}", dir.names());
            assert_eq!(self.taken - self.shed - self.lost, found.len() as u64, "{what}");
        }
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

    books.compare(&dir, keeps_all, &what);
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

fn binary(
    dir: &TestDir,
    storage: Arc<dyn Storage>,
    change: impl Fn(BinaryFileHandlerBuilder) -> BinaryFileHandlerBuilder,
) -> Result<BinaryFileHandler, Error> {
    change(BinaryFileHandler::builder(dir.join("a.log")).storage(storage).inline()).build()
}

#[test]
fn binary_logs_survive_each_failure() {
    every_failure("binary", true, |dir, storage| binary(dir, storage, |it| it.delay(true)));
    every_failure("binary, size or hourly", true, |dir, storage| {
        let rotate = Rotate::size(1500).or_hourly().utc();
        binary(dir, storage, |it| {
            it.rotate(rotate.clone()).naming(Naming::Rising).sync(SyncPolicy::Batch)
        })
    });
}

#[test]
#[cfg(feature = "zstd")]
fn compressed_blocks_survive_each_failure() {
    every_failure("binary, compressed", true, |dir, storage| {
        binary(dir, storage, |it| it.compress_blocks(1).rotate(Rotate::size(1500).utc()))
    });
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

/// Numbers that look drawn.
struct Draw(u64);

impl Draw {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) % most
    }
}

/// What may happen to a file from outside while its handler is at work.
fn disturb(dir: &TestDir, file: &str, draw: &mut Draw, step: usize) {
    let path = dir.join(file);
    if draw.below(2) == 0 {
        let _ = std::fs::rename(&path, dir.join(&format!("moved.{step}")));
    } else if let Ok(bytes) = std::fs::read(&path) {
        // As copytruncate does; what follows the last line of a mapped file is not copied.
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        dir.write(&format!("copy.{step}"), std::str::from_utf8(&bytes[..end]).unwrap());
        std::fs::File::create(&path).unwrap();
    }
    reopen_files();
}

/// A history of a hundred steps: lines, ends of batches, failures for a while, other tools at
/// work, ends and starts.
fn history<H: Handler>(name: &str, seed: u64, live: &str, make: Make<'_, H>) {
    let what = format!("{name}, seed {seed}");
    let dir = TestDir::in_memory();
    let mut draw = Draw(seed);
    let faulty = Faulty::new(|_, _| Fate::Work);
    let mut books = Books::default();
    let mut desk = Desk::new(make(&dir, faulty.clone()).unwrap());
    let mut failing = false;
    for step in 0..100 {
        match draw.below(16) {
            0..7 => {
                let line = format!("line {step:03} {}", "-".repeat(draw.below(20) as usize));
                let shed = desk.delivery.shed;
                if desk.put(&line).is_ok() {
                    books.taken += 1;
                    if desk.delivery.shed == shed {
                        books.delivered.push(line);
                    }
                }
            }
            7..10 => drop(desk.batch_end()),
            10 => drop(desk.flush()),
            11 => drop(desk.tick()),
            12 => desk.now_ns += draw.below(5) as i64 * MINUTES_10_NS,
            13 => {
                failing = !failing;
                if !failing {
                    faulty.set(|_, _| Fate::Work);
                    continue;
                }
                let errno = [EIO, EACCES, ENOSPC][draw.below(3) as usize];
                let from = faulty.count() + 1 + draw.below(6);
                let operations = 1 + draw.below(8);
                let fails = Failing { from, operations, errno };
                faulty.set(move |what, at| fails.fate(what, at));
            }
            14 if !failing && desk.flush().is_ok() => disturb(&dir, live, &mut draw, step),
            15 if !failing => {
                let _ = desk.close();
                let (now_ns, delivery) = (desk.now_ns, std::mem::take(&mut desk.delivery));
                books.lost += delivery.lost;
                books.shed += delivery.shed;
                drop(desk);
                desk = Desk::new(make(&dir, faulty.clone()).unwrap());
                desk.now_ns = now_ns;
            }
            _ => {}
        }
    }
    faulty.set(|_, _| Fate::Work);
    let _ = desk.flush();
    let _ = desk.close();
    assert_eq!(desk.handler.held(), 0, "{what}");
    books.lost += desk.delivery.lost;
    books.shed += desk.delivery.shed;
    drop(desk);
    drop(make(&dir, faulty).unwrap());
    // A mapped file that was taken away, and could not be cut in that very moment, is nobody's.
    for name in dir.names().iter().filter(|name| name.starts_with("moved.")) {
        let text = dir.read(name);
        dir.write(name, text.trim_end_matches('\0'));
    }
    books.compare(&dir, true, &what);
}

/// How many histories are told of each mode; more for a campaign.
fn histories() -> u64 {
    std::env::var("SAWMILL_HISTORIES").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

#[test]
fn histories_with_failures_and_other_tools_keep_every_line() {
    let first = std::env::var("SAWMILL_SEED").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for seed in first..first + histories() {
        history("plain", seed, "a.log", &|dir, storage| plain(dir, storage, |it| it));
        history("size or hourly, dated", seed, "a.log", &|dir, storage| {
            plain(dir, storage, |it| it.rotate(Rotate::size(90).or_hourly().utc()))
        });
        history("start, rising, synced", seed, "a.log", &|dir, storage| {
            plain(dir, storage, |it| {
                it.rotate(Rotate::size(200).or_at_start())
                    .naming(Naming::Rising)
                    .sync(SyncPolicy::AtLevel(crate::level::Level::INFO))
            })
        });
        history("RotatingFileHandler", seed, "a.log", &|dir, storage| {
            let builder = RotatingFileHandler::builder(dir.join("a.log")).storage(storage);
            builder.max_bytes(90).backup_count(99).build()
        });
        history("watched", seed, "a.log", &|dir, storage| {
            WatchedFileHandler::builder(dir.join("a.log")).storage(storage).build()
        });
        history("mapped", seed, "a.log.live", &|dir, storage| {
            mapped(dir, storage, |it| it.rotate(Rotate::size(90).or_hourly().utc()))
        });
        #[cfg(feature = "gzip")]
        history("size, gzip", seed, "a.log", &|dir, storage| {
            plain(dir, storage, |it| it.rotate(Rotate::size(150)).compress(Compress::Gzip))
        });
    }
}
