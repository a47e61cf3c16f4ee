//! What a campaign comes to, as a table.

use crate::Options;
use crate::kinds::{Kind, Lanes};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;
use std::{fs, io};

/// Between these lines of a file the table goes.
const BEGIN: &str = "<!-- deaths -->\n";
const END: &str = "<!-- end of deaths -->\n";

/// What became of one process's records.
#[derive(Debug, Default)]
pub(crate) struct Books {
    pub(crate) attempted: u64,
    pub(crate) found: u64,
    pub(crate) lost: u64,
    pub(crate) unaccounted: u64,
    /// Missing, but younger than what may miss by the rule of this kind of death.
    pub(crate) young: u64,
    /// Missing and older, for the drain was held up before the death.
    pub(crate) held_up: u64,
    /// How long it was held up.
    pub(crate) longest: Duration,
    pub(crate) duplicates: u64,
    pub(crate) faults: u64,
}

impl Books {
    pub(crate) fn is_good(&self) -> bool {
        self.unaccounted == 0 && self.duplicates == 0 && self.faults == 0
    }

    pub(crate) fn add(&mut self, books: &Books) {
        self.attempted += books.attempted;
        self.found += books.found;
        self.lost += books.lost;
        self.unaccounted += books.unaccounted;
        self.young += books.young;
        self.held_up += books.held_up;
        self.longest = self.longest.max(books.longest);
        self.duplicates += books.duplicates;
        self.faults += books.faults;
    }
}

/// What became of the processes that died in one way.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) deaths: u64,
    pub(crate) sum: Books,
    pub(crate) broken: u64,
    pub(crate) skipped: Option<&'static str>,
}

/// The rows of all kinds.
#[derive(Debug, Default)]
pub(crate) struct Results {
    rows: BTreeMap<usize, Vec<(Lanes, Row)>>,
}

impl Results {
    pub(crate) fn print(&self, lanes: Lanes, table: &BTreeMap<usize, Row>) {
        println!("\n{lanes} lanes");
        println!(
            "| death | processes | attempted | found | reported lost | unaccounted | younger than 10 ms | older, drain held up (longest) | doubled |"
        );
        println!("| --- | --- | --- | --- | --- | --- | --- | --- | --- |");
        let mut all = Row::default();
        for (at, row) in table {
            let kind = Kind::ALL[*at];
            if let Some(why) = row.skipped {
                println!("| {kind} | skipped: {why} | | | | | | | |");
                continue;
            }
            println!("{}", line(&kind.to_string(), row));
            all.deaths += row.deaths;
            all.sum.add(&row.sum);
        }
        println!("{}", line("all", &all));
    }

    pub(crate) fn add(&mut self, lanes: Lanes, table: BTreeMap<usize, Row>) {
        for (at, row) in table {
            self.rows.entry(at).or_default().push((lanes, row));
        }
    }

    /// Writes the table to a file, between the marks if it has them.
    pub(crate) fn write(&self, file: &Path, options: &Options) -> io::Result<()> {
        let table = self.table(options);
        let before = fs::read_to_string(file).unwrap_or_default();
        let text = match (before.find(BEGIN), before.find(END)) {
            (Some(begin), Some(end)) if begin < end => {
                let (head, tail) = (&before[..begin + BEGIN.len()], &before[end..]);
                format!("{head}{table}{tail}")
            }
            _ => format!("# Deaths, and what became of the records\n\n{table}"),
        };
        fs::write(file, text)
    }

    fn table(&self, options: &Options) -> String {
        let mut text = String::from("```sh\ncargo test --release --features cli --test crash --");
        let deaths = options.deaths.map(|deaths| format!(" --deaths {deaths}"));
        let kind = options.kind.as_ref().map(|kind| format!(" --kind {kind}"));
        let _ = write!(
            text,
            "{}{} --seed {}\n```\n\n",
            deaths.unwrap_or_default(),
            kind.unwrap_or_default(),
            options.seed
        );
        let lanes: Vec<Lanes> = options.lanes.clone();
        let names: Vec<String> = lanes.iter().map(Lanes::to_string).collect();
        let _ = writeln!(text, "In each cell: lanes {}.\n", names.join(" / "));
        text.push_str("| death | processes | attempted | found | reported lost | unaccounted | may miss | doubled |\n");
        text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
        let mut sums: Vec<(Lanes, Row)> = lanes.iter().map(|l| (*l, Row::default())).collect();
        for (at, rows) in &self.rows {
            let kind = Kind::ALL[*at];
            let skipped = rows.iter().find_map(|(lanes, row)| Some((lanes, row.skipped?)));
            if let Some((lanes, why)) = skipped {
                let _ = writeln!(text, "| {kind} | skipped ({lanes}): {why} | | | | | | |");
                continue;
            }
            let _ = writeln!(text, "{}", pairs(&kind.to_string(), rows));
            for (lanes, row) in rows {
                if let Some((_, sum)) = sums.iter_mut().find(|(known, _)| known == lanes) {
                    sum.deaths += row.deaths;
                    sum.sum.add(&row.sum);
                }
            }
        }
        let _ = writeln!(text, "{}", pairs("all", &sums));
        text.push_str(MAY_MISS);
        text
    }
}

/// What the column says.
const MAY_MISS: &str = "\n*May miss*: younger than 10 ms when nobody was left to write it, or as \
                        old as the drain had been held up before.\n\n";

fn line(name: &str, row: &Row) -> String {
    let sum = &row.sum;
    let held_up = match sum.held_up {
        0 => "0".to_owned(),
        n => format!("{n} ({} ms)", sum.longest.as_millis()),
    };
    format!(
        "| {name} | {} | {} | {} | {} | {} | {} | {held_up} | {} |",
        row.deaths, sum.attempted, sum.found, sum.lost, sum.unaccounted, sum.young, sum.duplicates
    )
}

/// One row: in each cell what the sorts of lanes have.
fn pairs(name: &str, rows: &[(Lanes, Row)]) -> String {
    let cell = |of: &dyn Fn(&Row) -> u64| {
        let numbers: Vec<String> = rows.iter().map(|(_, row)| of(row).to_string()).collect();
        numbers.join(" / ")
    };
    let cells = [
        cell(&|row| row.deaths),
        cell(&|row| row.sum.attempted),
        cell(&|row| row.sum.found),
        cell(&|row| row.sum.lost),
        cell(&|row| row.sum.unaccounted),
        cell(&|row| row.sum.young + row.sum.held_up),
        cell(&|row| row.sum.duplicates),
    ];
    format!("| {name} | {} |", cells.join(" | "))
}
