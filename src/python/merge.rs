//! Python's merging of a message with its arguments: `msg % args`.

use crate::decode::{Map, Value};
use crate::error::Error;
use crate::format::pyconv::{self, Part, Parts, Size};
use crate::record::{Render, ValueBuf};

/// Fills arguments into a message as `LogRecord.getMessage` does.
///
/// A tuple stands for the positional arguments, a map for the single mapping argument; without
/// arguments the text is not touched. Anything else, which only a filter can put there, is one
/// argument. A message that is not text is turned into it first.
#[derive(Debug, Clone, Copy, Default)]
pub struct PercentMerge;

impl PercentMerge {
    /// What a record holds as its arguments, of those given to a call: a single mapping that is
    /// not empty stands for itself, and no arguments are none.
    pub fn arguments(mut given: Vec<ValueBuf>) -> Option<ValueBuf> {
        match given.len() {
            0 => None,
            1 if matches!(given[0].get(), Value::Map(map) if !map.is_empty()) => given.pop(),
            _ => Some(ValueBuf::tuple(given)),
        }
    }
}

impl Render for PercentMerge {
    fn render(
        &self,
        message: Value<'_>,
        arguments: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let mut converted = String::new();
        let text = match message {
            Value::Str(text) | Value::Text(text) => text,
            other => {
                pyconv::str_of(other, &mut converted);
                &converted
            }
        };
        let arguments = match arguments {
            Value::Tuple(list) if !list.is_empty() => Arguments::Positional(list.iter().collect()),
            Value::Map(map) if !map.is_empty() => Arguments::Mapping(map),
            other if pyconv::is_true(other) => Arguments::One(other),
            _ => {
                out.extend_from_slice(text.as_bytes());
                return Ok(());
            }
        };
        merge(text, &arguments, out)
    }
}

