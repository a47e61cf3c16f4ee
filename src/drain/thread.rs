//! The drain's own thread: its loop, and how it waits.

use super::{Backend, Report, Request, Requests, Targets, last};
use crate::lane::fork::Fork;
use crate::lane::{Answer, Ask, Hub, OnBackend};
use crate::sync::Arc;
use crate::sys;
use std::time::{Duration, Instant};

/// How the drain waits for records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Spins for `spin` after the last record, then sleeps, doubling from `least` to `most`. A
    /// lane that becomes a quarter full wakes it, and so does every request.
    Backoff {
        /// How long to spin.
        spin: Duration,
        /// The first sleep.
        least: Duration,
        /// The longest sleep: the most that a lone record waits.
        most: Duration,
    },
    /// Never sleeps: for a core of its own.
    Spin,
    /// Sleeps when the lanes are empty, until a record wakes it. Costs the call that must wake the
    /// drain about 10 microseconds, and each thread that runs some when the drain goes to sleep; on
    /// Linux nothing else, elsewhere (without `membarrier(2)`) each call a fence and a look.
    Park,
}

impl Default for Wait {
    /// Spins 50 microseconds, then sleeps from 50 microseconds to 5 milliseconds: one or two percent
    /// of a core when idle.
    fn default() -> Self {
        Self::Backoff {
            spin: Duration::from_micros(50),
            least: Duration::from_micros(50),
            most: Duration::from_millis(5),
        }
    }
}

/// What a drain's thread is made with.
#[derive(Debug, Clone)]
pub(crate) struct ThreadOptions {
    pub(crate) wait: Wait,
    pub(crate) cpu: Option<usize>,
}

/// A park without a timer would never notice a deadline of its own; this is the longest.
const PARKED: Duration = Duration::from_secs(1);
/// The same while a call is under way that began before the gates were closed and wakes nobody.
const UNDER_WAY: Duration = Duration::from_millis(1);

struct Waiting {
    targets: Targets,
    deadline: Instant,
    then: Then,
    answer: Answer<Report>,
}

/// After so many passes in a row that found something, one that found fewer records than this is
/// followed by a moment in which they gather: a stretch that lies together is read several times as
/// fast where the cores are far from each other. What is logged now and then never waits for it.
const PASSES: u32 = 8;
const FEW: usize = 1 << 10;
const GATHER: Duration = Duration::from_micros(20);
const LOOKS: u32 = 4;

enum Then {
    Tell,
    Flush { sync: bool },
    Exit,
    Stop { close: bool },
}

/// Why the drain's loop ended.
pub(crate) enum Ended {
    /// It was told to stop.
    Stopped,
    /// Somebody forks: it goes on when that is over.
    Forking(Arc<Fork>, Answer<()>),
}

/// Runs the drain until it is told to stop or to stand still, and gives the backend back.
pub(crate) fn run(
    mut backend: Box<Backend>,
    requests: &Arc<Requests>,
    hub: &Arc<Hub>,
    options: &ThreadOptions,
) -> (Box<Backend>, Ended) {
    let _here: OnBackend = Backend::enter();
    if let Some(cpu) = options.cpu {
        // Affinity is a wish: a container may not grant it.
        let _ = sys::pin_current_thread(cpu);
    }
    hub.wake().register();
    hub.last_call().set_drain(sys::thread_id());
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut idle = Idle::new(options.wait);
    let mut batch = Instant::now();
    let mut busy = 0_u32;
    loop {
        let (mut stop, forking) = take_requests(&mut backend, requests, &mut waiting);
        if let Some((fork, answer)) = forking {
            // Waits of others are answered first: in the child nobody would.
            waiting.iter_mut().for_each(|waiting| waiting.deadline = Instant::now());
            settle(&mut backend, &mut waiting);
            backend.end_batch();
            hub.wake().unregister();
            return (backend, Ended::Forking(fork, answer));
        }
        let taken = backend.pass(false);
        if taken != 0 {
            idle.reset();
            busy = busy.saturating_add(1);
            let few = (1..FEW).contains(&taken) && busy > PASSES;
            if few && waiting.is_empty() {
                let_gather(&backend);
            }
            if backend.is_batch_long(batch) {
                backend.end_batch();
                batch = Instant::now();
            }
        }
        stop |= settle(&mut backend, &mut waiting);
        if hub.last_call().asked() != Ask::Nothing {
            last::answer(&mut backend, hub);
        }
        if stop {
            break;
        }
        if taken == 0 {
            busy = 0;
            if idle.begins() {
                backend.end_batch();
                batch = Instant::now();
            }
            idle.wait(&mut backend, requests, hub, waiting.is_empty());
        }
    }
    hub.last_call().set_drain(0);
    hub.wake().unregister();
    backend.release();
    (backend, Ended::Stopped)
}

type Forking = Option<(Arc<Fork>, Answer<()>)>;

