//! Holds the sources to the order of the modules: who may name whom, where `unsafe` may stand, and
//! which file may name the standard library's synchronisation.
//!
//! The compiler permits circles inside a crate, so the order is read from the sources: every path
//! that begins with `crate`, `super`, `std`, `core` or `alloc` outside of `#[cfg(test)]` items and
//! the files they declare, macro bodies included.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The row: a module names only those to its left. A bar separates the parts of the library, a
/// comma two modules that do not know each other.
const ROW: &str = "
    sync sys error clock | level value callsite node | capture decode text record | seat | lane
    | binary filter format handler | tree | front, drain | runtime | python | config | global bridge
    | init macros private docs lib
";

/// The places where `unsafe` may stand.
const UNSAFE_IN: &[&str] = &["lane", "clock::counter", "sys"];

/// Python's quirks, and who may name them.
const QUIRKS: &[(&str, &[&str])] = &[
    ("python", &["config", "lib"]),
    // How Python's formatters and its `%` show values.
    ("format::pyconv", &["format", "python", "config"]),
];

/// What of the standard library only `sync` may name, and what of that is no synchronisation.
const SYNC_ONLY: &[&str] = &["sync", "thread::park", "thread::park_timeout", "thread::Thread"];
const NOT_SYNC: &[&str] = &["sync::PoisonError", "sync::LockResult"];

#[test]
fn each_module_names_only_those_to_its_left() {
    hold(|source, name| match name.path.split_first() {
        Some((root, path)) if root == "crate" => order(&source.layer(), path),
        _ => None,
    });
}

#[test]
fn pythons_quirks_are_named_by_the_configuration_only() {
    hold(|source, name| {
        let path = name.path.strip_prefix(&["crate".to_string()])?.join("::");
        let (quirk, users) = QUIRKS.iter().find(|(quirk, _)| is_within(&path, quirk))?;
        let module = source.module.join("::");
        let may = is_within(&module, quirk) || users.contains(&source.layer().as_str());
        (!may).then(|| format!("names `{quirk}`, which only {users:?} may"))
    });
}

#[test]
fn only_sync_names_the_standard_librarys_synchronisation() {
    hold(|source, name| {
        let (root, path) = name.path.split_first()?;
        if !["std", "core", "alloc"].contains(&root.as_str()) || source.layer() == "sync" {
            return None;
        }
        let path = path.join("::");
        let forbidden = SYNC_ONLY.iter().any(|sync| is_within(&path, sync))
            && !NOT_SYNC.iter().any(|other| is_within(&path, other));
        forbidden.then(|| format!("names `{root}::{path}`; take it from `crate::sync`"))
    });
}

#[test]
fn unsafe_stands_only_where_it_may() {
    hold(|source, name| {
        let is_unsafe = name.path == ["unsafe"] || name.path == ["unsafe_code"];
        let module = source.module.join("::");
        let may = UNSAFE_IN.iter().any(|place| is_within(&module, place));
        (is_unsafe && !may).then(|| format!("says `{}`; only {UNSAFE_IN:?} may", name.path[0]))
    });
}

#[test]
fn every_module_has_a_place_in_the_row() {
    let row: Vec<&str> = ROW.split([' ', '\n', '|', ',']).filter(|name| !name.is_empty()).collect();
    let sources = sources();
    let lost: Vec<_> = sources
        .iter()
        .filter(|source| !row.contains(&source.layer().as_str()))
        .map(|source| source.file.display().to_string())
        .collect();
    assert!(lost.is_empty(), "these belong to no module of the row: {lost:#?}");
    assert!(sources.len() > 20, "only {} sources were found", sources.len());
}

mod the_reader_of_sources {
    use super::*;

