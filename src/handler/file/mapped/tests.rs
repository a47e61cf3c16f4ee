//! Facts about mapped files.

use super::super::storage::testing::{Fate, Faulty};
use super::super::testing::{Desk, TestDir};
use super::*;
use crate::handler::file::Keep;

fn builder(dir: &TestDir) -> MmapRotatingFileHandlerBuilder {
    MmapRotatingFileHandler::builder(dir.join("hot.log"))
}

fn desk(builder: MmapRotatingFileHandlerBuilder) -> Desk<MmapRotatingFileHandler> {
    Desk::new(builder.build().unwrap())
}

/// The lines of all files, the oldest first, as numbers.
fn numbers(dir: &TestDir) -> Vec<usize> {
    let names = dir.names();
    let (base, full): (Vec<_>, Vec<_>) = names.iter().partition(|name| *name == "hot.log");
    let texts = full.into_iter().chain(base).map(|name| dir.read(name));
    let text: String = texts.collect();
    assert!(!text.contains('\0'));
    text.lines().map(|line| line.split(' ').next().unwrap().parse().unwrap()).collect()
}

/// Returns true if this machine's temporary directory can hold mapped files; says so if not.
fn can_map(dir: &TestDir) -> bool {
    let handler = builder(dir).require_mapping(true).build();
    if let Err(error) = &handler {
        println!("skipped: {error}");
    }
    drop(handler);
    let _ = std::fs::remove_file(dir.join("hot.log"));
    cfg!(target_os = "linux") && dir.names().is_empty() && {
        let file = File::create(dir.join("probe")).unwrap();
        let safe = sys::mapping_is_safe(&file);
        std::fs::remove_file(dir.join("probe")).unwrap();
        safe
    }
}

#[test]
fn the_live_file_has_a_name_of_its_own_and_full_ones_their_exact_length() {
    let dir = TestDir::new();
    let mut desk = desk(builder(&dir).max_bytes(10_000));
    for n in 0..350 {
        desk.put(&format!("{n} {}", "x".repeat(95 - n.to_string().len()))).unwrap();
    }
    assert_eq!(
        dir.names(),
        ["hot.log.000001", "hot.log.000002", "hot.log.000003", "hot.log.live", "hot.log.lock"]
    );
    let size = |name: &str| dir.join(name).metadata().unwrap().len();
    assert_eq!((size("hot.log.000001"), size("hot.log.000003")), (9991, 9991));
    desk.close().unwrap();
    assert_eq!(dir.names(), ["hot.log", "hot.log.000001", "hot.log.000002", "hot.log.000003"]);
    assert!(numbers(&dir).into_iter().eq(0..350));

    // The next run takes the file back, goes on in it and never shifts a number.
    desk.put("350 after").unwrap();
    desk.handler.do_rollover().unwrap();
    desk.put("351 after").unwrap();
    desk.close().unwrap();
    assert_eq!(dir.names().last().unwrap(), "hot.log.000004");
    assert!(numbers(&dir).into_iter().eq(0..352));
}

#[test]
fn lines_are_in_the_file_at_once() {
    let dir = TestDir::new();
    if !can_map(&dir) {
        return;
    }
    let mut desk = desk(builder(&dir));
    desk.put("no flush").unwrap();
    assert_eq!(desk.handler.held(), 0);
    let bytes = std::fs::read(desk.handler.live_path()).unwrap();
    assert!(bytes.starts_with(b"no flush\n\0"));
    assert!(desk.handler.is_mapped());
}

#[test]
fn lines_pass_from_window_to_window_and_may_be_longer_than_one() {
    let dir = TestDir::new();
    let mut desk = desk(builder(&dir).window_bytes(64 << 10).max_bytes(1 << 20));
    for n in 0..40 {
        desk.put(&format!("{n} {}", "y".repeat(n * 10_000))).unwrap();
        if n % 7 == 0 {
            desk.batch_end().unwrap();
        }
    }
    // One that is longer than a whole file gets a file to itself.
    desk.put(&format!("40 {}", "z".repeat(3 << 20))).unwrap();
    desk.put("41").unwrap();
    desk.close().unwrap();
    assert!(numbers(&dir).into_iter().eq(0..42));
    assert_eq!(dir.read("hot.log"), "41\n");
}

