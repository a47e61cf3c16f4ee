//! How long it takes from a call until its line can be read from the file.

use crate::machine::{self, ticks};
use crate::report::{Figure, add_percentiles};
use crate::subject::{Setup, Subject};
use crate::workload::Size;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// After this a line counts as never seen.
const LIMIT_NS: f64 = 2e9;

/// One record at a time, each after a pause in which the logger falls asleep as it likes.
pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    let records = size.batches.min(500);
    subject.ints(0, 0, 0.0);
    std::thread::sleep(Duration::from_millis(300));
    let (mut seen, mut unseen) = (Vec::with_capacity(records), 0);
    let path = live(&setup.file);
    let Some(mut file) = path.and_then(|path| File::open(path).ok()) else {
        subject.end();
        return vec![Figure::new("never seen", "records", (records + 1) as f64)];
    };
    let (mut at, mut buffer) = (0_u64, vec![0_u8; 64 << 10]);
    at += line_end(&mut file, at, &mut buffer).unwrap_or(0);
    for n in 0..records as u64 {
        std::thread::sleep(Duration::from_micros(1_000 + n * 7919 % 500));
        let from = ticks();
        subject.ints(n, n, 0.5);
        loop {
            if let Some(line) = line_end(&mut file, at, &mut buffer) {
                at += line;
                seen.push(machine::ns(from, ticks()));
                break;
            }
            if machine::ns(from, ticks()) > LIMIT_NS {
                unseen += 1;
                break;
            }
            std::thread::yield_now();
        }
        if unseen > 2 {
            break;
        }
    }
    let mut figures = Vec::new();
    if !seen.is_empty() {
        add_percentiles(&mut figures, "", &mut seen);
    }
    figures.push(Figure::new("never seen", "records", f64::from(unseen)));
    subject.end();
    figures
}

/// The file that is being written: the latest whose name holds that of the log.
fn live(file: &Path) -> Option<PathBuf> {
    let name = file.file_name()?.to_string_lossy().into_owned();
    let entries = std::fs::read_dir(file.parent()?).ok()?.flatten();
    let mine = entries.filter(|entry| entry.file_name().to_string_lossy().contains(&name));
    let nonempty = mine.filter(|entry| entry.metadata().is_ok_and(|found| found.len() > 0));
    nonempty.map(|entry| entry.path()).next()
}

/// The length of the whole lines from `at` on; `None` if there is none yet. A mapped file holds
/// NULs where nothing was written.
fn line_end(file: &mut File, at: u64, buffer: &mut [u8]) -> Option<u64> {
    file.seek(SeekFrom::Start(at)).ok()?;
    let read = file.read(buffer).ok()?;
    let last = buffer[..read].iter().rposition(|&byte| byte == b'\n')?;
    Some(last as u64 + 1)
}
