//! Lines of many records of one call site and thread at once.
//!
//! All text of such lines is the same but for the digits of time and values. So the values are made
//! into text first, a column of them after the other; then each line is a few moves that wait for
//! nothing but the length of what stands before them.

use super::by_script::ByScript;
use super::parts::Part;
use super::script::Step;
use super::time::{Shown, TimeText};
use crate::decode;
use crate::sys::{Loops, vectorized};
use crate::text::{self, BLOCK, Cells, Line, Long, ROWS, Room, Shorts, Span};
use crate::value::Spec;
use std::marker::PhantomData;

/// Records that differ in their times and values alone, each a row; `ROWS` at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    /// What they were captured as, one behind the other.
    pub(crate) frames: &'a [u64],
    /// How many words each has, and how many of them stand before its values and their tags.
    pub(crate) words: usize,
    pub(crate) before: usize,
    /// The number of the first in its lane.
    pub(crate) sequence: u64,
}

impl<'a> Rows<'a> {
    /// The values of each, their tags before them.
    #[inline(always)]
    pub(super) fn values(&self) -> impl Iterator<Item = &'a [u64]> + use<'a> {
        let before = self.before;
        let frames = self.frames.chunks_exact(self.words);
        frames.map(move |frame| frame.get(before..).unwrap_or_default())
    }
}

/// The values of rows that are still to come.
struct Values<'r, 'a> {
    rows: &'r Rows<'a>,
    /// At which word they are in all rows, as long as none is longer in one than in another.
    at: Option<usize>,
    /// Else what is left of each.
    rest: [&'a [u64]; ROWS],
    /// Rows that are damaged, or have a value that does not fit in its cell, by bits.
    odd: u64,
}

impl<'a> Values<'_, 'a> {
    /// The next word of each.
    #[inline(always)]
    fn words(&mut self) -> [u64; ROWS] {
        let mut words = [0; ROWS];
        match &mut self.at {
            Some(at) => {
                for (word, values) in words.iter_mut().zip(self.rows.values()) {
                    *word = values.get(*at).copied().unwrap_or(0);
                }
                *at += 1;
                if self.rows.before + *at > self.rows.words {
                    self.odd = u64::MAX;
                }
            }
            None => {
                for (row, (word, rest)) in words.iter_mut().zip(&mut self.rest).enumerate() {
                    let next = decode::word(rest);
                    self.odd |= u64::from(next.is_none()) << row;
                    *word = next.unwrap_or(0);
                }
            }
        }
        words
    }

    /// Reads the next value of each, of any length. `read` says nothing where it cannot.
    fn each(&mut self, mut read: impl FnMut(usize, &mut &'a [u64]) -> Option<()>) {
        if let Some(at) = self.at.take() {
            for (rest, values) in self.rest.iter_mut().zip(self.rows.values()) {
                *rest = values.get(at..).unwrap_or_default();
            }
        }
        for (row, rest) in self.rest.iter_mut().enumerate() {
            self.odd |= u64::from(read(row, rest).is_none()) << row;
        }
    }
}

/// Where lines go.
pub(crate) trait Lines {
    /// Where the next line may be made; nowhere if no further line is taken.
    fn room(&mut self) -> Option<&mut Room>;

    /// Takes a line of so many bytes that was made there, of a record with this time. False: it
    /// did not.
    fn take(&mut self, length: usize, time_ns: i64) -> bool;
}

/// Values as text, by column.
#[derive(Debug, Default)]
pub(super) struct Filled {
    columns: Vec<Cells>,
    /// Rows whose lines cannot be made of these, by bits.
    odd: u64,
    scratch: Vec<u8>,
    micros: Shorts,
    /// Where the microseconds stand, if they are all that differs between the times.
    micros_at: Option<usize>,
}

/// A value, by what it is shown as.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Unsigned,
    Signed,
    Float,
    JsonFloat,
    Str,
    /// Of another kind, with this tag.
    Plain(u8),
    Spec(u8, &'static Spec),
}

/// A value's place among the values.
#[derive(Debug, Default)]
struct Place {
    /// The values come anew.
    rewinds: bool,
    /// Tags of those that are passed over.
    skips: Vec<u8>,
    /// None: there is only more text.
    kind: Option<Kind>,
}

/// The text behind a value, up to the next: a block at most.
#[derive(Debug)]
struct Behind {
    text: [u8; BLOCK],
    length: usize,
}

/// How all lines of a call site and thread are made.
#[derive(Debug)]
pub(super) struct Columns {
    opening: Shown,
    places: Vec<Place>,
    behind: Vec<Behind>,
}

/// Text, with values between.
struct Texts {
    /// What stands before the time, once that has come.
    before: Option<Vec<u8>>,
    /// What stands behind it, and behind each value.
    parts: Vec<(Place, Vec<u8>)>,
}

impl Texts {
    fn push(&mut self, text: &[u8]) {
        if let Some((_, last)) = self.parts.last_mut() {
            last.extend_from_slice(text);
        }
    }

