//! Blocks of a binary log in place of lines: each file begins with what its blocks refer to.

use super::*;
use crate::binary::{Header, Preamble};
use crate::handler::LastBlocks;
use crate::record::OwnedRecord;

/// What is known of a block that waits, beside where it ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) header: Header,
    /// Records in it that the handler's books know of.
    pub(crate) records: u64,
}

/// What an output of blocks keeps beside them.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) preamble: Preamble,
    /// The file that has the preamble.
    headed: u64,
    /// How long the file was when we last wrote.
    size: u64,
    /// One for each block that waits.
    marks: VecDeque<Mark>,
    /// The blocks in the open file, with their places.
    written: Vec<(u64, Header)>,
    /// The last one, with the number of the file that has it.
    latest: Option<(u64, Header)>,
    /// What is to be told of records that were shed, by the handler.
    pub(super) notice: Option<OwnedRecord>,
}

impl Blocks {
    pub(crate) fn new(preamble: Preamble) -> Self {
        let (marks, written) = (VecDeque::new(), Vec::new());
        Self { preamble, headed: 0, size: 0, marks, written, latest: None, notice: None }
    }

    pub(super) fn last(&self, file: u64) -> LastBlocks {
        let written = self.latest.filter(|(known, _)| *known == file);
        LastBlocks {
            segment: self.preamble.segment,
            written: written.map(|(_, header)| header.tag()),
            waiting: self.marks.back().map(|mark| mark.header.tag()),
        }
    }

    pub(super) fn held(&self) -> u64 {
        self.marks.iter().map(|mark| mark.records).sum()
    }

    pub(super) fn forget(&mut self) {
        self.marks.clear();
    }
}

impl Output {
    /// Makes this an output of blocks; what waits is forgotten.
    pub(crate) fn set_blocks(&mut self, blocks: Blocks) {
        self.forget_lines();
        self.blocks = Some(Box::new(blocks));
    }

    /// Takes a block: its entries of the dictionary, if it needs any that the file does not have,
    /// then itself.
    pub(crate) fn add_block(&mut self, entries: &[u8], mark: Mark, payload: &[u8]) {
        self.buffer.truncate(self.committed);
        if self.file.is_some() && self.committed == 0 {
            self.put_head();
        }
        let Some(blocks) = &mut self.blocks else { return };
        let header = Header::plain(crate::binary::Kind::Dictionary, mark.header.segment, entries);
        let mut parts = [(Mark { header, records: 0 }, entries), (mark, payload)].into_iter();
        if entries.is_empty() {
            parts.next();
        }
        for (mark, payload) in parts {
            self.buffer.extend_from_slice(&mark.header.to_bytes());
            self.buffer.extend_from_slice(payload);
            self.ends.push_back(self.buffer.len());
            blocks.marks.push_back(mark);
        }
        self.committed = self.buffer.len();
        blocks.preamble.add(entries);
    }

    /// Takes bytes that are a block already.
    pub(crate) fn add_whole_block(&mut self, block: &[u8]) {
        let Some(header) = Header::read(block) else { return };
        self.add_block(&[], Mark { header, records: 0 }, &block[crate::binary::HEADER_BYTES..]);
    }

    /// Whether a batch is full, so that another record may have to be shed.
    #[inline(always)]
    pub(crate) fn is_full(&self) -> bool {
        self.committed >= BATCH_BYTES
    }

    /// Bytes that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.committed
    }

    /// Blocks that the open file has, or is about to get.
    pub(crate) fn block_count(&self) -> u64 {
        self.blocks.as_ref().map_or(0, |blocks| blocks.written.len() + blocks.marks.len()) as u64
    }

    /// Bytes that the open file is still to get before its first block.
    pub(crate) fn head_bytes(&self) -> u64 {
        match &self.blocks {
            Some(blocks) if blocks.headed != self.files => blocks.preamble.bytes() as u64,
            _ => 0,
        }
    }

    /// The record that tells of others that were shed, if there is one to be written.
    pub(crate) fn take_notice(&mut self) -> Option<OwnedRecord> {
        self.blocks.as_mut()?.notice.take()
    }

    /// The blocks in the open file, if all are ours and follow each other.
    pub(crate) fn take_written(&mut self) -> Vec<(u64, Header)> {
        self.blocks.as_mut().map(|blocks| std::mem::take(&mut blocks.written)).unwrap_or_default()
    }

    /// Puts the preamble before what waits, if the open file does not have it: it is another one
    /// than before, or somebody emptied it.
    pub(super) fn put_head(&mut self) {
        let Self { file: Some(open), blocks: Some(blocks), .. } = self else { return };
        if blocks.headed == self.files && open.size >= blocks.size {
            return;
        }
        (blocks.headed, blocks.size) = (self.files, open.size);
        blocks.written.clear();
        let (mut head, mut ends, mut marks) = (Vec::new(), Vec::new(), Vec::new());
        blocks.preamble.write(&mut head, |header, end| {
            ends.push(end);
            marks.push(Mark { header, records: 0 });
        });
        self.ends.iter_mut().for_each(|end| *end += head.len());
        self.committed += head.len();
        for (end, mark) in ends.into_iter().zip(marks).rev() {
            self.ends.push_front(end);
            blocks.marks.push_front(mark);
        }
        self.buffer.with_vec(|buffer| drop(buffer.splice(..0, head)));
    }

    /// Notes where the blocks of the first `bytes` of what waits are; they were just written, and
    /// what stands behind them in the file is the beginning of the next.
    pub(super) fn note_blocks(&mut self, bytes: usize) {
        let Self { file: Some(open), blocks: Some(blocks), files, .. } = self else { return };
        let end = open.size - open.partial as u64;
        let mut at = end.saturating_sub(bytes as u64);
        let whole = self.ends.iter().take_while(|end| **end <= bytes).count();
        for mark in blocks.marks.drain(..whole.min(blocks.marks.len())) {
            // What another writer put between ours makes the places a guess: no index then.
            if blocks.written.last().is_some_and(|(last, header)| last + header.block_bytes() != at)
            {
                blocks.written.clear();
            }
            blocks.written.push((at, mark.header));
            blocks.latest = Some((*files, mark.header));
            at += mark.header.block_bytes();
        }
        blocks.size = open.size;
    }
}
