//! Customised records: a record factory that changes every record where it is made, and a hook
//! that only adds fields.
//!
//! Both run on the thread that logs, before the call returns, and may look at that thread.

mod place;

use sawmill::{FileHandler, Formatter, HandlerExt, Level, LogRecord, ValueBuf, info, warning};
use std::cell::Cell;
use std::time::Duration;

thread_local! {
    static STEP: Cell<u32> = const { Cell::new(0) };
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = "%(name)s %(custom_attribute)x step %(step)d: %(levelname)s %(message)s";
    let file = FileHandler::new(place.path("app.log"))?;
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("file", file.with_formatter(Formatter::new(pattern)?))
        .init()?;
    runtime.add_caller_fields(|caller| caller.field("step", ValueBuf::of(&STEP.get())));
    sawmill::set_record_factory(|record: &mut LogRecord<'_>| {
        record.set_attribute("custom_attribute", ValueBuf::of(&0xdeca_fbad_u32));
        record.set_attribute("name", ValueBuf::of("app"));
    });
    // A factory may build on the one before, as Python's do.
    if let Some(before) = sawmill::record_factory() {
        sawmill::set_record_factory(move |record: &mut LogRecord<'_>| {
            before(record);
            if record.level() == Level::WARNING {
                record.set_attribute("levelname", ValueBuf::of("NOTE"));
            }
        });
    }

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
            "app decafbad step 0: INFO hello",
            "app decafbad step 1: NOTE on the same thread",
            "app decafbad step 0: INFO on another",
            "app decafbad step 9: INFO by hand",
        ]
    );
    Ok(())
}
