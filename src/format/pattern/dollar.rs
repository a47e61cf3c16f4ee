//! The `$` style: `string.Template`.

use super::{Key, Piece};
use crate::error::Error;

/// What stands at a `$`.
enum Found<'a> {
    Escaped,
    Name(&'a str),
    Invalid,
}

/// Reads what begins at a `$`, and its length.
fn found(text: &str) -> (Found<'_>, usize) {
    let rest = &text[1..];
    if rest.starts_with('$') {
        return (Found::Escaped, 2);
    }
    let name = |rest: &str| {
        let end = rest.find(|each: char| each != '_' && !each.is_ascii_alphanumeric());
        let end = end.unwrap_or(rest.len());
        if rest.starts_with(|each: char| each.is_ascii_digit()) { 0 } else { end }
    };
    if let Some(braced) = rest.strip_prefix('{') {
        let end = name(braced);
        if end > 0 && braced[end..].starts_with('}') {
            return (Found::Name(&braced[..end]), end + 3);
        }
        return (Found::Invalid, 1);
    }
    match name(rest) {
        0 => (Found::Invalid, 1),
        end => (Found::Name(&rest[..end]), end + 1),
    }
}

pub(super) fn validate(pattern: &str) -> Result<(), Error> {
    let mut any = false;
    let mut rest = pattern;
    while let Some(at) = rest.find('$') {
        let (found, length) = found(&rest[at..]);
        match found {
            Found::Escaped => {}
            Found::Name(_) => any = true,
            Found::Invalid => {
                return Err(Error::invalid("invalid format: bare '$' not allowed"));
            }
        }
        rest = &rest[at + length..];
    }
    if any { Ok(()) } else { Err(Error::invalid("invalid format: no fields")) }
}

pub(super) fn compile(pattern: &str, key_of: &dyn Fn(&str) -> Key) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut at = 0;
    while let Some(next) = pattern[at..].find('$') {
        pieces.push(Piece::Text(pattern[at..at + next].into()));
        at += next;
        let (found, length) = found(&pattern[at..]);
        pieces.push(match found {
            Found::Escaped => Piece::Text("$".into()),
            Found::Name(name) => Piece::Plain(key_of(name)),
            Found::Invalid => {
                let before = &pattern[..at];
                let line = before.matches('\n').count() + 1;
                let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
                let text = format!("Invalid placeholder in string: line {line}, col {column}");
                // Nobody comes further than this.
                pieces.push(Piece::Fail(text.into()));
                return pieces;
            }
        });
        at += length;
    }
    pieces.push(Piece::Text(pattern[at..].into()));
    pieces
}
