//! Several modules: each logs under its own name, and one place says what becomes of it.
//!
//! Calls without `logger:` or `target:` go to the logger named after their module, so a module
//! declares nothing. Here the auxiliary module is told to say more than the others.

mod place;

use sawmill::{FileHandler, Formatter, HandlerExt, Level, debug, info};
use std::time::Duration;

/// Would be a file of its own.
mod auxiliary {
    use sawmill::{Logger, debug, get_logger, info};

    pub(crate) struct Auxiliary {
        log: Logger,
    }

    impl Auxiliary {
        pub(crate) fn new() -> Self {
            info!("creating an instance of Auxiliary");
            // A logger for the type, below the module's.
            Self { log: get_logger(module_path!()).child("Auxiliary") }
        }

        pub(crate) fn do_something(&self) {
            debug!(logger: self.log, "doing something");
        }
    }

    pub(crate) fn some_function() {
        info!("received a call to some_function");
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = Formatter::new("%(name)s - %(levelname)s - %(message)s")?;
    sawmill::builder()
        .level(Level::INFO)
        .level_for("cookbook_several_modules.auxiliary", Level::DEBUG)
        .handler("file", FileHandler::new(place.path("spam.log"))?.with_formatter(pattern))
        .init()?;

    debug!("this module is at INFO, so nobody sees this");
    let auxiliary = auxiliary::Auxiliary::new();
    auxiliary.do_something();
    auxiliary::some_function();
    info!("done");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    let here = "cookbook_several_modules";
    assert_eq!(
        place.show("spam.log")?,
        [
            format!("{here}.auxiliary - INFO - creating an instance of Auxiliary"),
            format!("{here}.auxiliary.Auxiliary - DEBUG - doing something"),
            format!("{here}.auxiliary - INFO - received a call to some_function"),
            format!("{here} - INFO - done"),
        ]
    );
    Ok(())
}
