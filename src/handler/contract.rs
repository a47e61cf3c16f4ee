//! One test for every handler: the contract of [`Handler`], held to the record.

use super::{Handler, HandlerRef, HandlerStats};
use crate::error::Error;
use crate::filter::NameFilter;
use crate::format::Format;
use crate::level::Level;
use crate::record::LogRecord;
use crate::record::sample::Sample;
use std::time::Duration;

/// A handler under test, and what has arrived at its destination.
pub(crate) struct Subject {
    pub(crate) handler: HandlerRef,
    /// The lines at the destination, without their ends; called after a flush.
    pub(crate) arrived: Box<dyn FnMut() -> Vec<String>>,
    /// Whether `emit` formats; a formatter that fails fails the record then.
    pub(crate) formats: bool,
}

impl Subject {
    pub(crate) fn new(
        handler: impl Handler,
        arrived: impl FnMut() -> Vec<String> + 'static,
    ) -> Self {
        let handler = HandlerRef::new(handler);
        Self { handler, arrived: Box::new(arrived), formats: true }
    }
}

/// Shows messages; fails at `fail`, panics half-way at `panic`.
struct Fussy;

impl Format for Fussy {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let message = record.message()?;
        out.extend_from_slice(message.as_bytes());
        match &*message {
            "fail" => Err(Error::other("told to fail")),
            "panic" => panic!("told to panic"),
            _ => Ok(()),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

fn sum(stats: &HandlerStats) -> u64 {
    stats.delivered + stats.below_level + stats.filtered + stats.shed + stats.failed + stats.held
}

fn balanced(handler: &HandlerRef) -> HandlerStats {
    let stats = handler.stats();
    assert_eq!(stats.offered, sum(&stats), "{handler:?}: {stats:?}");
    stats
}

/// Holds the handler to the contract.
pub(crate) fn check(mut subject: Subject) {
    let handler = subject.handler.clone().with_level(Level::INFO).with_formatter(Fussy);
    handler.add_filter(NameFilter::new("app"));
    let send = |logger: &str, level: Level, message: &str| {
        let sample =
            Sample { logger: logger.into(), level, message: message.into(), ..Sample::default() };
        let result = handler.handle(&sample.keep(), true, SECOND);
        balanced(&handler);
        result
    };

    // Level, then filters, then the handler; each refusal has its own count.
    send("app", Level::INFO, "one").unwrap();
    send("app", Level::DEBUG, "below").unwrap();
    send("other", Level::INFO, "elsewhere").unwrap();
    send("app.part", Level::WARNING, "two").unwrap();
    let stats = balanced(&handler);
    assert_eq!((stats.offered, stats.below_level, stats.filtered), (4, 1, 1));

    // A record that cannot be formatted fails alone, and leaves nothing behind.
    for bad in ["fail", "panic"] {
        let result = send("app", Level::INFO, bad);
        if subject.formats {
            assert!(result.unwrap_err().to_string().contains("told to"), "{bad}");
        }
        send("app", Level::INFO, "after it").unwrap();
    }
    let failed = if subject.formats { 2 } else { 0 };

    // A flush leaves nothing held, and what counts as delivered has arrived.
    handler.flush(10 * SECOND).unwrap();
    let stats = balanced(&handler);
    assert_eq!((stats.held, stats.failed, stats.shed), (0, failed, 0), "{handler:?}");
    let expected: &[&str] = match subject.formats {
        true => &["one", "two", "after it", "after it"],
        false => &["one", "two", "fail", "after it", "panic", "after it"],
    };
    assert_eq!(stats.delivered, expected.len() as u64);
    assert_eq!((subject.arrived)(), expected, "{handler:?}");

    // Closing may be repeated; a record after it is accounted for like any other.
    handler.close(10 * SECOND).unwrap();
    handler.close(10 * SECOND).unwrap();
    assert_eq!(balanced(&handler).held, 0);
    let _ = send("app", Level::ERROR, "late");
    let _ = handler.close(10 * SECOND);
    let stats = balanced(&handler);
    assert_eq!((stats.held, stats.offered), (0, 9), "{handler:?}");

    // Dropping a handler that was closed neither waits nor panics.
    drop(subject);
}

mod tests {
    use super::*;
    use crate::handler::file::{
        BinaryFileHandler, FileHandler, MmapRotatingFileHandler, Rotate, RotatingFileHandler,
        TimedRotatingFileHandler, WatchedFileHandler, When,
    };
    use crate::handler::{
        BufferingHandler, CaptureHandler, MemoryHandler, NullHandler, QueueHandler, RecordQueue,
        StreamHandler, WriterHandler,
    };
    use crate::sync::{Arc, Mutex, lock};
    use std::io::{Read, Write};

    /// A writer into shared memory.
    #[derive(Clone, Default)]
    struct Memory(Arc<Mutex<Vec<u8>>>);
    impl Write for Memory {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            lock(&self.0).extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    impl Memory {
        fn lines(&self) -> Vec<String> {
            let text = String::from_utf8(lock(&self.0).clone()).unwrap();
            text.lines().map(Into::into).collect()
        }
    }

    #[test]
    fn a_writer_handler_keeps_the_contract() {
        for sync in [false, true] {
            let memory = Memory::default();
            let handler = WriterHandler::new(memory.clone());
            let handler = if sync { handler.sync() } else { handler };
            check(Subject::new(handler, move || memory.lines()));
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_stream_handler_keeps_the_contract() {
        for sync in [false, true] {
            let (mut reader, writer) = std::io::pipe().unwrap();
            let handler = StreamHandler::new(std::os::fd::OwnedFd::from(writer));
            let handler = if sync { handler.sync() } else { handler };
            check(Subject::new(handler, move || {
                let mut bytes = [0; 4096];
                let n = reader.read(&mut bytes).unwrap();
                String::from_utf8_lossy(&bytes[..n]).lines().map(Into::into).collect()
            }));
        }
    }

    #[test]
    fn a_capture_handler_keeps_the_contract() {
        let handler = CaptureHandler::new();
        let records = handler.records();
        let subject = Subject::new(handler, move || records.messages());
        check(Subject { formats: false, ..subject });
    }

    #[test]
    fn a_memory_handler_keeps_the_contract() {
        let target = CaptureHandler::new();
        let records = target.records();
        let handler = MemoryHandler::new(3).with_target(target);
        let subject = Subject::new(handler, move || records.messages());
        check(Subject { formats: false, ..subject });
    }

    #[test]
    fn a_buffering_handler_keeps_the_contract() {
        let kept = Arc::new(Mutex::new(Vec::new()));
        let arrived = kept.clone();
        let handler = BufferingHandler::new(4, move |records| {
            let messages = records.iter().map(|record| record.view().message().unwrap());
            lock(&kept).extend(messages);
            Ok(())
        });
        let subject = Subject::new(handler, move || lock(&arrived).clone());
        check(Subject { formats: false, ..subject });
    }

    #[test]
    fn a_queue_handler_keeps_the_contract() {
        for listening in [false, true] {
            let queue = Arc::new(RecordQueue::unbounded());
            let target = CaptureHandler::new();
            let records = target.records();
            let handler = QueueHandler::new(queue.clone());
            let handler = if listening { handler.with_listener([target], true) } else { handler };
            check(Subject::new(handler, move || {
                use crate::handler::LogQueue;
                let mut messages = records.messages();
                while let Some(record) = queue.get_nowait().unwrap() {
                    messages.push(record.view().message().unwrap());
                }
                messages
            }));
        }
    }

    fn file(make: impl FnOnce(std::path::PathBuf) -> HandlerRef) {
        let dir = crate::handler::file::testing::TestDir::new();
        let handler = make(dir.join("app.log"));
        let arrived = move || dir.read("app.log").lines().map(Into::into).collect();
        check(Subject { handler, arrived: Box::new(arrived), formats: true });
    }

    #[test]
    fn the_file_handlers_keep_the_contract() {
        file(|path| FileHandler::new(path).unwrap().into());
        file(|path| FileHandler::builder(path).delay(true).build().unwrap().into());
        file(|path| RotatingFileHandler::new(path, 1 << 20, 2).unwrap().into());
        file(|path| WatchedFileHandler::new(path).unwrap().into());
        file(|path| TimedRotatingFileHandler::new(path, When::Midnight, 2).unwrap().into());
        let rotate = || Rotate::size(1 << 20).or_daily();
        file(|path| FileHandler::builder(path).rotate(rotate()).build().unwrap().into());
    }

    #[test]
    fn a_mapped_handler_keeps_the_contract() {
        let dir = Arc::new(crate::handler::file::testing::TestDir::new());
        let handler = MmapRotatingFileHandler::new(dir.join("app.log")).unwrap();
        check(Subject::new(handler, move || {
            // NUL bytes show behind its lines until it is closed.
            let name = if dir.join("app.log").exists() { "app.log" } else { "app.log.live" };
            dir.read(name).trim_end_matches('\0').lines().map(Into::into).collect()
        }));
    }

    #[test]
    fn a_binary_handler_keeps_the_contract() {
        for rotated in [false, true] {
            let dir = crate::handler::file::testing::TestDir::new();
            let mut builder = BinaryFileHandler::builder(dir.join("app.slog"));
            if rotated {
                builder = builder.rotate(Rotate::size(1 << 20).or_daily());
            }
            let subject = Subject::new(builder.build().unwrap(), move || {
                crate::handler::file::testing::lines_of(&dir)
            });
            check(Subject { formats: false, ..subject });
        }
    }

    #[test]
    fn a_null_handler_keeps_the_contract() {
        let all = ["one", "two", "fail", "after it", "panic", "after it"];
        let subject = Subject::new(NullHandler::new(), move || all.map(String::from).to_vec());
        check(Subject { formats: false, ..subject });
    }
}