    /// The time comes here. `None`: it did before, or a value did.
    fn push_time(&mut self) -> Option<()> {
        match (&self.before, &mut *self.parts) {
            (None, [(_, text)]) => self.before = Some(std::mem::take(text)),
            _ => return None,
        }
        Some(())
    }
}

impl Columns {
    /// From the steps of a script, if they show nothing but the time, the thread, and the values of
    /// a message or fields. `thread` is its name as it is to stand there; the lines have no context.
    pub(super) fn new(
        opening: Option<&Shown>,
        steps: &[Step],
        thread: Option<&[u8]>,
    ) -> Option<Self> {
        let mut texts = Texts { before: None, parts: vec![Default::default()] };
        if let Some((before, behind)) = opening.map(Shown::around) {
            texts.push(before);
            texts.push_time()?;
            texts.push(behind);
        }
        let mut place = Place::default();
        for step in steps {
            texts.push(step.text());
            let kind = match step.then {
                None | Some(Part::Fields(_)) => continue,
                Some(Part::Time) => {
                    texts.push_time()?;
                    continue;
                }
                Some(Part::ThreadName) => {
                    texts.push(thread?);
                    continue;
                }
                Some(Part::Rewind) => {
                    place = Place { rewinds: true, ..Place::default() };
                    continue;
                }
                Some(Part::Skip(tag)) => {
                    place.skips.push(tag);
                    continue;
                }
                Some(Part::Unsigned) => Kind::Unsigned,
                Some(Part::Signed) => Kind::Signed,
                Some(Part::Float) => Kind::Float,
                Some(Part::JsonFloat) => Kind::JsonFloat,
                Some(Part::Str) => Kind::Str,
                Some(Part::Plain(tag)) => Kind::Plain(tag),
                Some(Part::Spec(tag, spec)) => Kind::Spec(tag, spec),
                Some(Part::Piece(_) | Part::Json(_) | Part::TrailingText) => return None,
            };
            let place = Place { kind: Some(kind), ..std::mem::take(&mut place) };
            texts.parts.push((place, Vec::new()));
        }
        let mut parts = texts.parts.into_iter();
        let (_, first) = parts.next()?;
        let opening = match texts.before {
            Some(before) => Shown::new(&before, &first),
            None => Shown::still(&first),
        };
        let (mut places, mut behind) = (Vec::new(), Vec::new());
        for (mut place, text) in parts {
            let blocks = text.chunks(BLOCK).chain(text.is_empty().then_some(&[][..]));
            for (at, part) in blocks.enumerate() {
                let mut text = [0; BLOCK];
                text[..part.len()].copy_from_slice(part);
                behind.push(Behind { text, length: part.len() });
                places.push(if at == 0 { std::mem::take(&mut place) } else { Place::default() });
            }
        }
        Some(Self { opening, places, behind })
    }

