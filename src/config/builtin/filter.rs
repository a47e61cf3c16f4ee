//! Filters.

use super::{Arguments, Blueprint, Node, Registry};
use crate::config::registry::{Entry, Parts};
use crate::filter::{FilterRef, FoldDuplicates, LevelFilter, NameFilter, RateLimit, Sampling};
use crate::level::Level;
use crate::sync::Arc;

/// The name, or none; null is not a name, as in Python.
fn filter_name(args: &mut Arguments) -> String {
    match args.take("name") {
        None => String::new(),
        Some(Node::Str(name)) => name,
        Some(other) => {
            args.mistake("name", format!("expected text, found {}", other.kind()));
            String::new()
        }
    }
}

pub(super) fn register(registry: &mut Registry) {
    let mut filter = |name: &str, make: fn(&mut Arguments) -> FilterRef| {
        let factory = move |args: &mut Arguments| -> Blueprint<FilterRef> {
            let made = make(args);
            Box::new(move |_: &Parts<'_>| Ok(made))
        };
        registry.add(name, Entry::Filter(Arc::new(factory)));
    };
    for name in ["logging.Filter", "sawmill.NameFilter"] {
        filter(name, |args| {
            args.signature(&["name"]);
            FilterRef::new(NameFilter::new(&filter_name(args)))
        });
    }
    filter("sawmill.LevelFilter", |args| {
        let low = args.level("low").unwrap_or(Level::new(i32::MIN));
        let high = args.level("high").unwrap_or(Level::new(i32::MAX));
        let except = args.levels("except").unwrap_or_default();
        FilterRef::new(LevelFilter::between(low, high).except(except))
    });
    filter("sawmill.RateLimit", |args| {
        let mut limit = RateLimit::first(args.count("first").unwrap_or(1).max(1));
        if let Some(every) = args.count("then_every") {
            limit = limit.then_every(every);
        }
        if let Some(period) = args.seconds("per") {
            limit = limit.per(period);
        }
        if let Some(level) = args.level("keep_from") {
            limit = limit.keep_from(level);
        }
        FilterRef::new(limit)
    });
    filter("sawmill.Sampling", |args| {
        let mut sampling = Sampling::one_in(args.count("one_in").unwrap_or(1).max(1));
        if let Some(level) = args.level("keep_from") {
            sampling = sampling.keep_from(level);
        }
        if let Some(period) = args.seconds("report_every") {
            sampling = sampling.report_every(period);
        }
        if let Some(seed) = args.count("seed") {
            sampling = sampling.seed(seed);
        }
        FilterRef::new(sampling)
    });
    filter("sawmill.FoldDuplicates", |args| {
        let period = args.seconds("within").unwrap_or(std::time::Duration::from_secs(60));
        FilterRef::new(FoldDuplicates::within(period))
    });
}
