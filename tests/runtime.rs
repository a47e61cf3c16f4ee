//! The runtime as a whole, with a thread and inline.

use sawmill::{Drain, Level, Runtime, debug, error, info, warning};
use std::time::Duration;

fn both(test: impl Fn(Runtime)) {
    for drain in [Drain::Inline, Drain::Thread] {
        let overflow = sawmill::Overflow::block();
        test(Runtime::builder().capture().drain(drain).overflow(overflow).build().unwrap());
    }
}

fn messages(runtime: &Runtime) -> Vec<String> {
    // A busy machine may need more than the second that `records` gives.
    let _ = runtime.flush(Duration::from_secs(60));
    runtime.records().iter().map(|record| record.view().message().unwrap()).collect()
}

#[test]
fn a_record_reaches_the_handler_by_thread_and_inline() {
    both(|runtime| {
        let log = runtime.get_logger("a.b");
        let user = String::from("ada");
        info!(logger: log, "user {user} took {:.1} ms, {}", 1.25, 7u64);
        runtime.scope(|| warning!("scoped {}", 1));
        assert_eq!(messages(&runtime), ["user ada took 1.2 ms, 7", "scoped 1"]);
        let records = runtime.records();
        assert_eq!(records[0].view().logger(), "a.b");
        assert_eq!(records[1].view().logger(), "runtime");
        assert_eq!(records[0].view().level(), Level::INFO);
        runtime.stats().check().unwrap();
        assert_eq!(runtime.stats().published, 2);
    });
}

#[test]
fn records_show_of_threads_processes_and_tasks_what_they_are_told_to() {
    use sawmill::{FileHandler, Format, Formatter, HandlerExt, JsonFormatter, JsonKey};
    let file = std::env::temp_dir().join(format!("sawmill-shown-{}.log", std::process::id()));
    let _ = std::fs::remove_file(&file);
    let pattern = "%(thread)s %(threadName)s %(process)s %(processName)s %(taskName)s %(message)s";
    for shown in [true, false] {
        let runtime = Runtime::builder()
            .capture()
            .threads(shown)
            .processes(shown)
            .process_names(shown)
            .tasks(shown)
            .handler(
                "file",
                FileHandler::new(&file).unwrap().with_formatter(Formatter::new(pattern).unwrap()),
            )
            .build()
            .unwrap();
        let log = runtime.get_logger("shown");
        for n in 0..3 {
            warning!(logger: log, "line {n}");
        }
        assert!(runtime.flush(Duration::from_secs(60)).is_complete());
        let lines = std::fs::read_to_string(&file).unwrap();
        let nones = lines.matches("None None None None None line").count();
        assert_eq!(nones, if shown { 0 } else { 3 }, "{lines}");

        let owned = &runtime.records()[0];
        let sent = sawmill::OwnedRecord::from_bytes(&owned.to_bytes().unwrap()).unwrap();
        for record in [owned, &sent] {
            let record = record.view();
            assert_eq!(record.thread_id().is_some(), shown);
            assert_eq!(record.process_id() != 0, shown);
            assert_eq!(record.process_name() == "MainProcess", shown);
            let mut line = Vec::new();
            Formatter::new("%(threadName)s").unwrap().format(&record, &mut line).unwrap();
            assert_eq!(line == b"None", !shown);
            let json = JsonFormatter::builder().key(JsonKey::ProcessId, "pid").build();
            line.clear();
            json.format(&record, &mut line).unwrap();
            let line = String::from_utf8(line).unwrap();
            assert_eq!(line.contains("\"thread\""), shown, "{line}");
            assert_eq!(line.contains("\"pid\""), shown, "{line}");
        }
        let _ = runtime.shutdown(Duration::from_secs(60));
    }
    std::fs::remove_file(&file).unwrap();
}

