//! Blocks of binary logs compressed by a thread of the handler's own, in their order.

use super::output::Mark;
use crate::binary::zip;
use crate::error::{Error, ErrorKind};
use crate::sync::thread;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::panic::catch_unwind;

/// Blocks on their way at most; another one waits until the first of them is done.
const MOST_BLOCKS: usize = 16;

/// A block: what stands before it, its header, its payload.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) entries: Vec<u8>,
    pub(super) mark: Mark,
    pub(super) payload: Vec<u8>,
}

/// Compresses blocks. The thread starts with the first of them.
#[derive(Debug)]
pub(super) struct Squeeze {
    level: i32,
    running: Option<Running>,
    /// Of the blocks on their way: how many, their records, their bytes before.
    blocks: usize,
    records: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Running {
    to_do: Sender<Block>,
    done: Receiver<Block>,
    thread: thread::JoinHandle<()>,
}

impl Squeeze {
    /// Checks that this build can do it.
    pub(super) fn new(level: i32) -> Result<Self, Error> {
        if !cfg!(feature = "zstd") {
            let text = "compress_blocks: needs the cargo feature \"zstd\"";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if !(1..=19).contains(&level) {
            let text = format!("compress_blocks: {level} is none of zstd's levels 1 to 19");
            return Err(Error::invalid(text));
        }
        Ok(Self { level, running: None, blocks: 0, records: 0, bytes: 0 })
    }

    /// Records of blocks on their way.
    pub(super) fn records(&self) -> u64 {
        self.records
    }

    /// More bytes than the blocks on their way will take.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether one more would have to wait.
    pub(super) fn is_full(&self) -> bool {
        self.blocks >= MOST_BLOCKS
    }

    /// Takes a block. Where no thread can be had it comes back as it is.
    pub(super) fn give(&mut self, block: Block) -> Result<(), Block> {
        let (records, bytes) = (block.mark.records, block_bytes(&block));
        if self.running.is_none() {
            match start(self.level) {
                Some(running) => self.running = Some(running),
                None => return Err(block),
            }
        }
        let Some(running) = &self.running else { return Err(block) };
        // There is room: whoever gives has taken what was too much.
        running.to_do.send(block).map_err(|refused| refused.into_inner())?;
        (self.blocks, self.records) = (self.blocks + 1, self.records + records);
        self.bytes += bytes;
        Ok(())
    }

    /// The next block in its order: if it is done, or with `wait` when it is.
    pub(super) fn next(&mut self, wait: bool) -> Option<Block> {
        if self.blocks == 0 {
            return None;
        }
        let done = &self.running.as_ref()?.done;
        let block = if wait { done.recv().ok() } else { done.try_recv().ok() }?;
        self.blocks -= 1;
        self.records -= block.mark.records;
        self.bytes = if self.blocks == 0 { 0 } else { self.bytes.saturating_sub(taken(&block)) };
        Some(block)
    }

    /// Begins anew in a forked child, which has no such thread.
    pub(super) fn begin_in_child(&mut self) {
        std::mem::forget(self.running.take());
        (self.blocks, self.records, self.bytes) = (0, 0, 0);
    }
}

impl Drop for Squeeze {
    fn drop(&mut self) {
        if let Some(Running { to_do, done, thread }) = self.running.take() {
            drop((to_do, done));
            let _ = thread.join();
        }
    }
}

fn block_bytes(block: &Block) -> u64 {
    let headers = 2 * crate::binary::HEADER_BYTES;
    (block.entries.len() + block.payload.len() + headers) as u64
}

/// What a block that comes back was counted with.
fn taken(block: &Block) -> u64 {
    block_bytes(block) - block.payload.len() as u64 + u64::from(block.mark.header.raw)
}

fn start(level: i32) -> Option<Running> {
    let (to_do, jobs) = bounded::<Block>(MOST_BLOCKS);
    let (finished, done) = bounded(MOST_BLOCKS);
    let work = move || {
        for mut block in jobs {
            // Whatever happens there, the block comes back.
            let zipped = catch_unwind(|| zip(block.mark.header, &block.payload, level));
            if let Ok(Some((header, payload))) = zipped {
                (block.mark.header, block.payload) = (header, payload);
            }
            if finished.send(block).is_err() {
                return;
            }
        }
    };
    let thread = thread::Builder::new().name("sawmill-zstd".into()).spawn(work).ok()?;
    Some(Running { to_do, done, thread })
}
