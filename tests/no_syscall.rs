//! A warm call makes no system call on its thread, as `strace` sees it.
//!
//! The test runs itself under `strace`; the traced process logs between two marker writes, and
//! between these its thread may make no other call. Where `strace` is missing or may not trace, the
//! test says so and passes, unless `SAWMILL_REQUIRE_STRACE` is set.

#![cfg(target_os = "linux")]

use sawmill::{FileHandler, Level, info};
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const TRACED: &str = "SAWMILL_TEST_TRACED";
const BEGIN: &str = "marker: the calls begin";
const END: &str = "marker: the calls have ended";

#[test]
fn warm_calls_make_no_system_call_on_their_thread() {
    if let Some(folder) = std::env::var_os(TRACED) {
        return log_between_markers(Path::new(&folder));
    }
    let folder = std::env::temp_dir().join(format!("sawmill-no-syscall-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let trace = folder.join("trace");
    let ran = Command::new("strace")
        .args(["-f", "-o"])
        .arg(&trace)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "warm_calls_make_no_system_call_on_their_thread", "--nocapture"])
        .env(TRACED, &folder)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output();
    let text = std::fs::read_to_string(&trace).unwrap_or_default();
    std::fs::remove_dir_all(&folder).unwrap();
    let skip = match &ran {
        Err(wrong) => Some(format!("strace does not start: {wrong}")),
        Ok(output) if !text.contains("execve") => {
            Some(format!("strace cannot trace: {}", String::from_utf8_lossy(&output.stderr)))
        }
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            None
        }
    };
    if let Some(reason) = skip {
        assert!(std::env::var_os("SAWMILL_REQUIRE_STRACE").is_none(), "{reason}");
        println!("skipped: {reason}");
        return;
    }

    let begin = text.lines().position(|line| line.contains(BEGIN)).expect("a first marker");
    let thread = text.lines().nth(begin).unwrap().split(' ').next().unwrap().to_owned();
    let mine = text.lines().skip(begin + 1).filter(|line| {
        // The end of the marker's own write may come as a line of its own.
        line.split(' ').next() == Some(&thread) && !line.contains("write resumed")
    });
    let calls: Vec<&str> = mine.take_while(|line| !line.contains(END)).collect();
    assert!(text.contains(END), "the second marker is missing");
    assert_eq!(calls, [""; 0], "system calls between the markers");
}

fn log_between_markers(folder: &Path) {
    let file = FileHandler::builder(folder.join("out.log")).build().unwrap();
    let runtime = sawmill::builder().level(Level::INFO).handler("file", file).init().unwrap();
    let text = "x".repeat(1024);
    let log = |n: u64| {
        info!("no argument");
        info!(n, ok = n.is_multiple_of(2); "{n} {} {:.2} {text}", n ^ 7, n as f64);
    };
    (0..20).for_each(log);
    assert!(runtime.flush(Duration::from_secs(30)).is_complete());
    let mut out = std::io::stderr();
    out.write_all(BEGIN.as_bytes()).unwrap();
    // 100 KiB: below a quarter of the ring, above which a call may wake the drain.
    (0..90).for_each(log);
    out.write_all(END.as_bytes()).unwrap();
    assert!(runtime.shutdown(Duration::from_secs(30)).is_complete());
    let written = std::fs::read_to_string(folder.join("out.log")).unwrap();
    assert_eq!(written.lines().count(), 220);
}
