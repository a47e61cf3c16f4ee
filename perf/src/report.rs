//! What a run measured, the merge of several runs, and how both are written.

use crate::stats::percentiles;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// One figure of one run.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    /// What was measured, for example `p99` or `rate`.
    pub(crate) metric: String,
    /// `ns`, `1/s`, `bytes`, `%`, `records`.
    pub(crate) unit: String,
    /// The value.
    pub(crate) value: f64,
}

impl Figure {
    pub(crate) fn new(metric: &str, unit: &str, value: f64) -> Self {
        Self { metric: metric.into(), unit: unit.into(), value }
    }

    /// The line by which a run in a child process tells its figure.
    pub(crate) fn to_line(&self) -> String {
        format!("figure\t{}\t{}\t{}", self.metric, self.unit, self.value)
    }

    /// Reads such a line; `None` for any other.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let mut parts = line.split('\t');
        let (mark, metric, unit) = (parts.next()?, parts.next()?, parts.next()?);
        (mark == "figure")
            .then(|| parts.next()?.parse().ok().map(|v| Self::new(metric, unit, v)))?
    }
}

/// Adds the percentiles of latencies in nanoseconds, each named with `prefix` before it.
pub(crate) fn add_percentiles(into: &mut Vec<Figure>, prefix: &str, values: &mut [f64]) {
    let found = percentiles(values);
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        into.push(Figure::new(&format!("{prefix}{name}"), "ns", found.at(q)));
    }
}

/// The runs of one variant of one peer.
pub(crate) struct Row {
    pub(crate) workload: String,
    pub(crate) peer: String,
    pub(crate) variant: String,
    pub(crate) runs: Vec<Vec<Figure>>,
}

/// One metric over several runs.
#[derive(Debug, PartialEq)]
pub(crate) struct Merged {
    pub(crate) metric: String,
    pub(crate) unit: String,
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) runs: usize,
}

impl Row {
    /// Median and range of each metric, in the order in which they were first told.
    pub(crate) fn merged(&self) -> Vec<Merged> {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for figure in self.runs.iter().flatten() {
            let name = (figure.metric.as_str(), figure.unit.as_str());
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let values = |name: (&str, &str)| -> Vec<f64> {
            let all = self.runs.iter().flatten();
            let mine = all.filter(|f| (f.metric.as_str(), f.unit.as_str()) == name);
            mine.map(|figure| figure.value).collect()
        };
        let merge = |name: (&str, &str)| {
            let mut values = values(name);
            let runs = values.len();
            let found = percentiles(&mut values);
            Merged {
                metric: name.0.into(),
                unit: name.1.into(),
                median: found.at(0.5),
                min: found.at(0.0),
                max: found.at(1.0),
                runs,
            }
        };
        names.into_iter().map(merge).collect()
    }

    /// What `--json` prints, and what a file of results holds.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let line = |m: Merged| Line {
            workload: self.workload.clone(),
            peer: self.peer.clone(),
            variant: self.variant.clone(),
            metric: m.metric,
            unit: m.unit,
            median: finite(m.median),
            min: finite(m.min),
            max: finite(m.max),
            runs: m.runs,
        };
        self.merged().into_iter().map(line).collect()
    }

    /// A block of text: the row's name, then a line for each metric.
    pub(crate) fn to_text(&self) -> String {
        let mut out = format!("{} {} {}\n", self.workload, self.peer, self.variant);
        for m in self.merged() {
            let [median, min, max] = [m.median, m.min, m.max].map(|v| shown(v, &m.unit));
            let _ = write!(out, "  {:<16} {median:>14}", m.metric);
            let _ = match m.runs {
                1 => writeln!(out),
                runs => writeln!(out, "   ({min} .. {max}, {runs} runs)"),
            };
        }
        out
    }
}

/// One metric of one variant of one peer, an object on a line of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) workload: String,
    pub(crate) peer: String,
    pub(crate) variant: String,
    pub(crate) metric: String,
    pub(crate) unit: String,
    /// What is not finite is null.
    pub(crate) median: Option<f64>,
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
    pub(crate) runs: usize,
}

impl Line {
    /// The figures alone; NaN for what is not a number.
    pub(crate) fn merged(&self) -> Merged {
        let number = |value: Option<f64>| value.unwrap_or(f64::NAN);
        Merged {
            metric: self.metric.clone(),
            unit: self.unit.clone(),
            median: number(self.median),
            min: number(self.min),
            max: number(self.max),
            runs: self.runs,
        }
    }

    /// The line for people.
    pub(crate) fn to_text(&self) -> String {
        let show = |value: Option<f64>| value.map_or("-".into(), |value| shown(value, &self.unit));
        let [median, min, max] = [self.median, self.min, self.max].map(show);
        let Self { workload, peer, variant, metric, runs, .. } = self;
        format!("{workload}/{peer}/{variant}/{metric}  {median}  ({min} .. {max}, {runs} runs)")
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// A value in a readable scale.
pub(crate) fn shown(value: f64, unit: &str) -> String {
    match unit {
        "ns" if value >= 100_000.0 => format!("{:.0} us", value / 1e3),
        "ns" if value >= 1_000.0 => format!("{value:.0} ns"),
        "ns" if value < 2.0 => format!("{value:.2} ns"),
        "ns" => format!("{value:.1} ns"),
        "1/s" => format!("{:.2} M/s", value / 1e6),
        "bytes" if value >= 1e9 => format!("{:.2} GB", value / 1e9),
        "bytes" if value >= 1e6 => format!("{:.1} MB", value / 1e6),
        "bytes" if value >= 1e4 => format!("{:.0} kB", value / 1e3),
        "%" => format!("{value:.2} %"),
        _ => format!("{value} {unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_survives_its_line() {
        let figure = Figure::new("single p99.9", "ns", 12.25);
        assert_eq!(Figure::from_line(&figure.to_line()), Some(figure));
        assert_eq!(Figure::from_line("some other output"), None);
        assert_eq!(Figure::from_line("figure\tp50\tns\tx"), None);
    }

    #[test]
    fn runs_merge_to_median_and_range() {
        let run =
            |p50: f64| vec![Figure::new("p50", "ns", p50), Figure::new("lost", "records", 0.0)];
        let row = Row {
            workload: "latency".into(),
            peer: "a\"b".into(),
            variant: "default".into(),
            runs: vec![run(3.0), run(1.0), run(2.0)],
        };
        let merged = row.merged();
        assert_eq!((merged[0].median, merged[0].min, merged[0].max), (2.0, 1.0, 3.0));
        assert_eq!(merged[1].runs, 3);
        let line = serde_json::to_string(&row.lines()[0]).unwrap();
        assert_eq!(
            line,
            "{\"workload\":\"latency\",\"peer\":\"a\\\"b\",\"variant\":\"default\",\
             \"metric\":\"p50\",\"unit\":\"ns\",\"median\":2.0,\"min\":1.0,\"max\":3.0,\"runs\":3}"
        );
        assert_eq!(serde_json::from_str::<Line>(&line).unwrap(), row.lines()[0]);
    }
}