enum Arguments<'a> {
    Positional(Vec<Value<'a>>),
    Mapping(Map<'a>),
    /// A value that is neither.
    One(Value<'a>),
}

/// The arguments not used yet: those of a tuple, or one value.
enum Left<'s, 'a> {
    Tuple(std::slice::Iter<'s, Value<'a>>),
    One(Option<Value<'a>>),
}

impl<'a> Left<'_, 'a> {
    fn next(&mut self) -> Result<Value<'a>, Error> {
        let next = match self {
            Self::Tuple(values) => values.next().copied(),
            Self::One(value) => value.take(),
        };
        next.ok_or_else(|| Error::other("not enough arguments for format string"))
    }
}

fn merge(format: &str, arguments: &Arguments<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
    let mut left = match arguments {
        Arguments::Positional(values) => Left::Tuple(values.iter()),
        Arguments::Mapping(map) => Left::One(Some(Value::Map(*map))),
        Arguments::One(value) => Left::One(Some(*value)),
    };
    for part in Parts::new(format) {
        let placeholder = match part? {
            Part::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
            Part::Placeholder(placeholder) => placeholder,
        };
        if let Some(key) = placeholder.key {
            let Arguments::Mapping(map) = arguments else {
                return Err(Error::other("format requires a mapping"));
            };
            left = Left::One(Some(lookup(*map, key)?));
        }
        let mut conversion = placeholder.conversion;
        if conversion.width == Size::Star {
            conversion.set_width(left.next()?)?;
        }
        if conversion.precision == Size::Star {
            conversion.set_precision(left.next()?)?;
        }
        conversion.apply(left.next()?, out)?;
    }
    match left {
        Left::Tuple(values) if values.len() > 0 => {
            Err(Error::other("not all arguments converted during string formatting"))
        }
        // What could be subscripted may be left over.
        Left::One(Some(_)) if matches!(arguments, Arguments::One(value) if !matches!(value, Value::List(_))) => {
            Err(Error::other("not all arguments converted during string formatting"))
        }
        _ => Ok(()),
    }
}

fn lookup<'a>(map: Map<'a>, key: &str) -> Result<Value<'a>, Error> {
    let found = map.iter().filter(
        |(known, _)| matches!(known, Value::Str(known) | Value::Text(known) if *known == key),
    );
    found.last().map(|(_, value)| value).ok_or_else(|| {
        let mut text = String::new();
        pyconv::repr_of_str(key, &mut text);
        Error::other(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(message: ValueBuf, arguments: Vec<ValueBuf>) -> Result<String, String> {
        let arguments = PercentMerge::arguments(arguments);
        let mut out = Vec::new();
        PercentMerge
            .render(message.get(), arguments.as_ref().map_or(Value::Unit, ValueBuf::get), &mut out)
            .map_err(|error| error.to_string())?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn merged(message: &str, arguments: Vec<ValueBuf>) -> Result<String, String> {
        render(ValueBuf::of(message), arguments)
    }

    fn int(number: i64) -> ValueBuf {
        ValueBuf::of(&number)
    }

    fn text(text: &str) -> ValueBuf {
        ValueBuf::of(text)
    }

    #[test]
    fn without_arguments_the_text_is_not_touched() {
        assert_eq!(merged("100% %s %(x)s %", vec![]).unwrap(), "100% %s %(x)s %");
    }

    #[test]
    fn positional_arguments_fill_in_order_and_stars_take_theirs() {
        assert_eq!(merged("%s=%05d%%", vec![text("a"), int(42)]).unwrap(), "a=00042%");
        assert_eq!(merged("%*d|%-*d|", vec![int(4), int(1), int(3), int(2)]).unwrap(), "   1|2  |");
    }

    #[test]
    fn a_single_mapping_is_addressed_by_key_or_shown_whole() {
        let map = || vec![ValueBuf::map([("a", int(1))])];
        assert_eq!(merged("%(a)s %%", map()).unwrap(), "1 %");
        assert_eq!(merged("no keys", map()).unwrap(), "no keys");
        assert_eq!(merged("%s", map()).unwrap(), "{'a': 1}");
        assert_eq!(
            merged("%s", vec![ValueBuf::map(Vec::<(&str, ValueBuf)>::new())]).unwrap(),
            "{}"
        );
        assert_eq!(merged("%(b)s", map()).unwrap_err(), "'b'");
        assert_eq!(
            merged("%(a)s %s", map()).unwrap_err(),
            "not enough arguments for format string"
        );
    }

    #[test]
    fn wrong_arity_is_refused_in_the_words_of_python() {
        for (message, arguments, error) in [
            ("%s %s", vec![text("x")], "not enough arguments for format string"),
            ("none", vec![text("x")], "not all arguments converted during string formatting"),
            ("%%", vec![int(1)], "not all arguments converted during string formatting"),
            ("%(a)s", vec![text("x")], "format requires a mapping"),
            ("%", vec![int(1)], "incomplete format"),
            ("%(a", vec![ValueBuf::map([("a", int(1))])], "incomplete format key"),
            ("%*d", vec![text("w"), int(1)], "* wants int"),
        ] {
            assert_eq!(merged(message, arguments).unwrap_err(), error, "{message}");
        }
    }

    #[test]
    fn what_a_filter_left_as_arguments_is_one_argument() {
        let show = |message: &str, arguments: ValueBuf| {
            let mut out = Vec::new();
            let done = PercentMerge.render(Value::Str(message), arguments.get(), &mut out);
            done.map(|()| String::from_utf8(out).unwrap()).map_err(|error| error.to_string())
        };
        assert_eq!(show("%s", ValueBuf::list([int(1)])).unwrap(), "[1]");
        assert_eq!(show("plain", ValueBuf::list([int(1)])).unwrap(), "plain");
        assert_eq!(show("%d%%", int(5)).unwrap(), "5%");
        assert!(show("plain", text("x")).is_err());
        assert!(show("%(a)s", int(5)).is_err());
        for nothing in
            [int(0), text(""), ValueBuf::none(), ValueBuf::list([]), ValueBuf::of(&false)]
        {
            assert_eq!(show("%s", nothing).unwrap(), "%s");
        }
    }

    #[test]
    fn a_message_that_is_not_text_is_turned_into_it() {
        let map = ValueBuf::map([("k", text("v %d"))]);
        assert_eq!(render(map, vec![int(5)]).unwrap(), "{'k': 'v 5'}");
        assert_eq!(render(ValueBuf::none(), vec![]).unwrap(), "None");
    }
}
