//! Text rendered on the caller, before space is reserved.

use super::{Kept, Str, put_nested};
use crate::sync::{AtomicU64, Ordering};
use crate::value::tag;
use std::cell::Cell;
use std::error::Error;
use std::fmt::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    /// The thread's scratch, taken for the time of a call and put back: a `Display` that logs
    /// finds it gone and takes a fresh one.
    static SPARE: Cell<Option<Box<Space>>> = const { Cell::new(None) };
}

/// How often a caller's code panicked while an argument was taken, in the whole process.
static PANICS: AtomicU64 = AtomicU64::new(0);

/// A scratch above this size is not kept: one huge message must not hold memory for ever.
const KEPT_BYTES: usize = 64 * 1024;

/// The longest chain of causes that is recorded; one that is its own source must not hang a call.
const MOST_CAUSES: u64 = 64;

/// What stands in a message where an argument's formatting panicked.
const PANICKED: &str = "<panicked while formatting>";

/// Text and words that one call's arguments became.
#[derive(Debug, Default)]
struct Space {
    text: String,
    words: Vec<u64>,
}

/// Where arguments render into, one after another.
///
/// Costs nothing until the first rendering, and then one take and one put of a thread-local; a call
/// whose arguments all travel raw compiles to no trace of it. Allocates only while it grows.
#[derive(Debug, Default)]
#[doc(hidden)]
pub struct Scratch {
    space: Option<Box<Space>>,
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
        Self { space: None }
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
        let text = &mut self.space().text;
        let start = text.len();
        let writer = &mut *text;
        match guarded(move || write(writer)) {
            Some(Ok(())) => {}
            Some(Err(fmt::Error)) => text.push_str("<error while formatting>"),
            None => text.push_str(PANICKED),
        }
        Rendered { start, end: text.len() }
    }

    /// This call's space: the thread's spare one, if no call further out holds it.
    fn space(&mut self) -> &mut Space {
        self.space.get_or_insert_with(|| {
            let mut space = SPARE.try_with(Cell::take).ok().flatten().unwrap_or_default();
            space.text.clear();
            space.words.clear();
            space
        })
    }

    /// Renders an error and its sources, and keeps them as the payload of an error value.
    pub(crate) fn chain<'e>(
        &mut self,
        error: &dyn fmt::Display,
        source: impl FnOnce() -> Option<&'e (dyn Error + 'static)>,
    ) -> Kept<{ tag::ERROR }> {
        self.chain_from(error, guarded(source).flatten())
    }

    #[inline(never)]
    fn chain_from(
        &mut self,
        error: &dyn fmt::Display,
        mut source: Option<&(dyn Error + 'static)>,
    ) -> Kept<{ tag::ERROR }> {
        let words = &mut self.space().words;
        let start = words.len();
        words.push(0);
        self.push_part(error);
        let mut count = 1;
        while let Some(cause) = source
            && count < MOST_CAUSES
        {
            self.push_part(cause);
            count += 1;
            source = guarded(|| cause.source()).flatten();
        }
        let words = &mut self.space().words;
        words[start] = count | ((words.len() - start - 1) as u64) << 32;
        Kept { part: (start, words.len()) }
    }

    fn push_part(&mut self, part: &dyn fmt::Display) {
        let part = self.render(format_args!("{part}"));
        let Space { text, words } = self.space();
        put_nested(Str(text.get(part.start..part.end).unwrap_or_default()), words);
        text.truncate(part.start);
    }

    /// The text of a rendering.
    #[inline]
    pub(crate) fn text(&self, part: Rendered) -> &str {
        let text = self.space.as_ref().and_then(|space| space.text.get(part.start..part.end));
        text.unwrap_or_default()
    }

    /// Keeps words that were encoded beforehand, because their number is known only afterwards.
    #[cfg(feature = "serde")]
    pub(crate) fn keep(&mut self, encode: impl FnOnce(&mut Vec<u64>)) -> (usize, usize) {
        let words = &mut self.space().words;
        let start = words.len();
        encode(words);
        (start, words.len())
    }

    pub(crate) fn kept(&self, part: (usize, usize)) -> &[u64] {
        let words = self.space.as_ref().and_then(|space| space.words.get(part.0..part.1));
        words.unwrap_or_default()
    }
}

impl Drop for Scratch {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(space) = self.space.take() {
            give_back(space);
        }
    }
}

#[inline(never)]
fn give_back(space: Box<Space>) {
    if space.text.capacity() + space.words.capacity() * 8 <= KEPT_BYTES {
        let _ = SPARE.try_with(|spare| spare.set(Some(space)));
    }
}

/// Runs a caller's code; counts a panic in it and returns `None`.
pub(crate) fn guarded<R>(run: impl FnOnce() -> R) -> Option<R> {
    let done = catch_unwind(AssertUnwindSafe(run)).ok();
    if done.is_none() {
        PANICS.fetch_add(1, Ordering::Relaxed);
    }
    done
}

/// How often the formatting of an argument panicked, in the whole process.
pub(crate) fn panics() -> u64 {
    PANICS.load(Ordering::Relaxed)
}
