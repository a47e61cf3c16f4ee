//! INI text, read and interpolated as Python's `ConfigParser` does.

use crate::config::node::Node;
use crate::error::Error;
use std::cell::Cell;
use std::collections::HashMap;

const DEFAULT: &str = "DEFAULT";
/// How many references one value may lead through.
const MAX_DEPTH: usize = 10;
/// How long an interpolated value may grow, in bytes.
const MAX_VALUE: usize = 1 << 20;
/// How many references a file may follow in all: those that lead to nothing but others do not grow.
const MAX_STEPS: usize = 100_000;

/// The sections of a file.
#[derive(Debug, Default)]
pub(super) struct Ini {
    defaults: Section,
    sections: Vec<(String, Section)>,
    places: HashMap<String, usize>,
    /// References followed so far.
    steps: Cell<usize>,
}

#[derive(Debug, Default)]
struct Section {
    options: HashMap<String, String>,
}

/// What a line may go on with: the option whose value it continues.
struct Open {
    section: Option<usize>,
    option: String,
    indent: usize,
    lines: Vec<String>,
}

impl Ini {
    /// Reads a whole file; `name` is for messages.
    pub(super) fn read(text: &str, name: &str) -> Result<Self, Error> {
        let mut ini = Self::default();
        let mut section: Option<Option<usize>> = None;
        let mut open: Option<Open> = None;
        let mut unreadable = Vec::new();
        for (at, line) in text.split('\n').enumerate() {
            let number = at + 1;
            let line = line.strip_suffix('\r').unwrap_or(line);
            let content = line.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                // An empty line may stand inside a value; a comment leaves no trace there.
                if content.is_empty()
                    && let Some(open) = &mut open
                {
                    open.lines.push(String::new());
                }
                continue;
            }
            let indent = line.len() - line.trim_start().len();
            if let Some(open) = &mut open
                && indent > open.indent
            {
                open.lines.push(content.to_owned());
                continue;
            }
            ini.close(open.take());
            let place = || format!("{name:?}, line {number}");
            if let Some(header) = section_header(content) {
                section = Some(ini.open_section(header, &place)?);
                continue;
            }
            let Some(current) = section else {
                return Err(Error::invalid(format!(
                    "{}: no section header before {content:?}",
                    place()
                )));
            };
            let Some(delimiter) = content.find(['=', ':']).filter(|at| *at > 0) else {
                unreadable.push(format!("line {number}: {content:?}"));
                continue;
            };
            let option = content[..delimiter].trim_end().to_lowercase();
            let known = match current {
                Some(at) => &ini.sections[at].1,
                None => &ini.defaults,
            };
            if known.options.contains_key(&option) {
                let section = current.map_or(DEFAULT, |at| &ini.sections[at].0);
                return Err(Error::invalid(format!(
                    "{}: option {option:?} in section {section:?} already exists",
                    place()
                )));
            }
            let value = content[delimiter + 1..].trim().to_owned();
            ini.set(current, &option, String::new());
            open = Some(Open { section: current, option, indent, lines: vec![value] });
        }
        ini.close(open.take());
        if !unreadable.is_empty() {
            return Err(Error::invalid(format!("cannot be read: {}", unreadable.join(", "))));
        }
        Ok(ini)
    }

    fn open_section(
        &mut self,
        header: &str,
        place: &dyn Fn() -> String,
    ) -> Result<Option<usize>, Error> {
        if header == DEFAULT {
            return Ok(None);
        }
        if self.places.contains_key(header) {
            return Err(Error::invalid(format!("{}: section {header:?} already exists", place())));
        }
        self.places.insert(header.to_owned(), self.sections.len());
        self.sections.push((header.to_owned(), Section::default()));
        Ok(Some(self.sections.len() - 1))
    }

    fn set(&mut self, section: Option<usize>, option: &str, value: String) {
        let section = match section {
            Some(at) => &mut self.sections[at].1,
            None => &mut self.defaults,
        };
        section.options.insert(option.to_owned(), value);
    }

    fn close(&mut self, open: Option<Open>) {
        if let Some(open) = open {
            let value = open.lines.join("\n").trim_end().to_owned();
            self.set(open.section, &open.option, value);
        }
    }

    /// All sections with their own options.
    pub(super) fn tree(&self) -> Node {
        Node::map(self.sections.iter().map(|(name, section)| {
            let mut options: Vec<(&str, &str)> =
                section.options.iter().map(|(key, value)| (&**key, &**value)).collect();
            options.sort_unstable();
            (name.as_str(), Node::map(options))
        }))
    }

    /// Returns true if there is such a section.
    pub(super) fn has_section(&self, section: &str) -> bool {
        self.places.contains_key(section)
    }

    /// The value as it stands in the file; `DEFAULT` stands behind every section.
    pub(super) fn raw(&self, section: &str, option: &str) -> Option<&str> {
        let at = *self.places.get(section)?;
        let own = self.sections[at].1.options.get(option);
        own.or_else(|| self.defaults.options.get(option)).map(String::as_str)
    }

    /// The value with `%%` and `%(name)s` filled in.
    pub(super) fn get(&self, section: &str, option: &str) -> Result<Option<String>, Error> {
        let Some(raw) = self.raw(section, option) else { return Ok(None) };
        let mut out = String::new();
        self.interpolate(section, option, raw, 1, &mut out)?;
        Ok(Some(out))
    }

    fn interpolate(
        &self,
        section: &str,
        option: &str,
        raw: &str,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Error> {
        let wrong = |problem: String| {
            Error::invalid(format!("option {option:?} in section {section:?}: {problem}"))
        };
        if depth > MAX_DEPTH {
            return Err(wrong(format!("interpolation too deeply recursive at {raw:?}")));
        }
        let mut rest = raw;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let behind = &rest[at + 1..];
            if let Some(left) = behind.strip_prefix('%') {
                out.push('%');
                rest = left;
            } else if let Some(left) = behind.strip_prefix('(') {
                let end = left
                    .find(')')
                    .filter(|end| *end > 0 && left[end + 1..].starts_with('s'))
                    .ok_or_else(|| {
                        wrong(format!("bad interpolation variable reference {}", &rest[at..]))
                    })?;
                self.steps.set(self.steps.get() + 1);
                if self.steps.get() > MAX_STEPS {
                    return Err(wrong("interpolation goes on without end".into()));
                }
                let name = left[..end].to_lowercase();
                let value = self.raw(section, &name).ok_or_else(|| {
                    wrong(format!("bad value substitution: {name:?} is not known"))
                })?;
                if value.contains('%') {
                    self.interpolate(section, option, value, depth + 1, out)?;
                } else {
                    out.push_str(value);
                }
                rest = &left[end + 2..];
            } else {
                let found = &rest[at..];
                return Err(wrong(format!("'%' must be followed by '%' or '(', found: {found}")));
            }
            if out.len() > MAX_VALUE {
                return Err(wrong("interpolation grows without end".into()));
            }
        }
        out.push_str(rest);
        Ok(())
    }
}

