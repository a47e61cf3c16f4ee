//! The two manners in which configurations are read.

use super::arguments::Manner;
use super::node::{Map, Node};
use super::problem::{Problems, did_you_mean};

/// How a configuration is read: Python's way or sawmill's.
///
/// Each difference is one field here and one key of the mapping `sawmill` at the top of a
/// configuration, so that a file from either side can choose; Python itself ignores that mapping.
///
/// | key | [`Door::python`] | [`Door::sawmill`] |
/// |---|---|---|
/// | `unknown_keys`: `ignore` or `refuse` | `ignore` | `refuse`, with a suggestion |
/// | `disable_existing_loggers` (the usual key) | `true` | `false` |
/// | `formats`: as `python` or `sawmill` reads them | `python` | `sawmill` |
/// | `escape_text`: neutralise control characters | `false` | `true` |
/// | `failing_filter`: `abort` or `isolate` | `abort` | `isolate` |
/// | `overflow`: `wait` or `default` | `wait` | `default` |
/// | `streams`: `sync` (the drain writes) or `worker` | `sync` | `worker` |
/// | `former_handlers`: `close` all, or `keep_used` by loggers | `close` | `keep_used` |
/// | `rotate_by`: the `clock` when a record is written, or the `record`'s time | `clock` | `record` |
/// | `empty_files`: `roll` over for a long record, or `keep` | `roll` | `keep` |
/// | `rotated_files`: `replace` one of that name, or `keep` both | `replace` | `keep` |
/// | `moved_files`: `stay` with a file that others move, or `follow` the path | `stay` | `follow` |
/// | `unfinished_lines`: `leave` what a power failure left, or `end` it | `leave` | `end` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Door {
    /// Whether keys that mean nothing are mistakes.
    pub refuse_unknown_keys: bool,
    /// What `disable_existing_loggers` is when the configuration does not say.
    pub disable_existing_loggers: bool,
    /// Whether formats are read as Python reads them: `fields` names a field, `%f` in a `datefmt`
    /// stands for itself, and a format that can never be filled in fails for each record.
    pub python_formats: bool,
    /// Whether text formatters neutralise control characters in messages.
    pub escape_text: bool,
    /// Whether a filter that fails ends the record's walk, for the other handlers too.
    pub failing_filter_aborts: bool,
    /// Whether calls wait without a limit when the drain does not keep up.
    pub wait_when_full: bool,
    /// Whether the drain itself writes to standard output and error, as a command-line tool wants
    /// it, in place of a worker that no stalled reader can stop.
    pub sync_streams: bool,
    /// Whether all handlers in place are closed, even those that a logger keeps; they open again
    /// with the next record.
    pub close_former_handlers: bool,
    /// Whether rotation by time asks the clock when a record is written, not the record's time.
    pub rotate_by_clock: bool,
    /// Whether a record as long as the limit rolls over a file that is empty, as in Python to 3.12.
    pub roll_empty_files: bool,
    /// Whether a rotated file takes the place of an older one that has its name.
    pub replace_rotated_files: bool,
    /// Whether a handler notices that others moved or removed its file, and opens the path anew.
    pub follow_files: bool,
    /// Whether a last line without an end is given one when its file is opened.
    pub mend_files: bool,
}

impl Door {
    /// Python's manner: `dict_config` and `file_config`.
    pub const fn python() -> Self {
        Self {
            refuse_unknown_keys: false,
            disable_existing_loggers: true,
            python_formats: true,
            escape_text: false,
            failing_filter_aborts: true,
            wait_when_full: true,
            sync_streams: true,
            close_former_handlers: true,
            rotate_by_clock: true,
            roll_empty_files: true,
            replace_rotated_files: true,
            follow_files: false,
            mend_files: false,
        }
    }

