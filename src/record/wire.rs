//! Records as bytes, for another process of the same version.
//!
//! Little-endian 64-bit words: a mark with the version, level, time, start of the runtime, the
//! logger's name, then the items of a described frame. The message is rendered and derived types
//! become maps, for neither renderers nor shapes exist elsewhere.

use super::{Body, Described, DescribedBuf, Field, Head, LogRecord, Names, OwnedRecord, ValueBuf};
use super::{ProcessInfo, ThreadInfo, Without};
use crate::capture::{Capture, Encode};
use crate::decode::{self, Value};
use crate::error::Error;
use crate::level::Level;
use crate::value::tag;

/// `SAWMILL` and the version.
const MARK: u64 = u64::from_le_bytes(*b"SAWMILL\x01");

impl OwnedRecord {
    /// Writes the record as bytes, for a queue or a socket to another process.
    ///
    /// The message is rendered; attributes and fields keep their types, but for derived types,
    /// which become maps.
    ///
    /// # Errors
    ///
    /// If the message cannot be rendered.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::OwnedRecord;
    ///
    /// let runtime = sawmill::Runtime::builder().capture().build()?;
    /// runtime.scope(|| sawmill::warning!(n = 7; "over the wire"));
    /// let bytes = runtime.records()[0].to_bytes()?;
    /// let again = OwnedRecord::from_bytes(&bytes)?;
    /// assert_eq!(again.view().message()?, "over the wire");
    /// assert_eq!(again.view().field("n").unwrap().to_string(), "7");
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let record = self.view();
        let message = record.message()?;
        let mut items = DescribedBuf::default();
        items
            .push(Field::Message, &message)
            .push(Field::LevelName, record.level_name())
            .push(Field::Pathname, record.pathname())
            .push(Field::Line, &u64::from(record.line()))
            .push(Field::Function, record.function())
            .push(Field::ModulePath, record.module_path());
        if let Some(id) = record.thread_id() {
            items.push(Field::Thread, &id);
        }
        if let Some(name) = record.shown_thread_name() {
            items.push(Field::ThreadName, name);
        }
        if let Some(id) = record.shown_process_id() {
            items.push(Field::Process, &u64::from(id));
        }
        if let Some(name) = record.shown_process_name() {
            items.push(Field::ProcessName, name);
        }
        if let Some(name) = record.task_name() {
            items.push(Field::TaskName, name);
        }
        if let Some(text) = record.exception() {
            items.push(Field::Exception, &text);
        }
        if let Some(text) = record.stack() {
            items.push(Field::Stack, &text);
        }
        let mut fields = Vec::new();
        record.for_each_field(|key, value| fields.push((key, ValueBuf::portable(value))));
        if !fields.is_empty() {
            items.push_fields(fields);
        }
        let level = record.level().as_i32() as u32;
        let mut words =
            vec![MARK, u64::from(level), record.time_ns() as u64, record.head().start_ns as u64];
        record.logger().capture().put(&mut words);
        words.extend_from_slice(items.words());
        Ok(words.iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// Reads a record from bytes that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if the bytes are not a record of this version. Bytes that were
    /// damaged behind their beginning give a record with what could be read.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let wrong = || Error::invalid("these bytes are not a record of this version");
        let (chunks, []) = bytes.as_chunks::<8>() else { return Err(wrong()) };
        let words: Vec<u64> = chunks.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        let [MARK, level, time_ns, start_ns, rest @ ..] = &words[..] else { return Err(wrong()) };
        let level = u32::try_from(*level).map_err(|_| wrong())?;
        let mut rest = rest;
        let Some(Value::Str(logger)) = decode::value(tag::STR, &mut rest) else {
            return Err(wrong());
        };
        let described = Described::read(rest);
        let level = Level::new(level as i32);
        let thread = ThreadInfo {
            id: described.thread.unwrap_or(0),
            name: described.thread_name.unwrap_or_default().to_owned(),
        };
        let process = ProcessInfo {
            id: described.process.unwrap_or(0),
            name: described.process_name.unwrap_or_default().to_owned(),
        };
        let level_name = level.to_string();
        let head = Head {
            logger,
            level,
            level_name: described.level_name.unwrap_or(&level_name),
            names: Names::default(),
            time_ns: *time_ns as i64,
            start_ns: *start_ns as i64,
            thread: &thread,
            process: &process,
            lane: 0,
            sequence: 0,
            late: false,
            without: Without {
                threads: described.thread.is_none() && described.thread_name.is_none(),
                processes: described.process.is_none(),
                process_names: described.process_name.is_none(),
                tasks: false,
            },
            context: &[],
        };
        Ok(LogRecord::new(head, Body::Described(described), None).keep())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::sample::Sample;
    use proptest::prelude::*;

    fn sample() -> OwnedRecord {
        let mut sample =
            Sample { logger: "a.b".into(), level: Level::new(-7), ..Sample::default() };
        sample.message = "tüür".into();
        sample.time_ns = -5;
        let list = ValueBuf::list([ValueBuf::of(&1_u8), ValueBuf::none(), ValueBuf::of("x")]);
        sample.fields = vec![
            ("list".into(), list),
            ("big".into(), ValueBuf::of(&u128::MAX)),
            ("some".into(), ValueBuf::of(&Some(2.5))),
            ("map".into(), ValueBuf::map([("k", ValueBuf::of(&true))])),
            ("pair".into(), ValueBuf::of(&(1, "a"))),
        ];
        sample.with(|record| {
            record.set_attribute("exc_text", ValueBuf::of("E"));
            record.set_attribute("stack_info", ValueBuf::of("S"));
            record.set_attribute("added", ValueBuf::of(&[1_u8, 2][..]));
            record.keep()
        })
    }

    fn show(record: &OwnedRecord) -> Vec<String> {
        let view = record.view();
        let mut out = vec![
            format!("{} {} {}", view.logger(), view.level(), view.level_name()),
            format!("{} {:?} {:?}", view.message().unwrap(), view.exception(), view.stack()),
            format!("{} {}:{}", view.time_ns(), view.pathname(), view.line()),
            format!("{} {:?} {}", view.function(), view.thread_id(), view.thread_name()),
            format!("{} {}", view.process_id(), view.process_name()),
        ];
        view.for_each_field(|key, value| out.push(format!("{key}={value:?}")));
        out
    }

    #[test]
    fn a_record_comes_back_from_its_bytes() {
        let record = sample();
        let again = OwnedRecord::from_bytes(&record.to_bytes().unwrap()).unwrap();
        assert_eq!(show(&again), show(&record));
    }

    #[test]
    fn other_bytes_are_refused() {
        let bytes = sample().to_bytes().unwrap();
        for wrong in [&bytes[..bytes.len() - 1], &bytes[8..], &bytes[..24], b"", b"SAWMILL\x02"] {
            assert!(OwnedRecord::from_bytes(wrong).unwrap_err().is_invalid());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]
        #[test]
        fn damaged_bytes_never_panic(at in 0_usize..400, with in any::<u8>(), cut in 0_usize..400) {
            let mut bytes = sample().to_bytes().unwrap();
            let at = at % bytes.len();
            bytes[at] = with;
            bytes.truncate((bytes.len() - cut % bytes.len()) / 8 * 8);
            if let Ok(record) = OwnedRecord::from_bytes(&bytes) {
                show(&record);
            }
        }
    }
}
