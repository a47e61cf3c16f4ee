//! Facts about plain file handlers.

use super::storage::testing::{Fate, Faulty};
use super::testing::{Desk, TestDir};
use super::*;
use crate::handler::Handler;
use crate::level::Level;
use std::path::PathBuf;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EACCES: i32 = 13;

fn desk(path: PathBuf) -> Desk<FileHandler> {
    Desk::new(FileHandler::new(path).unwrap())
}

#[test]
fn lines_wait_until_the_batch_ends() {
    let dir = TestDir::new();
    let mut desk = desk(dir.join("a.log"));
    desk.put("one").unwrap();
    desk.put("two\nof two lines").unwrap();
    assert_eq!((dir.read("a.log").as_str(), desk.handler.held()), ("", 2));
    desk.batch_end().unwrap();
    assert_eq!(dir.read("a.log"), "one\ntwo\nof two lines\n");
    assert_eq!(desk.handler.held(), 0);
}

#[test]
fn a_full_batch_is_written_at_once_and_whole() {
    let dir = TestDir::new();
    let mut desk = desk(dir.join("a.log"));
    let line = "x".repeat(999);
    for _ in 0..262 {
        desk.put(&line).unwrap();
    }
    assert_eq!(desk.handler.held(), 262);
    desk.put(&line).unwrap();
    assert_eq!(desk.handler.held(), 0);
    assert_eq!(dir.read("a.log").len(), 263_000);
}

#[test]
fn modes_keep_empty_or_refuse_what_is_there() {
    let dir = TestDir::new();
    dir.write("a.log", "old\n");
    desk(dir.join("a.log")).log("new").unwrap();
    assert_eq!(dir.read("a.log"), "old\nnew\n");
    let truncating = || FileHandler::builder(dir.join("a.log")).mode(FileMode::Truncate).build();
    drop(truncating().unwrap());
    assert_eq!(dir.read("a.log"), "");
    let new = |name| FileHandler::builder(dir.join(name)).mode(FileMode::New).build();
    let error = new("a.log").unwrap_err();
    assert!(error.is_io() && error.to_string().contains("a.log"), "{error}");
    Desk::new(new("b.log").unwrap()).log("x").unwrap();
    assert_eq!(dir.read("b.log"), "x\n");
}

#[test]
fn delay_creates_no_file_before_the_first_record() {
    let dir = TestDir::new();
    let handler = FileHandler::builder(dir.join("a.log")).delay(true).build().unwrap();
    let mut desk = Desk::new(handler);
    desk.batch_end().unwrap();
    assert_eq!(dir.names(), [""; 0]);
    desk.log("x").unwrap();
    assert_eq!(dir.read("a.log"), "x\n");
}

#[test]
fn a_record_after_close_reopens_unless_the_mode_would_empty_the_file() {
    let dir = TestDir::new();
    let mut kept = desk(dir.join("a.log"));
    let handler = FileHandler::builder(dir.join("w.log")).mode(FileMode::Truncate).build();
    let mut emptied = Desk::new(handler.unwrap());
    for round in ["one", "two"] {
        kept.log(round).unwrap();
        emptied.log(round).unwrap();
        kept.close().unwrap();
        emptied.close().unwrap();
    }
    assert_eq!(dir.read("a.log"), "one\ntwo\n");
    assert_eq!(dir.read("w.log"), "one\n");
    assert_eq!((kept.delivery.shed, emptied.delivery.shed), (0, 1));
}

#[test]
fn a_missing_directory_is_an_error_that_names_the_path_or_is_made() {
    let dir = TestDir::new();
    let path = dir.join("no/such/a.log");
    let error = FileHandler::new(&path).unwrap_err();
    assert!(error.is_io() && error.to_string().contains("no/such/a.log"), "{error}");
    FileHandler::builder(&path).create_dirs(true).build().unwrap();
    assert!(path.exists());
    assert!(FileHandler::new(dir.path()).unwrap_err().is_io(), "a directory");
    assert!(FileHandler::new("").unwrap_err().is_invalid(), "no name");
}

#[test]
#[cfg(unix)]
fn new_files_are_not_for_everybody_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let dir = TestDir::new();
    let bits = |name: &str| dir.join(name).metadata().unwrap().permissions().mode() & 0o777;
    drop(desk(dir.join("a.log")));
    assert_eq!(bits("a.log") & !0o640, 0);
    drop(FileHandler::builder(dir.join("b.log")).permissions(0o600).build().unwrap());
    assert_eq!(bits("b.log"), 0o600);
}

