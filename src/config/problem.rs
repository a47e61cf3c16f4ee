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

/// How many problems are told. Nobody reads more, and looking for them takes its time.
const MOST: usize = 1000;

/// Collects problems.
#[derive(Debug, Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl Into<String>, message: impl fmt::Display) {
        if !self.is_full() {
            self.push(Problem { path: path.into(), message: message.to_string() });
        }
    }

    fn push(&mut self, problem: Problem) {
        self.0.push(match self.0.len() {
            MOST => {
                let message = "too many problems: the rest was not looked at".to_owned();
                Problem { path: String::new(), message }
            }
            _ => problem,
        });
    }

    pub(super) fn extend(&mut self, more: impl IntoIterator<Item = Problem>) {
        for problem in more {
            if self.is_full() {
                return;
            }
            self.push(problem);
        }
    }

    /// There is no use in looking for more.
    pub(super) fn is_full(&self) -> bool {
        self.0.len() > MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn into_result(self) -> Result<(), Refused> {
        if self.0.is_empty() { Ok(()) } else { Err(Refused::new(self.0)) }
    }
}

/// How many names a mistaken one is compared with, and how long they may be.
const MOST_COMPARED: usize = 1000;
const LONGEST: usize = 64;

/// The known name that is most like `name`, as a question to append, or nothing.
pub(super) fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).collect();
    let limit = 1 + wanted.len() / 4;
    let mut chars = Vec::new();
    let nearest = known
        .into_iter()
        .take(MOST_COMPARED)
        .filter_map(|known| {
            chars.clear();
            chars.extend(known.chars().flat_map(char::to_lowercase));
            Some((distance(&wanted, &chars, limit)?, known))
        })
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((_, known)) => format!("; did you mean {known:?}?"),
        None => String::new(),
    }
}

/// How many insertions, removals, replacements or swaps of neighbours lead from `a` to `b`, if they
/// are no more than `limit`.
fn distance(a: &[char], b: &[char], limit: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > limit || a.len().max(b.len()) > LONGEST {
        return None;
    }
    // The row before the last, the last, and the one that is made.
    let mut rows = [[0; LONGEST + 1]; 3];
    for (j, cell) in rows[1].iter_mut().enumerate() {
        *cell = j;
    }
    for (i, x) in a.iter().enumerate() {
        let [older, old, row] = &mut rows;
        row[0] = i + 1;
        let mut least = row[0];
        for (j, y) in b.iter().enumerate() {
            let mut best = (old[j] + usize::from(x != y)).min(old[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(older[j - 1] + 1);
            }
            row[j + 1] = best;
            least = least.min(best);
        }
        // A swap may still lead one step down from the row before.
        if least > limit + 1 {
            return None;
        }
        rows.rotate_left(1);
    }
    Some(rows[1][b.len()]).filter(|distance| *distance <= limit)
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
    fn names_are_as_far_apart_as_the_slips_between_them() {
        let of = |a: &str, b: &str| {
            let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
            distance(&a, &b, 3)
        };
        for (a, b, expected) in [
            ("", "", Some(0)),
            ("", "abc", Some(3)),
            ("abcdef", "badcfe", Some(3)),
            ("kitten", "sitting", Some(3)),
            ("abc", "abc", Some(0)),
            ("abcd", "wxyz", None),
            ("a", "abcdef", None),
        ] {
            assert_eq!(of(a, b), expected, "{a} {b}");
            assert_eq!(of(b, a), expected, "{b} {a}");
        }
        assert_eq!(of(&"x".repeat(65), &"x".repeat(65)), None);
    }

    #[test]
    fn a_million_problems_are_a_thousand_and_a_word() {
        let mut problems = Problems::default();
        (0..1_000_000).for_each(|at| problems.add(at.to_string(), "wrong"));
        let refused = problems.into_result().unwrap_err();
        assert_eq!(refused.problems().len(), 1001);
        assert!(refused.to_string().ends_with("the rest was not looked at"));
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
