//! Pictures of the figures, as SVG: curves of percentiles, and bars of rates.

use crate::report::{Line, Merged};
use std::fmt::Write as _;
use std::path::Path;

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 54.0;
const RIGHT: f64 = 200.0;
const BOTTOM: f64 = 40.0;
/// Told apart in print and by most eyes.
const COLOURS: [&str; 8] =
    ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#4d4d4d"];
const PERCENTILES: [&str; 5] = ["p50", "p90", "p99", "p99.9", "max"];

/// Metrics of which each row gets a bar, and what the picture's name adds to the workload's.
const BARS: [(&str, &str); 5] = [
    ("rate", ""),
    ("rss anon", "-memory"),
    ("call", "-call"),
    ("cpu", ""),
    ("100000 worst", "-worst"),
];

/// Writes pictures of the rows of one workload: a curve for each row that has percentiles (one
/// picture for each set of percentiles), and bars for rates, memory and the like.
pub(crate) fn write(folder: &Path, workload: &str, lines: &[Line]) -> Result<(), String> {
    let mut merged: Vec<(String, Vec<Merged>)> = Vec::new();
    for line in lines.iter().filter(|line| line.workload == workload) {
        let name = format!("{} {}", line.peer, line.variant);
        if merged.last().is_none_or(|(last, _)| *last != name) {
            merged.push((name, Vec::new()));
        }
        if let Some((_, row)) = merged.last_mut() {
            row.push(line.merged());
        }
    }
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    for (name, picture) in pictures(workload, &merged) {
        let file = folder.join(format!("{name}.svg"));
        std::fs::write(&file, &picture).map_err(|error| format!("{}: {error}", file.display()))?;
        #[cfg(feature = "plot")]
        crate::png::write(&picture, &file.with_extension("png"))?;
    }
    Ok(())
}

/// Names and pictures.
fn pictures(workload: &str, rows: &[(String, Vec<Merged>)]) -> Vec<(String, String)> {
    let mut prefixes: Vec<&str> = Vec::new();
    for metric in rows.iter().flat_map(|(_, merged)| merged).map(|m| &*m.metric) {
        if let Some(prefix) = metric.strip_suffix(PERCENTILES[0])
            && !prefixes.contains(&prefix)
        {
            prefixes.push(prefix);
        }
    }
    let mut pictures = Vec::new();
    for prefix in prefixes {
        let title = format!("{workload} {}", prefix.trim_end());
        let name = title.trim_end().replace("/s", "").replace(' ', "-").to_lowercase();
        pictures.extend(curves(title.trim_end(), prefix, rows).map(|picture| (name, picture)));
    }
    let has_rate = rows.iter().any(|(_, merged)| find(merged, "rate").is_some());
    for (metric, suffix) in BARS {
        // What a call takes at full speed is the rate once more.
        if metric == "call" && has_rate {
            continue;
        }
        let picture = bars(workload, metric, rows);
        pictures.extend(picture.map(|picture| (format!("{workload}{suffix}"), picture)));
    }
    pictures
}

fn find<'a>(merged: &'a [Merged], metric: &str) -> Option<&'a Merged> {
    merged.iter().find(|m| m.metric == metric)
}

fn frame(title: &str, unit: &str, height: f64) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"20\" font-size=\"15\">{title}</text>\n\
         <text x=\"{LEFT}\" y=\"36\" fill=\"#555\">{unit}</text>\n"
    )
}

/// Percentiles from left to right, nanoseconds upwards on a logarithmic scale.
fn curves(title: &str, prefix: &str, rows: &[(String, Vec<Merged>)]) -> Option<String> {
    let points = |merged: &[Merged]| -> Option<Vec<f64>> {
        let point = |p: &&str| find(merged, &format!("{prefix}{p}")).map(|m| m.median.max(1.0));
        PERCENTILES.iter().map(point).collect()
    };
    let lines: Vec<(&str, Vec<f64>)> =
        rows.iter().filter_map(|(name, merged)| Some((name.as_str(), points(merged)?))).collect();
    let all = || lines.iter().flat_map(|(_, points)| points.iter().copied());
    let (low, high) = (all().reduce(f64::min)?.log10().floor(), all().reduce(f64::max)?.log10());
    let high = high.ceil().max(low + 1.0);
    let x = |at: usize| LEFT + (WIDTH - LEFT - RIGHT) * at as f64 / (PERCENTILES.len() - 1) as f64;
    let y = |value: f64| {
        let share = (value.log10() - low) / (high - low);
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share
    };

    let mut out = frame(title, "time, logarithmic; medians of the runs", HEIGHT);
    for power in low as i32..=high as i32 {
        let at = y(10_f64.powi(power));
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" x2=\"{}\" y1=\"{at:.1}\" y2=\"{at:.1}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            at + 4.0,
            power_of_ten(power)
        );
    }
    for (at, name) in PERCENTILES.iter().enumerate() {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            x(at),
            HEIGHT - BOTTOM + 18.0
        );
    }
    for (n, (name, points)) in lines.iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        let dashes = if n < COLOURS.len() { "" } else { " stroke-dasharray=\"5 3\"" };
        let path: Vec<String> = points
            .iter()
            .enumerate()
            .map(|(at, &value)| format!("{:.1},{:.1}", x(at), y(value)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{dashes}/>",
            path.join(" ")
        );
        legend(&mut out, n, name, colour, dashes);
    }
    out.push_str("</svg>\n");
    Some(out)
}