#[test]
fn an_encoding_begins_an_empty_file_with_its_mark_and_no_other() {
    let dir = TestDir::new();
    let open = || {
        let handler = FileHandler::builder(dir.join("a.log")).encoding("utf-16");
        Desk::new(handler.build().unwrap())
    };
    let mut first = open();
    first.put("a").unwrap();
    first.log("b").unwrap();
    drop(first);
    open().log("é").unwrap();
    let text: Vec<u8> = "\u{feff}a\nb\né\n".encode_utf16().flat_map(u16::to_ne_bytes).collect();
    assert_eq!(std::fs::read(dir.join("a.log")).unwrap(), text);
}

#[test]
fn a_record_that_cannot_be_encoded_fails_alone() {
    let dir = TestDir::new();
    let handler = FileHandler::builder(dir.join("a.log")).encoding("ascii").build().unwrap();
    let mut desk = Desk::new(handler);
    assert!(desk.put("naïve").unwrap_err().is_invalid());
    desk.log("plain").unwrap();
    assert_eq!(dir.read("a.log"), "plain\n");
    let error = FileHandler::builder(dir.join("b.log")).encoding("no-such").build().unwrap_err();
    assert!(error.to_string().contains("unknown encoding: no-such"));
    assert_eq!(dir.names(), ["a.log"]);
}

#[test]
fn a_file_emptied_from_outside_gets_no_hole() {
    let dir = TestDir::new();
    let mut desk = desk(dir.join("a.log"));
    let line = "y".repeat(99);
    (0..3000).for_each(|_| desk.put(&line).unwrap());
    desk.batch_end().unwrap();
    std::fs::File::create(dir.join("a.log")).unwrap();
    desk.log("after").unwrap();
    assert_eq!(dir.read("a.log"), "after\n");
}

#[test]
#[cfg(target_os = "linux")]
fn space_is_allocated_ahead_and_given_back() {
    use crate::sys;
    let dir = TestDir::new();
    let blocks = || sys::allocated_bytes(&dir.join("a.log").metadata().unwrap()).unwrap();
    let line = "z".repeat(99);
    let mut one = desk(dir.join("a.log"));
    (0..2000).for_each(|_| one.put(&line).unwrap());
    one.batch_end().unwrap();
    if !sys::allocation_is_real(&std::fs::File::open(dir.join("a.log")).unwrap()) {
        println!("skipped: this file system gains nothing by allocation");
        return;
    }
    let size = || dir.join("a.log").metadata().unwrap().len();
    assert_eq!(size(), 200_000);
    assert!(blocks() >= 1 << 20);
    one.close().unwrap();
    assert!(blocks() < 300_000 && size() == 200_000);

    // A killed process leaves the space behind; the next one gives it back when it opens.
    let file = std::fs::OpenOptions::new().append(true).open(dir.join("a.log")).unwrap();
    sys::allocate(&file, 200_000, 4 << 20, true).unwrap();
    drop(file);
    assert!(blocks() >= 4 << 20);
    let two = desk(dir.join("a.log"));
    assert!(blocks() < 300_000 && size() == 200_000);
    drop(two);
}

#[test]
fn two_handlers_on_one_path_lose_nothing_and_allocate_nothing_ahead() {
    let dir = TestDir::new();
    let (mut one, mut two) = (desk(dir.join("a.log")), desk(dir.join("a.log")));
    for n in 0..5000 {
        one.put(&format!("one {n} {}", "-".repeat(80))).unwrap();
        two.put(&format!("two {n} {}", "-".repeat(80))).unwrap();
        if n % 500 == 0 {
            one.batch_end().unwrap();
            two.batch_end().unwrap();
        }
    }
    one.close().unwrap();
    two.close().unwrap();
    let text = dir.read("a.log");
    for name in ["one", "two"] {
        let numbers: Vec<usize> = text
            .lines()
            .filter_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok())
            .collect();
        assert!(numbers.iter().copied().eq(0..5000), "{name}");
    }
    assert_eq!(text.lines().count(), 10_000);
    let meta = dir.join("a.log").metadata().unwrap();
    if let Some(allocated) = crate::sys::allocated_bytes(&meta) {
        assert!(allocated < meta.len() + (512 << 10));
    }
}

