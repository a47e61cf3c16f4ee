//! Frames that say everything about a record themselves.
//!
//! Used where there is no static call site: the `log` bridge, `Logger::handle`, levels chosen at
//! run time, panics, `replay`. The body is a run of items, each a word (field in the low half,
//! value tag in the high half) and a payload.

use super::{Render, ValueBuf};
use crate::capture::{Capture, Encode, Sink};
use crate::decode::{self, Map, Value};
use crate::error::Error;
use crate::value::tag;

/// What an item of a described frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Field {
    Message = 1,
    Arguments,
    Renderer,
    Pathname,
    Line,
    Function,
    ModulePath,
    Created,
    Thread,
    ThreadName,
    Process,
    ProcessName,
    TaskName,
    Exception,
    Stack,
    Fields,
    /// Nanoseconds since the Unix epoch, in place of the frame's stamp.
    TimeNs,
    /// A name for the record's level other than the tree's.
    LevelName,
}

impl Field {
    fn from_word(word: u32) -> Option<Self> {
        use Field::*;
        [
            Message,
            Arguments,
            Renderer,
            Pathname,
            Line,
            Function,
            ModulePath,
            Created,
            Thread,
            ThreadName,
            Process,
            ProcessName,
            TaskName,
            Exception,
            Stack,
            Fields,
            TimeNs,
            LevelName,
        ]
        .into_iter()
        .find(|field| *field as u32 == word)
    }
}

/// Seconds since the Unix epoch in nanoseconds, in two parts: a double has no nanoseconds to spare
/// in this century.
#[inline(never)]
fn nanoseconds(seconds: f64) -> i64 {
    let whole = seconds.floor();
    let fraction = ((seconds - whole) * 1e9).round() as i64;
    (whole as i64).saturating_mul(1_000_000_000).saturating_add(fraction)
}

/// A described record's attributes, borrowed from its frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Described<'a> {
    pub(crate) message: Value<'a>,
    pub(crate) arguments: Option<Value<'a>>,
    pub(crate) renderer: u32,
    pub(crate) pathname: &'a str,
    pub(crate) line: u32,
    pub(crate) function: &'a str,
    pub(crate) module_path: &'a str,
    pub(crate) created: Option<f64>,
    /// `created` was given as an integer.
    pub(crate) whole: bool,
    pub(crate) time_ns: Option<i64>,
    pub(crate) thread: Option<u64>,
    pub(crate) thread_name: Option<&'a str>,
    pub(crate) process: Option<u32>,
    pub(crate) process_name: Option<&'a str>,
    pub(crate) task_name: Option<&'a str>,
    pub(crate) exception: Option<&'a str>,
    pub(crate) stack: Option<&'a str>,
    pub(crate) level_name: Option<&'a str>,
    pub(crate) fields: Map<'a>,
    /// The items themselves, for keeping the record.
    pub(crate) words: &'a [u64],
}

impl<'a> Described<'a> {
    /// Reads the items; unknown or damaged ones end the reading, what was read stands.
    pub(crate) fn read(mut words: &'a [u64]) -> Self {
        let mut this = Self {
            message: Value::Str(""),
            arguments: None,
            renderer: 0,
            pathname: "(unknown file)",
            line: 0,
            function: "",
            module_path: "",
            created: None,
            whole: false,
            time_ns: None,
            thread: None,
            thread_name: None,
            process: None,
            process_name: None,
            task_name: None,
            exception: None,
            stack: None,
            level_name: None,
            fields: Map::EMPTY,
            words,
        };
        while let Some((head, rest)) = words.split_first() {
            words = rest;
            let Some(field) = Field::from_word(*head as u32) else { break };
            let Some(value) = decode::value((*head >> 32) as u8, &mut words) else { break };
            this.set(field, value);
        }
        this
    }

    /// When the record was made, in nanoseconds since the Unix epoch, if it says so.
    #[inline(always)]
    pub(crate) fn made_ns(&self) -> Option<i64> {
        self.time_ns.or(self.created.map(nanoseconds))
    }

    fn set(&mut self, field: Field, value: Value<'a>) {
        match (field, value) {
            (Field::Message, value) => self.message = value,
            (Field::Arguments, value) => self.arguments = Some(value),
            (Field::Renderer, Value::U64(number)) => self.renderer = number as u32,
            (Field::Pathname, Value::Str(text)) => self.pathname = text,
            (Field::Line, Value::U64(line)) => self.line = line as u32,
            (Field::Function, Value::Str(text)) => self.function = text,
            (Field::ModulePath, Value::Str(text)) => self.module_path = text,
            (Field::Created, Value::F64(seconds)) => self.created = Some(seconds),
            (Field::Created, Value::I64(seconds)) => {
                (self.created, self.whole) = (Some(seconds as f64), true);
            }
            (Field::TimeNs, Value::I64(time)) => self.time_ns = Some(time),
            (Field::Thread, Value::U64(id)) => self.thread = Some(id),
            (Field::ThreadName, Value::Str(text)) => self.thread_name = Some(text),
            (Field::Process, Value::U64(id)) => self.process = Some(id as u32),
            (Field::ProcessName, Value::Str(text)) => self.process_name = Some(text),
            (Field::TaskName, Value::Str(text)) => self.task_name = Some(text),
            (Field::Exception, Value::Str(text)) => self.exception = Some(text),
            (Field::Stack, Value::Str(text)) => self.stack = Some(text),
            (Field::LevelName, Value::Str(text)) => self.level_name = Some(text),
            (Field::Fields, Value::Map(map)) => self.fields = map,
            _ => {}
        }
    }

    pub(crate) fn write_message(
        &self,
        renderer: Option<&dyn Render>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        match (renderer, self.message) {
            (Some(renderer), message) => {
                renderer.render(message, self.arguments.unwrap_or(Value::Unit), out)
            }
            (None, Value::Str(text) | Value::Text(text)) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (None, other) => {
                crate::text::plain(other, out);
                Ok(())
            }
        }
    }
}

/// Builds the body of a described frame.
#[derive(Debug, Default, Clone)]
pub(crate) struct DescribedBuf {
    words: Vec<u64>,
}

impl DescribedBuf {
    pub(crate) fn push<T: Capture + ?Sized>(&mut self, field: Field, value: &T) -> &mut Self {
        self.encode(field, value.capture())
    }

    pub(crate) fn encode<E: Encode>(&mut self, field: Field, view: E) -> &mut Self {
        self.words.push(field as u64 | u64::from(E::TAG) << 32);
        view.put(&mut self.words);
        self
    }

    pub(crate) fn push_buf(&mut self, field: Field, value: &ValueBuf) -> &mut Self {
        if let Some((tag, payload)) = value.words().split_first() {
            self.words.push(field as u64 | *tag << 32);
            self.words.extend_from_slice(payload);
        }
        self
    }

    /// Adds the key-value pairs as one map. `None` adds nothing.
    pub(crate) fn push_fields<'k>(
        &mut self,
        fields: impl IntoIterator<Item = (&'k str, ValueBuf)>,
    ) -> &mut Self {
        self.words.push(Field::Fields as u64 | u64::from(tag::MAP) << 32);
        let head = self.words.len();
        self.words.push(0);
        let mut count = 0;
        for (key, value) in fields {
            crate::capture::put_nested(key.capture(), &mut self.words);
            self.words.copy(value.words());
            count += 1;
        }
        self.words[head] = count | ((self.words.len() - head - 1) as u64) << 32;
        self
    }

    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }
}
