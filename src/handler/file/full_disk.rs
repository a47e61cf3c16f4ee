//! Facts about disks that are really full: small file systems mounted for the test.

use super::testing::{Desk, SmallDisk};
use super::*;
use crate::handler::Handler;

fn disks() -> impl Iterator<Item = SmallDisk> {
    [SmallDisk::tmpfs(2048), SmallDisk::ext4(4)].into_iter().flatten()
}

/// Logs until records are refused, makes room, and returns what must be found.
fn through_a_full_disk<H: Handler>(disk: &SmallDisk, desk: &mut Desk<H>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut refused = 0;
    let log = |desk: &mut Desk<H>, n: usize, kept: &mut Vec<String>| {
        let line = format!("{n:06} {}", "x".repeat(992));
        let before = desk.delivery.shed;
        desk.put(&line).unwrap();
        let shed = desk.delivery.shed > before;
        if !shed {
            kept.push(line);
        }
        shed
    };
    (0..300).for_each(|n| assert!(!log(desk, n, &mut kept)));
    desk.flush().unwrap();
    disk.fill(true);
    for n in 300..6000 {
        refused += usize::from(log(desk, n, &mut kept));
        if n % 100 == 0 {
            let _ = desk.batch_end();
        }
    }
    assert!(refused > 1000, "{refused}");
    assert!(desk.flush().is_err());
    assert!(desk.handler.held() > 0);
    disk.fill(false);
    desk.flush().unwrap();
    (6000..6100).for_each(|n| assert!(!log(desk, n, &mut kept)));
    desk.close().unwrap();
    assert_eq!((desk.delivery.lost, desk.handler.held()), (0, 0));
    kept
}

#[test]
fn a_file_goes_on_after_a_full_disk_with_every_line_it_took() {
    for disk in disks() {
        let mut desk = Desk::new(FileHandler::new(disk.dir().join("a.log")).unwrap());
        let kept = through_a_full_disk(&disk, &mut desk);
        assert!(without_gaps(&disk.dir().read("a.log")).eq(kept));
    }
}

/// The lines but for the one that tells of the gap.
fn without_gaps(text: &str) -> impl Iterator<Item = &str> {
    let gaps = text.lines().filter(|line| line.starts_with("lost ")).count();
    assert_eq!(gaps, 1);
    text.lines().filter(|line| !line.starts_with("lost "))
}

#[test]
fn a_mapped_file_falls_back_to_writes_on_a_full_disk_and_no_signal_comes() {
    for disk in disks() {
        let handler = MmapRotatingFileHandler::builder(disk.dir().join("a.log"));
        let handler = handler.window_bytes(128 << 10).require_mapping(true).build().unwrap();
        let mut desk = Desk::new(handler);
        let kept = through_a_full_disk(&disk, &mut desk);
        assert!(without_gaps(&disk.dir().read("a.log")).eq(kept));
        desk.put("mapped again").unwrap();
        assert!(desk.handler.is_mapped());
    }
}

#[test]
fn a_rotating_file_loses_nothing_it_took_on_a_full_disk() {
    for disk in disks() {
        let handler = RotatingFileHandler::new(disk.dir().join("a.log"), 200_000, 20).unwrap();
        let mut desk = Desk::new(handler);
        let kept = through_a_full_disk(&disk, &mut desk);
        let names = disk.dir().names().into_iter().filter(|name| name.starts_with("a.log"));
        let text: String = names.map(|name| disk.dir().read(&name)).collect();
        let mut lines: Vec<_> = without_gaps(&text).collect();
        lines.sort_unstable();
        assert_eq!(lines.len(), kept.len());
        assert!(lines == kept);
    }
}

/// Logs three times what fits, and returns the numbers of the lines found.
fn more_than_fits<H: Handler>(disk: &SmallDisk, desk: &mut Desk<H>) -> Vec<usize> {
    for n in 0..6000 {
        desk.now_ns += 1_000_000_000;
        desk.put(&format!("{n} {}", "x".repeat(992))).unwrap();
        if n % 50 == 49 {
            let _ = desk.batch_end();
        }
    }
    desk.close().unwrap();
    let lines = super::testing::lines_of(disk.dir());
    let whole = lines.iter().filter(|line| !line.starts_with("lost "));
    let mut numbers: Vec<usize> = whole
        .map(|line| {
            let (number, rest) = line.split_once(' ').unwrap();
            assert_eq!(rest.len(), 992, "{line}");
            number.parse().unwrap()
        })
        .collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn old_archives_make_room_for_new_lines_if_they_may() {
    for disk in disks() {
        let handler = FileHandler::builder(disk.dir().join("a.log"))
            .rotate(Rotate::size(200_000).utc())
            .on_failure(OnFailure::new().delete_archives(true))
            .build()
            .unwrap();
        let mut desk = Desk::new(handler);
        let numbers = more_than_fits(&disk, &mut desk);
        assert_eq!((desk.delivery.shed, desk.delivery.lost), (0, 0));
        // The newest, without a hole, up to what the disk holds.
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
        assert_eq!(*numbers.last().unwrap(), 5999);
        assert!((1000..6000).contains(&numbers.len()), "{}", numbers.len());
    }
}

#[test]
fn limits_in_bytes_keep_a_disk_from_filling_up() {
    for disk in disks() {
        let handler = FileHandler::builder(disk.dir().join("a.log"))
            .rotate(Rotate::size(200_000).utc())
            .keep(Keep::all().bytes(1_000_000))
            .naming(Naming::Rising)
            .inline()
            .build()
            .unwrap();
        let mut desk = Desk::new(handler);
        let numbers = more_than_fits(&disk, &mut desk);
        assert_eq!((desk.delivery.shed, desk.delivery.errors.len()), (0, 0));
        assert!(numbers.windows(2).all(|two| two[0] + 1 == two[1]));
        assert!((900..1300).contains(&numbers.len()), "{}", numbers.len());
    }
}

#[test]
#[cfg(feature = "gzip")]
fn compression_on_a_full_disk_leaves_every_line_in_one_file() {
    for disk in disks() {
        let handler = FileHandler::builder(disk.dir().join("a.log"))
            .rotate(Rotate::size(300_000).utc())
            .naming(Naming::Rising)
            .compress(Compress::Gzip)
            .inline()
            .build()
            .unwrap();
        let mut desk = Desk::new(handler);
        disk.fill(true);
        for n in 0..400 {
            desk.put(&format!("{n:06} {}", "x".repeat(992))).unwrap();
        }
        let _ = desk.flush();
        disk.fill(false);
        desk.flush().unwrap();
        let numbers = more_than_fits(&disk, &mut desk);
        // Compressed, all of it fits.
        assert_eq!((desk.delivery.shed, desk.delivery.lost), (0, 0));
        assert_eq!(numbers.len(), 6400);
    }
}
