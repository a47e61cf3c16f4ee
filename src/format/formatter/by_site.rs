//! Lines of call sites, by their scripts.

use super::Formatter;
use crate::callsite::Callsite;
use crate::decode;
use crate::format::attribute::Attribute;
use crate::format::pattern::{Key, Piece};
use crate::format::script::ScriptBuilder;
use crate::format::{neutral, push_trailing_text};
use crate::record::LogRecord;
use crate::text::Line;
use crate::value::{Piece as MessagePiece, Spec, tag};

/// What differs between the lines of a call site.
#[derive(Debug, Clone, Copy)]
pub(super) enum Part {
    /// The message's next value, of one of the commonest kinds.
    Unsigned,
    Signed,
    Float,
    Str,
    /// The next value, with this tag.
    Value(u8),
    /// The same, with a format spec.
    Spec(u8, &'static Spec),
    Time,
    ThreadName,
    /// All fields, of a call site that has none itself.
    Context,
    /// Any other piece of the pattern.
    Piece(usize),
}

impl Part {
    fn of(tag: u8) -> Self {
        match tag {
            tag::U64 | tag::COUNT => Self::Unsigned,
            tag::I8 | tag::I16 | tag::I32 | tag::I64 => Self::Signed,
            tag::F64 => Self::Float,
            tag::STR | tag::TEXT => Self::Str,
            tag => Self::Value(tag),
        }
    }
}

impl Formatter {
    /// Appends the line of a call site's record by its script. `None`, and nothing appended, if
    /// there is no script, or the line is none of those that scripts are for: it is very long, a
    /// value has to be neutralised, a piece cannot be filled in.
    #[inline]
    pub(super) fn by_script(
        &self,
        site: &'static Callsite,
        words: &[u64],
        record: &LogRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Option<()> {
        let scripts = self.scripts.borrow();
        let script = scripts.find(site, record)?;
        let mut values = script.values(words)?;
        let mut room = self.room.borrow_mut();
        let mut line = Line::new(&mut room);
        for step in script.steps() {
            step.push_text(&mut line);
            match &step.then {
                None => {}
                Some(Part::Unsigned) => line.push_u64(decode::word(&mut values)?),
                Some(Part::Signed) => line.push_i64(decode::word(&mut values)? as i64),
                Some(Part::Float) => line.push_f64(f64::from_bits(decode::word(&mut values)?)),
                Some(Part::Str) => self.push_clean(decode::bytes(&mut values)?, &mut line)?,
                Some(Part::Value(tag)) => {
                    let value = decode::value(*tag, &mut values)?;
                    let scratch = self.scratched(|scratch| crate::text::plain(value, scratch));
                    let pushed = self.push_clean(&scratch, &mut line);
                    self.scratch.set(scratch);
                    pushed?;
                }
                Some(Part::Spec(tag, spec)) => {
                    let value = decode::value(*tag, &mut values)?;
                    let scratch = self.scratched(|scratch| {
                        crate::text::with_spec(value, spec, &[], scratch);
                    });
                    let pushed = self.push_clean(&scratch, &mut line);
                    self.scratch.set(scratch);
                    pushed?;
                }
                Some(Part::Time) => self.time.push(record, &mut line)?,
                Some(Part::ThreadName) if record.head().without.threads => line.push(b"None"),
                Some(Part::ThreadName) => {
                    self.push_clean(record.head().thread.name.as_bytes(), &mut line)?;
                }
                Some(Part::Context) if record.head().context.is_empty() => {}
                Some(Part::Context) => return None,
                Some(Part::Piece(at)) => {
                    let mut done = Ok(());
                    let scratch = self.scratched(|scratch| {
                        done = self.piece(&self.pattern.pieces[*at], record, scratch);
                    });
                    line.push(&scratch);
                    self.scratch.set(scratch);
                    done.ok()?;
                }
            }
        }
        let start = out.len();
        out.extend_from_slice(line.finished()?);
        if script.carries_text() {
            push_trailing_text(record, start, self.neutralize, out);
        }
        Some(())
    }

    /// Appends text that needs no change.
    #[inline(always)]
    fn push_clean(&self, text: &[u8], line: &mut Line<'_>) -> Option<()> {
        if line.push_plain(text) {
            return Some(());
        }
        let shown = std::str::from_utf8(text).ok()?;
        if self.neutralize && !neutral::is_harmless(shown) {
            return None;
        }
        line.push(text);
        Some(())
    }

    /// What is written to the scratch, which is to be put back.
    #[inline(never)]
    fn scratched(&self, write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut scratch = self.scratch.take();
        scratch.clear();
        write(&mut scratch);
        scratch
    }

    /// Writes the script of a record's call site, to be remembered.
    #[cold]
    pub(super) fn write_script(
        &self,
        site: &'static Callsite,
        words: &[u64],
        record: &LogRecord<'_>,
    ) {
        let mut script = ScriptBuilder::new();
        let tags = match (site.meta.roles.len(), words.first()) {
            (0, _) => Some(0),
            (1..=8, Some(tags)) => Some(*tags),
            _ => None,
        };
        let mut read = None;
        for (at, piece) in self.pattern.pieces.iter().enumerate() {
            match piece {
                piece if piece.is_of_the_site() => {
                    if self.piece(piece, record, script.text()).is_err() {
                        return;
                    }
                }
                Piece::Plain(Key::Attribute(Attribute::Message))
                    if read.is_none() && tags.is_some() && self.is_in_order(site) =>
                {
                    read = tags;
                    let mut rest = tags.unwrap_or(0);
                    let mut next = || {
                        let tag = rest as u8;
                        rest >>= 8;
                        tag
                    };
                    for piece in site.meta.pieces {
                        match piece {
                            MessagePiece::Text(text) => {
                                script.text().extend_from_slice(text.as_bytes());
                            }
                            MessagePiece::Plain(_) => script.step(Part::of(next())),
                            MessagePiece::Spec(_, spec) => script.step(Part::Spec(next(), spec)),
                        }
                    }
                }
                Piece::Plain(Key::Attribute(Attribute::Asctime)) => script.step(Part::Time),
                Piece::Plain(Key::Attribute(Attribute::ThreadName)) => {
                    script.step(Part::ThreadName);
                }
                Piece::Plain(Key::Fields) if !site.has_fields() => script.step(Part::Context),
                _ => script.step(Part::Piece(at)),
            }
        }
        self.scripts.borrow_mut().keep(script.finish(
            site,
            record,
            read.filter(|_| !words.is_empty()),
        ));
    }

    /// Whether a site's message is text that needs no change and each of its first values once, in
    /// order.
    fn is_in_order(&self, site: &Callsite) -> bool {
        let mut next = 0;
        site.meta.pieces.iter().all(|piece| match piece {
            MessagePiece::Text(text) => !self.neutralize || neutral::is_harmless(text),
            MessagePiece::Plain(at) | MessagePiece::Spec(at, _) if *at != next => false,
            MessagePiece::Spec(_, spec) if spec.has_counts() => false,
            _ => {
                next += 1;
                true
            }
        })
    }
}
