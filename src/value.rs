//! Plain data that call sites are made of: tags of captured values, pieces of a message, shapes.
//!
//! Everything here is `const`-constructible, because the macros build it into statics.

use crate::sync::{AtomicU32, Ordering};

/// The kinds of captured value. One byte each; eight fill a tag word.
///
/// A value is a run of 64-bit words whose length follows from its tag (and, for the variable ones,
/// from its first word). *Nested* values (inside an option, a list, a map, a struct) carry their
/// tag in a word of their own in front.
pub(crate) mod tag {
    /// `()`: no words.
    pub(crate) const UNIT: u8 = 1;
    /// One word, 0 or 1.
    pub(crate) const BOOL: u8 = 2;
    /// `u8` to `u64` and `usize`: one word.
    pub(crate) const U64: u8 = 3;
    /// One word, sign-extended; the width decides what `{:x}` shows.
    pub(crate) const I8: u8 = 4;
    /// One word, sign-extended.
    pub(crate) const I16: u8 = 5;
    /// One word, sign-extended.
    pub(crate) const I32: u8 = 6;
    /// `i64` and `isize`: one word.
    pub(crate) const I64: u8 = 7;
    /// Two words, low first.
    pub(crate) const U128: u8 = 8;
    /// Two words, low first.
    pub(crate) const I128: u8 = 9;
    /// One word, the bits.
    pub(crate) const F32: u8 = 10;
    /// One word, the bits.
    pub(crate) const F64: u8 = 11;
    /// One word, the scalar value.
    pub(crate) const CHAR: u8 = 12;
    /// Length in bytes, then the bytes, zero-padded to whole words.
    pub(crate) const STR: u8 = 13;
    /// Like `STR`, but already rendered with its spec: shown as it is.
    pub(crate) const TEXT: u8 = 14;
    /// Like `STR`, any bytes.
    pub(crate) const BYTES: u8 = 15;
    /// Seconds, then nanoseconds.
    pub(crate) const DURATION: u8 = 16;
    /// One word: the address in the low 32 bits.
    pub(crate) const IPV4: u8 = 17;
    /// Two words, low first.
    pub(crate) const IPV6: u8 = 18;
    /// One word: address in the low 32 bits, port above.
    pub(crate) const SOCKET_V4: u8 = 19;
    /// Four words: address (two), port, flow information and scope.
    pub(crate) const SOCKET_V6: u8 = 20;
    /// 0 for `None`, else the tag of the nested value, which follows.
    pub(crate) const OPTION: u8 = 21;
    /// Count (low 31 bits) and words that follow (high 32), then nested values; or, with
    /// [`LIST_OF_BYTES`] in the first word, that many bytes, zero-padded to whole words.
    pub(crate) const LIST: u8 = 22;
    /// Bit 31 of a list's first word: the items are bytes, packed.
    pub(crate) const LIST_OF_BYTES: u64 = 1 << 31;
    /// As `LIST`; count is of pairs, keys and values in turn.
    pub(crate) const MAP: u8 = 23;
    /// Shape number (low 32 bits) and words that follow (high 32), then nested values.
    pub(crate) const STRUCT: u8 = 24;
    /// As `LIST`: the error's text, then its sources' texts, outermost first.
    pub(crate) const ERROR: u8 = 25;
    /// As `LIST`, shown with parentheses: `(1, "a")`.
    pub(crate) const TUPLE: u8 = 26;
    /// A nested value, shown as it is: for types whose tag is known only at run time.
    pub(crate) const ANY: u8 = 28;
    /// A width or precision argument: one word.
    pub(crate) const COUNT: u8 = 27;
}

