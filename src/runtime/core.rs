//! What keeps a runtime together: its tree, its backend, and the way of requests between them.

use super::crash::{self, CrashHandling};
use super::durability::Lanes;
use super::fork;
use super::seat::{Borrowed, Seat};
#[cfg(feature = "config")]
use super::turn::{Here, Turns};
use crate::binary::BLOCK_FILES;
use crate::capture;
use crate::clock::{self, ClockSource};
use crate::drain::{
    Backend, BackendOptions, DrainBooks, Ended, ErrorHook, Failure, FailureKind, Failures,
    HandlerFn, Recovery, Report, Request, Requests, Stats, ThreadOptions, run, to_stderr,
};
use crate::error::{Error, ErrorKind};
use crate::handler::{CapturedRecords, Context, Handler, HandlerRef, Home};
use crate::lane::fork::Fork;
use crate::lane::keep::{Collection, Keeper, Run, claim};
use crate::lane::{Back, Hub, HubOptions, Mode, Ticket, is_on_drain, ticket};
use crate::record::{Birth, ProcessInfo};
use crate::sync::{Arc, AtomicBool, Mutex, Ordering, Weak, lock, thread};
use crate::sys;
use crate::tree::{Told, Tree};
use std::path::Path;
use std::time::{Duration, Instant};

/// Who drains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drain {
    /// A thread of its own: callers publish and go on.
    #[default]
    Thread,
    /// The caller: each call delivers its record before it returns, through the same decoder,
    /// routing and handlers. For tests, small programs and replays.
    Inline,
}

/// Stands for a drain whose thread is about to begin.
const STARTING: u64 = u64::MAX;
/// How long a fork waits for the drain to come to a stand, and the drain for the fork to be over.
const FORK_LIMIT: Duration = Duration::from_secs(1);
/// How a process's exit waits for runtimes.
const EXIT_LIMIT: Duration = Duration::from_secs(1);
/// How long a call in an exit handler waits for its own record.
const CALL_LIMIT: Duration = Duration::from_secs(1);

/// What a runtime is made with.
#[derive(Clone)]
pub(crate) struct CoreOptions {
    pub(crate) drain: Drain,
    pub(crate) thread: ThreadOptions,
    pub(crate) thread_name: String,
    pub(crate) clock: ClockSource,
    pub(crate) hub: HubOptions,
    pub(crate) backend: BackendOptions,
    pub(crate) hook: ErrorHook,
    pub(crate) report_every: bool,
    pub(crate) exit_hook: bool,
    pub(crate) crash: Option<CrashHandling>,
    pub(crate) lanes: Lanes,
}

impl CoreOptions {
    /// The directory in which records outlive the process: in lanes, or spilled.
    fn kept_in(&self) -> Option<(&Path, bool)> {
        match (&self.lanes, self.crash.as_ref().and_then(CrashHandling::spill_dir)) {
            (Lanes::Mapped(dir), _) => Some((dir, false)),
            (Lanes::Heap, Some(dir)) => Some((dir, true)),
            (Lanes::Heap, None) | (Lanes::Collected(_), _) => None,
        }
    }
}

/// A runtime's parts.
pub(crate) struct Core {
    tree: Arc<Tree>,
    books: Arc<DrainBooks>,
    requests: Arc<Requests>,
    /// Serialises starts and ends; never taken on the drain.
    life: Mutex<Life>,
    /// The backend while no thread has it.
    seat: Arc<Seat>,
    captured: Mutex<Option<CapturedRecords>>,
    /// Whose turn it is to configure, and what waits for one.
    #[cfg(feature = "config")]
    pub(super) turns: Turns,
    /// The runtime has ended, and everything published before its end was taken.
    emptied: AtomicBool,
    /// A wait at the process's end was in vain, and others would be: it has been told.
    gave_up: AtomicBool,
}

/// A backend that stands still for a fork.
pub(super) struct Standing {
    backend: Borrowed,
    fork: Arc<Fork>,
}

impl Standing {
    /// The fork is over, in the parent.
    pub(super) fn end(self) {
        drop(self.backend);
        self.fork.end();
    }
}

