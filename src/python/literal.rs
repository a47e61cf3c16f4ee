//! Python literals, as INI files hold them in `args`, `kwargs` and `defaults`.
//!
//! Text, numbers, `None`, `True`, `False`, tuples, lists and dicts, and the few names that Python's
//! own documentation uses there: the standard streams and the levels. Nothing is evaluated.

use crate::error::Error;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    None,
    Bool(bool),
    Int(i128),
    Float(f64),
    Str(String),
    Tuple(Vec<Literal>),
    List(Vec<Literal>),
    Dict(Vec<(Literal, Literal)>),
    /// `sys.stdout` or `sys.stderr`.
    Stream(&'static str),
}

const MAX_DEPTH: usize = 50;

/// Reads one literal and nothing behind it.
pub(crate) fn parse(text: &str) -> Result<Literal, Error> {
    let mut parser = Parser { text, at: 0, inside: 0 };
    parser.space();
    let value = parser.tuple_or_value(0)?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("unexpected text"));
    }
    Ok(value)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// How many brackets are open: inside them a line may end anywhere.
    inside: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn space(&mut self) {
        loop {
            match self.peek() {
                Some(' ' | '\t' | '\x0c') => self.at += 1,
                Some('\n' | '\r') if self.inside > 0 => self.at += 1,
                Some('#') => {
                    self.at += self.rest().find('\n').unwrap_or(self.rest().len());
                }
                _ => return,
            }
        }
    }

    fn wrong(&self, problem: &str) -> Error {
        let rest: String = self.rest().chars().take(30).collect();
        Error::invalid(format!("not a Python literal: {problem} at {rest:?} in {:?}", self.text))
    }

    /// `1, 2` is a tuple without its parentheses.
    fn tuple_or_value(&mut self, depth: usize) -> Result<Literal, Error> {
        let first = self.value(depth)?;
        self.space();
        if !self.eat(',') {
            return Ok(first);
        }
        let mut items = vec![first];
        loop {
            self.space();
            if self.at == self.text.len() || self.rest().starts_with([')', ']', '}']) {
                return Ok(Literal::Tuple(items));
            }
            items.push(self.value(depth)?);
            self.space();
            if !self.eat(',') {
                return Ok(Literal::Tuple(items));
            }
        }
    }

    fn value(&mut self, depth: usize) -> Result<Literal, Error> {
        if depth > MAX_DEPTH {
            return Err(self.wrong("nested too deep"));
        }
        match self.peek() {
            Some('(') => self.bracket(')', |this| {
                if this.rest().starts_with(')') {
                    return Ok(Literal::Tuple(Vec::new()));
                }
                this.tuple_or_value(depth + 1)
            }),
            Some('[') => self.bracket(']', |this| this.list(depth + 1)),
            Some('{') => self.bracket('}', |this| this.dict(depth + 1)),
            Some('0'..='9' | '.') => self.number(),
            Some(sign @ ('+' | '-')) => {
                self.at += 1;
                self.space();
                match self.value(depth + 1)? {
                    Literal::Int(number) if sign == '-' => Ok(Literal::Int(-number)),
                    Literal::Float(number) if sign == '-' => Ok(Literal::Float(-number)),
                    number @ (Literal::Int(_) | Literal::Float(_)) => Ok(number),
                    _ => Err(self.wrong("a sign without a number")),
                }
            }
            Some(_) => match self.string()? {
                Some(text) => Ok(Literal::Str(text)),
                None => self.name(),
            },
            None => Err(self.wrong("nothing found")),
        }
    }

    fn bracket(
        &mut self,
        close: char,
        read: impl FnOnce(&mut Self) -> Result<Literal, Error>,
    ) -> Result<Literal, Error> {
        self.at += 1;
        self.inside += 1;
        self.space();
        let value = read(self)?;
        self.space();
        if !self.eat(close) {
            return Err(self.wrong(&format!("{close:?} expected")));
        }
        self.inside -= 1;
        Ok(value)
    }

    fn list(&mut self, depth: usize) -> Result<Literal, Error> {
        let mut items = Vec::new();
        while !self.rest().starts_with(']') {
            items.push(self.value(depth)?);
            self.space();
            if !self.eat(',') {
                break;
            }
            self.space();
        }
        Ok(Literal::List(items))
    }

    fn dict(&mut self, depth: usize) -> Result<Literal, Error> {
        let mut pairs: Vec<(Literal, Literal)> = Vec::new();
        while !self.rest().starts_with('}') {
            let key = self.value(depth)?;
            self.space();
            if !self.eat(':') {
                return Err(self.wrong("':' expected"));
            }
            self.space();
            let value = self.value(depth)?;
            match pairs.iter_mut().find(|(known, _)| *known == key) {
                Some(pair) => pair.1 = value,
                None => pairs.push((key, value)),
            }
            self.space();
            if !self.eat(',') {
                break;
            }
            self.space();
        }
        Ok(Literal::Dict(pairs))
    }

    fn number(&mut self) -> Result<Literal, Error> {
        let start = self.at;
        let radix = match self.rest().get(..2).map(str::to_ascii_lowercase).as_deref() {
            Some("0x") => Some(16),
            Some("0o") => Some(8),
            Some("0b") => Some(2),
            _ => None,
        };
        if radix.is_some() {
            self.at += 2;
        }
        let mut float = false;
        while let Some(c) = self.peek() {
            match c {
                _ if radix.is_some() && (c.is_ascii_alphanumeric() || c == '_') => {}
                '0'..='9' | '_' => {}
                '.' if radix.is_none() => float = true,
                'e' | 'E' if radix.is_none() => {
                    float = true;
                    if self.rest()[1..].starts_with(['+', '-']) {
                        self.at += 1;
                    }
                }
                _ => break,
            }
            self.at += c.len_utf8();
        }
        let token = self.text[start..self.at].to_owned();
        if self.peek().is_some_and(|c| c.is_alphanumeric()) {
            return Err(self.wrong("a number that goes on"));
        }
        let stray = token.contains("__") || token.ends_with('_');
        let digits = token.replace('_', "");
        let number = match radix {
            _ if stray => None,
            Some(radix) => i128::from_str_radix(&digits[2..], radix).ok().map(Literal::Int),
            None if float => digits.parse().ok().map(Literal::Float),
            None if digits.len() > 1
                && digits.starts_with('0')
                && !digits.trim_matches('0').is_empty() =>
            {
                None
            }
            None => digits.parse().ok().map(Literal::Int),
        };
        number.ok_or_else(|| {
            self.at = start;
            self.wrong("a number that is none")
        })
    }

    /// Adjacent strings are one.
    fn string(&mut self) -> Result<Option<String>, Error> {
        let mut whole: Option<String> = None;
        while let Some(part) = self.one_string()? {
            whole.get_or_insert_default().push_str(&part);
            self.space();
        }
        Ok(whole)
    }

    fn one_string(&mut self) -> Result<Option<String>, Error> {
        let rest = self.rest();
        let prefix = rest.len() - rest.trim_start_matches(['r', 'R', 'u', 'U']).len();
        let Some(quote @ ('"' | '\'')) = rest[prefix..].chars().next() else { return Ok(None) };
        let raw = match rest[..prefix].to_ascii_lowercase().as_str() {
            "" | "u" => false,
            "r" => true,
            _ => return Err(self.wrong("an unknown string prefix")),
        };
        self.at += prefix;
        let triple = self.rest().starts_with(&quote.to_string().repeat(3));
        let end = quote.to_string().repeat(if triple { 3 } else { 1 });
        self.at += end.len();
        let mut text = String::new();
        loop {
            if self.rest().starts_with(&end) {
                self.at += end.len();
                return Ok(Some(text));
            }
            let Some(c) = self.peek() else { return Err(self.wrong("a string without its end")) };
            self.at += c.len_utf8();
            match c {
                '\n' if !triple => return Err(self.wrong("a string without its end")),
                '\\' => self.escape(raw, &mut text)?,
                _ => text.push(c),
            }
        }
    }

    fn escape(&mut self, raw: bool, text: &mut String) -> Result<(), Error> {
        let Some(c) = self.peek() else { return Err(self.wrong("a string without its end")) };
        self.at += c.len_utf8();
        if raw {
            text.push('\\');
            text.push(c);
            return Ok(());
        }
        let hex = |this: &mut Self, digits: usize| {
            let code = this.rest().get(..digits).map(|code| u32::from_str_radix(code, 16));
            let c = code.and_then(Result::ok).and_then(char::from_u32);
            let c = c.ok_or_else(|| this.wrong("an escape that is none"))?;
            this.at += digits;
            Ok::<_, Error>(c)
        };
        let c = match c {
            '\n' => return Ok(()),
            '\\' | '\'' | '"' => c,
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => hex(self, 2)?,
            'u' => hex(self, 4)?,
            'U' => hex(self, 8)?,
            '0'..='7' => {
                let mut code = c as u32 - '0' as u32;
                for _ in 0..2 {
                    let Some(digit) = self.peek().and_then(|c| c.to_digit(8)) else { break };
                    code = code * 8 + digit;
                    self.at += 1;
                }
                char::from_u32(code).unwrap_or('\u{fffd}')
            }
            'N' => return Err(self.wrong("a character by name")),
            other => {
                text.push('\\');
                other
            }
        };
        text.push(c);
        Ok(())
    }

    fn name(&mut self) -> Result<Literal, Error> {
        let rest = self.rest();
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.'))
            .unwrap_or(rest.len());
        let value = match &rest[..end] {
            "None" => Literal::None,
            "True" => Literal::Bool(true),
            "False" => Literal::Bool(false),
            "sys.stdout" => Literal::Stream("sys.stdout"),
            "sys.stderr" => Literal::Stream("sys.stderr"),
            "CRITICAL" | "FATAL" => Literal::Int(50),
            "ERROR" => Literal::Int(40),
            "WARNING" | "WARN" => Literal::Int(30),
            "INFO" => Literal::Int(20),
            "DEBUG" => Literal::Int(10),
            "NOTSET" => Literal::Int(0),
            _ => return Err(self.wrong("a name that is not known")),
        };
        self.at += end;
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Literal::*;

    fn text(text: &str) -> Literal {
        Str(text.to_owned())
    }

    #[test]
    fn the_arguments_of_handlers_are_read() {
        for (source, value) in [
            ("()", Tuple(vec![])),
            ("(sys.stdout,)", Tuple(vec![Stream("sys.stdout")])),
            ("(sys.stdout,\n   )", Tuple(vec![Stream("sys.stdout")])),
            ("(sys.stderr)", Stream("sys.stderr")),
            ("('a.log', 'w')", Tuple(vec![text("a.log"), text("w")])),
            ("'a', 2", Tuple(vec![text("a"), Int(2)])),
            ("(3, ERROR)", Tuple(vec![Int(3), Int(40)])),
            (
                "('localhost', -0x1F, 1_0, 1e3, .5)",
                Tuple(vec![text("localhost"), Int(-31), Int(10), Float(1000.0), Float(0.5)]),
            ),
            ("[1, [2,], ()]", List(vec![Int(1), List(vec![Int(2)]), Tuple(vec![])])),
            (
                "{'encoding': 'utf-8', 'delay': True}",
                Dict(vec![(text("encoding"), text("utf-8")), (text("delay"), Bool(true))]),
            ),
            (r#"'a' "b" r'\n' '\n\x41\u00e9\101\q'"#, text("ab\\n\nA\u{e9}A\\q")),
            ("'''a\nb'''", text("a\nb")),
            ("None", None),
        ] {
            assert_eq!(parse(source).unwrap(), value, "{source}");
        }
    }

    #[test]
    fn nothing_is_evaluated() {
        for source in [
            "",
            "(",
            "(1",
            "1 2",
            "1+1",
            "os.system('x')",
            "open('x')",
            "sys.stdin",
            "[x for x in y]",
            "f'{x}'",
            "b'x'",
            "'a",
            "'a\nb'",
            "012",
            "1__0",
            "0x",
            "{1}",
            "{'a' 1}",
            "lambda: 0",
            "-'a'",
            "3a",
            "__import__",
        ] {
            assert!(parse(source).is_err(), "{source}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"-".repeat(10_000)).is_err());
    }
}