/// One piece of a message.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Piece {
    /// Literal text.
    Text(&'static str),
    /// The value with this number, as `{}`.
    Plain(u8),
    /// The value with this number, with a format spec.
    Spec(u8, &'static Spec),
}

/// A parsed format spec: what stands behind the colon of a placeholder.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spec {
    /// The fill character; a space unless given.
    pub fill: char,
    /// `<`, `^`, `>`, if given.
    pub align: Option<Align>,
    /// `+`.
    pub plus: bool,
    /// `#`.
    pub alternate: bool,
    /// `0`.
    pub zero: bool,
    /// Minimum width.
    pub width: Count,
    /// Precision.
    pub precision: Count,
    /// The trait: what the letters at the end ask for.
    pub kind: Kind,
}

impl Spec {
    /// `{}`.
    pub const PLAIN: Self = Self {
        fill: ' ',
        align: None,
        plus: false,
        alternate: false,
        zero: false,
        width: Count::None,
        precision: Count::None,
        kind: Kind::Display,
    };
    /// Whether width or precision is a captured value.
    pub(crate) fn has_counts(&self) -> bool {
        let is_value = |count| matches!(count, Count::Value(_));
        is_value(self.width) || is_value(self.precision)
    }

    /// `{:?}`.
    pub const DEBUG: Self = Self { kind: Kind::Debug, ..Self::PLAIN };
}

/// Where a value stands in its width.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// `<`
    Left,
    /// `^`
    Center,
    /// `>`
    Right,
}

/// A width or a precision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Not given.
    None,
    /// Written in the literal.
    Is(u16),
    /// Taken from the captured value with this number.
    Value(u8),
}

/// The formatting traits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{}`
    Display,
    /// `{:?}`
    Debug,
    /// `{:x?}`
    DebugLowerHex,
    /// `{:X?}`
    DebugUpperHex,
    /// `{:x}`
    LowerHex,
    /// `{:X}`
    UpperHex,
    /// `{:o}`
    Octal,
    /// `{:b}`
    Binary,
    /// `{:e}`
    LowerExp,
    /// `{:E}`
    UpperExp,
    /// `{:p}`, always rendered on the caller.
    Pointer,
}

/// What a captured value is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Shown by the message only.
    Message,
    /// A key-value pair with this key (it may be shown by the message too).
    Key(&'static str),
    /// A pair of a key computed at the call and its value.
    Pair,
    /// The error of `exception!`: becomes the record's exception text.
    Exception,
    /// A backtrace, rendered: becomes the record's stack text.
    Stack,
}

impl Role {
    /// The roles of up to sixteen values that only the message shows.
    pub const fn messages(count: usize) -> &'static [Self] {
        static MESSAGES: [Role; 16] = [Role::Message; 16];
        MESSAGES.split_at(count).0
    }
}

/// The name and fields of a type with `#[derive(Capture)]`, or of one variant of an enum.
#[derive(Debug)]
pub struct Shape {
    /// The type's, or the variant's, name.
    pub name: &'static str,
    /// Field names; empty for tuple and unit shapes.
    pub fields: &'static [&'static str],
    /// How it is written.
    pub style: ShapeStyle,
    /// Whether it is one of an enum's variants: structured outputs then say which.
    pub variant: bool,
    pub(crate) number: AtomicU32,
}

/// How a shape is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShapeStyle {
    /// `Name { a: 1 }`
    Named,
    /// `Name(1)`
    Tuple,
    /// `Name`
    Unit,
}

impl Shape {
    /// Makes a shape; `#[derive(Capture)]` calls this.
    pub const fn new(
        name: &'static str,
        style: ShapeStyle,
        fields: &'static [&'static str],
    ) -> Self {
        Self { name, fields, style, variant: false, number: AtomicU32::new(0) }
    }

    /// Makes the shape of an enum's variant.
    pub const fn of_variant(
        name: &'static str,
        style: ShapeStyle,
        fields: &'static [&'static str],
    ) -> Self {
        Self { name, fields, style, variant: true, number: AtomicU32::new(0) }
    }

    /// The number under which frames name this shape; 0 until first used.
    pub(crate) fn number(&self) -> u32 {
        self.number.load(Ordering::Relaxed)
    }
}