struct Life {
    state: LifeState,
    options: CoreOptions,
    thread: Option<thread::JoinHandle<()>>,
    last: Option<Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LifeState {
    Unconfigured,
    Running,
    Stopped,
    Ended,
}

/// Every runtime that wants to be flushed when the process ends.
static AT_EXIT: Mutex<Vec<Weak<Core>>> = Mutex::new(Vec::new());

impl Core {
    /// Makes a runtime that nobody has configured: callers drain, nothing is started.
    pub(crate) fn new(options: CoreOptions, is_default: bool) -> Arc<Self> {
        let (stamper, timeline) = clock::start(&options.clock);
        let hub = Hub::new(stamper, options.hub.clone(), is_default);
        let tree = Tree::new(hub.clone());
        let books = Arc::new(DrainBooks::default());
        let failures = Failures::new(options.hook.clone(), options.report_every);
        let backend =
            Backend::new(&tree, timeline, options.backend.clone(), books.clone(), failures);
        let requests = Arc::new(Requests::new(hub.clone()));
        tree.set_birth(birth(&backend, &options));
        let life = Life { state: LifeState::Unconfigured, options, thread: None, last: None };
        let core = Arc::new(Self {
            tree,
            books,
            requests,
            life: Mutex::new(life),
            seat: Seat::new(Box::new(backend)),
            captured: Mutex::new(None),
            #[cfg(feature = "config")]
            turns: Turns::default(),
            emptied: AtomicBool::new(false),
            gave_up: AtomicBool::new(false),
        });
        let weak = Arc::downgrade(&core);
        core.tree.set_home(weak.clone());
        hub.set_back(weak);
        core
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    fn hub(&self) -> &Arc<Hub> {
        self.tree.hub()
    }

    /// Configures a runtime that is not configured yet, and starts its drain.
    pub(crate) fn start(self: &Arc<Self>, options: CoreOptions) -> Result<(), Error> {
        let mut life = lock(&self.life);
        if life.state != LifeState::Unconfigured {
            return Err(Error::new(
                ErrorKind::Already,
                "the default runtime has been configured already",
            ));
        }
        {
            let Some(mut backend) = self.seat.borrow(None) else { return Err(closed()) };
            let (stamper, timeline) = clock::start(&options.clock);
            backend.drain_all(Instant::now() + EXIT_LIMIT);
            self.hub().configure(stamper, options.hub.clone());
            let failures = Failures::new(options.hook.clone(), options.report_every);
            backend.configure(timeline, options.backend.clone(), failures);
            self.tree.set_birth(birth(&backend, &options));
        }
        if let Some((dir, spills)) = options.kept_in() {
            self.keep(dir, spills, &options)?;
        }
        if let Lanes::Collected(dir) = &options.lanes {
            self.keep_for_collector(dir, &options)?;
            fork::watch(self);
            life.options = options;
            self.set_mode(Mode::Threaded);
            life.state = LifeState::Running;
            return Ok(());
        }
        let drain = options.drain;
        if options.exit_hook {
            at_exit(self);
        }
        fork::watch(self);
        life.options = options;
        if drain == Drain::Thread {
            self.spawn(&mut life)?;
        } else {
            self.set_mode(Mode::Inline);
        }
        life.state = LifeState::Running;
        match &life.options.crash {
            Some(crash) => crash::install(&self.tree, crash),
            None => Ok(()),
        }
    }

    /// Has lanes made from now on outlive the process, and takes over what dead ones left.
    fn keep(&self, dir: &Path, spills: bool, options: &CoreOptions) -> Result<(), Error> {
        let Some(mut backend) = self.seat.borrow(None) else { return Err(closed()) };
        let keeper = Keeper::create(dir, &run_of(&backend, options), spills)?;
        self.tell_names(&keeper);
        let estates = claim(dir, &BLOCK_FILES).map_err(|error| Error::io("recover", dir, error))?;
        let _here = Backend::enter();
        backend.keep(Some(keeper.clone()));
        if !backend.keep_recorder(&keeper) {
            self.hub().count_unkept();
        }
        self.hub().set_keeper(Some(keeper));
        let _ = backend.inherit(estates, after(RECOVERY_LIMIT));
        Ok(())
    }

    /// Has names of loggers written down for other processes.
    fn tell_names(&self, keeper: &Arc<Keeper>) {
        let names = Arc::downgrade(keeper);
        self.tree.watch_names(move |number, told| {
            if let Some(keeper) = names.upgrade() {
                match told {
                    Told::Name(name) => keeper.name(number, name),
                    Told::Level { generation, least } => keeper.level(number, generation, least),
                }
            }
        });
    }

    /// Has lanes made from now on drained by another process.
    fn keep_for_collector(&self, dir: &Path, options: &CoreOptions) -> Result<(), Error> {
        let Some(backend) = self.seat.borrow(None) else { return Err(closed()) };
        let keeper = Keeper::create(dir, &run_of(&backend, options), false)?;
        self.tell_names(&keeper);
        keeper.control().set_clock(backend.anchor());
        keeper.set_collected();
        self.hub().set_keeper(Some(keeper));
        Ok(())
    }

    /// Waits until the process that drains the lanes has written what they hold, and every loss.
    fn await_collector(&self, deadline: Instant) -> Report {
        let mut nap = Duration::from_micros(50);
        loop {
            let written = self.hub().book_collected();
            let totals = self.hub().totals();
            if written || Instant::now() >= deadline {
                let published: u64 = totals.published.iter().sum();
                let text = "the process that drains the lanes has not written everything in time";
                return Report {
                    complete: written,
                    synced: false,
                    written: totals.taken,
                    lost: totals.dropped.iter().sum(),
                    pending: published.saturating_sub(totals.taken),
                    reasons: if written { Vec::new() } else { vec![text.to_owned()] },
                };
            }
            thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(5));
        }
    }