    fn findings(module: &[&str], text: &str) -> Vec<String> {
        let source = Source {
            file: PathBuf::from("here.rs"),
            module: module.iter().map(|name| name.to_string()).collect(),
            names: names(&module.iter().map(|name| name.to_string()).collect::<Vec<_>>(), text),
        };
        source.names.iter().map(|name| format!("{}:{}", name.line, name.path.join("::"))).collect()
    }

    #[test]
    fn sees_paths_in_use_trees_code_and_macros() {
        let text = "use crate::{level::{self, Level as L}, sync::*};\nuse std::{fmt, sync::Arc};\n\
            fn f() { vec![crate::tree::Logger::<u8>::new()]; }\n\
            macro_rules! m { () => { $crate::drain::go() } }";
        assert_eq!(
            findings(&["filter"], text),
            [
                "1:crate::level",
                "1:crate::level::Level",
                "1:crate::sync::*",
                "2:std::fmt",
                "2:std::sync::Arc",
                "3:crate::tree::Logger",
                "4:crate::drain::go",
            ]
        );
    }

    #[test]
    fn follows_super_out_of_files_and_inline_modules() {
        assert_eq!(findings(&["filter"], "use super::tree::X;"), ["1:crate::tree::X"]);
        assert_eq!(
            findings(
                &["lane", "hub"],
                "mod deep {\nuse super::super::super::drain;\n}\nuse super::Y;"
            ),
            ["2:crate::drain", "4:crate::lane::Y"]
        );
    }

    #[test]
    fn passes_over_tests_comments_and_text() {
        let text = "/// [`crate::tree`]\nconst A: &str = \"unsafe crate::tree\"; // crate::drain\n\
            #[cfg(test)]\nmod tests { use crate::runtime::Runtime; unsafe fn f() {} }\n\
            #[cfg(test)]\nuse crate::{drain, tree};\n#[cfg(not(test))]\nuse crate::sync;";
        assert_eq!(findings(&["filter"], text), ["8:crate::sync"]);
    }

    #[test]
    fn knows_the_files_that_are_tests() {
        let text =
            "#[cfg(test)]\n#[path = \"x.rs\"]\nmod tests;\nmod other;\n#[cfg(test)] mod t {}";
        assert_eq!(test_modules(&["a".into()], text), [["a", "tests"]]);
    }

    #[test]
    fn sees_unsafe_in_code_and_attributes() {
        let text =
            "#![allow(unsafe_code)]\nfn f() { unsafe { g() } }\n#[unsafe(no_mangle)] fn h() {}";
        assert_eq!(findings(&["a"], text), ["1:unsafe_code", "2:unsafe", "3:unsafe"]);
    }

    #[test]
    fn knows_the_row() {
        let path = |path: &str| path.split("::").map(String::from).collect::<Vec<_>>();
        assert_eq!(order("filter", &path("level::Level")), None);
        assert_eq!(order("filter", &path("filter::Filter")), None);
        assert!(order("filter", &path("handler::Handler")).unwrap().contains("right"));
        assert!(order("drain", &path("front::emit")).unwrap().contains("not know"));
        assert_eq!(order("drain", &path("tree::Logger")), None);
        assert!(order("filter", &path("Level")).unwrap().contains("root"));
    }
}

/// A file of the library.
struct Source {
    file: PathBuf,
    /// Its module's path; empty for the root.
    module: Vec<String>,
    names: Vec<Name>,
}

/// A path, `unsafe` or `unsafe_code`, where the file names it. Paths begin with `crate` or a
/// standard crate.
struct Name {
    line: usize,
    path: Vec<String>,
}

impl Source {
    fn layer(&self) -> String {
        self.module.first().map_or("lib", String::as_str).to_string()
    }
}

