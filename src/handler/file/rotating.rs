//! Rotation by size.

use super::base::{BaseRotating, Hooks, remove_existing, with_suffix};
use super::lines::Bounds;
use super::output::{Options, Output};
use super::storage::{self, FileMode};
use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::record::LogRecord;
use std::io;
use std::path::{Path, PathBuf};

/// Writes records to a file that is moved away when it is full, Python's `RotatingFileHandler`.
///
/// A record rolls the file over if the file's size and the record's text with one more byte come
/// to `max_bytes` or more: `app.log` becomes `app.log.1`, that one `app.log.2`, up to
/// `backup_count`. With `max_bytes` 0 the file never rolls over by itself; with `backup_count` 0
/// it is only closed and opened again, and grows on. As in Python, `max_bytes` above 0 makes the
/// mode [`FileMode::Append`], and only regular files are rolled over.
///
/// A rotation that fails is reported and tried again after a second, doubling to a minute; the
/// file grows on meanwhile.
///
/// | option | default | |
/// |---|---|---|
/// | `max_bytes` | 0: no limit | |
/// | `backup_count` | 0: nothing is moved away | |
/// | `count_bytes` | `false` | the text counts in characters, as in Python |
/// | `roll_empty` | `false` | a record of `max_bytes` by itself rolls over an empty file; Python to 3.12 does |
/// | `namer`, `rotator` | none | names and moves rotated files |
/// | others | | those of [`FileHandler`](crate::FileHandler) |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-r-{}", std::process::id()));
/// use sawmill::RotatingFileHandler;
///
/// let handler = RotatingFileHandler::builder(directory.join("app.log"))
///     .create_dirs(true)
///     .max_bytes(16 << 20)
///     .backup_count(5)
///     .build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct RotatingFileHandler {
    base: BaseRotating,
    max_bytes: u64,
    backup_count: u32,
    count_bytes: bool,
    roll_empty: bool,
}

/// Builds a [`RotatingFileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct RotatingFileHandlerBuilder {
    options: Options,
    hooks: Hooks,
    max_bytes: u64,
    backup_count: u32,
    count_bytes: bool,
    roll_empty: bool,
}

impl RotatingFileHandlerBuilder {
    common_steps!(options);
    rotation_steps!(hooks);

    /// Sets what becomes of a file that exists already, if there is no `max_bytes`.
    pub fn mode(mut self, mode: FileMode) -> Self {
        self.options.mode = mode;
        self
    }

    /// Sets the size that a file stays below, in bytes; 0 is no limit.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets how many rotated files are kept.
    pub fn backup_count(mut self, files: u32) -> Self {
        self.backup_count = files;
        self
    }

    /// Counts the text at hand in bytes, so that `max_bytes` holds for text beyond ASCII, too.
    pub fn count_bytes(mut self, bytes: bool) -> Self {
        self.count_bytes = bytes;
        self
    }

    /// Lets a record that is as long as `max_bytes` roll over a file that is empty.
    pub fn roll_empty(mut self, roll: bool) -> Self {
        self.roll_empty = roll;
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood.
    pub fn build(self) -> Result<RotatingFileHandler, Error> {
        let Self { mut options, hooks, max_bytes, backup_count, count_bytes, roll_empty } = self;
        if max_bytes > 0 && !options.keeps_mode {
            options.mode = FileMode::Append;
        }
        let base = BaseRotating::new(Output::new(options)?, hooks);
        Ok(RotatingFileHandler { base, max_bytes, backup_count, count_bytes, roll_empty })
    }
}

impl RotatingFileHandler {
    /// Opens a file to append to that rolls over at `max_bytes` into `backup_count` others.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>, max_bytes: u64, backup_count: u32) -> Result<Self, Error> {
        Self::builder(path).max_bytes(max_bytes).backup_count(backup_count).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> RotatingFileHandlerBuilder {
        RotatingFileHandlerBuilder {
            options: Options::new(path),
            hooks: Hooks::default(),
            max_bytes: 0,
            backup_count: 0,
            count_bytes: false,
            roll_empty: false,
        }
    }

    rotation_methods!(base);

