//! The names of rotated files: given once, told from others, put in order.

use super::pack::Compress;
use super::schedule::Zone;
use std::cmp::Reverse;
use std::path::{Path, PathBuf};

/// What a file that is being compressed ends in.
pub(crate) const PART: &str = ".part";
/// The digits of a rising number, at least.
const DIGITS: usize = 6;

/// How rotated files are named.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Naming {
    /// `app.log.2026-11-20_13-05-22`: when the file's first record was logged, on the clock of
    /// the zone. The offset from UTC stands behind it in the hour that comes twice in autumn, and
    /// a number behind that where the name is taken. A file is renamed once and never again.
    #[default]
    Dated,
    /// `app.log.000001`, `app.log.000002` and on: the newest has the highest number. A file is
    /// renamed once and never again, and no number is used twice while a higher one exists.
    Rising,
    /// Python's `app.log.1`, `app.log.2`: the newest is 1, and all are renamed at each rotation.
    Shifting,
}

impl std::str::FromStr for Naming {
    type Err = crate::error::Error;

    /// Understands the names of the variants, in small letters.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "dated" => Ok(Self::Dated),
            "rising" => Ok(Self::Rising),
            "shifting" => Ok(Self::Shifting),
            _ => Err(crate::error::Error::invalid(format!(
                "unknown naming: {text:?} (dated, rising or shifting)"
            ))),
        }
    }
}

/// Where a rotated file stands among the others: the older comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Shifting(Reverse<u32>),
    Rising(u64),
    /// Seconds since the Unix epoch, and the number behind a date that was taken.
    Dated(i64, u32),
}

/// A rotated file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Archive {
    pub(crate) order: Order,
    pub(crate) packed: Option<Compress>,
    pub(crate) path: PathBuf,
}

/// `path` with text behind its whole name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Returns true for a file that was being compressed.
pub(crate) fn is_part(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(PART.as_bytes())
}

/// The file that was being compressed into this one.
pub(crate) fn original(part: &Path) -> PathBuf {
    part.with_extension("").with_extension("")
}

/// Those of a directory's entries that are rotated files of `path`, the oldest first, and what
/// they were being compressed into.
pub(crate) fn archives(
    path: &Path,
    entries: Vec<PathBuf>,
    zone: &Zone,
    shifting: bool,
) -> Vec<Archive> {
    let Some(base) = path.file_name() else { return Vec::new() };
    let base = base.as_encoded_bytes();
    let known = |path: PathBuf| {
        let name = path.file_name()?.as_encoded_bytes().strip_prefix(base)?;
        let rest = std::str::from_utf8(name.strip_prefix(b".")?).ok()?;
        let rest = rest.strip_suffix(PART).unwrap_or(rest);
        let (rest, packed) = [Compress::Gzip, Compress::Zstd]
            .into_iter()
            .find_map(|kind| Some((rest.strip_suffix(kind.suffix())?, Some(kind))))
            .unwrap_or((rest, None));
        let order = order(rest, zone, shifting)?;
        Some(Archive { order, packed, path })
    };
    let mut found: Vec<_> = entries.into_iter().filter_map(known).collect();
    found.sort_by(|one, two| (one.order, &one.path).cmp(&(two.order, &two.path)));
    found
}