    pub(crate) fn collect(&self, dir: &Path) -> Result<(), Error> {
        if is_on_drain() {
            return Err(Error::new(ErrorKind::OnDrain, "collecting was asked for on the drain"));
        }
        let life = lock(&self.life);
        if life.thread.is_none() || self.hub().is_collected() {
            return Err(Error::invalid("collect: the runtime has no drain's thread"));
        }
        let failed = |error| Error::io("collect", dir, error);
        let Some(collection) = Collection::begin(dir).map_err(failed)? else {
            let text = format!("another process collects the lanes of {}", dir.display());
            return Err(Error::new(ErrorKind::Already, text));
        };
        let keeper = match self.hub().keeper() {
            Some(_) => None,
            None => {
                let process =
                    ProcessInfo { id: std::process::id(), ..life.options.backend.process.clone() };
                let keeper = Keeper::create(dir, &Run { process, ..new_run() }, false)?;
                self.tell_names(&keeper);
                Some(keeper)
            }
        };
        let deadline = after(RECOVERY_LIMIT);
        let noted = keeper.clone();
        self.ask(deadline + GRACE, |answer| Request::Collect {
            collection,
            keeper: noted,
            deadline,
            answer,
        })??;
        if keeper.is_some() {
            self.hub().set_keeper(keeper);
        }
        Ok(())
    }

    /// How many processes' lanes were found to be collected, and how many are left.
    pub(crate) fn collected(&self, timeout: Duration) -> Result<(u64, u64), Error> {
        self.ask(after(timeout), |answer| Request::Collected { answer })
    }

    pub(crate) fn recover(&self, dir: &Path, timeout: Duration) -> Result<Recovery, Error> {
        let deadline = after(timeout);
        if is_on_drain() {
            return Err(Error::new(ErrorKind::OnDrain, "recovery was asked for on the drain"));
        }
        self.refuse_if_collected("recover")?;
        let options = lock(&self.life).options.clone();
        let estates = || claim(dir, &BLOCK_FILES).map_err(|error| Error::io("recover", dir, error));
        let keeper = |backend: &Backend| match self.hub().keeper() {
            Some(_) => Ok(None),
            // What is written has to be noted somewhere, lest an interruption doubles it.
            None => Keeper::create(dir, &run_of(backend, &options), false).map(Some),
        };
        if let Some(done) = self.here(|backend| {
            let keeper = keeper(backend)?;
            Ok(backend.inherit_once(estates()?, keeper, deadline))
        }) {
            return done;
        }
        let estates = estates()?;
        let process = ProcessInfo { id: std::process::id(), ..options.backend.process.clone() };
        let run = Run { process, ..new_run() };
        let keeper = match self.hub().keeper() {
            Some(_) => None,
            None => Some(Keeper::create(dir, &run, false)?),
        };
        self.ask(deadline + GRACE, |answer| Request::Inherit { estates, keeper, deadline, answer })
    }

