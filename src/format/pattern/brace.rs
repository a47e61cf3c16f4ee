//! The `{` style: `str.format`.

use super::{Access, BraceField, Key, Piece, is_word};
use crate::error::Error;
use crate::format::pyconv;

/// Specifications may hold fields, whose specifications may not.
const DEPTH: usize = 2;

/// A piece as `str.format` reads it.
struct Markup<'a> {
    text: &'a str,
    field: Option<Field<'a>>,
}

struct Field<'a> {
    name: &'a str,
    conversion: Option<char>,
    spec: &'a str,
}

/// Reads markup piece by piece, failing where CPython's iterator fails.
struct Markups<'a> {
    rest: &'a str,
}

type Fault = &'static str;

impl<'a> Markups<'a> {
    fn next(&mut self) -> Option<Result<Markup<'a>, Fault>> {
        if self.rest.is_empty() { None } else { Some(self.markup()) }
    }

    fn markup(&mut self) -> Result<Markup<'a>, Fault> {
        let Some(at) = self.rest.find(['{', '}']) else {
            return Ok(Markup { text: std::mem::take(&mut self.rest), field: None });
        };
        let brace = self.rest.as_bytes()[at];
        let behind = &self.rest[at + 1..];
        let doubled = behind.as_bytes().first() == Some(&brace);
        if doubled {
            let text = &self.rest[..=at];
            self.rest = &behind[1..];
            return Ok(Markup { text, field: None });
        }
        if brace == b'}' {
            return Err("Single '}' encountered in format string");
        }
        if behind.is_empty() {
            return Err("Single '{' encountered in format string");
        }
        let text = &self.rest[..at];
        self.rest = behind;
        Ok(Markup { text, field: Some(self.field()?) })
    }

    /// The field up to its closing brace; `rest` stands behind the opening one.
    fn field(&mut self) -> Result<Field<'a>, Fault> {
        const NO_END: Fault = "expected '}' before end of string";
        let text = self.rest;
        let mut at = 0;
        let end = loop {
            match text.as_bytes().get(at) {
                None => return Err(NO_END),
                Some(b'{') => return Err("unexpected '{' in field name"),
                Some(b'[') => at += text[at..].find(']').unwrap_or(text.len() - at),
                Some(b'}' | b':' | b'!') => break at,
                Some(_) => at += 1,
            }
        };
        let name = &text[..end];
        let mut rest = &text[end + 1..];
        let mut conversion = None;
        match text.as_bytes()[end] {
            b'}' => {
                self.rest = rest;
                return Ok(Field { name, conversion, spec: "" });
            }
            b'!' => {
                let mut each = rest.chars();
                conversion = each.next();
                if conversion.is_none() {
                    return Err("end of string while looking for conversion specifier");
                }
                match each.next() {
                    Some('}') => {
                        self.rest = each.as_str();
                        return Ok(Field { name, conversion, spec: "" });
                    }
                    Some(':') | None => rest = each.as_str(),
                    Some(_) => return Err("expected ':' after conversion specifier"),
                }
            }
            _ => {}
        }
        let mut open = 1;
        for (at, each) in rest.bytes().enumerate() {
            match each {
                b'{' => open += 1,
                b'}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                self.rest = &rest[at + 1..];
                return Ok(Field { name, conversion, spec: &rest[..at] });
            }
        }
        Err("unmatched '{' in format spec")
    }
}

pub(super) fn validate(pattern: &str) -> Result<(), Error> {
    let invalid = |text: &str| Error::invalid(format!("invalid format: {text}"));
    let quoted = |what: &str, text: &str| {
        let mut shown = String::new();
        pyconv::repr_of_str(text, &mut shown);
        invalid(&format!("{what}: {shown}"))
    };
    let mut any = false;
    let mut markups = Markups { rest: pattern };
    while let Some(markup) = markups.next() {
        let Some(field) = markup.map_err(invalid)?.field else { continue };
        if !field.name.is_empty() {
            if !is_field_name(field.name) {
                return Err(quoted("invalid field name/expression", field.name));
            }
            any = true;
        }
        if let Some(conversion) = field.conversion
            && !"rsa".contains(conversion)
        {
            return Err(quoted("invalid conversion", &conversion.to_string()));
        }
        if !field.spec.is_empty() && !is_spec(field.spec) {
            return Err(quoted("bad specifier", field.spec));
        }
    }
    if any { Ok(()) } else { Err(invalid("no fields")) }
}