#[test]
fn a_module_path_names_the_logger_of_that_module() {
    mod inner {
        pub(super) fn call() {
            sawmill::warning!("from within");
        }
        pub(super) const PATH: &str = module_path!();
    }
    let runtime = Runtime::builder().capture().build().unwrap();
    let logger = runtime.get_logger(inner::PATH);
    assert!(inner::PATH.contains("::") && !logger.name().contains("::"));
    runtime.scope(inner::call);
    assert_eq!(runtime.records()[0].view().logger(), logger.name());
    assert_eq!(runtime.find_logger(inner::PATH), Some(logger));
}

#[test]
fn levels_hold_from_the_change_on() {
    both(|runtime| {
        let log = runtime.get_logger("x");
        log.set_level(Level::WARNING);
        for n in 0..10 {
            info!(logger: log, "no {n}");
            error!(logger: log, "yes {n}");
        }
        log.set_level(Level::DEBUG);
        debug!(logger: log, "now");
        assert_eq!(messages(&runtime).len(), 11);
        let report = runtime.shutdown(Duration::from_secs(2));
        assert!(report.is_complete(), "{report}");
        error!(logger: log, "after");
        assert_eq!(runtime.stats().after_end, 1);
        runtime.stats().check().unwrap();
    });
}

#[test]
fn many_threads_lose_nothing_when_blocking() {
    let runtime =
        Runtime::builder().capture().overflow(sawmill::Overflow::block()).build().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u32 {
            let log = runtime.get_logger("t");
            scope.spawn(move || {
                for n in 0..20_000u32 {
                    info!(logger: log, thread, n; "m");
                }
            });
        }
    });
    assert!(runtime.flush(Duration::from_secs(60)).is_complete());
    let records = runtime.records();
    assert_eq!(records.len(), 160_000);
    let mut next = [0u64; 8];
    for record in &records {
        let record = record.view();
        let get = |key| match record.field(key) {
            Some(sawmill::Value::U64(n)) => n,
            other => panic!("{other:?}"),
        };
        let thread = get("thread") as usize;
        assert_eq!(get("n"), next[thread]);
        next[thread] += 1;
    }
    runtime.stats().check().unwrap();
}

#[test]
fn a_large_record_travels_in_parts() {
    both(|runtime| {
        let log = runtime.get_logger("big");
        let text = "x".repeat(3 << 20);
        info!(logger: log, "{text}");
        info!(logger: log, "small");
        let messages = messages(&runtime);
        assert_eq!(messages.len(), 2, "{:?}", runtime.stats());
        assert_eq!(messages[0].len(), 3 << 20);
    });
}

#[test]
fn a_record_beyond_the_limit_is_cut_marked_and_counted() {
    both(|runtime| {
        let log = runtime.get_logger("huge");
        let text = "y".repeat(17 << 20);
        info!(logger: log, "{text}");
        log.handle(&sawmill::RecordBuilder::new(Level::INFO).message(&text));
        let messages = messages(&runtime);
        for message in &messages {
            assert!(message.len() > 15 << 20 && message.len() < 16 << 20, "{}", message.len());
            assert!(message.ends_with(" bytes]") && message.contains("y... [cut: a record of 178"));
        }
        assert_eq!(messages.len(), 2);
        assert_eq!(runtime.stats().cut, 2);
        runtime.stats().check().unwrap();
    });
}

