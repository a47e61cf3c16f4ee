//! The types that travel raw, and their views.

use super::{Capture, CaptureDisplay, Encode, Sink, put_nested};
use crate::callsite;
use crate::sync::Arc;
use crate::value::{Shape, tag};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::NonZero;
use std::rc::Rc;
use std::time::Duration;

macro_rules! one_word {
    ($($type:ty, $tag:ident, |$value:ident| $word:expr;)*) => {$(
        impl Encode for $type {
            const TAG: u8 = tag::$tag;
            #[inline(always)]
            fn words(self) -> usize {
                1
            }
            #[inline(always)]
            fn put<S: Sink>(self, out: &mut S) {
                let $value = self;
                out.push($word);
            }
        }
        by_value!($type);
    )*};
}
macro_rules! by_value {
    ($($type:ty)*) => {$(
        impl Capture for $type {
            type Enc<'a> = Self;
            #[inline(always)]
            fn capture(&self) -> Self {
                *self
            }
        }
        impl CaptureDisplay for $type {}
    )*};
}
/// Types that are shown exactly as another captured type is.
macro_rules! shown_as {
    ($($type:ty, $as:ty, |$value:ident| $view:expr;)*) => {$(
        impl Capture for $type {
            type Enc<'a> = $as;
            #[inline(always)]
            fn capture(&self) -> $as {
                let $value = *self;
                $view
            }
        }
        impl CaptureDisplay for $type {}
    )*};
}

one_word! {
    bool, BOOL, |value| u64::from(value);
    u64, U64, |value| value;
    i8, I8, |value| i64::from(value) as u64;
    i16, I16, |value| i64::from(value) as u64;
    i32, I32, |value| i64::from(value) as u64;
    i64, I64, |value| value as u64;
    f32, F32, |value| u64::from(value.to_bits());
    f64, F64, |value| value.to_bits();
    char, CHAR, |value| u64::from(u32::from(value));
    Ipv4Addr, IPV4, |value| u64::from(u32::from(value));
    SocketAddrV4, SOCKET_V4, |value| {
        u64::from(u32::from(*value.ip())) | u64::from(value.port()) << 32
    };
}
shown_as! {
    u16, u64, |value| u64::from(value);
    u32, u64, |value| u64::from(value);
    usize, u64, |value| value as u64;
    NonZero<u8>, u64, |value| u64::from(value.get());
    NonZero<u16>, u64, |value| u64::from(value.get());
    NonZero<u32>, u64, |value| u64::from(value.get());
    NonZero<u64>, u64, |value| value.get();
    NonZero<usize>, u64, |value| value.get() as u64;
    NonZero<i32>, i32, |value| value.get();
    NonZero<i64>, i64, |value| value.get();
}
// The width decides what `{:x}` shows of a negative number.
#[cfg(target_pointer_width = "64")]
shown_as! {
    isize, i64, |value| value as i64;
}
#[cfg(not(target_pointer_width = "64"))]
shown_as! {
    isize, i32, |value| value as i32;
}

impl Capture for u8 {
    type Enc<'a> = u64;
    #[inline(always)]
    fn capture(&self) -> u64 {
        u64::from(*self)
    }
    fn as_bytes(slice: &[Self]) -> Option<&[u8]> {
        Some(slice)
    }
}
impl CaptureDisplay for u8 {}

fn put_wide<S: Sink>(value: u128, out: &mut S) {
    out.push(value as u64);
    out.push((value >> 64) as u64);
}

macro_rules! two_words {
    ($($type:ty, $tag:ident, |$value:ident| $wide:expr;)*) => {$(
        impl Encode for $type {
            const TAG: u8 = tag::$tag;
            #[inline(always)]
            fn words(self) -> usize {
                2
            }
            #[inline(always)]
            fn put<S: Sink>(self, out: &mut S) {
                let $value = self;
                put_wide($wide, out);
            }
        }
        by_value!($type);
    )*};
}
two_words! {
    u128, U128, |value| value;
    i128, I128, |value| value as u128;
    Ipv6Addr, IPV6, |value| u128::from(value);
}

impl Encode for Duration {
    const TAG: u8 = tag::DURATION;
    #[inline(always)]
    fn words(self) -> usize {
        2
    }
    #[inline(always)]
    fn put<S: Sink>(self, out: &mut S) {
        out.push(self.as_secs());
        out.push(u64::from(self.subsec_nanos()));
    }
}
// `Duration` has no `Display`, so it is not `CaptureDisplay`.
impl Capture for Duration {
    type Enc<'a> = Self;
    #[inline(always)]
    fn capture(&self) -> Self {
        *self
    }
}

