//! The books: what became of every record, held to the record.

use sawmill::{
    Context, Error, Filter, FilterRef, Handler, HandlerRef, Level, LogRecord, MemoryHandler,
    NullHandler, Runtime, Stats, Verdict, info, warning,
};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

/// Fails for every third record and panics for every seventh.
#[derive(Default)]
struct Shaky(u64);

impl Handler for Shaky {
    fn emit(&mut self, _: &LogRecord<'_>, _: &mut Context<'_>) -> Result<(), Error> {
        self.0 += 1;
        assert!(!self.0.is_multiple_of(7), "as asked");
        if self.0.is_multiple_of(3) { Err(Error::other("as asked")) } else { Ok(()) }
    }
}

/// Lets every `n`th record pass.
struct Every(u64, u64);

impl Filter for Every {
    fn filter(&mut self, _: &mut LogRecord<'_>) -> Verdict {
        self.1 += 1;
        if self.1.is_multiple_of(self.0) { Verdict::Pass } else { Verdict::Refuse }
    }
}

/// Every kind of fate at once, then the identities.
fn fates(drain: sawmill::Drain) -> Stats {
    let memory = MemoryHandler::new(1000).with_target(HandlerRef::new(NullHandler::new()));
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .drain(drain)
        .on_error(|_| {})
        .handler_for("a", "shaky", HandlerRef::new(Shaky::default()))
        .handler_for("a", "loud", HandlerRef::new(NullHandler::new()).with_level(Level::WARNING))
        .handler_for(
            "a",
            "picky",
            HandlerRef::new(NullHandler::new()).with_filter(FilterRef::new(Every(2, 0))),
        )
        .handler_for("a", "memory", HandlerRef::new(memory))
        .build()
        .unwrap();
    let all = runtime.get_logger("a");
    let some = runtime.get_logger("a.some");
    some.add_filter(FilterRef::new(Every(5, 0)));
    let nowhere = runtime.get_logger("b");
    for n in 0..210 {
        info!(logger: all, "{n}");
    }
    for n in 0..100 {
        warning!(logger: some, "{n}");
    }
    for n in 0..30 {
        info!(logger: nowhere, "{n}");
    }
    let _ = runtime.flush(PATIENCE);
    let stats = runtime.stats();
    let _ = runtime.shutdown(PATIENCE);
    runtime.stats().check().unwrap();
    stats
}

fn hold(stats: &Stats) {
    stats.check().unwrap();
    let of = |name: &str| *stats.handler(name).unwrap();
    assert_eq!((stats.attempted, stats.dropped, stats.in_flight), (340, 0, 0), "{stats}");
    assert_eq!((stats.routed, stats.filtered, stats.unrouted), (230, 80, 30), "{stats}");
    let shaky = of("shaky");
    // Of 230, 32 are multiples of seven and 66 more of three.
    assert_eq!((shaky.offered, shaky.failed, shaky.delivered), (230, 98, 132), "{stats}");
    assert_eq!(stats.failures, 98, "{stats}");
    let loud = of("loud");
    assert_eq!((loud.offered, loud.below_level, loud.delivered), (230, 210, 20), "{stats}");
    let picky = of("picky");
    assert_eq!((picky.offered, picky.filtered, picky.delivered), (230, 115, 115), "{stats}");
    let memory = of("memory");
    assert_eq!((memory.offered, memory.delivered, memory.held), (230, 230, 0), "{stats}");
}

#[test]
fn every_fate_is_booked_once_on_a_drain_of_its_own() {
    hold(&fates(sawmill::Drain::Thread));
}

#[test]
fn every_fate_is_booked_once_inline() {
    hold(&fates(sawmill::Drain::Inline));
}

#[test]
fn what_a_handler_holds_is_in_the_books_until_it_is_let_go() {
    let memory = MemoryHandler::new(1000).with_target(HandlerRef::new(NullHandler::new()));
    let memory = HandlerRef::new(memory);
    let runtime = Runtime::builder()
        .level(Level::INFO)
        .drain(sawmill::Drain::Inline)
        .handler("memory", memory.clone())
        .build()
        .unwrap();
    let logger = runtime.get_logger("held");
    for n in 0..10 {
        info!(logger: logger, "{n}");
    }
    let stats = runtime.stats();
    stats.check().unwrap();
    assert_eq!((memory.stats().held, memory.stats().delivered), (10, 0), "{stats}");
    let _ = runtime.shutdown(PATIENCE);
    assert_eq!((memory.stats().held, memory.stats().delivered), (0, 10));
}
