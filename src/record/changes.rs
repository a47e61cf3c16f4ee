//! What was changed of a record, as words of a frame.

use super::{LogRecord, Overlay, ValueBuf};
use crate::capture::Capture;
use crate::decode::{self, Value};
use crate::level::Level;
use crate::value::tag;

/// The key of a ready message; no attribute has it.
const MESSAGE: &str = "";

/// Attributes, and a ready message, as a captured map's payload.
pub(crate) fn changes_of(message: Option<&str>, attributes: &[(Box<str>, ValueBuf)]) -> Vec<u64> {
    let mut words = vec![0];
    let mut count = 0;
    let mut put = |key: &str, value: &[u64]| {
        crate::capture::put_nested(key.capture(), &mut words);
        words.extend_from_slice(value);
        count += 1;
    };
    if let Some(message) = message {
        put(MESSAGE, ValueBuf::of(message).words());
    }
    for (key, value) in attributes.iter().filter(|(key, _)| **key != *MESSAGE) {
        put(key, value.words());
    }
    words[0] = count | (words.len() as u64 - 1) << 32;
    words
}

impl LogRecord<'_> {
    /// What was changed so far: a captured map's payload, or nothing.
    pub(crate) fn changes(&self) -> Vec<u64> {
        let of = |overlay: &Overlay| changes_of(overlay.message.as_deref(), &overlay.attributes);
        self.overlay().map(of).unwrap_or_default()
    }

    /// Changes the record as [`changes`](Self::changes) of another tells.
    #[cold]
    pub(crate) fn apply_changes(&mut self, changes: &[u64]) {
        let mut overlay = Overlay::default();
        let mut rest = changes.get(1..).unwrap_or_default();
        while let Some((key, value)) = nested(&mut rest).zip(nested(&mut rest)) {
            let (Value::Str(key), value) = (key.get(), value) else { return };
            match value.get() {
                Value::Str(text) if key == MESSAGE => overlay.message = Some(text.into()),
                _ => overlay.level = level_of(key, &value).or(overlay.level),
            }
            if key != MESSAGE {
                overlay.attributes.push((key.into(), value));
            }
        }
        self.overlay = Some(Box::new(overlay));
        self.revision += 1;
    }
}

impl LogRecord<'_> {
    /// As [`apply_changes`](Self::apply_changes), for those of another process, whose derived types
    /// are known only now.
    pub(crate) fn apply_foreign_changes(&mut self, changes: &[u64]) {
        self.apply_changes(changes);
        for (_, value) in self.overlay.iter_mut().flat_map(|overlay| &mut overlay.attributes) {
            *value = ValueBuf::portable(value.get());
        }
    }
}

/// The level that an attribute sets, if it does.
pub(super) fn level_of(name: &str, value: &ValueBuf) -> Option<Level> {
    match (name, value.get()) {
        ("levelno", Value::I32(number)) => Some(Level::new(number)),
        ("levelno", Value::I64(number)) => i32::try_from(number).ok().map(Level::new),
        ("levelno", Value::U64(number)) => i32::try_from(number).ok().map(Level::new),
        _ => None,
    }
}

/// Takes the payload of a map, with its head, from the front of `words`.
pub(crate) fn split_changes<'a>(words: &mut &'a [u64]) -> Option<&'a [u64]> {
    let whole = *words;
    decode::value(tag::MAP, words)?;
    Some(&whole[..whole.len() - words.len()])
}

/// Copies one value out, its tag word first.
fn nested(words: &mut &[u64]) -> Option<ValueBuf> {
    let whole = *words;
    let (tag, rest) = whole.split_first()?;
    *words = rest;
    decode::value(*tag as u8, words)?;
    Some(ValueBuf { words: whole[..whole.len() - words.len()].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;

    #[test]
    fn changes_come_back_from_their_words() {
        Sample::default().with(|record| {
            assert!(record.changes().is_empty());
            record.set_message("ready");
            record.set_attribute("levelno", ValueBuf::of(&35));
            record.set_attribute("name", ValueBuf::of("other"));
            record.set_attribute("n", ValueBuf::list([ValueBuf::of(&1), ValueBuf::none()]));
            let mut words = record.changes();
            words.extend([7, 8]);
            let mut rest = &words[..];
            let changes = split_changes(&mut rest).unwrap();
            assert_eq!(rest, [7, 8]);
            Sample::default().with(|again| {
                again.apply_changes(changes);
                assert_eq!(again.message().unwrap(), "ready");
                assert_eq!((again.level(), again.logger()), (Level::new(35), "other"));
                assert_eq!(
                    again.field("n").unwrap().to_string(),
                    record.field("n").unwrap().to_string()
                );
                assert_eq!(again.changes(), record.changes());
            });
        });
    }

    #[test]
    fn damaged_words_change_less() {
        Sample::default().with(|record| {
            record.set_attribute("a", ValueBuf::of("some text"));
            record.set_attribute("b", ValueBuf::of(&1));
            let words = record.changes();
            for length in 0..words.len() {
                assert!(split_changes(&mut &words[..length]).is_none());
                Sample::default().with(|again| again.apply_changes(&words[..length]));
            }
        });
    }
}