    /// Starts a runtime that nobody has configured, with the options it was made with.
    pub(crate) fn start_if_unconfigured(self: &Arc<Self>) -> Result<(), Error> {
        let options = {
            let life = lock(&self.life);
            if life.state != LifeState::Unconfigured {
                return Ok(());
            }
            life.options.clone()
        };
        match self.start(options) {
            // Another thread was faster.
            Err(error) if error.is_already() => Ok(()),
            done => done,
        }
    }

    fn set_mode(&self, mode: Mode) {
        self.hub().set_mode(mode);
        self.tree.set_slow(mode.is_slow());
    }

    /// Starts the drain's thread with the backend.
    fn spawn(&self, life: &mut Life) -> Result<(), Error> {
        let Some(backend) = self.seat.take() else { return Err(closed()) };
        let (requests, hub, seat) = (self.requests.clone(), self.hub().clone(), self.seat.clone());
        let options = life.options.thread.clone();
        // A signal that comes before the thread has taken its first step waits for it all the same.
        self.hub().last_call().set_drain(STARTING);
        let waiting = Mutex::new(Some(backend));
        let waiting = Arc::new(waiting);
        let handed = waiting.clone();
        let body = move || {
            if let Some(backend) = lock(&handed).take() {
                let mut next = Some(backend);
                while let Some(backend) = next.take() {
                    let (backend, ended) = run(backend, &requests, &hub, &options);
                    seat.put(backend);
                    match ended {
                        Ended::Stopped => requests.abandon(),
                        Ended::Forking(fork, answer) => {
                            answer.give(());
                            fork.wait(FORK_LIMIT);
                            next = seat.take();
                        }
                    }
                }
            }
        };
        let builder = thread::Builder::new().name(life.options.thread_name.clone());
        // Whichever thread is asked to end waits for this one.
        match sys::without_requests(|| builder.spawn(body)) {
            Ok(handle) => {
                life.thread = Some(handle);
                self.set_mode(Mode::Threaded);
                Ok(())
            }
            Err(error) => {
                self.hub().last_call().set_drain(0);
                if let Some(backend) = lock(&waiting).take() {
                    self.seat.put(backend);
                }
                let text = "cannot start the drain's thread";
                Err(Error::new(ErrorKind::Io, text).because(error))
            }
        }
    }

    fn refuse_if_collected(&self, what: &str) -> Result<(), Error> {
        match self.hub().is_collected() {
            true => Err(Error::invalid(format!("{what}: another process drains the lanes"))),
            false => Ok(()),
        }
    }

    // --- requests --------------------------------------------------------------------------

    /// Waits for the drain's answer; `None` if there is no drain's thread to answer.
    fn ask<T>(
        &self,
        deadline: Instant,
        request: impl FnOnce(crate::lane::Answer<T>) -> Request,
    ) -> Result<T, Error> {
        if is_on_drain() {
            let text = "a wait for the drain was asked for on the drain itself";
            return Err(Error::new(ErrorKind::OnDrain, text));
        }
        let (ticket, answer): (Ticket<T>, _) = ticket();
        self.requests.send(request(answer));
        match ticket.wait_until(deadline) {
            Ok(answer) => Ok(answer),
            Err(true) => Err(closed()),
            Err(false) => Err(Error::new(ErrorKind::Timeout, "the drain did not answer in time")),
        }
    }

