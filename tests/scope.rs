//! Fields of a stretch of code, on records of that stretch and no others.

use sawmill::{
    Drain, Level, LogRecord, LoggerAdapter, Overflow, OwnedRecord, RecordBuilder, Runtime, Scope,
    ValueBuf, scope, warning,
};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

fn runtimes() -> [Runtime; 2] {
    [Drain::Inline, Drain::Thread]
        .map(|drain| Runtime::builder().drain(drain).capture().build().expect("nothing can fail"))
}

fn records(runtime: &Runtime) -> Vec<OwnedRecord> {
    assert!(runtime.flush(Duration::from_secs(10)).is_complete());
    runtime.records()
}

/// `message key=value ...` of each record.
fn shown(runtime: &Runtime) -> Vec<String> {
    let show = |record: &OwnedRecord| {
        let record = record.view();
        let mut text = record.message().unwrap();
        record.for_each_field(|key, value| text.push_str(&format!(" {key}={value}")));
        text
    };
    records(runtime).iter().map(show).collect()
}

#[test]
fn records_carry_the_fields_of_the_scopes_they_are_in() {
    for runtime in runtimes() {
        runtime.scope(|| {
            warning!("before");
            let user = "ada";
            let outer = scope!(user, request = 7);
            warning!("outer");
            {
                let _inner = scope!("step" = 1, user = "eve", list:? = [1, 2]);
                warning!("inner");
                warning!(own = true; "inner");
            }
            warning!("outer again");
            drop(outer);
            warning!("after");
        });
        assert_eq!(
            shown(&runtime),
            [
                "before",
                "outer user=ada request=7",
                "inner user=eve request=7 step=1 list=[1, 2]",
                "inner user=eve request=7 step=1 list=[1, 2] own=true",
                "outer again user=ada request=7",
                "after",
            ]
        );
    }
}

#[test]
fn a_calls_own_field_counts_before_the_scopes() {
    for runtime in runtimes() {
        runtime.scope(|| {
            let _scope = scope!(user = "ada");
            warning!(user = "eve"; "x");
        });
        let records = records(&runtime);
        assert_eq!(records[0].view().field("user").unwrap().to_string(), "eve");
    }
}

#[test]
fn a_scope_is_its_threads_own_and_may_be_taken_along() {
    for runtime in runtimes() {
        runtime.scope(|| {
            let _scope = scope!(user = "ada");
            let here = Scope::current();
            std::thread::scope(|threads| {
                threads.spawn(|| {
                    runtime.scope(|| {
                        warning!("bare");
                        here.run(|| warning!("taken along"));
                    });
                });
            });
        });
        assert_eq!(shown(&runtime), ["bare", "taken along user=ada"]);
    }
}

#[test]
fn a_scope_entered_before_the_threads_first_record_is_told() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        std::thread::scope(|threads| {
            threads.spawn(|| {
                let _scope = scope!(early = 1);
                warning!(logger: logger, "first");
                assert!(!runtime.attach_thread(1 << 16));
                warning!(logger: logger, "second");
            });
        });
        assert_eq!(shown(&runtime), ["first early=1", "second early=1"]);
    }
}

struct Nobody;
impl Wake for Nobody {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_future_keeps_its_scope_across_polls_and_threads() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        let task = {
            let _request = scope!(request = 7);
            let logger = logger.clone();
            Scope::new([("task", ValueBuf::of("t"))]).attach(async move {
                for step in 0..3 {
                    warning!(logger: logger, "step {step}");
                    let mut first = true;
                    std::future::poll_fn(|_| match std::mem::take(&mut first) {
                        true => Poll::Pending,
                        false => Poll::Ready(()),
                    })
                    .await;
                }
            })
        };
        let mut task = pin!(task);
        let mut polls = 0;
        loop {
            polls += 1;
            let waker = Waker::from(Arc::new(Nobody));
            let poll = std::thread::scope(|threads| {
                let poll = threads.spawn(|| {
                    let poll = task.as_mut().poll(&mut Context::from_waker(&waker));
                    warning!(logger: logger, "between");
                    poll
                });
                poll.join().unwrap()
            });
            if poll.is_ready() {
                break;
            }
        }
        assert_eq!(polls, 4);
        let shown = shown(&runtime);
        let steps = shown.iter().filter(|line| line.starts_with("step"));
        let expected = (0..3).map(|step| format!("step {step} request=7 task=t"));
        assert!(steps.cloned().eq(expected), "{shown:?}");
        assert_eq!(shown.iter().filter(|line| *line == "between").count(), 4);
    }
}