#[test]
fn short_writes_and_interruptions_are_continued() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|what, at| match (what, at % 3) {
        ("write", 0) => Fate::Fail(4),
        ("write", _) => Fate::Short(7),
        _ => Fate::Work,
    });
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty).build().unwrap();
    let mut desk = Desk::new(handler);
    (0..100).for_each(|n| desk.put(&format!("line {n}")).unwrap());
    desk.batch_end().unwrap();
    assert!(dir.read("a.log").lines().eq((0..100).map(|n| format!("line {n}"))));
}

#[test]
fn a_full_disk_keeps_lines_waiting_refuses_the_rest_and_recovers_by_itself() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|_, _| Fate::Work);
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty.clone());
    let mut desk = Desk::new(handler.build().unwrap());
    desk.log("first").unwrap();
    let mut room = 1000;
    faulty.set(move |what, _| match what {
        "write" if room > 0 => {
            let take = room.min(600);
            room -= take;
            Fate::Short(take)
        }
        "write" => Fate::Fail(ENOSPC),
        _ => Fate::Work,
    });
    let line = "x".repeat(99);
    (0..20_000).for_each(|_| desk.put(&line).unwrap());
    let refused = desk.delivery.shed;
    assert!(refused > 5_000, "{refused}");
    // Ten whole lines went out; the rest waits, within the bound.
    assert_eq!(dir.read("a.log").len(), 1006);
    assert_eq!(desk.handler.held() + refused + 10, 20_000);
    assert!(desk.handler.held() * 100 <= (1 << 20) + 100);
    assert!(desk.flush().unwrap_err().io_error().unwrap().raw_os_error() == Some(ENOSPC));
    faulty.set(|_, _| Fate::Work);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    desk.log("again").unwrap();
    assert_eq!(desk.handler.held(), 0);
    let text = dir.read("a.log");
    // The line before the last tells of the gap.
    assert_eq!(text.lines().count() as u64, 1 + 20_000 - refused + 1 + 1);
    let path = dir.join("a.log");
    let gap = format!("lost {refused} records: INFO {refused}, {} took nothing", path.display());
    let known = [line.as_str(), "first", "again", &gap];
    assert!(text.lines().all(|text| known.contains(&text)));
    assert!(text.ends_with(&format!("\n{gap}\nagain\n")) || text.contains(&format!("\n{gap}\n")));
    assert_eq!(desk.delivery.lost, 0);
}

#[test]
fn what_cannot_be_written_by_the_end_is_told_as_lost() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|what, _| match what {
        "write" => Fate::Fail(ENOSPC),
        _ => Fate::Work,
    });
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty).build().unwrap();
    let mut desk = Desk::new(handler);
    (0..7).for_each(|n| desk.put(&format!("line {n}")).unwrap());
    assert!(desk.batch_end().is_err());
    desk.close().unwrap();
    assert_eq!((desk.delivery.lost, desk.handler.held()), (7, 0));
    assert!(desk.delivery.errors[0].to_string().contains("a.log"));
}

#[test]
fn a_descriptor_that_fails_is_replaced_by_a_fresh_one() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|_, _| Fate::Work);
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty.clone());
    let mut desk = Desk::new(handler.build().unwrap());
    desk.log("one").unwrap();
    let mut first = true;
    faulty.set(move |what, _| match what {
        "write" if std::mem::take(&mut first) => Fate::Fail(EIO),
        _ => Fate::Work,
    });
    assert!(desk.log("two").is_err());
    assert_eq!(desk.handler.held(), 1);
    desk.put("three").unwrap();
    desk.flush().unwrap();
    assert_eq!(dir.read("a.log"), "one\ntwo\nthree\n");
}

#[test]
fn whichever_operation_fails_once_no_line_is_lost_or_doubled() {
    let run = |fail_at: u64| {
        let dir = TestDir::new();
        let faulty = Faulty::nth(fail_at, EIO);
        let handler = FileHandler::builder(dir.join("a.log"));
        let handler = handler.delay(true).storage(faulty.clone()).build().unwrap();
        let mut desk = Desk::new(handler);
        let mut kept = Vec::new();
        for n in 0..40 {
            let line = format!("{n} {}", "-".repeat(20_000));
            if desk.put(&line).is_ok() {
                kept.push(line);
            }
            if n % 10 == 9 {
                let _ = desk.flush();
            }
        }
        desk.close().unwrap();
        assert!(dir.read("a.log").lines().eq(kept.iter()), "operation {fail_at}");
        assert!(kept.len() >= 39 && desk.delivery.lost == 0, "operation {fail_at}");
        faulty.count()
    };
    let operations = run(u64::MAX);
    assert!(operations > 8);
    (1..=operations).for_each(|n| {
        run(n);
    });
}

