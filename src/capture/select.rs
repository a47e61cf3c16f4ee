//! The choice of how a value travels: raw if its type can, else rendered.
//!
//! The macros cannot ask the compiler whether a type implements a trait, so they let method
//! resolution answer ("autoref specialisation"): the receiver is `&&&Slot(&value)`, and the trait
//! implemented for the most references wins. Their names are ugly on purpose: no trait of a caller's
//! may offer the same. What comes back is a [`Hold`]: a function of [`emit`](super::emit) has all of
//! a call rendered, and then takes the views, which borrow the scratch.

use super::{Capture, CaptureDisplay, Encode, Pair, Rendered, Scratch, Str, Text};
use crate::value::tag;
use std::backtrace::Backtrace;
use std::error::Error;
use std::fmt;
use std::ops::Deref;

/// What method resolution chose for a value, before anything is rendered.
#[doc(hidden)]
pub trait Hold {
    /// What is held.
    type Held: Held;
    /// Holds the value, or renders it.
    fn hold(self, scratch: &mut Scratch) -> Self::Held;
}

/// A value or its rendering, before its view is taken.
#[doc(hidden)]
pub trait Held {
    /// The view.
    type Enc<'s>: Encode
    where
        Self: 's;
    /// Takes the view; rendered text is borrowed from the scratch.
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Self::Enc<'s>;
}

/// Held raw: its view. That is taken where the call stands and not in a function that gets a
/// reference, so that what a caller computes for a call alone can be computed behind the question
/// whether the call is enabled.
#[derive(Debug)]
#[doc(hidden)]
pub struct Raw<E>(E);
impl<E: Encode> Hold for Raw<E> {
    type Held = Self;
    #[inline(always)]
    fn hold(self, _: &mut Scratch) -> Self {
        self
    }
}
impl<E: Encode> Held for Raw<E> {
    type Enc<'s>
        = E
    where
        Self: 's;
    #[inline(always)]
    fn view<'s>(&'s self, _: &'s Scratch) -> E {
        self.0
    }
}

impl Held for Rendered {
    type Enc<'s> = Text<'s>;
    #[inline(always)]
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Text<'s> {
        Text(scratch.text(*self))
    }
}

/// To be rendered as `{}` does.
#[doc(hidden)]
pub struct Shown<'a>(&'a dyn fmt::Display);
impl Hold for Shown<'_> {
    type Held = Rendered;
    fn hold(self, scratch: &mut Scratch) -> Rendered {
        scratch.render(format_args!("{}", self.0))
    }
}

/// To be rendered as `{:?}` does.
#[derive(Debug)]
#[doc(hidden)]
pub struct Debugged<'a>(&'a dyn fmt::Debug);
impl Hold for Debugged<'_> {
    type Held = Rendered;
    fn hold(self, scratch: &mut Scratch) -> Rendered {
        scratch.render(format_args!("{:?}", self.0))
    }
}

/// To be rendered as the call says.
#[derive(Debug)]
#[doc(hidden)]
pub struct Formatted<'a>(pub fmt::Arguments<'a>);
impl Hold for Formatted<'_> {
    type Held = Rendered;
    #[inline(always)]
    fn hold(self, scratch: &mut Scratch) -> Rendered {
        scratch.render(self.0)
    }
}

/// What the macros wrap an argument in.
#[derive(Debug)]
#[doc(hidden)]
pub struct Slot<'a, T: ?Sized>(pub &'a T);

/// Message arguments: raw where the drain can repeat the trait asked for.
#[doc(hidden)]
pub trait ViaDisplay<'a> {
    /// How it is held.
    type Hold: Hold;
    /// Holds the value of a `{}` raw.
    fn __sawmill_display(&self) -> Self::Hold;
    /// Holds a value with a spec raw; the rendering is not made.
    fn __sawmill_display_as(&self, text: fmt::Arguments<'_>) -> Self::Hold;
}
impl<'a, T: CaptureDisplay + ?Sized> ViaDisplay<'a> for Slot<'a, T> {
    type Hold = Raw<T::Enc<'a>>;
    #[inline(always)]
    fn __sawmill_display(&self) -> Self::Hold {
        Raw(self.0.capture())
    }
    #[inline(always)]
    fn __sawmill_display_as(&self, _: fmt::Arguments<'_>) -> Self::Hold {
        Raw(self.0.capture())
    }
}