impl Encode for () {
    const TAG: u8 = tag::UNIT;
    fn words(self) -> usize {
        0
    }
    fn put<S: Sink>(self, _: &mut S) {}
}
impl Capture for () {
    type Enc<'a> = ();
    fn capture(&self) {}
}

/// Addresses whose kind is known only at run time: a nested value, shown without wrapping.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Wide<T>(pub(crate) T);

impl Encode for SocketAddrV6 {
    const TAG: u8 = tag::SOCKET_V6;
    fn words(self) -> usize {
        4
    }
    fn put<S: Sink>(self, out: &mut S) {
        put_wide(u128::from(*self.ip()), out);
        out.push(u64::from(self.port()));
        out.push(u64::from(self.flowinfo()) << 32 | u64::from(self.scope_id()));
    }
}
by_value!(SocketAddrV6);

// An address of either family is written in the wider form with a mark, so that its tag is
// constant: the words of a TUPLE would change its text.
impl Encode for Wide<IpAddr> {
    const TAG: u8 = tag::ANY;
    fn words(self) -> usize {
        match self.0 {
            IpAddr::V4(_) => 2,
            IpAddr::V6(_) => 3,
        }
    }
    fn put<S: Sink>(self, out: &mut S) {
        match self.0 {
            IpAddr::V4(address) => put_nested(address, out),
            IpAddr::V6(address) => put_nested(address, out),
        }
    }
}
impl Encode for Wide<SocketAddr> {
    const TAG: u8 = tag::ANY;
    fn words(self) -> usize {
        match self.0 {
            SocketAddr::V4(_) => 2,
            SocketAddr::V6(_) => 5,
        }
    }
    fn put<S: Sink>(self, out: &mut S) {
        match self.0 {
            SocketAddr::V4(address) => put_nested(address, out),
            SocketAddr::V6(address) => put_nested(address, out),
        }
    }
}
shown_as! {
    IpAddr, Wide<IpAddr>, |value| Wide(value);
    SocketAddr, Wide<SocketAddr>, |value| Wide(value);
}

macro_rules! bytes_like {
    ($(#[$doc:meta] $view:ident, $tag:ident, $from:ty;)*) => {$(
        #[$doc]
        #[derive(Clone, Copy, Debug)]
        #[doc(hidden)]
        pub struct $view<'a>(pub(crate) &'a $from);
        impl Encode for $view<'_> {
            const TAG: u8 = tag::$tag;
            #[inline(always)]
            fn words(self) -> usize {
                1 + self.0.len().div_ceil(8)
            }
            #[inline(always)]
            fn put<S: Sink>(self, out: &mut S) {
                let bytes: &[u8] = self.0.as_ref();
                out.push(bytes.len() as u64);
                out.bytes(bytes);
            }
        }
    )*};
}
bytes_like! {
    /// A string.
    Str, STR, str;
    /// Text that was rendered with its own spec already.
    Text, TEXT, str;
    /// Bytes.
    Bytes, BYTES, [u8];
}

macro_rules! strings {
    ($($type:ty)*) => {$(
        impl Capture for $type {
            type Enc<'a> = Str<'a> where Self: 'a;
            #[inline(always)]
            fn capture(&self) -> Str<'_> {
                Str(self)
            }
        }
        impl CaptureDisplay for $type {}
    )*};
}
strings!(str String Box<str> Arc<str> Rc<str> Cow<'_, str>);

macro_rules! references {
    ($($type:ty)*) => {$(
        impl<T: Capture + ?Sized> Capture for $type {
            type Enc<'a> = T::Enc<'a> where Self: 'a;
            #[inline(always)]
            fn capture(&self) -> T::Enc<'_> {
                (**self).capture()
            }
        }
        impl<T: CaptureDisplay + ?Sized> CaptureDisplay for $type {}
    )*};
}
references!(&T &mut T);

/// An option.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Opt<E>(Option<E>);
impl<E: Encode> Encode for Opt<E> {
    const TAG: u8 = tag::OPTION;
    #[inline(always)]
    fn words(self) -> usize {
        1 + self.0.map_or(0, Encode::words)
    }
    #[inline(always)]
    fn put<S: Sink>(self, out: &mut S) {
        match self.0 {
            None => out.push(0),
            Some(value) => put_nested(value, out),
        }
    }
}
impl<T: Capture> Capture for Option<T> {
    type Enc<'a>
        = Opt<T::Enc<'a>>
    where
        Self: 'a;
    #[inline(always)]
    fn capture(&self) -> Self::Enc<'_> {
        Opt(self.as_ref().map(Capture::capture))
    }
}

