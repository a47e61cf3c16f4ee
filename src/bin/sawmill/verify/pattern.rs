//! Lines read back by the pattern that wrote them.

use std::collections::HashMap;

/// A pattern in `%` style, for reading.
#[derive(Debug)]
pub(super) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    /// A placeholder; numbers take digits only.
    Place {
        name: String,
        is_number: bool,
    },
}

/// Steps that a line may take: a pattern of many texts without anything between them could try
/// every way to share out a line.
const STEPS: u32 = 100_000;

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong or missing.
    pub(super) fn compile(pattern: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = pattern;
        while let Some(at) = rest.find('%') {
            text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                text.push('%');
                rest = after;
                continue;
            }
            let place = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let Some((name, after)) = place else {
                return Err(format!("no name behind the % at {rest:?}"));
            };
            let end = after.find(|each: char| each.is_ascii_alphabetic());
            let Some(end) = end else { return Err(format!("no conversion behind {name:?}")) };
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            let is_number = matches!(name, "lane" | "sequence" | "run" | "process" | "lineno");
            parts.push(Part::Place { name: name.to_owned(), is_number });
            rest = &after[end + 1..];
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        for needed in ["lane", "sequence"] {
            if !parts.iter().any(|part| matches!(part, Part::Place { name, .. } if name == needed))
            {
                return Err(format!("%({needed})d does not occur in it"));
            }
        }
        Ok(Self { parts })
    }

    /// The texts that stand at the placeholders of a line; `None` if the line is not of the
    /// pattern.
    pub(super) fn read<'l>(&self, line: &'l str) -> Option<HashMap<&str, &'l str>> {
        let mut found = HashMap::new();
        let mut steps = STEPS;
        read(&self.parts, line, &mut found, &mut steps).then_some(found)
    }
}

fn read<'p, 'l>(
    parts: &'p [Part],
    line: &'l str,
    found: &mut HashMap<&'p str, &'l str>,
    steps: &mut u32,
) -> bool {
    *steps = steps.saturating_sub(1);
    if *steps == 0 {
        return false;
    }
    let Some((part, rest)) = parts.split_first() else { return line.is_empty() };
    match part {
        Part::Text(text) => {
            line.strip_prefix(&**text).is_some_and(|line| read(rest, line, found, steps))
        }
        Part::Place { name, is_number: true } => {
            let padding = line.len() - line.trim_start_matches(' ').len();
            let digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
            let end = padding + line.as_bytes()[padding..].iter().take_while(|b| digit(b)).count();
            let padded = end + line.as_bytes()[end..].iter().take_while(|b| **b == b' ').count();
            if end == padding {
                return false;
            }
            found.insert(name, &line[padding..end]);
            // Spaces behind a number may be its padding or the pattern's own.
            (end..=padded).rev().any(|at| read(rest, &line[at..], found, steps))
        }
        Part::Place { name, is_number: false } => {
            if rest.is_empty() {
                found.insert(name, line);
                return true;
            }
            let ends: Box<dyn Iterator<Item = usize>> = match rest.first() {
                Some(Part::Text(text)) => Box::new(line.match_indices(&**text).map(|(at, _)| at)),
                _ => Box::new((0..=line.len()).filter(|at| line.is_char_boundary(*at))),
            };
            for end in ends {
                if read(rest, &line[end..], found, steps) {
                    found.insert(name, &line[..end]);
                    return true;
                }
            }
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_gives_back_what_the_pattern_wrote() {
        let pattern = Pattern::compile(
            "%(asctime)s [%(levelname)-8s] %(run)d/%(lane)3d/%(sequence)-6d %(name)s: %(message)s",
        )
        .unwrap();
        let line = "2026-11-20 06:12:03,123 [INFO    ] 17/  3/42     a.b: x: [y] 100%";
        let found = pattern.read(line).unwrap();
        assert_eq!(
            (found["run"], found["lane"], found["sequence"], found["name"], found["message"]),
            ("17", "3", "42", "a.b", "x: [y] 100%")
        );
        assert!(pattern.read("2026-11-20 06:12:03,123 [INFO    ] 17/").is_none());
        assert!(pattern.read("    a further line").is_none());
    }

    #[test]
    fn a_pattern_must_number_its_records() {
        assert!(Pattern::compile("%(message)s").unwrap_err().contains("lane"));
        assert!(Pattern::compile("%d").is_err());
        assert!(Pattern::compile("%(lane)d%% %(sequence)d").is_ok());
    }
}
