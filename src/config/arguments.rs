//! The arguments that a configuration gives to a handler, formatter or filter.

use super::node::{Map, Node};
use super::problem::{Problem, Refused, did_you_mean};
use crate::error::Error;
use crate::handler::file::FileMode;
use crate::level::{Level, LevelNames};
use crate::sync::Arc;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What a factory is called with.
///
/// Getters take the argument out and return `None` if it is not there. A value of the wrong kind
/// is noted as a mistake at its key and `None` is returned too, so that a factory can read on and
/// all mistakes are told at once.
#[derive(Debug, Clone)]
pub struct Arguments {
    path: String,
    class: String,
    positional: Vec<Node>,
    named: Vec<(String, Node)>,
    attributes: Map,
    /// What was asked for so far, for suggestions.
    asked: Vec<String>,
    problems: Vec<Problem>,
    levels: Arc<LevelNames>,
    opens: Option<Opens>,
    writes_to: Option<String>,
    pub(super) manner: Manner,
}

/// What differs between the two doors, as far as arguments go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manner {
    /// Attributes that mean nothing to the class are mistakes.
    pub(super) strict: bool,
    /// Formats are read as Python reads them.
    pub(super) python_formats: bool,
    /// Text neutralises control characters.
    pub(super) escape: bool,
    /// The drain writes to the standard streams, without a worker.
    pub(super) sync_streams: bool,
    /// Rotation by time asks the clock, not the record.
    pub(super) rotate_by_clock: bool,
    /// A long record rolls over an empty file.
    pub(super) roll_empty: bool,
    /// A rotated file takes the place of one with its name.
    pub(super) replace_rotated: bool,
    /// A file that others move is left, and its path opened anew.
    pub(super) follow: bool,
    /// A last line without an end is given one.
    pub(super) mend: bool,
    /// What the runtime's clock shows, in nanoseconds since the Unix epoch.
    pub(super) now_ns: Option<i64>,
}

/// A file that a handler will open once the configuration is in force.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Opens {
    pub(super) path: PathBuf,
    pub(super) mode: FileMode,
    /// Its first record opens it.
    pub(super) delay: bool,
}

impl Arguments {
    pub(super) fn new(path: &str, class: &str, levels: Arc<LevelNames>, manner: Manner) -> Self {
        Self {
            path: path.to_owned(),
            class: class.to_owned(),
            positional: Vec::new(),
            named: Vec::new(),
            attributes: Map::new(),
            asked: Vec::new(),
            problems: Vec::new(),
            levels,
            opens: None,
            writes_to: None,
            manner,
        }
    }

    pub(super) fn push(&mut self, name: &str, value: Node) {
        self.named.push((name.to_owned(), value));
    }

    /// Gives an argument a value, whether it has one already by name or by place.
    #[cfg(feature = "ini")]
    pub(super) fn replace(&mut self, name: &str, place: usize, value: Node) {
        self.named.retain(|(known, _)| known != name);
        match self.positional.get_mut(place) {
            Some(given) => *given = value,
            None => self.push(name, value),
        }
    }

    #[cfg(any(test, feature = "ini"))]
    pub(super) fn push_positional(&mut self, value: Node) {
        self.positional.push(value);
    }

    pub(super) fn set_attributes(&mut self, attributes: Map) {
        self.attributes = attributes;
    }

    /// Takes everything over into arguments that a later call reads.
    pub(super) fn hand_over(&mut self) -> Self {
        let empty = Self::new(&self.path, &self.class, self.levels.clone(), self.manner);
        std::mem::replace(self, empty)
    }

    /// The keys that lead to what is being made: `handlers.file`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The class or factory as the configuration names it.
    pub fn class(&self) -> &str {
        &self.class
    }

    /// Notes a mistake at an argument.
    pub fn mistake(&mut self, name: &str, message: impl fmt::Display) {
        let path = match name {
            "" => self.path.clone(),
            name => format!("{}.{name}", self.path),
        };
        self.problems.push(Problem { path, message: message.to_string() });
    }

