use sawmill::{Drain, Level, Runtime, debug, error, info, warning};
use std::time::Duration;

fn both(test: impl Fn(Runtime)) {
    for drain in [Drain::Inline, Drain::Thread] {
        let overflow = sawmill::Overflow::block();
        test(Runtime::builder().capture().drain(drain).overflow(overflow).build().unwrap());
    }
}

fn messages(runtime: &Runtime) -> Vec<String> {
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