/// The same for `{:?}` and its kin: every captured type can repeat its `Debug`.
#[doc(hidden)]
pub trait ViaDebug<'a> {
    /// How it is held.
    type Hold: Hold;
    /// Holds the value of a `{:?}` raw.
    fn __sawmill_debug(&self) -> Self::Hold;
    /// Holds a value with a spec raw; the rendering is not made.
    fn __sawmill_debug_as(&self, text: fmt::Arguments<'_>) -> Self::Hold;
}
impl<'a, T: Capture + ?Sized> ViaDebug<'a> for Slot<'a, T> {
    type Hold = Raw<T::Enc<'a>>;
    #[inline(always)]
    fn __sawmill_debug(&self) -> Self::Hold {
        Raw(self.0.capture())
    }
    #[inline(always)]
    fn __sawmill_debug_as(&self, _: fmt::Arguments<'_>) -> Self::Hold {
        Raw(self.0.capture())
    }
}

/// Everything else: rendered with its own spec.
///
/// The methods and not the implementations ask for the traits, so that a type without them is told
/// to lack them, and not to have no such method.
#[doc(hidden)]
pub trait ViaRendered<T: ?Sized> {
    /// To be rendered.
    fn __sawmill_display(&self) -> Shown<'_>
    where
        T: fmt::Display;
    /// To be rendered.
    fn __sawmill_debug(&self) -> Debugged<'_>
    where
        T: fmt::Debug;
    /// To be rendered.
    fn __sawmill_display_as<'f>(&self, text: fmt::Arguments<'f>) -> Formatted<'f> {
        Formatted(text)
    }
    /// To be rendered.
    fn __sawmill_debug_as<'f>(&self, text: fmt::Arguments<'f>) -> Formatted<'f> {
        Formatted(text)
    }
}
impl<T: ?Sized> ViaRendered<T> for &Slot<'_, T> {
    #[inline(always)]
    fn __sawmill_display(&self) -> Shown<'_>
    where
        T: fmt::Display,
    {
        Shown(&self.0)
    }
    #[inline(always)]
    fn __sawmill_debug(&self) -> Debugged<'_>
    where
        T: fmt::Debug,
    {
        Debugged(&self.0)
    }
}

/// Keys without a modifier (`key = value`): raw, else `Display`, else `Debug`.
#[doc(hidden)]
pub trait Via<'a> {
    /// How it is held.
    type Hold: Hold;
    /// Holds the value raw.
    fn __sawmill_value(&self) -> Self::Hold;
}
impl<'a, T: Capture + ?Sized> Via<'a> for &&Slot<'a, T> {
    type Hold = Raw<T::Enc<'a>>;
    #[inline(always)]
    fn __sawmill_value(&self) -> Self::Hold {
        Raw(self.0.capture())
    }
}

/// Keys without a modifier whose type is not captured raw but can be displayed.
#[doc(hidden)]
pub trait ViaShown {
    /// To be rendered with `Display`.
    fn __sawmill_value(&self) -> Shown<'_>;
}
impl<T: fmt::Display + ?Sized> ViaShown for &Slot<'_, T> {
    #[inline(always)]
    fn __sawmill_value(&self) -> Shown<'_> {
        Shown(&self.0)
    }
}

/// Keys without a modifier whose type can only be debugged.
#[doc(hidden)]
pub trait ViaDebugged {
    /// To be rendered with `Debug`.
    fn __sawmill_value(&self) -> Debugged<'_>;
}
impl<T: fmt::Debug + ?Sized> ViaDebugged for Slot<'_, T> {
    #[inline(always)]
    fn __sawmill_value(&self) -> Debugged<'_> {
        Debugged(&self.0)
    }
}

/// A width or precision argument of a message.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Width(pub usize);
impl Hold for Width {
    type Held = Self;
    #[inline(always)]
    fn hold(self, _: &mut Scratch) -> Self {
        self
    }
}
impl Held for Width {
    type Enc<'s> = Self;
    #[inline(always)]
    fn view<'s>(&'s self, _: &'s Scratch) -> Self {
        *self
    }
}
impl Encode for Width {
    const TAG: u8 = tag::COUNT;
    #[inline(always)]
    fn words(self) -> usize {
        1
    }
    #[inline(always)]
    fn put<S: super::Sink>(self, out: &mut S) {
        out.push(self.0 as u64);
    }
}

