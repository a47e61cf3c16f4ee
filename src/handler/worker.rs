//! A thread of a handler's own, behind a bounded queue.
//!
//! For handlers whose destination may block. The drain offers jobs without ever waiting; the
//! worker runs them one after another. A panic in a job is contained: what is left of the job is
//! lost and counted, the work is told to start afresh, and the next job waits a little, longer
//! with each panic in a row. Waiting for the worker and ending it are bounded by a deadline; a
//! worker that hangs in the operating system beyond it is left behind, and what it had is counted
//! as lost.
//!
//! The handler's side ([`Worker`]) and the thread share counters ([`Desk`]) under one mutex, taken
//! a few times a job, never per record.

use crate::error::{Error, ErrorKind};
use crate::sync::{
    Arc, AtomicBool, AtomicU64, AtomicUsize, Condvar, Mutex, Ordering, lock, thread,
};
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// The first pause after a panic; doubles with each panic in a row.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause after a panic.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// How much longer than its deadline an ending worker is waited for, so that one which keeps to
/// the deadline is not left behind.
const SLACK: Duration = Duration::from_millis(100);
/// Causes kept for the handler to report; further ones are only counted.
const CAUSES: usize = 8;

/// What a worker does with its jobs.
pub(crate) trait Work: Send + 'static {
    /// What is queued: lines, or records.
    type Job: Job;

    /// Delivers a job, and notes its progress in the job itself and with [`Desk::delivered`].
    ///
    /// Should look at [`Desk::gives_up`] wherever it waits.
    ///
    /// # Errors
    ///
    /// What is left of the job is lost.
    fn run(&mut self, job: &mut Self::Job, desk: &Desk) -> Result<(), Error>;

    /// The last job panicked: makes a fresh start.
    fn restart(&mut self) {}
}

/// What is queued for a worker.
pub(crate) trait Job: Send + 'static {
    /// Records that are not delivered yet.
    fn left(&self) -> u64;
    /// The memory it takes, for the queue's limit.
    fn bytes(&self) -> usize;
}

/// What handler and worker thread share.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    delivered: AtomicU64,
    /// Bytes of the jobs offered and not done.
    bytes: AtomicUsize,
    restarts: AtomicU64,
    abandoned: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    done: u64,
    lost: u64,
    causes: Vec<Error>,
    stop_by: Option<Instant>,
    ended: bool,
}

impl Desk {
    /// Counts records that reached their destination.
    pub(crate) fn delivered(&self, records: u64) {
        self.delivered.fetch_add(records, Ordering::Relaxed);
    }

    /// Returns true if there is no point in waiting any longer: the handler is closing and its
    /// deadline has passed.
    pub(crate) fn gives_up(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
            || lock(&self.state).stop_by.is_some_and(|by| Instant::now() >= by)
    }

    fn pause(&self, pause: Duration) {
        let until = Instant::now() + pause;
        let mut state = lock(&self.state);
        while state.stop_by.is_none() {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return };
            state = wait(&self.changed, state, left);
        }
    }

    fn job_done(&self, bytes: usize, lost: u64, cause: Option<Error>) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
        let mut state = lock(&self.state);
        state.done += 1;
        state.lost += lost;
        if let Some(cause) = cause
            && state.causes.len() < CAUSES
        {
            state.causes.push(cause);
        }
        drop(state);
        self.changed.notify_all();
    }
}

fn wait<'a, T>(
    changed: &Condvar,
    guard: crate::sync::MutexGuard<'a, T>,
    limit: Duration,
) -> crate::sync::MutexGuard<'a, T> {
    match changed.wait_timeout(guard, limit) {
        Ok((guard, _)) => guard,
        Err(poisoned) => poisoned.into_inner().0,
    }
}

/// Why a job was not taken; the job comes back.
#[derive(Debug)]
pub(crate) enum Refused<J> {
    /// All places of the queue are taken.
    Full(J),
    /// There is no worker and none can be started.
    Dead(J, Error),
}

/// What a worker lost since last asked.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    pub(crate) records: u64,
    /// Each cause once, until something was delivered again.
    pub(crate) causes: Vec<Error>,
}

