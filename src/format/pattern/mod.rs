//! Patterns in Python's three styles, compiled once into pieces.
//!
//! [`validate`] refuses what Python's `Formatter` refuses, with its words. Python lets more through
//! than it can format; such a piece is compiled into the error that each record gets.

mod brace;
mod dollar;
mod percent;

use super::attribute::Attribute;
use super::pyconv::{Conversion, MOST};
use crate::error::Error;
use std::str::FromStr;

/// How a pattern names attributes.
///
/// # Examples
///
/// ```
/// use sawmill::{Formatter, Style};
///
/// for (style, pattern) in [
///     (Style::Percent, "%(levelname)-8s %(message)s"),
///     (Style::Brace, "{levelname:<8} {message}"),
///     (Style::Dollar, "$levelname ${message}"),
/// ] {
///     Formatter::builder().style(style).pattern(pattern).build()?;
/// }
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Style {
    /// `%(levelname)-8s`, the default.
    #[default]
    Percent,
    /// `{levelname:<8}`
    Brace,
    /// `${levelname}`
    Dollar,
}

impl Style {
    /// The pattern that stands for no pattern: the message alone.
    pub(crate) const fn default_pattern(self) -> &'static str {
        match self {
            Self::Percent => "%(message)s",
            Self::Brace => "{message}",
            Self::Dollar => "${message}",
        }
    }
}

impl FromStr for Style {
    type Err = Error;

    /// Reads `%`, `{` or `$`.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`], in Python's words.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "%" => Ok(Self::Percent),
            "{" => Ok(Self::Brace),
            "$" => Ok(Self::Dollar),
            _ => Err(Error::invalid("Style must be one of: %,{,$")),
        }
    }
}

/// What a placeholder names.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Key {
    Attribute(Attribute),
    /// The record's fields as ` key=value`, each behind a space.
    Fields,
    /// A field, or one of the formatter's defaults.
    Field(Box<str>),
}

impl Key {
    pub(super) fn is(&self, attribute: Attribute) -> bool {
        matches!(self, Self::Attribute(this) if *this == attribute)
    }
}

/// The name under which a pattern asks for all fields.
pub(super) const FIELDS: &str = "fields";

pub(super) const NOT_ENOUGH: &str = "not enough arguments for format string";

/// A piece of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(Box<str>),
    /// As Python's `str` shows it.
    Plain(Key),
    /// `%-8s` and nothing more: padded on the right.
    Left(Key, usize),
    /// `%d` and nothing more.
    Decimal(Key),
    Percent(Key, Conversion),
    Brace(Box<BraceField>),
    /// `%(n)*d`: the value is taken for the width (or the precision, if set), and nothing is left to
    /// show.
    Star(Key, bool),
    /// What every record gets that comes this far.
    Fail(Box<str>),
}

impl Piece {
    /// Whether it is the same for all records of a call site.
    pub(super) fn is_of_the_site(&self) -> bool {
        let key = match self {
            Self::Text(_) => return true,
            Self::Plain(key) | Self::Left(key, _) | Self::Decimal(key) | Self::Percent(key, _) => {
                key
            }
            Self::Brace(field) => {
                let text_alone = |piece: &Self| matches!(piece, Self::Text(_));
                if !field.path.is_empty() || !field.spec.iter().all(text_alone) {
                    return false;
                }
                &field.key
            }
            Self::Star(..) | Self::Fail(_) => return false,
        };
        let Key::Attribute(attribute) = key else { return false };
        matches!(
            attribute,
            Attribute::Name
                | Attribute::LevelName
                | Attribute::LevelNo
                | Attribute::Pathname
                | Attribute::Filename
                | Attribute::Module
                | Attribute::LineNo
                | Attribute::FuncName
        )
    }
}

/// A replacement field: `{args[0]!r:>{width}}`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BraceField {
    pub(super) key: Key,
    pub(super) path: Vec<Access>,
    pub(super) conversion: Option<char>,
    /// The specification, itself a pattern.
    pub(super) spec: Vec<Piece>,
}

/// A step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Access {
    Attribute(Box<str>),
    Index(usize),
    Name(Box<str>),
    /// A step that nobody can take.
    Fault(Box<str>),
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pattern {
    pub(super) pieces: Vec<Piece>,
    /// Names the message or the time: the rest does not need them.
    pub(super) uses_message: bool,
}

/// Says whether Python would accept the pattern.
///
/// # Errors
///
/// [`Error::is_invalid`], in Python's words.
pub(super) fn validate(style: Style, pattern: &str) -> Result<(), Error> {
    match style {
        Style::Percent => percent::validate(pattern),
        Style::Brace => brace::validate(pattern),
        Style::Dollar => dollar::validate(pattern),
    }
}

