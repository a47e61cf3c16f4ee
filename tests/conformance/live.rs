//! Configurations that come while the program runs: over a connection, from a file that changes,
//! from a handler on the drain.

use sawmill::config::{Config, Door, ListenStats, Listener, Registry, Watcher};
use sawmill::{
    CaptureHandler, CapturedRecords, Context, Drain, Error, Handler, Level, LogRecord, Runtime,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

fn runtime(drain: Drain) -> (Runtime, CapturedRecords) {
    let runtime = Runtime::builder().drain(drain).exit_hook(false).build().unwrap();
    let capture = CaptureHandler::new();
    let records = capture.records();
    // On a logger of its own: configurations replace the root's handlers.
    runtime.get_logger("sawmill.config").add_handler(capture).unwrap();
    (runtime, records)
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < LONG, "{what} has not come about");
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn said(runtime: &Runtime, records: &CapturedRecords) -> Vec<String> {
    assert!(runtime.flush(LONG).is_complete());
    records.messages()
}

const JSON: &str =
    r#"{"version": 1, "disable_existing_loggers": false, "root": {"level": "DEBUG"}}"#;

fn ini(level: &str) -> String {
    format!(
        "[loggers]\nkeys=root\n[handlers]\nkeys=n\n[formatters]\nkeys=\n\
         [logger_root]\nlevel={level}\nhandlers=n\n[handler_n]\nclass=NullHandler\nargs=()\n"
    )
}

// --- listen ------------------------------------------------------------------------------------

fn framed(text: &[u8]) -> Vec<u8> {
    [&(text.len() as u32).to_be_bytes()[..], text].concat()
}

fn send(listener: &Listener, bytes: &[u8]) -> TcpStream {
    let mut to = TcpStream::connect(listener.address()).unwrap();
    to.write_all(bytes).unwrap();
    to
}

fn stats(listener: &Listener) -> (u64, u64, u64, u64) {
    let ListenStats { applied, refused, discarded, failed, .. } = listener.stats();
    (applied, refused, discarded, failed)
}

#[test]
fn json_and_ini_come_over_a_connection_and_are_told() {
    for drain in [Drain::Thread, Drain::Inline] {
        let (runtime, records) = runtime(drain);
        let mut door = Door::python();
        door.disable_existing_loggers = false;
        let listener = Listener::builder().door(door).start("127.0.0.1:0", &runtime).unwrap();
        send(&listener, &framed(JSON.as_bytes()));
        until("the first", || stats(&listener) == (1, 0, 0, 0));
        assert_eq!(runtime.root().level(), Level::DEBUG);
        send(&listener, &framed(ini("ERROR").as_bytes()));
        until("the second", || stats(&listener) == (2, 0, 0, 0));
        assert_eq!(runtime.root().level(), Level::ERROR);
        send(&listener, &framed(ini("INFO").as_bytes()));
        until("the third", || stats(&listener) == (3, 0, 0, 0));
        let said = said(&runtime, &records);
        assert!(said[0].ends_with("applied: the first configuration"), "{said:?}");
        let change = "applied: logger_root.level: \"ERROR\" -> \"INFO\"";
        assert!(said[2].ends_with(change) && said[2].contains("127.0.0.1:"), "{said:?}");
        listener.stop();
    }
}

#[test]
fn the_record_of_a_configuration_is_made_although_it_switches_off_all_loggers() {
    let (runtime, _) = runtime(Drain::Thread);
    let path = std::env::temp_dir().join(format!("sawmill-live-{}.log", std::process::id()));
    let listener = Listener::builder().start("127.0.0.1:0", &runtime).unwrap();
    let text = serde_json::json!({
        "version": 1,
        "handlers": {"f": {"class": "logging.FileHandler", "filename": path, "mode": "w"}},
        "root": {"level": "ERROR", "handlers": ["f"]}
    });
    send(&listener, &framed(text.to_string().as_bytes()));
    until("the configuration", || stats(&listener) == (1, 0, 0, 0));
    assert!(runtime.flush(LONG).is_complete());
    let written = std::fs::read_to_string(&path);
    let _ = std::fs::remove_file(&path);
    assert!(written.unwrap().contains("applied: the first configuration"));
}

#[test]
fn what_is_no_configuration_changes_nothing_and_ends_nothing() {
    let (runtime, records) = runtime(Drain::Thread);
    let listener = Listener::builder()
        .max_bytes(1000)
        .timeout(Duration::from_millis(300))
        .start("127.0.0.1:0", &runtime)
        .unwrap();
    for bytes in [&b"{\"version\": 1, "[..], b"\xff\xfe", b"{\"version\": 7}", b"", b"[loggers]\n"]
    {
        let before = listener.stats().refused;
        send(&listener, &framed(bytes));
        until("the refusal", || listener.stats().refused == before + 1);
    }
    // Too long, cut short, and nothing at all until its time is over.
    send(&listener, b"\0\x10\0\0");
    drop(send(&listener, b"\0\0\0\x09abc"));
    let silent = send(&listener, b"\0\0");
    until("the failures", || stats(&listener) == (0, 5, 0, 3));
    drop(silent);
    let said = said(&runtime, &records);
    for part in ["UTF-8", "version", "is empty", "longer than the limit of 1000", "3 of 9 bytes"] {
        assert!(said.iter().any(|it| it.contains(part)), "{part}: {said:#?}");
    }
    assert_eq!(runtime.root().level(), Level::WARNING);
    send(&listener, &framed(JSON.as_bytes()));
    until("the good one", || listener.stats().applied == 1);
}

#[test]
fn the_verify_hook_changes_and_discards_messages_and_may_panic() {
    let (runtime, _) = runtime(Drain::Thread);
    let listener = Listener::builder()
        .verify(|message| match message.split_first() {
            Some((b'x', rest)) => Some(rest.to_vec()),
            Some((b'!', _)) => panic!("a bad key"),
            _ => None,
        })
        .start("127.0.0.1:0", &runtime)
        .unwrap();
    send(&listener, &framed(JSON.as_bytes()));
    send(&listener, &framed(b"!"));
    until("the discards", || stats(&listener) == (0, 0, 2, 0));
    assert_eq!(runtime.root().level(), Level::WARNING);
    send(&listener, &framed(&[b"x", JSON.as_bytes()].concat()));
    until("the good one", || stats(&listener) == (1, 0, 2, 0));
    assert_eq!(runtime.root().level(), Level::DEBUG);
}

#[test]
fn connections_are_bounded_and_end_with_the_listener() {
    let (runtime, records) = runtime(Drain::Thread);
    let listener = Listener::builder().max_connections(2).start("127.0.0.1:0", &runtime).unwrap();
    let mut open: Vec<TcpStream> = (0..5).map(|_| send(&listener, b"\0")).collect();
    until("the closing of those beyond the limit", || listener.stats().failed == 3);
    assert!(said(&runtime, &records).iter().any(|it| it.contains("more than 2 connections")));
    let address = listener.address();
    let begun = Instant::now();
    listener.stop();
    assert!(begun.elapsed() < LONG);
    for connection in &mut open {
        connection.set_read_timeout(Some(LONG)).unwrap();
        let ended = connection.read(&mut [0]);
        assert!(!matches!(ended, Ok(1)), "{ended:?}");
    }
    assert!(TcpStream::connect(address).is_err(), "somebody still listens");
}

#[test]
fn addresses_that_others_can_reach_must_be_asked_for() {
    let (runtime, _) = runtime(Drain::Inline);
    let error = Listener::builder().start("0.0.0.0:0", &runtime).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("allow_remote"), "{error}");
    Listener::builder().allow_remote(true).start("0.0.0.0:0", &runtime).unwrap().stop();
}