#[test]
fn what_a_full_lane_refuses_is_told_in_the_log_and_in_the_books() {
    let runtime = Runtime::builder()
        .capture()
        .lane_bytes(16 << 10)
        .overflow(sawmill::Overflow::drop())
        .build()
        .unwrap();
    let log = runtime.get_logger("full");
    runtime.pause(Duration::from_secs(1)).unwrap();
    for n in 0..2_000u32 {
        info!(logger: log, "info {n}");
        if n % 10 == 0 {
            error!(logger: log, "error {n}");
        }
    }
    runtime.resume().unwrap();
    let _ = runtime.flush(Duration::from_secs(2));
    info!(logger: log, "after");
    let records = runtime.records();
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!(stats.attempted, 2_201);
    assert!(stats.dropped > 0);
    let gaps: Vec<_> = records.iter().filter(|r| r.view().logger() == "sawmill").collect();
    let told: u64 = gaps
        .iter()
        .map(|gap| match gap.view().field("lost") {
            Some(sawmill::Value::U64(lost)) => lost,
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!(told, stats.dropped);
    assert_eq!(records.len() - gaps.len(), stats.published as usize);
    // Errors may use the headroom: the first of them after the info records stopped is there.
    let errors = records.iter().filter(|r| r.view().level() == Level::ERROR).count();
    let (mut infos, mut late_errors) = (0, 0);
    for record in &records {
        let record = record.view();
        match record.level() {
            Level::INFO => infos += 1,
            Level::ERROR if infos > 0 => late_errors += 1,
            _ => {}
        }
    }
    assert!(errors > 0 && late_errors > 0);
    assert_eq!(records.last().unwrap().view().message().unwrap(), "after");
}

#[test]
fn stop_delivers_and_resume_goes_on() {
    let runtime = Runtime::builder().capture().build().unwrap();
    let log = runtime.get_logger("s");
    info!(logger: log, "one");
    assert!(runtime.stop(Duration::from_secs(1)).is_complete());
    assert_eq!(runtime.records().len(), 1);
    info!(logger: log, "two");
    runtime.resume().unwrap();
    info!(logger: log, "three");
    assert_eq!(messages(&runtime), ["one", "two", "three"]);
    assert!(runtime.shutdown(Duration::from_secs(1)).is_complete());
    assert!(runtime.shutdown(Duration::from_secs(1)).is_complete());
    assert!(runtime.resume().unwrap_err().is_closed());
}

#[test]
fn a_flush_on_the_drain_says_so_instead_of_hanging() {
    both(|runtime| {
        let log = runtime.get_logger("d");
        let inner = runtime.clone();
        let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
        let slot = seen.clone();
        log.add_filter(move |_: &mut sawmill::LogRecord<'_>| {
            let report = inner.flush(Duration::from_secs(5));
            *slot.lock().unwrap() = Some(report);
            true
        });
        info!(logger: log, "x");
        assert_eq!(runtime.records().len(), 1);
        let report = seen.lock().unwrap().take().unwrap();
        assert!(!report.is_complete());
        assert!(report.reasons()[0].contains("on the drain"), "{report}");
    });
}

#[test]
fn a_handler_that_panics_or_fails_is_contained_and_reported_once() {
    struct Bad(u32);
    impl sawmill::Handler for Bad {
        fn emit(
            &mut self,
            _: &sawmill::LogRecord<'_>,
            _: &mut sawmill::Context<'_>,
        ) -> Result<(), sawmill::Error> {
            self.0 += 1;
            if self.0.is_multiple_of(2) {
                panic!("even");
            }
            Err(sawmill::Error::other("odd"))
        }
    }
    for drain in [Drain::Inline, Drain::Thread] {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let slot = seen.clone();
        let runtime = Runtime::builder()
            .capture()
            .drain(drain)
            .handler("bad", Bad(0))
            .on_error(move |failure| slot.lock().unwrap().push(failure.error.to_string()))
            .build()
            .unwrap();
        let log = runtime.get_logger("x");
        for n in 0..10 {
            info!(logger: log, "{n}");
        }
        assert_eq!(runtime.records().len(), 10);
        assert_eq!(*seen.lock().unwrap(), ["odd", "the handler panicked: even"]);
        let stats = runtime.stats();
        assert_eq!(stats.handler("bad").unwrap().failed, 10);
        stats.check().unwrap();
    }
}

#[test]
fn a_record_is_routed_by_the_generation_that_admitted_it() {
    let runtime = Runtime::builder().capture().build().unwrap();
    let log = runtime.get_logger("g");
    runtime.pause(Duration::from_secs(1)).unwrap();
    let before = sawmill::CaptureHandler::new();
    let kept = before.records();
    let before = sawmill::HandlerRef::new(before);
    log.add_handler(before.clone()).unwrap();
    info!(logger: log, "with");
    log.remove_handler(&before);
    info!(logger: log, "without");
    runtime.resume().unwrap();
    assert_eq!(messages(&runtime), ["with", "without"]);
    assert_eq!(kept.messages(), ["with"]);
}

#[test]
fn a_handler_serves_one_runtime_at_a_time() {
    let one = Runtime::builder().capture().build().unwrap();
    let two = Runtime::builder().capture().build().unwrap();
    let handler = sawmill::HandlerRef::new(sawmill::NullHandler::new());
    one.root().add_handler(handler.clone()).unwrap();
    assert!(two.root().add_handler(handler.clone()).unwrap_err().is_already());
    assert_eq!(two.root().handlers().len(), 1);
    let _ = one.shutdown(Duration::from_secs(1));
    two.root().add_handler(handler).unwrap();
}

#[test]
fn a_record_made_by_a_handler_reaches_the_others_only() {
    struct Chatty(sawmill::Logger);
    impl sawmill::Handler for Chatty {
        fn emit(
            &mut self,
            record: &sawmill::LogRecord<'_>,
            _: &mut sawmill::Context<'_>,
        ) -> Result<(), sawmill::Error> {
            info!(logger: self.0, "delivering {}", record.message()?);
            Ok(())
        }
    }
    let answers = |handlers: usize| {
        let runtime = Runtime::builder().capture().build().unwrap();
        let log = runtime.get_logger("c");
        for _ in 0..handlers {
            runtime.root().add_handler(Chatty(log.clone())).unwrap();
        }
        info!(logger: log, "one");
        for _ in 0..3 {
            let _ = runtime.flush(Duration::from_secs(1));
        }
        runtime.stats().check().unwrap();
        (messages(&runtime).len(), runtime.stats().circular)
    };
    assert_eq!(answers(1), (2, 0));
    // Two that answer each other do not go round for ever.
    assert_eq!(answers(2), (3, 2));
    both(|runtime| {
        let log = runtime.get_logger("c");
        runtime.root().add_handler(Chatty(log.clone())).unwrap();
        info!(logger: log, "one");
        let _ = runtime.flush(Duration::from_secs(1));
        assert_eq!(messages(&runtime), ["one", "delivering one"]);
        runtime.stats().check().unwrap();
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_empty_spill_file_goes_when_the_runtime_ends_in_order() {
    let dir = std::env::temp_dir().join(format!("sawmill-spills-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let quiet = sawmill::CrashHandling::new().faults(false).requests(false).panics(false);
    let both = Runtime::builder()
        .crash_handling(quiet.clone().spill(&dir))
        .durability(sawmill::Lanes::Mapped(dir.clone()))
        .build();
    assert!(both.is_err_and(|error| error.to_string().contains("nothing to spill")));
    let runtime =
        Runtime::builder().crash_handling(quiet.spill(&dir)).capture().build().expect("a runtime");
    let run = || {
        let folders = std::fs::read_dir(&dir).expect("the directory").flatten();
        folders.map(|entry| entry.path().join("spill")).find(|spill| spill.exists())
    };
    let logger = runtime.get_logger("spilled");
    let (mut published, mut most) = (0, 0);
    // More than a lane holds: what is written is given back.
    for n in 0..60_000_u64 {
        warning!(logger: &logger, "record {n} of a lane on the heap");
        published += 1;
        if n % 10_000 == 0 {
            let spill = run().expect("a spill file");
            most = most.max(spill.metadata().expect("its length").len());
        }
    }
    let report = runtime.shutdown(Duration::from_secs(30));
    assert!(report.is_complete(), "{report}");
    let stats = runtime.stats();
    assert_eq!((most, run()), (0, None));
    assert_eq!(stats.taken + stats.dropped, published);
    std::fs::remove_dir_all(&dir).expect("it goes");
}