#[test]
fn a_follower_sees_every_line_once_and_no_nul() {
    use std::io::Read;
    let dir = TestDir::new();
    let path = dir.join("a.log");
    let mut desk = desk(path.clone());
    let reader = std::thread::spawn(move || {
        let mut file = std::fs::File::open(path).unwrap();
        let mut seen = Vec::new();
        while !seen.ends_with(b"end\n") {
            if file.read_to_end(&mut seen).unwrap() == 0 {
                std::thread::yield_now();
            }
        }
        seen
    });
    for n in 0..100_000 {
        desk.put(&format!("line {n}")).unwrap();
        if n % 97 == 0 {
            desk.batch_end().unwrap();
        }
    }
    desk.log("end").unwrap();
    let seen = String::from_utf8(reader.join().unwrap()).unwrap();
    assert!(!seen.contains('\0'));
    assert!(seen.lines().take(100_000).eq((0..100_000).map(|n| format!("line {n}"))));
}

#[test]
#[cfg(target_os = "linux")]
fn a_pipe_without_reader_is_an_error_and_one_that_is_full_does_not_block() {
    let dir = TestDir::new();
    let path = dir.join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(FileHandler::new(&path).unwrap_err().is_io());
    let mut options = std::fs::OpenOptions::new();
    let reader = options.read(true).write(true).open(&path).unwrap();
    let mut desk = desk(path);
    for _ in 0..2000 {
        desk.put(&"x".repeat(99)).unwrap();
    }
    assert_eq!(
        desk.flush().unwrap_err().io_error().unwrap().kind(),
        std::io::ErrorKind::WouldBlock
    );
    let held = desk.handler.held();
    assert!((1..2000).contains(&held), "{held}");
    desk.close().unwrap();
    assert_eq!(desk.delivery.lost, held);
    drop(reader);
}

/// Fails every write.
fn refusing() -> crate::sync::Arc<Faulty> {
    Faulty::new(|what, _| if what == "write" { Fate::Fail(ENOSPC) } else { Fate::Work })
}

#[test]
fn less_important_records_are_shed_first_and_important_ones_find_room() {
    let dir = TestDir::new();
    let faulty = refusing();
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty.clone());
    let mut desk = Desk::new(handler.build().unwrap());
    let line = "x".repeat(999);
    for _ in 0..2000 {
        desk.put(&line).unwrap();
    }
    let held = desk.handler.held();
    assert!((520..530).contains(&held), "half of the memory, {held}");
    for n in 0..1000 {
        desk.put_at_level(&format!("{n} {line}"), Level::ERROR).unwrap();
    }
    assert!((1040..1060).contains(&desk.handler.held()), "{}", desk.handler.held());
    // Told once, not for each record.
    assert!(desk.delivery.errors.len() < 5, "{:?}", desk.delivery.errors);
    let shed = desk.delivery.shed;
    faulty.set(|_, _| Fate::Work);
    desk.flush().unwrap();
    let text = dir.read("a.log");
    assert_eq!(text.lines().count() as u64, 3000 - shed + 1);
    let gap = text.lines().last().unwrap();
    let (info, error) = (2000 - held, shed - (2000 - held));
    assert!(gap.starts_with(&format!("lost {shed} records: INFO {info} ERROR {error}, ")), "{gap}");
}

#[test]
fn a_handler_may_wait_for_room_before_it_sheds() {
    let dir = TestDir::new();
    let faulty = refusing();
    let limit = std::time::Duration::from_millis(50);
    let handler = FileHandler::builder(dir.join("a.log"))
        .storage(faulty)
        .on_failure(OnFailure::new().buffer_bytes(0).wait(limit));
    let mut desk = Desk::new(handler.build().unwrap());
    let line = "x".repeat(999);
    let begin = std::time::Instant::now();
    for _ in 0..2000 {
        desk.put(&line).unwrap();
    }
    // Once for the whole stall, not for each record.
    assert!(begin.elapsed() >= limit);
    assert!(desk.delivery.shed > 1000, "{}", desk.delivery.shed);
    assert!(begin.elapsed() < std::time::Duration::from_secs(10));
}

