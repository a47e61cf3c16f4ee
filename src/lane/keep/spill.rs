//! The spill file: what lies on the heap when the drain cannot write it and a signal ends the
//! process.
//!
//! It is made when the runtime starts and stays empty. A signal's handler writes, with nothing but
//! `write(2)`, the lanes that no commit covers: each as the file that a mapped lane would be, with
//! holes where nothing is unread. Whoever recovers the run unfolds it into such files and goes on
//! as with mapped lanes. The first page is written last: without it the file is not whole.

use super::header::{Header, WORDS as HEADER_WORDS};
use super::{Control, LANE};
use crate::lane::chain::Chain;
use crate::lane::view::LaneView;
use crate::sync::{Arc, AtomicU8, AtomicU64, Ordering, thread};
use crate::sys;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::{Duration, Instant};

/// The file in a run's folder.
pub(super) const SPILL: &str = "spill";
/// What it is called once it is unfolded and was not whole.
const PART: &str = "spill.part";
/// A lane's file while it is unfolded.
const UNFOLDING: &str = ".unfolding";

const MAGIC: u64 = u64::from_le_bytes(*b"SAWSPIL\x01");
const PAGE: u64 = 4096;

const EMPTY: u8 = 0;
const BEGUN: u8 = 1;

/// A process that lives this long after it spilled was saved by somebody's handler.
const SAVED_AFTER: Duration = Duration::from_secs(5);
/// How long a caller that was in the midst of a call may take to publish.
const MOMENT: Duration = Duration::from_millis(2);
/// How often the lanes are looked at again because somebody published meanwhile.
const LOOKS: usize = 5;

/// A run's spill file, as its own process uses it.
#[derive(Debug)]
pub(super) struct Spill {
    file: File,
    state: AtomicU8,
    lanes: Chain<Arc<LaneView>>,
}

impl Spill {
    pub(super) fn create(folder: &Path) -> io::Result<Self> {
        let mut options = sys::options(0o600, false, true);
        let file = options.write(true).create_new(true).open(folder.join(SPILL))?;
        Ok(Self { file, state: AtomicU8::new(EMPTY), lanes: Chain::new() })
    }

    pub(super) fn add(&self, view: Arc<LaneView>) {
        self.lanes.push(view);
    }