/// Applies `rule` to every name of every file and fails with everything it finds.
fn hold(rule: impl Fn(&Source, &Name) -> Option<String>) {
    let mut found = Vec::new();
    for source in sources() {
        for name in &source.names {
            if let Some(what) = rule(source, name) {
                found.push(format!("{}:{}: {what}", source.file.display(), name.line));
            }
        }
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// What is wrong with `layer` naming `path`, a path below the crate.
fn order(layer: &str, path: &[String]) -> Option<String> {
    let target = path.first()?;
    let (own, own_set) = place(layer)?;
    let shown = path.join("::");
    let Some((other, other_set)) = place(target) else {
        return (!["lib", "macros", "private"].contains(&layer))
            .then(|| format!("names `crate::{shown}` through the crate's root; name its module"));
    };
    if layer == target || other < own && other_set != own_set {
        return None;
    }
    Some(if other_set == own_set {
        format!("names `crate::{shown}`, but `{layer}` and `{target}` do not know each other")
    } else {
        format!("names `crate::{shown}`, but `{target}` stands to the right of `{layer}`")
    })
}

/// The place of a module in the row, and the number of the set of strangers it belongs to.
fn place(module: &str) -> Option<(usize, usize)> {
    let mut set = 0;
    let words = ROW.split_whitespace().filter(|word| *word != "|");
    for (at, word) in words.enumerate() {
        if word.trim_end_matches(',') == module {
            return Some((at, set));
        }
        if !word.ends_with(',') {
            set += 1;
        }
    }
    None
}

/// Whether `path` is `prefix` or below it.
fn is_within(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// The library's files, read once.
fn sources() -> &'static [Source] {
    static SOURCES: OnceLock<Vec<Source>> = OnceLock::new();
    SOURCES.get_or_init(read_sources)
}

fn read_sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    files.sort();
    let mut tests = Vec::new();
    let sources = files.into_iter().map(|file| {
        let below = file.strip_prefix(&root).unwrap().with_extension("");
        let mut module: Vec<String> =
            below.iter().map(|part| part.to_str().unwrap().to_string()).collect();
        if module.last().is_some_and(|last| last == "mod" || last == "lib") {
            module.pop();
        }
        let text = fs::read_to_string(&file).unwrap();
        let names = names(&module, &text);
        tests.extend(test_modules(&module, &text));
        Source { file: Path::new("src").join(file.strip_prefix(&root).unwrap()), module, names }
    });
    let sources: Vec<Source> = sources.collect();
    let is_test = |source: &Source| tests.iter().any(|test| source.module.starts_with(test));
    sources.into_iter().filter(|source| !is_test(source)).collect()
}

/// The `.rs` files of the library; the programs under `bin` are crates of their own.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "bin") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn tokens(text: &str) -> Vec<TokenTree> {
    let tokens: TokenStream = text.parse().expect("a source that compiles is made of tokens");
    tokens.into_iter().collect()
}

fn names(module: &[String], text: &str) -> Vec<Name> {
    let mut names = Vec::new();
    walk(&tokens(text), module, &mut names);
    names
}

/// The modules in files of their own that `text` declares for tests only.
fn test_modules(module: &[String], text: &str) -> Vec<Vec<String>> {
    let tokens = tokens(text);
    let tests = (0..tokens.len()).filter(|at| is_test_only(&tokens[*at..]));
    let declared = tests.filter_map(|at| {
        let item = &tokens[at..at + item_length(&tokens[at..])];
        match item {
            [.., TokenTree::Ident(word), TokenTree::Ident(name), end]
                if word == "mod" && is_punct(end, ';') =>
            {
                Some([module, &[name.to_string()]].concat())
            }
            _ => None,
        }
    });
    declared.collect()
}

