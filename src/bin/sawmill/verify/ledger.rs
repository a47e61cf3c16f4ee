//! The account of each lane: which numbers were found, which were reported lost.

use super::{Entry, Finding, Findings};
use std::collections::{BTreeMap, HashMap};

/// A lane of one run.
type Key = (Option<i64>, Option<u64>, u64);

/// What all lanes come to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) attempted: u64,
    pub(super) found: u64,
    pub(super) lost: u64,
    pub(super) lanes: u64,
    pub(super) gaps: u64,
}

/// The accounts of all lanes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lanes: HashMap<Key, Account>,
    /// Losses told by handlers, which know how many records they lost but not which.
    unplaced: u64,
    gaps: u64,
    files: usize,
}

#[derive(Debug, Default)]
struct Account {
    found: Ranges,
    lost: Ranges,
    /// Of each file: the first and the last number, and the latest read.
    spans: HashMap<usize, (u64, u64)>,
    latest: (usize, u64),
}

/// Sets of numbers as ranges, first to last.
#[derive(Debug, Default)]
struct Ranges {
    ranges: BTreeMap<u64, u64>,
    /// The range touched last.
    open: Option<(u64, u64)>,
}

impl Ranges {
    /// Adds a number; false if it is there already.
    fn insert(&mut self, number: u64) -> bool {
        if let Some((first, last)) = self.open {
            // Nearly every number follows the one before it.
            if number == last + 1 {
                let next_is_free =
                    self.ranges.range(number..).next().is_none_or(|n| *n.0 > number + 1);
                if next_is_free {
                    self.open = Some((first, number));
                    self.ranges.insert(first, number);
                    return true;
                }
            }
        }
        if self.contains(number) {
            return false;
        }
        let (mut first, mut last) = (number, number);
        if let Some((before, end)) = self.ranges.range(..number).next_back()
            && end + 1 == number
        {
            first = *before;
        }
        if let Some(end) = self.ranges.remove(&(number + 1)) {
            last = end;
        }
        self.ranges.insert(first, last);
        self.open = Some((first, last));
        true
    }

    fn contains(&self, number: u64) -> bool {
        self.ranges.range(..=number).next_back().is_some_and(|(_, last)| *last >= number)
    }

    fn len(&self) -> u64 {
        self.ranges.iter().map(|(first, last)| last - first + 1).sum()
    }
}

impl Ledger {
    /// Begins a file; its number tells its entries from those of others.
    pub(super) fn begin_file(&mut self) -> usize {
        self.files += 1;
        self.files
    }

    /// Books a line.
    pub(super) fn enter(
        &mut self,
        file: usize,
        entry: &Entry,
        place: &dyn Fn() -> String,
        findings: &mut Findings,
    ) {
        self.gaps += u64::from(entry.lost.is_some());
        if entry.lane == 0 {
            // What handlers and filters tell of their own has no number.
            self.unplaced += entry.lost.unwrap_or(0);
            return;
        }
        let account = self.lanes.entry((entry.run, entry.process, entry.lane)).or_default();
        let Some(lost) = entry.lost else { return account.find(file, entry, place, findings) };
        // A gap record bears the number of the last one lost.
        for number in (entry.sequence + 1).saturating_sub(lost)..=entry.sequence {
            if !account.lost.insert(number) {
                let text =
                    || format!("{}: {} is reported lost twice", place(), shown(entry, number));
                findings.add(Finding::Duplicate, 1, text);
            }
        }
    }

    /// Strikes the balance.
    pub(super) fn close(&self, attempted: Option<u64>, findings: &mut Findings) -> Sums {
        let mut sums = Sums {
            lanes: self.lanes.len() as u64,
            gaps: self.gaps,
            lost: self.unplaced,
            ..Sums::default()
        };
        let mut missing = 0;
        let mut told = Vec::new();
        let mut lanes: Vec<_> = self.lanes.iter().collect();
        lanes.sort_by_key(|(key, _)| **key);
        for (key, account) in lanes {
            sums.found += account.found.len();
            sums.lost += account.lost.len();
            account.compare(key, findings);
            account.holes(|first, last| {
                missing += last - first + 1;
                told.push(format!("{}: {first} to {last} are nowhere", lane(key)));
            });
        }
        // What handlers lost is missing somewhere, and they have told it.
        let unaccounted = missing.saturating_sub(self.unplaced);
        sums.attempted = sums.found + sums.lost + unaccounted;
        if unaccounted != 0 {
            let mut told = told.into_iter();
            findings.add(Finding::Unaccounted, unaccounted, || told.next().unwrap_or_default());
            told.for_each(|text| findings.add(Finding::Unaccounted, 0, || text));
        }
        if missing < self.unplaced && attempted.is_none() {
            // Their lanes may have ended with the lost ones: only the program knows.
            sums.attempted = sums.found + sums.lost;
        }
        if let Some(attempted) = attempted {
            let known = sums.attempted;
            sums.attempted = attempted;
            if attempted > known {
                let text =
                    || format!("{} records at the ends of lanes are nowhere", attempted - known);
                findings.add(Finding::Unaccounted, attempted - known, text);
            } else if attempted < known {
                let text = || format!("{} records more than were attempted", known - attempted);
                findings.add(Finding::Contradiction, known - attempted, text);
            }
        }
        sums
    }
}