#[test]
fn old_files_go_by_number_or_by_pythons_chain() {
    let dir = TestDir::new();
    let mut rising = desk(builder(&dir).max_bytes(20).backup_count(2));
    for n in 0..5 {
        rising.put(&format!("{n} fifteen bytes")).unwrap();
    }
    rising.close().unwrap();
    assert_eq!(dir.names(), ["hot.log", "hot.log.000003", "hot.log.000004"]);

    let dir = TestDir::new();
    let chain = builder(&dir).max_bytes(20).backup_count(2).naming(Naming::Shifting);
    let mut chain = desk(chain);
    for n in 0..5 {
        chain.put(&format!("{n} fifteen bytes")).unwrap();
    }
    chain.close().unwrap();
    assert_eq!(dir.names(), ["hot.log", "hot.log.1", "hot.log.2"]);
    assert!(dir.read("hot.log.1").starts_with('3') && dir.read("hot.log.2").starts_with('2'));
}

#[test]
#[cfg(unix)]
fn a_second_handler_on_the_path_is_an_error_until_the_first_closes() {
    let dir = TestDir::new();
    let mut first = desk(builder(&dir));
    let error = builder(&dir).build().unwrap_err();
    assert!(error.is_already() && error.to_string().contains("hot.log"), "{error}");
    first.close().unwrap();
    drop(builder(&dir).build().unwrap());
    drop(first);
    assert_eq!(dir.names(), ["hot.log"]);
}

#[test]
fn options_out_of_range_are_refused_by_name() {
    let dir = TestDir::new();
    let refused =
        |builder: MmapRotatingFileHandlerBuilder| builder.build().unwrap_err().to_string();
    assert!(refused(builder(&dir).max_bytes(0)).starts_with("rotate"));
    assert!(refused(builder(&dir).window_bytes(1000)).starts_with("window_bytes"));
    assert!(refused(builder(&dir).naming(Naming::Shifting)).starts_with("keep"));
    assert!(refused(builder(&dir).terminator("\0")).starts_with("terminator"));
    assert!(dir.names().is_empty());
}

#[test]
fn a_leftover_is_cut_its_last_line_ended_and_continued() {
    let dir = TestDir::new();
    dir.write("hot.log.live", &format!("0 whole\n1 torn{}", "\0".repeat(700_000)));
    dir.write("hot.log.lock", "");
    let mut desk = desk(builder(&dir));
    desk.put("2 new").unwrap();
    desk.close().unwrap();
    assert_eq!(dir.read("hot.log"), "0 whole\n1 torn\n2 new\n");

    // A file under the plain name besides is older; nothing is lost of either.
    std::fs::rename(dir.join("hot.log"), dir.join("hot.log.live")).unwrap();
    dir.write("hot.log", "before\n");
    drop(builder(&dir).build().unwrap());
    assert_eq!(dir.read("hot.log.000001"), "before\n");
    assert_eq!(dir.read("hot.log"), "0 whole\n1 torn\n2 new\n");
}

#[test]
fn a_file_cut_short_from_outside_loses_what_was_cut_and_nothing_else() {
    let dir = TestDir::new();
    if !can_map(&dir) {
        return;
    }
    let mut desk = desk(builder(&dir).window_bytes(1 << 20));
    for n in 0..5000 {
        desk.put(&format!("{n} {}", "x".repeat(90))).unwrap();
    }
    File::create(desk.handler.live_path()).unwrap();
    // Without a look between: the store itself faults.
    for n in 5000..8000 {
        desk.put(&format!("{n} {}", "x".repeat(90))).unwrap();
    }
    assert!(desk.handler.is_mapped());
    assert_eq!(desk.delivery.errors.len(), 1);
    desk.close().unwrap();
    // The rest is there without a hole.
    let found = numbers(&dir);
    assert!(found.len() > 1000 && found.windows(2).all(|two| two[0] + 1 == two[1]));
    assert_eq!(*found.last().unwrap(), 7999);

    // A batch end notices before any store does.
    let mut desk = self::desk(builder(&dir));
    desk.log("8000").unwrap();
    File::create(desk.handler.live_path()).unwrap();
    desk.batch_end().unwrap();
    desk.put("8001").unwrap();
    assert!(desk.handler.is_mapped());
    desk.close().unwrap();
    assert_eq!(dir.read("hot.log"), "8001\n");
}

#[test]
#[cfg(unix)]
fn a_live_file_that_others_move_or_remove_is_made_anew() {
    let dir = TestDir::new();
    let mut desk = desk(builder(&dir));
    let wait = || std::thread::sleep(std::time::Duration::from_millis(260));
    desk.put("0").unwrap();
    std::fs::rename(dir.join("hot.log.live"), dir.join("hot.old")).unwrap();
    wait();
    desk.log("1").unwrap();
    desk.put("2").unwrap();
    std::fs::remove_file(dir.join("hot.log.live")).unwrap();
    wait();
    desk.batch_end().unwrap();
    desk.log("3").unwrap();
    desk.close().unwrap();
    assert_eq!((dir.read("hot.old").as_str(), dir.read("hot.log").as_str()), ("0\n1\n", "3\n"));
}

