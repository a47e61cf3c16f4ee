//! Lines of call sites, made step by step.

use super::columns::{Filled, Lines, Rows};
use super::parts::Part;
use super::script::{Scratch, Script, Scripts};
use super::time::TimeText;
use crate::callsite::Callsite;
use crate::decode;
use crate::error::Error;
use crate::record::{Body, LogRecord};
use crate::text::{self, Line, Room, Sheet};
use std::cell::{RefCell, RefMut};

/// A line so far, for a step that is none of the commonest: it gets the line, and gives it back.
pub(crate) struct Begun<'r, 'w> {
    pub(super) line: Line<'r>,
    /// What is left of the values.
    pub(super) values: &'w [u64],
    /// How many steps are to be passed over.
    pub(super) passed: usize,
}

/// What is the same for all lines that differ in time and values alone.
pub(crate) struct Group<'f>(RefMut<'f, Script>);

#[cfg(test)]
impl Group<'_> {
    pub(super) fn has_columns(&mut self) -> bool {
        self.0.columns().is_some()
    }
}

/// A formatter that has scripts for the lines of some call sites.
///
/// The steps that make up nearly every line are in [`by_script`](Self::by_script); a formatter
/// adds its own, and what it does with text that cannot stand as it is.
pub(crate) trait ByScript: Sized {
    fn tools(&self) -> &Tools;

