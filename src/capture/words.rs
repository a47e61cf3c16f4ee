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
        let tail = chunks.remainder();
        if !tail.is_empty() {
            let mut word = [0; 8];
            word[..tail.len()].copy_from_slice(tail);
            self.push(u64::from_ne_bytes(word));
        }
    }

    /// Writes words as they are.
    fn copy(&mut self, words: &[u64]) {
        for word in words {
            self.push(*word);
        }
    }
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
}
