//! Rotation by time.

use super::base::{BaseRotating, Hooks, remove_existing, with_suffix};
use super::lines::Bounds;
use super::output::{Options, Output};
use super::schedule::{Schedule, When, Zone};
use super::storage::{self, Storage};
use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::record::LogRecord;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes records to a file that is moved away as time passes, Python's
/// `TimedRotatingFileHandler`.
///
/// The first rollover is due an interval after the file's last change, if it existed, else after
/// now; or, for [`When::Midnight`] and [`When::Weekday`], at the next such time of the zone. The
/// rotated file is named for the beginning of its interval, `app.log.2024-05-01`. A record is
/// filed by its own time, not by that of its writing; one that comes late stays in the present
/// file.
///
/// | option | default | |
/// |---|---|---|
/// | `when` | `Hours` | the unit; the time of the rollover for calendar units |
/// | `interval` | 1 | so many units |
/// | `backup_count` | 0: all are kept | the oldest by name are removed |
/// | `utc`, `zone` | the system's zone | where days begin and names are read |
/// | `at_time` | the end of the day | time of day for calendar units |
/// | `suffix` | by unit, such as `%Y-%m-%d_%H` | the date in the name |
/// | `replace_existing` | `false` | a name that is taken gets `.1`, `.2`, ..; Python to 3.12 writes over it |
/// | `by_clock` | `false` | decide by the time of writing, as Python |
/// | `now_ns` | the system's time | when the handler begins |
/// | `namer`, `rotator` | none | names and moves rotated files |
/// | others | | those of [`FileHandler`](crate::FileHandler), without `mode` |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-t-{}", std::process::id()));
/// use sawmill::{TimedRotatingFileHandler, When};
///
/// let handler = TimedRotatingFileHandler::builder(directory.join("app.log"))
///     .create_dirs(true)
///     .when(When::Midnight)
///     .backup_count(14)
///     .build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct TimedRotatingFileHandler {
    base: BaseRotating,
    schedule: Schedule,
    backup_count: u32,
    replace_existing: bool,
    by_clock: bool,
    /// Seconds since the Unix epoch.
    rollover_at: i64,
}

/// Builds a [`TimedRotatingFileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct TimedRotatingFileHandlerBuilder {
    options: Options,
    hooks: Hooks,
    when: When,
    interval: u32,
    backup_count: u32,
    utc: bool,
    zone: Option<String>,
    at_time: Option<Duration>,
    suffix: Option<String>,
    replace_existing: bool,
    by_clock: bool,
    now_ns: Option<i64>,
}

impl TimedRotatingFileHandlerBuilder {
    common_steps!(options);
    rotation_steps!(hooks);

    /// Sets the unit of the interval, or the day of the rollover.
    pub fn when(mut self, when: When) -> Self {
        self.when = when;
        self
    }

    /// Sets how many units lie between rollovers, at least 1.
    pub fn interval(mut self, units: u32) -> Self {
        self.interval = units;
        self
    }

    /// Sets how many rotated files are kept; 0 keeps all.
    pub fn backup_count(mut self, files: u32) -> Self {
        self.backup_count = files;
        self
    }

    /// Counts days and writes names in UTC.
    pub fn utc(mut self, utc: bool) -> Self {
        self.utc = utc;
        self
    }

    /// Counts days and writes names in a zone of the time zone database, such as `Europe/Paris`,
    /// or of a POSIX rule, such as `EST5EDT,M3.2.0,M11.1.0`.
    pub fn zone(mut self, name: impl Into<String>) -> Self {
        self.zone = Some(name.into());
        self
    }

    /// Sets the time of day of rollovers at calendar units, counted from midnight.
    pub fn at_time(mut self, since_midnight: Duration) -> Self {
        self.at_time = Some(since_midnight);
        self
    }

    /// Sets how the date in the name is written, by directives of `strftime`. Files are removed
    /// by the unit's own form of date, whatever this says, as in Python.
    pub fn suffix(mut self, directives: impl Into<String>) -> Self {
        self.suffix = Some(directives.into());
        self
    }

    /// Writes over a rotated file that has the name already: after the hour that comes twice
    /// in autumn, or two rollovers on demand within one interval.
    pub fn replace_existing(mut self, replace: bool) -> Self {
        self.replace_existing = replace;
        self
    }

    /// Decides by the time of writing in place of the record's own.
    pub fn by_clock(mut self, by_clock: bool) -> Self {
        self.by_clock = by_clock;
        self
    }

