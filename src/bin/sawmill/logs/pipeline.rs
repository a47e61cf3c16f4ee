//! Blocks decoded side by side, lines written in order.

use super::show::{ShowOptions, Shower};
use super::{Out, is_set};
use crossbeam_channel::{Receiver, Sender, bounded};
use sawmill::{BinaryBlock, BinaryReader};
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

/// What could not be shown.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    /// One line for each thing; as many as are worth reading.
    pub(crate) told: Vec<String>,
    pub(crate) unformatted: u64,
}

impl Trouble {
    const TOLD: usize = 20;

    pub(crate) fn tell(&mut self, text: String) {
        if self.told.len() < Self::TOLD {
            self.told.push(text);
        }
    }

    pub(crate) fn is_none(&self) -> bool {
        self.told.is_empty() && self.unformatted == 0
    }

    pub(crate) fn note(&mut self, shown: super::show::Shown) {
        if self.unformatted == 0
            && let Some(why) = shown.why
        {
            self.tell(format!("a record cannot be formatted: {why}"));
        }
        self.unformatted += shown.unformatted;
        if let Some(damage) = shown.damage {
            self.tell(format!("a block does not hold together: {damage}"));
        }
    }
}

struct Task {
    number: u64,
    block: BinaryBlock,
}

/// Some lines of a block.
struct Part {
    number: u64,
    lines: Vec<u8>,
    /// With the last of them: what became of the block.
    shown: Option<super::show::Shown>,
}

/// Shows the blocks of a file that are there, one by one. Returns false if it was told to stop.
///
/// # Errors
///
/// If the lines cannot be written. A file that cannot be read is noted as trouble.
pub(crate) fn one_by_one(
    reader: &mut BinaryReader,
    shower: &mut Shower<'_>,
    out: &mut Out,
    stop: &AtomicBool,
    trouble: &mut Trouble,
) -> Result<bool, String> {
    let mut lines = Vec::new();
    while !is_set(stop) && !out.closed {
        match reader.next_block() {
            Ok(Some(block)) => trouble.note(shower.lines(&block, &mut lines, |_| {})),
            Ok(None) => return Ok(true),
            Err(error) => {
                trouble.tell(error.to_string());
                return Ok(true);
            }
        }
        out.write(&lines).map_err(|error| format!("standard output: {error}"))?;
        lines.clear();
    }
    Ok(false)
}

/// As [`one_by_one`], with the blocks decoded by several threads.
///
/// # Errors
///
/// As there.
pub(crate) fn run(
    reader: &mut BinaryReader,
    options: &ShowOptions,
    threads: usize,
    out: &mut Out,
    stop: &AtomicBool,
    trouble: &mut Trouble,
) -> Result<bool, String> {
    let (tasks, to_do) = bounded::<Task>(threads * 2);
    let (finished, done) = bounded::<Part>(threads * 4);
    // Buffers go round: fresh ones of this size cost more than what is written into them.
    let (give_back, buffers) = bounded::<Vec<u8>>(threads * 64);
    let gone = AtomicBool::new(false);
    let gone = &gone;
    let mut failed = None;
    let noted = &mut *trouble;
    let written = std::thread::scope(|scope| {
        for _ in 0..threads {
            let (to_do, finished, buffers) = (to_do.clone(), finished.clone(), buffers.clone());
            scope.spawn(move || work(options, &to_do, &finished, &buffers));
        }
        drop((to_do, finished));
        let writer = scope.spawn(move || {
            let written = write(out, &done, &give_back, gone, noted);
            // Whoever waits to hand something over must not wait for ever.
            done.iter().for_each(drop);
            written
        });
        for number in 0.. {
            if is_set(stop) || is_set(gone) {
                break;
            }
            match reader.next_block() {
                Ok(Some(block)) => {
                    if tasks.send(Task { number, block }).is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    failed = Some(error.to_string());
                    break;
                }
            }
        }
        drop(tasks);
        writer.join().unwrap_or_else(|_| Err("the writer panicked".into()))
    });
    if let Some(error) = failed {
        trouble.tell(error);
    }
    written?;
    Ok(!is_set(stop) && !is_set(gone))
}

fn work(
    options: &ShowOptions,
    to_do: &Receiver<Task>,
    finished: &Sender<Part>,
    buffers: &Receiver<Vec<u8>>,
) {
    let buffer = || {
        let mut lines = buffers.try_recv().unwrap_or_default();
        lines.clear();
        lines
    };
    let mut shower = Shower::new(options);
    for Task { number, block } in to_do {
        let mut lines = buffer();
        let mut heard = true;
        let shown = shower.lines(&block, &mut lines, |lines| {
            let lines = std::mem::replace(lines, buffer());
            heard = heard && finished.send(Part { number, lines, shown: None }).is_ok();
        });
        if !heard || finished.send(Part { number, lines, shown: Some(shown) }).is_err() {
            return;
        }
    }
}

fn write(
    out: &mut Out,
    done: &Receiver<Part>,
    give_back: &Sender<Vec<u8>>,
    gone: &AtomicBool,
    trouble: &mut Trouble,
) -> Result<(), String> {
    let mut waiting: BTreeMap<u64, VecDeque<Part>> = BTreeMap::new();
    let mut next = 0;
    for part in done {
        waiting.entry(part.number).or_default().push_back(part);
        while let Some(part) = waiting.get_mut(&next).and_then(VecDeque::pop_front) {
            let written = out.write(&part.lines);
            let _ = give_back.try_send(part.lines);
            if written.is_err() || out.closed {
                gone.store(true, Ordering::Relaxed);
                return written.map_err(|error| format!("standard output: {error}"));
            }
            if let Some(shown) = part.shown {
                trouble.note(shown);
                waiting.remove(&next);
                next += 1;
            }
        }
    }
    Ok(())
}
