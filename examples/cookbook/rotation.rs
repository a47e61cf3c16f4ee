//! Rotation with a namer and a rotator: rotated files are compressed.
//!
//! The namer says what a rotated file is called, the rotator moves a file there. Both run on the
//! logging thread, so this is for files that compress in a moment.

mod place;

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use sawmill::{Formatter, HandlerExt, Level, RotatingFileHandler, info};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

fn namer(name: &Path) -> PathBuf {
    let mut name = name.as_os_str().to_owned();
    name.push(".gz");
    name.into()
}

fn rotator(source: &Path, dest: &Path) -> io::Result<()> {
    let mut packed = GzEncoder::new(File::create(dest)?, Compression::default());
    io::copy(&mut File::open(source)?, &mut packed)?;
    packed.finish()?;
    std::fs::remove_file(source)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let rotated = RotatingFileHandler::builder(place.path("rotated.log"))
        .max_bytes(128)
        .backup_count(5)
        .namer(namer)
        .rotator(rotator)
        .build()?;
    sawmill::builder()
        .level(Level::DEBUG)
        .handler("rotated", rotated.with_formatter(Formatter::new("%(asctime)s %(message)s")?))
        .init()?;

    for n in 1..=20 {
        info!("Message no. {n}");
    }

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    let names = place.names()?;
    println!("{}", names.join("\n"));
    let packed = (1..=5).map(|n| format!("rotated.log.{n}.gz"));
    let expected: Vec<_> = ["rotated.log".to_owned()].into_iter().chain(packed).collect();
    assert_eq!(names, expected);

    let mut newest = String::new();
    GzDecoder::new(File::open(place.path("rotated.log.1.gz"))?).read_to_string(&mut newest)?;
    print!("-- rotated.log.1.gz\n{newest}");
    assert_eq!(newest.lines().count(), 3);
    assert!(newest.ends_with("Message no. 18\n"));
    assert_eq!(place.show("rotated.log")?.len(), 2);
    Ok(())
}
