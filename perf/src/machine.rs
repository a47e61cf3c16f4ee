//! The machine under the measurements: its counter, its cores, and what this process takes of it.

#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Reads the processor's counter.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    // SAFETY: the instruction reads a register; every x86-64 processor has it.
    unsafe { std::arch::x86_64::_rdtsc() }
}

/// Reads the monotonic clock where there is no counter to read.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
pub(crate) fn ticks() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// Ticks of the counter per nanosecond, calibrated once over 200 ms.
pub(crate) fn ticks_per_ns() -> f64 {
    static RATE: OnceLock<f64> = OnceLock::new();
    *RATE.get_or_init(|| {
        let (clock, from) = (Instant::now(), ticks());
        std::thread::sleep(Duration::from_millis(200));
        let (to, passed) = (ticks(), clock.elapsed());
        (to - from) as f64 / passed.as_nanos() as f64
    })
}

/// Nanoseconds in a difference of ticks; 0 if the counter seems to have stepped back.
#[inline]
pub(crate) fn ns(from: u64, to: u64) -> f64 {
    to.saturating_sub(from) as f64 / ticks_per_ns()
}

/// Waits without giving the core away.
pub(crate) fn spin_for(time: Duration) {
    let end = ticks() + (time.as_nanos() as f64 * ticks_per_ns()) as u64;
    while ticks() < end {
        std::hint::spin_loop();
    }
}

/// Keeps the calling thread on one core. Threads that it starts later inherit this, so a subject is
/// started first.
#[cfg(target_os = "linux")]
pub(crate) fn pin(cpu: usize) {
    // SAFETY: a zeroed set is an empty one, and the call only reads it.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn pin(_cpu: usize) {}

/// Allocates space of a file behind its end, whose length stays; nothing where that cannot be done.
#[cfg(target_os = "linux")]
pub(crate) fn reserve(file: &std::fs::File, at: u64, len: u64) {
    use std::os::fd::AsRawFd;
    // SAFETY: numbers only; the descriptor is open as long as `file` lives.
    unsafe {
        let (at, len) = (at as libc::off_t, len as libc::off_t);
        libc::fallocate(file.as_raw_fd(), libc::FALLOC_FL_KEEP_SIZE, at, len);
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reserve(_file: &std::fs::File, _at: u64, _len: u64) {}

/// The processor time that this process has used so far.
pub(crate) fn cpu_time() -> Duration {
    usage(libc::RUSAGE_SELF)
}

/// The processor time of child processes that have ended.
pub(crate) fn cpu_time_of_children() -> Duration {
    usage(libc::RUSAGE_CHILDREN)
}

/// The processor time of all other threads of this process, those that ended included.
#[cfg(target_os = "linux")]
pub(crate) fn cpu_time_of_others() -> Duration {
    cpu_time().saturating_sub(usage(libc::RUSAGE_THREAD))
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn cpu_time_of_others() -> Duration {
    Duration::ZERO
}

fn usage(of: libc::c_int) -> Duration {
    // SAFETY: a zeroed `rusage` is valid, and the call fills it.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(of, &mut usage);
        usage
    };
    let time = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}

/// Ends this process as an operator's `kill` does.
pub(crate) fn raise_sigterm() {
    // SAFETY: raising a signal touches no memory of ours.
    unsafe {
        libc::raise(libc::SIGTERM);
    }
}

/// What this process has resident, in bytes: anonymous memory, and everything.
pub(crate) fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1));
        kib.and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    (field("RssAnon:"), field("VmRSS:"))
}

/// The processor's name, core count and kernel in one line.
pub(crate) fn line() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(':').nth(1)).map_or("?", str::trim).to_owned()
    };
    let cores = cores();
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{} (family {}, model {}), {cores} cores, counter {:.3} GHz, {} {}",
        field("model name"),
        field("cpu family"),
        field("model\t"),
        ticks_per_ns(),
        std::env::consts::OS,
        kernel.trim(),
    )
}

/// The load average over the last minute; `unknown` where the system has none.
pub(crate) fn load() -> String {
    let loads = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    loads.split_whitespace().next().unwrap_or("unknown").to_owned()
}

/// What a bare read of the counter costs: the median over batches of 20, in nanoseconds.
pub(crate) fn read_cost_ns() -> f64 {
    let mut batches: Vec<f64> = (0..20_000)
        .map(|_| {
            let from = ticks();
            for _ in 0..20 {
                std::hint::black_box(ticks());
            }
            ns(from, ticks()) / 20.0
        })
        .collect();
    crate::stats::percentiles(&mut batches).at(0.5)
}

/// The step in which the counter advances, in nanoseconds: the commonest difference of two reads
/// in a row that is more than one tick. No single call can be timed more finely than this.
pub(crate) fn step_ns() -> f64 {
    let mut counts = std::collections::HashMap::new();
    for _ in 0..200_000 {
        let from = ticks();
        let step = ticks().saturating_sub(from);
        if step > 1 {
            *counts.entry(step).or_insert(0u32) += 1;
        }
    }
    let commonest = counts.into_iter().max_by_key(|&(_, count)| count);
    commonest.map_or(0.0, |(step, _)| step as f64 / ticks_per_ns())
}

/// How long a cache line takes from one core to the other, in nanoseconds: the median of a hundred
/// stretches, so that a stretch in which another process had the core does not count. `None` with
/// one core.
///
/// In a virtual machine this is bimodal, for the host moves the cores: 35 to 60 ns ("near") at some
/// times, about 200 ns ("far") at others. Two-core figures compare only within one of the two.
pub(crate) fn hand_off_ns() -> Option<f64> {
    if cores() < 2 {
        return None;
    }
    #[repr(align(128))]
    struct Line(AtomicU64);
    const ROUNDS: u64 = 200;
    const STRETCHES: u64 = 100;
    let turn = &Line(AtomicU64::new(0));
    let play = |me: u64, rounds: std::ops::Range<u64>| {
        for round in rounds {
            while turn.0.load(Ordering::Acquire) != 2 * round + me {
                std::hint::spin_loop();
            }
            turn.0.store(2 * round + me + 1, Ordering::Release);
        }
    };
    let mut stretches = std::thread::scope(|scope| {
        scope.spawn(move || {
            pin(1);
            play(1, 0..ROUNDS * STRETCHES);
        });
        let mine = scope.spawn(move || {
            pin(0);
            let stretch = |n: u64| {
                let from = ticks();
                play(0, n * ROUNDS..(n + 1) * ROUNDS);
                ns(from, ticks()) / (2 * ROUNDS) as f64
            };
            (0..STRETCHES).map(stretch).collect::<Vec<f64>>()
        });
        mine.join().expect("the hand-off does not panic")
    });
    Some(crate::stats::percentiles(&mut stretches).at(0.5))
}

/// The cores that this process could use when it was first asked, before any pinning.
pub(crate) fn cores() -> usize {
    static CORES: OnceLock<usize> = OnceLock::new();
    *CORES.get_or_init(|| std::thread::available_parallelism().map_or(1, usize::from))
}

/// Below this many nanoseconds a hand-off counts as near.
pub(crate) const NEAR_NS: f64 = 100.0;
