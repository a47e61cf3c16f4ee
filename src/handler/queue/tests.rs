//! Facts about queues, their handlers and listeners.

use super::*;
use crate::handler::CaptureHandler;
use crate::handler::HandlerRef;
use crate::level::Level;
use crate::record::ValueBuf;
use crate::record::sample::Sample;

const SECOND: Duration = Duration::from_secs(1);

fn record(level: Level, message: &str) -> OwnedRecord {
    Sample { level, message: message.into(), ..Sample::default() }.keep()
}

#[test]
fn a_prepared_record_has_one_text_and_nothing_else() {
    let mut sample = Sample { message: "failed".into(), ..Sample::default() };
    sample.fields.push(("user".into(), ValueBuf::of("ada")));
    let queue = Arc::new(RecordQueue::unbounded());
    let handler = HandlerRef::new(QueueHandler::new(queue.clone()));
    let kept = sample.with(|record| {
        record.set_attribute("exc_text", ValueBuf::of("E\nF"));
        record.set_attribute("stack_info", ValueBuf::of("S"));
        record.keep()
    });
    handler.handle(&kept, true, SECOND).unwrap();
    let taken = queue.get_nowait().unwrap().unwrap();
    let view = taken.view();
    assert_eq!(view.message().unwrap(), "failed\nE\nF\nS");
    assert_eq!((view.exception(), view.stack()), (None, None));
    assert!(view.arguments().is_none());
    assert_eq!(view.field("user").unwrap().to_string(), "ada");
    assert_eq!(kept.view().stack().unwrap(), "S");
}

#[test]
fn a_full_queue_fails_the_record_unless_a_listener_makes_room() {
    let handler = HandlerRef::new(QueueHandler::new(RecordQueue::bounded(2)));
    let results: Vec<_> =
        (0..3).map(|_| handler.handle(&record(Level::INFO, "m"), true, SECOND).is_ok()).collect();
    assert_eq!(results, [true, true, false]);
    assert_eq!((handler.stats().delivered, handler.stats().failed), (2, 1));

    let capture = CaptureHandler::new();
    let records = capture.records();
    let queue = QueueHandler::new(RecordQueue::bounded(2)).with_listener([capture], false);
    let handler = HandlerRef::new(queue);
    let batch: Vec<_> = (0..9).map(|n| record(Level::INFO, &n.to_string())).collect();
    handler.handle_all(&batch, true, SECOND).unwrap();
    assert_eq!(records.messages().concat(), "012345678");
}

#[test]
fn levels_behind_the_queue_count_only_if_respected() {
    for respect in [false, true] {
        let capture = CaptureHandler::new();
        let records = capture.records();
        let target = HandlerRef::new(capture).with_level(Level::ERROR);
        let queue = QueueHandler::new(RecordQueue::unbounded());
        let handler = HandlerRef::new(queue.with_listener([target], respect));
        handler.handle(&record(Level::INFO, "m"), true, SECOND).unwrap();
        assert_eq!(records.len(), usize::from(!respect));
    }
}

#[test]
fn a_stopped_listener_leaves_records_in_the_queue_until_the_end() {
    let capture = CaptureHandler::new();
    let records = capture.records();
    let queue = QueueHandler::new(RecordQueue::unbounded()).with_listener([capture], true);
    let handler = HandlerRef::new(queue);
    handler.handle(&record(Level::INFO, "1"), true, SECOND).unwrap();
    handler
        .with_context(SECOND, |queue: &mut QueueHandler, cx| queue.set_listening(false, cx))
        .unwrap();
    handler.handle(&record(Level::INFO, "2"), true, SECOND).unwrap();
    assert_eq!((records.len(), handler.stats().held), (1, 1));
    handler.close(SECOND).unwrap();
    assert_eq!((records.len(), handler.stats().held), (2, 0));
}

#[test]
fn a_listener_delivers_in_order_what_was_put_before_its_stop() {
    let queue = Arc::new(RecordQueue::unbounded());
    let capture = CaptureHandler::new();
    let records = capture.records();
    let mut listener = QueueListener::new(queue.clone(), [capture]);
    for round in 0..3 {
        listener.start().unwrap();
        assert!(listener.start().unwrap_err().is_already());
        for n in 0..1_000 {
            queue.put_nowait(record(Level::INFO, &format!("{round}-{n}"))).unwrap();
        }
        listener.stop(10 * SECOND).unwrap();
        let expected: Vec<_> = (0..1_000).map(|n| format!("{round}-{n}")).collect();
        assert_eq!(records.messages(), expected);
        records.take();
    }
    assert!(!listener.is_running());
    listener.stop(SECOND).unwrap();
}

#[test]
fn a_queue_that_fails_is_reported_and_does_not_end_the_listener() {
    struct Broken(Mutex<u32>, RecordQueue);
    impl LogQueue for Broken {
        fn put_nowait(&self, record: OwnedRecord) -> Result<(), Error> {
            self.1.put_nowait(record)
        }
        fn get_nowait(&self) -> Result<Option<OwnedRecord>, Error> {
            let mut failures = lock(&self.0);
            if *failures > 0 {
                *failures -= 1;
                return Err(Error::other("garbled"));
            }
            self.1.get_nowait()
        }
        fn wait(&self, timeout: Duration) -> bool {
            self.1.wait(timeout)
        }
    }
    let queue = Arc::new(Broken(Mutex::new(3), RecordQueue::unbounded()));
    let capture = CaptureHandler::new();
    let records = capture.records();
    let errors = Arc::new(Mutex::new(0));
    let count = errors.clone();
    let mut listener =
        QueueListener::new(queue.clone(), [capture]).on_error(move |_| *lock(&count) += 1);
    queue.put_nowait(record(Level::INFO, "m")).unwrap();
    listener.start().unwrap();
    listener.stop(10 * SECOND).unwrap();
    assert_eq!((*lock(&errors), records.len()), (3, 1));
}