    /// Runs `f` with the backend if no thread has it.
    fn here<R>(&self, f: impl FnOnce(&mut Backend) -> R) -> Option<R> {
        if is_on_drain() {
            return None;
        }
        let done = {
            let _backend = Backend::enter();
            #[cfg(feature = "config")]
            let _here = Here::enter(self);
            self.seat.borrow(None).map(|mut backend| f(&mut backend))
        };
        #[cfg(feature = "config")]
        self.turns.run_waiting();
        done
    }

    /// Flushes; with `sync`, to the disk.
    pub(crate) fn flush(&self, timeout: Duration, sync: bool) -> Report {
        let deadline = after(timeout);
        if self.hub().is_collected() {
            return self.await_collector(deadline);
        }
        if let Some(report) = self.here(|backend| {
            let reached = backend.drain_all(deadline);
            backend.flush(reached, deadline, sync)
        }) {
            return report;
        }
        self.ask(deadline + GRACE, |answer| Request::Flush { deadline, sync, answer })
            .unwrap_or_else(|error| self.failed(&error))
    }

    pub(crate) fn dump_recorder(&self, timeout: Duration) -> Result<u64, Error> {
        let deadline = after(timeout);
        if let Some(dumped) = self.here(|backend| backend.dump(deadline)) {
            return Ok(dumped);
        }
        self.ask(deadline + GRACE, |answer| Request::Dump { deadline, answer })
    }

    pub(crate) fn deliver(&self, timeout: Duration) -> Report {
        let deadline = after(timeout);
        if self.hub().is_collected() {
            return self.await_collector(deadline);
        }
        let here = self.here(|backend| {
            let reached = backend.drain_all(deadline);
            backend.tell(reached)
        });
        here.unwrap_or_else(|| {
            self.ask(deadline + GRACE, |answer| Request::Deliver { deadline, answer })
                .unwrap_or_else(|error| self.failed(&error))
        })
    }

    /// What the clock shows, in nanoseconds since the Unix epoch; without the counter's precision.
    #[cfg(feature = "config")]
    pub(crate) fn now_ns(&self) -> i64 {
        self.tree.birth().now_ns()
    }

    fn failed(&self, error: &Error) -> Report {
        let stats = self.stats();
        Report {
            complete: false,
            synced: false,
            written: stats.handlers.iter().map(|(_, stats)| stats.delivered).sum(),
            lost: stats.dropped
                + stats.handlers.iter().map(|(_, stats)| stats.failed + stats.shed).sum::<u64>(),
            pending: stats.in_flight,
            reasons: vec![error.to_string()],
        }
    }

    pub(crate) fn pause(&self, timeout: Duration) -> Result<(), Error> {
        self.refuse_if_collected("pause")?;
        if self.here(|backend| backend.set_paused(true)).is_some() {
            return Ok(());
        }
        self.ask(after(timeout), |answer| Request::Pause { answer })
    }

    pub(crate) fn resume(&self) -> Result<(), Error> {
        let mut life = lock(&self.life);
        match life.state {
            LifeState::Ended => Err(closed()),
            LifeState::Stopped => {
                self.here(|backend| backend.set_paused(false));
                self.spawn(&mut life)?;
                life.state = LifeState::Running;
                Ok(())
            }
            LifeState::Unconfigured | LifeState::Running => {
                if self.here(|backend| backend.set_paused(false)).is_none() {
                    self.requests.send(Request::Resume);
                }
                Ok(())
            }
        }
    }

    pub(crate) fn stop(&self, timeout: Duration) -> Report {
        if is_on_drain() {
            return self.failed(&Error::new(ErrorKind::OnDrain, "stop was asked for on the drain"));
        }
        let mut life = lock(&self.life);
        if life.thread.is_none() || self.hub().is_collected() {
            drop(life);
            return self.flush(timeout, false);
        }
        let report = self.end_thread(&mut life, after(timeout), false);
        if life.thread.is_none() {
            life.state = LifeState::Stopped;
        }
        report
    }

