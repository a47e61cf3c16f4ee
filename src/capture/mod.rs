//! From values to the words of a frame.
//!
//! [`Capture`] says that a type travels raw: its [`Capture::Enc`] is a small copyable view that
//! knows its tag, its size and how to write itself. Record writers are shared per tuple of such
//! views ([`Encodes`]), so `String`, `&str` and `Arc<str>` arguments share one. A type that is not
//! `Capture` is rendered once, on the caller, with its own format spec ([`Scratch`]).
//!
//! Nothing here allocates once the thread's scratch has grown to what the program needs.

pub(crate) mod emit;
mod scratch;
mod select;
#[cfg(feature = "serde")]
mod serde;
mod types;
mod words;

pub(crate) use scratch::panics;
pub use scratch::{Rendered, Scratch};
pub use select::{
    Block, Debugged, Formatted, Held, Hold, Kept, Keyed, Raw, Shown, Slot, Via, ViaDebug,
    ViaDebugged, ViaDeref, ViaDerefTwice, ViaDisplay, ViaError, ViaFlag, ViaRendered, ViaShown,
    ViaStack, Width,
};
#[cfg(feature = "serde")]
pub use serde::Serialized;
pub use types::{
    Bytes, Derived, Fields, List, Opt, Pair, Quad, Single, Str, Text, Triple, Wide, field,
    field_words,
};
pub use words::{Sink, Words};

/// A value on its way into a frame: small, copyable, writes itself.
///
/// Sealed in practice: the trait is hidden, and a wrong `words` can only produce a record that the
/// decoder refuses, never a memory error.
#[doc(hidden)]
pub trait Encode: Copy {
    /// The value's tag, see [`crate::value::tag`].
    const TAG: u8;
    /// How many words [`put`](Self::put) writes.
    fn words(self) -> usize;
    /// Writes the value, without its tag.
    fn put<S: Sink>(self, out: &mut S);
}

/// A type that travels to the drain raw, in a few words, and keeps its type on the way.
///
/// Implemented for integers to 128 bits, floats, `bool`, `char`, strings (`str`, `String`, `Cow`,
/// `Box<str>`, `Arc<str>`, `Rc<str>`), byte slices, `Option`, `Duration`, IP and socket addresses,
/// slices, arrays, vectors and tuples (to four) of these, references to them, and types with
/// `#[derive(Capture)]`. Cannot be implemented by hand.
///
/// # Examples
///
/// ```
/// #[derive(Debug, sawmill::Capture)]
/// struct Order { id: u64, price: f64 }
///
/// let order = Order { id: 7, price: 9.5 };
/// sawmill::info!(order:? = order; "placed");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not travel raw: it is not `Capture`",
    note = "`#[derive(sawmill::Capture)]` makes a type of one's own `Capture`",
    note = "a key's value of any other type is taken by `Display` or `Debug`: `key:% = value`, \
            `key:? = value`"
)]
pub trait Capture {
    /// The view that is written.
    #[doc(hidden)]
    type Enc<'a>: Encode
    where
        Self: 'a;
    /// Takes the view.
    #[doc(hidden)]
    fn capture(&self) -> Self::Enc<'_>;
    /// The slice as bytes, if this type is `u8`: lists of bytes are packed.
    #[doc(hidden)]
    fn as_bytes(slice: &[Self]) -> Option<&[u8]>
    where
        Self: Sized,
    {
        let _ = slice;
        None
    }
}

/// Captured types whose `Display` the drain can repeat exactly; a subset of [`Capture`].
#[doc(hidden)]
pub trait CaptureDisplay: Capture {}

/// Writes a value behind a word that carries its tag.
pub(crate) fn put_nested<E: Encode, S: Sink>(value: E, out: &mut S) {
    out.push(u64::from(E::TAG));
    value.put(out);
}

/// A tuple of values: all that one call captures.
#[doc(hidden)]
pub trait Encodes: Copy {
    /// How many values.
    const COUNT: usize;
    /// Tag words: eight tags each, first value lowest.
    const TAG_WORDS: usize = Self::COUNT.div_ceil(8);
    /// How many words [`put`](Self::put) writes, tag words included.
    fn words(self) -> usize;
    /// Writes the tag words, then the values.
    fn put(self, out: &mut Words<'_>);
}

const fn pack<const W: usize>(tags: &[u8]) -> [u64; W] {
    let mut words = [0; W];
    let mut at = 0;
    while at < tags.len() {
        words[at / 8] |= (tags[at] as u64) << (at % 8 * 8);
        at += 1;
    }
    words
}

macro_rules! tuples {
    ($words:literal: $($name:ident $field:tt)*) => {
        impl<$($name: Encode),*> Encodes for ($($name,)*) {
            const COUNT: usize = [$($name::TAG),*].len();
            #[inline(always)]
            fn words(self) -> usize {
                $words $(+ self.$field.words())*
            }
            #[inline(always)]
            fn put(self, out: &mut Words<'_>) {
                let tags: [u64; $words] = const { pack::<$words>(&[$($name::TAG),*]) };
                for word in tags {
                    out.push(word);
                }
                $(self.$field.put(out);)*
            }
        }
    };
}

impl Encodes for () {
    const COUNT: usize = 0;
    #[inline(always)]
    fn words(self) -> usize {
        0
    }
    #[inline(always)]
    fn put(self, _: &mut Words<'_>) {}
}
tuples!(1: A 0);
tuples!(1: A 0 B 1);
tuples!(1: A 0 B 1 C 2);
tuples!(1: A 0 B 1 C 2 D 3);
tuples!(1: A 0 B 1 C 2 D 3 E 4);
tuples!(1: A 0 B 1 C 2 D 3 E 4 F 5);
tuples!(1: A 0 B 1 C 2 D 3 E 4 F 5 G 6);
tuples!(1: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14);
tuples!(2: A 0 B 1 C 2 D 3 E 4 F 5 G 6 H 7 I 8 J 9 K 10 L 11 M 12 N 13 O 14 P 15);

/// More values than the widest tuple has.
///
/// They are written through a slice of dynamic encoders: the same frame, a little slower.
#[derive(Clone, Copy)]
pub(crate) struct Many<'a>(pub &'a [&'a dyn DynEncode]);

/// [`Encode`] behind a reference, for calls with very many values.
#[doc(hidden)]
pub trait DynEncode {
    fn tag(&self) -> u8;
    fn words(&self) -> usize;
    fn put(&self, out: &mut Words<'_>);
}

impl<E: Encode> DynEncode for E {
    fn tag(&self) -> u8 {
        E::TAG
    }
    fn words(&self) -> usize {
        Encode::words(*self)
    }
    fn put(&self, out: &mut Words<'_>) {
        Encode::put(*self, out);
    }
}

impl Encodes for Many<'_> {
    // The decoder takes the count from the call site; this constant is not used for slices.
    const COUNT: usize = 0;
    fn words(self) -> usize {
        self.0.len().div_ceil(8) + self.0.iter().map(|value| value.words()).sum::<usize>()
    }
    fn put(self, out: &mut Words<'_>) {
        for eight in self.0.chunks(8) {
            let mut tags = [0; 8];
            for (tag, value) in tags.iter_mut().zip(eight) {
                *tag = value.tag();
            }
            out.push(u64::from_le_bytes(tags));
        }
        for value in self.0 {
            value.put(out);
        }
    }
}