#[test]
#[cfg(unix)]
fn a_directory_that_vanishes_is_made_anew_or_waited_for() {
    for create in [false, true] {
        let dir = TestDir::new();
        std::fs::create_dir(dir.join("logs")).unwrap();
        let built = MmapRotatingFileHandler::builder(dir.join("logs/hot.log"));
        let mut desk = desk(built.create_dirs(create));
        desk.log("0").unwrap();
        std::fs::remove_dir_all(dir.join("logs")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(260));
        assert_eq!(desk.batch_end().is_ok(), create);
        if !create {
            assert!(desk.put("nowhere").is_err());
            std::fs::create_dir(dir.join("logs")).unwrap();
        }
        desk.put("1").unwrap();
        assert!(MmapRotatingFileHandler::new(dir.join("logs/hot.log")).unwrap_err().is_already());
        desk.close().unwrap();
        assert_eq!(dir.read("logs/hot.log"), "1\n");
    }
}

#[test]
fn a_file_that_somebody_made_under_the_plain_name_is_not_replaced() {
    let dir = TestDir::new();
    let mut desk = desk(builder(&dir));
    desk.put("0").unwrap();
    dir.write("hot.log", "5\n");
    desk.close().unwrap();
    assert_eq!(dir.names(), ["hot.log", "hot.log.live"]);
    drop(builder(&dir).build().unwrap());
    assert_eq!(dir.names(), ["hot.log", "hot.log.000001"]);
    assert_eq!((dir.read("hot.log.000001").as_str(), dir.read("hot.log").as_str()), ("5\n", "0\n"));
}

#[test]
fn a_mapped_file_is_rotated_by_the_clock_and_at_the_start_and_has_a_link() {
    let dir = TestDir::new();
    for round in 0..3 {
        let rotate = Rotate::hourly().or_at_start().utc();
        let built = builder(&dir).rotate(rotate).latest("latest").keep(Keep::files(4)).inline();
        let mut desk = desk(built);
        for n in 0..3 {
            desk.put(&format!("{} of", round * 3 + n)).unwrap();
            desk.now_ns += 2_000_000_000_000;
        }
        if cfg!(unix) {
            let text = std::fs::read_to_string(dir.join("latest")).unwrap();
            assert!(text.trim_end_matches('\0').ends_with(&format!("{} of\n", round * 3 + 2)));
        }
        desk.close().unwrap();
    }
    let _ = std::fs::remove_file(dir.join("latest"));
    // Two in the first hour or one, and the rest: the oldest of five full files is gone.
    assert_eq!(
        dir.names(),
        ["hot.log", "hot.log.000002", "hot.log.000003", "hot.log.000004", "hot.log.000005"]
    );
    assert_eq!(numbers(&dir).last(), Some(&8));
}

#[test]
fn a_cut_at_the_very_end_of_a_window_leaves_no_hole() {
    let dir = TestDir::new();
    if !can_map(&dir) {
        return;
    }
    let mut desk = desk(builder(&dir).window_bytes(64 << 10));
    // The window is full to the last byte.
    desk.put(&"x".repeat((64 << 10) - 1)).unwrap();
    File::create(desk.handler.live_path()).unwrap();
    desk.put("1 next").unwrap();
    assert!(desk.handler.is_mapped());
    desk.close().unwrap();
    assert_eq!(dir.read("hot.log"), "1 next\n");
}

#[test]
fn a_cut_just_before_pages_are_brought_in_leaves_no_hole() {
    let dir = TestDir::new();
    if !can_map(&dir) {
        return;
    }
    // The last pages of a window make the file no longer than others do.
    for (lines, window) in [(5000, 1 << 20), (2600, 256 << 10)] {
        let faulty = Faulty::new(|_, _| Fate::Work);
        let mut desk = desk(builder(&dir).window_bytes(window).storage(faulty.clone()));
        for n in 0..lines {
            desk.put(&format!("{n} {}", "x".repeat(90))).unwrap();
        }
        let (live, mut uncut) = (dir.join("hot.log.live"), true);
        faulty.set(move |what, _| {
            if what == "write_at" && std::mem::take(&mut uncut) {
                std::fs::write(&live, "0 torn").unwrap();
            }
            Fate::Work
        });
        for n in lines..2 * lines {
            desk.put(&format!("{n} {}", "x".repeat(90))).unwrap();
        }
        assert!(desk.handler.is_mapped());
        assert_eq!(desk.delivery.errors.len(), 1);
        desk.close().unwrap();
        // The line that was torn is ended, and the rest follows.
        let found = numbers(&dir);
        assert_eq!((found[0], *found.last().unwrap()), (0, 2 * lines - 1));
        assert!(found.len() > 100 && found[1..].windows(2).all(|two| two[0] + 1 == two[1]));
        std::fs::remove_file(dir.join("hot.log")).unwrap();
    }
}

