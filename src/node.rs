//! A logger as the call path sees it: a name, a number and a threshold word.

use crate::callsite::Threshold;
use crate::sync::{Arc, AtomicI32, AtomicU64, Ordering};

/// One logger's node. Lives as long as its runtime; what is configured about it lives in the tree.
#[derive(Debug)]
pub(crate) struct Node {
    /// What lets calls through: to handlers, or to the flight recorder.
    word: AtomicU64,
    /// The least level that goes to handlers: Python's `isEnabledFor`.
    enabled: AtomicI32,
    number: u32,
    name: Arc<str>,
}

impl Node {
    pub(crate) fn new(number: u32, name: Arc<str>, word: Threshold, enabled: i32) -> Arc<Self> {
        let (word, enabled) = (AtomicU64::new(word.0), AtomicI32::new(enabled));
        Arc::new(Self { word, enabled, number, name })
    }

    /// The number by which frames name the logger; the root's is 0.
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    pub(crate) fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The threshold word: one relaxed load.
    #[inline(always)]
    pub(crate) fn word(&self) -> Threshold {
        Threshold(self.word.load(Ordering::Relaxed))
    }

    /// Whether a record at this level goes to handlers, whatever a flight recorder wants: one
    /// relaxed load.
    #[inline(always)]
    pub(crate) fn is_enabled_for(&self, level: i32) -> bool {
        let enabled = self.enabled.load(Ordering::Relaxed);
        level >= enabled && enabled != i32::MAX
    }

    pub(crate) fn set_levels(&self, word: Threshold, enabled: i32) {
        self.enabled.store(enabled, Ordering::Relaxed);
        self.set_word(word);
    }

    pub(crate) fn set_word(&self, word: Threshold) {
        // Relaxed, although frames carry the generation to the drain: that takes a generation it
        // does not know from under the queue's mutex. Model: `a_frame_finds_its_generation`.
        self.word.store(word.0, Ordering::Relaxed);
    }
}
