//! Readers that stall, leave or come back.

use super::*;
use crate::format::Format;
use crate::handler::{HandlerRef, HandlerStats};
use crate::record::sample::Sample;
use crate::sync::{Arc, Mutex, lock, thread};
use std::io::{PipeReader, Read};
use std::os::fd::OwnedFd;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn pipe() -> (PipeReader, OwnedFd) {
    let (reader, writer) = std::io::pipe().unwrap();
    (reader, writer.into())
}

fn set_non_blocking(fd: &OwnedFd) {
    // Through the standard library: a socket and a pipe share the flag's call.
    let socket = std::os::unix::net::UnixStream::from(fd.try_clone().unwrap());
    socket.set_nonblocking(true).unwrap();
}

fn records(range: std::ops::Range<u32>, width: usize) -> Vec<OwnedRecord> {
    let one = |n: u32| Sample { message: format!("{n:0width$}"), ..Sample::default() }.keep();
    range.map(one).collect()
}

fn balanced(handler: &HandlerRef) -> HandlerStats {
    let s = handler.stats();
    let sum = s.delivered + s.below_level + s.filtered + s.shed + s.failed + s.held;
    assert_eq!(s.offered, sum, "{s:?}");
    s
}

/// Reads until the other end closes, then returns the lines.
fn read_all(mut reader: PipeReader) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text.lines().map(Into::into).collect()
    })
}

fn numbers(lines: &[String]) -> Vec<u32> {
    lines.iter().filter_map(|line| line.parse().ok()).collect()
}

#[test]
fn a_stalled_reader_never_holds_up_the_drain_and_learns_what_was_shed() {
    for non_blocking in [false, true] {
        let (reader, writer) = pipe();
        if non_blocking {
            set_non_blocking(&writer);
        }
        let handler = HandlerRef::new(StreamHandler::new(writer).with_queue_bytes(64 << 10));
        let begin = Instant::now();
        let count = 5_000;
        for chunk in records(0..count, 99).chunks(50) {
            handler.handle_all(chunk, false, SECOND).unwrap();
            balanced(&handler);
        }
        // A wait for the reader would have no end.
        assert!(begin.elapsed() < 30 * SECOND, "{:?}", begin.elapsed());
        let stalled = balanced(&handler);
        assert!(stalled.shed > 2_000, "{stalled:?}");
        assert!(stalled.held < 1_000, "bounded: {stalled:?}");
        assert!(handler.flush(Duration::from_millis(30)).unwrap_err().is_timeout());

        // The reader comes back: what was held arrives, then a line about the rest.
        let lines = read_all(reader);
        handler.flush(10 * SECOND).unwrap();
        handler.handle_all(&records(count..count + 1, 99), false, SECOND).unwrap();
        handler.close(10 * SECOND).unwrap();
        let stats = balanced(&handler);
        drop(handler);
        let lines = lines.join().unwrap();
        let told: Vec<_> = lines.iter().filter(|line| line.contains("dropped")).collect();
        let dropped: u64 =
            told.iter().map(|line| line.split(' ').next().unwrap().parse::<u64>().unwrap()).sum();
        let found = numbers(&lines);
        assert_eq!((stats.failed, stats.held), (0, 0));
        assert_eq!(dropped, stats.shed);
        assert_eq!(found.len() as u64, stats.delivered);
        assert_eq!(found.len() as u64 + dropped, u64::from(count) + 1);
        assert!(found.is_sorted_by(|a, b| a < b));
        assert_eq!(*found.last().unwrap(), count);
        // In its place: before the record that came after it.
        assert!(lines[lines.len() - 2].contains("dropped"), "{told:?}");
    }
}

