//! What formatting a line costs the drain: records of real call sites, kept and formatted again
//! and again into a buffer that is emptied when it holds 256 KiB.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sawmill::{
    ConsoleFormatter, Format, Formatter, JsonFormatter, Level, LogRecord, LogfmtFormatter,
    OwnedRecord, Runtime, info,
};
use std::hint::black_box;

const RECORDS: u64 = 1_000;
const BUFFER_BYTES: usize = 256 * 1024;
const TEXT: &str = "a string argument of 35 characters!";

/// Keeps what `call` logs.
fn kept(call: impl Fn(u64)) -> Vec<OwnedRecord> {
    let runtime = Runtime::builder().level(Level::INFO).capture().build().expect("no handler");
    runtime.scope(|| (0..RECORDS).for_each(call));
    let records = runtime.records();
    assert_eq!(records.len() as u64, RECORDS);
    records
}

fn format(criterion: &mut Criterion) {
    let workloads = [
        (
            "u64, u64, f64",
            kept(|n| {
                let (a, b, c) = (n, n ^ 7919, n as f64 * 0.25);
                info!("Logging int: {a}, int: {b}, double: {c}");
            }),
        ),
        (
            "35-byte str, i32",
            kept(|n| {
                let (text, n) = (black_box(TEXT), n as i32);
                info!("Logging str: {text}, int: {n}");
            }),
        ),
        (
            "4 key-values",
            kept(|n| {
                let (user, status, ok, path) = (n, n as u16, n % 2 == 0, black_box("/v1/items"));
                info!(user, path, status, ok; "request done");
            }),
        ),
    ];
    let usual = "%(asctime)s %(levelname)-8s %(name)s %(message)s";
    let formatters: [(&str, Box<dyn Format>); 6] = [
        ("message alone", Box::new(Formatter::new("%(message)s").expect("a good pattern"))),
        ("usual pattern", Box::new(Formatter::new(usual).expect("a good pattern"))),
        ("default line", Box::new(Formatter::default_line())),
        ("json", Box::new(JsonFormatter::new())),
        ("logfmt", Box::new(LogfmtFormatter::new())),
        ("console", Box::new(ConsoleFormatter::with_colors(true))),
    ];
    let mut group = criterion.benchmark_group("format");
    group.throughput(Throughput::Elements(1));
    for (name, formatter) in &formatters {
        for (workload, records) in &workloads {
            let views: Vec<LogRecord<'_>> = records.iter().map(OwnedRecord::view).collect();
            let mut line = Vec::new();
            formatter.format(&views[7], &mut line).expect("a good pattern");
            let message = views[7].message().expect("a good record");
            assert!(String::from_utf8_lossy(&line).contains(&message), "{line:?}");
            let mut out = Vec::with_capacity(BUFFER_BYTES + 1024);
            let mut next = views.iter().cycle();
            group.bench_function(BenchmarkId::new(*name, workload), |bencher| {
                bencher.iter(|| {
                    if out.len() > BUFFER_BYTES {
                        black_box(&out);
                        out.clear();
                    }
                    let record = next.next().expect("the records never end");
                    formatter.format(record, &mut out).expect("a good pattern");
                    out.push(b'\n');
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, format);
criterion_main!(benches);
