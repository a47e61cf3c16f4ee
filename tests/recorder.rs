//! The flight recorder: what no handler gets is kept, and written when something happens.
//!
//! The ends of a process are those of real ones: the test `child` is run anew by the others, and
//! `SAWMILL_RECORDER` names what it does.
#![allow(unsafe_code)]

use sawmill::{
    CrashHandling, Drain, FileHandler, FlightRecorder, Formatter, HandlerExt, Lanes, Level,
    NullHandler, Runtime, RuntimeBuilder, debug, error, info, log_enabled, warning,
};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;
use std::{env, fs, process, thread};

const LIMIT: Duration = Duration::from_secs(30);
const PATTERN: &str = "%(levelname)s %(message)s %(recorded)s %(recovered)s";

fn line() -> Formatter {
    let defaults = [("recorded", "-"), ("recovered", "-")];
    defaults
        .into_iter()
        .fold(Formatter::builder().pattern(PATTERN), |builder, (key, value)| {
            builder.default_field(key, value)
        })
        .build()
        .unwrap()
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("sawmill-recorder-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn log(&self) -> PathBuf {
        self.0.join("app.log")
    }

    fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.log()).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn builder(folder: &Path) -> RuntimeBuilder {
    let file = FileHandler::new(folder.join("app.log")).unwrap();
    Runtime::builder()
        .level(Level::INFO)
        .handler("file", file.with_formatter(line()))
        .flight_recorder(FlightRecorder::new(1 << 20))
}

// --- triggers in real processes ------------------------------------------------------------

fn run(kind: &str, folder: &Folder) -> ExitStatus {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env("SAWMILL_RECORDER", kind)
        .env("SAWMILL_FOLDER", &folder.0)
        .stdout(process::Stdio::null())
        .stderr(process::Stdio::null())
        .status()
        .unwrap()
}

fn kill(signal: &str) {
    kill_thread(signal, &process::id().to_string());
}

fn kill_thread(signal: &str, thread: &str) {
    assert!(Command::new("kill").args([signal, thread]).status().unwrap().success());
    thread::sleep(LIMIT);
}

/// The system's number of the drain, which names itself when it starts.
fn drain() -> String {
    let is_drain = |it: &fs::DirEntry| {
        fs::read_to_string(it.path().join("comm")).is_ok_and(|name| name.trim() == "sawmill")
    };
    loop {
        let mut threads = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap());
        if let Some(found) = threads.find(is_drain) {
            return found.file_name().into_string().unwrap();
        }
        thread::yield_now();
    }
}

#[test]
fn child() {
    let Ok(kind) = env::var("SAWMILL_RECORDER") else { return };
    let folder = PathBuf::from(env::var_os("SAWMILL_FOLDER").unwrap());
    let mut builder = builder(&folder);
    if kind.contains("mapped") {
        builder = builder.durability(Lanes::Mapped(folder.join("lanes")));
    }
    if !kind.contains("kill9") {
        builder = builder.crash_handling(CrashHandling::new().deadline(Duration::from_secs(20)));
    }
    let runtime = builder.init().unwrap();
    info!("begins");
    (0..100).for_each(|n| debug!("kept {n}"));
    match kind.trim_start_matches("mapped_") {
        "error" => error!("the trigger"),
        "panic" => panic!("the trigger"),
        "term" => kill("-TERM"),
        // The kernel asks the thread of this number first, and it is the one that has to answer.
        "term_to_drain" => kill_thread("-TERM", &drain()),
        "segv" => {
            let nowhere = std::hint::black_box(8_usize) as *mut u64;
            // SAFETY: none: the fault is what is wanted.
            unsafe { nowhere.write_volatile(1) };
        }
        "call" => assert_eq!(runtime.dump_recorder(LIMIT).unwrap(), 100),
        "kill9" => {
            // Half of it has been taken, half of it lies in the lane as the process left it.
            assert!(runtime.flush(LIMIT).is_complete());
            runtime.pause(LIMIT).unwrap();
            (100..150).for_each(|n| debug!("kept {n}"));
            info!("ends");
            kill("-KILL");
        }
        "kill9_after_dump" => {
            assert_eq!(runtime.dump_recorder(LIMIT).unwrap(), 100);
            (100..150).for_each(|n| debug!("kept {n}"));
            assert!(runtime.flush(LIMIT).is_complete());
            kill("-KILL");
        }
        "nothing" => {}
        other => panic!("unknown: {other}"),
    }
}