    /// Gives the positional arguments of an INI file their names; without it they are mistakes.
    pub fn signature(&mut self, names: &[&str]) {
        let positional = std::mem::take(&mut self.positional);
        if positional.len() > names.len() {
            self.mistake(
                "",
                format!(
                    "{} takes at most {} positional arguments, {} were given",
                    self.class,
                    names.len(),
                    positional.len()
                ),
            );
        }
        for (name, value) in names.iter().zip(positional) {
            if self.named.iter().any(|(known, _)| known == name) {
                self.mistake(name, "given twice, by place and by name");
            }
            self.named.push(((*name).to_owned(), value));
        }
        self.asked.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// Takes an argument as it is.
    pub fn take(&mut self, name: &str) -> Option<Node> {
        if !self.asked.iter().any(|known| known == name) {
            self.asked.push(name.to_owned());
        }
        let at = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.remove(at).1)
    }

    /// Takes an argument that must be there.
    pub fn required(&mut self, name: &str) -> Option<Node> {
        let found = self.take(name);
        if found.is_none() {
            self.mistake("", format!("{} needs the argument {name:?}", self.class));
        }
        found
    }

    /// Takes whatever is left, for factories with parameters of any name.
    pub fn rest(&mut self) -> Vec<(String, Node)> {
        std::mem::take(&mut self.named)
    }

    fn wrong(&mut self, name: &str, wanted: &str, found: &Node) {
        self.mistake(name, format!("expected {wanted}, found {} ({found})", found.kind()));
    }