#[test]
fn a_live_file_that_could_not_be_cut_is_cut_before_it_gets_its_name() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|_, _| Fate::Work);
    let mut desk = desk(builder(&dir).storage(faulty.clone()));
    desk.put("0").unwrap();
    faulty.set(|what, _| if what == "truncate" { Fate::Fail(5) } else { Fate::Work });
    assert!(desk.handler.do_rollover().is_err());
    faulty.set(|_, _| Fate::Work);
    desk.close().unwrap();
    assert_eq!(dir.read("hot.log"), "0\n");
}

#[test]
fn without_space_for_a_window_lines_are_written_and_kept() {
    let dir = TestDir::new();
    if !can_map(&dir) {
        return;
    }
    let mut windows = 0;
    let faulty = Faulty::new(move |what, _| {
        windows += u64::from(what == "allocate");
        if what == "allocate" && windows == 3 { Fate::Fail(28) } else { Fate::Work }
    });
    let builder = builder(&dir).window_bytes(64 << 10).storage(faulty).max_bytes(1 << 20);
    let mut desk = desk(builder);
    for n in 0..3000 {
        desk.put(&format!("{n} {}", "x".repeat(90))).unwrap();
    }
    assert!(!desk.handler.is_mapped());
    assert!(desk.delivery.errors[0].to_string().contains("hot.log.live"));
    desk.close().unwrap();
    assert!(numbers(&dir).into_iter().eq(0..3000));
}

#[test]
fn whichever_operation_fails_once_every_line_is_in_one_file() {
    let run = |fail_at: u64| {
        let dir = TestDir::new();
        let faulty = Faulty::nth(fail_at, 5);
        let built = builder(&dir).max_bytes(1000).window_bytes(64 << 10).storage(faulty.clone());
        let Ok(handler) = built.build() else {
            return u64::MAX;
        };
        let mut desk = Desk::new(handler);
        let mut kept = Vec::new();
        for n in 0..30 {
            if desk.put(&format!("{n} {}", "x".repeat(90))).is_ok() {
                kept.push(n);
            }
            if n % 8 == 7 {
                let _ = desk.flush();
            }
        }
        let _ = desk.close();
        // A close that failed leaves what the next start takes up.
        drop(desk);
        drop(builder(&dir).build().unwrap());
        assert_eq!(numbers(&dir), kept, "operation {fail_at}");
        assert!(kept.len() >= 29, "operation {fail_at}");
        faulty.count()
    };
    let operations = run(u64::MAX);
    assert!(operations > 20);
    (1..=operations).for_each(|n| {
        run(n);
    });
}

/// Runs itself as the process that is killed.
#[test]
#[cfg(unix)]
fn what_was_logged_survives_kill_9_without_a_flush() {
    use std::io::{BufRead, BufReader};
    const ROLE: &str = "SAWMILL_TEST_KILLED";
    if let Some(path) = std::env::var_os(ROLE) {
        let handler = MmapRotatingFileHandler::builder(path).max_bytes(300_000);
        let mut desk = Desk::new(handler.build().unwrap());
        for n in 0.. {
            desk.put(&format!("{n} {}", "x".repeat(60))).unwrap();
            if n == 20_000 {
                println!("ready {}", desk.handler.is_mapped());
            }
        }
    }
    let dir = TestDir::new();
    let name = "handler::file::mapped::tests::what_was_logged_survives_kill_9_without_a_flush";
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, dir.join("hot.log"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let ready = lines.find_map(|line| {
        let line = line.unwrap();
        line.find("ready ").map(|at| line[at + 6..].trim() == "true")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    if !ready.expect("the child said so") {
        println!("skipped: this file system cannot hold mapped files");
        return;
    }
    assert!(dir.names().contains(&"hot.log.live".to_owned()));
    drop(builder(&dir).build().unwrap());
    let text: String = {
        let names = dir.names();
        let (base, full): (Vec<_>, Vec<_>) = names.iter().partition(|name| *name == "hot.log");
        full.into_iter().chain(base).map(|name| dir.read(name)).collect()
    };
    assert!(!text.contains('\0'));
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() > 20_000);
    // All but the line that was being stored are whole, in order, from the first.
    for (n, line) in lines[..lines.len() - 1].iter().enumerate() {
        assert_eq!(*line, format!("{n} {}", "x".repeat(60)));
    }
    assert!(format!("{} {}", lines.len() - 1, "x".repeat(60)).starts_with(lines[lines.len() - 1]));
}