fn kept(from: u32, to: u32, marks: &str) -> impl Iterator<Item = String> {
    (from..to).map(move |n| format!("DEBUG kept {n} {marks}"))
}

#[cfg(unix)]
#[test]
fn each_end_of_a_process_has_what_was_kept_written_before_its_own_record() {
    use std::os::unix::process::ExitStatusExt;
    let all = ["error", "panic", "term", "term_to_drain", "segv", "call"];
    for kind in all.into_iter().chain(["mapped_error", "mapped_segv"]) {
        let needs_linux = kind.contains("mapped") || kind.contains("drain");
        if needs_linux && !cfg!(target_os = "linux") {
            continue;
        }
        let folder = Folder::new(kind);
        let status = run(kind, &folder);
        let lines = folder.lines();
        let mut expected = vec!["INFO begins - -".to_owned()];
        expected.extend(kept(0, 100, "True -"));
        match kind.trim_start_matches("mapped_") {
            "error" => expected.push("ERROR the trigger - -".into()),
            "panic" => expected.push("CRITICAL thread 'child' panicked: the trigger - -".into()),
            "term" | "term_to_drain" => assert_eq!(status.signal(), Some(15)),
            "segv" => assert_eq!(status.signal(), Some(11)),
            _ => assert!(status.success()),
        }
        assert_eq!(lines, expected, "{kind}");
    }
}

#[test]
fn an_end_in_order_writes_nothing_of_it() {
    let folder = Folder::new("nothing");
    assert!(run("nothing", &folder).success());
    assert_eq!(folder.lines(), ["INFO begins - -"]);
}

