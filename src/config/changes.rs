//! What one configuration says otherwise than another, in words.

use super::Source;
use super::node::Node;
use std::fmt;

/// How many differences are told one by one.
const MOST: usize = 20;

/// Keys whose values may stand in a log. Those of others may be secrets: they are told to differ.
const SHOWN: &[&str] = &[
    "level",
    "handlers",
    "filters",
    "propagate",
    "formatter",
    "class",
    "()",
    "style",
    "disable_existing_loggers",
    "incremental",
    "version",
];

/// Differences, one by one.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<String>);

impl Changes {
    /// What `new` says otherwise than `old`; all of it, if there is no old one.
    pub(super) fn between(old: Option<&Source>, new: &Source) -> Self {
        let mut changes = Self::default();
        match old {
            Some(old) => changes.compare(Some(&tree(old)), Some(&tree(new)), &mut Vec::new()),
            None => changes.0.push("the first configuration".to_owned()),
        }
        changes
    }

    /// All that `source` says: it stands on what is in place.
    pub(super) fn all(source: &Source) -> Self {
        let mut changes = Self::default();
        let nothing = Node::Map(super::Map::new());
        changes.compare(Some(&nothing), Some(&tree(source)), &mut Vec::new());
        changes
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn compare(&mut self, old: Option<&Node>, new: Option<&Node>, path: &mut Vec<String>) {
        let shows = path.last().is_some_and(|key| SHOWN.contains(&key.as_str()));
        match (old, new) {
            (Some(Node::Map(old)), Some(Node::Map(new))) => {
                for (key, value) in old.iter() {
                    path.push(key.to_owned());
                    self.compare(Some(value), new.get(key), path);
                    path.pop();
                }
                for (key, value) in new.iter().filter(|(key, _)| !old.contains(key)) {
                    path.push(key.to_owned());
                    self.compare(None, Some(value), path);
                    path.pop();
                }
            }
            (Some(old), Some(new)) if old == new => {}
            (Some(old), Some(new)) if shows => self.add(path, format_args!(": {old} -> {new}")),
            (None, Some(new)) if shows => self.add(path, format_args!(": {new}")),
            (Some(old), None) if shows => self.add(path, format_args!(": {old} removed")),
            (None, Some(Node::Map(map))) if path.len() < 2 && !map.is_empty() => {
                for (key, value) in map.iter() {
                    path.push(key.to_owned());
                    self.compare(None, Some(value), path);
                    path.pop();
                }
            }
            (None, Some(_)) => self.add(path, format_args!(" added")),
            (Some(_), None) => self.add(path, format_args!(" removed")),
            _ => self.add(path, format_args!(" changed")),
        }
    }

    fn add(&mut self, path: &[String], what: fmt::Arguments<'_>) {
        self.0.push(format!("{}{what}", path.join(".")));
    }
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no difference");
        }
        f.write_str(&self.0[..self.0.len().min(MOST)].join(", "))?;
        match self.0.len() {
            all if all > MOST => write!(f, ", and {} more", all - MOST),
            _ => Ok(()),
        }
    }
}

/// A configuration as a tree; INI as sections of options.
fn tree(source: &Source) -> Node {
    match source {
        Source::Mapping(node) => node.clone(),
        #[cfg(feature = "ini")]
        Source::Ini { text, name } => super::ini::sections(text, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Map;

    fn handler(level: &str, password: &str) -> Node {
        Node::map([("level", level), ("class", "x.Mail"), ("credentials", password)])
    }

    fn source(handlers: &[(&str, Node)], root: &str) -> Source {
        let handlers: Map = handlers.iter().cloned().collect();
        Source::Mapping(Node::map([
            ("version", Node::from(1)),
            ("handlers", handlers.into()),
            ("root", Node::map([("level", root)])),
        ]))
    }

    #[test]
    fn differences_are_told_by_their_paths_and_secrets_are_not() {
        let old = source(&[("mail", handler("ERROR", "hunter2")), ("gone", Node::Null)], "INFO");
        let new = source(&[("mail", handler("ERROR", "secret")), ("new", Node::Null)], "DEBUG");
        let changes = Changes::between(Some(&old), &new).to_string();
        assert_eq!(
            changes,
            "handlers.mail.credentials changed, handlers.gone removed, handlers.new added, \
             root.level: \"INFO\" -> \"DEBUG\""
        );
        assert_eq!(Changes::between(Some(&new), &new).to_string(), "no difference");
        assert_eq!(Changes::between(None, &new).to_string(), "the first configuration");
    }

    #[test]
    fn many_differences_are_cut_short() {
        let many: Vec<(String, Node)> = (0..50).map(|at| (format!("h{at}"), Node::Null)).collect();
        let many: Vec<(&str, Node)> = many.iter().map(|(id, it)| (&**id, it.clone())).collect();
        let changes = Changes::between(Some(&source(&[], "INFO")), &source(&many, "INFO"));
        assert_eq!(changes.len(), 50);
        assert!(changes.to_string().ends_with("handlers.h19 added, and 30 more"), "{changes}");
    }

    #[cfg(feature = "ini")]
    #[test]
    fn options_of_ini_files_are_told_by_their_sections() {
        let ini = |level: &str| Source::Ini {
            text: format!(
                "[logger_root]\nlevel={level}\nhandlers=a\n[handler_a]\nargs=('{level}',)\n"
            ),
            name: "x.ini".to_owned(),
        };
        let changes = Changes::between(Some(&ini("INFO")), &ini("DEBUG")).to_string();
        assert_eq!(changes, "logger_root.level: \"INFO\" -> \"DEBUG\", handler_a.args changed");
    }
}