/// The handler's side of a worker. The thread starts with the first job.
pub(crate) struct Worker<W: Work> {
    name: String,
    places: usize,
    /// At home: not started yet, or ended and joined.
    work: Option<W>,
    thread: Option<Running<W>>,
    /// Of threads that ended.
    delivered_before: u64,
    restarts_before: u64,
    /// Losses of ended threads, not asked for yet.
    pending: Losses,
}

struct Running<W: Work> {
    jobs: Sender<W::Job>,
    spare: Receiver<W::Job>,
    offered: u64,
    desk: Arc<Desk>,
    handle: thread::JoinHandle<W>,
}

impl<W: Work> Worker<W> {
    /// Makes a worker whose queue has `places` for jobs.
    pub(crate) fn new(name: impl Into<String>, places: usize, work: W) -> Self {
        Self {
            name: name.into(),
            places,
            work: Some(work),
            thread: None,
            delivered_before: 0,
            restarts_before: 0,
            pending: Losses::default(),
        }
    }

    /// Queues a job; never waits.
    pub(crate) fn offer(&mut self, job: W::Job) -> Result<(), Refused<W::Job>> {
        let running = match &mut self.thread {
            Some(running) => running,
            None => match self.start() {
                Ok(running) => running,
                Err(error) => return Err(Refused::Dead(job, error)),
            },
        };
        let bytes = job.bytes();
        running.desk.bytes.fetch_add(bytes, Ordering::Relaxed);
        match running.jobs.try_send(job) {
            Ok(()) => {
                running.offered += 1;
                Ok(())
            }
            Err(error) => {
                running.desk.bytes.fetch_sub(bytes, Ordering::Relaxed);
                Err(match error {
                    TrySendError::Full(job) => Refused::Full(job),
                    TrySendError::Disconnected(job) => {
                        Refused::Dead(job, Error::new(ErrorKind::Closed, "the worker has ended"))
                    }
                })
            }
        }
    }

    #[cold]
    fn start(&mut self) -> Result<&mut Running<W>, Error> {
        let gone = || Error::new(ErrorKind::Closed, format!("{} hangs since its end", self.name));
        let work = self.work.take().ok_or_else(gone)?;
        let (jobs, queue) = bounded(self.places);
        let (give_back, spare) = bounded(2);
        let desk = Arc::new(Desk::default());
        let shared = desk.clone();
        // The work travels by a channel, so that it is not lost where no thread can be made.
        let (hand_over, receive) = bounded(1);
        let body = move || {
            let work: W = receive.recv().expect("the work is sent right after the start");
            serve(work, &queue, &give_back, &shared)
        };
        match thread::Builder::new().name(self.name.clone()).spawn(body) {
            Ok(handle) => {
                let _ = hand_over.send(work);
                let running = Running { jobs, spare, offered: 0, desk, handle };
                Ok(self.thread.insert(running))
            }
            Err(cause) => {
                self.work = Some(work);
                let what = format!("cannot start thread {}", self.name);
                Err(Error::new(ErrorKind::Io, what).because(cause))
            }
        }
    }

    /// A job that was done, to re-use its memory.
    pub(crate) fn spare(&mut self) -> Option<W::Job> {
        self.thread.as_ref()?.spare.try_recv().ok()
    }

    /// Bytes queued or being worked on.
    pub(crate) fn bytes(&self) -> usize {
        self.thread.as_ref().map_or(0, |running| running.desk.bytes.load(Ordering::Relaxed))
    }

