//! Figures in documents, held to the results.
//!
//! A figure stands between two comments that readers of the document do not see:
//!
//! ```text
//! <!--perf latency/sawmill/default/p50-->28<!--/perf--> ns
//! <!--perf throughput/sawmill/text/rate@min 1M-->4.4<!--/perf--> M/s
//! <!--perf about/latency/commit-->0123456789ab<!--/perf-->
//! ```
//!
//! After the path to a metric, `@min` or `@max` asks for another number than the median; the word
//! behind it says how many digits follow the point and whether thousands (`k`), millions (`M`) or
//! milliards (`G`) are counted. A path `about/WORKLOAD/FIELD` quotes the run.

use crate::report::Line;
use crate::results::Results;
use std::fmt::Write as _;

const OPEN: &str = "<!--perf ";
const SHUT: &str = "-->";
const END: &str = "<!--/perf-->";

/// What holding a document to the results gave.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The document with the figures as the results have them.
    pub(crate) text: String,
    pub(crate) figures: usize,
    /// What is different, a line each.
    pub(crate) differences: Vec<String>,
    /// What has no figure in the results, or cannot be read.
    pub(crate) mistakes: Vec<String>,
}

/// Compares every marked figure with the results.
pub(crate) fn check(document: &str, results: &Results) -> Checked {
    let mut checked = Checked::default();
    let mut rest = document;
    while let Some((before, marked)) = rest.split_once(OPEN) {
        let line = 1 + document[..document.len() - marked.len()].matches('\n').count();
        checked.text.push_str(before);
        checked.text.push_str(OPEN);
        let parts = marked.split_once(SHUT).and_then(|(path, rest)| {
            let (shown, rest) = rest.split_once(END)?;
            (!shown.contains(OPEN)).then_some((path, shown, rest))
        });
        let Some((path, shown, after)) = parts else {
            checked.mistakes.push(format!("line {line}: a mark without its end"));
            rest = marked;
            continue;
        };
        checked.figures += 1;
        let found = expected(path.trim(), results);
        match &found {
            Ok(text) if text == shown => {}
            Ok(text) => checked
                .differences
                .push(format!("line {line}: {path}: {shown:?}, but the results say {text:?}")),
            Err(wrong) => checked.mistakes.push(format!("line {line}: {path}: {wrong}")),
        }
        let text = found.unwrap_or_else(|_| shown.to_owned());
        let _ = write!(checked.text, "{path}{SHUT}{text}{END}");
        rest = after;
    }
    checked.text.push_str(rest);
    checked
}

/// What a mark asks for.
fn expected(mark: &str, results: &Results) -> Result<String, String> {
    if let Some(path) = mark.strip_prefix("about/") {
        let (workload, field) = path.split_once('/').ok_or("expected about/WORKLOAD/FIELD")?;
        let about = results.runs.get(workload).ok_or("no such workload in the results")?;
        return about.field(field).map(str::to_owned).ok_or_else(|| "no such field".to_owned());
    }
    let (path, format) = match mark.rsplit_once(' ') {
        Some((path, word)) => match Format::read(word) {
            Some(format) => (path, format),
            None => (mark, Format::default()),
        },
        None => (mark, Format::default()),
    };
    let (path, which) = match path.rsplit_once('@') {
        Some((path, which)) => (path, which),
        None => (path, "median"),
    };
    let parts: Vec<&str> = path.splitn(4, '/').collect();
    let parts: [&str; 4] =
        parts.try_into().map_err(|_| "expected WORKLOAD/PEER/VARIANT/METRIC".to_owned())?;
    let line = results.find(parts).ok_or("no such figure in the results")?;
    let value = number(line, which)?.ok_or("this figure is not a number")?;
    Ok(format.show(value))
}

fn number(line: &Line, which: &str) -> Result<Option<f64>, String> {
    match which {
        "median" => Ok(line.median),
        "min" => Ok(line.min),
        "max" => Ok(line.max),
        _ => Err(format!("expected @min, @max or @median, found @{which}")),
    }
}

/// How a figure is written.
#[derive(Debug, Clone, Copy, Default)]
struct Format {
    /// Digits behind the point.
    digits: usize,
    scale: Option<f64>,
}

impl Format {
    fn read(word: &str) -> Option<Self> {
        let mut chars = word.chars();
        let digits = chars.next()?.to_digit(10)? as usize;
        let scale = match chars.as_str() {
            "" => None,
            "k" => Some(1e3),
            "M" => Some(1e6),
            "G" => Some(1e9),
            _ => return None,
        };
        Some(Self { digits, scale })
    }

    /// Thousands are set apart by spaces.
    fn show(self, value: f64) -> String {
        let text = format!("{:.*}", self.digits, value / self.scale.unwrap_or(1.0));
        let whole = text.split('.').next().unwrap_or(&text);
        let mut out = String::new();
        for (at, digit) in whole.chars().enumerate() {
            let left = whole.len() - at;
            if at != 0 && left % 3 == 0 && out.ends_with(|it: char| it.is_ascii_digit()) {
                out.push(' ');
            }
            out.push(digit);
        }
        out.push_str(&text[whole.len()..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results() -> Results {
        let mut results = Results::default();
        let text = "{\"about\":\"run\",\"commit\":\"abc\",\"date\":\"d\",\"machine\":\"m\",\
             \"rustc\":\"r\",\"command\":\"c\",\"tsc_read_ns\":9.0,\"tsc_step_ns\":10.0,\
             \"hand_off_ns\":null}\n\
             {\"workload\":\"w\",\"peer\":\"p\",\"variant\":\"v\",\"metric\":\"4 M/s p50\",\
             \"unit\":\"ns\",\"median\":1234567.8,\"min\":-1.25,\"max\":null,\"runs\":5}\n";
        results.add("w", text).unwrap();
        results
    }

    #[test]
    fn figures_are_compared_and_replaced() {
        let results = results();
        let right = "a <!--perf w/p/v/4 M/s p50-->1 234 568<!--/perf--> b\n\
                     <!--perf w/p/v/4 M/s p50 2M-->1.23<!--/perf-->, \
                     <!--perf w/p/v/4 M/s p50@min 1-->-1.2<!--/perf-->, \
                     <!--perf about/w/commit-->abc<!--/perf-->";
        let checked = check(right, &results);
        assert_eq!(checked.figures, 4);
        assert!(checked.differences.is_empty() && checked.mistakes.is_empty(), "{checked:?}");
        assert_eq!(checked.text, right);

        let wrong = right.replace("1.23<", "1.24<");
        let checked = check(&wrong, &results);
        assert_eq!(checked.differences.len(), 1);
        assert!(checked.differences[0].starts_with("line 2: "), "{checked:?}");
        assert_eq!(checked.text, right);
    }

    #[test]
    fn marks_that_lead_nowhere_are_mistakes() {
        let results = results();
        for mark in ["w/p/v/none", "w/p/v", "about/x/commit", "about/w/size", "w/p/v/4 M/s p50@max"]
        {
            let document = format!("<!--perf {mark}-->1<!--/perf-->");
            let checked = check(&document, &results);
            assert_eq!((checked.mistakes.len(), &*checked.text), (1, &*document), "{mark}");
        }
        for document in
            ["<!--perf w/p/v/x-->1", "<!--perf w", "<!--perf a--> <!--perf b-->1<!--/perf-->"]
        {
            let checked = check(document, &results);
            assert!(!checked.mistakes.is_empty(), "{document}");
            assert_eq!(checked.text, document);
        }
    }
}