    /// Appends text if it stands as it is; else nothing.
    fn push_plain(text: &[u8], line: &mut Line<'_>) -> bool;

    /// Appends text that [`push_plain`](Self::push_plain) leaves. `None`: no script can.
    fn push_odd(&self, text: &[u8], line: &mut Line<'_>) -> Option<()>;

    /// Takes a step that only this formatter has. `None`: no script can.
    fn own_step(
        &self,
        step: &Part,
        record: &LogRecord<'_>,
        begun: &mut Begun<'_, '_>,
    ) -> Option<()>;

    /// Appends exception and stack, unless a step does.
    fn push_trailing_text(&self, _record: &LogRecord<'_>, _line: &mut Line<'_>) {}

    /// Appends any line.
    fn in_full(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error>;

    /// Writes the script of a record's call site, to be remembered.
    fn write_script(&self, site: &'static Callsite, words: &[u64], record: &LogRecord<'_>);

    /// What the lines of a record's call site and thread have in common, if there is a script.
    #[inline(always)]
    fn group(&self, site: &'static Callsite, record: &LogRecord<'_>) -> Option<Group<'_>> {
        let scripts = self.tools().scripts.borrow_mut();
        let mut script = RefMut::filter_map(scripts, |scripts| scripts.find(site, record)).ok()?;
        script.set_thread(record);
        Some(Group(script))
    }

    /// Makes the lines of records of a group, up to one that is none of those that scripts are for.
    /// Returns how many. `record` is any of them.
    #[inline(always)]
    fn take_rows<'a>(
        &self,
        group: &mut Group<'_>,
        rows: &Rows<'a>,
        times: &[i64],
        record: &mut LogRecord<'a>,
        lines: &mut impl Lines,
    ) -> usize {
        let Tools { time, filled, .. } = self.tools();
        let mut filled = filled.borrow_mut();
        let by_columns = group.0.fill(rows, times, record, time, &mut filled);
        let mut row = 0;
        let mut values = rows.values();
        let mut at = 0;
        while row < times.len() {
            if by_columns && let Some(columns) = group.0.columns() {
                let (next, goes_on) = columns.write::<Self>(rows, times, row, &filled, time, lines);
                row = next;
                if !goes_on {
                    break;
                }
            }
            let (Some(time_ns), Some(words)) = (times.get(row), values.nth(row - at)) else {
                break;
            };
            at = row + 1;
            record.go_on(*time_ns, rows.sequence + row as u64, words);
            let Some(room) = lines.room() else { break };
            let made = self.by_script(group, words, record, room);
            if !made.is_some_and(|length| lines.take(length, *time_ns)) {
                break;
            }
            row += 1;
        }
        row
    }

    /// Writes the line of a call site's record, and says how long it is. `None` if the line is none
    /// of those that scripts are for: it is very long, a value has to be neutralised, a piece
    /// cannot be filled in.
    #[inline(always)]
    fn by_script(
        &self,
        group: &mut Group<'_>,
        words: &[u64],
        record: &LogRecord<'_>,
        room: &mut Room,
    ) -> Option<usize> {
        let mut line = Line::new(room);
        if let Some(opening) = &mut group.0.opening {
            self.tools().time.push_with(opening, record.time_ns(), &mut line)?;
        }
        let length = line.length();
        self.by_steps(group, group.0.values(words)?, record, room, length)
    }

    /// The rest of a line that has some text already.
    ///
    /// The line and what is left of the values live in registers between two steps; so this is a
    /// function of its own, all that takes more than a few instructions is a call, and the line is
    /// lent to none of them but the rare.
    #[inline(never)]
    fn by_steps(
        &self,
        group: &Group<'_>,
        from: &[u64],
        record: &LogRecord<'_>,
        room: &mut Room,
        length: usize,
    ) -> Option<usize> {
        let mut values = from;
        let mut line = Line::begun(room, length);
        let mut steps = group.0.steps().iter();
        while let Some(step) = steps.next() {
            step.push_text(&mut line);
            match &step.then {
                None => continue,
                Some(Part::Unsigned) => {
                    line.push_u64(decode::word(&mut values)?);
                    continue;
                }
                Some(Part::Signed) => {
                    line.push_i64(decode::word(&mut values)? as i64);
                    continue;
                }
                Some(Part::Float) => {
                    let (first, rest) = values.split_first()?;
                    if line.push_short(f64::from_bits(*first)) {
                        values = rest;
                        continue;
                    }
                }
                Some(Part::Str) => {
                    let mut rest = values;
                    if Self::push_plain(decode::bytes(&mut rest)?, &mut line) {
                        values = rest;
                        continue;
                    }
                }
                Some(Part::ThreadName) => {
                    if group.0.push_thread(&mut line) {
                        continue;
                    }
                }
                Some(Part::Fields(_)) if record.head().context.is_empty() => continue,
                Some(Part::Rewind) => {
                    values = from;
                    continue;
                }
                Some(_) => {}
            }
            let Some(part) = &step.then else { continue };
            let begun = self.rare_step(part, record, Begun { line, values, passed: 0 })?;
            (line, values) = (begun.line, begun.values);
            if let Some(last) = begun.passed.checked_sub(1) {
                steps.nth(last)?;
            }
        }
        if group.0.carries_text() {
            self.push_trailing_text(record, &mut line);
        }
        line.finished()
    }

    /// Any step.
    #[inline(never)]
    fn rare_step<'r, 'w>(
        &self,
        step: &Part,
        record: &LogRecord<'_>,
        mut begun: Begun<'r, 'w>,
    ) -> Option<Begun<'r, 'w>> {
        let Tools { scratch, time, .. } = self.tools();
        let Begun { line, values, .. } = &mut begun;
        match step {
            Part::Float => line.push_f64(f64::from_bits(decode::word(values)?)),
            Part::Str => {
                let text = decode::bytes(values)?;
                self.push_odd(text, line)?;
            }
            Part::Plain(tag) => {
                let value = decode::value(*tag, values)?;
                let written = scratch.written(|out| text::plain(value, out));
                let pushed = self.push_text(&written, line);
                scratch.give_back(written);
                pushed?;
            }
            Part::Spec(tag, spec) => {
                let value = decode::value(*tag, values)?;
                let written = scratch.written(|out| text::with_spec(value, spec, &[], out));
                let pushed = self.push_text(&written, line);
                scratch.give_back(written);
                pushed?;
            }
            Part::Skip(tag) => drop(decode::value(*tag, values)?),
            Part::Time => time.push(record.time_ns(), line)?,
            Part::ThreadName if !record.head().without.threads => {
                self.push_text(record.head().thread.name.as_bytes(), line)?;
            }
            _ => self.own_step(step, record, &mut begun)?,
        }
        Some(begun)
    }

    /// Appends text.
    fn push_text(&self, text: &[u8], line: &mut Line<'_>) -> Option<()> {
        if Self::push_plain(text, line) { Some(()) } else { self.push_odd(text, line) }
    }

    /// Writes the line of any record by its call site's script, if it has one.
    #[inline(never)]
    fn line(&self, record: &LogRecord<'_>, room: &mut Room) -> Option<usize> {
        let (site, words) = site_of(record)?;
        self.by_script(&mut self.group(site, record)?, words, record, room)
    }

    /// Appends any line; the next of its call site has a script.
    #[inline(never)]
    fn any(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.in_full(record, out)?;
        if let Some((site, words)) = site_of(record)
            && self.tools().scripts.borrow_mut().find(site, record).is_none()
        {
            self.write_script(site, words, record);
        }
        Ok(())
    }

    #[inline]
    fn append(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let mut room = self.tools().room.borrow_mut();
        match self.line(record, &mut room) {
            Some(length) => {
                out.extend_from_slice(&room[..length]);
                Ok(())
            }
            None => self.any(record, out),
        }
    }

    #[inline]
    fn append_on(&self, record: &LogRecord<'_>, out: &mut Sheet) -> Result<(), Error> {
        match self.line(record, out.room()) {
            Some(length) => {
                out.advance(length);
                Ok(())
            }
            None => out.with_vec(|out| self.any(record, out)),
        }
    }
}

/// What a formatter with scripts needs for them.
pub(crate) struct Tools {
    pub(super) time: TimeText,
    pub(super) scratch: Scratch,
    pub(super) scripts: RefCell<Scripts>,
    filled: RefCell<Filled>,
    /// Where a line is made that is to be copied.
    room: RefCell<Box<Room>>,
}

impl Tools {
    pub(super) fn new(time: TimeText) -> Self {
        Self {
            time,
            scratch: Scratch::default(),
            scripts: RefCell::new(Scripts::new()),
            filled: RefCell::default(),
            room: RefCell::new(text::room()),
        }
    }
}

/// The call site and captured words of a record that nobody has changed.
#[inline(always)]
pub(super) fn site_of<'r>(record: &'r LogRecord<'_>) -> Option<(&'static Callsite, &'r [u64])> {
    match record.body() {
        Body::Site { site, words } if record.overlay().is_none() => Some((site, words)),
        _ => None,
    }
}
