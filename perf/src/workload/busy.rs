//! The calls of `latency` while another process writes to another file and syncs it: writeback makes
//! pages of files on that disk wait, those of lanes that lie there too.

use crate::report::Figure;
use crate::subject::{Setup, Subject};
use crate::workload::{Size, latency};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The other file, gone over again and again in pieces that are synced.
const FILE_BYTES: u64 = 64 << 20;
const PIECE_BYTES: usize = 1 << 20;
const PAUSE: Duration = Duration::from_millis(2);

pub(crate) fn run<S: Subject>(subject: S, setup: &Setup, size: &Size) -> Vec<Figure> {
    let path = setup.file.with_file_name("busy");
    let Ok(mut other) = start(&path) else { return Vec::new() };
    let figures = latency::run(subject, size, |s, n| s.ints(n, n ^ 7919, n as f64 * 0.25));
    // It ends with its input.
    drop(other.stdin.take());
    let _ = other.wait();
    let _ = std::fs::remove_file(path);
    figures
}

fn start(path: &Path) -> io::Result<Child> {
    Command::new(std::env::current_exe()?).arg("--busy").arg(path).stdin(Stdio::piped()).spawn()
}

/// The other process: keeps a file busy until its input ends.
pub(crate) fn keep_busy(path: &Path) -> Result<(), String> {
    let mut file = File::create(path).map_err(|e| format!("{}: {e}", path.display()))?;
    thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let piece = vec![1; PIECE_BYTES];
    let mut keep = || -> io::Result<()> {
        loop {
            if file.stream_position()? >= FILE_BYTES {
                file.rewind()?;
            }
            file.write_all(&piece)?;
            file.sync_data()?;
            thread::sleep(PAUSE);
        }
    };
    keep().map_err(|e| format!("{}: {e}", path.display()))
}
