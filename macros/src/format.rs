//! The format string, taken apart as `format_args!` does.

use std::iter::Peekable;
use std::str::CharIndices;

/// A format string in pieces.
#[derive(Debug, PartialEq)]
pub(crate) struct Format {
    pub(crate) pieces: Vec<Piece>,
}

/// Literal text or a placeholder.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    Text(String),
    Hole(Hole),
}

/// One placeholder.
#[derive(Debug, PartialEq)]
pub(crate) struct Hole {
    pub(crate) argument: Argument,
    pub(crate) spec: Spec,
}

/// Which argument a placeholder or a count means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Argument {
    /// By position; `{}` and `.*` have been counted out already.
    Index(usize),
    Name(String),
}

/// What stands behind the colon.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Spec {
    pub(crate) fill: Option<char>,
    pub(crate) align: Option<char>,
    pub(crate) sign: Option<char>,
    pub(crate) alternate: bool,
    pub(crate) zero: bool,
    pub(crate) width: Count,
    pub(crate) precision: Count,
    /// `""`, `"?"`, `"x?"`, `"X?"`, `"x"`, `"X"`, `"o"`, `"b"`, `"e"`, `"E"` or `"p"`.
    pub(crate) kind: &'static str,
}

impl Spec {
    pub(crate) const PLAIN: Self = Self {
        fill: None,
        align: None,
        sign: None,
        alternate: false,
        zero: false,
        width: Count::None,
        precision: Count::None,
        kind: "",
    };
    pub(crate) const DEBUG: Self = Self { kind: "?", ..Self::PLAIN };

    /// The spec as it stands in a literal; `$` counts become the positions that `place` gives.
    pub(crate) fn to_text(&self, mut place: impl FnMut(&Argument) -> usize) -> String {
        let mut text = String::new();
        text.extend(self.fill);
        text.extend(self.align);
        text.extend(self.sign);
        if self.alternate {
            text.push('#');
        }
        if self.zero {
            text.push('0');
        }
        let mut count = |text: &mut String, count: &Count| match count {
            Count::None => {}
            Count::Is(number) => text.push_str(&number.to_string()),
            Count::From(argument) => text.push_str(&format!("{}$", place(argument))),
        };
        count(&mut text, &self.width);
        if self.precision != Count::None {
            text.push('.');
            count(&mut text, &self.precision);
        }
        text.push_str(self.kind);
        text
    }
}

/// A width or a precision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Count {
    None,
    Is(u16),
    From(Argument),
}

/// Reads a format string; `None` for what `format_args!` would refuse, or what is not known here.
pub(crate) fn parse(text: &str) -> Option<Format> {
    let mut reader = Reader { chars: text.char_indices().peekable(), text, next: 0 };
    let mut pieces = Vec::new();
    let mut literal = String::new();
    while let Some(c) = reader.take() {
        match c {
            '{' if reader.eat('{') => literal.push('{'),
            '}' if reader.eat('}') => literal.push('}'),
            '}' => return None,
            '{' => {
                if !literal.is_empty() {
                    pieces.push(Piece::Text(std::mem::take(&mut literal)));
                }
                pieces.push(Piece::Hole(reader.hole()?));
            }
            c => literal.push(c),
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Some(Format { pieces })
}

struct Reader<'a> {
    chars: Peekable<CharIndices<'a>>,
    text: &'a str,
    /// The position that the next `{}` or `.*` means.
    next: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self) -> Option<char> {
        self.chars.next().map(|(_, c)| c)
    }

    fn peek(&mut self) -> Option<char> {
        self.chars.peek().map(|(_, c)| *c)
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.chars.next_if(|(_, c)| *c == wanted).is_some()
    }

    fn rest(&mut self) -> &'a str {
        match self.chars.peek() {
            Some((at, _)) => &self.text[*at..],
            None => "",
        }
    }

    fn skip_space(&mut self) {
        while self.chars.next_if(|(_, c)| c.is_whitespace()).is_some() {}
    }

    fn word(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !belongs(c)).unwrap_or(rest.len());
        while self.rest().len() > rest.len() - end {
            self.take();
        }
        &rest[..end]
    }

    fn positional(&mut self) -> Argument {
        self.next += 1;
        Argument::Index(self.next - 1)
    }

    /// A position or a name, if one stands here.
    fn argument(&mut self) -> Option<Option<Argument>> {
        Some(match self.peek() {
            Some(c) if c.is_ascii_digit() => {
                Some(Argument::Index(self.word(|c| c.is_ascii_digit()).parse().ok()?))
            }
            Some(c) if starts_name(c) => {
                let name = self.word(continues_name);
                (name != "_").then_some(())?;
                Some(Argument::Name(name.to_owned()))
            }
            _ => None,
        })
    }

    /// What stands between the braces, and the closing one.
    fn hole(&mut self) -> Option<Hole> {
        self.skip_space();
        let argument = self.argument()?;
        self.skip_space();
        let mut spec = Spec::PLAIN;
        if self.eat(':') {
            spec = self.spec()?;
            self.skip_space();
        }
        if !self.eat('}') {
            return None;
        }
        // `.*` has taken its own argument before the value's.
        let argument = match argument {
            Some(argument) => argument,
            None => self.positional(),
        };
        Some(Hole { argument, spec })
    }

    fn spec(&mut self) -> Option<Spec> {
        let mut spec = Spec::PLAIN;
        let is_align = |c: Option<char>| matches!(c, Some('<' | '^' | '>'));
        let mut ahead = self.rest().chars();
        let first = ahead.next();
        if is_align(ahead.next()) {
            spec.fill = self.take();
            spec.align = self.take();
        } else if is_align(first) {
            spec.align = self.take();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            spec.sign = self.take();
        }
        spec.alternate = self.eat('#');
        // `0$` is a width, not the flag.
        if self.peek() == Some('0') && !self.rest().starts_with("0$") {
            spec.zero = self.eat('0');
        }
        spec.width = self.count()?;
        if self.eat('.') {
            spec.precision = if self.eat('*') {
                Count::From(self.positional())
            } else {
                match self.count()? {
                    Count::None => return None,
                    count => count,
                }
            };
        }
        let kind = self.word(|c| continues_name(c) || c == '?');
        const KINDS: [&str; 11] = ["", "?", "x?", "X?", "x", "X", "o", "b", "e", "E", "p"];
        spec.kind = KINDS.into_iter().find(|known| *known == kind)?;
        Some(spec)
    }

    fn count(&mut self) -> Option<Count> {
        let rest = self.rest();
        let end = rest.find(|c| !continues_name(c)).unwrap_or(rest.len());
        if rest[end..].starts_with('$') {
            let argument = self.argument()??;
            return self.eat('$').then_some(Count::From(argument));
        }
        match self.word(|c| c.is_ascii_digit()) {
            "" => Some(Count::None),
            digits => digits.parse().ok().map(Count::Is),
        }
    }
}

