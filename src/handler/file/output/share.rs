//! One file of several processes: a lock beside it, which whoever writes or rotates holds.

use super::*;
use crate::lane::keep::{Batch, Journal};

/// Bytes that wait for the end of a batch, where a recovery has to know what of it is written.
const KEPT_BYTES: usize = 4 << 20;

/// The file beside a shared one, whose lock stands for it.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// With the process that opened it: a forked child that went on with the same description
    /// would hold the lock together with its parent.
    journal: Option<(u32, Journal)>,
    /// How many holds there are, one in the other.
    holds: u32,
    /// The batch that is written next, and by which process: not by a forked child.
    batch: Option<(u32, Batch)>,
}

impl Output {
    /// Whether other processes write to the file as well, and agree on it.
    pub(crate) fn is_shared(&self) -> bool {
        self.options.shared
    }

    /// Keeps other processes from writing to the file and moving it, until
    /// [`let_go`](Self::let_go); nothing happens if it is not shared. The file at the path is open
    /// then, and its size known.
    ///
    /// # Errors
    ///
    /// If others hold the lock for too long, or the file beside cannot be opened; nothing is held.
    pub(crate) fn hold(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if !self.options.shared {
            return Ok(());
        }
        if self.share.holds == 0 {
            self.take_lock().map_err(|error| Error::io("lock", &self.path, error))?;
        }
        self.share.holds += 1;
        let looked = self.look_at_shared(cx);
        if looked.is_err() {
            self.let_go();
        }
        looked
    }

    fn take_lock(&mut self) -> io::Result<()> {
        let process = std::process::id();
        let opened = self.share.journal.take().filter(|(opener, _)| *opener == process);
        let mut journal = match opened {
            Some((_, journal)) => journal,
            None => Journal::open(&self.path, self.options.permissions)?,
        };
        let held = journal.hold(&self.path);
        self.share.journal = Some((process, journal));
        held
    }

    fn look_at_shared(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.file.is_some() {
            self.look_around(cx)?;
        }
        self.open()
    }

    /// Lets others write, once as many holds have ended as began.
    pub(crate) fn let_go(&mut self) {
        if !self.options.shared {
            return;
        }
        self.share.holds = self.share.holds.saturating_sub(1);
        if self.share.holds == 0
            && let Some((_, journal)) = &self.share.journal
        {
            journal.let_go();
        }
    }

    /// Notes what is about to be written, with the lock.
    pub(super) fn note_begin(&mut self) -> Result<(), Error> {
        let batch = self.share.batch();
        let Self { file: Some(open), share, committed, path, .. } = self else { return Ok(()) };
        let (Some((_, journal)), Some(id), true) = (&mut share.journal, open.id, open.regular)
        else {
            return Ok(());
        };
        let noted = journal.begin(batch, id.numbers(), open.size, *committed as u64);
        noted.map_err(|error| Error::io("lock", path, error))
    }

    /// Notes how that ended. Of a batch that was not written to its end nothing is said.
    pub(super) fn note_end(&mut self, whole: bool) {
        let batch = if whole { self.share.batch() } else { Batch::NOBODYS };
        let Some((_, journal)) = &mut self.share.journal else { return };
        // What cannot be noted the next one finds out.
        let _ = journal.end(batch);
    }

    /// The next write is this batch of a run that may be recovered: all of it is to be written at
    /// once.
    pub(crate) fn set_batch(&mut self, owner: u64, number: u64) {
        if self.options.shared {
            self.share.batch = Some((std::process::id(), Batch { owner, number }));
            self.batch_bytes = KEPT_BYTES;
        }
    }

    /// The bytes that wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.committed as u64
    }

    /// Returns true if a batch is full.
    pub(crate) fn wants_write(&self) -> bool {
        self.committed >= self.batch_bytes && self.is_due()
    }
}

impl Share {
    fn batch(&self) -> Batch {
        let mine = self.batch.filter(|(process, _)| *process == std::process::id());
        mine.map_or(Batch::NOBODYS, |(_, batch)| batch)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use crate::handler::file::testing::{Desk, TestDir};
    use crate::handler::file::{FileHandler, FileMode, Rotate, TimedRotatingFileHandler};

    #[test]
    fn who_cannot_share_a_file_says_so() {
        let dir = TestDir::new();
        let path = dir.join("a.log");
        let timed = TimedRotatingFileHandler::builder(&path).shared(true).build().map(drop);
        let emptied = FileHandler::builder(&path).mode(FileMode::Truncate).shared(true).build();
        for refused in [timed, emptied.map(drop)] {
            let error = refused.unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains("shared: "), "{error}");
        }
    }

    #[test]
    fn two_handlers_of_one_file_rotate_it_between_their_batches() {
        let dir = TestDir::new();
        let desk = || {
            let builder = FileHandler::builder(dir.join("a.log")).shared(true);
            Desk::new(builder.rotate(Rotate::size(100)).build().unwrap())
        };
        let (mut one, mut two) = (desk(), desk());
        for n in 0..20 {
            one.log(&format!("one {n:02}")).unwrap();
            two.log(&format!("two {n:02}")).unwrap();
        }
        let mut lines = Vec::new();
        for name in dir.names().iter().filter(|name| *name != "a.log.lock") {
            let text = dir.read(name);
            assert!(text.len() <= 100, "{name} {}", text.len());
            lines.extend(text.lines().map(str::to_owned));
        }
        lines.sort();
        let expected: Vec<String> = ["one", "two"]
            .iter()
            .flat_map(|w| (0..20).map(move |n| format!("{w} {n:02}")))
            .collect();
        assert_eq!(lines, expected);
    }
}