    /// Returns true if a record of this length, without its line end, would roll the file over.
    pub fn should_rollover(&mut self, length: u64) -> bool {
        if self.max_bytes == 0 || !self.base.output.is_regular() {
            return false;
        }
        let size = self.base.output.size();
        (size > 0 || self.roll_empty) && size + length + 1 >= self.max_bytes
    }

    /// The file, and how far it is written to without a question.
    pub(super) fn bounded(&mut self) -> Option<(&mut Output, Bounds)> {
        let output = self.base.output.takes_lines()?;
        if self.max_bytes == 0 || !output.is_regular() {
            return Some((output, Bounds::NONE));
        }
        // Others may have written to a shared file, or moved it.
        if output.is_shared() {
            return None;
        }
        // `should_rollover` counts a line in characters, which are no more than its bytes, and with
        // 1 for its end; what comes to `max_bytes` is too much.
        let end = output.options().terminator.len() as u64;
        let most_bytes = self.max_bytes.saturating_add(end).saturating_sub(2);
        let room_bytes = most_bytes.saturating_sub(output.size());
        Some((output, Bounds { room_bytes, ..Bounds::NONE }))
    }

    /// Rolls the file over now, whatever its size.
    ///
    /// # Errors
    ///
    /// If a file cannot be moved, removed or opened; the records go on into the old file.
    pub fn do_rollover(&mut self) -> Result<(), Error> {
        self.roll(&mut Context::detached())
    }

    fn roll(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let backups = self.backup_count;
        self.base.roll(cx, |hooks, storage, path| {
            if backups == 0 {
                return Ok(());
            }
            let name =
                |number: u32| hooks.rotation_filename(with_suffix(path, &format!(".{number}")));
            for number in (1..backups).rev() {
                let (source, dest) = (name(number), name(number + 1));
                if storage::exists(storage, &source)? {
                    remove_existing(storage, &dest)?;
                    storage
                        .rename(&source, &dest)
                        .map_err(|error| Error::io("rotate", &source, error))?;
                }
            }
            let dest = name(1);
            remove_existing(storage, &dest)?;
            hooks.rotate(storage, path, &dest)
        })
    }
}

takes_fallback!(RotatingFileHandler, in base.output);

impl Handler for RotatingFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        // As Python's `shouldRollover`, which opens a file even if its mode empties it.
        self.base.output.reopen_always(cx)?;
        if !self.base.output.begin(record, cx)? {
            return Ok(());
        }
        if self.max_bytes > 0 {
            let length = if self.count_bytes {
                self.base.output.begun_bytes()
            } else {
                self.base.output.begun_chars()
            };
            if self.should_rollover(length)
                && self.base.may_roll()
                && let Err(error) = self.roll(cx)
            {
                cx.report(error);
            }
        }
        self.base.output.reopen_always(cx)?;
        self.base.output.finish()?;
        self.base.output.write_full(cx);
        Ok(())
    }

    answered_by!(base.output);
}

#[cfg(test)]
mod tests {
    use super::super::storage::testing::{Fate, Faulty};
    use super::super::testing::{Desk, TestDir};
    use super::*;

    fn rotating(dir: &TestDir, max_bytes: u64, backups: u32) -> Desk<RotatingFileHandler> {
        Desk::new(RotatingFileHandler::new(dir.join("a.log"), max_bytes, backups).unwrap())
    }

    /// What CPython 3.11 leaves after `line 00` to `line 06` with maxBytes 20, backupCount 2:
    /// two lines of eight bytes fit, a third would come to 24.
    #[test]
    fn the_newest_backup_is_number_one_and_the_oldest_falls_off() {
        let dir = TestDir::new();
        let mut desk = rotating(&dir, 20, 2);
        for n in 0..7 {
            desk.log(&format!("line {n:02}")).unwrap();
        }
        assert_eq!(dir.names(), ["a.log", "a.log.1", "a.log.2"]);
        assert_eq!(dir.read("a.log"), "line 06\n");
        assert_eq!(dir.read("a.log.1"), "line 04\nline 05\n");
        assert_eq!(dir.read("a.log.2"), "line 02\nline 03\n");
    }

