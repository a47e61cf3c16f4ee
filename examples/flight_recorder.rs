//! A flight recorder: what is too loud for the log is kept in memory, and written when an error
//! shows that somebody will want it.

use sawmill::{FlightRecorder, Level, WriterHandler, debug, error, info};
use std::io::stdout;
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("stdout", WriterHandler::new(stdout()))
        // The latest 256 KiB of DEBUG records; a call that is kept costs what a written one does.
        .flight_recorder(FlightRecorder::new(256 << 10).every(Duration::from_secs(60)))
        .init()?;

    for order in 1..=10_000 {
        debug!("order {order}: reserving stock");
        debug!("order {order}: charging the card");
        if order % 4_000 == 0 {
            error!("order {order}: the card was refused");
        }
    }
    info!("ten thousand orders");

    let stats = runtime.stats();
    drop(runtime.flush(Duration::from_secs(10)));
    println!("written when the first card was refused: {} records", runtime.stats().dumped);
    println!("the second came too soon for another dump: {}", runtime.stats().dumps_withheld);
    println!("written because asked for: {}", runtime.dump_recorder(Duration::from_secs(10))?);
    assert!(stats.attempted > 20_000);
    Ok(())
}