fn walk(tokens: &[TokenTree], module: &[String], names: &mut Vec<Name>) {
    let mut at = 0;
    while at < tokens.len() {
        if is_test_only(&tokens[at..]) {
            at += item_length(&tokens[at..]);
            continue;
        }
        match &tokens[at] {
            TokenTree::Ident(word) if word == "unsafe" || word == "unsafe_code" => {
                names.push(Name { line: line(word.span()), path: vec![word.to_string()] });
            }
            TokenTree::Ident(word) if word == "mod" => {
                if let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                    (tokens.get(at + 1), tokens.get(at + 2))
                {
                    let inner = [module, &[name.to_string()]].concat();
                    walk(&body.stream().into_iter().collect::<Vec<_>>(), &inner, names);
                    at += 3;
                    continue;
                }
            }
            TokenTree::Ident(word)
                if is_path_sep(tokens, at + 1) && !is_path_sep_before(tokens, at) =>
            {
                if let Some(start) = start_of_path(&word.to_string(), module) {
                    at = path(tokens, at + 3, start, module, line(word.span()), names);
                    continue;
                }
            }
            TokenTree::Group(group) => {
                walk(&group.stream().into_iter().collect::<Vec<_>>(), module, names);
            }
            _ => {}
        }
        at += 1;
    }
}

/// What a path that begins with `word` begins with, seen from the crate's root.
fn start_of_path(word: &str, module: &[String]) -> Option<Vec<String>> {
    let with_crate = |below: &[String]| [&["crate".to_string()], below].concat();
    match word {
        "crate" => Some(with_crate(&[])),
        "super" => Some(with_crate(&module[..module.len().saturating_sub(1)])),
        "std" | "core" | "alloc" => Some(vec![word.to_string()]),
        _ => None,
    }
}

/// Reads what follows a `::`, and returns where it ends.
#[allow(clippy::only_used_in_recursion)]
fn path(
    tokens: &[TokenTree],
    mut at: usize,
    mut read: Vec<String>,
    module: &[String],
    begin: usize,
    names: &mut Vec<Name>,
) -> usize {
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) if word == "super" => {
                read.pop();
            }
            Some(TokenTree::Ident(word)) if word == "self" => {}
            Some(TokenTree::Ident(word)) => read.push(word.to_string()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => read.push("*".to_string()),
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                for branch in inner.split(|token| is_punct(token, ',')) {
                    if let Some(first) = branch.first() {
                        path(branch, 0, read.clone(), module, line(first.span()), names);
                    }
                }
                return at + 1;
            }
            // Type arguments: the path that matters has ended.
            _ => break,
        }
        at += 1;
        if !is_path_sep(tokens, at) {
            break;
        }
        at += 2;
    }
    names.push(Name { line: begin, path: read });
    at
}

/// Whether an item begins here that is compiled for tests only.
fn is_test_only(tokens: &[TokenTree]) -> bool {
    let [hash, TokenTree::Group(attribute), ..] = tokens else { return false };
    let text: String = attribute.stream().to_string().split_whitespace().collect();
    is_punct(hash, '#') && (text == "cfg(test)" || text.starts_with("cfg(all(test,"))
}

/// The tokens of the item that begins here, its attributes included.
fn item_length(tokens: &[TokenTree]) -> usize {
    let mut at = 0;
    while tokens.get(at).is_some_and(|token| is_punct(token, '#')) {
        at += 2;
    }
    let ends_with_semicolon = tokens[at..].iter().take(3).any(|token| {
        matches!(token, TokenTree::Ident(word) if ["use", "static", "type"].iter().any(|k| word == k))
    });
    for (offset, token) in tokens[at..].iter().enumerate() {
        let is_body = matches!(token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
        if is_punct(token, ';') || is_body && !ends_with_semicolon {
            return at + offset + 1;
        }
    }
    tokens.len()
}

fn is_punct(token: &TokenTree, expected: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == expected)
}

fn is_path_sep(tokens: &[TokenTree], at: usize) -> bool {
    matches!(tokens.get(at..at + 2), Some([a, b]) if is_punct(a, ':') && is_punct(b, ':'))
}

fn is_path_sep_before(tokens: &[TokenTree], at: usize) -> bool {
    at >= 2 && is_path_sep(tokens, at - 2)
}

fn line(span: Span) -> usize {
    span.start().line
}
