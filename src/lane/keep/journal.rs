//! What stands beside a file of several processes: who is in the midst of writing to it, and who
//! has written what.
//!
//! One small file, `app.log.lock`, whose lock is held by whoever writes. Before a batch is written the writer
//! notes where it begins and how long it is; behind it, that the batch is whole. Should it be killed
//! between the two, whoever gets the lock next finds the note, and either the whole batch, or a part
//! of it at the end of the file, which is cut: nobody else can have written behind it. So a recovery
//! learns from the notes whether a dead process's last batch is there.

use crate::sync::thread;
use crate::sys;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const MAGIC: u64 = u64::from_le_bytes(*b"SAWSHAR\x01");
/// How long the lock is waited for; the naps between two looks, at first and at last.
const PATIENCE: Duration = Duration::from_secs(2);
const FIRST_NAP: Duration = Duration::from_micros(20);
const LAST_NAP: Duration = Duration::from_millis(1);

const AT_MAGIC: usize = 0;
/// The batch being written: whose it is (0: none is), its number, the file's, where it begins and
/// how long it is.
const AT_WRITER: usize = 1;
const AT_BATCH: usize = 2;
const AT_FILE: usize = 3;
const AT_BEGIN: usize = 5;
const AT_LENGTH: usize = 6;
/// Counts what was noted, so that the oldest note goes for a new owner's.
const AT_CLOCK: usize = 7;
/// Owners, each with its latest whole batch and when that was noted.
const AT_NOTES: usize = 8;
const NOTE_WORDS: usize = 3;
/// One page; as many processes may share a file.
const WORDS: usize = 512;
const NOTES: usize = (WORDS - AT_NOTES) / NOTE_WORDS;

/// Marks, in the place of a size, a file of several processes; the rest is the number of the batch
/// that waits, or 0.
pub(crate) const SHARED: u64 = 1 << 63;

/// Who writes a batch, and which: of a run's folder with its number, or of nobody who could be
/// recovered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) owner: u64,
    pub(crate) number: u64,
}

impl Batch {
    /// A batch that no recovery will ask for.
    pub(crate) const NOBODYS: Self = Self { owner: u64::MAX, number: 0 };
}

/// The file beside a shared one.
#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
    words: Box<[u64; WORDS]>,
}

/// The name of the file beside a shared one.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    name.into()
}

impl Journal {
    /// Opens it, made if need be with these permissions.
    ///
    /// # Errors
    ///
    /// As `open(2)`.
    pub(crate) fn open(path: &Path, permissions: u32) -> io::Result<Self> {
        let file = sys::options(permissions, false, true)
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(beside(path))?;
        Ok(Self { file, words: Box::new([0; WORDS]) })
    }

    /// Takes the lock, and puts right what a dead process left at the end of the file.
    ///
    /// # Errors
    ///
    /// If others hold it for too long, or the notes cannot be read; the lock is not held then.
    pub(crate) fn hold(&mut self, path: &Path) -> io::Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut nap = FIRST_NAP;
        while !sys::lock_exclusive(&self.file)? {
            if Instant::now() >= until {
                let text = "another process has held its lock for too long";
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            thread::sleep(nap);
            nap = (nap * 2).min(LAST_NAP);
        }
        let done = self.read().and_then(|()| self.put_right(path));
        if done.is_err() {
            self.let_go();
        }
        done
    }

    /// Gives the lock up.
    pub(crate) fn let_go(&self) {
        let _ = sys::unlock(&self.file);
    }

