//! From what a call holds to the call written.
//!
//! A call site is one call of a function of this module. All that a site names beside it is looked
//! through and compiled once for each call of a program, so it names as little as it can.

use super::{DynEncode, Encodes, Held, Hold, Many, Scratch};

/// A call that has passed its threshold, and is to be written.
#[doc(hidden)]
pub trait Emit {
    /// Writes the call with these values.
    fn emit<A: Encodes>(self, values: A);
}

/// Functions that render what has to be and have a call written, one for each number of values.
///
/// Out of line, once for each tuple of types; values come in registers.
macro_rules! emit_held {
    ($($function:ident($($value:ident: $Type:ident),*);)*) => {$(
        #[inline(never)]
        #[allow(clippy::too_many_arguments)]
        #[doc(hidden)]
        pub fn $function<$($Type: Hold),*>(call: impl Emit, $($value: $Type),*) {
            let mut scratch = Scratch::new();
            $(let $value = $value.hold(&mut scratch);)*
            call.emit(($($value.view(&scratch),)*));
        }
    )*};
}

/// The same for a call without values.
#[inline(never)]
#[doc(hidden)]
pub fn emit_0(call: impl Emit) {
    call.emit(());
}

/// The same for views of more values than these functions take.
#[inline(never)]
#[doc(hidden)]
pub fn emit_many(call: impl Emit, values: &[&dyn DynEncode]) {
    call.emit(Many(values));
}

emit_held! {
    emit_1(a: A);
    emit_2(a: A, b: B);
    emit_3(a: A, b: B, c: C);
    emit_4(a: A, b: B, c: C, d: D);
    emit_5(a: A, b: B, c: C, d: D, e: E);
    emit_6(a: A, b: B, c: C, d: D, e: E, f: F);
    emit_7(a: A, b: B, c: C, d: D, e: E, f: F, g: G);
    emit_8(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H);
    emit_9(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I);
    emit_10(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J);
    emit_11(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K);
    emit_12(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K, l: L);
    emit_13(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K, l: L, m: M);
    emit_14(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N);
    emit_15(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N, o: O);
    emit_16(a: A, b: B, c: C, d: D, e: E, f: F, g: G, h: H, i: I, j: J, k: K, l: L, m: M, n: N, o: O, p: P);
}