/// A power of ten of nanoseconds.
fn power_of_ten(power: i32) -> String {
    let unit = match power {
        ..3 => "ns",
        3..6 => "us",
        6..9 => "ms",
        _ => "s",
    };
    format!("{} {unit}", 10_u64.pow(power.max(0) as u32 % 3))
}

/// A bar for each row, the longest at full width, with the range of its runs.
fn bars(workload: &str, metric: &str, rows: &[(String, Vec<Merged>)]) -> Option<String> {
    let found: Vec<(&str, &Merged)> = rows
        .iter()
        .filter_map(|(name, merged)| Some((name.as_str(), find(merged, metric)?)))
        .collect();
    let most = found.iter().map(|(_, m)| m.max).fold(f64::MIN_POSITIVE, f64::max);
    let (left, width) = (LEFT + 110.0, WIDTH - LEFT - RIGHT);
    let step = ((HEIGHT - TOP - BOTTOM) / found.len() as f64).min(26.0);
    let height = TOP + 20.0 + step * found.len() as f64;
    let x = |value: f64| left + (width - 110.0) * value / most;

    let unit = &found.first()?.1.unit;
    let mut out =
        frame(workload, &format!("{metric}, {unit}; medians and ranges of the runs"), height);
    for (n, (name, m)) in found.iter().enumerate() {
        let (top, middle) = (TOP + 10.0 + step * n as f64, TOP + 10.0 + step * (n as f64 + 0.4));
        let colour = if name.starts_with("sawmill") { COLOURS[0] } else { "#b0b0b0" };
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{colour}\"/>\
             <line x1=\"{:.1}\" x2=\"{:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" stroke=\"black\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            left - 6.0,
            middle + 4.0,
            x(m.median) - left,
            step * 0.8,
            x(m.min),
            x(m.max),
            x(m.max) + 6.0,
            middle + 4.0,
            crate::report::shown(m.median, unit),
        );
    }
    out.push_str("</svg>\n");
    Some(out)
}

fn legend(out: &mut String, n: usize, name: &str, colour: &str, dashes: &str) {
    let (x, y) = (WIDTH - RIGHT + 16.0, TOP + 16.0 * n as f64 + 8.0);
    let _ = writeln!(
        out,
        "<line x1=\"{x}\" x2=\"{}\" y1=\"{y}\" y2=\"{y}\" stroke=\"{colour}\" stroke-width=\"3\"{dashes}/>\
         <text x=\"{}\" y=\"{}\">{name}</text>",
        x + 18.0,
        x + 24.0,
        y + 4.0
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Figure, Row};

    fn row(peer: &str, figures: &[(&str, &str, f64)]) -> Row {
        let run = figures.iter().map(|(metric, unit, value)| Figure::new(metric, unit, *value));
        Row {
            workload: "w".into(),
            peer: peer.into(),
            variant: "default".into(),
            runs: vec![run.collect()],
        }
    }

    fn drawn(rows: &[Row]) -> Vec<(String, String)> {
        let merged: Vec<_> = rows.iter().map(|row| (row.peer.clone(), row.merged())).collect();
        pictures("w", &merged)
    }

    #[test]
    fn percentiles_become_curves_and_rates_bars() {
        let points = PERCENTILES.map(|p| (p, "ns", 10.0));
        let single = ["4 M/s p50", "4 M/s p90", "4 M/s p99", "4 M/s p99.9", "4 M/s max"];
        let points: Vec<_> = points.into_iter().chain(single.map(|p| (p, "ns", 20.0))).collect();
        let curves = drawn(&[row("a", &points), row("b", &points)]);
        let names: Vec<&str> = curves.iter().map(|(name, _)| &**name).collect();
        assert_eq!(names, ["w", "w-4-m"]);
        assert_eq!(curves[0].1.matches("<polyline").count(), 2);
        let bars =
            drawn(&[row("sawmill", &[("rate", "1/s", 2e6)]), row("b", &[("rate", "1/s", 1e6)])]);
        assert_eq!(bars[0].1.matches("<rect").count(), 3);
        assert!(bars[0].1.contains("2.00 M/s"));
        assert!(drawn(&[row("a", &[("lost", "records", 1.0)])]).is_empty());
    }
}
