//! The attributes of records that patterns may name.

use crate::decode::{List, Value};
use crate::record::LogRecord;

/// A standard attribute, under Python's name, or one of sawmill's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Name,
    Msg,
    Args,
    LevelName,
    LevelNo,
    Pathname,
    Filename,
    Module,
    ExcInfo,
    ExcText,
    StackInfo,
    LineNo,
    FuncName,
    Created,
    Msecs,
    RelativeCreated,
    Thread,
    ThreadName,
    ProcessName,
    Process,
    TaskName,
    Message,
    Asctime,
    Run,
    Lane,
    Sequence,
}

impl Attribute {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "name" => Self::Name,
            "msg" => Self::Msg,
            "args" => Self::Args,
            "levelname" => Self::LevelName,
            "levelno" => Self::LevelNo,
            "pathname" => Self::Pathname,
            "filename" => Self::Filename,
            "module" => Self::Module,
            "exc_info" => Self::ExcInfo,
            "exc_text" => Self::ExcText,
            "stack_info" => Self::StackInfo,
            "lineno" => Self::LineNo,
            "funcName" => Self::FuncName,
            "created" => Self::Created,
            "msecs" => Self::Msecs,
            "relativeCreated" => Self::RelativeCreated,
            "thread" => Self::Thread,
            "threadName" => Self::ThreadName,
            "processName" => Self::ProcessName,
            "process" => Self::Process,
            "taskName" => Self::TaskName,
            "message" => Self::Message,
            "asctime" => Self::Asctime,
            _ => return None,
        })
    }

    /// Those of sawmill's own, which Python takes for fields.
    pub(crate) fn of_own(name: &str) -> Option<Self> {
        Some(match name {
            "run" => Self::Run,
            "lane" => Self::Lane,
            "sequence" => Self::Sequence,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Msg => "msg",
            Self::Args => "args",
            Self::LevelName => "levelname",
            Self::LevelNo => "levelno",
            Self::Pathname => "pathname",
            Self::Filename => "filename",
            Self::Module => "module",
            Self::ExcInfo => "exc_info",
            Self::ExcText => "exc_text",
            Self::StackInfo => "stack_info",
            Self::LineNo => "lineno",
            Self::FuncName => "funcName",
            Self::Created => "created",
            Self::Msecs => "msecs",
            Self::RelativeCreated => "relativeCreated",
            Self::Thread => "thread",
            Self::ThreadName => "threadName",
            Self::ProcessName => "processName",
            Self::Process => "process",
            Self::TaskName => "taskName",
            Self::Message => "message",
            Self::Asctime => "asctime",
            Self::Run => "run",
            Self::Lane => "lane",
            Self::Sequence => "sequence",
        }
    }

    /// The text of attributes that are texts, whatever filters changed (to texts).
    #[inline]
    pub(crate) fn text<'r>(self, record: &'r LogRecord<'_>) -> Option<&'r str> {
        Some(match self {
            Self::Name => record.logger(),
            Self::LevelName => record.level_name(),
            Self::Pathname => record.pathname(),
            Self::Filename => record.filename(),
            Self::Module => record.module(),
            Self::FuncName => record.function(),
            Self::ThreadName => return record.shown_thread_name(),
            Self::ProcessName => return record.shown_process_name(),
            _ => return None,
        })
    }

    /// The number of attributes that are whole numbers, if no filter changed the record.
    #[inline]
    pub(crate) fn number(self, record: &LogRecord<'_>) -> Option<i64> {
        if record.overlay().is_some() {
            return None;
        }
        Some(match self {
            Self::LevelNo => i64::from(record.level().as_i32()),
            Self::LineNo => i64::from(record.line()),
            Self::Process => i64::from(record.shown_process_id()?),
            Self::Thread => i64::try_from(record.thread_id()?).ok()?,
            Self::Run => record.run(),
            Self::Lane => i64::from(record.sequence().0),
            Self::Sequence => i64::try_from(record.sequence().1).ok()?,
            _ => return None,
        })
    }

    /// Returns true if the value may be text that the program did not write itself. What the
    /// compiler knew of a call site is its own.
    #[inline]
    pub(crate) fn is_foreign(self, record: &LogRecord<'_>) -> bool {
        match self {
            Self::Pathname | Self::Filename | Self::Module | Self::FuncName => {
                record.metadata().is_none() || record.overlay().is_some()
            }
            _ => true,
        }
    }

    /// The value. `store` keeps text that has to be made; `message` and `asctime` are none of the
    /// record's own and are left to the formatter.
    pub(crate) fn value<'r>(self, record: &'r LogRecord<'_>, store: &'r mut String) -> Value<'r> {
        if let Some(changed) = record.changed(self.name()) {
            return changed;
        }
        let mut keep = |text: Option<std::borrow::Cow<'_, str>>| match text {
            Some(text) => {
                store.clear();
                store.push_str(&text);
                true
            }
            None => false,
        };
        match self {
            Self::Msg => record.raw_message(),
            Self::Args => match record.arguments() {
                // Python keeps positional arguments in a tuple.
                Some(Value::List(list)) => Value::Tuple(list),
                Some(arguments) => arguments,
                None => Value::Tuple(List::EMPTY),
            },
            Self::LevelNo => Value::I32(record.level().as_i32()),
            Self::LineNo => Value::U64(u64::from(record.line())),
            Self::Created if record.created_whole() => Value::I64(record.created() as i64),
            Self::Created => Value::F64(record.created()),
            Self::Msecs => Value::F64(record.msecs()),
            // As in Python, where the start is an integer then too.
            Self::RelativeCreated if record.created_whole() && record.started_whole() => {
                Value::I64(record.relative_created() as i64)
            }
            Self::RelativeCreated => Value::F64(record.relative_created()),
            Self::Thread => record.thread_id().map_or(Value::None, Value::U64),
            Self::Process => {
                record.shown_process_id().map_or(Value::None, |id| Value::U64(u64::from(id)))
            }
            Self::Run => Value::I64(record.run()),
            Self::Lane => Value::U64(u64::from(record.sequence().0)),
            Self::Sequence => Value::U64(record.sequence().1),
            Self::TaskName => record.task_name().map_or(Value::None, Value::Str),
            Self::ExcText if keep(record.exception()) => Value::Str(store),
            Self::StackInfo if keep(record.stack()) => Value::Str(store),
            other => other.text(record).map_or(Value::None, Value::Str),
        }
    }
}