fn take_requests(
    backend: &mut Backend,
    requests: &Requests,
    waiting: &mut Vec<Waiting>,
) -> (bool, Forking) {
    let mut forking = None;
    for request in requests.queue.take() {
        match request {
            Request::With { handler, run, answer } => {
                let found = backend.with(handler, run);
                answer.give(found);
            }
            Request::Pause { answer } => {
                backend.set_paused(true);
                answer.give(());
            }
            Request::Inherit { estates, keeper, deadline, answer } => {
                answer.give(backend.inherit_once(estates, keeper, deadline));
            }
            Request::Collect { collection, keeper, deadline, answer } => {
                answer.give(backend.collect(collection, keeper, deadline));
            }
            Request::Collected { answer } => answer.give(backend.collected()),
            Request::Dump { deadline, answer } => answer.give(backend.dump(deadline)),
            Request::StandStill { fork, answer } => forking = Some((fork, answer)),
            Request::Resume => backend.set_paused(false),
            Request::Flush { deadline, sync, answer } => {
                let targets = backend.targets();
                waiting.push(Waiting { targets, deadline, then: Then::Flush { sync }, answer });
            }
            Request::Deliver { deadline, answer } => {
                let targets = backend.targets();
                waiting.push(Waiting { targets, deadline, then: Then::Tell, answer });
            }
            Request::Exit { deadline, answer } => {
                backend.set_paused(false);
                let targets = backend.targets();
                waiting.push(Waiting { targets, deadline, then: Then::Exit, answer });
            }
            Request::Stop { deadline, close, answer } => {
                backend.set_paused(false);
                let targets = backend.targets();
                waiting.push(Waiting { targets, deadline, then: Then::Stop { close }, answer });
            }
        }
    }
    (false, forking)
}

/// Answers flushes and stops that have reached their targets or their deadlines. Returns true if
/// the thread is to end.
fn settle(backend: &mut Backend, waiting: &mut Vec<Waiting>) -> bool {
    let mut stop = false;
    let mut at = 0;
    while at < waiting.len() {
        let one = &waiting[at];
        let reached = backend.has_reached(&one.targets);
        if !reached && Instant::now() < one.deadline {
            at += 1;
            continue;
        }
        let Waiting { deadline, then, answer, .. } = waiting.swap_remove(at);
        let report = match then {
            Then::Tell => backend.tell(reached),
            Then::Flush { sync } => backend.flush(reached, deadline, sync),
            Then::Exit => backend.exit(deadline),
            Then::Stop { close: false } => backend.flush(reached, deadline, false),
            Then::Stop { close: true } => {
                // Calls that were under way, or waited for space, when the runtime ended.
                let rest = backend.drain_stragglers(deadline);
                backend.close(reached && rest, deadline)
            }
        };
        stop |= matches!(then, Then::Stop { .. });
        answer.give(report);
    }
    stop
}

/// Lets records gather, and looks at nothing that callers write to.
///
/// A drain that is as fast as the callers reads line after line as they are written, each fetched
/// from the caller's core by itself, and taken away while the caller is about to write behind it.
fn let_gather(backend: &Backend) {
    for _ in 0..LOOKS {
        // A ring that is small must not fill meanwhile.
        if backend.has_urgent_work(false) {
            return;
        }
        let begun = Instant::now();
        while begun.elapsed() < GATHER / LOOKS {
            std::hint::spin_loop();
        }
    }
}

/// How long the drain has been idle, and what it does about it.
struct Idle {
    wait: Wait,
    since: Option<Instant>,
    nap: Duration,
}

impl Idle {
    fn new(wait: Wait) -> Self {
        Self { wait, since: None, nap: Duration::ZERO }
    }

    fn reset(&mut self) {
        self.since = None;
        self.nap = Duration::ZERO;
    }

    /// Returns true for the first idle pass after work.
    fn begins(&mut self) -> bool {
        let begins = self.since.is_none();
        self.since.get_or_insert_with(Instant::now);
        begins
    }

    fn wait(
        &mut self,
        backend: &mut Backend,
        requests: &Requests,
        hub: &Arc<Hub>,
        may_sleep: bool,
    ) {
        let idle_for = self.since.map_or(Duration::ZERO, |since| since.elapsed());
        let (spin, limit, every) = match self.wait {
            Wait::Spin => return look_away(),
            Wait::Backoff { spin, least, most } => {
                self.nap = if self.nap.is_zero() { least } else { (self.nap * 2).min(most) };
                (spin, self.nap, false)
            }
            Wait::Park => (Duration::from_micros(5), PARKED, true),
        };
        // A flush under way, or frames within their grace, are waited for awake.
        if !may_sleep || idle_for < spin || backend.is_within_grace() {
            self.nap = Duration::ZERO;
            return look_away();
        }
        backend.release();
        // Losses told late and lanes that ended meanwhile are seen to before each sleep.
        backend.end_batch();
        let gated = every && sys::has_barrier();
        let limit = if gated && !backend.close_gates_to_park() { UNDER_WAY } else { limit };
        hub.wake().sleep(limit, || {
            requests.queue.is_waiting()
                || hub.last_call().asked() != Ask::Nothing
                || backend.has_urgent_work(every)
                || (gated && backend.has_open_gate())
        });
        if gated {
            backend.open_parked_gates();
        }
    }
}

/// Lets some hundred nanoseconds pass. Each look at a lane takes the cache line of its tail away
/// from the producer, which has to get it back to publish.
fn look_away() {
    for _ in 0..16 {
        std::hint::spin_loop();
    }
}
