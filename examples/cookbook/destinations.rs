//! Several destinations, by level: each handler has a level, a pattern and filters of its own.

mod place;

use sawmill::{
    FileHandler, FileMode, Formatter, HandlerExt, Level, LevelFilter, StreamHandler, debug, error,
    info, warning,
};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let dated = Formatter::builder()
        .pattern("%(asctime)s %(name)-12s %(levelname)-8s %(message)s")
        .date_format("%m-%d %H:%M")
        .build()?;
    let brief = || Formatter::new("%(name)-12s: %(levelname)-8s %(message)s");
    let all = FileHandler::builder(place.path("myapp.log")).mode(FileMode::Truncate).build()?;
    let errors = FileHandler::new(place.path("errors.log"))?.with_level(Level::ERROR);
    // An upper bound is a filter.
    let notes = FileHandler::new(place.path("notes.log"))?
        .with_filter(LevelFilter::between(Level::INFO, Level::WARNING));
    sawmill::builder()
        .level(Level::DEBUG)
        .handler("all", all.with_formatter(dated))
        .handler("errors", errors.with_formatter(brief()?))
        .handler("notes", notes.with_formatter(brief()?))
        .handler("console", StreamHandler::stdout().with_level(Level::INFO))
        .init()?;

    info!(target: "myapp", "jackdaws love my big sphinx of quartz");
    debug!(target: "myapp.area1", "quick zephyrs blow, vexing daft Jim");
    warning!(target: "myapp.area2", "jail zesty vixen who grabbed pay from quack");
    error!(target: "myapp.area2", "the five boxing wizards jump quickly");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    assert_eq!(place.show("myapp.log")?.len(), 4);
    let errors = place.show("errors.log")?;
    assert_eq!(errors, ["myapp.area2 : ERROR    the five boxing wizards jump quickly"]);
    assert_eq!(place.show("notes.log")?.len(), 2);
    Ok(())
}
