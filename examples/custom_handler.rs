//! A handler, a filter and a formatter of one's own.
//!
//! The handler keeps the worst record of each minute for a status page; the filter hides what
//! customers must not see in logs; the formatter writes one record as `level|logger|message`.

use sawmill::{
    Context, Error, Filter, Format, Handler, HandlerExt, HandlerRef, Level, LogRecord, OwnedRecord,
    Runtime, ValueBuf, Verdict, error, info, warning,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Keeps the most important record of each minute. Lives on the drain, so it needs no lock.
#[derive(Default)]
struct WorstOfMinute {
    worst: BTreeMap<i64, (OwnedRecord, String)>,
}

impl Handler for WorstOfMinute {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        let minute = record.time_ns() / 60_000_000_000;
        let known = self.worst.get(&minute).map(|(record, _)| record.view().level());
        if known.is_none_or(|level| record.level() > level) {
            // The line as the handler's formatter writes it; an error fails this record alone.
            let line = String::from_utf8_lossy(cx.formatted(record)?).into_owned();
            self.worst.insert(minute, (record.keep(), line));
        }
        Ok(())
    }
}

/// Replaces the value of any field called `password`.
struct HidePasswords;

impl Filter for HidePasswords {
    fn filter(&mut self, record: &mut LogRecord<'_>) -> Verdict {
        if record.field("password").is_some() {
            record.set_attribute("password", ValueBuf::of("***"));
        }
        Verdict::Pass
    }
}

/// `level|logger|message`, then the fields.
struct Bars;

impl Format for Bars {
    fn format(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend(format!("{}|{}|", record.level(), record.logger()).bytes());
        record.write_message(out)?;
        record.for_each_field(|key, value| out.extend(format!("|{key}={value}").bytes()));
        Ok(())
    }
}

fn main() -> Result<(), Error> {
    // The reference is what loggers hold, and what gives access to the handler later.
    let worst: HandlerRef = WorstOfMinute::default()
        .with_formatter(Bars)
        .with_filter(HidePasswords)
        .with_level(Level::WARNING);
    let runtime = Runtime::builder().level(Level::INFO).handler("worst", worst.clone()).build()?;
    let log = runtime.get_logger("shop");

    info!(logger: log, "an order of {} items", 3);
    warning!(logger: log, user = "ada", password = "hunter2"; "two attempts to log in");
    error!(logger: log, user = "ada", password = "hunter2"; "the account is locked");

    assert!(runtime.flush(Duration::from_secs(1)).is_complete());
    // Runs on the drain, between two records.
    let lines = worst.with(Duration::from_secs(1), |handler: &mut WorstOfMinute| {
        handler.worst.values().map(|(_, line)| line.clone()).collect::<Vec<_>>()
    })?;
    for line in &lines {
        println!("{line}");
    }
    let expected = "ERROR|shop|the account is locked|user=ada|password=***";
    assert_eq!(lines.last().map(String::as_str), Some(expected));

    let stats = worst.stats();
    println!("{} offered, {} below its level", stats.offered, stats.below_level);
    let _ = runtime.shutdown(Duration::from_secs(1));
    Ok(())
}