/// A value whose key is computed at the call: written as a pair.
#[derive(Debug)]
#[doc(hidden)]
pub struct Keyed<'a, K: ?Sized, H>(pub &'a K, pub H);
impl<'a, K: AsRef<str> + ?Sized, H: Hold> Hold for Keyed<'a, K, H> {
    type Held = Keyed<'a, K, H::Held>;
    fn hold(self, scratch: &mut Scratch) -> Self::Held {
        Keyed(self.0, self.1.hold(scratch))
    }
}
impl<K: AsRef<str> + ?Sized, H: Held> Held for Keyed<'_, K, H> {
    type Enc<'s>
        = Pair<Str<'s>, H::Enc<'s>>
    where
        Self: 's;
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Self::Enc<'s> {
        Pair(Str(self.0.as_ref()), self.1.view(scratch))
    }
}

/// To be written to the scratch by a function.
struct By<F>(F);
impl<H: Held, F: FnOnce(&mut Scratch) -> H> Hold for By<F> {
    type Held = H;
    fn hold(self, scratch: &mut Scratch) -> H {
        (self.0)(scratch)
    }
}

/// Errors (`key:err = error`, `exception!`): the text and those of its sources.
#[doc(hidden)]
pub trait ViaError {
    /// To be rendered, the whole chain.
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>>;
}
impl<T: Error + ?Sized> ViaError for &&Slot<'_, T> {
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>> {
        By(|scratch: &mut Scratch| scratch.chain(&self.0, || self.0.source()))
    }
}

/// What is no error itself but derefs to one: `anyhow::Error`, `eyre::Report`, `Box<dyn Error>`.
#[doc(hidden)]
pub trait ViaDeref {
    /// To be rendered, the whole chain.
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>>;
}
impl<T: Deref<Target: Error> + ?Sized> ViaDeref for &Slot<'_, T> {
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>> {
        By(|scratch: &mut Scratch| scratch.chain(&&**self.0, || self.0.source()))
    }
}

/// A reference to such a thing.
#[doc(hidden)]
pub trait ViaDerefTwice {
    /// To be rendered, the whole chain.
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>>;
}
impl<T: Deref<Target: Deref<Target: Error>> + ?Sized> ViaDerefTwice for Slot<'_, T> {
    fn __sawmill_error(&self) -> impl Hold<Held = Kept<{ tag::ERROR }>> {
        By(|scratch: &mut Scratch| scratch.chain(&&***self.0, || self.0.source()))
    }
}

/// `stack_info = true`: the caller's backtrace, if asked for.
#[doc(hidden)]
pub trait ViaFlag {
    /// Takes the backtrace, to be rendered.
    fn __sawmill_stack(&self) -> impl Hold<Held = Rendered>;
}
impl ViaFlag for &Slot<'_, bool> {
    #[inline(never)]
    fn __sawmill_stack(&self) -> impl Hold<Held = Rendered> {
        let stack = self.0.then(Backtrace::force_capture);
        By(move |scratch: &mut Scratch| match stack {
            Some(stack) => scratch.render(format_args!("{stack}")),
            None => scratch.render(format_args!("")),
        })
    }
}

/// `stack_info = backtrace`: one that exists already.
#[doc(hidden)]
pub trait ViaStack {
    /// To be rendered.
    fn __sawmill_stack(&self) -> Shown<'_>;
}
impl<T: fmt::Display + ?Sized> ViaStack for Slot<'_, T> {
    fn __sawmill_stack(&self) -> Shown<'_> {
        Shown(&self.0)
    }
}

/// Words that were encoded into the scratch beforehand: error chains, serde values.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Kept<const TAG: u8> {
    pub(crate) part: (usize, usize),
}
impl<const TAG: u8> Held for Kept<TAG> {
    type Enc<'s> = Block<'s, TAG>;
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Block<'s, TAG> {
        Block(scratch.kept(self.part))
    }
}

/// The view of [`Kept`]: the payload of a value with this tag.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Block<'a, const TAG: u8>(pub(crate) &'a [u64]);
impl<const TAG: u8> Encode for Block<'_, TAG> {
    const TAG: u8 = TAG;
    fn words(self) -> usize {
        self.0.len()
    }
    fn put<S: super::Sink>(self, out: &mut S) {
        out.copy(self.0);
    }
}
