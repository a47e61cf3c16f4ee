//! The default runtime's configuration in place, with the `log` crate's records on their way to it.

use crate::error::Error;
use crate::global;
use crate::runtime::{Runtime, RuntimeBuilder};
use std::panic::Location;

impl RuntimeBuilder {
    /// Configures the default runtime, which the macros use, and starts its drain; installs it as
    /// the `log` crate's logger.
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build); [`Error::is_already`] if the default runtime was configured
    /// before (the text says where), or if the `log` crate has another logger.
    #[track_caller]
    pub fn init(self) -> Result<Runtime, Error> {
        global::claim(Location::caller())?;
        // First, so that nothing has changed if another logger is there already.
        let bridged = if self.wants_bridge() { install_bridge() } else { Ok(()) };
        let panics = self.wants_panics();
        bridged
            .and_then(|()| self.set_up(global::default().core().clone()))
            .inspect(|_| {
                if panics {
                    crate::bridge::panic::install();
                }
            })
            .inspect_err(|_| global::disclaim())
    }
}

/// Makes the default runtime the `log` crate's logger.
#[cfg(feature = "log")]
fn install_bridge() -> Result<(), Error> {
    crate::bridge::log::install()
}

/// Without the `log` crate there is nothing to bridge, and no option that asks for it.
#[cfg(not(feature = "log"))]
fn install_bridge() -> Result<(), Error> {
    Ok(())
}
