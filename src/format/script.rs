//! Lines by call site: what a site decides of a line is written out once and copied from then on.
//!
//! Level, logger, file, line, function and the text of the message are the same for all records of
//! a call site. A [`Script`] holds them as ready text between the steps that differ.

use super::columns::{Columns, Filled, Rows};
use super::parts::Part;
use super::time::{Shown, TimeText};
use crate::callsite::Callsite;
use crate::record::{LogRecord, Names};
use crate::text::ascii::is_plain_quoted;
use crate::text::{BLOCK, Line};
use std::cell::Cell;

/// How many call sites are remembered at a time; a power of two.
const SCRIPTS: usize = 256;

/// Fewer lines than this are not worth another thread's columns.
const FEW: usize = 8;

/// Room for what cannot be written where it is to stand.
#[derive(Default)]
pub(super) struct Scratch(Cell<Vec<u8>>);

impl Scratch {
    /// Lends the room, empty.
    pub(super) fn lend<R>(&self, f: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut scratch = self.0.take();
        scratch.clear();
        let result = f(&mut scratch);
        self.0.set(scratch);
        result
    }

    /// What is written to the room, which is to be given back: for whoever has a [`Line`], which
    /// is not handed to functions.
    #[inline(never)]
    pub(super) fn written(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut scratch = self.0.take();
        scratch.clear();
        write(&mut scratch);
        scratch
    }

    pub(super) fn give_back(&self, scratch: Vec<u8>) {
        self.0.set(scratch);
    }

    /// Appends to a line what is written to the room.
    #[inline(always)]
    pub(super) fn push(&self, line: &mut Line<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        let written = self.written(write);
        line.push(&written);
        self.give_back(written);
    }
}

/// A step of a line: up to one block of text, then what differs between records.
#[derive(Debug, Clone, Copy)]
#[repr(align(64))]
pub(super) struct Step {
    text: [u8; BLOCK],
    length: usize,
    pub(super) then: Option<Part>,
}

/// How the lines of one call site are made.
#[derive(Debug)]
pub(super) struct Script {
    site: usize,
    level: i32,
    names: Cell<Names>,
    level_name: Box<str>,
    logger: Box<str>,
    /// The text up to the first step, if the time stands in it: it is the same for all records of
    /// a moment.
    pub(super) opening: Option<Shown>,
    steps: Box<[Step]>,
    carries_text: bool,
    tags: Option<u64>,
    thread: ThreadName,
    columns: OfThread,
    /// Most values of rows that were seen fit in columns.
    has_columns: bool,
}

/// The columns of lines of the thread whose line was made last.
#[derive(Debug)]
enum OfThread {
    Unknown,
    /// Its lines show what no column holds.
    None,
    Known(Box<Columns>),
}

/// The name of the thread whose line was made last, if it is plain and short and is shown.
#[derive(Debug, Default)]
struct ThreadName {
    text: [u8; BLOCK],
    length: usize,
    is_shown: bool,
}

impl Step {
    pub(super) fn text(&self) -> &[u8] {
        &self.text[..self.length]
    }

    #[inline(always)]
    pub(super) fn push_text(&self, line: &mut Line<'_>) {
        line.push_block(&self.text, self.length);
    }
}

impl Script {
    /// Whether exception or stack text may follow the line.
    #[inline(always)]
    pub(super) fn carries_text(&self) -> bool {
        self.carries_text
    }

