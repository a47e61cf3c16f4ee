//! What is mutated: the configurations of the scenarios, those of Python's HOWTO and cookbook
//! among them, and a few for what no scenario has.

use crate::target::Target;
use crate::write;
use sawmill::config::Node;
use std::path::{Path, PathBuf};

/// An input to begin with.
pub(crate) struct Seed {
    pub(crate) text: String,
    /// The same as a tree, where it is one.
    pub(crate) tree: Option<Node>,
}

pub(crate) fn read(format: Target) -> Vec<Seed> {
    let mut seeds = Vec::new();
    match format {
        Target::Patterns => {
            let mut patterns: Vec<String> = PATTERNS.iter().map(|it| it.to_string()).collect();
            for tree in trees() {
                collect_patterns(&tree, &mut patterns);
            }
            patterns.sort();
            patterns.dedup();
            seeds.extend(patterns.into_iter().map(|text| Seed { text, tree: None }));
        }
        Target::Ini => {
            let texts = files("ini").into_iter().chain(INIS.iter().map(|it| it.to_string()));
            seeds.extend(texts.map(|text| Seed { text, tree: None }));
        }
        Target::Messages => {
            let inis = files("ini").into_iter().map(|text| Seed { text, tree: None });
            seeds.extend(inis);
            seeds.extend(
                trees().into_iter().map(|tree| Seed { text: write::json(&tree), tree: Some(tree) }),
            );
        }
        Target::Yaml => {
            seeds.extend(YAMLS.iter().map(|it| Seed { text: it.to_string(), tree: None }));
            for text in files("yaml") {
                let tree = tree(&text);
                seeds.push(Seed { text, tree });
            }
        }
        Target::Json => {
            seeds.extend(
                trees().into_iter().map(|tree| Seed { text: write::json(&tree), tree: Some(tree) }),
            );
        }
        Target::Toml => {
            seeds.extend(TOMLS.iter().map(|it| Seed { text: it.to_string(), tree: None }));
            seeds.extend(
                trees().into_iter().map(|tree| Seed { text: write::toml(&tree), tree: Some(tree) }),
            );
        }
    }
    assert!(seeds.len() > 10, "only {} inputs to begin with", seeds.len());
    seeds
}

fn files(extension: &str) -> Vec<String> {
    let scenarios = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(scenarios).expect("the scenarios are there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder can be listed").path().join("config"))
        .map(|path| path.with_extension(extension))
        .collect();
    paths.sort();
    paths.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect()
}

/// YAML's reader takes JSON as well.
fn tree(text: &str) -> Option<Node> {
    sawmill::config::Config::from_yaml(text).ok()?.mapping().cloned()
}

fn trees() -> Vec<Node> {
    let texts = files("yaml").into_iter().chain(files("json"));
    texts.chain(YAMLS.iter().map(|it| it.to_string())).filter_map(|text| tree(&text)).collect()
}

fn collect_patterns(node: &Node, found: &mut Vec<String>) {
    match node {
        Node::Map(map) => {
            for (key, value) in map.iter() {
                match (key, value) {
                    ("format" | "fmt" | "datefmt", Node::Str(text)) => found.push(text.clone()),
                    _ => collect_patterns(value, found),
                }
            }
        }
        Node::List(items) => items.iter().for_each(|item| collect_patterns(item, found)),
        _ => {}
    }
}

const YAMLS: &[&str] = &[
    "a: &a {b: [1, 2.5, ~, yes, 0x1f, 0o7, 017, 1:30, .inf, -.NaN, 2001-12-14]}\nc: *a\nd:\n  <<: *a\n  e: >-\n    folded\n    text\n  f: |\n    kept\n",
    "version: 1\nhandlers:\n  q: {class: logging.handlers.QueueHandler, handlers: [n], respect_handler_level: true}\n  n: {class: logging.NullHandler, level: cfg://custom.levels[0]}\ncustom: {levels: [DEBUG, cfg://custom.other], other: 'ext://logging.INFO'}\nroot: {handlers: [q], level: cfg://custom.levels[1]}\n",
    "version: 1\nhandlers:\n  m: {class: logging.handlers.MemoryHandler, capacity: 10, target: n, flushLevel: ERROR}\n  n: {class: logging.NullHandler}\nloggers: {a: {handlers: [m], propagate: no}, a.b: {level: 7}}\nincremental: false\nsawmill: {unknown_keys: refuse, overflow: wait}\n",
    "%YAML 1.1\n---\n!!map {version: !!int '1', ? root : {level: !!str INFO}}\n...\n",
];

const TOMLS: &[&str] = &[
    "version = 1\n[formatters.brief]\nformat = '%(message)s'\n[handlers.console]\nclass = \"logging.StreamHandler\"\nformatter = \"brief\"\nstream = \"ext://sys.stdout\"\n[loggers.\"a.b\"]\nlevel = \"DEBUG\"\n[root]\nhandlers = [\"console\"]\n",
    "version = 1\ndisable_existing_loggers = false\na.b.c = 1_000\nd = 1979-05-27T07:32:00Z\ne = [0x1f, 0o7, 0b1, inf, -nan, 1e3]\nf = '''x\ny'''\n[[g]]\nh = {i = 1}\n",
];

const INIS: &[&str] = &[
    "[loggers]\nkeys=root\n[handlers]\nkeys=a,b\n[formatters]\nkeys=f\n[logger_root]\nlevel=NOTSET\nhandlers=a,b\n[handler_a]\nclass=handlers.MemoryHandler\nargs=(10, logging.ERROR)\ntarget=b\n[handler_b]\nclass=NullHandler\nlevel=%(lvl)s\n[formatter_f]\nclass=logging.Formatter\nformat=%(asctime)s {x} %%(message)s\nstyle=%\ndefaults={'a': 1, 'b': [2.5, None, True, (1,), 'x' \"y\"]}\n[DEFAULT]\nlvl=WARNING\n",
    "[loggers]\nkeys : root , a\n[handlers]\nkeys=\n[formatters]\nkeys=\n; comment\n[logger_root]\nhandlers=\n[logger_a]\nqualname=a.b\n  .c\npropagate=1\nhandlers=\nlevel=%(x)s%(y)s\nx=IN\ny=FO\n",
];

const PATTERNS: &[&str] = &[
    "%(asctime)s %(levelname)-8s %(name)s:%(lineno)5d [%(process)#010x] %(message).20s %(user)r",
    "%(created)+012.3f %(msecs)03d %(relativeCreated)e %(thread)G %(user)5.1a %% %(list)s",
    "{asctime} {levelname:<8} {name:^20.10} {lineno:+#_x} {message!r:>{lineno}} {list[1]} {map[k]}",
    "{created:+,.3f} {process:010_d} {msecs:e} {thread:%} {{}} {user!a:*^30s} {float:g}",
    "$asctime ${levelname} $$ $name ${message}",
    "%Y-%m-%dT%H:%M:%S.%3f%z %Z %j %U %a %^A %-d %_5e %010Y %c %s %G-W%V-%u %Ey %Od",
];