/// Compiles a pattern; if `own` is set, `%(fields)s` stands for all fields and sawmill's own
/// attributes are known, otherwise these names are those of fields.
pub(super) fn compile(style: Style, pattern: &str, own: bool) -> Pattern {
    let key = |name: &str| match Attribute::of(name) {
        Some(attribute) => Key::Attribute(attribute),
        None if own && name == FIELDS => Key::Fields,
        None => match Attribute::of_own(name).filter(|_| own) {
            Some(attribute) => Key::Attribute(attribute),
            None => Key::Field(name.into()),
        },
    };
    let pieces = match style {
        Style::Percent => percent::compile(pattern, &key),
        Style::Brace => brace::compile(pattern, &key),
        Style::Dollar => dollar::compile(pattern, &key),
    };
    let pieces = joined(pieces);
    let uses_message = pieces.iter().any(names_message);
    Pattern { pieces, uses_message }
}

/// How many characters the widths and precisions of one pattern may ask for.
const WIDEST: usize = 16 * MOST;

impl Pattern {
    /// Refuses a pattern whose widths would fill the memory with one line.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`].
    pub(super) fn check_width(&self) -> Result<(), Error> {
        let widths = self.pieces.iter().map(width).fold(0, usize::saturating_add);
        if widths > WIDEST {
            return Err(Error::invalid(format!(
                "invalid format: its widths come to {widths} characters, more than {WIDEST}"
            )));
        }
        Ok(())
    }

    /// The error that every record would get, if there is one.
    pub(super) fn failure(&self) -> Option<String> {
        fn fault(step: &Access) -> Option<String> {
            match step {
                Access::Fault(text) => Some(text.to_string()),
                _ => None,
            }
        }
        fn of(pieces: &[Piece]) -> Option<String> {
            pieces.iter().find_map(|piece| match piece {
                Piece::Fail(text) => Some(text.to_string()),
                Piece::Star(..) => Some(NOT_ENOUGH.to_owned()),
                Piece::Brace(field) => match field.conversion {
                    Some(other) if !"rsa".contains(other) => Some(unknown_conversion(other)),
                    _ => field.path.iter().find_map(fault).or_else(|| of(&field.spec)),
                },
                _ => None,
            })
        }
        of(&self.pieces)
    }
}

/// What CPython says of `{name!x}`.
pub(super) fn unknown_conversion(letter: char) -> String {
    match letter {
        '!'..='~' => format!("Unknown conversion specifier {letter}"),
        _ => format!("Unknown conversion specifier \\x{:x}", u32::from(letter)),
    }
}

/// How many characters the width and the precision of a piece may come to.
fn width(piece: &Piece) -> usize {
    match piece {
        Piece::Left(_, width) => *width,
        Piece::Percent(_, conversion) => {
            conversion.width.get().unwrap_or(0) + conversion.precision.get().unwrap_or(0)
        }
        Piece::Brace(field) => field.spec.iter().map(spec_width).fold(0, usize::saturating_add),
        _ => 0,
    }
}

/// The same for a piece of a specification; one that is filled in later may be as wide as any.
fn spec_width(piece: &Piece) -> usize {
    let Piece::Text(text) = piece else { return MOST };
    let digits = text.split(|each: char| !each.is_ascii_digit()).filter(|run| !run.is_empty());
    digits.map(|run| run.parse().unwrap_or(MOST).min(MOST)).fold(0, usize::saturating_add)
}

fn names_message(piece: &Piece) -> bool {
    match piece {
        Piece::Text(_) | Piece::Fail(_) => false,
        Piece::Plain(key)
        | Piece::Left(key, _)
        | Piece::Decimal(key)
        | Piece::Star(key, _)
        | Piece::Percent(key, _) => key.is(Attribute::Message),
        Piece::Brace(field) => {
            field.key.is(Attribute::Message) || field.spec.iter().any(names_message)
        }
    }
}

/// Joins neighbouring texts.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut out: Vec<Piece> = Vec::with_capacity(pieces.len());
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(more) => text.push_str(&more),
            piece => {
                if !text.is_empty() {
                    out.push(Piece::Text(std::mem::take(&mut text).into()));
                }
                out.push(piece);
            }
        }
    }
    if !text.is_empty() {
        out.push(Piece::Text(text.into()));
    }
    out
}

/// A letter, a digit or `_`, as a regular expression's `\w`.
fn is_word(each: char) -> bool {
    each == '_' || each.is_alphanumeric()
}
