//! Binary logs: each record says by itself what lines have to show.

use super::ledger::Ledger;
use super::lines::OWN_LOGGER;
use super::{Entry, Finding, Findings};
use sawmill::{BinaryReader, LogRecord, Value};
use std::path::Path;

/// Books the records of a file.
pub(super) fn read(
    path: &Path,
    reader: &mut BinaryReader,
    ledger: &mut Ledger,
    findings: &mut Findings,
) {
    let file = ledger.begin_file();
    let mut number = 0_u64;
    loop {
        let block = match reader.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                findings.add(Finding::Unreadable, 1, || format!("{}: {error}", path.display()));
                break;
            }
        };
        let done = block.for_each(|record| {
            number += 1;
            let place = || format!("{}: record {number}", path.display());
            ledger.enter(file, &entry(record), &place, findings);
        });
        if let Err(error) = done {
            findings.add(Finding::Unreadable, 1, || format!("{}: {error}", path.display()));
        }
    }
    let damage = reader.finish();
    if !damage.is_none() {
        findings.add(Finding::Torn, 1, || format!("{}: {damage}", path.display()));
    }
}

fn entry(record: &LogRecord<'_>) -> Entry {
    let (lane, sequence) = record.sequence();
    let lost = match record.field("lost") {
        Some(Value::U64(lost)) if record.logger() == OWN_LOGGER => Some(lost),
        _ => None,
    };
    Entry {
        run: Some(record.run()),
        process: Some(record.process_id().into()),
        lane: lane.into(),
        sequence,
        lost,
    }
}