#[test]
#[cfg(unix)]
fn a_directory_that_vanishes_is_waited_for_or_made_anew() {
    for create in [false, true] {
        let dir = TestDir::new();
        std::fs::create_dir(dir.join("logs")).unwrap();
        let handler = FileHandler::builder(dir.join("logs/a.log")).create_dirs(create);
        let mut desk = Desk::new(handler.build().unwrap());
        desk.log("one").unwrap();
        std::fs::remove_dir_all(dir.join("logs")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(260));
        desk.put("two").unwrap();
        assert_eq!(desk.batch_end().is_ok(), create);
        if !create {
            assert_eq!(desk.handler.held(), 1);
            std::fs::create_dir(dir.join("logs")).unwrap();
        }
        desk.flush().unwrap();
        assert_eq!(dir.read("logs/a.log"), "two\n");
    }
}

#[test]
#[cfg(unix)]
fn a_file_that_was_moved_is_written_to_as_long_as_no_other_can_be_opened() {
    let dir = TestDir::new();
    let faulty = Faulty::new(|_, _| Fate::Work);
    let handler = FileHandler::builder(dir.join("a.log")).storage(faulty.clone());
    let mut desk = Desk::new(handler.build().unwrap());
    desk.log("one").unwrap();
    std::fs::rename(dir.join("a.log"), dir.join("a.old")).unwrap();
    faulty.set(|what, _| if what == "open" { Fate::Fail(EACCES) } else { Fate::Work });
    std::thread::sleep(std::time::Duration::from_millis(260));
    desk.log("two").unwrap();
    faulty.set(|_, _| Fate::Work);
    std::thread::sleep(std::time::Duration::from_millis(260));
    desk.log("three").unwrap();
    assert_eq!((dir.read("a.old").as_str(), dir.read("a.log").as_str()), ("one\ntwo\n", "three\n"));
}

#[test]
fn a_line_without_an_end_gets_one_before_the_next() {
    let dir = TestDir::new();
    dir.write("a.log", "whole\ntorn by a power fail");
    desk(dir.join("a.log")).log("next").unwrap();
    assert_eq!(dir.read("a.log"), "whole\ntorn by a power fail\nnext\n");
    dir.write("a.log", "torn");
    let left = FileHandler::builder(dir.join("a.log")).mend(false).build().unwrap();
    Desk::new(left).log("next").unwrap();
    assert_eq!(dir.read("a.log"), "tornnext\n");
}

#[test]
#[cfg(unix)]
fn a_link_that_another_user_made_where_others_may_write_is_not_followed() {
    use std::os::unix::fs::{PermissionsExt, lchown, symlink};
    let dir = TestDir::new();
    dir.write("target", "precious\n");
    symlink(dir.join("target"), dir.join("a.log")).unwrap();
    // Our own link is followed.
    desk(dir.join("a.log")).log("ours").unwrap();
    assert_eq!(dir.read("target"), "precious\nours\n");
    if lchown(dir.join("a.log"), Some(12_345), None).is_err() {
        println!("skipped: only root can make a link of another user");
        return;
    }
    let set = |mode| {
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(0o755);
    desk(dir.join("a.log")).log("in a directory of ours").unwrap();
    set(0o1777);
    let error = FileHandler::new(dir.join("a.log")).unwrap_err();
    assert!(error.to_string().contains("another user"), "{error}");
    assert!(MmapRotatingFileHandler::new(dir.join("b.log")).is_ok());
    symlink(dir.join("target"), dir.join("c.log.live")).unwrap();
    lchown(dir.join("c.log.live"), Some(12_345), None).unwrap();
    assert!(MmapRotatingFileHandler::new(dir.join("c.log")).is_err());
    assert_eq!(dir.read("target").lines().count(), 3);
}

#[test]
#[cfg(unix)]
fn the_latest_link_takes_the_place_of_a_link_only() {
    let dir = TestDir::new();
    let build = |name: &str| {
        FileHandler::builder(dir.join("a.log")).rotate(Rotate::size(5)).latest(name).build()
    };
    dir.write("taken", "no link");
    let error = build("taken").unwrap_err();
    assert!(error.to_string().contains("no symbolic link"), "{error}");
    assert_eq!(dir.read("taken"), "no link");
    assert!(build("a.log").unwrap_err().is_invalid());
    std::os::unix::fs::symlink("gone", dir.join("latest")).unwrap();
    let mut desk = Desk::new(build("latest").unwrap());
    desk.log("one, which fills the file").unwrap();
    desk.log("two").unwrap();
    assert_eq!(dir.read("latest"), "two\n");
    assert_eq!(std::fs::read_link(dir.join("latest")).unwrap(), PathBuf::from("a.log"));
}

#[test]
#[cfg(unix)]
fn new_files_get_their_owner_and_compressed_ones_keep_it() {
    use std::os::unix::fs::MetadataExt;
    let dir = TestDir::new();
    let builder = FileHandler::builder(dir.join("a.log"))
        .owner(Some(12_345), Some(54_321))
        .permissions(0o604)
        .rotate(Rotate::size(5))
        .naming(Naming::Rising)
        .inline();
    #[cfg(feature = "gzip")]
    let builder = builder.compress(Compress::Gzip);
    let Ok(handler) = builder.build() else {
        println!("skipped: only root can give files away");
        return;
    };
    let mut desk = Desk::new(handler);
    desk.log("one").unwrap();
    desk.log("two").unwrap();
    let names = dir.names();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let meta = dir.join(&name).metadata().unwrap();
        assert_eq!(
            (meta.uid(), meta.gid(), meta.mode() & 0o777),
            (12_345, 54_321, 0o604),
            "{name}"
        );
    }
}

