//! Handlers and filters at their home: forwarding, queues, stalled readers, withheld records.
#![cfg(unix)]

use sawmill::{
    CaptureHandler, CapturedRecords, Drain, FoldDuplicates, HandlerExt, HandlerRef, Level,
    MemoryHandler, QueueHandler, QueueListener, RateLimit, RecordQueue, Runtime, Sampling, Stream,
    StreamHandler, WriterHandler, error, info, warning,
};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

fn drains() -> [Drain; 2] {
    [Drain::Inline, Drain::Thread]
}

fn capture() -> (HandlerRef, CapturedRecords) {
    let handler = CaptureHandler::new();
    let records = handler.records();
    (handler.into(), records)
}

/// The message alone.
struct Bare;
impl sawmill::Format for Bare {
    fn format(
        &self,
        record: &sawmill::LogRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), sawmill::Error> {
        record.write_message(out)
    }
}

fn build(drain: Drain, handler: impl Into<HandlerRef>) -> Runtime {
    Runtime::builder().drain(drain).level(Level::DEBUG).handler("h", handler).build().unwrap()
}

fn flush(runtime: &Runtime) {
    assert!(runtime.flush(10 * SECOND).is_complete());
    runtime.stats().check().unwrap();
}

fn shutdown(runtime: &Runtime) {
    let report = runtime.shutdown(10 * SECOND);
    assert!(report.is_complete(), "{report:?}");
    runtime.stats().check().unwrap();
}

#[test]
fn a_memory_handler_forwards_at_its_level_at_a_flush_and_at_the_end() {
    for drain in drains() {
        let (target, records) = capture();
        let runtime = build(drain, MemoryHandler::new(100).with_target(target));
        let log = runtime.get_logger("x");
        info!(logger: log, "1");
        info!(logger: log, "2");
        error!(logger: log, "3");
        flush(&runtime);
        assert_eq!(records.messages(), ["1", "2", "3"]);
        info!(logger: log, "4");
        flush(&runtime);
        assert_eq!(records.len(), 4);
        info!(logger: log, "5");
        shutdown(&runtime);
        assert_eq!(records.messages(), ["1", "2", "3", "4", "5"]);
    }
}

#[test]
fn flush_on_close_off_loses_what_is_kept_at_the_end_and_counts_it() {
    for drain in drains() {
        let (target, records) = capture();
        let memory = MemoryHandler::new(9).with_target(target).with_flush_on_close(false);
        let runtime = build(drain, memory);
        info!(logger: runtime.get_logger("x"), "1");
        let _ = runtime.shutdown(10 * SECOND);
        assert_eq!(records.len(), 0);
        let stats = runtime.stats();
        stats.check().unwrap();
        assert_eq!(stats.handler("h").unwrap().shed, 1);
    }
}

#[test]
fn a_memory_handler_that_leaves_gives_what_it_keeps_to_its_target() {
    // The drain lets go of it before its last reference goes, or it goes first.
    for (drain, first) in drains().into_iter().flat_map(|drain| [(drain, false), (drain, true)]) {
        let dir = std::env::temp_dir().join(format!("sawmill-leave-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("out.log");
        let file = sawmill::FileHandler::new(&path).unwrap().with_formatter(Bare);
        let memory = HandlerRef::new(MemoryHandler::new(9).with_target(file));
        let runtime = build(drain, memory.clone());
        info!(logger: runtime.get_logger("x"), "kept");
        runtime.root().remove_handler(&memory);
        if first {
            flush(&runtime);
        }
        // The last reference goes: the handler is closed, before its target.
        drop(memory);
        flush(&runtime);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "kept\n");
        shutdown(&runtime);
        std::fs::remove_dir_all(&dir).unwrap();
    }
}

#[test]
fn a_targets_closing_comes_after_its_forwarders_whatever_was_made_first() {
    for drain in drains() {
        let memory = HandlerRef::new(MemoryHandler::new(9));
        let runtime = build(drain, memory.clone());
        let order = Arc::new(Mutex::new(Vec::new()));
        let target = HandlerRef::new(Ends { order: order.clone() });
        MemoryHandler::set_target(&memory, Some(target), SECOND).unwrap();
        info!(logger: runtime.get_logger("x"), "m");
        shutdown(&runtime);
        assert_eq!(*order.lock().unwrap(), ["m", "close"]);
    }
}

struct Ends {
    order: Arc<Mutex<Vec<String>>>,
}
impl sawmill::Handler for Ends {
    fn emit(
        &mut self,
        record: &sawmill::LogRecord<'_>,
        _: &mut sawmill::Context<'_>,
    ) -> Result<(), sawmill::Error> {
        self.order.lock().unwrap().push(record.message()?);
        Ok(())
    }
    fn close(&mut self, _: &mut sawmill::Context<'_>) -> Result<(), sawmill::Error> {
        self.order.lock().unwrap().push("close".into());
        Ok(())
    }
}

#[test]
fn a_builder_gives_its_line_to_the_handlers_behind_a_queue_and_not_to_the_queue() {
    for drain in drains() {
        let (mut reader, writer) = std::io::pipe().unwrap();
        let console = StreamHandler::new(OwnedFd::from(writer));
        let (plain, records) = capture();
        let queue = QueueHandler::new(RecordQueue::unbounded());
        let queue = queue.with_listener([HandlerRef::new(console), plain], true);
        let runtime = build(drain, queue);
        info!(logger: runtime.get_logger("x"), "m");
        shutdown(&runtime);
        drop(runtime);
        assert_eq!(records.messages(), ["m"]);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.contains(" INFO ") && text.matches("INFO").count() == 1, "{text:?}");
    }
}

