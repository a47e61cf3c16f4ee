//! How a JSON formatter is made.

use super::{JsonFormatter, JsonKey, TimestampDigits, push_string, push_value};
use crate::format::by_script::Tools;
use crate::format::time::{TimeText, TimeTextOptions, Zone};
use crate::record::ValueBuf;

/// Builds a [`JsonFormatter`].
#[derive(Debug, Clone)]
#[must_use]
pub struct JsonFormatterBuilder {
    pub(super) keys: Vec<(JsonKey, Box<str>)>,
    pub(super) digits: TimestampDigits,
    pub(super) constants: Vec<(Box<str>, ValueBuf)>,
    pub(super) fields_key: Option<Box<str>>,
}

impl JsonFormatterBuilder {
    /// Shows a key, under this name.
    pub fn key(mut self, key: JsonKey, name: impl Into<Box<str>>) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self.keys.push((key, name.into()));
        let place = |key: JsonKey| JsonKey::ALL.iter().position(|(each, ..)| *each == key);
        self.keys.sort_by_key(|(key, _)| place(*key));
        self
    }

    /// Leaves a key out.
    pub fn without(mut self, key: JsonKey) -> Self {
        self.keys.retain(|(known, _)| *known != key);
        self
    }

    /// Sets the timestamp's digits; six unless said otherwise.
    pub fn digits(mut self, digits: TimestampDigits) -> Self {
        self.digits = digits;
        self
    }

    /// Adds a key with the same value in every line.
    pub fn constant<T: crate::capture::Capture + ?Sized>(
        mut self,
        key: impl Into<Box<str>>,
        value: &T,
    ) -> Self {
        let key = key.into();
        self.constants.retain(|(known, _)| *known != key);
        self.constants.push((key, ValueBuf::of(value)));
        self
    }

    /// Names the object that holds the fields; `fields` unless said otherwise.
    pub fn fields_key(mut self, key: impl Into<Box<str>>) -> Self {
        self.fields_key = Some(key.into());
        self
    }

    /// Puts the fields beside the other keys; a field whose key is taken gets a `_` behind it.
    pub fn flatten_fields(mut self) -> Self {
        self.fields_key = None;
        self
    }

    /// Makes the formatter.
    pub fn build(self) -> JsonFormatter {
        let date_format = match self.digits {
            TimestampDigits::Millis => "\"%Y-%m-%dT%H:%M:%S.%3fZ\"",
            TimestampDigits::Micros => "\"%Y-%m-%dT%H:%M:%S.%6fZ\"",
            TimestampDigits::Nanos => "\"%Y-%m-%dT%H:%M:%S.%9fZ\"",
        };
        let options = TimeTextOptions {
            date_format: Some(date_format.to_owned()),
            zone: Zone::Utc,
            ..TimeTextOptions::default()
        };
        let labelled = |key: &str, more: &[u8]| {
            let mut label = b",".to_vec();
            push_string(key, &mut label);
            label.push(b':');
            label.extend_from_slice(more);
            label
        };
        let label = |(key, name): &(JsonKey, Box<str>)| (labelled(name, b"").into(), *key);
        let mut constants = Vec::new();
        for (key, value) in &self.constants {
            constants.extend(labelled(key, b""));
            push_value(value.get(), &mut constants);
        }
        let taken = self.keys.iter().map(|(_, name)| name.clone());
        let taken = taken.chain(self.constants.iter().map(|(key, _)| key.clone()));
        JsonFormatter {
            items: self.keys.iter().map(label).collect(),
            fields: self.fields_key.as_deref().map(|key| labelled(key, b"{").into()),
            taken: taken.chain(["exception".into(), "stack".into()]).collect(),
            constants,
            tools: Tools::new(TimeText::new(&options)),
        }
    }
}
