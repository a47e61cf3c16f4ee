//! Text rendered on the caller, before space is reserved.

use std::cell::Cell;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The thread's scratch, taken for the time of a call and put back: a `Display` that logs
    /// finds it gone and takes a fresh one.
    static SPARE: Cell<Option<String>> = const { Cell::new(None) };
    /// `Display` or `Debug` implementations of arguments that panicked on this thread.
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// A scratch above this size is not kept: one huge message must not hold memory for ever.
const KEPT_BYTES: usize = 64 * 1024;

/// What stands in a message where an argument's formatting panicked.
const PANICKED: &str = "<panicked while formatting>";

/// Text that arguments render into, one after another.
///
/// Costs nothing until the first rendering; then one take and one put of a thread-local. Allocates
/// only while it grows.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Scratch {
    text: String,
    words: Vec<u64>,
}

/// Where a rendered argument lies in the scratch.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Rendered {
    start: usize,
    end: usize,
}

impl Scratch {
    /// Makes a scratch that has not taken the thread's text yet.
    #[inline(always)]
    pub const fn new() -> Self {
        Self { text: String::new(), words: Vec::new() }
    }

    /// Renders `arguments` at the end of the text.
    #[inline(never)]
    pub fn render(&mut self, arguments: fmt::Arguments<'_>) -> Rendered {
        self.render_with(|out| out.write_fmt(arguments))
    }

    /// Renders what `write` writes. A panic or an error in it becomes a marker in the text; a
    /// panic is counted.
    pub(crate) fn render_with(
        &mut self,
        write: impl FnOnce(&mut String) -> fmt::Result,
    ) -> Rendered {
        if self.text.capacity() == 0 {
            self.text = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
            self.text.clear();
        }
        let start = self.text.len();
        let text = &mut self.text;
        match catch_unwind(AssertUnwindSafe(move || write(text))) {
            Ok(Ok(())) => {}
            Ok(Err(fmt::Error)) => self.text.push_str("<error while formatting>"),
            Err(_) => {
                let _ = PANICS.try_with(|count| count.set(count.get() + 1));
                self.text.push_str(PANICKED);
            }
        }
        Rendered { start, end: self.text.len() }
    }

    /// The text of a rendering.
    #[inline]
    pub(crate) fn text(&self, part: Rendered) -> &str {
        self.text.get(part.start..part.end).unwrap_or_default()
    }

    /// Keeps words that were encoded beforehand, because their number is known only afterwards.
    pub(crate) fn keep(&mut self, encode: impl FnOnce(&mut Vec<u64>)) -> (usize, usize) {
        let start = self.words.len();
        encode(&mut self.words);
        (start, self.words.len())
    }

    pub(crate) fn kept(&self, part: (usize, usize)) -> &[u64] {
        self.words.get(part.0..part.1).unwrap_or_default()
    }
}

impl Drop for Scratch {
    #[inline]
    fn drop(&mut self) {
        if self.text.capacity() != 0 && self.text.capacity() <= KEPT_BYTES {
            let text = std::mem::take(&mut self.text);
            let _ = SPARE.try_with(|spare| spare.set(Some(text)));
        }
    }
}

/// Takes and resets the number of arguments on this thread whose formatting panicked.
pub(crate) fn take_panics() -> u64 {
    PANICS.try_with(Cell::take).unwrap_or(0)
}
