//! The ways in which a process dies.

use std::fmt;
use std::process::ExitStatus;

/// Where records lie until they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lanes {
    Heap,
    Mapped,
}

impl Lanes {
    pub(crate) const ALL: [Self; 2] = [Self::Heap, Self::Mapped];
}

impl fmt::Display for Lanes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Heap => "heap",
            Self::Mapped => "mapped",
        })
    }
}

/// How a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Return,
    Exit,
    /// `_exit`: nothing of the program runs any more.
    ExitAtOnce,
    Panic,
    /// A panic that must not unwind.
    PanicAbort,
    Term,
    Int,
    Hup,
    Abort,
    Segv,
    Bus,
    /// Faults that are none: another process sends their signals.
    SentSegv,
    SentBus,
    SentIll,
    SentFpe,
    StackOverflow,
    Kill,
    Oom,
    /// The process returns while threads are held in the midst of a call, as by a scheduler; it is
    /// over when the first of those calls is.
    HeldCallers,
    /// Threads end while they log, and the process returns.
    ThreadsEnd,
    /// Thread-local and exit destructors log.
    Destructors,
    /// A child is forked while threads log, logs and exits; then the parent does.
    Fork,
    /// A child is forked while threads log, and becomes another program.
    ForkExec,
    /// Four children are forked one after another, and all log at once.
    PreFork,
    /// A handler faults on the drain.
    DrainSegv,
    /// A handler aborts on the drain.
    DrainAbort,
    /// A handler never returns, and the process is aborted.
    DrainStuck,
    /// A thread faults that holds the heap's lock.
    HeapLock,
}

impl Kind {
    pub(crate) const ALL: [Self; 28] = [
        Self::Return,
        Self::Exit,
        Self::ExitAtOnce,
        Self::Panic,
        Self::PanicAbort,
        Self::Term,
        Self::Int,
        Self::Hup,
        Self::Abort,
        Self::Segv,
        Self::Bus,
        Self::SentSegv,
        Self::SentBus,
        Self::SentIll,
        Self::SentFpe,
        Self::StackOverflow,
        Self::Kill,
        Self::Oom,
        Self::HeldCallers,
        Self::ThreadsEnd,
        Self::Destructors,
        Self::Fork,
        Self::ForkExec,
        Self::PreFork,
        Self::DrainSegv,
        Self::DrainAbort,
        Self::DrainStuck,
        Self::HeapLock,
    ];

    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.to_string() == name)
    }

    /// Why this kind of death is not to be had here.
    pub(crate) fn cannot_be_made(self, _lanes: Lanes) -> Option<&'static str> {
        match self {
            Self::Oom => crate::memory::cannot_be_limited(),
            _ => None,
        }
    }

    /// The signal that the parent sends.
    pub(crate) fn signal_from_outside(self) -> Option<i32> {
        match self {
            Self::Term => Some(libc::SIGTERM),
            Self::Int => Some(libc::SIGINT),
            Self::Hup => Some(libc::SIGHUP),
            Self::Kill => Some(libc::SIGKILL),
            Self::SentSegv => Some(libc::SIGSEGV),
            Self::SentBus => Some(libc::SIGBUS),
            Self::SentIll => Some(libc::SIGILL),
            Self::SentFpe => Some(libc::SIGFPE),
            _ => None,
        }
    }

    /// How many forked children log.
    pub(crate) fn children(self) -> u64 {
        match self {
            Self::Fork => 1,
            Self::PreFork => 4,
            _ => 0,
        }
    }

    /// Whether the drain does not live, or not move, to write what there is.
    pub(crate) fn takes_the_drain(self) -> bool {
        matches!(self, Self::DrainSegv | Self::DrainAbort | Self::DrainStuck | Self::HeapLock)
    }

    pub(crate) fn needs_signal(self) -> bool {
        self.signal_from_outside().is_some()
    }

    /// Whether a process that died so shows it: the handlers must not change how it ends.
    pub(crate) fn ends_so(self, status: ExitStatus) -> bool {
        let signal = crate::signal_of(status);
        match self {
            Self::Return | Self::HeldCallers | Self::ThreadsEnd | Self::Destructors => {
                status.success()
            }
            Self::Fork | Self::ForkExec | Self::PreFork => status.success(),
            Self::Exit | Self::ExitAtOnce => status.code() == Some(7),
            Self::Panic => status.code() == Some(101),
            Self::PanicAbort | Self::Abort | Self::StackOverflow => signal == Some(libc::SIGABRT),
            Self::DrainAbort | Self::DrainStuck => signal == Some(libc::SIGABRT),
            Self::Segv | Self::DrainSegv | Self::HeapLock => signal == Some(libc::SIGSEGV),
            Self::Bus => signal == Some(libc::SIGBUS),
            Self::Oom => signal == Some(libc::SIGKILL),
            Self::Term | Self::Int | Self::Hup | Self::Kill => signal == self.signal_from_outside(),
            Self::SentSegv | Self::SentBus | Self::SentIll | Self::SentFpe => {
                signal == self.signal_from_outside()
            }
        }
    }

    /// Whether threads log on while the process returns from `main` or exits: what they log after
    /// the exit hook is written call by call, until the system takes them away.
    pub(crate) fn logs_on_at_the_end(self) -> bool {
        matches!(
            self,
            Self::Return
                | Self::Exit
                | Self::HeldCallers
                | Self::Fork
                | Self::ForkExec
                | Self::PreFork
        )
    }

    /// Whether the youngest records may miss: nobody is asked before the end.
    pub(crate) fn may_miss_young(self, lanes: Lanes) -> bool {
        lanes == Lanes::Heap && matches!(self, Self::ExitAtOnce | Self::Kill | Self::Oom)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Return => "return",
            Self::Exit => "exit",
            Self::ExitAtOnce => "_exit",
            Self::Panic => "panic",
            Self::PanicAbort => "panic-abort",
            Self::Term => "SIGTERM",
            Self::Int => "SIGINT",
            Self::Hup => "SIGHUP",
            Self::Abort => "abort",
            Self::Segv => "SIGSEGV",
            Self::Bus => "SIGBUS",
            Self::SentSegv => "sent-SIGSEGV",
            Self::SentBus => "sent-SIGBUS",
            Self::SentIll => "sent-SIGILL",
            Self::SentFpe => "sent-SIGFPE",
            Self::StackOverflow => "stack-overflow",
            Self::Kill => "kill-9",
            Self::Oom => "oom-kill",
            Self::HeldCallers => "held-callers",
            Self::ThreadsEnd => "threads-end",
            Self::Destructors => "destructors",
            Self::Fork => "fork",
            Self::ForkExec => "fork-exec",
            Self::PreFork => "pre-fork",
            Self::DrainSegv => "drain-SIGSEGV",
            Self::DrainAbort => "drain-abort",
            Self::DrainStuck => "drain-stuck",
            Self::HeapLock => "heap-locked",
        })
    }
}