    /// Returns true for the one that is to write it.
    pub(super) fn begin(&self) -> bool {
        self.state.compare_exchange(EMPTY, BEGUN, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Writes what no commit covers: system calls and loads only. The callers are stopped, but for
    /// those in the midst of a call.
    pub(super) fn write(&self, control: &Control) -> io::Result<()> {
        for _ in 0..LOOKS {
            sys::nap(MOMENT);
            if self.write_once(control)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Returns false if somebody published meanwhile.
    fn write_once(&self, control: &Control) -> io::Result<bool> {
        let (owner, (_, committed)) = (control.owner(), control.epochs());
        let counts = |known, epoch| known == owner && epoch <= committed;
        self.file.set_len(0)?;
        let mut length = PAGE;
        let mut sum = 0_u64;
        for view in self.lanes.iter() {
            let header = view.header();
            if header.capacity().is_none() {
                continue;
            }
            let (head, tail) = view.range();
            sum = sum.wrapping_add(tail);
            if header.reached(counts) == Some((tail, header.marks().dropped())) {
                continue;
            }
            view.note_tail(tail);
            sys::write_all_at(&self.file, view.header_bytes(), length)?;
            for (place, bytes) in view.bytes(head, tail) {
                let at = length + (HEADER_WORDS * 8 + place) as u64;
                sys::write_all_at(&self.file, bytes, at)?;
            }
            length += view.length();
            // A lane counts once the file is as long as it.
            self.file.set_len(length)?;
        }
        let used = self.lanes.iter().filter(|view| view.header().capacity().is_some());
        if used.fold(0_u64, |sum, view| sum.wrapping_add(view.range().1)) != sum {
            return Ok(false);
        }
        if length == PAGE {
            self.file.set_len(0)?;
            return Ok(true);
        }
        let mut first = [0; 16];
        first[..8].copy_from_slice(&MAGIC.to_le_bytes());
        first[8..].copy_from_slice(&length.to_le_bytes());
        sys::write_all_at(&self.file, &first, 0)?;
        Ok(true)
    }

    /// Keeps the drain from noting anything while the file is written or the process ends.
    #[inline]
    pub(super) fn stand_aside(&self) {
        if self.state.load(Ordering::Relaxed) != EMPTY {
            self.wait();
        }
    }

    #[cold]
    fn wait(&self) {
        let until = Instant::now() + SAVED_AFTER;
        while self.state.load(Ordering::Relaxed) != EMPTY && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        self.take_back();
    }

    /// The process goes on after all: what was spilled is still to be written by the drain.
    pub(super) fn take_back(&self) {
        let _ = self.file.set_len(0);
        self.state.store(EMPTY, Ordering::Relaxed);
    }
}

/// What a dead run's folder has of a spill file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfolded {
    /// None, or one that was whole: the lanes are there as files.
    Whole,
    /// Nothing, or only some lanes: what else was unread is lost.
    Part,
}

/// Makes files of the lanes in a dead run's spill file. May be interrupted and repeated.
pub(super) fn unfold(folder: &Path) -> io::Result<Unfolded> {
    let path = folder.join(SPILL);
    let mut file = match sys::options(0o600, false, true).read(true).open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let part = folder.join(PART).exists();
            return Ok(if part { Unfolded::Part } else { Unfolded::Whole });
        }
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(Unfolded::Part);
    }
    let mut first = [0; 16];
    let whole = file.read_exact(&mut first).is_ok()
        && first[..8] == MAGIC.to_le_bytes()
        && first[8..] == length.to_le_bytes();
    let mut at = PAGE;
    let mut number = 0;
    while let Some(lane) = lane_at(&mut file, at)?
        && at + lane <= length
    {
        number += 1;
        file.seek(SeekFrom::Start(at))?;
        let unfolding = folder.join(UNFOLDING);
        let mut options = sys::options(0o600, false, true);
        let mut made = options.write(true).create(true).truncate(true).open(&unfolding)?;
        io::copy(&mut (&file).take(lane), &mut made)?;
        fs::rename(&unfolding, folder.join(format!("{LANE}{number}")))?;
        at += lane;
    }
    if whole {
        fs::remove_file(path)?;
        return Ok(Unfolded::Whole);
    }
    fs::rename(path, folder.join(PART))?;
    Ok(Unfolded::Part)
}

/// The length of the lane whose header is at this place.
fn lane_at(file: &mut File, at: u64) -> io::Result<Option<u64>> {
    let mut bytes = vec![0; HEADER_WORDS * 8];
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    }
    let words: Vec<AtomicU64> = bytes
        .chunks_exact(8)
        .map(|word| AtomicU64::new(word.try_into().map_or(0, u64::from_ne_bytes)))
        .collect();
    let capacity = Header::new(&words).capacity();
    Ok(capacity.map(|capacity| ((HEADER_WORDS + capacity) * 8) as u64))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use crate::lane::ends::{self, Consumer, Producer};
    use crate::lane::memory::LaneMemory;
    use crate::record::ThreadInfo;
    use crate::sys::SharedMap;
    use std::path::PathBuf;

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("sawmill-spill-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    /// A lane of 512 words with `count` of them published.
    fn lane(spill: &Spill, number: u32, count: u64) -> (Producer, Consumer) {
        let (mut producer, consumer, view) = ends::viewed(512);
        let header = producer.header().unwrap();
        header.begin(512, number, &ThreadInfo::default(), consumer.head());
        spill.add(view);
        for word in 0..count {
            // SAFETY: the word is written.
            assert!(unsafe {
                producer.write(1, 0, |space| {
                    space[0].write(word);
                })
            });
        }
        (producer, consumer)
    }

    /// The words of a lane's file that are not given back.
    fn words_of(path: PathBuf) -> Vec<u64> {
        let memory = LaneMemory::inherited(SharedMap::open(&path).unwrap(), path).unwrap();
        let progress = memory.header().progress(|_, _| false).unwrap();
        let mut reader = memory.reader(progress.position).unwrap();
        let (head, tail) = (reader.head(), reader.tail());
        reader.with_words(head, tail, |first, second| [first, second].concat())
    }

    #[test]
    fn lanes_come_out_as_they_went_in() {
        let folder = folder("whole");
        let control = Control::create(&folder.join("control"), 7).unwrap();
        let spill = Spill::create(&folder).unwrap();
        assert_eq!(unfold(&folder).unwrap(), Unfolded::Part, "nothing was spilled");
        let _lanes = [lane(&spill, 1, 100), lane(&spill, 2, 0), lane(&spill, 3, 512)];
        assert!(spill.begin() && !spill.begin());
        spill.write(&control).unwrap();
        assert_eq!(unfold(&folder).unwrap(), Unfolded::Whole);
        assert_eq!(unfold(&folder).unwrap(), Unfolded::Whole, "again");
        assert!(!folder.join(SPILL).exists());
        assert_eq!(words_of(folder.join("lane-1")), (0..100).collect::<Vec<_>>());
        assert_eq!(words_of(folder.join("lane-2")), (0..512).collect::<Vec<_>>());
        assert!(!folder.join("lane-3").exists(), "an empty lane is left out");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn of_a_file_that_was_cut_off_whole_lanes_count() {
        let folder = folder("part");
        let control = Control::create(&folder.join("control"), 7).unwrap();
        let spill = Spill::create(&folder).unwrap();
        let _lanes = [lane(&spill, 1, 10), lane(&spill, 2, 20)];
        spill.write(&control).unwrap();
        let length = spill.file.metadata().unwrap().len();
        spill.file.set_len(length - 8).unwrap();
        for _ in 0..2 {
            assert_eq!(unfold(&folder).unwrap(), Unfolded::Part);
            assert_eq!(words_of(folder.join("lane-1")), (0..10).collect::<Vec<_>>());
            assert!(!folder.join("lane-2").exists());
        }
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_committed_is_not_spilled() {
        let folder = folder("committed");
        let control = Control::create(&folder.join("control"), 7).unwrap();
        let spill = Spill::create(&folder).unwrap();
        let (_producer, mut consumer) = lane(&spill, 1, 100);
        let header = consumer.header().unwrap();
        let counts = |_, epoch| epoch <= control.epochs().1;
        let read =
            super::super::Progress { owner: 7, epoch: 1, position: 100, ..Default::default() };
        header.mark(&read, counts);
        control.commit(1);
        consumer.release(100);
        spill.write(&control).unwrap();
        assert_eq!(spill.file.metadata().unwrap().len(), 0);
        fs::remove_dir_all(folder).unwrap();
    }
}
