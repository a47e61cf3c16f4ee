//! `sawmill decode`: binary logs as text or JSON lines.

use crate::logs::follow::{Follower, PAUSE};
use crate::logs::pipeline::{self, Trouble};
use crate::logs::show::{self, Shower};
use crate::logs::{self, Out, is_set};
use sawmill::BinaryReader;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Binary logs or archives of them (gzip, zstd), in the order in which they are to be shown.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    show: show::ShowOptions,
    /// Goes on with what is written to the last file, over rotations, until interrupted.
    #[arg(long, short)]
    follow: bool,
    /// Threads that decode; by default one for each processor.
    #[arg(long, value_name = "N")]
    threads: Option<std::num::NonZero<usize>>,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match decode(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sawmill decode: {error}");
            ExitCode::from(2)
        }
    }
}

fn decode(options: &Options) -> Result<bool, String> {
    Shower::check(&options.show).map_err(|error| error.to_string())?;
    let threads = options.threads.or_else(|| std::thread::available_parallelism().ok());
    let threads = threads.map_or(1, std::num::NonZero::get);
    let mut out = Out::new();
    let mut good = true;
    let stop = if options.follow { logs::interrupts() } else { Default::default() };
    let (last, others) = match (options.follow, options.files.split_last()) {
        (true, Some((last, others))) => (Some(last), others),
        _ => (None, &options.files[..]),
    };
    for path in others {
        let mut reader = wanted(logs::open(path)?, &options.show);
        good &= all(&mut reader, path, options, threads, &mut out, &stop)?;
        if out.closed || is_set(&stop) {
            return Ok(good);
        }
    }
    match last {
        Some(last) => Ok(good & follow(last, options, threads, &mut out, &stop)?),
        None => Ok(good),
    }
}

fn wanted(reader: BinaryReader, show: &show::ShowOptions) -> BinaryReader {
    let (since, until) = show.span();
    let reader = reader.between(since, until);
    match show.level() {
        Some(level) => reader.at_least(level),
        None => reader,
    }
}

/// Shows a file to its end and tells what is wrong with it.
fn all(
    reader: &mut BinaryReader,
    path: &Path,
    options: &Options,
    threads: usize,
    out: &mut Out,
    stop: &AtomicBool,
) -> Result<bool, String> {
    let mut trouble = Trouble::default();
    match pipeline::run(reader, &options.show, threads, out, stop, &mut trouble) {
        Ok(true) => Ok(ended(reader, path, trouble)),
        Ok(false) => Ok(tell(path, trouble)),
        Err(error) => {
            tell(path, trouble);
            Err(error)
        }
    }
}

/// A file was read to its end.
fn ended(reader: &mut BinaryReader, path: &Path, trouble: Trouble) -> bool {
    let damage = reader.finish();
    if !damage.is_none() {
        eprintln!("sawmill decode: {}: {damage}", path.display());
    }
    tell(path, trouble) && damage.is_none()
}

fn tell(path: &Path, trouble: Trouble) -> bool {
    for line in &trouble.told {
        eprintln!("sawmill decode: {}: {line}", path.display());
    }
    if trouble.unformatted > 0 {
        let n = trouble.unformatted;
        eprintln!("sawmill decode: {}: {n} records could not be formatted", path.display());
    }
    trouble.is_none()
}

/// Shows what is there, and what comes.
fn follow(
    path: &Path,
    options: &Options,
    threads: usize,
    out: &mut Out,
    stop: &AtomicBool,
) -> Result<bool, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let name = path.display().to_string();
    let mut follower = Follower::new(path);
    let mut good = true;
    let mut old: Option<File> = None;
    // The first file must be there; later ones may be late.
    let mut file = Some(File::open(path).map_err(|error| failed(&error))?);
    loop {
        let Some(now) = file.take() else {
            if is_set(stop) {
                return Ok(good);
            }
            std::thread::sleep(PAUSE);
            file = follower.next(old.as_ref());
            continue;
        };
        follower.took(&now);
        let same = now.try_clone().map_err(|error| failed(&error))?;
        let reader = BinaryReader::of_file(now, &name).map_err(|error| failed(&error))?;
        let mut reader = wanted(reader, &options.show);
        good &= one(&mut reader, path, options, threads, out, stop, &follower)?;
        if is_set(stop) || out.closed {
            return Ok(good);
        }
        file = follower.next(Some(&same));
        old = Some(same);
    }
}

/// Shows a file until another one takes its place.
fn one(
    reader: &mut BinaryReader,
    path: &Path,
    options: &Options,
    threads: usize,
    out: &mut Out,
    stop: &AtomicBool,
    follower: &Follower,
) -> Result<bool, String> {
    let mut trouble = Trouble::default();
    let mut shower = Shower::new(&options.show);
    let mut is_first = true;
    loop {
        // Asked before the file is read: what was written before it was moved is in it then.
        let moved = follower.has_moved();
        let more = match std::mem::take(&mut is_first) {
            true => pipeline::run(reader, &options.show, threads, out, stop, &mut trouble)?,
            false => pipeline::one_by_one(reader, &mut shower, out, stop, &mut trouble)?,
        };
        if !more {
            return Ok(tell(path, trouble));
        }
        if moved {
            return Ok(ended(reader, path, trouble));
        }
        std::thread::sleep(PAUSE);
    }
}
