//! `sawmill recover`: what dead processes left in mapped lanes or spilled, through configured handlers.

use sawmill::config::{Door, Registry};
use sawmill::{Drain, Error, Runtime};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The directory that the programs name in `Lanes::Mapped`, or in `CrashHandling::spill`.
    dir: PathBuf,
    /// The configuration whose handlers get the records: `.yaml`, `.json`, `.toml`, or `.ini`.
    #[arg(long)]
    config: PathBuf,
    /// Reads the configuration in Python's manner.
    #[arg(long)]
    python: bool,
    /// Seconds to try for, where a file takes nothing.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match recover(options) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("sawmill recover: {error}");
            ExitCode::from(2)
        }
    }
}

fn recover(options: &Options) -> Result<ExitCode, Error> {
    if !options.dir.is_dir() {
        eprintln!("sawmill recover: {} is no directory", options.dir.display());
        return Ok(ExitCode::from(2));
    }
    let runtime = Runtime::builder().drain(Drain::Inline).build()?;
    let door = if options.python { Door::python() } else { Door::sawmill() };
    crate::load(&options.config)?.with_door(door).apply_to(&runtime, &Registry::new())?;
    let limit = Duration::from_secs(options.seconds);
    let recovery = runtime.recover(&options.dir, limit)?;
    let report = runtime.shutdown(limit);
    println!("{} records of {} runs", recovery.records(), recovery.runs());
    if recovery.is_complete() && report.is_complete() {
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("sawmill recover: not everything could be written: {report}");
    Ok(ExitCode::FAILURE)
}
