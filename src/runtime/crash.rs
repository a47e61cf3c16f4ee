//! Crash handling: what is published gets written although a signal ends the process.

use crate::error::{Error, ErrorKind};
use crate::lane::{Ask, Mode, Outcome};
use crate::sync::{Arc, AtomicU64, Mutex, OnceLock, Ordering, lock};
use crate::sys::{self, Caught};
use crate::tree::Tree;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What is caught when the process ends by a signal; see [`RuntimeBuilder::crash_handling`].
///
/// A caught signal holds the process up until the drain has written everything that was
/// published, or the deadline has passed; then what would have been done without sawmill is done:
/// the handler that was installed before is called, or the process ends by that very signal.
///
/// | option | default | |
/// |---|---|---|
/// | [`faults`](Self::faults) | on | SIGABRT, SIGSEGV (stack overflow too), SIGBUS, SIGILL, SIGFPE |
/// | [`requests`](Self::requests) | on | SIGTERM, SIGINT, SIGHUP, unless they are ignored |
/// | [`panics`](Self::panics) | on | a record for each panic; under `panic = "abort"` it is written first |
/// | [`deadline`](Self::deadline) | 2 s | 10 ms to 1 min |
/// | [`spill`](Self::spill) | none | where records go that the drain cannot write |
///
/// [`RuntimeBuilder::crash_handling`]: crate::RuntimeBuilder::crash_handling
///
/// # Examples
///
/// ```no_run
/// use sawmill::CrashHandling;
/// use std::time::Duration;
///
/// sawmill::builder()
///     .console()
///     .crash_handling(CrashHandling::new().deadline(Duration::from_millis(500)))
///     .init()?;
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashHandling {
    faults: bool,
    requests: bool,
    panics: bool,
    deadline: Duration,
    spill: Option<PathBuf>,
}

impl Default for CrashHandling {
    fn default() -> Self {
        Self::new()
    }
}

impl CrashHandling {
    /// Everything, with a deadline of two seconds.
    pub fn new() -> Self {
        Self {
            faults: true,
            requests: true,
            panics: true,
            deadline: Duration::from_secs(2),
            spill: None,
        }
    }

    /// Whether faults are caught.
    #[must_use]
    pub fn faults(mut self, on: bool) -> Self {
        self.faults = on;
        self
    }

    /// Whether requests to end are caught.
    #[must_use]
    pub fn requests(mut self, on: bool) -> Self {
        self.requests = on;
        self
    }

    /// Whether each panic is logged, at `CRITICAL` by the logger `panic`, before the hook that was
    /// there before runs. Only with [`init`](crate::RuntimeBuilder::init): panics are the process's.
    #[must_use]
    pub fn panics(mut self, on: bool) -> Self {
        self.panics = on;
        self
    }

    /// How long the process's end may be held up.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// A directory for what the drain cannot write before the process ends: it is the drain itself
    /// that crashed, a handler holds it up beyond the deadline, or whoever crashed holds the heap's
    /// lock. Linux only.
    ///
    /// A file is opened there at the start, and stays empty unless that happens. Then the signal's
    /// handler writes to it what no file has got yet, with `write(2)` and nothing else. The
    /// next process that starts with the same directory writes those records through its own
    /// handlers, in the order of time, marked by the field `recovered`; so does
    /// [`Runtime::recover`](crate::Runtime::recover), and `sawmill recover DIR`. Records get into
    /// the files of file handlers exactly once. A program's processes use one directory, other
    /// programs another.
    ///
    /// Costs a call nothing. The rings keep records until they are written, instead of until
    /// they are read; a thread's lane takes 12 KiB more. Lanes in files need none of this:
    /// together with other [`Lanes`](crate::Lanes) than those on the heap it is refused.
    #[must_use]
    pub fn spill(mut self, dir: impl Into<PathBuf>) -> Self {
        self.spill = Some(dir.into());
        self
    }

    pub(crate) fn spill_dir(&self) -> Option<&Path> {
        self.spill.as_deref()
    }

    pub(crate) fn wants_panics(&self) -> bool {
        self.panics
    }

    pub(crate) fn check(&self) -> Result<(), Error> {
        if (Duration::from_millis(10)..=Duration::from_secs(60)).contains(&self.deadline) {
            return Ok(());
        }
        Err(Error::invalid(format!(
            "crash_handling: the deadline {:?} is not between 10 ms and 1 min",
            self.deadline
        )))
    }
}

/// Runtimes with crash handling that a process can have over its life: their places are read
/// without a lock, and never given back.
const PLACES: usize = 16;
static PLACE: [OnceLock<Arc<Tree>>; PLACES] = [const { OnceLock::new() }; PLACES];
static PLACED: Mutex<usize> = Mutex::new(0);
/// How long a thread waits for another one that spills.
const SPILLING: Duration = Duration::from_secs(2);
/// The thread that a fault, or a request to end, interrupted first.
static ENDING: AtomicU64 = AtomicU64::new(0);
/// The thread whose fault was answered, and is the business of the handler before ours; and when,
/// in milliseconds after [`BEGINNING`].
static ANSWERED: AtomicU64 = AtomicU64::new(0);
static ANSWERED_MS: AtomicU64 = AtomicU64::new(0);
static BEGINNING: OnceLock<Instant> = OnceLock::new();
/// So long after a fault an abort of the same thread is that handler's way to end.
const ITS_ABORT_MS: u64 = 5_000;