#[test]
fn whatever_is_dropped_no_record_carries_a_wrong_scope() {
    let runtime = Runtime::builder()
        .lane_bytes(16 << 10)
        .overflow(sawmill::Overflow::drop())
        .capture()
        .build()
        .unwrap();
    let logger = runtime.get_logger("x");
    for round in 0..2_000 {
        // A drain that stands still for a while makes sure of losses.
        match round {
            500 => runtime.pause(Duration::from_secs(10)).unwrap(),
            1_500 => runtime.resume().unwrap(),
            _ => {}
        }
        let _scope = scope!(round = round, filler = "x".repeat(200));
        for n in 0..(round % 4) {
            warning!(logger: logger, "{round}.{n}");
        }
    }
    let mut found = 0;
    for record in records(&runtime) {
        let record = record.view();
        let message = record.message().unwrap();
        let Some((round, _)) = message.split_once('.').filter(|_| record.logger() == "x") else {
            continue;
        };
        assert_eq!(record.field("round").unwrap().to_string(), round, "{message}");
        found += 1;
    }
    let stats = runtime.stats();
    assert!(found > 0 && stats.dropped > 0, "{stats:?}");
    assert_eq!(stats.attempted, found + stats.dropped, "{stats:?}");
}

#[test]
fn a_scope_too_long_for_the_lane_says_so_and_loses_no_record() {
    let runtime = Runtime::builder().lane_bytes(16 << 10).capture().build().unwrap();
    let logger = runtime.get_logger("x");
    let _scope = scope!(filler = "x".repeat(8 << 10));
    warning!(logger: logger, "still there");
    assert_eq!(shown(&runtime), ["still there scope=too long for this thread's lane"]);
}

#[test]
fn an_adapters_fields_come_between_the_scopes_and_the_calls() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        let fields = [("a", ValueBuf::of("adapter")), ("b", ValueBuf::of("adapter"))];
        let adapter = LoggerAdapter::new(&logger, fields);
        let both = LoggerAdapter::new(&adapter, [("c", ValueBuf::of("outer"))]);
        let _scope = scope!(a = "scope", s = 1);
        warning!(logger: adapter, b = "call"; "one");
        warning!(logger: both.child("y"), "two");
        warning!(logger: logger, "three");
        let found: Vec<String> = records(&runtime)
            .iter()
            .map(|record| {
                let view = record.view();
                let show = |key| view.field(key).map_or("-".into(), |value| value.to_string());
                ["a", "b", "c", "s"].map(show).join(" ")
            })
            .collect();
        let expected = ["adapter call - 1", "adapter adapter outer 1", "scope - - 1"];
        assert_eq!(found, expected);
        assert_eq!(records(&runtime)[1].view().logger(), "x.y");
    }
}

#[test]
fn a_finished_record_keeps_its_fields_beside_the_adapters_only_if_merged() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        let record = RecordBuilder::new(Level::ERROR).message("m").field("own", ValueBuf::of(&1));
        for merge in [false, true] {
            let adapter = LoggerAdapter::new(&logger, [("extra", ValueBuf::of(&2))]);
            adapter.merge_extra(merge).log_record(&record);
        }
        assert_eq!(shown(&runtime), ["m extra=2", "m extra=2 own=1"]);
    }
}

#[test]
fn a_hook_on_the_caller_adds_beneath_everything_else() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        logger.set_level(Level::WARNING);
        let here = logger.clone();
        runtime.add_caller_fields(move |caller| {
            caller.field("line", ValueBuf::of(&caller.metadata().map_or(0, |meta| meta.line)));
            caller.field("a", ValueBuf::of("hook"));
            caller.field("b", ValueBuf::of("hook"));
            caller.field("c", ValueBuf::of("hook"));
            if caller.level() == Level::ERROR {
                warning!(logger: here, "from the hook");
            }
        });
        sawmill::debug!(logger: logger, "below the level");
        let line = line!() + 1;
        warning!(logger: logger, "1");
        {
            let _scope = scope!(a = "scope");
            warning!(logger: logger, b = "call", line = 2; "2");
        }
        sawmill::error!(logger: logger, line = 0; "3");
        logger.handle(&RecordBuilder::new(Level::INFO).message("4"));
        let mut shown = shown(&runtime);
        assert_eq!(shown.remove(0), format!("1 line={line} a=hook b=hook c=hook"));
        assert_eq!(shown.remove(0), "2 a=scope c=hook b=call line=2");
        assert_eq!(shown[0], "from the hook");
        assert_eq!(shown[1], "3 a=hook b=hook c=hook line=0");
        assert_eq!(shown[2], "4 line=0 a=hook b=hook c=hook");
    }
}

#[test]
fn a_hook_that_panics_is_contained_and_the_record_says_so() {
    for runtime in runtimes() {
        runtime.add_caller_fields(|caller| caller.field("first", ValueBuf::of(&1)));
        runtime.add_caller_fields(|_| panic!("no"));
        runtime.add_caller_fields(|caller| caller.field("last", ValueBuf::of(&2)));
        warning!(logger: runtime.get_logger("x"), "m");
        assert_eq!(shown(&runtime), ["m first=1 caller_fields=a hook panicked last=2"]);
    }
}

