//! Reads the files back and holds them against what was logged.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a check of the files found.
pub(crate) struct Books {
    /// Files of the rotated log, the oldest first.
    pub files: Vec<PathBuf>,
    /// What they hold together, in bytes.
    pub bytes: u64,
    /// Request lines found.
    pub found: u64,
    /// Of these, at WARNING.
    pub warnings: u64,
    /// Everything that is not as it should be.
    pub wrong: Vec<String>,
}

/// The files of a rotated log, the oldest first: `log.000001`, `log.000002` and on, then `log`.
pub(crate) fn rotated(log: &Path) -> io::Result<Vec<PathBuf>> {
    let folder = log.parent().unwrap_or(Path::new("."));
    let name = log.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let entry = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let number = match entry.strip_prefix(&name) {
            Some("") => u32::MAX,
            Some(suffix) => match suffix.strip_prefix('.').and_then(|n| n.parse().ok()) {
                Some(number) => number,
                None => continue,
            },
            None => continue,
        };
        files.push((number, path));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// Checks that each of `requests` sequence numbers stands in the log once, that the records of each
/// worker stand in the order in which it made them, and that the warnings, and only they, stand in
/// the JSON lines too.
pub(crate) fn check(log: &Path, json: &Path, requests: u64, workers: usize) -> io::Result<Books> {
    let files = rotated(log)?;
    let mut books = Books { files, bytes: 0, found: 0, warnings: 0, wrong: Vec::new() };
    let mut seen = vec![0_u8; requests as usize];
    let mut next = vec![0_u64; workers];
    let mut warned = HashSet::new();
    for file in books.files.clone() {
        let content = fs::read(&file)?;
        books.bytes += content.len() as u64;
        let text = String::from_utf8_lossy(&content);
        if text.contains('\0') {
            books.wrong.push(format!("{} holds NUL bytes", file.display()));
        }
        for line in text.lines().filter(|line| line.contains(" seq=")) {
            let (Some(worker), Some(n), Some(seq)) =
                (number(line, "worker="), number(line, " n="), number(line, " seq="))
            else {
                books.wrong.push(format!("a line is not whole: {line:?}"));
                continue;
            };
            books.found += 1;
            match seen.get_mut(seq as usize) {
                Some(count) => *count = count.saturating_add(1),
                None => books.wrong.push(format!("nobody sent request {seq}")),
            }
            match next.get_mut(worker as usize) {
                Some(next) if *next == n => *next += 1,
                Some(next) => {
                    books.wrong.push(format!("worker {worker}: {n} stands where {next} should"));
                    *next = n + 1;
                }
                None => books.wrong.push(format!("there is no worker {worker}")),
            }
            if line.contains(" WARNING ") {
                books.warnings += 1;
                warned.insert(seq);
            }
        }
    }
    let missing = seen.iter().filter(|&&count| count == 0).count();
    let doubled = seen.iter().filter(|&&count| count > 1).count();
    for (count, what) in [(missing, "missing"), (doubled, "there more than once")] {
        if count > 0 {
            books.wrong.push(format!("{count} sequence numbers are {what}"));
        }
    }
    check_json(json, warned, &mut books)?;
    Ok(books)
}

fn check_json(json: &Path, mut warned: HashSet<u64>, books: &mut Books) -> io::Result<()> {
    for line in fs::read_to_string(json)?.lines() {
        let Ok(object) = serde_json::from_str::<serde_json::Value>(line) else {
            books.wrong.push(format!("a line of {} is no JSON: {line:?}", json.display()));
            continue;
        };
        match object.pointer("/fields/seq").and_then(serde_json::Value::as_u64) {
            Some(seq) if warned.remove(&seq) => {}
            _ => books.wrong.push(format!("a JSON line has no warning beside it: {line:?}")),
        }
    }
    if !warned.is_empty() {
        books.wrong.push(format!("{} warnings are not among the JSON lines", warned.len()));
    }
    Ok(())
}

/// The number after `name`.
fn number(line: &str, name: &str) -> Option<u64> {
    let rest = &line[line.find(name)? + name.len()..];
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Removes one request line from the middle of the oldest file.
pub(crate) fn corrupt(log: &Path) -> io::Result<String> {
    let files = rotated(log)?;
    let file = files.first().ok_or_else(|| io::Error::other("there is no file to corrupt"))?;
    let text = fs::read_to_string(file)?;
    let lines: Vec<&str> = text.lines().collect();
    let middle = lines.len() / 2;
    let victim = (middle..lines.len()).find(|&at| lines[at].contains(" seq="));
    let victim = victim.ok_or_else(|| io::Error::other("there is no line to remove"))?;
    let kept = lines.iter().enumerate().filter(|&(at, _)| at != victim);
    let kept: String = kept.map(|(_, line)| format!("{line}\n")).collect();
    fs::write(file, kept)?;
    Ok(lines[victim].to_owned())
}