    /// Takes text; null counts as not given.
    pub fn string(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Node::Null => None,
            Node::Str(text) => Some(text),
            other => {
                self.wrong(name, "text", &other);
                None
            }
        }
    }

    /// Takes text that must be there; empty, with a mistake noted, if it is not.
    pub fn required_string(&mut self, name: &str) -> String {
        match self.required(name) {
            Some(Node::Str(text)) => text,
            Some(other) => {
                self.wrong(name, "text", &other);
                String::new()
            }
            None => String::new(),
        }
    }

    /// Takes an integer; null counts as not given.
    pub fn integer(&mut self, name: &str) -> Option<i64> {
        let node = self.take(name)?;
        match node.as_int().map(i64::try_from) {
            _ if node.is_null() => None,
            Some(Ok(number)) => Some(number),
            _ => {
                self.wrong(name, "an integer", &node);
                None
            }
        }
    }

    /// Looks at an integer without taking it.
    pub(super) fn named_integer(&self, name: &str) -> Option<i128> {
        self.named.iter().find(|(known, _)| known == name)?.1.as_int()
    }

    /// Takes an integer of 0 or more; null counts as not given.
    pub fn count(&mut self, name: &str) -> Option<u64> {
        let number = self.integer(name)?;
        if number < 0 {
            self.mistake(name, format!("expected 0 or more, found {number}"));
        }
        u64::try_from(number).ok()
    }

    /// Takes a truth value: anything counts as true that does so in Python.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let node = self.take(name)?;
        if self.manner.strict && !matches!(node, Node::Bool(_) | Node::Int(0 | 1)) {
            self.wrong(name, "true or false", &node);
            return None;
        }
        Some(node.is_true())
    }

    /// Takes a level, by name or number; null counts as not given.
    pub fn level(&mut self, name: &str) -> Option<Level> {
        let node = self.take(name).filter(|node| !node.is_null())?;
        match level(&self.levels, &node) {
            Ok(level) => Some(level),
            Err(error) => {
                self.mistake(name, error);
                None
            }
        }
    }

    /// Takes a list of levels.
    pub fn levels(&mut self, name: &str) -> Option<Vec<Level>> {
        let node = self.take(name)?;
        let Node::List(items) = node else {
            self.wrong(name, "a list of levels", &node);
            return None;
        };
        let mut levels = Vec::new();
        for (at, item) in items.iter().enumerate() {
            match level(&self.levels, item) {
                Ok(level) => levels.push(level),
                Err(error) => self.mistake(&format!("{name}[{at}]"), error),
            }
        }
        Some(levels)
    }

    /// Takes an attribute from under `.`: what the configuration sets on the finished thing.
    pub fn attribute(&mut self, name: &str) -> Option<Node> {
        self.attributes.get(name)?;
        let mut found = None;
        let rest = std::mem::take(&mut self.attributes);
        for (key, value) in rest {
            if key == name {
                found = Some(value);
            } else {
                self.attributes.insert(key, value);
            }
        }
        found
    }

    /// Takes an attribute that must be text.
    pub(super) fn text_attribute(&mut self, name: &str) -> Option<String> {
        match self.attribute(name)? {
            Node::Str(text) => Some(text),
            other => {
                self.mistake(
                    &format!(".{name}"),
                    format!("expected text, found {} ({other})", other.kind()),
                );
                None
            }
        }
    }

    /// Takes a number of bytes: an integer, or text such as `64 MiB` or `1.5GB`; null counts as
    /// not given.
    pub fn bytes(&mut self, name: &str) -> Option<u64> {
        const UNITS: [(&str, f64); 9] = [
            ("b", 1.0),
            ("kb", 1e3),
            ("mb", 1e6),
            ("gb", 1e9),
            ("tb", 1e12),
            ("kib", 1024.0),
            ("mib", 1_048_576.0),
            ("gib", 1_073_741_824.0),
            ("tib", 1_099_511_627_776.0),
        ];
        let number = self.measure(name, &UNITS, "a number of bytes, such as 64 MiB")?;
        Some(number as u64)
    }

    /// Takes a length of time: a number of seconds, or text such as `90 s`, `10 min`, `12 h`,
    /// `30 d`; null counts as not given.
    pub fn duration(&mut self, name: &str) -> Option<Duration> {
        const UNITS: [(&str, f64); 6] = [
            ("ms", 1e-3),
            ("s", 1.0),
            ("min", 60.0),
            ("h", 3600.0),
            ("d", 86_400.0),
            ("w", 604_800.0),
        ];
        let seconds = self.measure(name, &UNITS, "a length of time, such as 30 d")?;
        Duration::try_from_secs_f64(seconds).ok()
    }

    /// Takes a number of 0 or more, with one of these units behind it or none.
    fn measure(&mut self, name: &str, units: &[(&str, f64)], wanted: &str) -> Option<f64> {
        let node = self.take(name).filter(|node| !node.is_null())?;
        let number = match &node {
            Node::Float(number) => Some(*number),
            Node::Str(text) => {
                let at = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
                let unit = text[at..].trim().to_ascii_lowercase();
                let unit = units.iter().find(|(known, _)| *known == unit).map(|(_, by)| *by);
                let factor = if at == text.len() { Some(1.0) } else { unit };
                text[..at].trim().parse::<f64>().ok().zip(factor).map(|(number, by)| number * by)
            }
            other => other.as_int().map(|number| number as f64),
        };
        let number = number.filter(|number| number.is_finite() && (0.0..1e18).contains(number));
        if number.is_none() {
            self.wrong(name, wanted, &node);
        }
        number
    }

    /// Takes a length of time in seconds, whole or not; null counts as not given.
    pub fn seconds(&mut self, name: &str) -> Option<Duration> {
        let node = self.take(name).filter(|node| !node.is_null())?;
        let seconds = match &node {
            Node::Float(seconds) => *seconds,
            other => other.as_int().map_or(f64::NAN, |seconds| seconds as f64),
        };
        let length = Duration::try_from_secs_f64(seconds).ok();
        if length.is_none() {
            self.wrong(name, "a number of seconds, 0 or more", &node);
        }
        length
    }

    /// Whether a mistake was noted already.
    pub(super) fn has_mistakes(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Notes where a handler writes that opens no file, for those who look at the plan.
    pub(super) fn writes_to(&mut self, target: impl Into<String>) {
        self.writes_to = Some(target.into());
    }

    pub(super) fn take_writes_to(&mut self) -> Option<String> {
        self.writes_to.take()
    }

    /// Notes the file that a handler built with `opened_later` will open, so that a configuration
    /// with a file that cannot be opened is refused.
    pub fn opens(&mut self, path: impl Into<PathBuf>, mode: FileMode, delay: bool) {
        self.opens = Some(Opens { path: path.into(), mode, delay });
    }

    pub(super) fn take_opens(&mut self) -> Option<Opens> {
        self.opens.take()
    }

    /// What the runtime's clock shows, if there is a runtime.
    pub(super) fn now_ns(&self) -> Option<i64> {
        self.manner.now_ns
    }

    /// The mistakes so far, and those about arguments that nobody asked for.
    pub(super) fn problems(&mut self) -> Vec<Problem> {
        if !self.positional.is_empty() {
            self.mistake("", format!("{} takes no positional arguments", self.class));
        }
        for (name, _) in std::mem::take(&mut self.named) {
            let hint = did_you_mean(&name, self.asked.iter().map(String::as_str));
            self.mistake(&name, format!("{} has no parameter {name:?}{hint}", self.class));
        }
        if self.manner.strict {
            for name in self.attributes.keys().map(str::to_owned).collect::<Vec<_>>() {
                let class = self.class.clone();
                self.mistake(&format!(".{name}"), format!("{class} has no attribute {name:?}"));
            }
        }
        std::mem::take(&mut self.problems)
    }

    /// Refuses what nobody asked for and what was noted.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        match self.problems() {
            problems if problems.is_empty() => Ok(()),
            problems => Err(Refused::new(problems).into()),
        }
    }
}