    #[test]
    fn buffered_lines_roll_over_where_written_ones_would() {
        let (one, two) = (TestDir::new(), TestDir::new());
        let (mut inline, mut deferred) = (rotating(&one, 50, 3), rotating(&two, 50, 3));
        for n in 0..23 {
            let line = "-".repeat(n * 7 % 30);
            inline.log(&line).unwrap();
            deferred.put(&line).unwrap();
        }
        deferred.flush().unwrap();
        assert_eq!(one.names(), two.names());
        for name in one.names() {
            assert_eq!(one.read(&name), two.read(&name), "{name}");
        }
    }

    #[test]
    fn the_boundary_is_reached_not_passed() {
        let dir = TestDir::new();
        let mut desk = rotating(&dir, 10, 1);
        desk.log("aaa").unwrap();
        // 4 + 5 + 1 = 10: rolls; 4 + 4 + 1 = 9 would not.
        assert!(!desk.handler.should_rollover(4) && desk.handler.should_rollover(5));
        desk.log("bbbbb").unwrap();
        assert_eq!(
            (dir.read("a.log").as_str(), dir.read("a.log.1").as_str()),
            ("bbbbb\n", "aaa\n")
        );
    }

    #[test]
    fn text_counts_in_characters_or_bytes_by_choice() {
        for (bytes, files) in [(false, 1), (true, 2)] {
            let dir = TestDir::new();
            let handler = RotatingFileHandler::builder(dir.join("a.log")).max_bytes(12);
            let handler = handler.backup_count(1).count_bytes(bytes).build().unwrap();
            let mut desk = Desk::new(handler);
            desk.log("éé").unwrap();
            desk.log("ééé").unwrap();
            assert_eq!(dir.names().len(), files);
        }
    }

    #[test]
    fn without_limit_or_backups_the_file_grows_and_mode_w_counts_only_without_limit() {
        let dir = TestDir::new();
        dir.write("a.log", "old\n");
        let builder = || RotatingFileHandler::builder(dir.join("a.log")).mode(FileMode::Truncate);
        let mut limited = Desk::new(builder().max_bytes(4).build().unwrap());
        limited.log("new").unwrap();
        assert_eq!(dir.read("a.log"), "old\nnew\n");
        drop(limited);
        let mut unlimited = Desk::new(builder().backup_count(3).build().unwrap());
        unlimited.log("x").unwrap();
        assert_eq!((dir.read("a.log").as_str(), dir.names().len()), ("x\n", 1));
    }

    #[test]
    fn an_empty_file_rolls_over_only_on_demand() {
        let dir = TestDir::new();
        let mut desk = rotating(&dir, 5, 2);
        desk.log("longer than the limit").unwrap();
        assert_eq!(dir.names(), ["a.log"]);
        desk.handler.do_rollover().unwrap();
        desk.handler.do_rollover().unwrap();
        assert_eq!(dir.names(), ["a.log", "a.log.1", "a.log.2"]);
        assert_eq!((dir.read("a.log.1").as_str(), dir.read("a.log").as_str()), ("", ""));
    }

    #[test]
    fn namer_and_rotator_have_their_say() {
        let dir = TestDir::new();
        let handler = RotatingFileHandler::builder(dir.join("a.log"))
            .max_bytes(20)
            .backup_count(2)
            .namer(|name| with_suffix(name, ".old"))
            .rotator(|source, dest| {
                let text = std::fs::read_to_string(source)?;
                std::fs::write(dest, text.to_uppercase())?;
                std::fs::remove_file(source)
            })
            .build()
            .unwrap();
        let mut desk = Desk::new(handler);
        for n in 0..7 {
            desk.log(&format!("line {n:02}")).unwrap();
        }
        assert_eq!(dir.names(), ["a.log", "a.log.1.old", "a.log.2.old"]);
        assert_eq!(dir.read("a.log.1.old"), "LINE 04\nLINE 05\n");
    }