#[test]
fn the_line_about_a_gap_goes_through_the_streams_own_formatter() {
    struct Bracket;
    impl Format for Bracket {
        fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
            let dropped = record.field("dropped").map(|n| n.to_string()).unwrap_or_default();
            let text = format!("[{}|{}|{dropped}]", record.logger(), record.level());
            out.extend_from_slice(text.as_bytes());
            Ok(())
        }
    }
    let (reader, writer) = pipe();
    let handler = StreamHandler::new(writer).with_queue_bytes(64);
    let handler = HandlerRef::new(handler).with_formatter(Bracket);
    // Nothing is passed on before the end of the batch, so the limit is met within it.
    handler.handle_all(&records(0..40, 1), false, SECOND).unwrap();
    let shed = balanced(&handler).shed;
    assert!(shed > 0);
    handler.close(10 * SECOND).unwrap();
    drop(handler);
    let lines = read_all(reader).join().unwrap();
    assert!(lines.contains(&format!("[sawmill|WARNING|{shed}]")), "{lines:?}");
}

#[test]
fn a_closed_reader_loses_counted_records_is_told_once_and_blocks_nobody() {
    for sync in [false, true] {
        let (reader, writer) = pipe();
        drop(reader);
        let handler = StreamHandler::new(writer);
        let handler = HandlerRef::new(if sync { handler.sync() } else { handler });
        let mut errors = 0;
        for chunk in records(0..1_000, 4).chunks(10) {
            errors += u32::from(handler.handle_all(chunk, false, SECOND).is_err());
            balanced(&handler);
        }
        errors += u32::from(handler.flush(10 * SECOND).is_err());
        let stats = balanced(&handler);
        assert_eq!((stats.failed, stats.delivered, stats.held), (1_000, 0, 0), "sync: {sync}");
        assert_eq!(errors, 1, "sync: {sync}");
    }
}

#[test]
fn a_close_keeps_its_deadline_and_counts_what_the_reader_left() {
    let (reader, writer) = pipe();
    let handler = HandlerRef::new(StreamHandler::new(writer));
    let count = 3_000;
    handler.handle_all(&records(0..count, 99), false, SECOND).unwrap();
    // What the pipe itself takes is written, however late the worker gets to it.
    while handler.stats().delivered == 0 {
        let _ = handler.flush(Duration::from_millis(20));
    }
    let begin = Instant::now();
    assert!(handler.close(Duration::from_millis(50)).is_err());
    assert!(begin.elapsed() < 5 * SECOND, "{:?}", begin.elapsed());
    let stats = balanced(&handler);
    assert_eq!(stats.held, 0);
    assert!(stats.failed > 0 && stats.delivered > 0, "{stats:?}");
    drop(handler);
    let found = numbers(&read_all(reader).join().unwrap());
    assert_eq!(found.len() as u64, stats.delivered);
    assert_eq!(u64::from(count), stats.delivered + stats.failed);
}

#[test]
fn a_line_longer_than_a_pipe_arrives_whole() {
    for sync in [false, true] {
        let (reader, writer) = pipe();
        set_non_blocking(&writer);
        let handler = StreamHandler::new(writer).with_queue_bytes(1 << 10);
        let handler = HandlerRef::new(if sync { handler.sync() } else { handler });
        let lines = read_all(reader);
        let message = "x".repeat(300_000);
        let long = Sample { message: message.clone(), ..Sample::default() }.keep();
        for record in [&long, &long] {
            handler.handle(record, false, SECOND).unwrap();
            handler.flush(10 * SECOND).unwrap();
        }
        handler.close(SECOND).unwrap();
        drop(handler);
        assert_eq!(lines.join().unwrap(), [message.clone(), message]);
    }
}

