//! Loops over many numbers, for the vector units that the processor has.
//!
//! The one unsafe call is that of a function for a processor that may be another one than ours.
#![allow(unsafe_code)]

/// Loops that gain by wide vectors. A closure would do, if it could be told to be inlined.
pub(crate) trait Loops {
    type Output;

    /// To be `inline(always)`, as all that it calls and is to gain.
    fn run(self) -> Self::Output;
}

/// Runs loops, compiled for the widest vectors that this processor has among those we know of.
#[inline(always)]
pub(crate) fn vectorized<L: Loops>(loops: L) -> L::Output {
    #[cfg(all(target_arch = "x86_64", not(sawmill_portable)))]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the function needs nothing but a processor with AVX2, and this one just said that
        // it has it.
        return unsafe { with_avx2(loops) };
    }
    loops.run()
}

#[cfg(all(target_arch = "x86_64", not(sawmill_portable)))]
#[target_feature(enable = "avx2")]
fn with_avx2<L: Loops>(loops: L) -> L::Output {
    loops.run()
}