/// A level as configurations write it: an exact name, or an integer.
pub(super) fn level(names: &LevelNames, node: &Node) -> Result<Level, String> {
    match node {
        Node::Str(name) => names.level(name).ok_or_else(|| {
            let hint = did_you_mean(name, names.names().map(|(name, _)| name));
            format!("unknown level {name:?}{hint}")
        }),
        Node::Int(_) | Node::Bool(_) => {
            let number = node.as_int().unwrap_or_default();
            i32::try_from(number)
                .map(Level::new)
                .map_err(|_| format!("the level {number} is out of range"))
        }
        other => Err(format!("a level is a name or an integer, not {} ({other})", other.kind())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Door;

    fn arguments(strict: bool) -> Arguments {
        let manner = Door { refuse_unknown_keys: strict, ..Door::python() }.manner(None);
        Arguments::new("handlers.h", "app.H", Arc::new(LevelNames::default()), manner)
    }

    #[test]
    fn mistakes_are_collected_with_their_paths() {
        let mut args = arguments(false);
        args.push("filename", 5.into());
        args.push("maxByte", 1.into());
        args.push("level", "LOUD".into());
        assert_eq!(args.string("filename"), None);
        assert_eq!(args.integer("maxBytes"), None);
        assert_eq!(args.level("level"), None);
        assert_eq!(args.required("capacity"), None);
        let problems: Vec<String> = args.problems().iter().map(Problem::to_string).collect();
        assert_eq!(
            problems,
            [
                "handlers.h.filename: expected text, found an integer (5)",
                "handlers.h.level: unknown level \"LOUD\"",
                "handlers.h: app.H needs the argument \"capacity\"",
                "handlers.h.maxByte: app.H has no parameter \"maxByte\"; did you mean \"maxBytes\"?",
            ]
        );
    }

    #[test]
    fn positional_arguments_get_their_names() {
        let mut args = arguments(false);
        args.push_positional("a.log".into());
        args.push_positional("w".into());
        args.signature(&["filename", "mode", "encoding"]);
        assert_eq!(args.string("mode").as_deref(), Some("w"));
        assert_eq!(args.string("filename").as_deref(), Some("a.log"));
        assert_eq!(args.problems(), []);
        args.push_positional(1.into());
        args.signature(&[]);
        assert_eq!(args.problems().len(), 1);
    }

    #[test]
    fn unknown_attributes_are_mistakes_at_the_strict_door_only() {
        for strict in [false, true] {
            let mut args = arguments(strict);
            args.set_attributes([("terminator", "|"), ("colour", "red")].into_iter().collect());
            assert_eq!(args.attribute("terminator"), Some("|".into()));
            assert_eq!(args.problems().len(), usize::from(strict));
        }
    }
}