#[test]
fn a_flush_passes_the_queue_and_its_handlers() {
    for drain in drains() {
        let (one, first) = capture();
        let (two, second) = capture();
        let two = two.with_level(Level::ERROR);
        let queue = QueueHandler::new(RecordQueue::unbounded()).with_listener([one, two], true);
        let runtime = build(drain, queue);
        let log = runtime.get_logger("x");
        for n in 0..3 {
            info!(logger: log, "{n}");
            flush(&runtime);
            assert_eq!(first.len(), n + 1);
        }
        error!(logger: log, "3");
        shutdown(&runtime);
        assert_eq!(first.messages(), ["0", "1", "2", "3"]);
        assert_eq!(second.messages(), ["3"]);
    }
}

#[test]
fn a_listener_may_use_the_handlers_of_a_runtime() {
    for drain in drains() {
        let (target, records) = capture();
        let runtime = build(drain, target.clone());
        let queue = Arc::new(RecordQueue::unbounded());
        let mut listener = QueueListener::new(queue.clone(), [target]);
        listener.start().unwrap();
        let other = build(Drain::Inline, QueueHandler::new(queue));
        let log = runtime.get_logger("here");
        let there = other.get_logger("there");
        for n in 0..500 {
            warning!(logger: log, "{n}");
            warning!(logger: there, "{n}");
        }
        listener.stop(10 * SECOND).unwrap();
        flush(&runtime);
        let found = records.get();
        for name in ["here", "there"] {
            let of_it = found.iter().filter(|record| record.view().logger() == name);
            let messages: Vec<_> = of_it.map(|record| record.view().message().unwrap()).collect();
            assert_eq!(messages, (0..500).map(|n| n.to_string()).collect::<Vec<_>>());
        }
        shutdown(&runtime);
        shutdown(&other);
    }
}

/// Fills a pipe, so that whoever writes to it waits from the first byte on.
#[cfg(target_os = "linux")]
fn fill(writer: &std::io::PipeWriter) {
    use std::io::Write;
    use std::os::{fd::AsRawFd, unix::fs::OpenOptionsExt};
    // Opened anew: the writer itself goes on to wait.
    let path = format!("/proc/self/fd/{}", writer.as_raw_fd());
    let mut options = std::fs::OpenOptions::new();
    let mut pipe = options.write(true).custom_flags(libc::O_NONBLOCK).open(path).unwrap();
    while pipe.write(&[b'\n'; 4096]).is_ok() {}
}

#[test]
#[cfg(target_os = "linux")]
fn a_stalled_console_does_not_hold_up_another_handler() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    fill(&writer);
    let (other, records) = capture();
    let console = StreamHandler::new(OwnedFd::from(writer)).with_queue_bytes(32 << 10);
    let console = console.with_formatter(Bare);
    let runtime = Runtime::builder()
        .level(Level::DEBUG)
        .handler("console", console)
        .handler("other", other)
        .overflow(sawmill::Overflow::block())
        .build()
        .unwrap();
    let log = runtime.get_logger("x");
    for n in 0..8_000 {
        info!(logger: log, "{n:060}");
    }
    let limit = Instant::now() + 60 * SECOND;
    while records.len() < 8_000 {
        assert!(Instant::now() < limit, "{}", records.len());
        std::thread::sleep(Duration::from_millis(1));
    }
    // The flush ends at its deadline, and says what is left.
    let report = runtime.flush(Duration::from_millis(50));
    assert!(!report.is_complete() && report.pending() > 0, "{report:?}");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    });
    flush(&runtime);
    shutdown(&runtime);
    let console = *runtime.stats().handler("console").unwrap();
    drop((log, runtime));
    let text = reading.join().unwrap();
    let lines = text.lines().filter(|line| line.len() == 60).count() as u64;
    assert_eq!(console.delivered, lines);
    assert_eq!(console.delivered + console.shed, 8_000);
    let told: u64 = text
        .lines()
        .filter(|line| line.contains("dropped"))
        .map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap())
        .sum();
    assert_eq!(told, console.shed);
}

#[test]
fn set_stream_moves_a_handler_to_another_stream() {
    for drain in drains() {
        let (one, two) = (std::io::pipe().unwrap(), std::io::pipe().unwrap());
        let handler = StreamHandler::new(OwnedFd::from(one.1)).with_formatter(Bare);
        let runtime = build(drain, handler.clone());
        let log = runtime.get_logger("x");
        info!(logger: log, "first");
        flush(&runtime);
        let second = Stream::from(OwnedFd::from(two.1));
        let old = handler
            .with_context(SECOND, |stream: &mut StreamHandler, cx| stream.set_stream(second, cx))
            .unwrap();
        assert!(old.unwrap().is_some());
        info!(logger: log, "second");
        shutdown(&runtime);
        drop((runtime, log, handler));
        for (mut reader, expected) in [(one.0, "first\n"), (two.0, "second\n")] {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, expected);
        }
    }
}

