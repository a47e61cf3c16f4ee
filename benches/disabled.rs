//! What a call costs that is off, under a configuration of some size.

use criterion::{Criterion, criterion_group, criterion_main};
use sawmill::{HandlerRef, Level, NullHandler, debug, get_logger};
use std::hint::black_box;
use std::time::Duration;

fn disabled(criterion: &mut Criterion) {
    let mut builder = sawmill::builder().level(Level::INFO);
    for n in 0..20 {
        let handler = HandlerRef::new(NullHandler::new()).with_level(Level::new(n)).with_filter(
            |record: &mut sawmill::LogRecord<'_>| record.level().is_at_least(Level::DEBUG),
        );
        builder = builder.handler_for(&format!("a.b.c{n}"), &format!("handler{n}"), handler);
        builder = builder.level_for(&format!("a.b.c{n}"), Level::DEBUG);
    }
    let runtime = builder.init().expect("nothing else is configured in this process");
    let logger = get_logger("x.y.z");

    let mut group = criterion.benchmark_group("disabled");
    group.bench_function("empty", |bencher| bencher.iter(|| black_box(7_u64)));
    group.bench_function("debug!", |bencher| {
        bencher.iter(|| {
            let n = black_box(7_u64);
            debug!("never {n} seen {n} at {}", n as f64);
        });
    });
    group.bench_function("debug!(logger: ..)", |bencher| {
        bencher.iter(|| {
            let n = black_box(7_u64);
            debug!(logger: logger, "never {n} seen {n} at {}", n as f64);
        });
    });
    group.finish();
    assert_eq!(runtime.stats().attempted, 0, "a disabled call was counted as an attempt");
    let _ = runtime.shutdown(Duration::from_secs(1));
}

criterion_group!(benches, disabled);
criterion_main!(benches);
