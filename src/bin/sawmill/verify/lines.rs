//! The lines of files, plain or compressed, and what each says of its record.

use super::Entry;
use super::pattern::Pattern;
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// The logger of the records that the machinery itself makes.
pub(super) const OWN_LOGGER: &str = "sawmill";

/// Calls `each` for every line without its end, and says whether it had one.
///
/// # Errors
///
/// If the file cannot be read, or an archive is cut off.
pub(super) fn each(path: &Path, mut each: impl FnMut(&[u8], bool)) -> io::Result<()> {
    let mut file = File::open(path)?;
    let mut head = [0; 4];
    let mut known = 0;
    while known < head.len() {
        match file.read(&mut head[known..])? {
            0 => break,
            n => known += n,
        }
    }
    let whole = io::Cursor::new(head[..known].to_vec()).chain(file);
    let mut reader: Box<dyn BufRead> = match head {
        [0x1f, 0x8b, ..] => Box::new(BufReader::new(flate2::read::MultiGzDecoder::new(whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => zstd(whole)?,
        _ => Box::new(BufReader::with_capacity(1 << 18, whole)),
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        let is_whole = line.last() == Some(&b'\n');
        let end = line.len() - usize::from(is_whole);
        let end = end - usize::from(is_whole && line[..end].last() == Some(&b'\r'));
        each(&line[..end], is_whole);
    }
}

/// The bytes of a zstd archive.
#[cfg(feature = "zstd")]
fn zstd(archive: impl Read + 'static) -> io::Result<Box<dyn BufRead>> {
    Ok(Box::new(BufReader::new(zstd::stream::read::Decoder::new(archive)?)))
}

#[cfg(not(feature = "zstd"))]
fn zstd(_archive: impl Read) -> io::Result<Box<dyn BufRead>> {
    let text = "a zstd archive, and this command was built without the cargo feature \"zstd\"";
    Err(io::Error::new(io::ErrorKind::Unsupported, text))
}

/// What a line says of its record; `None` if it is no record.
pub(super) fn entry(line: &[u8], pattern: Option<&Pattern>) -> Option<Entry> {
    let line = std::str::from_utf8(line).ok()?;
    match pattern {
        Some(pattern) => of_pattern(line, pattern),
        None if line.starts_with('{') => of_json(line),
        None => of_words(line),
    }
}

/// A line for people, cut.
pub(super) fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(120)]).into_owned();
    format!("{text:?}")
}

fn of_pattern(line: &str, pattern: &Pattern) -> Option<Entry> {
    let found = pattern.read(line)?;
    let number = |name: &str| found.get(name).and_then(|text| text.trim().parse::<u64>().ok());
    let run = found.get("run").and_then(|text| text.trim().parse().ok());
    let is_own = found.get("name").is_none_or(|name| name.trim() == OWN_LOGGER);
    let message = found.get("message").filter(|_| is_own);
    let lost = message.and_then(|message| lost_of(message));
    Some(Entry {
        run,
        process: number("process"),
        lane: number("lane")?,
        sequence: number("sequence")?,
        lost,
    })
}

fn of_json(line: &str) -> Option<Entry> {
    let line: Value = serde_json::from_str(line).ok()?;
    let number = |name: &str| line.get(name).and_then(Value::as_u64);
    let is_own = line.get("logger").is_none_or(|logger| logger == OWN_LOGGER);
    let lost = line.pointer("/fields/lost").and_then(Value::as_u64);
    let message = line.get("message").and_then(Value::as_str);
    let lost = lost.or_else(|| message.and_then(lost_of)).filter(|_| is_own);
    Some(Entry {
        run: line.get("run").and_then(Value::as_i64),
        process: number("process_id"),
        lane: number("lane")?,
        sequence: number("sequence")?,
        lost,
    })
}

/// ` lane=1`, ` sequence=2`, ` run=3`: the first of each counts, for messages may hold anything.
fn of_words(line: &str) -> Option<Entry> {
    let word = |name: &str| {
        let mut rest = line;
        loop {
            let at = rest.find(name)?;
            let (before, after) = rest.split_at(at);
            let value = after[name.len()..].strip_prefix('=');
            if let Some(value) = value
                && before
                    .chars()
                    .next_back()
                    .is_none_or(|each| !each.is_alphanumeric() && each != '_')
            {
                let digits = value.bytes().take_while(|b| b.is_ascii_digit() || *b == b'-').count();
                return value[..digits].parse::<i64>().ok();
            }
            rest = &after[name.len()..];
        }
    };
    let number = |name: &str| word(name).and_then(|number| u64::try_from(number).ok());
    let lost = line.match_indices("lost ").find_map(|(at, _)| {
        let stands_alone = at == 0 || line[..at].ends_with([' ', ':', '\t', '|']);
        stands_alone.then(|| lost_of(&line[at..]))?
    });
    Some(Entry {
        run: word("run"),
        process: number("process"),
        lane: number("lane")?,
        sequence: number("sequence")?,
        lost,
    })
}

/// How many records a gap record's message tells: `lost 5 records of thread x: ...`.
fn lost_of(message: &str) -> Option<u64> {
    let rest = message.strip_prefix("lost ")?;
    let (number, rest) = rest.split_once(' ')?;
    (rest.starts_with("record")).then(|| number.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry_of(run: Option<i64>, lane: u64, sequence: u64, lost: Option<u64>) -> Entry {
        Entry { run, process: None, lane, sequence, lost }
    }

    #[test]
    fn words_are_found_where_they_stand_alone() {
        let line = "10:00 run=17 lane=3 sequence=9 airplane=5 hello lane=8";
        assert_eq!(of_words(line), Some(entry_of(Some(17), 3, 9, None)));
        assert_eq!(of_words("lane=1 sequence=x"), None);
        let gap = "run=17 lane=3 sequence=14 lost 5 records of thread a: INFO 5, its lane was full";
        assert_eq!(of_words(gap), Some(entry_of(Some(17), 3, 14, Some(5))));
    }

    #[test]
    fn json_needs_no_pattern() {
        let line =
            r#"{"logger":"a","message":"lost 5 records of x","run":-1,"lane":1,"sequence":2}"#;
        assert_eq!(of_json(line), Some(entry_of(Some(-1), 1, 2, None)));
        let gap = line.replace("\"a\"", "\"sawmill\"");
        assert_eq!(of_json(&gap), Some(entry_of(Some(-1), 1, 2, Some(5))));
        assert_eq!(of_json(&line[..line.len() - 1]), None);
    }
}