    /// Sets the time at which the handler begins, in nanoseconds since the Unix epoch.
    pub fn now_ns(mut self, now_ns: i64) -> Self {
        self.now_ns = Some(now_ns);
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood or out of range.
    pub fn build(self) -> Result<TimedRotatingFileHandler, Error> {
        if self.options.shared {
            let text = "shared: files are moved to names that another process may have given \
                        already; take FileHandler with `rotate`";
            return Err(Error::invalid(text));
        }
        let zone = match (&self.zone, self.utc) {
            (Some(_), true) => return Err(Error::invalid("zone: given together with utc")),
            (Some(name), false) => Zone::named(name)?,
            (None, true) => Zone::Utc,
            (None, false) => Zone::system(),
        };
        let at_time = self.at_time.map(|at| i64::try_from(at.as_secs()).unwrap_or(i64::MAX));
        let schedule = Schedule::new(self.when, self.interval, at_time, zone, self.suffix)?;
        // Asked before the file is opened, which may make it.
        let storage = self.options.storage.clone();
        let changed = storage.metadata(&self.options.path).and_then(|meta| meta.modified()).ok();
        let begin = match changed {
            Some(changed) => seconds_of(changed),
            None => {
                self.now_ns.map_or_else(|| seconds_of(SystemTime::now()), |ns| ns / 1_000_000_000)
            }
        };
        let output = Output::new(self.options)?;
        Ok(TimedRotatingFileHandler {
            base: BaseRotating::new(output, self.hooks),
            rollover_at: schedule.compute(begin),
            schedule,
            backup_count: self.backup_count,
            replace_existing: self.replace_existing,
            by_clock: self.by_clock,
        })
    }
}

fn seconds_of(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => since.as_secs() as i64,
        Err(before) => -(before.duration().as_secs_f64().ceil() as i64),
    }
}

impl TimedRotatingFileHandler {
    /// Opens a file to append to that rolls over by time.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>, when: When, backup_count: u32) -> Result<Self, Error> {
        Self::builder(path).when(when).backup_count(backup_count).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> TimedRotatingFileHandlerBuilder {
        TimedRotatingFileHandlerBuilder {
            options: Options::new(path),
            hooks: Hooks::default(),
            when: When::Hours,
            interval: 1,
            backup_count: 0,
            utc: false,
            zone: None,
            at_time: None,
            suffix: None,
            replace_existing: false,
            by_clock: false,
            now_ns: None,
        }
    }

    rotation_methods!(base);

    /// When the next rollover is due, Python's `rolloverAt`.
    pub fn rollover_at(&self) -> SystemTime {
        let distance = Duration::from_secs(self.rollover_at.unsigned_abs());
        if self.rollover_at < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }

    /// Returns true if a rollover is due at that time, in nanoseconds since the Unix epoch.
    ///
    /// Files that are not regular ones are never rolled over; their next time is set on.
    pub fn should_rollover(&mut self, time_ns: i64) -> bool {
        let now = time_ns / 1_000_000_000;
        if now < self.rollover_at {
            return false;
        }
        if !self.base.output.is_regular() {
            self.rollover_at = self.schedule.compute(now);
            return false;
        }
        true
    }

    /// The file, and how far it is written to without a question.
    pub(super) fn bounded(&mut self, now_ns: i64) -> Option<(&mut Output, Bounds)> {
        let until_ns = self.rollover_at.saturating_mul(1_000_000_000);
        let until_ns = match self.by_clock {
            false => until_ns,
            true if now_ns < until_ns => i64::MAX,
            true => return None,
        };
        Some((self.base.output.takes_lines()?, Bounds { until_ns, ..Bounds::NONE }))
    }

    /// Rolls the file over at that time, in nanoseconds since the Unix epoch, whether it is due
    /// or not.
    ///
    /// # Errors
    ///
    /// If a file cannot be moved, removed or opened; the records go on into the old file.
    pub fn do_rollover(&mut self, time_ns: i64) -> Result<(), Error> {
        self.roll(time_ns, &mut Context::detached())
    }