    /// Records delivered since the worker was made.
    pub(crate) fn delivered(&self) -> u64 {
        let now = self.thread.as_ref().map(|running| &running.desk.delivered);
        self.delivered_before + now.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// How often a panic made a fresh start necessary.
    #[cfg(test)]
    pub(crate) fn restarts(&self) -> u64 {
        let now = self.thread.as_ref().map(|running| &running.desk.restarts);
        self.restarts_before + now.map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// What was lost since last asked.
    pub(crate) fn losses(&mut self) -> Losses {
        let mut losses = std::mem::take(&mut self.pending);
        if let Some(running) = &self.thread {
            let mut state = lock(&running.desk.state);
            losses.records += std::mem::take(&mut state.lost);
            losses.causes.append(&mut state.causes);
        }
        losses
    }

    /// Waits until every job offered is done; false if the deadline came first.
    pub(crate) fn wait(&self, deadline: Instant) -> bool {
        let Some(running) = &self.thread else { return true };
        let mut state = lock(&running.desk.state);
        while state.done < running.offered {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else { return false };
            state = wait(&running.desk.changed, state, left);
        }
        true
    }

    /// Ends the thread: it works until its queue is empty or the deadline passes, and counts the
    /// rest as lost. Returns false if it hung beyond the deadline and was left behind.
    pub(crate) fn end(&mut self, deadline: Instant) -> bool {
        let Some(running) = self.thread.take() else { return true };
        let Running { jobs, spare: _, offered: _, desk, handle } = running;
        drop(jobs);
        let mut state = lock(&desk.state);
        state.stop_by = Some(deadline);
        desk.changed.notify_all();
        let patience = deadline.max(Instant::now()) + SLACK;
        while !state.ended {
            let Some(left) = patience.checked_duration_since(Instant::now()) else { break };
            state = wait(&desk.changed, state, left);
        }
        let ended = state.ended;
        if !ended {
            // What it delivers from now on is not counted any more.
            desk.abandoned.store(true, Ordering::Relaxed);
        }
        self.pending.records += std::mem::take(&mut state.lost);
        self.pending.causes.append(&mut state.causes);
        drop(state);
        self.delivered_before += desk.delivered.load(Ordering::Relaxed);
        self.restarts_before += desk.restarts.load(Ordering::Relaxed);
        if ended {
            self.work = handle.join().ok();
        }
        ended
    }

    /// Goes on with other work in a forked child, where the thread is not there any more; without
    /// one, nothing will be delivered. The thread's end of things is leaked.
    pub(crate) fn begin_in_child(&mut self, work: Option<W>) {
        if let Some(running) = self.thread.take() {
            std::mem::forget(running);
            self.work = work;
        }
    }

    /// The work itself, while no thread has it.
    pub(crate) fn at_home(&mut self) -> Option<&mut W> {
        self.work.as_mut()
    }

    /// Puts other work in place of this one; only while no thread has it.
    pub(crate) fn replace(&mut self, work: W) -> Option<W> {
        debug_assert!(self.thread.is_none(), "the thread would keep the old work");
        self.work.replace(work)
    }
}

fn serve<W: Work>(
    mut work: W,
    queue: &Receiver<W::Job>,
    give_back: &Sender<W::Job>,
    desk: &Desk,
) -> W {
    let mut pause = FIRST_PAUSE;
    let mut last_cause = None;
    while let Ok(mut job) = queue.recv() {
        let bytes = job.bytes();
        let result = if desk.gives_up() {
            Err(Error::new(ErrorKind::Timeout, "the deadline passed before the queue was empty"))
        } else {
            match catch_unwind(AssertUnwindSafe(|| work.run(&mut job, desk))) {
                Ok(result) => result.inspect(|()| pause = FIRST_PAUSE),
                Err(panic) => {
                    let text = format!("the worker panicked: {}", panic_text(&*panic));
                    desk.restarts.fetch_add(1, Ordering::Relaxed);
                    desk.pause(pause);
                    pause = LONGEST_PAUSE.min(pause * 2);
                    // A panic here as well leaves the work as it is; the next job shows.
                    let _ = catch_unwind(AssertUnwindSafe(|| work.restart()));
                    Err(Error::other(text))
                }
            }
        };
        let cause = match result {
            Ok(()) => {
                last_cause = None;
                None
            }
            Err(error) => {
                let text = Some(error.to_string());
                let news = text != last_cause;
                last_cause = text;
                news.then_some(error)
            }
        };
        desk.job_done(bytes, job.left(), cause);
        let _ = give_back.try_send(job);
    }
    lock(&desk.state).ended = true;
    desk.changed.notify_all();
    work
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => text,
        (_, Some(text)) => text,
        _ => "no text",
    }
}

impl<W: Work> fmt::Debug for Worker<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker")
            .field("name", &self.name)
            .field("running", &self.thread.is_some())
            .field("delivered", &self.delivered())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crossbeam_channel::unbounded;