impl Account {
    fn find(
        &mut self,
        file: usize,
        entry: &Entry,
        place: &dyn Fn() -> String,
        findings: &mut Findings,
    ) {
        let number = entry.sequence;
        if !self.found.insert(number) {
            let text = || format!("{}: {} is there twice", place(), shown(entry, number));
            return findings.add(Finding::Duplicate, 1, text);
        }
        if self.latest.0 == file && number < self.latest.1 {
            let before = self.latest.1;
            let text = || format!("{}: {} comes after {before}", place(), shown(entry, number));
            findings.add(Finding::OutOfOrder, 1, text);
        }
        self.latest = (file, number);
        let span = self.spans.entry(file).or_insert((number, number));
        *span = (span.0.min(number), span.1.max(number));
    }

    /// Files of one handler follow each other: what a lane has in one of them lies before or
    /// behind what it has in another.
    fn compare(&self, key: &Key, findings: &mut Findings) {
        let mut spans: Vec<_> = self.spans.values().copied().collect();
        spans.sort_unstable();
        for pair in spans.windows(2).filter(|pair| pair[1].0 <= pair[0].1) {
            let text = || {
                format!("{}: {:?} and {:?} are mixed over two files", lane(key), pair[0], pair[1])
            };
            findings.add(Finding::OutOfOrder, 1, text);
        }
        let both = self.lost.ranges.iter().flat_map(|(first, last)| *first..=*last);
        for number in both.filter(|number| self.found.contains(*number)) {
            let text = || format!("{}: {number} is reported lost and is there", lane(key));
            findings.add(Finding::Contradiction, 1, text);
        }
    }

    /// Calls `each` for every range of numbers that is neither found nor reported lost.
    fn holes(&self, mut each: impl FnMut(u64, u64)) {
        let mut known: Vec<(u64, u64)> =
            self.found.ranges.iter().chain(&self.lost.ranges).map(|(a, b)| (*a, *b)).collect();
        known.sort_unstable();
        let mut next = 1;
        for (first, last) in known {
            if first > next {
                each(next, first - 1);
            }
            next = next.max(last + 1);
        }
    }
}

fn lane(key: &Key) -> String {
    let (run, process, lane) = key;
    let run = run.map(|run| format!("run {run}, ")).unwrap_or_default();
    let process = process.map(|process| format!("process {process}, ")).unwrap_or_default();
    format!("{run}{process}lane {lane}")
}

fn shown(entry: &Entry, number: u64) -> String {
    format!("{}: {number}", lane(&(entry.run, entry.process, entry.lane)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(
        entries: &[(usize, u64, u64, Option<u64>)],
        attempted: Option<u64>,
    ) -> (Sums, Findings) {
        let (mut ledger, mut findings) = (Ledger::default(), Findings::default());
        for (file, lane, sequence, lost) in entries {
            let entry = Entry {
                run: Some(7),
                process: None,
                lane: *lane,
                sequence: *sequence,
                lost: *lost,
            };
            ledger.enter(*file, &entry, &|| String::from("f:1"), &mut findings);
        }
        let sums = ledger.close(attempted, &mut findings);
        (sums, findings)
    }

    #[test]
    fn books_that_balance_have_no_findings() {
        let (sums, findings) = close(
            &[
                (1, 1, 1, None),
                (1, 2, 1, None),
                (1, 1, 4, Some(3)),
                (1, 1, 5, None),
                (2, 1, 6, None),
            ],
            Some(7),
        );
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(sums, Sums { attempted: 7, found: 4, lost: 3, lanes: 2, gaps: 1 });
    }

    #[test]
    fn each_fault_is_found() {
        let count = |entries: &[_], attempted, kind| close(entries, attempted).1.count(kind);
        let one = (1, 1, 1, None);
        assert_eq!(count(&[one, one], None, Finding::Duplicate), 1);
        assert_eq!(count(&[one, (1, 1, 4, None)], None, Finding::Unaccounted), 2);
        assert_eq!(count(&[(1, 1, 2, None), one], None, Finding::OutOfOrder), 1);
        assert_eq!(count(&[one, (2, 1, 2, None), (1, 1, 3, None)], None, Finding::OutOfOrder), 1);
        assert_eq!(count(&[one, (1, 1, 1, Some(1))], None, Finding::Contradiction), 1);
        assert_eq!(count(&[one], Some(3), Finding::Unaccounted), 2);
        assert_eq!(count(&[one], Some(0), Finding::Contradiction), 1);
    }

    #[test]
    fn losses_without_a_place_cover_what_is_missing() {
        let (sums, findings) = close(&[(1, 1, 1, None), (1, 0, 0, Some(2)), (1, 1, 4, None)], None);
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!((sums.attempted, sums.found, sums.lost), (4, 2, 2));
        let (_, findings) = close(&[(1, 1, 1, None), (1, 0, 0, Some(1)), (1, 1, 4, None)], None);
        assert_eq!(findings.count(Finding::Unaccounted), 1);
    }

    #[test]
    fn records_without_a_number_are_in_no_account() {
        let notice = (1, 0, 0, None);
        let (sums, findings) = close(&[(1, 1, 1, None), notice, notice, (1, 1, 2, None)], Some(2));
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!((sums.attempted, sums.found, sums.lanes), (2, 2, 1));
    }

    #[test]
    fn ranges_join_whatever_the_order() {
        let mut ranges = Ranges::default();
        for number in [5, 3, 4, 1, 2, 8, 7] {
            assert!(ranges.insert(number));
        }
        assert!(!ranges.insert(4) && !ranges.insert(8));
        assert_eq!(ranges.ranges.into_iter().collect::<Vec<_>>(), [(1, 5), (7, 8)]);
    }
}