/// `[name]`, whatever follows the last bracket.
fn section_header(content: &str) -> Option<&str> {
    let inside = content.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    (end > 0).then(|| &inside[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Ini, Error> {
        Ini::read(text, "test.ini")
    }

    #[test]
    fn comments_colons_spacing_and_continuations_read_as_in_python() {
        let ini =
            read("# c\n[a]\n; c\nKey = x\n   y\n\n   z\nother : 1 ; kept\nempty =\n[b]\n  k=v\n")
                .unwrap();
        assert_eq!(ini.raw("a", "key"), Some("x\ny\n\nz"));
        assert_eq!(ini.raw("a", "other"), Some("1 ; kept"));
        assert_eq!(ini.raw("a", "empty"), Some(""));
        assert_eq!(ini.raw("b", "k"), Some("v"));
        assert_eq!(ini.raw("b", "none"), None);
    }

    #[test]
    fn defaults_stand_behind_every_section_and_are_interpolated() {
        let ini = read("[DEFAULT]\nbase=logs\npct=50%%\n[h]\nargs=('%(base)s-%(PCT)s.log', 'w')")
            .unwrap();
        assert_eq!(ini.get("h", "args").unwrap().unwrap(), "('logs-50%.log', 'w')");
        assert_eq!(ini.raw("h", "pct"), Some("50%%"));
        assert!(!ini.has_section("DEFAULT"));
    }

    #[test]
    fn doubled_sections_and_options_are_refused() {
        let error = read("[a]\nx=1\n[a]\n").unwrap_err().to_string();
        assert!(error.contains("\"a\"") && error.contains("line 3"), "{error}");
        assert!(read("[a]\nx=1\nX=2\n").unwrap_err().to_string().contains("\"x\""));
    }

    #[test]
    fn what_is_no_option_is_refused() {
        assert!(read("x=1").unwrap_err().to_string().contains("no section header"));
        assert!(read("[a]\nnonsense\n").unwrap_err().to_string().contains("line 2"));
    }

    #[test]
    fn a_lone_percent_and_an_endless_reference_are_refused() {
        let ini = read("[a]\nx=%H.log\ny=%(y)s\nz=%(nothing)s\nw=%()s").unwrap();
        assert!(ini.get("a", "x").unwrap_err().to_string().contains("%H.log"));
        assert!(ini.get("a", "y").unwrap_err().to_string().contains("recursive"));
        assert!(ini.get("a", "z").unwrap_err().to_string().contains("nothing"));
        assert!(ini.get("a", "w").is_err());
    }

    #[test]
    fn exponential_interpolation_of_nothing_is_refused() {
        let mut text = String::from("[a]\nv0=\n");
        for at in 1..10 {
            text += &format!("v{at}={}\n", format!("%(v{})s", at - 1).repeat(100));
        }
        let error = read(&text).unwrap().get("a", "v9").unwrap_err().to_string();
        assert!(error.contains("without end"), "{error}");
    }

    #[test]
    fn exponential_interpolation_is_refused() {
        let mut text = format!("[a]\nv0={}\n", "x%%".repeat(2000));
        for at in 1..10 {
            text += &format!("v{at}={}\n", format!("%(v{})s", at - 1).repeat(10));
        }
        assert!(read(&text).unwrap().get("a", "v8").is_err());
    }
}
