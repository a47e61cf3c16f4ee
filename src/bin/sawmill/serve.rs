//! `sawmill serve`: drains the mapped lanes of other processes through configured handlers.

use sawmill::config::{Door, Registry};
use sawmill::{CrashHandling, Error, Runtime, Wait};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory that the programs name in `Lanes::Collected`.
    dir: PathBuf,
    /// The configuration whose handlers get the records: `.yaml`, `.json`, `.toml`, or `.ini`.
    #[arg(long)]
    config: PathBuf,
    /// Reads the configuration in Python's manner.
    #[arg(long)]
    python: bool,
    /// Ends once there was a process to drain, and none is left.
    #[arg(long)]
    once: bool,
    /// The longest sleep between two looks at the lanes, in microseconds, of 50 to 100000: what a
    /// burst has to find room for meanwhile.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(50..=100_000))]
    sleep: u64,
}

/// How often `--once` looks whether there is anybody left, and how long nobody has to be there.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const LOOKS: u32 = 10;
const LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(options: &Options) -> ExitCode {
    match serve(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sawmill serve: {error}");
            ExitCode::from(2)
        }
    }
}

fn serve(options: &Options) -> Result<ExitCode, Error> {
    let (spin, least) = (Duration::from_micros(50), Duration::from_micros(50));
    let most = Duration::from_micros(options.sleep);
    let runtime = Runtime::builder()
        .wait(Wait::Backoff { spin, least, most })
        // A signal ends it with everything written that was published by then.
        .crash_handling(CrashHandling::new().panics(false))
        .build()?;
    let door = if options.python { Door::python() } else { Door::sawmill() };
    crate::load(&options.config)?.with_door(door).apply_to(&runtime, &Registry::new())?;
    runtime.collect(&options.dir)?;
    eprintln!("sawmill serve: collecting from {}", options.dir.display());
    let mut looks = 0;
    while !options.once || looks < LOOKS {
        std::thread::sleep(LOOK_EVERY);
        if options.once {
            let (found, left) = runtime.collected_processes(LIMIT)?;
            looks = if found > 0 && left == 0 { looks + 1 } else { 0 };
        }
    }
    let report = runtime.shutdown(LIMIT);
    println!("{} records", runtime.stats().recovered);
    if report.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("sawmill serve: not everything could be written: {report}");
    Ok(ExitCode::FAILURE)
}