#[test]
fn a_listener_keeps_no_runtime_alive() {
    let (runtime, _) = runtime(Drain::Thread);
    let listener = Listener::builder().start("127.0.0.1:0", &runtime).unwrap();
    drop(runtime);
    send(&listener, &framed(JSON.as_bytes()));
    listener.stop();
}

// --- watch -------------------------------------------------------------------------------------

struct File(PathBuf);

impl File {
    fn new(name: &str) -> Self {
        let name = format!("sawmill-live-{}-{name}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
    /// In one step, as careful editors do.
    fn put(&self, text: &str) {
        let beside = self.0.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, &self.0).unwrap();
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn a_changed_file_is_applied_and_a_wrong_one_is_not() {
    for drain in [Drain::Thread, Drain::Inline] {
        let (runtime, records) = runtime(drain);
        let file = File::new("watched.yaml");
        file.put("version: 1\nroot: {level: INFO}\n");
        let watcher = Watcher::builder(&file.0)
            .every(Duration::from_millis(10))
            .levels("db=TRACE")
            .start(&runtime)
            .unwrap();
        assert_eq!(runtime.root().level(), Level::INFO);
        file.put("version: 1\nroot: {level: LOUD, handlers: [none]}\n");
        until("the refusal", || watcher.refused() == 1);
        assert_eq!(runtime.root().level(), Level::INFO);
        // Written in place by one write, the same length as the former one.
        let length = std::fs::metadata(&file.0).unwrap().len() as usize;
        let text = format!("{:\n<length$}", "version: 1\nroot: {level: 7777}\n");
        let mut open = std::fs::OpenOptions::new().write(true).open(&file.0).unwrap();
        std::io::Write::write_all(&mut open, text.as_bytes()).unwrap();
        until("the change", || watcher.applied() == 2);
        assert_eq!(runtime.root().level(), Level::new(7777));
        assert_eq!(runtime.get_logger("db").level(), Level::TRACE);
        std::fs::remove_file(&file.0).unwrap();
        until("the loss of the file", || watcher.refused() == 2);
        file.put("version: 1\nroot: {level: ERROR}\n");
        until("its return", || watcher.applied() == 3);
        let said = said(&runtime, &records);
        assert_eq!(said.len(), 4, "{said:#?}");
        for part in ["root.level: unknown level \"LOUD\"", "there is no handler \"none\"", "stays"]
        {
            assert!(said[0].contains(part), "{part}: {said:#?}");
        }
        assert!(said[1].ends_with("applied: root.level: \"INFO\" -> 7777"), "{said:#?}");
        assert!(said[2].contains("cannot read"), "{said:#?}");
        watcher.stop();
        file.put("version: 1\nroot: {level: DEBUG}\n");
        std::thread::sleep(Duration::from_millis(100));
        assert_eq!(runtime.root().level(), Level::ERROR);
    }
}

#[test]
fn a_watcher_does_not_begin_with_a_wrong_file() {
    let (runtime, _) = runtime(Drain::Inline);
    let file = File::new("wrong.json");
    assert!(Watcher::builder(&file.0).start(&runtime).unwrap_err().is_io());
    file.put("{\"version\": 2}");
    assert!(Watcher::builder(&file.0).start(&runtime).unwrap_err().to_string().contains("version"));
    file.put("{\"version\": 1}");
    let error = Watcher::builder(&file.0).max_bytes(5).start(&runtime).unwrap_err();
    assert!(error.to_string().contains("larger than 5 bytes"), "{error}");
    let error = Watcher::builder(&file.0).every(Duration::ZERO).start(&runtime).unwrap_err();
    assert!(error.to_string().contains("every"), "{error}");
    let error = Watcher::builder(&file.0).levels("a=loud").start(&runtime).unwrap_err();
    assert!(error.to_string().contains("part 1, \"a=loud\""), "{error}");
}

#[test]
fn a_watcher_ends_with_its_runtime() {
    let (runtime, _) = runtime(Drain::Thread);
    let file = File::new("orphan.json");
    file.put("{\"version\": 1}");
    let watcher =
        Watcher::builder(&file.0).every(Duration::from_millis(10)).start(&runtime).unwrap();
    assert!(runtime.shutdown(LONG).is_complete());
    file.put("{\"version\": 1, \"root\": {\"level\": 1}}");
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(watcher.applied(), 1);
}

// --- on the drain ------------------------------------------------------------------------------

/// Asks for a configuration when it gets a certain record, as an operator's command might.
struct Commanded {
    runtime: Option<Runtime>,
    outcome: Sender<(Option<Error>, Result<(), Error>)>,
}

impl Handler for Commanded {
    fn emit(&mut self, record: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        if record.message()? != "verbose" {
            return Ok(());
        }
        let runtime = self.runtime.take().unwrap();
        let config = Config::from_json(JSON).unwrap();
        let waiting = config.apply_to(&runtime, &Registry::new()).err();
        let outcome = self.outcome.clone();
        config.apply_later(&runtime, &Registry::new(), move |done| {
            let _ = outcome.send((waiting, done));
        })
    }
}

#[test]
fn a_configuration_asked_for_on_the_drain_is_applied_after_the_pass() {
    for drain in [Drain::Thread, Drain::Inline] {
        let (runtime, _) = runtime(drain);
        let (send, outcome) = mpsc::channel();
        let handler = Commanded { runtime: Some(runtime.clone()), outcome: send };
        runtime.root().add_handler(handler).unwrap();
        sawmill::warning!(logger: runtime.root(), "verbose");
        if drain == Drain::Inline {
            // Before the call returned.
            assert_eq!(runtime.root().level(), Level::DEBUG);
        }
        let (waiting, done) = outcome.recv_timeout(LONG).expect("the outcome is told");
        let waiting = waiting.expect("a call that waits is refused on the drain");
        assert!(waiting.to_string().contains("apply_later"), "{waiting}");
        done.unwrap();
        assert_eq!(runtime.root().level(), Level::DEBUG);
        assert!(runtime.root().handlers().is_empty());
        assert!(runtime.shutdown(LONG).is_complete());
    }
}

#[test]
fn a_configuration_with_mistakes_is_refused_at_once_although_it_is_for_later() {
    let (runtime, _) = runtime(Drain::Inline);
    let config = Config::from_json(r#"{"version": 3}"#).unwrap();
    let refused = config.apply_later(&runtime, &Registry::new(), |_| unreachable!());
    assert!(refused.unwrap_err().to_string().contains("version"));
}

#[test]
fn levels_change_at_once_when_a_filter_sets_them_on_the_drain() {
    for drain in [Drain::Thread, Drain::Inline] {
        let (runtime, _) = runtime(drain);
        let log = runtime.get_logger("db");
        let own = log.clone();
        log.add_filter(sawmill::FilterRef::new(move |_: &mut LogRecord<'_>| {
            own.set_level(Level::ERROR);
            true
        }));
        log.add_handler(CaptureHandler::new()).unwrap();
        sawmill::warning!(logger: log, "one");
        assert!(runtime.flush(LONG).is_complete());
        assert!(!log.is_enabled_for(Level::WARNING));
    }
}

#[test]
fn a_factory_that_applies_another_configuration_is_told_no() {
    let (runtime, _) = runtime(Drain::Thread);
    let inner = runtime.clone();
    let mut registry = Registry::new();
    registry.handler("app.Nested", move |_| {
        Config::from_json(JSON)?.apply_to(&inner, &Registry::new())?;
        Ok(CaptureHandler::new())
    });
    let config = Config::from_json(
        r#"{"version": 1, "handlers": {"h": {"()": "app.Nested"}}, "root": {"handlers": ["h"]}}"#,
    );
    let error = config.unwrap().apply_to(&runtime, &registry).unwrap_err();
    assert!(error.to_string().contains("while this thread applies another one"), "{error}");
}
