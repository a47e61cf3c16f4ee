//! Customised records: fields that every record gets where it is made, as from a record factory.
//!
//! The hook runs on the thread that logs, before the call returns, and may look at that thread.

mod place;

use sawmill::{FileHandler, Formatter, HandlerExt, Level, ValueBuf, info, warning};
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static STEP: Cell<u32> = const { Cell::new(0) };
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = "%(custom_attribute)x step %(step)d: %(levelname)s %(message)s";
    let file = FileHandler::new(place.path("app.log"))?;
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("file", file.with_formatter(Formatter::new(pattern)?))
        .init()?;
    runtime.add_caller_fields(|caller| {
        caller.field("custom_attribute", ValueBuf::of(&0xdeca_fbad_u32));
        caller.field("step", ValueBuf::of(&STEP.get()));
    });

    info!("hello");
    STEP.set(1);
    warning!("on the same thread");
    std::thread::scope(|scope| {
        scope.spawn(|| info!("on another"));
    });
    // A call's own field goes before the hook's.
    info!(step = 9; "by hand");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    assert_eq!(
        place.show("app.log")?,
        [
            "decafbad step 0: INFO hello",
            "decafbad step 1: WARNING on the same thread",
            "decafbad step 0: INFO on another",
            "decafbad step 9: INFO by hand",
        ]
    );
    Ok(())
}
