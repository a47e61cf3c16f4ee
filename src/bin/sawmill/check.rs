//! `sawmill check`: configuration files, checked and described.

use crate::text::json;
use sawmill::config::{Door, Earlier, Node, Registry};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Configurations, checked as if one were applied after the other.
    #[arg(required = true)]
    configs: Vec<PathBuf>,
    /// Prints one JSON object a file.
    #[arg(long)]
    json: bool,
    /// Refuses unknown keys and suggests known ones, as sawmill's own door does.
    #[arg(long)]
    strict: bool,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    let registry = Registry::new();
    let mut earlier = Earlier::default();
    let mut good = true;
    let mut text = String::new();
    for path in &options.configs {
        let name = path.display().to_string();
        match check(path, options.strict, &registry, &mut earlier) {
            Ok(found) if options.json => {
                let pairs = [("file", Node::from(name)), ("valid", true.into()), ("tree", found)];
                let _ = writeln!(text, "{}", json(&Node::map(pairs)));
            }
            Ok(found) => describe(&name, &found, &mut text),
            Err(problems) => {
                good = false;
                if options.json {
                    let pairs = [
                        ("file", Node::from(name)),
                        ("valid", false.into()),
                        ("problems", Node::list(problems)),
                    ];
                    let _ = writeln!(text, "{}", json(&Node::map(pairs)));
                } else {
                    for problem in problems {
                        // A key or a pattern may hold line breaks; a problem takes one line.
                        let line = on_one_line(&problem);
                        let _ = writeln!(text, "{name}: {line}");
                    }
                }
            }
        }
    }
    let _ = std::io::stdout().write_all(text.as_bytes());
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Describes one file, or tells its problems.
fn check(
    path: &std::path::Path,
    strict: bool,
    registry: &Registry,
    earlier: &mut Earlier,
) -> Result<Node, Vec<String>> {
    let door = if strict { Door::sawmill() } else { Door::python() };
    let config = crate::load(path).map_err(|error| {
        // The file is named before each of its problems.
        let text = error.to_string();
        let named = format!("{}: ", path.display());
        vec![text.strip_prefix(&named).unwrap_or(&text).to_owned()]
    })?;
    match config.with_door(door).check_after(registry, earlier) {
        Ok(plan) => Ok(plan.describe(earlier)),
        Err(refused) => Err(refused.problems().iter().map(ToString::to_string).collect()),
    }
}

fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for each in text.chars() {
        match each {
            each if each.is_control() => line.extend(each.escape_default()),
            each => line.push(each),
        }
    }
    line
}

fn describe(name: &str, found: &Node, text: &mut String) {
    let _ = writeln!(text, "{name}: valid");
    let empty = Node::default();
    let get = |node: &'_ Node, key: &str| node.get(key).cloned().unwrap_or(empty.clone());
    let plain = |node: &Node| match node {
        Node::Str(text) => text.clone(),
        other => json(other),
    };
    let list = |node: &Node| {
        let items = node.as_list().unwrap_or_default();
        items.iter().map(&plain).collect::<Vec<_>>().join(", ")
    };
    let section = |title: &str, node: Node, text: &mut String, line: &dyn Fn(&Node) -> String| {
        if let Node::Map(map) = &node
            && !map.is_empty()
        {
            let _ = writeln!(text, "  {title}");
            for (key, value) in map.iter() {
                let _ = writeln!(text, "    {key}: {}", line(value));
            }
        }
    };
    section("loggers", get(found, "loggers"), text, &|it| {
        let mut line =
            format!("{} ({})", plain(&get(it, "level")), plain(&get(it, "effective_level")));
        if get(it, "propagate") == Node::Bool(false) {
            line += ", does not propagate";
        }
        for key in ["handlers", "filters"] {
            let names = list(&get(it, key));
            if !names.is_empty() {
                line += &format!(", {key} {names}");
            }
        }
        line
    });
    section("handlers", get(found, "handlers"), text, &|it| {
        let mut line = format!("{} at {}", plain(&get(it, "class")), plain(&get(it, "level")));
        for (key, title) in [("formatter", "formatter"), ("file", "file"), ("writes_to", "to")] {
            if let Node::Str(value) = get(it, key) {
                line += &format!(", {title} {value}");
            }
        }
        for key in ["filters", "targets"] {
            let names = list(&get(it, key));
            if !names.is_empty() {
                line += &format!(", {key} {names}");
            }
        }
        line
    });
    section("levels of handlers in place", get(found, "handler_levels"), text, &plain);
    section("formatters", get(found, "formatters"), text, &plain);
    section("filters", get(found, "filters"), text, &plain);
    for (key, title) in [("disabled", "disables"), ("reset", "resets")] {
        let names = list(&get(found, key));
        if !names.is_empty() {
            let _ = writeln!(text, "  {title} the existing loggers {names}");
        }
    }
}
