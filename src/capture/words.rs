//! Where the words of values are written to.

use std::mem::MaybeUninit;

/// Takes words, one after another: a frame being written, or a vector.
#[doc(hidden)]
pub trait Sink {
    /// Writes one word.
    fn push(&mut self, word: u64);

    /// Writes bytes, zero-padded to whole words.
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.push(u64::from_ne_bytes(word));
        }
        let tail = bytes.len() % 8;
        if tail != 0 {
            self.push(tail_word(bytes, tail));
        }
    }

    /// Writes words as they are.
    fn copy(&mut self, words: &[u64]) {
        for word in words {
            self.push(*word);
        }
    }
}

/// Copies whole words, as many as both have, by moves of a fixed size that overlap: a short string
/// is over before a loop, or a call of `memcpy`, has begun.
#[inline(always)]
fn copy_words(from: &[[u8; 8]], to: &mut [MaybeUninit<u64>]) {
    #[inline(always)]
    fn block<const N: usize>(from: &[[u8; 8]], to: &mut [MaybeUninit<u64>]) {
        if let (Some(from), Some(to)) = (from.first_chunk::<N>(), to.first_chunk_mut::<N>()) {
            // All are read before the first is written, so that they can go in wider moves.
            let words = from.map(u64::from_ne_bytes);
            for (word, to) in words.into_iter().zip(to) {
                to.write(word);
            }
        }
    }
    let count = to.len().min(from.len());
    if count >= 4 {
        let last = count - 4;
        let mut at = 0;
        while at < last {
            block::<4>(&from[at..], &mut to[at..]);
            at += 4;
        }
        block::<4>(&from[last..], &mut to[last..]);
    } else if count >= 2 {
        block::<2>(from, to);
        block::<1>(&from[count - 1..], &mut to[count - 1..]);
    } else {
        block::<1>(from, to);
    }
}

/// The last `tail` bytes, fewer than a word and more than none, with zeros behind them.
///
/// By moves of a fixed size: bytes gathered in memory and read back as a word hold the processor
/// up until they have arrived there.
#[inline(always)]
fn tail_word(bytes: &[u8], tail: usize) -> u64 {
    if bytes.len() < 8 {
        return short(bytes).to_le();
    }
    let mut last = [0; 8];
    last.copy_from_slice(&bytes[bytes.len() - 8..]);
    (u64::from_le_bytes(last) >> (64 - 8 * tail)).to_le()
}

/// One to seven bytes as a number, the first the lowest.
#[inline(always)]
fn short(bytes: &[u8]) -> u64 {
    let length = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return u64::from(first) | u64::from(last) << (8 * (length - 4));
    }
    // Up to three: each is the first, the middle or the last.
    let at = |place: usize| u64::from(bytes[place]) << (8 * place);
    at(0) | at(length / 2) | at(length - 1)
}

impl Sink for Vec<u64> {
    fn push(&mut self, word: u64) {
        Vec::push(self, word);
    }
}

/// Writes words one after another into space that is not initialised yet.
///
/// Invariant: the cursor moves only over words that it has written, so whoever made it from a
/// slice may take every word before `remaining` as initialised. The lane's
/// commit relies on that.
#[derive(Debug)]
pub struct Words<'a> {
    rest: &'a mut [MaybeUninit<u64>],
}

impl<'a> Words<'a> {
    pub(crate) fn new(space: &'a mut [MaybeUninit<u64>]) -> Self {
        Self { rest: space }
    }

    /// How many words are still unwritten.
    #[inline(always)]
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// Fills what is left with zeros, so that the whole space counts as written.
    #[inline(always)]
    pub(crate) fn finish(&mut self) {
        while self.remaining() != 0 {
            self.push(0);
        }
    }
}

impl Sink for Words<'_> {
    /// Writes one word. Does nothing if the space is full: a wrong size estimate shows as a frame
    /// that the decoder refuses, never as a memory error.
    #[inline(always)]
    fn push(&mut self, word: u64) {
        if let Some((first, rest)) = std::mem::take(&mut self.rest).split_first_mut() {
            first.write(word);
            self.rest = rest;
        }
    }

    /// As [`push`](Self::push), once for all words.
    #[inline(always)]
    fn bytes(&mut self, bytes: &[u8]) {
        let (whole, tail) = bytes.as_chunks();
        if whole.len() > self.remaining() {
            return;
        }
        let (space, rest) = std::mem::take(&mut self.rest).split_at_mut(whole.len());
        copy_words(whole, space);
        self.rest = rest;
        if !tail.is_empty() {
            self.push(tail_word(bytes, tail.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_every_length_are_padded_with_zeros() {
        let all: Vec<u8> = (1..=70).collect();
        for length in 0..all.len() {
            for from in 0..all.len() - length {
                let bytes = &all[from..from + length];
                let mut words = Vec::new();
                words.bytes(bytes);
                let written: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
                assert_eq!(words.len(), length.div_ceil(8));
                assert_eq!(&written[..length], bytes);
                assert!(written[length..].iter().all(|byte| *byte == 0), "{length}");
            }
        }
    }
}