    /// Sawmill's manner: [`Config`](super::Config) unless told otherwise.
    pub const fn sawmill() -> Self {
        Self {
            refuse_unknown_keys: true,
            disable_existing_loggers: false,
            python_formats: false,
            escape_text: true,
            failing_filter_aborts: false,
            wait_when_full: false,
            sync_streams: false,
            close_former_handlers: false,
            rotate_by_clock: false,
            roll_empty_files: false,
            replace_rotated_files: false,
            follow_files: true,
            mend_files: true,
        }
    }

    pub(super) fn manner(&self, now_ns: Option<i64>) -> Manner {
        Manner {
            strict: self.refuse_unknown_keys,
            python_formats: self.python_formats,
            escape: self.escape_text,
            sync_streams: self.sync_streams,
            rotate_by_clock: self.rotate_by_clock,
            roll_empty: self.roll_empty_files,
            replace_rotated: self.replace_rotated_files,
            follow: self.follow_files,
            mend: self.mend_files,
            now_ns,
        }
    }

    /// This door with what the configuration's mapping `sawmill` says.
    pub(super) fn adjusted(mut self, root: &Map, problems: &mut Problems) -> Self {
        let Some(node) = root.get(KEY) else { return self };
        let Node::Map(settings) = node else {
            problems.add(KEY, format!("expected a mapping, found {}", node.kind()));
            return self;
        };
        for (key, value) in settings.iter() {
            let path = format!("{KEY}.{key}");
            let (place, yes, no) = match key {
                "unknown_keys" => (&mut self.refuse_unknown_keys, "refuse", "ignore"),
                "formats" => (&mut self.python_formats, "python", "sawmill"),
                "escape_text" => (&mut self.escape_text, "true", "false"),
                "failing_filter" => (&mut self.failing_filter_aborts, "abort", "isolate"),
                "overflow" => (&mut self.wait_when_full, "wait", "default"),
                "streams" => (&mut self.sync_streams, "sync", "worker"),
                "former_handlers" => (&mut self.close_former_handlers, "close", "keep_used"),
                "rotate_by" => (&mut self.rotate_by_clock, "clock", "record"),
                "empty_files" => (&mut self.roll_empty_files, "roll", "keep"),
                "rotated_files" => (&mut self.replace_rotated_files, "replace", "keep"),
                "moved_files" => (&mut self.follow_files, "follow", "stay"),
                "unfinished_lines" => (&mut self.mend_files, "end", "leave"),
                _ => {
                    problems.add(path, format!("unknown key{}", did_you_mean(key, KEYS)));
                    continue;
                }
            };
            let word = match value {
                Node::Str(word) => word.clone(),
                other => other.to_string(),
            };
            match word {
                word if word == yes => *place = true,
                word if word == no => *place = false,
                _ => problems.add(path, format!("expected {yes} or {no}, found {value}")),
            }
        }
        self
    }
}

const KEYS: [&str; 12] = [
    "empty_files",
    "moved_files",
    "unfinished_lines",
    "unknown_keys",
    "formats",
    "former_handlers",
    "escape_text",
    "failing_filter",
    "overflow",
    "streams",
    "rotate_by",
    "rotated_files",
];

/// The key of the mapping that adjusts a door.
pub(super) const KEY: &str = "sawmill";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_may_choose_each_difference_by_its_key() {
        let mut problems = Problems::default();
        let settings = Node::map([("streams", Node::from("worker")), ("escape_text", true.into())]);
        let root: Map = [(KEY, settings)].into_iter().collect();
        let door = Door::python().adjusted(&root, &mut problems);
        assert_eq!(door, Door { sync_streams: false, escape_text: true, ..Door::python() });
        problems.into_result().unwrap();
    }

    #[test]
    fn a_wrong_word_or_key_is_told_with_its_place() {
        let mut problems = Problems::default();
        let settings = Node::map([("streams", "fast"), ("overflw", "wait")]);
        let root: Map = [(KEY, settings)].into_iter().collect();
        Door::python().adjusted(&root, &mut problems);
        assert_eq!(
            problems.into_result().unwrap_err().to_string(),
            "sawmill.streams: expected sync or worker, found \"fast\"\n\
             sawmill.overflw: unknown key; did you mean \"overflow\"?"
        );
    }
}