/// Has a runtime's lanes emptied before a signal ends the process.
pub(crate) fn install(tree: &Arc<Tree>, options: &CrashHandling) -> Result<(), Error> {
    let mut placed = lock(&PLACED);
    let Some(place) = PLACE.get(*placed) else {
        let text = format!("crash_handling: {PLACES} runtimes of this process have it already");
        return Err(Error::new(ErrorKind::Invalid, text));
    };
    tree.hub().last_call().set_patience(options.deadline.as_millis() as u64);
    sys::catch_signals(options.faults, options.requests, on_signal)
        .map_err(|error| Error::new(ErrorKind::Io, "crash_handling").because(error))?;
    BEGINNING.get_or_init(Instant::now);
    let _ = place.set(tree.clone());
    *placed += 1;
    Ok(())
}

fn trees() -> impl Iterator<Item = &'static Arc<Tree>> {
    PLACE.iter().map_while(OnceLock::get).filter(|tree| tree.hub().last_call().drain() != 0)
}

fn since_beginning_ms() -> u64 {
    BEGINNING.get().map_or(0, |from| from.elapsed().as_millis() as u64)
}

/// Runs in the signal's handler: atomics, naps, and system calls that a handler may make.
///
/// What follows a fault comes on the same stack of 8 KiB, of which two signals and what they keep of
/// the processor's registers leave little: it gets no further than here.
fn on_signal(caught: Caught) {
    if caught.is_abort
        && ANSWERED.load(Ordering::Relaxed) == sys::thread_id()
        && since_beginning_ms() - ANSWERED_MS.load(Ordering::Relaxed) < ITS_ABORT_MS
    {
        return;
    }
    answer(caught);
}

#[inline(never)]
fn answer(caught: Caught) {
    if !caught.is_fault && !caught.is_default {
        // The program has a handler of its own, and may go on.
        return trees().for_each(|tree| ask(tree, Ask::Flush));
    }
    let me = sys::thread_id();
    let first = ENDING.compare_exchange(0, me, Ordering::Relaxed, Ordering::Relaxed);
    if first == Err(me) {
        // A fault on the way to the end, or the abort that follows a fault.
        return;
    }
    trees().for_each(|tree| {
        tree.hub().last_call().interrupt(me);
        ask(tree, Ask::End);
    });
    let patience = trees().map(|tree| tree.hub().last_call().patience_ms()).max().unwrap_or(0);
    let deadline = Instant::now() + Duration::from_millis(patience);
    let is_waited_for = |tree: &&Arc<Tree>| {
        let hub = tree.hub();
        // A drain that faults itself will not answer.
        hub.last_call().drain() != me
            && hub.mode() != Mode::Ended
            && hub.last_call().outcome() == Outcome::Pending
    };
    let mut time = Duration::from_micros(20);
    while trees().any(|tree| is_waited_for(&tree)) && Instant::now() < deadline {
        sys::nap(time);
        time = (time * 2).min(Duration::from_millis(1));
    }
    trees().filter(|tree| tree.hub().last_call().outcome() != Outcome::Written).for_each(spill);
    if first.is_ok() && !caught.is_default {
        // The handler before ours may mend the fault: then the next one is a new one.
        ANSWERED_MS.store(since_beginning_ms(), Ordering::Relaxed);
        ANSWERED.store(me, Ordering::Relaxed);
        ENDING.store(0, Ordering::Relaxed);
    }
}

fn ask(tree: &Arc<Tree>, what: Ask) {
    tree.hub().last_call().ask(what);
    tree.hub().wake().wake_from_signal();
}

/// Puts what the drain did not write where the next start finds it.
fn spill(tree: &Arc<Tree>) {
    let hub = tree.hub();
    let Some(keeper) = hub.spiller() else { return };
    if !keeper.begin_to_spill() {
        // Another thread is at it, and ends no sooner than that is done.
        let until = Instant::now() + SPILLING;
        while hub.last_call().outcome() != Outcome::Spilled && Instant::now() < until {
            sys::nap(Duration::from_millis(1));
        }
        return;
    }
    // Whoever calls from now on publishes and does not return.
    if hub.mode() != Mode::Ended {
        hub.set_mode(Mode::Dying);
    }
    tree.stop_calls();
    if keeper.spill().is_err() {
        let _ = sys::write_all_fd(2, b"sawmill: the spill file takes nothing, records are lost\n");
    }
    hub.last_call().tell(Outcome::Spilled);
}