    fn read(&mut self) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(WORDS * 8);
        self.file.seek(SeekFrom::Start(0))?;
        Read::by_ref(&mut self.file).take(WORDS as u64 * 8).read_to_end(&mut bytes)?;
        self.words.fill(0);
        for (word, bytes) in self.words.iter_mut().zip(bytes.chunks_exact(8)) {
            *word = bytes.try_into().map_or(0, u64::from_le_bytes);
        }
        if self.words[AT_MAGIC] != MAGIC {
            self.words.fill(0);
            self.words[AT_MAGIC] = MAGIC;
        }
        Ok(())
    }

    /// Writes the words from one on, in one step.
    fn write(&self, from: usize, count: usize) -> io::Result<()> {
        let words = &self.words[from..from + count];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        sys::write_all_at(&self.file, &bytes, from as u64 * 8)
    }

    /// A writer was killed: its batch is whole, or cut.
    fn put_right(&mut self, path: &Path) -> io::Result<()> {
        let batch = Batch { owner: self.words[AT_WRITER], number: self.words[AT_BATCH] };
        if batch.owner == 0 {
            return Ok(());
        }
        let id = (self.words[AT_FILE], self.words[AT_FILE + 1]);
        let (begin, length) = (self.words[AT_BEGIN], self.words[AT_LENGTH]);
        let file = sys::options(0, true, true).write(true).open(path);
        // Nobody moves it but with the lock; somebody else may have.
        if let Ok(file) = file
            && let meta = file.metadata()?
            && sys::file_id(&meta).is_some_and(|found| found.numbers() == id)
        {
            if meta.len() >= begin.saturating_add(length) {
                return self.end(batch);
            }
            if meta.len() > begin {
                file.set_len(begin)?;
            }
        }
        self.words[AT_WRITER] = 0;
        self.write(AT_WRITER, 1)
    }

    /// Notes that a batch is about to be written to the end of a file.
    ///
    /// # Errors
    ///
    /// As `write(2)`: nothing may be written then.
    pub(crate) fn begin(
        &mut self,
        batch: Batch,
        id: (u64, u64),
        begin: u64,
        length: u64,
    ) -> io::Result<()> {
        let words = [batch.owner, batch.number, id.0, id.1, begin, length];
        self.words[AT_WRITER..AT_WRITER + words.len()].copy_from_slice(&words);
        // Within a page the system copies in one step.
        self.write(AT_MAGIC, AT_WRITER + words.len())
    }

    /// Notes that a batch is whole.
    ///
    /// # Errors
    ///
    /// As `write(2)`.
    pub(crate) fn end(&mut self, batch: Batch) -> io::Result<()> {
        if batch != Batch::NOBODYS {
            let at = self.place(batch.owner);
            self.words[AT_CLOCK] += 1;
            let note = [batch.owner, batch.number, self.words[AT_CLOCK]];
            self.words[at..at + NOTE_WORDS].copy_from_slice(&note);
            self.write(at, NOTE_WORDS)?;
        }
        self.words[AT_WRITER] = 0;
        self.write(AT_MAGIC, AT_NOTES)
    }

    /// Where an owner's note is: its own, or the oldest.
    fn place(&self, owner: u64) -> usize {
        let place = |note: usize| AT_NOTES + note * NOTE_WORDS;
        (0..NOTES)
            .map(place)
            .find(|at| self.words[*at] == owner)
            .or_else(|| (0..NOTES).map(place).min_by_key(|at| self.words[*at + 2]))
            .unwrap_or(AT_NOTES)
    }

    /// Whether a batch is there, as of the latest [`hold`](Self::hold).
    fn has(&self, batch: Batch) -> bool {
        let at = self.place(batch.owner);
        self.words[at] == batch.owner && self.words[at + 1] >= batch.number
    }
}

/// Whether a dead process's batch is in a shared file; what is there of it in part is cut.
pub(super) fn has_batch(path: &Path, batch: Batch) -> bool {
    if batch.number == 0 {
        return true;
    }
    let Ok(mut journal) = Journal::open(path, 0o600) else { return false };
    if journal.hold(path).is_err() {
        return false;
    }
    let has = journal.has(batch);
    journal.let_go();
    has
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::fs;
    use std::io::Write;

    fn files(name: &str) -> (PathBuf, File) {
        let path =
            std::env::temp_dir().join(format!("sawmill-journal-{name}-{}", std::process::id()));
        let _ = fs::remove_file(beside(&path));
        let file = File::options().append(true).create(true).open(&path).unwrap();
        file.set_len(0).unwrap();
        (path, file)
    }

    fn id(file: &File) -> (u64, u64) {
        sys::file_id(&file.metadata().unwrap()).unwrap().numbers()
    }

    #[test]
    fn a_batch_is_there_once_it_is_whole_and_a_part_of_one_is_cut() {
        let (path, mut file) = files("cut");
        let batch = |number| Batch { owner: 7, number };
        for (number, length, whole) in [(1, 4, true), (2, 3, false), (3, 0, false), (4, 4, true)] {
            let mut journal = Journal::open(&path, 0o600).unwrap();
            journal.hold(&path).unwrap();
            let begin = file.metadata().unwrap().len();
            journal.begin(batch(number), id(&file), begin, 4).unwrap();
            file.write_all(&b"abc\n"[..length]).unwrap();
            // The writer dies: its lock goes with it, and what it would have noted is not there.
            drop(journal);
            assert_eq!(has_batch(&path, batch(number)), whole, "{number}");
            assert!(has_batch(&path, batch(1)) && has_batch(&path, batch(0)));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "abc\nabc\n");
        fs::remove_file(beside(&path)).unwrap();
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn the_lock_is_one_writers_and_old_notes_go_for_new_ones() {
        let (path, file) = files("notes");
        let mut one = Journal::open(&path, 0o600).unwrap();
        one.hold(&path).unwrap();
        assert!(!sys::lock_exclusive(&Journal::open(&path, 0o600).unwrap().file).unwrap());
        for owner in 1..=2 * NOTES as u64 {
            one.begin(Batch { owner, number: owner }, id(&file), 0, 0).unwrap();
            one.end(Batch { owner, number: owner }).unwrap();
        }
        one.let_go();
        let has = |owner| has_batch(&path, Batch { owner, number: owner });
        assert!(has(2 * NOTES as u64) && has(NOTES as u64 + 1) && !has(NOTES as u64));
        fs::remove_file(beside(&path)).unwrap();
        fs::remove_file(path).unwrap();
    }
}