/// Matches `^(\d+|\w+)(\.\w+|\[[^]]+\])*$`.
fn is_field_name(name: &str) -> bool {
    let name = name.strip_suffix('\n').unwrap_or(name);
    let mut rest = name.trim_start_matches(is_word);
    if rest.len() == name.len() {
        return false;
    }
    while !rest.is_empty() {
        let behind = if let Some(attribute) = rest.strip_prefix('.') {
            let behind = attribute.trim_start_matches(is_word);
            (behind.len() < attribute.len()).then_some(behind)
        } else if let Some(index) = rest.strip_prefix('[') {
            index.split_once(']').filter(|(index, _)| !index.is_empty()).map(|(_, behind)| behind)
        } else {
            None
        };
        match behind {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

/// Matches `^(.?[<>=^])?[+ -]?#?0?(\d+|{\w+})?[,_]?(\.(\d+|{\w+}))?[bcdefgnosx%]?$`, in any case.
fn is_spec(spec: &str) -> bool {
    let spec = spec.strip_suffix('\n').unwrap_or(spec);
    const ALIGN: [char; 4] = ['<', '>', '=', '^'];
    let mut each = spec.chars();
    let (first, second) = (each.next(), each.next());
    let mut rest = match (first, second) {
        (Some(fill), Some(align)) if ALIGN.contains(&align) && fill != '\n' => each.as_str(),
        (Some(align), _) if ALIGN.contains(&align) => &spec[1..],
        _ => spec,
    };
    let optional = |wanted: &[char], rest: &mut &str| {
        if let Some(behind) = rest.strip_prefix(wanted) {
            *rest = behind;
        }
    };
    optional(&['+', ' ', '-'], &mut rest);
    optional(&['#'], &mut rest);
    optional(&['0'], &mut rest);
    rest = size(rest).unwrap_or(rest);
    optional(&[',', '_'], &mut rest);
    if let Some(precision) = rest.strip_prefix('.') {
        match size(precision) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    let mut each = rest.chars();
    match (each.next(), each.next()) {
        (None, _) => true,
        (Some(kind), None) => "bcdefgnosx%".contains(kind.to_ascii_lowercase()),
        _ => false,
    }
}

/// Takes `\d+` or `{\w+}` from the front.
fn size(text: &str) -> Option<&str> {
    if let Some(name) = text.strip_prefix('{') {
        let behind = name.trim_start_matches(is_word);
        return if behind.len() < name.len() { behind.strip_prefix('}') } else { None };
    }
    let behind = text.trim_start_matches(|each: char| each.is_ascii_digit());
    (behind.len() < text.len()).then_some(behind)
}

pub(super) fn compile(pattern: &str, key_of: &dyn Fn(&str) -> Key) -> Vec<Piece> {
    nested(pattern, key_of, DEPTH)
}

fn nested(pattern: &str, key_of: &dyn Fn(&str) -> Key, depth: usize) -> Vec<Piece> {
    let fail = |text: &str| Piece::Fail(text.into());
    if depth == 0 {
        return vec![fail("Max string recursion exceeded")];
    }
    let mut pieces = Vec::new();
    let mut markups = Markups { rest: pattern };
    while let Some(markup) = markups.next() {
        let markup = match markup {
            Ok(markup) => markup,
            Err(text) => {
                pieces.push(fail(text));
                break;
            }
        };
        pieces.push(Piece::Text(markup.text.into()));
        let Some(Field { name, conversion, spec }) = markup.field else { continue };
        let (key, path) = match split_name(name) {
            Ok((key, path)) => (key_of(key), path),
            Err(text) => {
                pieces.push(fail(&text));
                continue;
            }
        };
        pieces.push(match (path.is_empty(), conversion, spec) {
            (true, None | Some('s'), "") => Piece::Plain(key),
            _ => {
                let spec = if spec.contains(['{', '}']) {
                    nested(spec, key_of, depth - 1)
                } else {
                    vec![Piece::Text(spec.into())]
                };
                Piece::Brace(Box::new(BraceField { key, path, conversion, spec }))
            }
        });
    }
    pieces
}

/// Splits `args[1][k].x` into its first name and the steps behind.
fn split_name(name: &str) -> Result<(&str, Vec<Access>), String> {
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (first, mut rest) = name.split_at(end);
    // There are no positional values, named by nothing or a number.
    if first.bytes().all(|each| each.is_ascii_digit()) {
        let index = if first.is_empty() { "0" } else { first };
        return Err(format!("Replacement index {index} out of range for positional args tuple"));
    }
    let mut path = Vec::new();
    while !rest.is_empty() {
        let (step, behind) = step(rest);
        rest = if matches!(step, Access::Fault(_)) { "" } else { behind };
        path.push(step);
    }
    Ok((first, path))
}

/// Takes one step from the front. CPython finds faults only when it gets there.
fn step(rest: &str) -> (Access, &str) {
    let fault = |text: &str| (Access::Fault(text.into()), "");
    const EMPTY: &str = "Empty attribute in format string";
    if let Some(attribute) = rest.strip_prefix('.') {
        let end = attribute.find(['.', '[']).unwrap_or(attribute.len());
        return match &attribute[..end] {
            "" => fault(EMPTY),
            name => (Access::Attribute(name.into()), &attribute[end..]),
        };
    }
    let Some(index) = rest.strip_prefix('[') else {
        return fault("Only '.' or '[' may follow ']' in format field specifier");
    };
    match index.split_once(']') {
        None => fault("Missing ']' in format string"),
        Some(("", _)) => fault(EMPTY),
        Some((index, behind)) => match index.parse() {
            Ok(number) if index.bytes().all(|each| each.is_ascii_digit()) => {
                (Access::Index(number), behind)
            }
            _ => (Access::Name(index.into()), behind),
        },
    }
}
