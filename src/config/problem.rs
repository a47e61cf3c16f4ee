//! What is wrong with a configuration, each problem with its place.

use std::fmt;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The keys that lead there: `handlers.file.maxBytes`; empty for the whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => f.write_str(&self.message),
            path => write!(f, "{path}: {}", self.message),
        }
    }
}

/// A configuration was refused: everything that is wrong with it.
///
/// Shows one problem a line. Nothing was changed, and no file was left behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    problems: Vec<Problem>,
}

impl Refused {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    pub(super) fn one(path: impl Into<String>, message: impl fmt::Display) -> Self {
        Self::new(vec![Problem { path: path.into(), message: message.to_string() }])
    }

    /// The problems, in the order of the configuration.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if at == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Refused {}

impl From<Refused> for crate::error::Error {
    fn from(refused: Refused) -> Self {
        Self::invalid("configuration refused").because(refused)
    }
}

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem { path: path.into(), message: message.to_string() });
    }

    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Problem>) {
        self.0.extend(more);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_result(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused::new(self.0)) }
    }
}

/// The known name that is most like `name`, as a question to append, or nothing.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let limit = 1 + name.chars().count() / 4;
    let nearest = known
        .into_iter()
        .map(|known| (distance(&name.to_lowercase(), &known.to_lowercase()), known))
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, known)) if distance <= limit => format!("; did you mean {known:?}?"),
        _ => String::new(),
    }
}

/// How many insertions, removals, replacements or swaps of neighbours lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len().abs_diff(b.len()) > 8 || a.len() > 64 {
        return usize::MAX;
    }
    let mut rows = vec![(0..=b.len()).collect::<Vec<usize>>()];
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let mut best =
                (rows[i][j] + usize::from(x != y)).min(rows[i][j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(rows[i - 1][j - 1] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let known = ["maxBytes", "backupCount", "filename"];
        assert_eq!(did_you_mean("maxByte", known), "; did you mean \"maxBytes\"?");
        assert_eq!(did_you_mean("maxbytes", known), "; did you mean \"maxBytes\"?");
        assert_eq!(did_you_mean("filenmae", known), "; did you mean \"filename\"?");
        assert_eq!(did_you_mean("colour", known), "");
    }

    #[test]
    fn every_problem_stands_on_its_own_line() {
        let mut problems = Problems::default();
        problems.add("root.level", "unknown");
        problems.add("", "whole");
        let refused = problems.into_result().unwrap_err();
        assert_eq!(refused.to_string(), "root.level: unknown\nwhole");
        assert!(crate::Error::from(refused).is_invalid());
    }
}