/// The messages that reach a handler behind a filter on a logger, and the books.
fn through(
    drain: Drain,
    filter: impl sawmill::Filter + 'static,
    log: impl FnOnce(&sawmill::Logger),
) -> (Vec<String>, sawmill::Stats) {
    let (handler, records) = capture();
    let runtime = build(drain, handler);
    let logger = runtime.get_logger("x");
    logger.add_filter(sawmill::FilterRef::new(filter));
    log(&logger);
    shutdown(&runtime);
    (records.messages(), runtime.stats())
}

#[test]
fn what_filters_withhold_is_told_and_booked() {
    for drain in drains() {
        let limit = RateLimit::first(2).then_every(5).per(Duration::ZERO);
        let (messages, stats) = through(drain, limit, |log| {
            for n in 0..10 {
                info!(logger: log, "{n}");
            }
        });
        let place = |n: u32| format!("withheld {n} records from tests/handlers.rs:");
        assert_eq!(messages.len(), 5, "{messages:?}");
        assert_eq!([&*messages[0], &*messages[1], &*messages[3]], ["0", "1", "6"]);
        assert!(messages[2].starts_with(&place(4)), "{messages:?}");
        assert!(messages[4].starts_with(&place(3)), "{messages:?}");
        assert_eq!((stats.routed, stats.withheld), (3, 7));

        let fold = FoldDuplicates::within(60 * SECOND);
        let (messages, stats) = through(drain, fold, |log| {
            for text in ["a", "a", "a", "b", "b"] {
                info!(logger: log, "{text}");
            }
        });
        let (twice, once) = ("last message repeated 2 times", "last message repeated 1 time");
        assert_eq!(messages, ["a", twice, "b", once]);
        assert_eq!((stats.routed, stats.withheld), (2, 3));

        let (messages, stats) = through(drain, Sampling::one_in(10), |log| {
            for n in 0..1_000 {
                info!(logger: log, "{n}");
            }
        });
        let told = format!("withheld {} records by sampling 1 in 10", stats.withheld);
        assert_eq!(messages.last(), Some(&told));
        assert_eq!(stats.routed + stats.withheld, 1_000);
        assert_eq!(messages.len() as u64, stats.routed + 1);
    }
}

#[test]
fn a_filter_on_a_handler_tells_that_handler_alone() {
    for drain in drains() {
        let (limited, few) = capture();
        let (open, all) = capture();
        let limited = limited.with_filter(RateLimit::first(1).per(Duration::ZERO));
        let runtime = Runtime::builder()
            .drain(drain)
            .level(Level::INFO)
            .handler("limited", limited.clone())
            .handler("open", open)
            .build()
            .unwrap();
        let log = runtime.get_logger("x");
        for n in 0..4 {
            info!(logger: log, "{n}");
        }
        // A filter that is taken off tells what it withheld.
        limited.remove_filter(&limited.filters()[0]);
        info!(logger: log, "4");
        shutdown(&runtime);
        assert_eq!(all.messages(), ["0", "1", "2", "3", "4"]);
        let few = few.messages();
        assert_eq!((few.len(), &*few[0]), (3, "0"), "{few:?}");
        assert!(few.iter().any(|text| text.starts_with("withheld 3 records")), "{few:?}");
        assert!(few.iter().any(|text| text == "4"), "{few:?}");
    }
}

#[test]
fn a_writer_that_panics_is_contained_reported_once_and_used_again() {
    struct Fuse(u32, Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Fuse {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += 1;
            assert_ne!(self.0, 2, "the fuse");
            self.1.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    for drain in drains() {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let causes = Arc::new(Mutex::new(Vec::new()));
        let hook = causes.clone();
        let runtime = Runtime::builder()
            .drain(drain)
            .level(Level::INFO)
            .handler("w", WriterHandler::new(Fuse(0, taken.clone())).with_formatter(Bare))
            .on_error(move |failure| hook.lock().unwrap().push(failure.error.to_string()))
            .build()
            .unwrap();
        let log = runtime.get_logger("x");
        for n in 0..4 {
            info!(logger: log, "{n}");
            flush_any(&runtime);
        }
        let stats = runtime.stats();
        stats.check().unwrap();
        let handler = stats.handler("w").unwrap();
        assert_eq!((handler.delivered, handler.failed), (3, 1));
        // What was torn by the panic is ended before the next line.
        assert_eq!(String::from_utf8_lossy(&taken.lock().unwrap()), "0\n\n2\n3\n");
        let causes = causes.lock().unwrap();
        assert!(causes.len() == 1 && causes[0].contains("the fuse"), "{causes:?}");
    }
}

fn flush_any(runtime: &Runtime) {
    let _ = runtime.flush(10 * SECOND);
}
