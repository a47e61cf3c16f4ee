//! A binary log: written as packed values, read back as the records they were.
//!
//! `sawmill decode hot.slog` shows the same from a command line.

use sawmill::{BinaryFileHandler, BinaryReader, Format, Formatter, Keep, Level, Rotate, info};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::temp_dir().join(format!("hot-{}.slog", std::process::id()));
    let handler = BinaryFileHandler::builder(&path)
        .rotate(Rotate::size(256 << 20).or_daily())
        .keep(Keep::files(30))
        .build()?;
    let runtime = sawmill::Runtime::builder().level(Level::INFO).handler("hot", handler).build()?;
    runtime.scope(|| {
        for n in 0..10_000_u64 {
            info!(user = n % 7; "order {n} for {:.2}", n as f64 * 0.25);
        }
    });
    let report = runtime.shutdown(Duration::from_secs(5));
    assert!(report.is_complete(), "{report}");

    let format = Formatter::new("%(levelname)s %(name)s %(message)s%(fields)s")?;
    let mut reader = BinaryReader::open(&path)?;
    let (mut lines, mut records) = (Vec::new(), 0);
    while let Some(block) = reader.next_block()? {
        records += block.for_each(|record| {
            if record.sequence().1 <= 3 && format.format(record, &mut lines).is_ok() {
                lines.push(b'\n');
            }
        })?;
    }
    assert!(reader.finish().is_none() && records == 10_000);
    print!("{}", String::from_utf8(lines)?);
    println!("{records} records in {} bytes", std::fs::metadata(&path)?.len());
    std::fs::remove_file(path)?;
    Ok(())
}