    /// Asks the thread to end and waits for it.
    fn end_thread(&self, life: &mut Life, deadline: Instant, close: bool) -> Report {
        let asked = self.ask(deadline + GRACE, |answer| Request::Stop { deadline, close, answer });
        match asked {
            Ok(report) => {
                if let Some(thread) = life.thread.take() {
                    let _ = thread.join();
                }
                report
            }
            // A thread that hangs in a handler is left behind; it ends when the handler lets go.
            Err(error) => self.failed(&error),
        }
    }

    pub(crate) fn shutdown(&self, timeout: Duration) -> Report {
        if is_on_drain() {
            let text = "shutdown was asked for on the drain";
            return self.failed(&Error::new(ErrorKind::OnDrain, text));
        }
        let deadline = after(timeout);
        let mut life = lock(&self.life);
        if let (LifeState::Ended, Some(report)) = (life.state, &life.last) {
            return report.clone();
        }
        // From here on calls are counted and go nowhere; what is under way is still taken.
        self.set_mode(Mode::Ended);
        let report = if self.hub().is_collected() {
            self.await_collector(deadline)
        } else if life.thread.is_some() {
            self.end_thread(&mut life, deadline, true)
        } else {
            let ended = self.here(|backend| {
                backend.set_paused(false);
                let reached = backend.drain_stragglers(deadline);
                backend.close(reached, deadline)
            });
            ended.unwrap_or_else(|| self.failed(&closed()))
        };
        self.emptied.store(report.pending == 0, Ordering::Relaxed);
        self.hub().close();
        if report.complete
            && let Some(keeper) = self.hub().keeper()
        {
            keeper.remove();
        }
        life.state = LifeState::Ended;
        life.last = Some(report.clone());
        report
    }

    // --- books -----------------------------------------------------------------------------

    pub(crate) fn stats(&self) -> Stats {
        let is_collected = self.hub().is_collected();
        if is_collected {
            self.hub().book_collected();
        }
        let totals = self.hub().totals();
        let get = |count: &crate::sync::AtomicU64| count.load(Ordering::Relaxed);
        let handlers = self.tree.state().handlers().to_vec();
        let mut published: u64 = totals.published.iter().sum();
        let mut after_end = self.hub().homeless().iter().sum();
        if self.emptied.load(Ordering::Relaxed) {
            // A call that was under way at the end may have published when the drain had gone:
            // nobody will take that record, so it came after the end.
            let late = published.saturating_sub(totals.taken);
            (published, after_end) = (published - late, after_end + late);
        }
        let dropped: u64 = totals.dropped.iter().sum();
        Stats {
            attempted: published + dropped,
            published,
            dropped,
            in_flight: published.saturating_sub(totals.taken),
            taken: totals.taken,
            collected: if is_collected { totals.taken } else { 0 },
            routed: get(&self.books.routed),
            filtered: get(&self.books.filtered),
            withheld: get(&self.books.withheld),
            unrouted: get(&self.books.unrouted),
            damaged: get(&self.books.damaged),
            late: get(&self.books.late),
            cut: totals.cut,
            gaps: get(&self.books.gaps),
            failures: get(&self.books.failures),
            recovered: get(&self.books.recovered),
            recorded: get(&self.books.recorded),
            recorder_kept: get(&self.books.recorder_kept),
            dumped: get(&self.books.dumped),
            discarded: get(&self.books.discarded),
            dumps: get(&self.books.dumps),
            dumps_withheld: get(&self.books.dumps_withheld),
            unkept_lanes: self.hub().unkept(),
            after_end,
            circular: self.hub().circular(),
            panics: capture::panics(),
            lanes: self.hub().lanes(),
            dropped_by_class: totals.dropped,
            published_by_class: totals.published,
            handlers: handlers.iter().map(|handler| (label(handler), handler.stats())).collect(),
        }
    }

    // --- capture ---------------------------------------------------------------------------

    pub(crate) fn set_captured(&self, records: CapturedRecords) {
        *lock(&self.captured) = Some(records);
    }

    pub(crate) fn captured(&self) -> Option<CapturedRecords> {
        lock(&self.captured).clone()
    }

    // --- forks -----------------------------------------------------------------------------

