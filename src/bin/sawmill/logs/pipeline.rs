//! Blocks decoded side by side, lines written in order.

use super::show::{ShowOptions, Shower};
use super::{Out, is_set};
use crossbeam_channel::{Receiver, Sender, bounded};
use sawmill::{BinaryBlock, BinaryReader};
use std::collections::BTreeMap;
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

struct Done {
    number: u64,
    lines: Vec<u8>,
    shown: super::show::Shown,
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
            Ok(Some(block)) => trouble.note(shower.lines(&block, &mut lines)),
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
    let (finished, done) = bounded::<Done>(threads * 2);
    // Buffers go round: fresh ones of this size cost more than what is written into them.
    let (give_back, buffers) = bounded::<Vec<u8>>(threads * 4 + 2);
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
    finished: &Sender<Done>,
    buffers: &Receiver<Vec<u8>>,
) {
    let mut shower = Shower::new(options);
    for Task { number, block } in to_do {
        let mut lines = buffers.try_recv().unwrap_or_default();
        lines.clear();
        let shown = shower.lines(&block, &mut lines);
        if finished.send(Done { number, lines, shown }).is_err() {
            return;
        }
    }
}

fn write(
    out: &mut Out,
    done: &Receiver<Done>,
    give_back: &Sender<Vec<u8>>,
    gone: &AtomicBool,
    trouble: &mut Trouble,
) -> Result<(), String> {
    let mut waiting = BTreeMap::new();
    let mut next = 0;
    for one in done {
        waiting.insert(one.number, (one.lines, one.shown));
        while let Some((lines, shown)) = waiting.remove(&next) {
            next += 1;
            trouble.note(shown);
            let written = out.write(&lines);
            let _ = give_back.try_send(lines);
            if written.is_err() || out.closed {
                gone.store(true, Ordering::Relaxed);
                return written.map_err(|error| format!("standard output: {error}"));
            }
        }
    }
    Ok(())
}