fn order(rest: &str, zone: &Zone, shifting: bool) -> Option<Order> {
    if is_digits(rest) {
        return match shifting {
            true if !rest.starts_with('0') => Some(Order::Shifting(Reverse(rest.parse().ok()?))),
            false if rest.len() >= DIGITS => Some(Order::Rising(rest.parse().ok()?)),
            _ => None,
        };
    }
    let (date, number) = match rest.split_once('.') {
        None => (rest, 0),
        Some((date, number)) if is_digits(number) => (date, number.parse().ok()?),
        Some(_) => return None,
    };
    Some(Order::Dated(zone.read_stamp(date)?, number))
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A name that no rotated file of `path` has, and that comes behind all of them. `begun` is when
/// the file began, in seconds since the Unix epoch, `last` the name given before.
pub(crate) fn next(
    path: &Path,
    naming: Naming,
    found: &[Archive],
    last: Option<Order>,
    begun: i64,
    zone: &Zone,
) -> (PathBuf, Order) {
    let orders = || found.iter().map(|archive| archive.order).chain(last);
    match naming {
        Naming::Shifting => (with_suffix(path, ".1"), Order::Shifting(Reverse(1))),
        Naming::Rising => {
            let number = orders().filter_map(|order| match order {
                Order::Rising(number) => Some(number),
                _ => None,
            });
            let number = number.max().unwrap_or(0) + 1;
            (with_suffix(path, &format!(".{number:0DIGITS$}")), Order::Rising(number))
        }
        Naming::Dated => {
            let taken = orders().filter_map(|order| match order {
                Order::Dated(at, number) if at == begun => Some(number),
                _ => None,
            });
            let number = taken.max().map_or(0, |number| number + 1);
            let date = zone.stamp(begun);
            let suffix = match number {
                0 => format!(".{date}"),
                number => format!(".{date}.{number}"),
            };
            (with_suffix(path, &suffix), Order::Dated(begun, number))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(names: &[&str], shifting: bool) -> Vec<Archive> {
        let entries = names.iter().map(|name| Path::new("/logs").join(name)).collect();
        let zone = Zone::named("Europe/Paris").unwrap();
        archives(Path::new("/logs/a.log"), entries, &zone, shifting)
    }

    fn names(found: &[Archive]) -> Vec<&str> {
        found.iter().map(|archive| archive.path.file_name().unwrap().to_str().unwrap()).collect()
    }

    #[test]
    fn only_rotated_files_of_the_path_are_its_rotated_files() {
        let others = [
            "a.log",
            "a.log.live",
            "a.log.lock",
            "a.log.2026-11-20",
            "a.log.2026-11-20_13-05-22.txt",
            "a.log.2026-13-20_13-05-22",
            "a.log.00001",
            "a.log.1",
            "a.log.bak",
            "b.log.000001",
            "aa.log.000001",
        ];
        assert_eq!(names(&found(&others, false)), [""; 0]);
        assert_eq!(names(&found(&others, true)), ["a.log.1"]);
    }

    #[test]
    fn the_order_is_that_of_time_also_in_the_hour_that_comes_twice() {
        let names_in_order = [
            "a.log.000009",
            "a.log.000010.gz",
            "a.log.1000000",
            "a.log.2026-10-25_02-59-59+0200",
            "a.log.2026-10-25_02-00-00+0100",
            "a.log.2026-10-25_02-00-00+0100.1.zst",
            "a.log.2026-10-25_02-00-00+0100.2",
            "a.log.2026-10-25_02-00-00+0100.10",
            "a.log.2026-10-25_03-00-00",
        ];
        let mut mixed = names_in_order;
        mixed.reverse();
        let found = found(&mixed, false);
        assert_eq!(names(&found), names_in_order);
        assert_eq!(found[1].packed, Some(Compress::Gzip));
        assert_eq!(found[5].packed, Some(Compress::Zstd));
        assert_eq!(
            names(&self::found(&["a.log.1", "a.log.12", "a.log.2"], true)),
            ["a.log.12", "a.log.2", "a.log.1"]
        );
    }

    #[test]
    fn no_name_is_given_twice() {
        let path = Path::new("/logs/a.log");
        let zone = Zone::named("Europe/Paris").unwrap();
        let next = |naming, there: &[&str], last, begun| {
            next(path, naming, &found(there, false), last, begun, &zone)
        };
        let name = |(path, _): &(PathBuf, Order)| path.to_str().unwrap().to_owned();
        // Eight minutes past two in summer time, and an hour later.
        let (first, second) = (1_792_886_880, 1_792_890_480);
        let one = next(Naming::Dated, &[], None, first);
        assert_eq!(name(&one), "/logs/a.log.2026-10-25_02-08-00+0200");
        let two = next(Naming::Dated, &[], Some(one.1), second);
        assert_eq!(name(&two), "/logs/a.log.2026-10-25_02-08-00+0100");
        // Taken by a compressed file of an earlier run; or by one that was given and is gone.
        let taken = ["a.log.2026-10-25_02-08-00+0200.gz"];
        assert_eq!(
            name(&next(Naming::Dated, &taken, None, first)),
            "/logs/a.log.2026-10-25_02-08-00+0200.1"
        );
        assert_eq!(
            name(&next(Naming::Dated, &[], Some(one.1), first)),
            "/logs/a.log.2026-10-25_02-08-00+0200.1"
        );
        assert_eq!(name(&next(Naming::Rising, &[], None, first)), "/logs/a.log.000001");
        let there = ["a.log.000004", "a.log.000007.zst"];
        assert_eq!(name(&next(Naming::Rising, &there, None, first)), "/logs/a.log.000008");
        let last = Some(Order::Rising(9));
        assert_eq!(name(&next(Naming::Rising, &there, last, first)), "/logs/a.log.000010");
    }
}
