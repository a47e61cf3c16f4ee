//! Configurations through the public interface: what is refused, what is left behind, what a
//! registry adds.

use sawmill::config::{Config, Door, Node, Registry};
use sawmill::{CaptureHandler, Drain, FilterRef, HandlerRef, Level, LogRecord, Runtime};
use std::path::PathBuf;
use std::time::Duration;

const LONG: Duration = Duration::from_secs(10);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path =
            std::env::temp_dir().join(format!("sawmill-config-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn runtime(drain: Drain) -> Runtime {
    Runtime::builder().drain(drain).exit_hook(false).build().unwrap()
}

fn yaml(text: &str) -> Config {
    Config::from_yaml(text).unwrap()
}

#[test]
fn every_problem_is_told_at_once_with_its_place_and_a_suggestion() {
    let config = yaml(
        "version: 1\n\
         formatters: {f: {format: 'no field'}}\n\
         handlers:\n  file: {class: logging.handlers.RotatingFileHandler, filename: x, maxByte: 1}\n  \
         other: {class: logging.StreamHandlr, level: LOUD}\n\
         root: {handlers: [fille], levl: INFO}\n",
    );
    let refused = config.check(&Registry::new()).unwrap_err();
    let problems: Vec<String> = refused.problems().iter().map(ToString::to_string).collect();
    for part in [
        "formatters.f: Invalid format 'no field' for '%' style",
        "handlers.file.maxByte: ",
        "did you mean \"maxBytes\"?",
        "handlers.other.level: unknown level \"LOUD\"",
        "handlers.other.class: ",
        "did you mean \"logging.StreamHandler\"?",
        "root.handlers[0]: there is no handler \"fille\"; did you mean \"file\"?",
        "root.levl: unknown key; did you mean \"level\"?",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
}

#[test]
fn pythons_door_overlooks_unknown_keys_and_a_key_closes_it() {
    let text = "version: 1\nlogers: {}\n";
    let registry = Registry::new();
    assert!(yaml(text).with_door(Door::python()).check(&registry).is_ok());
    assert!(yaml(text).check(&registry).is_err());
    let strict = format!("{text}sawmill: {{unknown_keys: refuse}}\n");
    assert!(yaml(&strict).with_door(Door::python()).check(&registry).is_err());
}

#[test]
fn a_refused_configuration_changes_nothing_and_leaves_no_file() {
    for drain in [Drain::Inline, Drain::Thread] {
        let folder = Folder::new(&format!("refused-{drain:?}"));
        std::fs::write(folder.path("old.log"), "kept\n").unwrap();
        let runtime = runtime(drain);
        let capture = CaptureHandler::new();
        let records = capture.records();
        runtime.root().add_handler(capture).unwrap();
        let config = yaml(&format!(
            "version: 1\nhandlers:\n  \
             a: {{class: logging.FileHandler, filename: '{}', mode: w}}\n  \
             b: {{class: logging.FileHandler, filename: '{}'}}\n  \
             c: {{class: logging.FileHandler, filename: '{}'}}\n\
             root: {{level: DEBUG, handlers: [a]}}\n",
            folder.path("old.log"),
            folder.path("new.log"),
            folder.path("no/such/folder.log"),
        ));
        let error = config.apply_to(&runtime, &Registry::new()).unwrap_err();
        assert!(error.to_string().contains("handlers.c: cannot open"), "{error}");
        assert_eq!(folder.names(), ["old.log"]);
        assert_eq!(std::fs::read_to_string(folder.path("old.log")).unwrap(), "kept\n");
        assert_eq!(runtime.root().level(), Level::WARNING);
        sawmill::warning!(logger: runtime.root(), "still here");
        assert!(runtime.flush(LONG).is_complete());
        assert_eq!(records.messages(), ["still here"]);
    }
}

#[test]
fn names_of_ones_own_make_handlers_filters_values_and_prefixes() {
    let runtime = runtime(Drain::Thread);
    let capture = CaptureHandler::new();
    let records = capture.records();
    let handler = HandlerRef::new(capture);
    let mut registry = Registry::new();
    registry
        .handler("app.Capture", move |_| Ok(handler.clone()))
        .filter("app.Short", |args| {
            let limit = args.integer("limit").unwrap_or(0) as usize;
            Ok(FilterRef::new(move |record: &mut LogRecord<'_>| {
                record.message().is_ok_and(|message| message.len() <= limit)
            }))
        })
        .value("app.LIMIT", 5)
        .prefix("shout", |text| Ok(Node::from(text.to_uppercase())));
    let config = yaml(
        "version: 1\n\
         filters: {short: {(): app.Short, limit: 'ext://app.LIMIT'}}\n\
         handlers: {h: {(): app.Capture, filters: [short]}}\n\
         root: {level: 'shout://info', handlers: [h]}\n",
    );
    config.apply_to(&runtime, &registry).unwrap();
    sawmill::info!(logger: runtime.root(), "short");
    sawmill::info!(logger: runtime.root(), "far too long");
    sawmill::debug!(logger: runtime.root(), "low");
    assert!(runtime.flush(LONG).is_complete());
    assert_eq!(records.messages(), ["short"]);
}

#[test]
fn large_files_of_mistakes_are_refused_before_anybody_loses_patience() {
    // Each was compared with every other, or told one by one, and took minutes.
    let ids: Vec<String> = (0..20_000).map(|at| format!("h{at}")).collect();
    let classes = format!(
        "[loggers]\nkeys=root\n[handlers]\nkeys={}\n[formatters]\nkeys=\n\
         [logger_root]\nhandlers=\n[handler_h]\nclass=StStStreamHandler\nargs=()\n",
        "h,".repeat(20_000)
    );
    let handlers = format!("version: 1\nroot: {{handlers: [{}]}}\n", ids.join(", "));
    let keys = format!("version: 1\n{}: 1\n", ids.join(": 1\n"));
    for config in [Config::from_ini(&classes).unwrap(), yaml(&handlers), yaml(&keys)] {
        let refused = config.check(&Registry::new()).unwrap_err();
        assert_eq!(refused.problems().len(), 1001);
    }
}

#[test]
fn bombs_of_aliases_and_chains_of_references_are_refused_with_their_place() {
    let mut aliases = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for at in 1..12 {
        let inner = format!("*a{}, ", at - 1).repeat(10);
        aliases += &format!("a{at}: &a{at} [{}]\n", inner.trim_end_matches(", "));
    }
    let error = Config::from_yaml(&aliases).unwrap_err().to_string();
    assert!(error.contains("line ") && error.contains("more than 250000 values"), "{error}");

    let mut chain = String::from("version: 1\nroot: {level: cfg://k0}\nk9999: INFO\n");
    for at in 0..9999 {
        chain += &format!("k{at}: cfg://k{}\n", at + 1);
    }
    let refused = yaml(&chain).with_door(Door::python()).check(&Registry::new()).unwrap_err();
    let text = refused.to_string();
    assert!(text.starts_with("root.level: ") && text.contains("too deep"), "{text}");
    assert!(text.len() < 1000, "{} bytes of error", text.len());
}

#[test]
fn reconfigurations_under_load_lose_nothing() {
    let folder = Folder::new("load");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_reconfigure"))
        .args(["--times", "200", "--threads", "4", "--records", "20000", "--dir"])
        .arg(folder.path("files"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("20000 lines in 200 files"), "{said}");
}

#[test]
fn mutated_configurations_neither_panic_nor_hang_their_readers() {
    let folder = Folder::new("fuzz");
    for format in ["yaml", "json", "toml", "ini", "patterns", "messages"] {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_fuzz-config"))
            .args(["--format", format, "--seconds", "1", "--limit", "60", "--keep"])
            .arg(folder.path("found"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{format}: {said}{wrong}");
        assert!(said.contains("; 0 panics"), "{said}");
    }
}

#[test]
fn json_toml_and_serde_values_say_the_same() {
    let json = r#"{"version": 1, "handlers": {"h": {"class": "logging.NullHandler"}},
                   "root": {"level": "INFO", "handlers": ["h"]}}"#;
    let toml = "version = 1\n[handlers.h]\nclass = 'logging.NullHandler'\n\
                [root]\nlevel = 'INFO'\nhandlers = ['h']\n";
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    let configs = [
        Config::from_json(json).unwrap(),
        Config::from_toml(toml).unwrap(),
        Config::from_value(&value).unwrap(),
    ];
    for config in configs {
        let runtime = runtime(Drain::Inline);
        config.apply_to(&runtime, &Registry::new()).unwrap();
        assert_eq!(runtime.root().level(), Level::INFO);
        assert_eq!(runtime.root().handlers()[0].name().as_deref(), Some("h"));
    }
}