    /// Takes the backend along into a fork, once it stands between two batches. `None`: it did not
    /// come to that, and the child has none.
    pub(super) fn stand_still(&self) -> Option<Standing> {
        let fork = Arc::new(Fork::default());
        if is_on_drain() {
            return None;
        }
        let deadline = after(FORK_LIMIT);
        let handed = fork.clone();
        // Where nobody's thread has it, callers do, one after the other.
        let stands = self.hub().last_call().drain() == 0
            || self.ask(deadline, |answer| Request::StandStill { fork: handed, answer }).is_ok();
        match stands.then(|| self.seat.borrow(Some(deadline))).flatten() {
            Some(backend) => Some(Standing { backend, fork }),
            None => {
                // Should it come to a stand yet, it is not to wait.
                fork.end();
                None
            }
        }
    }

    /// Begins anew in a forked child. Nothing is started until somebody logs.
    pub(super) fn begin_in_child(&self, standing: Option<Standing>) {
        self.seat.forget_waiting();
        let Ok(mut life) = self.life.try_lock() else { return self.set_mode_in_child(Mode::Ended) };
        // The thread is not there: there is nothing to be joined or detached.
        std::mem::forget(life.thread.take());
        self.requests.forget();
        let ready = standing.is_some();
        if let Some(mut standing) = standing {
            standing.backend.begin_in_child();
        }
        self.hub().forget_lanes();
        match life.state {
            LifeState::Running if ready => self.set_mode_in_child(Mode::Forked),
            LifeState::Running | LifeState::Stopped if !ready => {
                life.state = LifeState::Ended;
                self.set_mode_in_child(Mode::Ended);
            }
            _ => {}
        }
    }

    fn set_mode_in_child(&self, mode: Mode) {
        self.hub().set_mode(mode);
        let _ = self.tree.try_set_slow(true, after(CALL_LIMIT));
    }

    /// Begins to drain in a forked child, as the parent did.
    fn begin_again(&self) {
        let mut life = lock(&self.life);
        if self.hub().mode() != Mode::Forked || life.state != LifeState::Running {
            return;
        }
        let options = life.options.clone();
        if let Lanes::Collected(dir) = &options.lanes {
            return match self.keep_for_collector(dir, &options) {
                Ok(()) => self.set_mode(Mode::Threaded),
                // Without a folder nobody would ever drain: what is logged here is counted.
                Err(_) => self.set_mode(Mode::Ended),
            };
        }
        if let Some((dir, spills)) = options.kept_in() {
            // A child without a folder of its own keeps its lanes on the heap.
            let _ = self.keep(dir, spills, &options);
        }
        if options.drain == Drain::Thread && self.spawn(&mut life).is_ok() {
            return;
        }
        self.set_mode(Mode::Inline);
    }

    // --- the end of the process ------------------------------------------------------------

    fn exit(&self) {
        let deadline = after(EXIT_LIMIT);
        // Somebody may be starting or ending the runtime; this very thread, too.
        let state = loop {
            match self.life.try_lock() {
                Ok(life) => break Some(life.state),
                Err(_) if Instant::now() >= deadline => break None,
                Err(_) => thread::sleep(Duration::from_micros(100)),
            }
        };
        if !matches!(state, Some(LifeState::Running | LifeState::Stopped)) {
            return;
        }
        if self.hub().mode() == Mode::Threaded {
            self.set_mode(Mode::Exiting);
        }
        // What was published by calls that were under way then; who calls later waits for himself.
        let report = if self.hub().is_collected() {
            self.await_collector(deadline)
        } else if let Some(report) = self.here(|backend| backend.exit(deadline)) {
            report
        } else {
            self.ask(deadline + GRACE, |answer| Request::Exit { deadline, answer })
                .unwrap_or_else(|error| self.failed(&error))
        };
        if !report.complete && report.pending != 0 {
            self.give_up(&report);
        }
        if report.complete
            && let Some(keeper) = self.hub().keeper().filter(|keeper| keeper.spills())
        {
            // Nothing has to be spilled any more: each call waits for its own record now.
            keeper.remove();
        }
    }

