//! The reads that need `unsafe`: the processor's time stamp counter and the system's coarse clock.
#![allow(unsafe_code)]

pub(crate) use imp::{IS_READ, is_invariant, ticks, ticks_fenced};

#[cfg(all(target_arch = "x86_64", not(miri)))]
mod imp {
    use std::arch::x86_64::{__cpuid, _mm_lfence, _rdtsc};

    /// Whether [`ticks`] reads a counter.
    pub(crate) const IS_READ: bool = true;

    /// Whether the counter runs at one rate in every power state and is the same on every core.
    ///
    /// The processor answers for the rate. Linux compares the cores at boot and takes the counter
    /// off its list of clock sources when they disagree; where that list cannot be read, the
    /// processor's word stands.
    pub(crate) fn is_invariant() -> bool {
        const LIST: &str = "/sys/devices/system/clocksource/clocksource0/available_clocksource";
        processor_says_so()
            && std::fs::read_to_string(LIST)
                .map_or(true, |list| list.split_whitespace().any(|name| name == "tsc"))
    }

    // Recent compilers know that `__cpuid` is safe on x86-64, older ones do not.
    #[allow(unused_unsafe)]
    fn processor_says_so() -> bool {
        const HAS_TSC: u32 = 1 << 4;
        const INVARIANT_TSC: u32 = 1 << 8;
        const EXTENDED: u32 = 0x8000_0000;
        const POWER: u32 = 0x8000_0007;
        // SAFETY: every x86-64 processor has the instruction, and a leaf is read only after the
        // processor said that it has it.
        let (features, power) = unsafe {
            let features = __cpuid(1).edx;
            let power = if __cpuid(EXTENDED).eax >= POWER { __cpuid(POWER).edx } else { 0 };
            (features, power)
        };
        features & HAS_TSC != 0 && power & INVARIANT_TSC != 0
    }

    /// The counter, read without waiting for the instructions around it: 9 ns.
    ///
    /// Two cores that hand a datum over within 200 ns may read the later event the smaller; a
    /// fence that would end this costs 6 ns more, and order between threads is not promised below
    /// the grace window anyway.
    #[inline(always)]
    pub(crate) fn ticks() -> u64 {
        // SAFETY: the instruction has no precondition; it reads a register.
        unsafe { _rdtsc() }
    }

    /// The counter after everything before this call and before everything behind it: 15 ns.
    pub(crate) fn ticks_fenced() -> u64 {
        // SAFETY: as above; the fences are part of SSE2, which every x86-64 processor has.
        unsafe {
            _mm_lfence();
            let ticks = _rdtsc();
            _mm_lfence();
            ticks
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(miri))))]
mod imp {
    /// As above.
    pub(crate) const IS_READ: bool = false;

    /// No counter is used here: the system clock stamps.
    pub(crate) fn is_invariant() -> bool {
        false
    }

    #[inline(always)]
    pub(crate) fn ticks() -> u64 {
        super::super::system_ns() as u64
    }

    pub(crate) fn ticks_fenced() -> u64 {
        ticks()
    }
}

/// The system's coarse clock, in nanoseconds since the Unix epoch: about 3 ns, in steps of its
/// timer interrupt. Where the system has none, its ordinary clock.
#[inline]
pub(crate) fn coarse_ns() -> i64 {
    #[cfg(all(any(target_os = "linux", target_os = "android"), not(miri)))]
    {
        let mut at = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: `at` is a valid place for the one value that the call stores.
        if unsafe { libc::clock_gettime(libc::CLOCK_REALTIME_COARSE, &mut at) } == 0 {
            #[allow(clippy::unnecessary_cast)] // 32 bits wide on some targets
            return (at.tv_sec as i64) * 1_000_000_000 + at.tv_nsec as i64;
        }
    }
    super::system_ns()
}
