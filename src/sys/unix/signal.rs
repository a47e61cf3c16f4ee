//! Signals that end the process: somebody is told first, then what would have been done is done.
//!
//! Nothing here locks or allocates once a signal is there.

use super::super::map;
use crate::sync::{AtomicUsize, Mutex, OnceLock, Ordering, lock};
use std::io;
use std::ptr;
use std::time::Duration;

/// A signal on its way to end the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caught {
    pub(crate) signal: i32,
    /// It is what `abort` sends.
    pub(crate) is_abort: bool,
    /// A fault of this very thread, not a request from outside.
    pub(crate) is_fault: bool,
    /// Nobody but the kernel would have acted on it: the process ends.
    pub(crate) is_default: bool,
}

/// Told of each signal, on the thread that it interrupts. May do only what is allowed in a signal
/// handler: atomics, [`nap`](super::nap), writes to descriptors; no locks, no memory of the heap.
pub(crate) type Told = fn(Caught);

/// Faults: the process cannot go on where it is.
const FAULTS: [i32; 5] = [libc::SIGABRT, libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
/// Those of them that come of an instruction, which is run again when the handler returns, unless
/// another process has sent them.
const SENT: [i32; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGILL, libc::SIGFPE];
/// Requests to end.
const ASKS: [i32; 3] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP];

const MOST: usize = 32;

static TOLD: AtomicUsize = AtomicUsize::new(0);
/// What was to be done before, by the signal's number.
static BEFORE: [OnceLock<libc::sigaction>; MOST] = [const { OnceLock::new() }; MOST];
/// Serialises installations.
static CHANGES: Mutex<()> = Mutex::new(());

/// Has `told` called before a signal ends the process: for faults, for requests to end, or both.
/// A signal that is ignored stays so. Once for a process; a second call may only add signals.
///
/// # Errors
///
/// As `sigaction(2)`.
pub(crate) fn catch_signals(faults: bool, asks: bool, told: Told) -> io::Result<()> {
    let _changing = lock(&CHANGES);
    // ORDERING(told): Release, pairs with the Acquire in `on_signal`; a function's address needs
    // nothing else to be seen.
    TOLD.store(told as usize, Ordering::Release);
    map::asks_first(on_signal as Handler as usize);
    let faults = FAULTS.iter().filter(|_| faults);
    let asks = ASKS.iter().filter(|_| asks);
    faults.chain(asks).try_for_each(|signal| catch(*signal))
}

fn catch(signal: i32) -> io::Result<()> {
    let Some(slot) = BEFORE.get(signal as usize) else { return Ok(()) };
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let mut before: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only; the structure is alive and writable.
    if unsafe { libc::sigaction(signal, ptr::null(), &mut before) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let ours = on_signal as Handler as libc::sighandler_t;
    let is_ask = ASKS.contains(&signal);
    if before.sa_sigaction == ours || (is_ask && before.sa_sigaction == libc::SIG_IGN) {
        return Ok(());
    }
    if slot.set(before).is_err() {
        // Somebody else installed a handler over ours and may hand on to us: no circles.
        return Ok(());
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ours;
    // On the alternate stack, which Rust's threads have: the stack may be what ran out. Calls that
    // a request interrupts are taken up again, as far as the handler before ours had it so.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | (before.sa_flags & libc::SA_RESTART);
    if is_ask && before.sa_sigaction == libc::SIG_DFL {
        action.sa_flags |= libc::SA_RESTART;
    }
    // SAFETY: the structure is complete: an empty mask, and a handler of the kind that the flag
    // says, which lives as long as the program and is safe to call at any point.
    match unsafe { libc::sigaction(signal, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

extern "C" fn on_signal(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // A file cut short under a mapping is no reason to end.
    if signal == libc::SIGBUS && map::mend(info) {
        return;
    }
    // SAFETY: errno of this thread, kept for the code that was interrupted.
    let errno = unsafe { *super::errno_place() };
    let before = BEFORE.get(signal as usize).and_then(OnceLock::get);
    let action = before.map_or(libc::SIG_DFL, |before| before.sa_sigaction);
    let told = TOLD.load(Ordering::Acquire);
    if told != 0 {
        // SAFETY: the only value ever stored but 0 is such a function.
        let told = unsafe { std::mem::transmute::<usize, Told>(told) };
        told(Caught {
            signal,
            is_abort: signal == libc::SIGABRT,
            is_fault: FAULTS.contains(&signal),
            is_default: action == libc::SIG_DFL || action == libc::SIG_IGN,
        });
    }
    // SAFETY: as above.
    unsafe { *super::errno_place() = errno };
    // SAFETY: with SA_SIGINFO the kernel passes a valid structure.
    let raised = unsafe { (*info).si_code > 0 };
    hand_on(before, signal, info, context, raised);
    if !raised && SENT.contains(&signal) && is_default(signal) {
        // The handler before ours, as Rust's own against stack overflows, has left it to the
        // instruction that faulted to fault again; but somebody sent the signal.
        // SAFETY: ends the process once this handler has returned.
        unsafe { libc::raise(signal) };
    }
}

/// Whether nobody would act on a signal but the kernel.
fn is_default(signal: libc::c_int) -> bool {
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only; the structure is alive and writable. Allowed in a signal's handler.
    let known = unsafe { libc::sigaction(signal, ptr::null(), &mut now) } == 0;
    known && now.sa_sigaction == libc::SIG_DFL
}

/// Does what would have been done without us.
pub(in crate::sys) fn hand_on(
    before: Option<&libc::sigaction>,
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
    raised: bool,
) {
    match before.map_or(libc::SIG_DFL, |before| before.sa_sigaction) {
        libc::SIG_IGN if !raised => {}
        libc::SIG_DFL | libc::SIG_IGN => {
            // SAFETY: the default action ends the process: at once when the instruction that
            // faulted is run again, or when the signal sent to ourselves arrives.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if !raised {
                    libc::raise(signal);
                }
            }
        }
        handler if before.is_some_and(|before| before.sa_flags & libc::SA_SIGINFO != 0) => {
            // SAFETY: it was installed as a handler of this kind.
            let handler = unsafe { std::mem::transmute::<libc::sighandler_t, Handler>(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: it was installed as a handler of this kind.
            let handler = unsafe {
                std::mem::transmute::<libc::sighandler_t, extern "C" fn(libc::c_int)>(handler)
            };
            handler(signal);
        }
    }
}

/// Runs `start`; threads that it starts leave requests to end to others. A process's signal goes to
/// any thread that takes it.
pub(crate) fn without_requests<R>(start: impl FnOnce() -> R) -> R {
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let (mut set, mut before): (libc::sigset_t, libc::sigset_t) = unsafe { std::mem::zeroed() };
    // SAFETY: the structures are alive and writable, and the numbers are those of signals; the
    // mask is that of the calling thread alone, and a new thread begins with it.
    let blocked = unsafe {
        libc::sigemptyset(&mut set);
        for signal in ASKS {
            libc::sigaddset(&mut set, signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, &set, &mut before) == 0
    };
    let result = start();
    if blocked {
        // SAFETY: as above; it is the mask that was there before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
    }
    result
}

/// Sleeps without anything that a signal handler must not use.
pub(crate) fn nap(time: Duration) {
    let time = libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    };
    // SAFETY: the structure is alive and valid; an interruption only shortens the nap.
    unsafe { libc::nanosleep(&time, ptr::null_mut()) };
}