    #[inline(always)]
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The values' words, if they have the tags that the steps expect.
    #[inline(always)]
    pub(super) fn values<'w>(&self, words: &'w [u64]) -> Option<&'w [u64]> {
        match (self.tags, words.split_first()) {
            (None, _) => Some(words),
            (Some(tags), Some((found, values))) if tags == *found => Some(values),
            _ => None,
        }
    }

    /// Goes on with lines of a record's thread.
    #[inline(always)]
    pub(super) fn set_thread(&mut self, record: &LogRecord<'_>) {
        let (name, head) = (record.head().thread.name.as_bytes(), record.head());
        let ThreadName { text, length, is_shown } = &self.thread;
        if text.get(..*length) != Some(name) || *is_shown == head.without.threads {
            self.learn_thread(name, head.without.threads);
        }
    }

    #[cold]
    #[inline(never)]
    fn learn_thread(&mut self, name: &[u8], hidden: bool) {
        let mut thread = ThreadName::default();
        if let Some(text) = thread.text.get_mut(..name.len())
            && !hidden
            && is_plain_quoted(name)
        {
            text.copy_from_slice(name);
            (thread.length, thread.is_shown) = (name.len(), true);
        }
        self.thread = thread;
        self.columns = if self.has_columns { OfThread::Unknown } else { OfThread::None };
    }

    /// Makes the values of records into text, if their lines can be made by columns and there are
    /// enough of them.
    #[inline(always)]
    pub(super) fn fill(
        &mut self,
        rows: &Rows<'_>,
        times: &[i64],
        record: &LogRecord<'_>,
        time: &TimeText,
        filled: &mut Filled,
    ) -> bool {
        if times.len() < FEW || !record.head().context.is_empty() {
            return false;
        }
        if let OfThread::Unknown = self.columns {
            self.learn_columns();
        }
        let OfThread::Known(columns) = &mut self.columns else { return false };
        // The rows have the tags of the first.
        let tags = rows.values().next().and_then(|values| values.first().copied());
        if self.tags.is_some_and(|expected| tags != Some(expected)) {
            return false;
        }
        if !columns.fill(rows, times, usize::from(self.tags.is_some()), time, filled) {
            // Neither will those to come.
            self.columns = OfThread::None;
            self.has_columns = false;
            return false;
        }
        true
    }

    #[cold]
    #[inline(never)]
    fn learn_columns(&mut self) {
        let ThreadName { text, length, is_shown } = &self.thread;
        let thread = is_shown.then_some(&text[..*length]);
        let columns = match self.carries_text {
            true => None,
            false => Columns::new(self.opening.as_ref(), &self.steps, thread),
        };
        self.columns = columns.map_or(OfThread::None, |columns| OfThread::Known(Box::new(columns)));
    }

    #[inline(always)]
    pub(super) fn columns(&mut self) -> Option<&mut Columns> {
        match &mut self.columns {
            OfThread::Known(columns) => Some(columns),
            _ => None,
        }
    }

    /// Appends the name of the thread; false if it is none that can be kept.
    #[inline(always)]
    pub(super) fn push_thread(&self, line: &mut Line<'_>) -> bool {
        line.push_block(&self.thread.text, self.thread.length);
        self.thread.is_shown
    }

    /// Whether it is the script of this site for a record with these names.
    #[inline(always)]
    fn fits(&self, site: usize, record: &LogRecord<'_>) -> bool {
        let head = record.head();
        self.site == site
            && self.level == head.level.as_i32()
            && (self.names.get().are(head.names) || self.fits_names(record))
    }

    /// As the same names may come by another number after a change of the tree.
    #[cold]
    fn fits_names(&self, record: &LogRecord<'_>) -> bool {
        let head = record.head();
        let fits = *self.logger == *head.logger && *self.level_name == *head.level_name;
        if fits {
            self.names.set(head.names);
        }
        fits
    }
}

/// Writes a [`Script`].
#[derive(Debug)]
pub(super) struct ScriptBuilder {
    steps: Vec<Step>,
    text: Vec<u8>,
}

impl ScriptBuilder {
    pub(super) fn new() -> Self {
        Self { steps: Vec::new(), text: Vec::new() }
    }

    /// The text after the last step, to be appended to.
    pub(super) fn text(&mut self) -> &mut Vec<u8> {
        &mut self.text
    }

    pub(super) fn step(&mut self, then: Part) {
        self.steps_to(Some(then));
    }