    fn roll(&mut self, time_ns: i64, cx: &mut Context<'_>) -> Result<(), Error> {
        let now = time_ns / 1_000_000_000;
        let Self { base, schedule, backup_count, replace_existing, rollover_at, .. } = self;
        base.roll(cx, |hooks, storage, path| {
            let date = schedule.name(*rollover_at, now);
            let name = |number: u32| {
                hooks.rotation_filename(with_suffix(
                    path,
                    &match number {
                        0 => format!(".{date}"),
                        more => format!(".{date}.{more}"),
                    },
                ))
            };
            let mut dest = name(0);
            if *replace_existing {
                remove_existing(storage, &dest)?;
            } else {
                for number in 1.. {
                    if !storage::exists(storage, &dest)? {
                        break;
                    }
                    let next = name(number);
                    if next == dest {
                        return Err(Error::invalid(format!(
                            "the namer gives {} to two files",
                            dest.display()
                        )));
                    }
                    dest = next;
                }
            }
            hooks.rotate(storage, path, &dest)
        })?;
        *rollover_at = schedule.next(now);
        if *backup_count > 0 {
            let storage = base.output.storage().clone();
            for old in self.files_to_delete()? {
                storage.remove(&old).map_err(|error| Error::io("remove", &old, error))?;
            }
        }
        Ok(())
    }

    /// The rotated files beyond `backup_count`, the oldest by name, Python's `getFilesToDelete`.
    ///
    /// # Errors
    ///
    /// If the directory cannot be read.
    pub fn files_to_delete(&self) -> Result<Vec<PathBuf>, Error> {
        let path = self.base.output.path();
        let mut found = rotated_files(
            &**self.base.output.storage(),
            path,
            self.base.hooks.has_namer(),
            &self.schedule,
        )?;
        found.sort();
        found.truncate(found.len().saturating_sub(self.backup_count as usize));
        Ok(found)
    }
}

fn rotated_files(
    storage: &dyn Storage,
    path: &Path,
    named: bool,
    schedule: &Schedule,
) -> Result<Vec<PathBuf>, Error> {
    let (Some(directory), Some(base)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Ok(Vec::new());
    };
    let entries = storage.list(directory).map_err(|error| Error::io("list", directory, error))?;
    // Python's `splitext`: leading dots begin no extension.
    let bare = base.trim_start_matches('.');
    let extension = bare.rfind('.').map_or("", |at| &bare[at..]);
    let prefix = format!("{}.", &base[..base.len() - extension.len()]);
    let is_ours = |entry: &PathBuf| {
        let Some(name) = entry.file_name().and_then(|name| name.to_str()) else { return false };
        let begins = name.starts_with(base);
        if !named && !begins {
            return false;
        }
        // A namer may put the date before the extension.
        if named && !begins && name.ends_with(extension) {
            let second = name.as_bytes().get(prefix.len() + 1);
            if second.is_some_and(|byte| !byte.is_ascii_digit()) {
                return false;
            }
        }
        name.strip_prefix(&prefix)
            .is_some_and(|rest| rest.split('.').any(|part| schedule.is_date(part)))
    };
    Ok(entries.into_iter().filter(is_ours).collect())
}

takes_fallback!(TimedRotatingFileHandler, in base.output);

