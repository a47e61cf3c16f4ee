//! Two runtimes in one process: each with a tree, handlers and books of its own.

use sawmill::{Level, Runtime, info};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let tenant = |level| Runtime::builder().level(level).capture().build();
    let (loud, quiet) = (tenant(Level::INFO)?, tenant(Level::WARNING)?);

    // A logger belongs to its runtime.
    info!(logger: loud.get_logger("billing"), "an invoice of {} euros", 12);
    info!(logger: quiet.get_logger("billing"), "nobody hears this");

    // Calls that name no logger go to the runtime whose scope they are in.
    loud.scope(|| info!("within the loud runtime"));

    for (name, runtime) in [("loud", &loud), ("quiet", &quiet)] {
        println!("{name}:");
        for record in runtime.records() {
            let record = record.view();
            println!("  {} {}", record.logger(), record.message()?);
        }
    }
    assert_eq!((loud.records().len(), quiet.records().len()), (2, 0));
    for runtime in [loud, quiet] {
        assert!(runtime.shutdown(Duration::from_secs(1)).is_complete());
    }
    Ok(())
}
