//! `sawmill tail`: the end of a log of any kind, and what comes.

use crate::logs::follow::{Follower, PAUSE};
use crate::logs::pipeline::{self, Trouble};
use crate::logs::show::{self, Shower};
use crate::logs::{self, Out, Packing, is_set, peek, unpacked};
use sawmill::BinaryReader;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

const CHUNK_BYTES: usize = 64 << 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A text log, a mapped one (the name that the handler was given), a binary one, or an archive.
    file: PathBuf,
    /// How many lines of what is there to begin with.
    #[arg(long, short = 'n', default_value_t = 10, value_name = "N")]
    lines: usize,
    /// Goes on with what is written, over rotations, until interrupted.
    #[arg(long, short)]
    follow: bool,
    #[command(flatten)]
    show: show::ShowOptions,
}

pub(crate) fn run(options: &Options) -> ExitCode {
    match tail(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sawmill tail: {}: {error}", options.file.display());
            ExitCode::from(2)
        }
    }
}

/// What is being read.
enum Log<'o> {
    Text(Text),
    Binary(Box<BinaryReader>, Shower<'o>),
}

fn tail(options: &Options) -> Result<bool, String> {
    Shower::check(&options.show).map_err(|error| error.to_string())?;
    let mut out = Out::new();
    let stop = logs::interrupts();
    // The file of a mapped handler has another name while it is written.
    let live = live(&options.file);
    let path = if live.exists() { &live } else { &options.file };
    let mut file = File::open(path).map_err(|error| error.to_string())?;
    let head = peek(&mut file).map_err(|error| error.to_string())?;
    let packing = Packing::of(&head);
    if packing != Packing::Plain {
        if options.follow {
            return Err("an archive does not grow".into());
        }
        return archive(file, packing, options, &mut out, &stop);
    }
    let mut follower = Follower::new(path);
    let mut trouble = Trouble::default();
    let mut good = true;
    let mut first = Some(options.lines);
    let mut next = Some(file);
    loop {
        let Some(file) = next.take() else {
            if is_set(&stop) {
                return Ok(good);
            }
            std::thread::sleep(PAUSE);
            next = follower.next(None);
            continue;
        };
        follower.took(&file);
        let old = file.try_clone().map_err(|error| error.to_string())?;
        let mut log = begin(file, options, first.take(), &mut out, &stop, &mut trouble, &follower)?;
        loop {
            let moved = follower.has_moved();
            let more = log.show_new(&options.show, moved, &mut out, &stop, &mut trouble)?;
            if moved || !more || !options.follow {
                good &= log.end(more && (moved || !options.follow), options);
                break;
            }
            std::thread::sleep(PAUSE);
        }
        good &= tell(options, std::mem::take(&mut trouble));
        if !options.follow || is_set(&stop) || out.closed {
            return Ok(good);
        }
        next = follower.next(Some(&old));
    }
}

fn live(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".live");
    name.into()
}

fn tell(options: &Options, trouble: Trouble) -> bool {
    for line in &trouble.told {
        eprintln!("sawmill tail: {}: {line}", options.file.display());
    }
    trouble.is_none()
}

/// Finds out what the file is, and shows its last lines, or all if `lines` is not given.
fn begin<'o>(
    mut file: File,
    options: &'o Options,
    lines: Option<usize>,
    out: &mut Out,
    stop: &AtomicBool,
    trouble: &mut Trouble,
    follower: &Follower,
) -> Result<Log<'o>, String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut head = peek(&mut file).map_err(failed)?;
    // One that is empty may become anything.
    while head.len() < 4 && options.follow && !is_set(stop) && !follower.has_moved() {
        std::thread::sleep(PAUSE);
        head = peek(&mut file).map_err(failed)?;
    }
    if BinaryReader::is_binary(&head) {
        let name = options.file.display().to_string();
        let reader = BinaryReader::of_file(file, &name).map_err(|error| error.to_string())?;
        let mut reader = Box::new(reader);
        let mut shower = Shower::new(&options.show);
        if let Some(lines) = lines {
            let last = last_records(&mut reader, &mut shower, lines, options, stop, trouble);
            write(out, &last)?;
        }
        return Ok(Log::Binary(reader, shower));
    }
    if let Some(option) = options.show.needs_records() {
        return Err(format!("{option} needs a binary log, and this is text"));
    }
    let mut text = Text { file, at: 0 };
    if let Some(lines) = lines {
        text.at = text.start_of_last(lines).map_err(failed)?;
    }
    Ok(Log::Text(text))
}

/// The last lines of what a binary log holds.
fn last_records(
    reader: &mut BinaryReader,
    shower: &mut Shower<'_>,
    lines: usize,
    options: &Options,
    stop: &AtomicBool,
    trouble: &mut Trouble,
) -> Vec<u8> {
    let mut last = Vec::new();
    let mut blocks = VecDeque::new();
    let mut records = 0;
    while !is_set(stop) {
        let block = match reader.next_block() {
            Ok(Some(block)) => block,
            Ok(None) => break,
            Err(error) => {
                trouble.tell(error.to_string());
                break;
            }
        };
        if !options.show.shows_all() {
            trouble.note(shower.lines(&block, &mut last, |_| {}));
            cut(&mut last, lines);
            continue;
        }
        // A record is a line at least: older blocks need not be decoded.
        records += block.records();
        blocks.push_back(block);
        while blocks.front().is_some_and(|block| records - block.records() >= lines as u64) {
            records -= blocks.pop_front().map_or(0, |block| block.records());
        }
    }
    for block in blocks {
        trouble.note(shower.lines(&block, &mut last, |_| {}));
    }
    cut(&mut last, lines);
    last
}