/// Takes `room` bytes, then fails `failures` times, then takes everything; panics if told to.
#[derive(Clone)]
struct Moody(Arc<Mutex<Mood>>);
struct Mood {
    room: usize,
    failures: u32,
    panics: bool,
    taken: Vec<u8>,
}
impl Moody {
    fn new(room: usize, failures: u32, panics: bool) -> Self {
        Self(Arc::new(Mutex::new(Mood { room, failures, panics, taken: Vec::new() })))
    }
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(lock(&self.0).taken.clone()).unwrap();
        text.lines().map(Into::into).collect()
    }
}
impl Write for Moody {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let mut mood = lock(&self.0);
        if mood.room == 0 && mood.failures > 0 {
            mood.failures -= 1;
            assert!(!mood.panics, "no mood");
            return Err(std::io::Error::other("no room"));
        }
        let n = if mood.room == 0 { bytes.len() } else { bytes.len().min(mood.room) };
        mood.room -= n.min(mood.room);
        mood.taken.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_torn_line_is_ended_before_the_next_one() {
    for sync in [false, true] {
        for panics in [false, true] {
            let writer = Moody::new(6, 1, panics);
            let handler = WriterHandler::new(writer.clone());
            let handler = HandlerRef::new(if sync { handler.sync() } else { handler });
            let _ = handler.handle_all(&records(1..4, 3), false, SECOND);
            let _ = handler.flush(10 * SECOND);
            handler.handle_all(&records(4..6, 3), false, SECOND).unwrap();
            handler.flush(10 * SECOND).unwrap();
            let stats = balanced(&handler);
            assert_eq!((stats.delivered, stats.failed), (3, 2), "{sync} {panics}");
            assert_eq!(writer.lines(), ["001", "00", "004", "005"], "{sync} {panics}");
        }
    }
}

#[test]
fn set_stream_flushes_the_old_stream_and_returns_it() {
    let (first, writer) = pipe();
    let (second, other) = pipe();
    let handler = HandlerRef::new(StreamHandler::new(writer));
    handler.handle_all(&records(1..3, 1), false, SECOND).unwrap();
    let old = handler
        .with_context(SECOND, |stream: &mut StreamHandler, cx| stream.set_stream(other, cx))
        .unwrap()
        .unwrap();
    assert!(old.is_some());
    drop(old);
    assert_eq!(read_all(first).join().unwrap(), ["1", "2"]);
    handler.handle_all(&records(3..4, 1), false, SECOND).unwrap();
    handler.close(SECOND).unwrap();
    drop(handler);
    assert_eq!(read_all(second).join().unwrap(), ["3"]);
    let mut same = StreamHandler::stderr();
    assert!(same.set_stream(Stream::stderr(), &mut Context::detached()).unwrap().is_none());
}

#[test]
fn a_terminator_of_ones_own_ends_each_line() {
    let writer = Moody::new(0, 0, false);
    let handler = WriterHandler::new(writer.clone()).with_terminator("\0").sync();
    let handler = HandlerRef::new(handler);
    handler.handle_all(&records(1..3, 1), false, SECOND).unwrap();
    assert_eq!(lock(&writer.0).taken, b"1\x002\0");
}

#[test]
fn a_dropped_handler_still_writes_what_it_holds() {
    let (reader, writer) = pipe();
    let handler = HandlerRef::new(StreamHandler::new(writer));
    handler.handle_all(&records(0..500, 3), false, SECOND).unwrap();
    drop(handler);
    assert_eq!(read_all(reader).join().unwrap().len(), 500);
}

#[test]
fn a_regular_file_as_stream_is_written_by_the_drain_and_nothing_is_shed() {
    let dir = crate::handler::file::testing::TestDir::new();
    let file = std::fs::File::create(dir.join("out")).unwrap();
    let handler = StreamHandler::new(OwnedFd::from(file)).with_queue_bytes(1 << 10);
    let handler = HandlerRef::new(handler);
    handler.handle_all(&records(0..5_000, 20), false, SECOND).unwrap();
    // Written at the end of the batch: there is no worker to wait for.
    let stats = balanced(&handler);
    assert_eq!((stats.delivered, stats.shed), (5_000, 0));
    assert_eq!(dir.read("out").lines().count(), 5_000);
}