    /// Adds a step that is told how many follow of those that `more` adds.
    pub(super) fn step_before(
        &mut self,
        then: impl FnOnce(usize) -> Part,
        more: impl FnOnce(&mut Self),
    ) {
        self.steps_to(None);
        let at = self.steps.len();
        more(self);
        self.steps_to(None);
        let then = Some(then(self.steps.len() - at));
        self.steps.insert(at, Step { text: [0; BLOCK], length: 0, then });
    }

    /// Adds the text that has gathered, a block a step, and what the last of these ends with.
    fn steps_to(&mut self, mut then: Option<Part>) {
        let text = std::mem::take(&mut self.text);
        let last = text.len().div_ceil(BLOCK).max(1) - 1;
        for number in 0..=last {
            let part = &text[number * BLOCK..text.len().min((number + 1) * BLOCK)];
            let mut text = [0; BLOCK];
            text[..part.len()].copy_from_slice(part);
            let then = if number == last { then.take() } else { None };
            self.steps.push(Step { text, length: part.len(), then });
        }
    }

    /// The opening of lines that have one, and how many steps it stands for. What ends it is a
    /// step without text.
    fn take_opening(&mut self) -> Option<(Shown, usize)> {
        let time = self.steps.iter().position(|step| step.then.is_some())?;
        if !matches!(self.steps[time].then, Some(Part::Time)) {
            return None;
        }
        let text = |steps: &[Step]| -> Vec<u8> {
            steps.iter().flat_map(|step| &step.text[..step.length]).copied().collect()
        };
        let before = text(&self.steps[..=time]);
        let rest = &self.steps[time + 1..];
        let end = rest.iter().position(|step| step.then.is_some()).unwrap_or(rest.len());
        let behind = text(&rest[..rest.len().min(end + 1)]);
        let ends = self.steps.get_mut(time + 1 + end);
        let begun = time + 1 + end;
        ends.into_iter().for_each(|step| step.length = 0);
        Some((Shown::new(&before, &behind), begun))
    }

    /// Ends the script of a record's call site.
    ///
    /// `tags` are those of the values that its steps read.
    pub(super) fn finish(
        mut self,
        site: &'static Callsite,
        record: &LogRecord<'_>,
        tags: Option<u64>,
    ) -> Script {
        self.steps_to(None);
        let (opening, begun) = self.take_opening().unzip();
        if let Some(begun) = begun {
            self.steps.drain(..begun);
        }
        let head = record.head();
        Script {
            site: std::ptr::from_ref(site) as usize,
            level: head.level.as_i32(),
            names: Cell::new(head.names),
            level_name: head.level_name.into(),
            logger: head.logger.into(),
            opening,
            steps: self.steps.into(),
            carries_text: record.may_carry_text(),
            tags,
            thread: ThreadName::default(),
            columns: OfThread::Unknown,
            has_columns: true,
        }
    }
}

/// The scripts, by call site; one that another site's place falls on is replaced.
#[derive(Debug)]
pub(super) struct Scripts {
    scripts: Vec<Option<Box<Script>>>,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self { scripts: Vec::new() }
    }

    #[inline(always)]
    fn place(site: usize) -> usize {
        // Statics lie at least 64 bytes apart.
        (site >> 6 ^ site >> 14) % SCRIPTS
    }

    /// The script for a record of this call site, if it is remembered.
    #[inline(always)]
    pub(super) fn find(
        &mut self,
        site: &'static Callsite,
        record: &LogRecord<'_>,
    ) -> Option<&mut Script> {
        let site = std::ptr::from_ref(site) as usize;
        let script = self.scripts.get_mut(Self::place(site))?.as_deref_mut()?;
        script.fits(site, record).then_some(script)
    }

    pub(super) fn keep(&mut self, script: Script) {
        if self.scripts.is_empty() {
            self.scripts.resize_with(SCRIPTS, || None);
        }
        let place = Self::place(script.site);
        self.scripts[place] = Some(Box::new(script));
    }
}
