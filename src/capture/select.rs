//! The choice of how a value travels: raw if its type can, else rendered.
//!
//! The macros cannot ask the compiler whether a type implements a trait, so they let method
//! resolution answer ("autoref specialisation"): the receiver is `&&&Slot(&value)`, and the trait
//! implemented for the most references wins. Their names are ugly on purpose: no trait of a caller's
//! may offer the same. What comes back is a [`Held`], which borrows the
//! scratch only after everything has been rendered.

use super::{Capture, CaptureDisplay, Encode, Pair, Rendered, Scratch, Str, Text};
use crate::value::tag;
use std::backtrace::Backtrace;
use std::error::Error;
use std::fmt;
use std::ops::Deref;

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

/// Held raw, by reference.
#[derive(Debug)]
#[doc(hidden)]
pub struct Raw<'a, T: ?Sized>(pub &'a T);
impl<T: Capture + ?Sized> Held for Raw<'_, T> {
    type Enc<'s>
        = T::Enc<'s>
    where
        Self: 's;
    #[inline(always)]
    fn view<'s>(&'s self, _: &'s Scratch) -> T::Enc<'s> {
        self.0.capture()
    }
}

impl Held for Rendered {
    type Enc<'s> = Text<'s>;
    #[inline(always)]
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Text<'s> {
        Text(scratch.text(*self))
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
    type Held: Held;
    /// Holds the value raw; the rendering is not made.
    fn __sawmill_display(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Self::Held;
}
impl<'a, T: CaptureDisplay + ?Sized> ViaDisplay<'a> for Slot<'a, T> {
    type Held = Raw<'a, T>;
    #[inline(always)]
    fn __sawmill_display(&self, _: &mut Scratch, _: fmt::Arguments<'_>) -> Raw<'a, T> {
        Raw(self.0)
    }
}

/// The same for `{:?}` and its kin: every captured type can repeat its `Debug`.
#[doc(hidden)]
pub trait ViaDebug<'a> {
    /// How it is held.
    type Held: Held;
    /// Holds the value raw; the rendering is not made.
    fn __sawmill_debug(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Self::Held;
}
impl<'a, T: Capture + ?Sized> ViaDebug<'a> for Slot<'a, T> {
    type Held = Raw<'a, T>;
    #[inline(always)]
    fn __sawmill_debug(&self, _: &mut Scratch, _: fmt::Arguments<'_>) -> Raw<'a, T> {
        Raw(self.0)
    }
}

/// Everything else: rendered with its own spec.
#[doc(hidden)]
pub trait ViaRendered {
    /// Renders.
    fn __sawmill_display(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Rendered;
    /// Renders.
    fn __sawmill_debug(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Rendered;
}
impl<T: ?Sized> ViaRendered for &Slot<'_, T> {
    fn __sawmill_display(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Rendered {
        scratch.render(text)
    }
    fn __sawmill_debug(&self, scratch: &mut Scratch, text: fmt::Arguments<'_>) -> Rendered {
        scratch.render(text)
    }
}

/// Keys without a modifier (`key = value`): raw, else `Display`, else `Debug`.
#[doc(hidden)]
pub trait Via<'a> {
    /// How it is held.
    type Held: Held;
    /// Holds the value raw.
    fn __sawmill_value(&self, scratch: &mut Scratch) -> Self::Held;
}
impl<'a, T: Capture + ?Sized> Via<'a> for &&Slot<'a, T> {
    type Held = Raw<'a, T>;
    #[inline(always)]
    fn __sawmill_value(&self, _: &mut Scratch) -> Raw<'a, T> {
        Raw(self.0)
    }
}

/// Keys without a modifier whose type is not captured raw but can be displayed.
#[doc(hidden)]
pub trait ViaShown {
    /// Renders with `Display`.
    fn __sawmill_value(&self, scratch: &mut Scratch) -> Rendered;
}
impl<T: fmt::Display + ?Sized> ViaShown for &Slot<'_, T> {
    fn __sawmill_value(&self, scratch: &mut Scratch) -> Rendered {
        scratch.render(format_args!("{}", self.0))
    }
}

/// Keys without a modifier whose type can only be debugged.
#[doc(hidden)]
pub trait ViaDebugged {
    /// Renders with `Debug`.
    fn __sawmill_value(&self, scratch: &mut Scratch) -> Rendered;
}
impl<T: fmt::Debug + ?Sized> ViaDebugged for Slot<'_, T> {
    fn __sawmill_value(&self, scratch: &mut Scratch) -> Rendered {
        scratch.render(format_args!("{:?}", self.0))
    }
}

/// A width or precision argument of a message.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Width(pub usize);
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
impl<K: AsRef<str> + ?Sized, H: Held> Held for Keyed<'_, K, H> {
    type Enc<'s>
        = Pair<Str<'s>, H::Enc<'s>>
    where
        Self: 's;
    fn view<'s>(&'s self, scratch: &'s Scratch) -> Self::Enc<'s> {
        Pair(Str(self.0.as_ref()), self.1.view(scratch))
    }
}

/// Errors (`key:err = error`, `exception!`): the text and those of its sources.
#[doc(hidden)]
pub trait ViaError {
    /// Renders the chain.
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }>;
}
impl<T: Error + ?Sized> ViaError for &&Slot<'_, T> {
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }> {
        scratch.chain(&self.0, || self.0.source())
    }
}

/// What is no error itself but derefs to one: `anyhow::Error`, `eyre::Report`, `Box<dyn Error>`.
#[doc(hidden)]
pub trait ViaDeref {
    /// Renders the chain.
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }>;
}
impl<T: Deref<Target: Error> + ?Sized> ViaDeref for &Slot<'_, T> {
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }> {
        scratch.chain(&&**self.0, || self.0.source())
    }
}

/// A reference to such a thing.
#[doc(hidden)]
pub trait ViaDerefTwice {
    /// Renders the chain.
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }>;
}
impl<T: Deref<Target: Deref<Target: Error>> + ?Sized> ViaDerefTwice for Slot<'_, T> {
    fn __sawmill_error(&self, scratch: &mut Scratch) -> Kept<{ tag::ERROR }> {
        scratch.chain(&&***self.0, || self.0.source())
    }
}

/// `stack_info = true`: the caller's backtrace, if asked for.
#[doc(hidden)]
pub trait ViaFlag {
    /// Takes and renders the backtrace.
    fn __sawmill_stack(&self, scratch: &mut Scratch) -> Rendered;
}
impl ViaFlag for &Slot<'_, bool> {
    #[inline(never)]
    fn __sawmill_stack(&self, scratch: &mut Scratch) -> Rendered {
        match self.0 {
            true => scratch.render(format_args!("{}", Backtrace::force_capture())),
            false => scratch.render(format_args!("")),
        }
    }
}

/// `stack_info = backtrace`: one that exists already.
#[doc(hidden)]
pub trait ViaStack {
    /// Renders it.
    fn __sawmill_stack(&self, scratch: &mut Scratch) -> Rendered;
}
impl<T: fmt::Display + ?Sized> ViaStack for Slot<'_, T> {
    fn __sawmill_stack(&self, scratch: &mut Scratch) -> Rendered {
        scratch.render(format_args!("{}", self.0))
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