#[cfg(target_os = "linux")]
#[test]
fn with_mapped_lanes_what_was_kept_survives_kill_9_and_comes_once() {
    let folder = Folder::new("kill9");
    run("mapped_kill9", &folder);
    assert_eq!(folder.lines(), ["INFO begins - -"]);
    let recover = || {
        let runtime = Runtime::builder()
            .level(Level::INFO)
            .handler("file", FileHandler::new(folder.log()).unwrap().with_formatter(line()))
            .build()
            .unwrap();
        runtime.recover(folder.0.join("lanes"), LIMIT).unwrap()
    };
    let recovery = recover();
    assert!(recovery.is_complete());
    let mut expected = vec!["INFO begins - -".to_owned()];
    expected.extend(kept(0, 150, "True True"));
    expected.push("INFO ends - True".into());
    assert_eq!(folder.lines(), expected);
    assert_eq!(recovery.records(), 151);
    assert_eq!((recover().records(), folder.lines()), (0, expected));
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_dump_has_written_does_not_come_again_after_kill_9() {
    let folder = Folder::new("kill9-after");
    run("mapped_kill9_after_dump", &folder);
    let runtime = builder(&folder.0).durability(Lanes::Mapped(folder.0.join("lanes"))).build();
    let runtime = runtime.unwrap();
    assert!(runtime.shutdown(LIMIT).is_complete());
    runtime.stats().check().unwrap();
    let mut expected = vec!["INFO begins - -".to_owned()];
    expected.extend(kept(0, 100, "True -"));
    expected.extend(kept(100, 150, "True True"));
    assert_eq!(folder.lines(), expected);
}

// --- within a process ----------------------------------------------------------------------

fn messages(runtime: &Runtime) -> Vec<String> {
    let records = runtime.records();
    records.iter().map(|record| record.view().message().unwrap()).collect()
}

#[test]
fn what_is_recorded_goes_to_no_handler_and_the_books_balance() {
    for drain in [Drain::Thread, Drain::Inline] {
        let recorder = FlightRecorder::new(64 << 10).every(Duration::ZERO);
        let runtime = Runtime::builder()
            .drain(drain)
            .capture()
            .level(Level::WARNING)
            .level_for("loud", Level::DEBUG)
            .flight_recorder(recorder)
            .build()
            .unwrap();
        let (quiet, loud) = (runtime.get_logger("quiet"), runtime.get_logger("loud"));
        info!(logger: quiet, "kept 1");
        debug!(logger: loud, "shown");
        sawmill::trace!(logger: quiet, "below the recorder's own level");
        assert_eq!(messages(&runtime), ["shown"]);
        let stats = runtime.stats();
        assert_eq!((stats.taken, stats.routed, stats.recorded), (2, 1, 1));
        assert_eq!((stats.recorder_kept, stats.dumps), (1, 0));
        stats.check().unwrap();
        warning!(logger: quiet, "no trigger");
        error!(logger: quiet, "a trigger");
        error!(logger: quiet, "nothing is kept any more");
        let expected = ["shown", "no trigger", "kept 1", "a trigger", "nothing is kept any more"];
        assert_eq!(messages(&runtime), expected);
        let records = runtime.records();
        let marked: Vec<bool> =
            records.iter().map(|record| record.view().field("recorded").is_some()).collect();
        assert_eq!(marked, [false, false, true, false, false]);
        let stats = runtime.stats();
        assert_eq!((stats.recorded, stats.dumped, stats.recorder_kept), (1, 1, 0));
        assert_eq!((stats.dumps, stats.dumps_withheld), (1, 0));
        stats.check().unwrap();
    }
}

#[test]
fn levels_are_answered_for_handlers_alone_and_arguments_are_evaluated() {
    let runtime = Runtime::builder()
        .capture()
        .level(Level::WARNING)
        .flight_recorder(FlightRecorder::new(64 << 10))
        .build()
        .unwrap();
    let log = runtime.get_logger("a");
    assert_eq!(log.effective_level(), Level::WARNING);
    assert!(!log.is_enabled_for(Level::INFO) && log.is_enabled_for(Level::WARNING));
    assert!(!log_enabled!(logger: log, Level::INFO));
    let evaluated = std::cell::Cell::new(0);
    let argument = || {
        evaluated.set(evaluated.get() + 1);
        evaluated.get()
    };
    runtime.scope(|| {
        assert!(!log_enabled!(Level::INFO) && log_enabled!(Level::WARNING));
        info!("{}", argument());
    });
    debug!(logger: log, "{}", argument());
    assert_eq!(evaluated.get(), 2);
    // What is switched off is not recorded either.
    log.set_disabled(true);
    debug!(logger: log, "{}", argument());
    log.set_disabled(false);
    runtime.disable(Level::INFO);
    debug!(logger: log, "{}", argument());
    assert_eq!(evaluated.get(), 2);
    runtime.disable(Level::NOTSET);
    log.set_level(Level::DEBUG);
    debug!(logger: log, "{}", argument());
    assert_eq!(messages(&runtime), ["3"]);
    let stats = runtime.stats();
    assert_eq!((stats.recorded, stats.routed), (2, 1));
    stats.check().unwrap();
}

#[test]
fn a_record_that_is_handed_over_is_delivered_and_one_that_is_logged_is_kept() {
    let runtime = Runtime::builder()
        .capture()
        .level(Level::WARNING)
        .flight_recorder(FlightRecorder::new(64 << 10))
        .build()
        .unwrap();
    let log = runtime.get_logger("a");
    let record = |text: &str| sawmill::RecordBuilder::new(Level::INFO).message(text).time_ns(7);
    log.handle(&record("handed over"));
    log.log_record(&record("logged"));
    assert_eq!(messages(&runtime), ["handed over"]);
    assert_eq!(runtime.dump_recorder(LIMIT).unwrap(), 1);
    assert_eq!(messages(&runtime), ["handed over", "logged"]);
    assert_eq!(runtime.records()[1].view().time_ns(), 7);
    runtime.stats().check().unwrap();
}

#[test]
fn memory_is_bounded_and_the_latest_stay() {
    let runtime = Runtime::builder()
        .capture()
        .level(Level::WARNING)
        .lane_bytes(1 << 20)
        .overflow(sawmill::Overflow::block())
        .flight_recorder(FlightRecorder::new(8 << 10))
        .build()
        .unwrap();
    let log = runtime.get_logger("a");
    (0..20_000).for_each(|n| info!(logger: log, "number {n}"));
    // Longer than a recorder of this size takes.
    info!(logger: log, "{}", "x".repeat(10_000));
    assert!(runtime.flush(LIMIT).is_complete());
    let stats = runtime.stats();
    assert_eq!(stats.recorded, 20_001);
    assert!((40..200).contains(&stats.recorder_kept), "{stats}");
    stats.check().unwrap();
    error!(logger: log, "now");
    let messages = messages(&runtime);
    assert_eq!(messages.len() as u64, stats.recorder_kept + 1);
    let first = 20_000 - stats.recorder_kept;
    let expected = (first..20_000).map(|n| format!("number {n}")).chain(["now".to_owned()]);
    assert!(messages.iter().cloned().eq(expected), "{messages:?}");
    runtime.stats().check().unwrap();
}

#[test]
fn dumps_by_records_are_limited_in_number_and_those_withheld_are_counted() {
    let runtime = Runtime::builder()
        .capture()
        .level(Level::WARNING)
        .flight_recorder(FlightRecorder::new(64 << 10).every(Duration::from_secs(3600)))
        .build()
        .unwrap();
    let log = runtime.get_logger("a");
    for n in 0..5 {
        info!(logger: log, "before {n}");
        error!(logger: log, "error {n}");
    }
    assert!(runtime.flush(LIMIT).is_complete());
    let stats = runtime.stats();
    assert_eq!((stats.dumps, stats.dumps_withheld), (1, 4));
    assert_eq!((stats.dumped, stats.recorder_kept), (1, 4));
    // A call is not held up.
    assert_eq!(runtime.dump_recorder(LIMIT).unwrap(), 4);
    let expected = [
        "before 0", "error 0", "error 1", "error 2", "error 3", "error 4", "before 1", "before 2",
        "before 3", "before 4",
    ];
    assert_eq!(messages(&runtime), expected);
    runtime.stats().check().unwrap();
}

#[test]
fn a_handler_of_its_own_gets_the_dump_and_the_trigger_whatever_its_level() {
    let folder = Folder::new("own");
    let dump = FileHandler::new(folder.log()).unwrap().with_formatter(line());
    let dump = dump.with_level(Level::CRITICAL);
    let recorder = FlightRecorder::new(64 << 10).handler(dump);
    let runtime =
        Runtime::builder().capture().level(Level::WARNING).flight_recorder(recorder).build();
    let runtime = runtime.unwrap();
    let log = runtime.get_logger("a");
    let _two = runtime.get_logger("b");
    info!(logger: log, "one");
    runtime.scope(|| info!("two"));
    warning!(logger: log, "shown");
    error!(logger: log, "three");
    assert_eq!(messages(&runtime), ["shown", "three"]);
    assert!(runtime.shutdown(LIMIT).is_complete());
    assert_eq!(folder.lines(), ["INFO one True -", "INFO two True -", "ERROR three - -"]);
    runtime.stats().check().unwrap();
}

#[test]
fn a_dump_is_in_the_order_of_time_over_threads_and_passes_the_loggers_filters() {
    struct Redacts;
    impl sawmill::Filter for Redacts {
        fn filter(&mut self, record: &mut sawmill::LogRecord<'_>) -> sawmill::Verdict {
            record.set_attribute("secret", sawmill::ValueBuf::of("***"));
            sawmill::Verdict::Pass
        }
    }
    let runtime = Runtime::builder()
        .capture()
        .level(Level::WARNING)
        .flight_recorder(FlightRecorder::new(1 << 20))
        .build()
        .unwrap();
    let log = runtime.get_logger("a");
    log.add_filter(sawmill::FilterRef::new(Redacts));
    thread::scope(|scope| {
        for thread in 0..4 {
            let log = &log;
            scope.spawn(move || {
                (0..500).for_each(|n| info!(logger: log, secret = n; "{thread} {n}"));
            });
        }
    });
    assert_eq!(runtime.dump_recorder(LIMIT).unwrap(), 2000);
    let records = runtime.records();
    assert_eq!(records.len(), 2000);
    let times: Vec<i64> = records.iter().map(|record| record.view().time_ns()).collect();
    assert!(times.is_sorted());
    let mut sequences = std::collections::HashMap::new();
    for record in &records {
        let record = record.view();
        assert_eq!(record.field("secret").unwrap().to_string(), "***");
        let (lane, sequence) = record.sequence();
        let before = sequences.insert(lane, sequence).unwrap_or(0);
        assert_eq!(sequence, before + 1);
        assert!(record.thread_id().is_some_and(|id| id != 0));
    }
    assert_eq!(sequences.len(), 4);
}

#[test]
fn mistakes_are_named() {
    let error = |recorder: FlightRecorder| {
        let built = Runtime::builder()
            .handler("null", NullHandler::new())
            .flight_recorder(recorder)
            .build();
        built.unwrap_err().to_string()
    };
    let good = FlightRecorder::new(1 << 20);
    for (wrong, part) in [
        (FlightRecorder::new(100), "100 bytes are not between"),
        (good.clone().level(Level::ERROR), "is not below the trigger"),
        (good.clone().trigger(Level::new(60)), "is above CRITICAL"),
        (good.clone().every(Duration::from_secs(100_000)), "every: "),
        (good.clone().handler_named("nul"), "there is no handler \"nul\""),
    ] {
        let text = error(wrong);
        assert!(text.contains("flight_recorder: ") && text.contains(part), "{text}");
    }
    let named = good.handler_named("null");
    Runtime::builder().handler("null", NullHandler::new()).flight_recorder(named).build().unwrap();
}