// The compiler reads XID_Start and XID_Continue; Unicode's letters and digits are close enough to
// pick names, and a name that is none is refused when it becomes an identifier.
fn starts_name(c: char) -> bool {
    c == '_' || c.is_alphabetic()
}

fn continues_name(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hole(text: &str) -> Option<Hole> {
        match parse(text)?.pieces.pop() {
            Some(Piece::Hole(hole)) => Some(hole),
            _ => None,
        }
    }

    #[test]
    fn every_part_of_a_spec_is_read_and_written_back() {
        for spec in [
            "", "?", "x?", "X?", "x", "X", "o", "b", "e", "E", "p", "5", "<5", "*^5", "+", "-",
            "#x", "#?", "08", "#010x", "0>5", "}<5", "{<5", ".3", "8.3", "+08.2e", "\u{e9}>4",
            "1$", "1$.2$", "01$", "0$", "00$", ".0$", "#?", "+.1$e",
        ] {
            let read = hole(&format!("{{0:{spec}}}")).unwrap_or_else(|| panic!("{spec}"));
            let written = read.spec.to_text(|argument| match argument {
                Argument::Index(at) => *at,
                Argument::Name(_) => unreachable!(),
            });
            assert_eq!(written, spec);
        }
    }

    #[test]
    fn positions_count_on_and_a_star_takes_one_first() {
        let format = parse("{}{2}{:.*}{}{name}{:>w$}").unwrap();
        let arguments: Vec<_> = format
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Hole(hole) => (hole.argument.clone(), hole.spec.precision.clone()),
                Piece::Text(_) => unreachable!(),
            })
            .collect();
        let index = Argument::Index;
        assert_eq!(
            arguments,
            [
                (index(0), Count::None),
                (index(2), Count::None),
                (index(2), Count::From(index(1))),
                (index(3), Count::None),
                (Argument::Name("name".into()), Count::None),
                (index(4), Count::None),
            ]
        );
    }

    #[test]
    fn doubled_braces_are_text_and_space_is_skipped() {
        let format = parse("a{{b}}c{ 0 : <3 }").unwrap();
        assert_eq!(format.pieces[0], Piece::Text("a{b}c".into()));
        let Piece::Hole(hole) = &format.pieces[1] else { panic!() };
        assert_eq!((hole.spec.fill, hole.spec.align), (Some(' '), Some('<')));
    }

    #[test]
    fn what_the_compiler_refuses_is_refused() {
        for text in ["{", "}", "a}b", "{0", "{:", "{:q}", "{:.}", "{_}", "{a b}", "{:5", "{:#x!}"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