/// Leaves the last lines.
fn cut(text: &mut Vec<u8>, lines: usize) {
    let mut ends = text.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    if let Some((at, _)) = ends.nth(lines) {
        text.drain(..=at);
    }
}

fn archive(
    file: File,
    packing: Packing,
    options: &Options,
    out: &mut Out,
    stop: &AtomicBool,
) -> Result<bool, String> {
    let mut stream = unpacked(file, packing).map_err(|error| error.to_string())?;
    let mut head = Vec::new();
    let mut trouble = Trouble::default();
    let read = Read::by_ref(&mut stream).take(4).read_to_end(&mut head);
    read.map_err(|error| error.to_string())?;
    let is_binary = BinaryReader::is_binary(&head);
    let mut whole = std::io::Cursor::new(head).chain(stream);
    let mut last = Vec::new();
    if is_binary {
        let mut reader = BinaryReader::of_stream(whole, &options.file.display().to_string());
        let mut shower = Shower::new(&options.show);
        last = last_records(&mut reader, &mut shower, options.lines, options, stop, &mut trouble);
        let damage = reader.finish();
        if !damage.is_none() {
            trouble.tell(damage.to_string());
        }
    } else {
        if let Some(option) = options.show.needs_records() {
            return Err(format!("{option} needs a binary log, and this is text"));
        }
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match whole.read(&mut chunk) {
                Ok(0) => break,
                Ok(n) => last.extend_from_slice(&chunk[..n]),
                Err(error) => {
                    trouble.tell(error.to_string());
                    break;
                }
            }
            if last.len() > 64 * CHUNK_BYTES {
                cut(&mut last, options.lines);
            }
        }
        cut(&mut last, options.lines);
        options.show.keep_matching(&mut last);
    }
    write(out, &last)?;
    Ok(tell(options, trouble))
}

fn write(out: &mut Out, lines: &[u8]) -> Result<(), String> {
    out.write(lines).map_err(|error| format!("standard output: {error}"))
}

impl Log<'_> {
    /// Shows what was written since the last time; false: it is to end.
    fn show_new(
        &mut self,
        show: &show::ShowOptions,
        moved: bool,
        out: &mut Out,
        stop: &AtomicBool,
        trouble: &mut Trouble,
    ) -> Result<bool, String> {
        match self {
            Self::Binary(reader, shower) => {
                pipeline::one_by_one(reader, shower, out, stop, trouble)
            }
            Self::Text(text) => loop {
                let mut lines = text.read_lines(moved).map_err(|error| error.to_string())?;
                let is_end = lines.is_empty();
                show.keep_matching(&mut lines);
                write(out, &lines)?;
                if is_set(stop) || out.closed {
                    return Ok(false);
                }
                if is_end {
                    return Ok(true);
                }
            },
        }
    }

    /// The file gets no more, or is left. Returns false if it was `read` to its end and something
    /// in it was damaged.
    fn end(&mut self, read: bool, options: &Options) -> bool {
        let Self::Binary(reader, _) = self else { return true };
        let damage = if read { reader.finish() } else { reader.damage() };
        if !damage.is_none() {
            eprintln!("sawmill tail: {}: {damage}", options.file.display());
        }
        damage.is_none()
    }
}

/// A file of lines, perhaps with NUL bytes behind the last one, where a mapping goes on.
struct Text {
    file: File,
    at: u64,
}

impl Text {
    /// The next whole lines; the end without a line's end, too, if nothing comes behind it.
    fn read_lines(&mut self, is_last: bool) -> std::io::Result<Vec<u8>> {
        if self.file.metadata()?.len() < self.at {
            // Somebody emptied it.
            self.at = 0;
        }
        let mut lines = Vec::new();
        self.file.seek(SeekFrom::Start(self.at))?;
        loop {
            let known = lines.len();
            Read::by_ref(&mut self.file).take(CHUNK_BYTES as u64).read_to_end(&mut lines)?;
            let is_end = lines.len() == known;
            let nul = lines[known..].iter().position(|byte| *byte == 0);
            lines.truncate(nul.map_or(lines.len(), |at| known + at));
            match lines[known..].iter().rposition(|byte| *byte == b'\n') {
                Some(end) => {
                    lines.truncate(known + end + 1);
                    break;
                }
                None if is_end || nul.is_some() => {
                    if !is_last {
                        lines.clear();
                    }
                    break;
                }
                // A line longer than a chunk.
                None => {}
            }
        }
        self.at += lines.len() as u64;
        Ok(lines)
    }

    /// Where the last lines begin.
    fn start_of_last(&mut self, lines: usize) -> std::io::Result<u64> {
        let mut end = self.file.seek(SeekFrom::End(0))?;
        let mut is_text = false;
        let mut left = lines;
        let mut chunk = Vec::new();
        while end > 0 {
            let start = end.saturating_sub(CHUNK_BYTES as u64);
            self.file.seek(SeekFrom::Start(start))?;
            chunk.clear();
            Read::by_ref(&mut self.file).take(end - start).read_to_end(&mut chunk)?;
            let mut rest = &chunk[..];
            if !is_text {
                let text = rest.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
                rest = &rest[..text];
                is_text = text > 0;
                // The end of the last line is none of those before it.
                if is_text && lines > 0 && rest.last() == Some(&b'\n') {
                    rest = &rest[..text - 1];
                }
                if is_text && lines == 0 {
                    return Ok(start + text as u64);
                }
            }
            while let Some(at) = rest.iter().rposition(|byte| *byte == b'\n') {
                left -= 1;
                if left == 0 {
                    return Ok(start + at as u64 + 1);
                }
                rest = &rest[..at];
            }
            end = start;
        }
        Ok(0)
    }
}
