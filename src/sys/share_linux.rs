//! Linux: memory shared with a file, that outlives the process.
#![allow(unsafe_code)]

use super::imp::file::{allocate, options};
use crate::sync::AtomicU64;
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::path::Path;

/// A whole file in memory, as 64-bit words.
#[derive(Debug)]
pub(crate) struct SharedMap {
    map: MmapRaw,
}

impl SharedMap {
    /// Makes a file of `words` zeroed words that the file system has room for, and maps it. Nobody
    /// but the owner may read it; a forked child does not inherit the mapping.
    ///
    /// # Errors
    ///
    /// A full file system, or as `open(2)` and `mmap(2)`.
    pub(crate) fn create(path: &Path, words: usize) -> io::Result<Self> {
        let file =
            options(0o600, false, true).read(true).write(true).create_new(true).open(path)?;
        let made = allocate(&file, 0, words as u64 * 8, false).and_then(|()| Self::map(&file));
        if made.is_err() {
            let _ = std::fs::remove_file(path);
        }
        let this = made?;
        // First-touch page faults are the real tail: take them now. Before Linux 5.14 the first
        // stores do.
        let _ = this.map.advise(Advice::PopulateWrite);
        Ok(this)
    }

    /// Maps a file that is there.
    ///
    /// # Errors
    ///
    /// As `open(2)` and `mmap(2)`; a file that is not some whole words long is invalid.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Self::map(&options(0o600, false, true).read(true).write(true).open(path)?)
    }

    fn map(file: &File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).unwrap_or(0);
        if length == 0 || length % 8 != 0 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "not some whole words long"));
        }
        let map = MmapOptions::new().len(length).map_raw(file)?;
        map.advise(Advice::DontFork)?;
        Ok(Self { map })
    }

    /// How many words there are.
    pub(crate) fn len(&self) -> usize {
        self.map.len() / 8
    }

    /// The first word, aligned to a page; valid as long as the value lives.
    pub(crate) fn start(&self) -> *mut u64 {
        self.map.as_mut_ptr().cast()
    }

    /// Words that are only ever touched by atomic accesses.
    ///
    /// # Panics
    ///
    /// If there are not so many.
    pub(crate) fn words(&self, from: usize, count: usize) -> &[AtomicU64] {
        assert!(from <= self.len() && count <= self.len() - from);
        // SAFETY: in bounds as just asserted, aligned, alive as long as `self`. Another process
        // that has the file mapped uses atomic accesses as well.
        unsafe { std::slice::from_raw_parts(self.start().add(from).cast(), count) }
    }
}
