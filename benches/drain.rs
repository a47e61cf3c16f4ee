//! How fast records reach their handler: from the first call of a batch until the flush returns.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sawmill::{
    FileHandler, Formatter, HandlerExt, HandlerRef, JsonFormatter, Level, NullHandler, Overflow,
};
use sawmill::{Runtime, info};
use std::time::{Duration, Instant};

const BATCH: u64 = 100_000;
const LIMIT: Duration = Duration::from_secs(60);

fn drain(criterion: &mut Criterion) {
    let folder = std::env::temp_dir().join(format!("sawmill-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    let file = |name: &str| FileHandler::builder(folder.join(name)).build().expect("it opens");
    let pattern = "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d \
                   [%(threadName)s] %(message)s";
    let handlers: [(&str, HandlerRef); 3] = [
        ("null", NullHandler::new().into()),
        ("text file", file("text").with_formatter(Formatter::new(pattern).expect("it compiles"))),
        ("json file", file("json").with_formatter(JsonFormatter::new())),
    ];

    let mut group = criterion.benchmark_group("drain");
    group.throughput(Throughput::Elements(BATCH)).sample_size(10);
    for (name, handler) in handlers {
        let runtime = Runtime::builder()
            .level(Level::INFO)
            .overflow(Overflow::block())
            .handler(name, handler)
            .build()
            .expect("the runtime starts");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_custom(|rounds| timed(&runtime, rounds));
        });
        assert_eq!(runtime.stats().dropped, 0);
        assert!(runtime.shutdown(LIMIT).is_complete());
    }
    group.finish();
    std::fs::remove_dir_all(&folder).expect("the temporary folder is writable");
}

fn timed(runtime: &Runtime, rounds: u64) -> Duration {
    let logger = runtime.get_logger("bench");
    let mut taken = Duration::ZERO;
    for _ in 0..rounds {
        let from = Instant::now();
        for n in 0..BATCH {
            let (a, b, c) = (n, n ^ 7919, n as f64 * 0.25);
            info!(logger: logger, "Logging int: {a}, int: {b}, double: {c}");
        }
        assert!(runtime.flush(LIMIT).is_complete());
        taken += from.elapsed();
    }
    taken
}

criterion_group!(benches, drain);
criterion_main!(benches);
