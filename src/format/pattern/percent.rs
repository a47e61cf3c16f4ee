//! The `%` style.

use super::{Key, Piece, is_word};
use crate::decode::{Map, Value};
use crate::error::Error;
use crate::format::pyconv::{Conversion, Flags, Part, Parts, Size};

pub(super) fn validate(pattern: &str) -> Result<(), Error> {
    let places = pattern.match_indices("%(").map(|(at, _)| &pattern[at + 2..]);
    if places.into_iter().any(is_placeholder) {
        return Ok(());
    }
    Err(Error::invalid(format!("Invalid format '{pattern}' for '%' style")))
}

/// Matches `\w+\)[#0+ -]*(\*|\d+)?(\.(\*|\d+))?[diouxefgcrsa%]`, in any case.
fn is_placeholder(rest: &str) -> bool {
    let behind = rest.trim_start_matches(is_word);
    let rest = match behind.strip_prefix(')') {
        Some(found) if behind.len() < rest.len() => found,
        _ => return false,
    };
    let rest = rest.trim_start_matches(['#', '0', '+', ' ', '-']);
    let count = |rest: &'_ str| match rest.strip_prefix('*') {
        Some(behind) => Some(behind.len()),
        None => {
            let behind = rest.trim_start_matches(|each: char| each.is_ascii_digit());
            (behind.len() < rest.len()).then_some(behind.len())
        }
    };
    let tail = |length: usize| &rest[rest.len() - length..];
    let mut rest = tail(count(rest).unwrap_or(rest.len()));
    if let Some(precision) = rest.strip_prefix('.')
        && let Some(length) = count(precision)
    {
        rest = tail(length);
    }
    let letter = rest.chars().next().map(|each| each.to_ascii_lowercase());
    letter.is_some_and(|letter| "diouxefgcrsa%".contains(letter))
}

pub(super) fn compile(pattern: &str, key_of: &dyn Fn(&str) -> Key) -> Vec<Piece> {
    let fail = |text: &str| Piece::Fail(text.into());
    let mut pieces = Vec::new();
    let mut keyed = false;
    for part in Parts::new(pattern) {
        pieces.push(match part {
            Err(error) => fail(&error.to_string()),
            Ok(Part::Text(text)) => Piece::Text(text.into()),
            Ok(Part::Placeholder(placeholder)) => {
                let conversion = placeholder.conversion;
                keyed |= placeholder.key.is_some();
                match placeholder.key {
                    Some(key) if is_star(&conversion) => {
                        Piece::Star(key_of(key), conversion.width != Size::Star)
                    }
                    Some(key) => piece(key_of(key), conversion),
                    None if keyed => fail(super::NOT_ENOUGH),
                    None => fail(&without_key(conversion)),
                }
            }
        });
    }
    pieces
}

/// What a placeholder without a key says. The first one takes the record's whole dictionary, which
/// no number can be made of; as text it is not offered here.
fn without_key(conversion: Conversion) -> String {
    let dictionary = Value::Map(Map::EMPTY);
    match conversion.apply(dictionary, &mut Vec::new()) {
        Err(error) if !is_star(&conversion) => error.to_string(),
        _ => super::NOT_ENOUGH.to_owned(),
    }
}

fn is_star(conversion: &Conversion) -> bool {
    conversion.width == Size::Star || conversion.precision == Size::Star
}

/// Picks the quickest piece that does the same.
fn piece(key: Key, conversion: Conversion) -> Piece {
    let Conversion { flags, width, precision, kind, .. } = conversion;
    let left = Flags { left: true, ..Flags::default() };
    match (kind, width, precision) {
        ('s', Size::None, Size::None) if flags == Flags::default() => Piece::Plain(key),
        ('s', Size::Is(width), Size::None) if flags == left => Piece::Left(key, width),
        ('d', Size::None, Size::None) if flags == Flags::default() => Piece::Decimal(key),
        _ => Piece::Percent(key, conversion),
    }
}
