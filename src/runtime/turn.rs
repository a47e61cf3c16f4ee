//! Whose turn it is to configure a runtime: one configuration after the other; those asked for on
//! the drain, where they would wait for themselves, after the pass.

use super::Runtime;
use super::core::Core;
use crate::error::{Error, ErrorKind};
use crate::sync::{Arc, AtomicBool, Mutex, MutexGuard, Ordering, lock, thread};
use std::any::Any;
use std::cell::Cell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::ThreadId;

type Job = Box<dyn FnOnce() + Send>;

/// What is kept with a runtime for those who configure it.
pub(crate) type Note = Arc<dyn Any + Send + Sync>;

#[derive(Default)]
pub(super) struct Turns {
    /// Held across waits for the drain; never taken on it.
    turn: Mutex<Option<Note>>,
    holder: Mutex<Option<ThreadId>>,
    /// Something waits in `later`.
    waiting: AtomicBool,
    later: Mutex<Later>,
}

#[derive(Default)]
struct Later {
    jobs: VecDeque<Job>,
    /// Somebody runs them.
    runs: bool,
}

/// While it lives, nobody else configures the runtime.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    note: MutexGuard<'a, Option<Note>>,
}

impl Turn<'_> {
    /// What the last one in turn has left.
    pub(crate) fn note(&self) -> Option<&Note> {
        self.note.as_ref()
    }

    pub(crate) fn set_note(&mut self, note: Note) {
        *self.note = Some(note);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *lock(&self.turns.holder) = None;
    }
}

impl Runtime {
    /// Waits until it is this thread's turn to configure the runtime.
    ///
    /// # Errors
    ///
    /// If it is already: a factory of a configuration applies another one.
    pub(crate) fn turn(&self) -> Result<Turn<'_>, Error> {
        let turns = &self.core.turns;
        let this = Some(thread::current().id());
        if *lock(&turns.holder) == this {
            let text = "a configuration cannot be applied while this thread applies another one";
            return Err(Error::new(ErrorKind::Already, text));
        }
        let note = lock(&turns.turn);
        *lock(&turns.holder) = this;
        Ok(Turn { turns, note })
    }

    /// Runs a job that may wait for the drain: where this thread drains inline, when the pass is
    /// over and before the call that drains returns; elsewhere on a thread `sawmill-config`, which
    /// ends with the last job. Jobs run one after the other.
    ///
    /// # Errors
    ///
    /// If the thread cannot be started; the job is dropped then.
    pub(crate) fn later(&self, job: Job) -> Result<(), Error> {
        let turns = &self.core.turns;
        let mut later = lock(&turns.later);
        later.jobs.push_back(job);
        turns.waiting.store(true, Ordering::Relaxed);
        if later.runs || Here::is(&self.core) {
            return Ok(());
        }
        let runtime = Arc::downgrade(&self.core);
        let run = move || {
            if let Some(core) = runtime.upgrade() {
                core.turns.run();
            }
        };
        match thread::Builder::new().name("sawmill-config".to_owned()).spawn(run) {
            Ok(_) => {
                later.runs = true;
                Ok(())
            }
            Err(error) => {
                later.jobs.pop_back();
                let text = "cannot start the thread that configures";
                Err(Error::new(ErrorKind::Io, text).because(error))
            }
        }
    }
}

impl Turns {
    /// Runs what waits, unless somebody does already.
    pub(super) fn run_waiting(&self) {
        if self.waiting.load(Ordering::Relaxed) {
            let mut later = lock(&self.later);
            if !std::mem::replace(&mut later.runs, true) {
                drop(later);
                self.run();
            }
        }
    }

    fn run(&self) {
        loop {
            let mut later = lock(&self.later);
            let Some(job) = later.jobs.pop_front() else {
                later.runs = false;
                self.waiting.store(false, Ordering::Relaxed);
                return;
            };
            drop(later);
            // A user's code that panics must not take the other jobs with it.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }
}

thread_local! {
    /// The core that this thread drains inline at the moment.
    static HERE: Cell<*const Core> = const { Cell::new(std::ptr::null()) };
}

/// Marks this thread as one that drains a runtime inline, while the guard lives.
pub(super) struct Here {
    before: *const Core,
}

impl Here {
    pub(super) fn enter(core: &Core) -> Self {
        Self { before: HERE.replace(core) }
    }

    fn is(core: &Core) -> bool {
        std::ptr::eq(HERE.get(), core)
    }
}

impl Drop for Here {
    fn drop(&mut self) {
        HERE.set(self.before);
    }
}