#[test]
fn a_compression_that_is_not_built_in_is_refused_by_the_name_of_its_feature() {
    let dir = TestDir::new();
    for (kind, known, feature) in [
        (Compress::Gzip, cfg!(feature = "gzip"), "gzip"),
        (Compress::Zstd, cfg!(feature = "zstd"), "zstd"),
    ] {
        let built = FileHandler::builder(dir.join("a.log")).compress(kind).build();
        match built {
            Ok(_) => assert!(known),
            Err(error) => {
                assert!(!known && error.is_unsupported() && error.to_string().contains(feature));
            }
        }
    }
}

#[test]
fn what_a_killed_compression_left_is_done_again_or_removed() {
    let dir = TestDir::new();
    let text = "a line of an earlier run\n".repeat(100);
    dir.write("a.log.000001", &text);
    dir.write("a.log.000001.gz.part", "half");
    dir.write("a.log.000002.gz.part", "of a file that is gone");
    dir.write("a.log.notes.gz.part", "somebody else's");
    let builder = FileHandler::builder(dir.join("a.log")).rotate(Rotate::daily()).inline();
    #[cfg(feature = "gzip")]
    let builder = builder.compress(Compress::Gzip);
    #[cfg(not(feature = "gzip"))]
    let builder = builder.keep(Keep::files(10));
    drop(builder.build().unwrap());
    let names = dir.names();
    assert!(!names.contains(&"a.log.000002.gz.part".to_owned()), "{names:?}");
    assert!(names.contains(&"a.log.notes.gz.part".to_owned()), "{names:?}");
    if cfg!(feature = "gzip") {
        assert_eq!(names, ["a.log", "a.log.000001.gz", "a.log.notes.gz.part"]);
        std::fs::remove_file(dir.join("a.log.notes.gz.part")).unwrap();
        assert_eq!(super::testing::lines_of(&dir).len(), 100);
    }
}

#[test]
fn a_day_that_is_over_is_moved_away_by_the_clock_though_nothing_is_logged() {
    let dir = TestDir::new();
    let handler = FileHandler::builder(dir.join("a.log")).rotate(Rotate::daily().utc());
    let mut desk = Desk::new(handler.build().unwrap());
    desk.log("one").unwrap();
    desk.tick().unwrap();
    assert_eq!(dir.names(), ["a.log"]);
    desk.now_ns += 86_400_000_000_000;
    desk.tick().unwrap();
    desk.tick().unwrap();
    assert_eq!(dir.names(), ["a.log", "a.log.2023-11-14_22-13-20"]);
    // An empty file stays, however many days pass.
    desk.now_ns += 3 * 86_400_000_000_000;
    desk.tick().unwrap();
    desk.log("two").unwrap();
    assert_eq!(dir.names().len(), 2);
    // A late record stays in the present file.
    desk.put_at("late", desk.now_ns - 86_400_000_000_000).unwrap();
    desk.flush().unwrap();
    assert_eq!(dir.read("a.log"), "two\nlate\n");
}