    /// Tells what the end of the process does not wait for.
    fn give_up(&self, report: &Report) {
        if self.gave_up.swap(true, Ordering::Relaxed) {
            return;
        }
        // Not by the lock: whoever holds it may be waiting for what is given up here.
        let hook = match self.life.try_lock() {
            Ok(life) => life.options.hook.clone(),
            Err(_) => Arc::new(to_stderr),
        };
        let text = format!(
            "the process ends with {} records not written: {}",
            report.pending,
            report.reasons.join("; ")
        );
        let error = Error::new(ErrorKind::Timeout, text);
        let failure = Failure {
            kind: FailureKind::End,
            handler: None,
            record: None,
            error: &error,
            times: 1,
        };
        let call = std::panic::AssertUnwindSafe(|| hook(&failure));
        // A hook that panics must not change how the process ends.
        let _ = std::panic::catch_unwind(call);
    }
}

/// How long a start waits for what dead processes left to be written.
const RECOVERY_LIMIT: Duration = Duration::from_secs(60);

fn new_run() -> Run {
    let process_start = sys::process_start(std::process::id()).unwrap_or(0);
    Run { process: ProcessInfo::default(), process_start, start_ns: clock::system_ns() }
}

fn birth(backend: &Backend, options: &CoreOptions) -> Birth {
    Birth {
        clock: options.clock.clone(),
        start_ns: backend.start_ns(),
        process: options.backend.process.clone(),
        without: options.backend.without,
    }
}

fn run_of(backend: &Backend, options: &CoreOptions) -> Run {
    let mut process = options.backend.process.clone();
    // Another one in a forked child.
    process.id = std::process::id();
    Run { process, start_ns: backend.start_ns(), ..new_run() }
}

/// What an answer may take beyond the deadline that the drain itself keeps.
const GRACE: Duration = Duration::from_millis(50);

fn after(timeout: Duration) -> Instant {
    // A year is as good as for ever, and does not overflow.
    Instant::now() + timeout.min(Duration::from_secs(365 * 24 * 3600))
}

fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the runtime has ended")
}

fn label(handler: &HandlerRef) -> String {
    match handler.name() {
        Some(name) => name.to_string(),
        None => format!("{handler:?}"),
    }
}

/// Has a runtime flushed when the process ends by a return from `main` or by `exit`.
fn at_exit(core: &Arc<Core>) {
    let mut runtimes = lock(&AT_EXIT);
    runtimes.retain(|runtime| runtime.strong_count() != 0);
    if runtimes.is_empty() {
        sys::on_exit(end_of_process);
    }
    runtimes.push(Arc::downgrade(core));
}

/// Flushes every runtime that asked for it.
pub(crate) fn end_of_process() {
    let runtimes: Vec<Arc<Core>> = lock(&AT_EXIT).iter().filter_map(Weak::upgrade).collect();
    runtimes.iter().for_each(|core| core.exit());
}

impl Back for Core {
    fn drain_now(&self) {
        self.here(|backend| backend.drain_all(after(EXIT_LIMIT)));
    }

    fn flush_now(&self) {
        if self.gave_up.load(Ordering::Relaxed) {
            return;
        }
        let begin = Instant::now();
        let report = self.flush(CALL_LIMIT, false);
        if begin.elapsed() >= CALL_LIMIT {
            self.give_up(&report);
        }
    }

    fn revive(&self) {
        self.begin_again();
    }
}

impl Home for Core {
    fn settings_changed(&self) {
        self.tree.refresh();
    }

    fn with_handler(
        &self,
        handler: u64,
        timeout: Duration,
        f: Box<dyn FnOnce(&mut dyn Handler, &mut Context<'_>) + Send>,
    ) -> Result<(), Error> {
        let mut run: Option<HandlerFn> = Some(f);
        let here = self.here(|backend| run.take().is_some_and(|run| backend.with(handler, run)));
        let found = match here {
            Some(found) => found,
            None => {
                let Some(run) = run else { return Err(closed()) };
                self.ask(after(timeout), |answer| Request::With { handler, run, answer })?
            }
        };
        if found {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Unresolved, "the handler has no home in this runtime"))
        }
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        if !is_on_drain() {
            let _ = self.shutdown(EXIT_LIMIT);
        }
    }
}
