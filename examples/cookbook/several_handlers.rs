//! Several handlers and formatters: everything to a file, errors to the console as well.
//!
//! Two handlers may share a formatter; the line is then made once for both.

mod place;

use sawmill::{
    FileHandler, Formatter, FormatterRef, HandlerExt, Level, StreamHandler, critical, debug, error,
    info, warning,
};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let full =
        FormatterRef::from(Formatter::new("%(asctime)s - %(name)s - %(levelname)s - %(message)s")?);
    let short = Formatter::new("%(levelname)s: %(message)s")?;
    let console = StreamHandler::stderr().with_level(Level::ERROR).with_formatter(full.clone());
    let runtime = sawmill::builder()
        .level(Level::DEBUG)
        .handler("all", FileHandler::new(place.path("all.log"))?.with_formatter(full))
        .handler("short", FileHandler::new(place.path("short.log"))?.with_formatter(short))
        .handler("console", console)
        .init()?;

    debug!("debug message");
    info!("info message");
    warning!("warn message");
    error!("error message");
    critical!("critical message");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    assert_eq!(place.show("all.log")?.len(), 5);
    assert_eq!(place.show("short.log")?[3], "ERROR: error message");
    let stats = runtime.stats();
    let console = stats.handler("console").expect("it was given this name");
    assert_eq!((console.delivered, console.below_level), (2, 3));
    Ok(())
}