    /// Makes times and values of these rows into text. There are so many tag words before them.
    /// False if most of them do not fit.
    pub(super) fn fill(
        &mut self,
        rows: &Rows<'_>,
        times: &[i64],
        tag_words: usize,
        time: &TimeText,
        filled: &mut Filled,
    ) -> bool {
        filled.micros_at = time.micros(&mut self.opening, times, &mut filled.micros);
        let columns = filled.columns.len().max(self.places.len());
        filled.columns.resize_with(columns, Cells::default);
        let Filled { columns, odd, scratch, .. } = filled;
        let mut values = Values { rows, at: Some(tag_words), rest: [&[]; ROWS], odd: 0 };
        for (place, column) in self.places.iter().zip(columns) {
            if place.rewinds {
                values.at = Some(tag_words);
            }
            for tag in &place.skips {
                values.each(|_, rest| decode::value(*tag, rest).map(drop));
            }
            let count = times.len();
            match place.kind {
                None => column.clear(),
                Some(Kind::Unsigned) => column.set_u64(&values.words(), count),
                Some(Kind::Signed) => column.set_i64(&values.words(), count),
                Some(Kind::Float) => values.odd |= column.set_f64(&values.words(), count),
                Some(Kind::JsonFloat) => values.odd |= column.set_json(&values.words(), count),
                Some(Kind::Str) => {
                    let spans = column.spans();
                    values.each(|row, rest| {
                        // Behind the length.
                        let start = 8 * (rows.words * (row + 1) + 1 - rest.len());
                        spans[row] = Span { start, length: decode::bytes(rest)?.len() };
                        Some(())
                    });
                }
                Some(Kind::Plain(tag)) => {
                    let cells = column.any();
                    values.each(|row, rest| {
                        scratch.clear();
                        text::plain(decode::value(tag, rest)?, scratch);
                        cells[row].set(scratch)
                    });
                }
                Some(Kind::Spec(tag, spec)) => {
                    let cells = column.any();
                    values.each(|row, rest| {
                        scratch.clear();
                        text::with_spec(decode::value(tag, rest)?, spec, &[], scratch);
                        cells[row].set(scratch)
                    });
                }
            }
        }
        let first = u64::MAX >> (ROWS - times.len().min(ROWS)).min(ROWS - 1);
        *odd = values.odd & first;
        2 * odd.count_ones() as usize <= times.len()
    }

    /// Makes lines of the rows from `row` on, up to one that is none of those that can be made so.
    /// Returns that row, and whether further lines are taken.
    pub(super) fn write<F: ByScript>(
        &mut self,
        rows: &Rows<'_>,
        times: &[i64],
        row: usize,
        filled: &Filled,
        time: &TimeText,
        lines: &mut impl Lines,
    ) -> (usize, bool) {
        let bytes = bytemuck::cast_slice(rows.frames);
        let format = PhantomData::<F>;
        vectorized(Write { columns: self, bytes, times, row, filled, time, lines, format })
    }
}

/// The moves that make lines.
struct Write<'a, L, F> {
    columns: &'a mut Columns,
    /// What the records were captured as.
    bytes: &'a [u8],
    times: &'a [i64],
    row: usize,
    filled: &'a Filled,
    time: &'a TimeText,
    lines: &'a mut L,
    format: PhantomData<F>,
}

impl<L: Lines, F: ByScript> Loops for Write<'_, L, F> {
    type Output = (usize, bool);

    #[inline(always)]
    fn run(self) -> (usize, bool) {
        let Self { columns: Columns { opening, behind, .. }, bytes, times, .. } = self;
        let Self { filled, time, lines, .. } = self;
        let columns = filled.columns.get(..behind.len()).unwrap_or_default();
        let mut row = self.row;
        while let Some(time_ns) = times.get(row)
            && filled.odd >> (row % ROWS) & 1 == 0
        {
            let Some(room) = lines.room() else { return (row, false) };
            let mut line = Line::new(room);
            match filled.micros_at {
                Some(at) => opening.push_with(at, filled.micros.at(row).0, &mut line),
                None if time.push_with(opening, *time_ns, &mut line).is_some() => {}
                None => break,
            }
            for (column, Behind { text, length }) in columns.iter().zip(&*behind) {
                if !line.push_shorts(column, row) {
                    let pushed = match column.long(row) {
                        Long::Plain(text, length) => {
                            line.push_block(text, length);
                            true
                        }
                        Long::Any(text) => F::push_plain(text, &mut line),
                        Long::Span(Span { start, length }) => {
                            let text = bytes.get(start..start + length);
                            F::push_plain(text.unwrap_or_default(), &mut line)
                        }
                    };
                    if !pushed {
                        return (row, true);
                    }
                }
                line.push_block(text, *length);
            }
            let Some(length) = line.finished() else { break };
            if !lines.take(length, *time_ns) {
                return (row, false);
            }
            row += 1;
        }
        (row, true)
    }
}

#[cfg(test)]
mod tests;
