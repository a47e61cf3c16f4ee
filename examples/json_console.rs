//! JSON lines on standard output, as containers want them, and fields from a scope.
//!
//! The console has a worker of its own: a pipe whose reader stalls neither blocks the program nor
//! the other handlers. A command-line tool would add `.sync()`.

use sawmill::{HandlerExt, JsonFormatter, Level, StreamHandler, error, info, scope};
use std::time::Duration;

#[derive(Debug, sawmill::Capture)]
struct Order {
    id: u64,
    total: f64,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("out", StreamHandler::stdout().with_formatter(JsonFormatter::new()))
        .init()?;

    info!("listening");
    for request in 1..=2 {
        // Every record of this thread carries the fields until the guard is dropped.
        let _scope = scope!(request, peer = "10.0.0.7");
        let order = Order { id: 40 + request, total: 99.5 };
        info!(order:? = order, took_ms = 1.25; "placed");
    }
    if let Err(cause) = "x1".parse::<u32>() {
        error!(error:err = cause; "cannot read the quantity");
    }
    let report = runtime.shutdown(Duration::from_secs(2));
    assert!(report.is_complete(), "{report:?}");
    Ok(())
}