    #[test]
    fn a_rotation_that_fails_is_reported_and_the_file_grows_on() {
        let dir = TestDir::new();
        let faulty = Faulty::new(|what, _| match what {
            "rename" => Fate::Fail(13),
            _ => Fate::Work,
        });
        let handler = RotatingFileHandler::builder(dir.join("a.log"));
        let handler = handler.max_bytes(20).backup_count(2).storage(faulty.clone());
        let mut desk = Desk::new(handler.build().unwrap());
        for n in 0..10 {
            desk.log(&format!("line {n:02}")).unwrap();
        }
        assert_eq!(dir.names(), ["a.log"]);
        assert_eq!((dir.read("a.log").lines().count(), desk.delivery.errors.len()), (10, 1));
        faulty.set(|_, _| Fate::Work);
        std::thread::sleep(std::time::Duration::from_millis(1050));
        desk.log("line 10").unwrap();
        assert_eq!(dir.read("a.log"), "line 10\n");
        assert_eq!(dir.read("a.log.1").lines().count(), 10);
    }

    #[test]
    fn a_file_that_could_not_be_moved_is_not_emptied_by_its_mode() {
        let dir = TestDir::new();
        let faulty = Faulty::new(|_, _| Fate::Work);
        let handler = RotatingFileHandler::builder(dir.join("a.log")).backup_count(1);
        let handler = handler.mode(FileMode::Truncate).storage(faulty.clone()).build().unwrap();
        let mut desk = Desk::new(handler);
        desk.log("one").unwrap();
        faulty.set(|what, _| match what {
            "rename" | "open" => Fate::Fail(13),
            _ => Fate::Work,
        });
        assert!(desk.handler.do_rollover().is_err());
        desk.put("waits").unwrap();
        assert_eq!(desk.delivery.errors.len(), 1);
        faulty.set(|_, _| Fate::Work);
        desk.log("two").unwrap();
        desk.flush().unwrap();
        assert_eq!(dir.read("a.log"), "one\nwaits\ntwo\n");
    }

    #[test]
    fn whichever_operation_fails_once_every_line_is_in_one_file() {
        let run = |fail_at: u64| {
            let dir = TestDir::new();
            let faulty = Faulty::nth(fail_at, 5);
            let handler = RotatingFileHandler::builder(dir.join("a.log"));
            let handler = handler.max_bytes(40).backup_count(20).delay(true);
            let mut desk = Desk::new(handler.storage(faulty.clone()).build().unwrap());
            let mut kept = Vec::new();
            for n in 0..20 {
                let line = format!("line {n:02}");
                if desk.put(&line).is_ok() {
                    kept.push(line);
                }
                if n % 3 == 2 {
                    let _ = desk.flush();
                }
            }
            desk.close().unwrap();
            let mut found: Vec<_> = dir
                .names()
                .iter()
                .flat_map(|name| dir.read(name).lines().map(str::to_owned).collect::<Vec<_>>())
                .collect();
            found.sort();
            assert_eq!(found, kept, "operation {fail_at}");
            assert!(kept.len() >= 19 && desk.delivery.lost == 0, "operation {fail_at}");
            faulty.count()
        };
        let operations = run(u64::MAX);
        assert!(operations > 40);
        (1..=operations).for_each(|n| {
            run(n);
        });
    }

    #[test]
    fn a_reader_that_follows_the_name_sees_every_line_once_across_rotations() {
        use std::io::Read;
        let dir = TestDir::new();
        let path = dir.join("a.log");
        let mut desk = rotating(&dir, 200_000, 50);
        let reader = std::thread::spawn(move || {
            let mut seen = Vec::new();
            let mut file = std::fs::File::open(&path).unwrap();
            while !seen.ends_with(b"end\n") {
                // As `tail -F`: the old file to its end, then the new one at the name.
                let moved = crate::sys::file_id(&file.metadata().unwrap())
                    != std::fs::metadata(&path).ok().and_then(|meta| crate::sys::file_id(&meta));
                let got = file.read_to_end(&mut seen).unwrap();
                if moved && let Ok(next) = std::fs::File::open(&path) {
                    file = next;
                } else if got == 0 {
                    std::thread::yield_now();
                }
            }
            seen
        });
        for n in 0..60_000 {
            desk.put(&format!("line {n}")).unwrap();
            if n % 500 == 0 {
                desk.batch_end().unwrap();
            }
            if n % 10_000 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
        }
        desk.log("end").unwrap();
        let seen = String::from_utf8(reader.join().unwrap()).unwrap();
        assert!(!seen.contains('\0'));
        assert!(dir.names().len() > 3);
        assert!(seen.lines().take(60_000).eq((0..60_000).map(|n| format!("line {n}"))));
    }
}
