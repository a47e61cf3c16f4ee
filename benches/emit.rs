//! What an enabled call costs its caller.
//!
//! Calls come in batches well below a quarter of the lane, so that neither a full ring nor a wake-up
//! is measured; each batch is flushed outside the time taken, and nothing may be refused.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sawmill::{Level, NullHandler, Runtime, info};
use std::hint::black_box;
use std::time::{Duration, Instant};

const BATCH: u64 = 1_000;
const FLUSH_LIMIT: Duration = Duration::from_secs(10);
const TEXT: &str = "a string argument of 35 characters!";

fn emit(criterion: &mut Criterion) {
    let runtime = sawmill::builder()
        .level(Level::INFO)
        .handler("null", NullHandler::new())
        .init()
        .expect("nothing else is configured in this process");
    let mut group = criterion.benchmark_group("emit");
    group.throughput(Throughput::Elements(1));

    group.bench_function("no argument", |bencher| {
        bencher.iter_custom(|calls| timed(&runtime, calls, |_| info!("no argument")));
    });
    group.bench_function("u64, u64, f64", |bencher| {
        bencher.iter_custom(|calls| {
            timed(&runtime, calls, |n| {
                let (a, b, c) = (n, n ^ 7919, n as f64 * 0.25);
                info!("Logging int: {a}, int: {b}, double: {c}");
            })
        });
    });
    group.bench_function("35-byte str, i32", |bencher| {
        bencher.iter_custom(|calls| {
            timed(&runtime, calls, |n| {
                let (text, n) = (black_box(TEXT), n as i32);
                info!("Logging str: {text}, int: {n}");
            })
        });
    });
    group.bench_function("8 arguments, key-values", |bencher| {
        bencher.iter_custom(|calls| {
            timed(&runtime, calls, |n| {
                let (user, status, ratio, ok) = (n, n as u16, n as f64 * 0.5, n % 2 == 0);
                let path = black_box("/v1/items");
                info!(user, path, status, ok; "{path} for {user}: {status} {ratio} {ok}");
            })
        });
    });
    group.finish();
    let stats = runtime.stats();
    assert_eq!(stats.dropped, 0, "calls were refused: their time is not that of an enabled call");
    assert!(runtime.shutdown(FLUSH_LIMIT).is_complete());
}

/// The time of `calls` calls, without that of the flushes between the batches.
fn timed(runtime: &Runtime, calls: u64, mut call: impl FnMut(u64)) -> Duration {
    let mut taken = Duration::ZERO;
    for first in (0..calls).step_by(BATCH as usize) {
        let last = calls.min(first + BATCH);
        let from = Instant::now();
        for n in first..last {
            call(n);
        }
        taken += from.elapsed();
        assert!(runtime.flush(FLUSH_LIMIT).is_complete());
    }
    taken
}

criterion_group!(benches, emit);
criterion_main!(benches);
