//! Records of the `log` crate reach the same handlers: libraries need not know sawmill.

use sawmill::{Formatter, HandlerExt, Level, StreamHandler};

/// A library that depends on the `log` crate only.
mod library {
    pub(crate) fn work() {
        log::info!("opening the pool");
        log::warn!(attempt = 2; "the server did not answer");
        log::debug!("not at this level");
    }
}

fn main() -> Result<(), sawmill::Error> {
    let pattern = Formatter::new("%(levelname)-8s %(name)s: %(message)s")?;
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("out", StreamHandler::stdout().with_formatter(pattern))
        .init()?;
    library::work();
    sawmill::info!("and sawmill's own beside them");
    assert_eq!(runtime.stats().attempted, 3);
    Ok(())
}
