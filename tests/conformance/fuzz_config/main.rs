//! Feeds mutated configurations, patterns and messages to everything that reads them.
//!
//! Real configurations are mutated, as trees (a value replaced, a key doubled, a branch moved, an
//! anchor and its aliases put in) and as bytes; each is read, checked at both doors, described,
//! and, if it opens no file, applied. A case may neither panic nor take longer than its limit of
//! processor time; run it under `ulimit -v` to bound its memory as well. What fails is kept as a
//! file, with the number that makes it again.

mod corpus;
mod mutate;
mod random;
mod target;
mod watch;
mod write;

use clap::Parser;
use random::Random;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use target::Target;

#[derive(Debug, Parser)]
#[command(about = "Fuzzes everything that reads configurations")]
struct Options {
    /// What is fed: yaml, json, toml, ini, patterns or messages.
    #[arg(long, value_enum)]
    format: Target,
    /// For how long.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the random numbers begin.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs this one case alone, and prints it.
    #[arg(long)]
    case: Option<u64>,
    /// Processor time that one case may take, in seconds.
    #[arg(long, default_value_t = 5)]
    limit: u64,
    /// Where failing cases are kept.
    #[arg(long, default_value = "fuzz-found")]
    keep: PathBuf,
}

fn main() -> ExitCode {
    let options = Options::parse();
    let corpus = corpus::read(options.format);
    let limit = Duration::from_secs(options.limit);
    let watch = watch::start(&options.keep, options.format.name(), options.seed, limit);
    let mut runner = target::Runner::new();
    let case = |number: u64| {
        let mut random = Random::new(options.seed, number);
        mutate::case(options.format, &corpus, &mut random)
    };
    if let Some(number) = options.case {
        let input = case(number);
        println!("{}", String::from_utf8_lossy(&input));
        watch.begin(number, &input);
        let took = Instant::now();
        println!("{:?} in {:?}", runner.run(options.format, &input), took.elapsed());
        return if watch.end() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut sums = target::Sums::default();
    let mut panics = 0;
    let mut number = 0;
    let mut largest = 0;
    while Instant::now() < end {
        let input = case(number);
        largest = largest.max(input.len());
        watch.begin(number, &input);
        sums.add(runner.run(options.format, &input));
        panics += u64::from(watch.end());
        number += 1;
    }
    println!(
        "{}: {number} cases in {} s, seed {}, {} inputs in the corpus, the largest case {largest} \
         bytes, the slowest {} ms: {sums}; {panics} panics",
        options.format.name(),
        options.seconds,
        options.seed,
        corpus.len(),
        watch.slowest().as_millis(),
    );
    // A run whose cases all fail at the first byte would show nothing.
    if panics == 0 && sums.are_telling(number) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
