//! A service and its books: a TCP key-value server whose every request is logged.
//!
//! Four workers answer real requests over loopback sockets and log each of them into a memory-mapped
//! file that rotates; warnings go to a plain file as JSON lines as well, start and stop to the
//! console. At the end the files are read back: every request's sequence number must stand there
//! once, and each worker's records in their order. The exit status says whether the books balance.
//!
//! ```text
//! cargo run --release --example service -- [--requests N] [--dir DIR] [--corrupt]
//! ```

mod books;
mod client;
mod server;

use client::Load;
use sawmill::{
    FileHandler, Formatter, HandlerExt, JsonFormatter, Level, MmapRotatingFileHandler, Overflow,
    Runtime, StreamHandler, get_logger, info,
};
use server::{Server, Worked};
use std::error::Error;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const HELP: &str = "\
A key-value server on loopback that logs every request, and checks its books at the end.

usage: service [--requests N] [--dir DIR] [--corrupt]

  --requests N  how many requests the clients send (default: 400000)
  --dir DIR     where the files are written (default: target/service-logs)
  --corrupt     remove one line before the check, which must then fail
";

const WORKERS: usize = 4;
/// Small enough that the default load rotates more than three times.
const ROTATE_AT: u64 = 4 << 20;

struct Options {
    requests: u64,
    folder: PathBuf,
    corrupt: bool,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("{wrong}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(wrong) => {
            eprintln!("service: {wrong}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Option<Options>, String> {
    let folder = PathBuf::from("target/service-logs");
    let mut options = Options { requests: 400_000, folder, corrupt: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "-h" | "--help" => return Ok(None),
            "--corrupt" => options.corrupt = true,
            "--dir" => options.folder = value()?.into(),
            "--requests" => {
                let text = value()?;
                options.requests = text.parse().map_err(|_| format!("no count: {text:?}"))?;
            }
            _ => return Err(format!("unknown option {argument:?}")),
        }
    }
    Ok(Some(options))
}

fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let log = options.folder.join("requests.log");
    let json = options.folder.join("warnings.jsonl");
    clear(&options.folder, &log, &json)?;
    let runtime = start_logging(&log, &json)?;
    let console = get_logger("console");

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    info!(logger: console, "serving on {address} with {WORKERS} workers");
    let load = Load { clients: 8, sessions_each: 5, requests: options.requests };
    let from = Instant::now();
    let server = Server::start(listener, WORKERS, load.sessions());
    load.run(address)?;
    let worked = server.join();
    let took = from.elapsed();
    info!(logger: console, "served {} requests in {took:.1?}", options.requests);

    let file = runtime.handler_by_name("requests").ok_or("the handler has gone")?;
    let report = runtime.shutdown(Duration::from_secs(10));
    let stats = runtime.stats();
    if options.corrupt {
        println!("removed   {}", books::corrupt(&log)?);
    }
    let books = books::check(&log, &json, options.requests, WORKERS)?;

    let rate = options.requests as f64 / took.as_secs_f64();
    println!("requests  {} in {took:.2?}, {rate:.0} a second", options.requests);
    print_latency(&worked);
    println!(
        "records   {} attempted, {} delivered to the file, {} dropped",
        stats.attempted,
        file.stats().delivered,
        stats.dropped
    );
    println!(
        "files     {} ({} files, {:.1} MB)\n          {} ({} warnings)",
        log.display(),
        books.files.len(),
        books.bytes as f64 / 1e6,
        json.display(),
        books.warnings
    );
    Ok(balance(options, &worked, books, report.is_complete()))
}

/// The runtime: requests to the mapped file, warnings to JSON lines too, the console apart.
fn start_logging(log: &Path, json: &Path) -> Result<Runtime, sawmill::Error> {
    let requests =
        MmapRotatingFileHandler::builder(log).max_bytes(ROTATE_AT).build()?.with_formatter(
            Formatter::new("%(asctime)s %(levelname)-8s %(threadName)s %(name)s: %(message)s")?,
        );
    let warnings = FileHandler::builder(json)
        .build()?
        .with_level(Level::WARNING)
        .with_formatter(JsonFormatter::new());
    sawmill::builder()
        .level(Level::INFO)
        // An access log must be complete: callers wait for a disk that stalls.
        .overflow(Overflow::block())
        .handler("requests", requests)
        .handler("warnings", warnings)
        .handler_for("console", "console", StreamHandler::stdout())
        .init()
}

/// Removes what an earlier run left, and only that.
fn clear(folder: &Path, log: &Path, json: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for file in books::rotated(log)?.into_iter().chain(json.exists().then(|| json.to_owned())) {
        std::fs::remove_file(file)?;
    }
    Ok(())
}

fn print_latency(worked: &[Worked]) {
    let mut bare: Vec<u32> =
        (0..100_000).map(|_| Instant::now().elapsed().as_nanos() as u32).collect();
    let mut calls: Vec<u32> = worked.iter().flat_map(|w| w.log_call_ns.iter().copied()).collect();
    bare.sort_unstable();
    calls.sort_unstable();
    let at = |q: f64| calls[((calls.len() - 1) as f64 * q) as usize];
    println!(
        "log call  p50 {} ns, p99 {} ns, p99.9 {} ns, max {} us \
         (two readings of the clock, {} ns, included)",
        at(0.5),
        at(0.99),
        at(0.999),
        at(1.0) / 1000,
        bare[bare.len() / 2]
    );
}

fn balance(options: &Options, worked: &[Worked], mut books: books::Books, complete: bool) -> bool {
    let served: u64 = worked.iter().map(|w| w.requests).sum();
    let warned: u64 = worked.iter().map(|w| w.warnings).sum();
    for (what, counted, found) in [
        ("requests served and sent", served, options.requests),
        ("requests served and lines found", served, books.found),
        ("warnings logged and found", warned, books.warnings),
    ] {
        if counted != found {
            books.wrong.push(format!("{what} differ: {counted} and {found}"));
        }
    }
    if !complete {
        books.wrong.push("the shutdown did not write everything".into());
    }
    for wrong in books.wrong.iter().take(10) {
        println!("books     {wrong}");
    }
    match books.wrong.len() {
        0 => println!(
            "books     balance: {} sequence numbers found once each, {WORKERS} threads in order",
            books.found
        ),
        more => println!("books     DO NOT BALANCE: {more} faults"),
    }
    books.wrong.is_empty()
}