#[test]
fn a_record_factory_changes_what_every_record_says() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x.y");
        let above = runtime.get_logger("other");
        above.set_level(Level::CRITICAL);
        assert!(runtime.record_factory().is_none());
        let before = runtime.set_record_factory(|record: &mut LogRecord<'_>| {
            let seen = (record.logger(), record.level_name(), record.field("n").is_some());
            assert_eq!(seen, ("x.y", "WARNING", true));
            let line = record.line();
            record.set_attribute("name", ValueBuf::of("renamed"));
            record.set_attribute("levelno", ValueBuf::of(&35_u64));
            record.set_attribute("levelname", ValueBuf::of("LOUD"));
            record.set_attribute("line", ValueBuf::of(&line));
            record.set_attribute("n", ValueBuf::of(&(record.thread_name().len() > 1)));
            let text = format!("<{}>", record.message().unwrap());
            record.set_message(text);
        });
        assert!(before.is_none());
        sawmill::error!(logger: above, "not enabled: nobody asks the factory");
        let _scope = scope!(n = "scope");
        let line = line!() + 1;
        warning!(logger: logger, n = 7; "a {}", 1);
        logger.handle(&RecordBuilder::new(Level::WARNING).message("b"));
        let records = runtime.records();
        assert_eq!(records.len(), 2);
        for (record, message, line) in [(&records[0], "<a 1>", line), (&records[1], "<b>", 0)] {
            let view = record.view();
            assert_eq!(view.message().unwrap(), message);
            assert_eq!((view.logger(), view.level()), ("renamed", Level::new(35)));
            assert_eq!(view.level_name(), "LOUD");
            assert_eq!(view.field("line").unwrap().to_string(), line.to_string());
            assert_eq!(view.field("n").unwrap().to_string(), "true");
        }
        assert!(records[0].view().metadata().is_some(), "the call site is still known");
        assert!(runtime.remove_record_factory().is_some());
        runtime.clear_records();
        warning!(logger: logger, "as ever");
        assert_eq!(shown(&runtime), ["as ever n=scope"]);
    }
}

#[test]
fn a_factory_may_call_the_one_before_and_may_log() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        runtime.set_record_factory(|record: &mut LogRecord<'_>| {
            record.set_attribute("first", ValueBuf::of(&1));
        });
        let (before, here) = (runtime.record_factory().unwrap(), logger.clone());
        runtime.set_record_factory(move |record: &mut LogRecord<'_>| {
            before(record);
            warning!(logger: here, "from the factory");
            record.set_attribute("second", ValueBuf::of(&2));
        });
        runtime.add_caller_fields(|caller| caller.field("hook", ValueBuf::of(&0)));
        warning!(logger: logger, "m");
        assert_eq!(shown(&runtime), ["from the factory hook=0", "m hook=0 first=1 second=2"]);
    }
}

#[test]
fn a_factory_that_panics_is_contained_and_the_record_says_so() {
    for runtime in runtimes() {
        runtime.set_record_factory(|record: &mut LogRecord<'_>| {
            record.set_message("half done");
            panic!("no");
        });
        warning!(logger: runtime.get_logger("x"), "m");
        assert_eq!(shown(&runtime), ["m record_factory=it panicked"]);
    }
}

#[test]
fn a_factory_and_a_record_that_is_too_long_agree() {
    for runtime in runtimes() {
        runtime.set_overflow(Overflow::block());
        runtime.set_record_factory(|record: &mut LogRecord<'_>| {
            record.set_attribute("name", ValueBuf::of("renamed"));
            if record.message().unwrap().starts_with("changed") {
                record.set_attribute("long", ValueBuf::of(&*"x".repeat(17 << 20)));
            }
        });
        let logger = runtime.get_logger("x");
        let long = "y".repeat(17 << 20);
        warning!(logger: logger, "{long}");
        warning!(logger: logger, "changed");
        let records = runtime.records();
        let view = records[0].view();
        assert!(view.message().unwrap().contains("[cut: "));
        assert_eq!(view.logger(), "renamed");
        let view = records[1].view();
        assert_eq!((view.logger(), view.message().unwrap().as_str()), ("x", "changed"));
        let note = view.field("record_factory").unwrap().to_string();
        assert_eq!(note, "what it changed is too long");
    }
}

#[test]
fn a_built_record_may_have_attributes_of_any_type() {
    for runtime in runtimes() {
        let logger = runtime.get_logger("x");
        let record = RecordBuilder::new(Level::WARNING)
            .message("m")
            .attribute("threadName", ValueBuf::none())
            .attribute("name", ValueBuf::of("other"))
            .attribute("levelno", ValueBuf::of(&35));
        logger.handle(&record);
        runtime.set_record_factory(|record: &mut LogRecord<'_>| {
            let seen = record.logger().to_owned();
            record.set_attribute("seen", ValueBuf::of(&*seen));
        });
        logger.handle(&record);
        let too_long = RecordBuilder::new(Level::WARNING)
            .message("long")
            .attribute("name", ValueBuf::of(&*"x".repeat(17 << 20)));
        logger.handle(&too_long);
        let records = runtime.records();
        for record in &records[..2] {
            let view = record.view();
            assert_eq!((view.logger(), view.level()), ("other", Level::new(35)));
            assert_eq!(view.changed("threadName").unwrap().to_string(), "None");
        }
        assert_eq!(records[1].view().field("seen").unwrap().to_string(), "other");
        let view = records[2].view();
        assert_eq!((view.logger(), view.message().unwrap().as_str()), ("x", "long"));
        assert_eq!(view.field("attributes").unwrap().to_string(), "too long");
    }
}