    /// A number, and whether it was delivered.
    #[derive(Debug)]
    struct Number(u64, bool);
    impl Job for Number {
        fn left(&self) -> u64 {
            u64::from(!self.1)
        }
        fn bytes(&self) -> usize {
            8
        }
    }

    /// Sends numbers on; panics at 13, fails at 7, waits for leave at 100.
    struct Send(Sender<u64>, Receiver<()>);
    impl Work for Send {
        type Job = Number;
        fn run(&mut self, job: &mut Number, desk: &Desk) -> Result<(), Error> {
            match job.0 {
                13 => panic!("unlucky"),
                7 => return Err(Error::other("seven is refused")),
                100 => loop {
                    match self.1.recv_timeout(Duration::from_millis(2)) {
                        Ok(()) => break,
                        Err(_) if desk.gives_up() => return Err(Error::other("no leave")),
                        Err(_) => {}
                    }
                },
                _ => {}
            }
            self.0.send(job.0).unwrap();
            job.1 = true;
            desk.delivered(1);
            Ok(())
        }
    }

    fn start(places: usize) -> (Worker<Send>, Receiver<u64>, Sender<()>) {
        let (send, got) = unbounded();
        let (leave, wait) = unbounded();
        (Worker::new("test-worker", places, Send(send, wait)), got, leave)
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    #[test]
    fn jobs_arrive_in_order_and_wait_waits_for_them() {
        let (mut worker, got, _leave) = start(100);
        for n in 0..7 {
            worker.offer(Number(n, false)).unwrap();
        }
        assert!(worker.wait(soon()));
        assert_eq!(got.try_iter().collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
        assert_eq!((worker.delivered(), worker.bytes()), (7, 0));
        assert!(worker.end(soon()));
    }

    #[test]
    fn a_panic_is_contained_counted_and_the_next_job_runs() {
        let (mut worker, got, _leave) = start(100);
        for n in [1, 13, 2] {
            worker.offer(Number(n, false)).unwrap();
        }
        assert!(worker.wait(soon()));
        assert_eq!(got.try_iter().collect::<Vec<_>>(), [1, 2]);
        let losses = worker.losses();
        assert_eq!((losses.records, worker.restarts()), (1, 1));
        assert!(losses.causes[0].to_string().contains("unlucky"));
    }

    #[test]
    fn an_error_is_told_once_until_something_succeeds() {
        let (mut worker, _got, _leave) = start(100);
        for n in [7, 7, 7, 1, 7] {
            worker.offer(Number(n, false)).unwrap();
        }
        assert!(worker.wait(soon()));
        let losses = worker.losses();
        assert_eq!((losses.records, losses.causes.len()), (4, 2));
        assert_eq!(worker.losses().records, 0);
    }

    #[test]
    fn a_stalled_worker_refuses_further_jobs_and_the_wait_ends_in_time() {
        let (mut worker, got, leave) = start(2);
        let mut taken = 0;
        worker.offer(Number(100, false)).unwrap();
        let refused = loop {
            match worker.offer(Number(taken, false)) {
                Ok(()) => taken += 1,
                Err(Refused::Full(job)) => break job,
                Err(other) => panic!("{other:?}"),
            }
        };
        assert_eq!(refused.0, taken);
        assert!(!worker.wait(Instant::now() + Duration::from_millis(20)));
        leave.send(()).unwrap();
        assert!(worker.wait(soon()));
        assert_eq!(got.try_iter().count() as u64, taken + 1);
    }

    #[test]
    fn the_end_counts_what_the_deadline_left_and_a_later_job_starts_again() {
        let (mut worker, got, leave) = start(4);
        for n in [100, 1, 2] {
            worker.offer(Number(n, false)).unwrap();
        }
        assert!(worker.end(Instant::now() + Duration::from_millis(20)));
        assert_eq!(worker.losses().records, 3);
        assert_eq!((worker.delivered(), got.try_iter().count()), (0, 0));
        worker.offer(Number(5, false)).unwrap();
        assert!(worker.wait(soon()));
        assert_eq!(got.try_iter().collect::<Vec<_>>(), [5]);
        drop(leave);
    }
}
