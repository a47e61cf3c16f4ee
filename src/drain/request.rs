//! What other threads ask of the drain, on a path of its own: never behind data.

use super::{Recovery, Report};
use crate::error::Error;
use crate::handler::{Context, Handler};
use crate::lane::fork::Fork;
use crate::lane::keep::{Collection, Estate, Keeper};
use crate::lane::{Answer, Hub, Intake};
use crate::sync::Arc;
use std::fmt;
use std::time::Instant;

/// A closure for a handler at its home.
pub(crate) type HandlerFn = Box<dyn FnOnce(&mut dyn Handler, &mut Context<'_>) + Send>;

/// What another thread asks of the drain.
pub(crate) enum Request {
    /// Deliver what the lanes hold now, flush the handlers, to the disk with `sync`, and tell.
    Flush { deadline: Instant, sync: bool, answer: Answer<Report> },
    /// Deliver what the lanes hold now, and tell.
    Deliver { deadline: Instant, answer: Answer<Report> },
    /// Run a closure on a handler, between two records. The answer is false if it has none.
    With { handler: u64, run: HandlerFn, answer: Answer<bool> },
    /// Deliver nothing until resumed.
    Pause { answer: Answer<()> },
    /// Deliver again.
    Resume,
    /// Deliver what dead processes left; with a keeper, note the writing there meanwhile.
    Inherit {
        estates: Vec<Estate>,
        keeper: Option<Arc<Keeper>>,
        deadline: Instant,
        answer: Answer<Recovery>,
    },
    /// Deliver what the lanes hold now, have the flight recorder written, flush the handlers, and
    /// tell how many records that was.
    Dump { deadline: Instant, answer: Answer<u64> },
    /// Drain the lanes of other processes, too; with a keeper, note the writing there from now on.
    Collect {
        collection: Collection,
        keeper: Option<Arc<Keeper>>,
        deadline: Instant,
        answer: Answer<Result<(), Error>>,
    },
    /// How many of these there were, and are.
    Collected { answer: Answer<(u64, u64)> },
    /// Come to a stand and give the backend to whoever forks, until that is over.
    StandStill { fork: Arc<Fork>, answer: Answer<()> },
    /// As a flush, and for the last time: calls that are under way are waited for, and those that
    /// begin from now on take the slow path, where the mode tells them that the process ends.
    Exit { deadline: Instant, answer: Answer<Report> },
    /// As a flush; then the thread ends, and with `close` the handlers do.
    Stop { deadline: Instant, close: bool, answer: Answer<Report> },
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flush { .. } => "Flush",
            Self::Deliver { .. } => "Deliver",
            Self::With { .. } => "With",
            Self::Pause { .. } => "Pause",
            Self::Resume => "Resume",
            Self::Exit { .. } => "Exit",
            Self::Stop { .. } => "Stop",
            Self::Inherit { .. } => "Inherit",
            Self::Dump { .. } => "Dump",
            Self::Collect { .. } => "Collect",
            Self::Collected { .. } => "Collected",
            Self::StandStill { .. } => "StandStill",
        })
    }
}

/// The way of requests to a drain's thread.
#[derive(Debug)]
pub(crate) struct Requests {
    pub(super) queue: Intake<Request>,
    hub: Arc<Hub>,
}

impl Requests {
    pub(crate) fn new(hub: Arc<Hub>) -> Self {
        Self { queue: Intake::new(), hub }
    }

    /// Sends a request and wakes the drain.
    pub(crate) fn send(&self, request: Request) {
        self.queue.push(request);
        self.hub.wake().wake();
    }

    /// Forgets requests of the parent process's threads, in a forked child.
    pub(crate) fn forget(&self) {
        std::mem::forget(self.queue.take_surely());
    }

    /// Drops requests that nobody will answer, which ends the waits for them.
    pub(crate) fn abandon(&self) {
        drop(self.queue.take());
    }
}
