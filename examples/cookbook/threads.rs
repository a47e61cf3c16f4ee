//! Several threads: nothing has to be done for them.
//!
//! Each thread writes into a ring of its own, without a lock; the logging thread merges them by
//! time. Within a thread the order is exact.

mod place;

use sawmill::{FileHandler, Formatter, HandlerExt, Level, debug};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let pattern = Formatter::new("%(relativeCreated)6d %(threadName)s %(message)s")?;
    sawmill::builder()
        .level(Level::DEBUG)
        .handler("file", FileHandler::new(place.path("threads.log"))?.with_formatter(pattern))
        .init()?;

    std::thread::scope(|scope| {
        for name in ["worker-1", "worker-2"] {
            let worker = std::thread::Builder::new().name(name.into());
            let started = worker.spawn_scoped(scope, || {
                for n in 0..5 {
                    debug!("hi from a worker, {n}");
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
            started.expect("a thread can be started");
        }
        debug!("hello from the main thread");
    });

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    let lines = place.show("threads.log")?;
    assert_eq!(lines.len(), 11);
    for name in ["worker-1", "worker-2"] {
        let of_one: Vec<_> = lines.iter().filter(|line| line.contains(name)).collect();
        assert_eq!(of_one.len(), 5);
        let in_order = |(n, line): (usize, &&String)| line.ends_with(&n.to_string());
        assert!(of_one.iter().enumerate().all(in_order));
    }
    Ok(())
}
