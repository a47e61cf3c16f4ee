//! Calls below the compile-time ceiling are not there: not even an argument is evaluated.
//!
//! Holds for every choice of the `max_level_*` features; run with one to see it work:
//! `cargo test --test ceiling --features max_level_warning`.

use sawmill::{Level, Runtime, STATIC_LEVEL};
use std::cell::Cell;

#[test]
fn what_is_below_the_ceiling_is_gone() {
    let runtime = Runtime::builder().level(Level::new(1)).capture().build().unwrap();
    let seen = Cell::new(0);
    let tick = || seen.set(seen.get() + 1);
    let logger = runtime.get_logger("given");
    let mut wanted = 0;
    let mut hold = |level: Level| {
        let compiled = level >= STATIC_LEVEL && STATIC_LEVEL < Level::new(i32::MAX);
        wanted += u64::from(compiled);
        assert_eq!(seen.get(), wanted, "{level}");
        compiled
    };
    runtime.scope(|| {
        sawmill::trace!("{:?}", tick());
        hold(Level::TRACE);
        sawmill::debug!("{:?}", tick());
        hold(Level::DEBUG);
        sawmill::info!(key:? = tick(); "m");
        hold(Level::INFO);
        sawmill::warning!(logger: logger, "{:?}", tick());
        hold(Level::WARNING);
        sawmill::error!(target: "t", "{:?}", tick());
        hold(Level::ERROR);
        sawmill::critical!("{:?}", tick());
        hold(Level::CRITICAL);
        for level in [5, 10, 20, 25, 30, 40, 50, 60].map(Level::new) {
            sawmill::log!(level, "{:?}", tick());
            let compiled = hold(level);
            assert_eq!(sawmill::log_enabled!(level), compiled);
            assert_eq!(sawmill::log_enabled!(logger: logger, level), compiled);
        }
    });
    assert_eq!(runtime.records().len() as u64, wanted);
}
