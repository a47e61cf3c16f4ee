//! `sawmill check`: what it prints, and how it ends.

use std::path::PathBuf;
use std::process::{Command, Output};

const COMMAND: &str = env!("CARGO_BIN_EXE_sawmill-under-test");

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let name = format!("sawmill-check-{}-{name}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        std::fs::create_dir_all(&folder.0).unwrap();
        for (name, text) in files {
            std::fs::write(folder.0.join(name), text).unwrap();
        }
        folder
    }

    fn check(&self, arguments: &[&str]) -> (Output, Vec<String>) {
        let mut command = Command::new(COMMAND);
        let output = command.arg("check").args(arguments).current_dir(&self.0).output().unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (output, text.lines().map(str::to_owned).collect())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const GOOD: &str = r#"
version: 1
formatters:
  brief: {format: "%(message)s"}
handlers:
  out: {class: logging.StreamHandler, stream: "ext://sys.stdout", formatter: brief, level: INFO}
  err: {class: logging.StreamHandler}
  file: {class: logging.FileHandler, filename: app.log}
  mem: {class: logging.handlers.MemoryHandler, capacity: 10, target: file}
  peer: {class: logging.handlers.SocketHandler, host: localhost, port: 9020}
loggers:
  db: {level: DEBUG, handlers: [mem], propagate: no}
  db.pool: {}
root: {level: WARNING, handlers: [out, err]}
"#;

#[test]
fn the_tree_shows_effective_levels_and_where_each_handler_writes() {
    let folder = Folder::new("tree", &[("a.yaml", GOOD), ("b.yaml", "version: 1\nroot: {}\n")]);
    let (output, lines) = folder.check(&["a.yaml", "b.yaml"]);
    assert!(output.status.success());
    for line in [
        "a.yaml: valid",
        "    root: WARNING (WARNING), handlers out, err",
        "    db: DEBUG (DEBUG), does not propagate, handlers mem",
        "    db.pool: NOTSET (DEBUG)",
        "    out: logging.StreamHandler at INFO, formatter brief, to stdout",
        "    err: logging.StreamHandler at NOTSET, to stderr",
        "    file: logging.FileHandler at NOTSET, file app.log",
        "    mem: logging.handlers.MemoryHandler at NOTSET, targets file",
        "    peer: logging.handlers.SocketHandler at NOTSET, to localhost:9020",
        "b.yaml: valid",
        "  disables the existing loggers db, db.pool",
    ] {
        assert!(lines.iter().any(|it| it == line), "{line}: {lines:#?}");
    }
    assert!(!folder.0.join("app.log").exists(), "it opened a file");
}

#[test]
fn json_says_the_same_one_object_a_file() {
    let folder = Folder::new("json", &[("a.yaml", GOOD), ("b.json", "{\"version\": 2}")]);
    let (output, lines) = folder.check(&["--json", "a.yaml", "b.json"]);
    assert_eq!(output.status.code(), Some(1));
    let read = |line: &String| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let [good, bad] = &lines.iter().map(read).collect::<Vec<_>>()[..] else {
        panic!("{lines:#?}");
    };
    assert_eq!((&good["file"], &good["valid"]), (&"a.yaml".into(), &true.into()));
    let tree = &good["tree"];
    assert_eq!(tree["loggers"]["db.pool"]["effective_level"], "DEBUG");
    assert_eq!(tree["handlers"]["out"]["writes_to"], "stdout");
    assert_eq!(tree["handlers"]["file"]["file"], "app.log");
    assert_eq!((&bad["file"], &bad["valid"]), (&"b.json".into(), &false.into()));
    assert!(bad["problems"][0].as_str().unwrap().starts_with("version: "), "{bad}");
}

#[test]
fn every_problem_takes_one_line_and_names_its_file_once() {
    let wrong = "version: 1\nhandlers:\n  a: {class: logging.FileHandlr}\n  \
                 b: {class: logging.FileHandler}\nroot: {handlers: [\"no\\nsuch\"]}\n";
    let files = [
        ("wrong.yaml", wrong),
        ("open.yaml", "version: 1\n  bad: [\n"),
        ("open.toml", "version = 1\nroot = \n"),
        ("open.json", "{\"version\": 1,\n \"root\": }"),
        ("other.txt", ""),
    ];
    let folder = Folder::new("problems", &files);
    let names = ["wrong.yaml", "open.yaml", "open.toml", "open.json", "other.txt", "none.ini"];
    let (output, lines) = folder.check(&names);
    assert_eq!(output.status.code(), Some(1));
    let starts = [
        "wrong.yaml: handlers.a.class: cannot resolve \"logging.FileHandlr\" as a handler; did you \
         mean \"logging.FileHandler\"?",
        "wrong.yaml: handlers.b: logging.FileHandler needs the argument \"filename\"",
        "wrong.yaml: root.handlers[0]: there is no handler \"no\\nsuch\"",
        "open.yaml: mapping values are not allowed",
        "open.toml: line 2, column 8: ",
        "open.json: expected value at line 2 column 10",
        "other.txt: unknown format",
        "none.ini: cannot read none.ini: ",
    ];
    assert_eq!(lines.len(), starts.len(), "{lines:#?}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{start}: {lines:#?}");
    }
}

#[test]
fn the_strict_manner_refuses_keys_that_mean_nothing() {
    let folder = Folder::new("strict", &[("a.yaml", "version: 1\nroot: {levl: INFO}\n")]);
    assert!(folder.check(&["a.yaml"]).0.status.success());
    let (output, lines) = folder.check(&["--strict", "a.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(lines, ["a.yaml: root.levl: unknown key; did you mean \"level\"?"]);
}