/// A list.
#[derive(Debug)]
#[doc(hidden)]
pub struct List<'a, T>(&'a [T]);
impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for List<'_, T> {}
impl<T: Capture> Encode for List<'_, T> {
    const TAG: u8 = tag::LIST;
    fn words(self) -> usize {
        1 + match T::as_bytes(self.0) {
            Some(bytes) => bytes.len().div_ceil(8),
            None => self.0.iter().map(|item| 1 + item.capture().words()).sum::<usize>(),
        }
    }
    fn put<S: Sink>(self, out: &mut S) {
        let head = self.0.len() as u64 | (self.words() as u64 - 1) << 32;
        if let Some(bytes) = T::as_bytes(self.0) {
            out.push(head | tag::LIST_OF_BYTES);
            return out.bytes(bytes);
        }
        out.push(head);
        for item in self.0 {
            put_nested(item.capture(), out);
        }
    }
}
impl<T: Capture> Capture for [T] {
    type Enc<'a>
        = List<'a, T>
    where
        Self: 'a;
    fn capture(&self) -> List<'_, T> {
        List(self)
    }
}
impl<T: Capture, const N: usize> Capture for [T; N] {
    type Enc<'a>
        = List<'a, T>
    where
        Self: 'a;
    fn capture(&self) -> List<'_, T> {
        List(self)
    }
}
impl<T: Capture> Capture for Vec<T> {
    type Enc<'a>
        = List<'a, T>
    where
        Self: 'a;
    fn capture(&self) -> List<'_, T> {
        List(self)
    }
}

macro_rules! tuple_views {
    ($($(#[$doc:meta])* $view:ident($count:literal: $($item:ident $at:tt)*);)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        #[doc(hidden)]
        pub struct $view<$($item),*>($(pub(crate) $item),*);
        impl<$($item: Encode),*> Encode for $view<$($item),*> {
            const TAG: u8 = tag::TUPLE;
            fn words(self) -> usize {
                1 $(+ 1 + self.$at.words())*
            }
            fn put<S: Sink>(self, out: &mut S) {
                out.push($count | (self.words() as u64 - 1) << 32);
                $(put_nested(self.$at, out);)*
            }
        }
        impl<$($item: Capture),*> Capture for ($($item,)*) {
            type Enc<'a>
                = $view<$($item::Enc<'a>),*>
            where
                Self: 'a;
            fn capture(&self) -> Self::Enc<'_> {
                $view($(self.$at.capture()),*)
            }
        }
    )*};
}
tuple_views! {
    /// A tuple of one.
    Single(1: A 0);
    /// A tuple of two.
    Pair(2: A 0 B 1);
    /// A tuple of three.
    Triple(3: A 0 B 1 C 2);
    /// A tuple of four.
    Quad(4: A 0 B 1 C 2 D 3);
}

/// What `#[derive(Capture)]` implements: a value's shape and fields.
#[doc(hidden)]
pub trait Fields {
    /// The shape of this value (for enums, of its variant).
    fn shape(&self) -> &'static Shape;
    /// Words of all fields, each with its tag word.
    fn words(&self) -> usize;
    /// Writes the fields with [`field`].
    fn put<S: Sink>(&self, out: &mut S);
}

/// Size of one field, with its tag word.
#[doc(hidden)]
pub fn field_words<T: Capture + ?Sized>(value: &T) -> usize {
    1 + value.capture().words()
}

/// Writes one field behind its tag word.
#[doc(hidden)]
pub fn field<T: Capture + ?Sized, S: Sink>(value: &T, out: &mut S) {
    put_nested(value.capture(), out);
}

/// The view of a type with `#[derive(Capture)]`.
#[derive(Debug)]
#[doc(hidden)]
pub struct Derived<'a, T>(pub &'a T);
impl<T> Clone for Derived<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Derived<'_, T> {}
impl<T: Fields> Encode for Derived<'_, T> {
    const TAG: u8 = tag::STRUCT;
    fn words(self) -> usize {
        1 + self.0.words()
    }
    fn put<S: Sink>(self, out: &mut S) {
        let shape = self.0.shape();
        let number = match shape.number() {
            0 => callsite::register_shape(shape),
            number => number,
        };
        out.push(u64::from(number) | (self.0.words() as u64) << 32);
        self.0.put(out);
    }
}