impl Handler for TimedRotatingFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let time_ns = if self.by_clock { cx.now_ns() } else { record.time_ns() };
        if self.should_rollover(time_ns)
            && self.base.may_roll()
            && let Err(error) = self.roll(time_ns, cx)
        {
            cx.report(error);
        }
        self.base.output.emit(record, cx)
    }

    answered_by!(base.output);
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Desk, TestDir};
    use super::*;

    const SECOND: i64 = 1_000_000_000;
    /// 2023-11-14 22:13:20 UTC.
    const START: i64 = 1_700_000_000 * SECOND;

    fn builder(dir: &TestDir) -> TimedRotatingFileHandlerBuilder {
        TimedRotatingFileHandler::builder(dir.join("t.log")).utc(true).now_ns(START)
    }

    fn desk(builder: TimedRotatingFileHandlerBuilder) -> Desk<TimedRotatingFileHandler> {
        Desk::new(builder.build().unwrap())
    }

    #[test]
    fn a_file_is_named_for_the_start_of_its_interval() {
        let dir = TestDir::new();
        let mut desk = desk(builder(&dir).when(When::Seconds).interval(5));
        for second in [0, 4, 5, 6, 12, 30] {
            desk.put_at(&format!("at {second}"), START + second * SECOND).unwrap();
        }
        desk.flush().unwrap();
        // As CPython: the next rollover counts from the record that rolled over.
        assert_eq!(
            dir.names(),
            [
                "t.log",
                "t.log.2023-11-14_22-13-20",
                "t.log.2023-11-14_22-13-25",
                "t.log.2023-11-14_22-13-32"
            ]
        );
        assert_eq!(dir.read("t.log.2023-11-14_22-13-20"), "at 0\nat 4\n");
        assert_eq!(dir.read("t.log.2023-11-14_22-13-25"), "at 5\nat 6\n");
        assert_eq!(dir.read("t.log"), "at 30\n");
    }

    #[test]
    fn a_record_is_filed_by_its_own_time_or_by_the_clock() {
        for (by_clock, files) in [(false, 2), (true, 1)] {
            let dir = TestDir::new();
            let mut desk = desk(builder(&dir).when(When::Minutes).by_clock(by_clock));
            desk.put("one").unwrap();
            desk.put_at("an hour later", START + 3600 * SECOND).unwrap();
            desk.put_at("a late one", START + SECOND).unwrap();
            desk.flush().unwrap();
            assert_eq!(dir.names().len(), files);
            assert!(dir.read("t.log").ends_with("an hour later\na late one\n"));
        }
    }

    #[test]
    fn an_existing_file_counts_from_its_last_change() {
        let dir = TestDir::new();
        dir.write("t.log", "old\n");
        let file = std::fs::File::options().append(true).open(dir.join("t.log")).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_699_995_600)).unwrap();
        let mut desk = desk(builder(&dir).when(When::Hours));
        desk.log("new").unwrap();
        assert_eq!(dir.names(), ["t.log", "t.log.2023-11-14_21"]);
        assert_eq!(dir.read("t.log.2023-11-14_21"), "old\n");
    }

    #[test]
    fn the_oldest_dated_files_go_and_others_stay() {
        let dir = TestDir::new();
        for name in ["2023-11-01", "2023-11-02", "2023-11-03", "2023-11-03_10", "notes"] {
            dir.write(&format!("t.log.{name}"), "");
        }
        dir.write("u.log.2023-11-01", "");
        let mut desk = desk(builder(&dir).when(When::Days).backup_count(2));
        desk.put_at("one", START).unwrap();
        desk.put_at("two", START + 86_400 * SECOND).unwrap();
        desk.flush().unwrap();
        assert_eq!(
            dir.names(),
            [
                "t.log",
                "t.log.2023-11-03",
                "t.log.2023-11-03_10",
                "t.log.2023-11-14",
                "t.log.notes",
                "u.log.2023-11-01"
            ]
        );
    }

    #[test]
    fn a_namer_may_put_the_date_before_the_extension() {
        let dir = TestDir::new();
        let mut desk = desk(builder(&dir).when(When::Days).backup_count(1).namer(|name| {
            let text = name.to_str().unwrap();
            let (head, date) = text.rsplit_once('.').unwrap();
            format!("{}.{date}.log", head.strip_suffix(".log").unwrap()).into()
        }));
        for day in 0..4 {
            desk.put_at("x", START + day * 86_400 * SECOND).unwrap();
        }
        desk.flush().unwrap();
        assert_eq!(dir.names(), ["t.2023-11-16.log", "t.log"]);
    }

    #[test]
    fn a_name_that_is_taken_in_autumn_is_kept_unless_told_otherwise() {
        // In Paris, 2023-10-29 02:00 to 03:00 came at 00:00Z and again at 01:00Z. What Python
        // makes of the first of them is the name of the hour before.
        let first = 1_698_534_000 * SECOND;
        for (replace, files) in [(false, 4), (true, 3)] {
            let dir = TestDir::new();
            let handler = TimedRotatingFileHandler::builder(dir.join("t.log"))
                .zone("Europe/Paris")
                .now_ns(first)
                .replace_existing(replace);
            let mut desk = desk(handler);
            for hour in 0..4 {
                desk.put_at("x", first + hour * 3600 * SECOND).unwrap();
            }
            desk.flush().unwrap();
            assert_eq!(dir.names().len(), files, "{:?}", dir.names());
        }
    }

    #[test]
    fn a_rollover_on_demand_needs_no_time_due_and_no_file() {
        let dir = TestDir::new();
        let mut desk = desk(builder(&dir).when(When::Minutes).delay(true));
        desk.handler.do_rollover(START + SECOND).unwrap();
        assert!(dir.names().is_empty());
        desk.log("one").unwrap();
        desk.handler.do_rollover(START + 2 * SECOND).unwrap();
        desk.flush().unwrap();
        assert_eq!(dir.names(), ["t.log.2023-11-14_22-13"]);
    }

    #[test]
    fn contradictions_are_refused() {
        let dir = TestDir::new();
        let both = builder(&dir).zone("Europe/Paris").build().unwrap_err();
        assert!(both.is_invalid() && both.to_string().starts_with("zone"));
        assert!(builder(&dir).interval(0).build().unwrap_err().is_invalid());
        assert!(dir.names().is_empty());
    }
}
