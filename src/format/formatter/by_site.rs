//! Lines of call sites, by their scripts.

use super::Formatter;
use crate::callsite::Callsite;
use crate::decode;
use crate::format::attribute::Attribute;
use crate::format::parts::{self, Part, push_part};
use crate::format::pattern::{Key, Piece};
use crate::format::script::ScriptBuilder;
use crate::format::{neutral, push_trailing_text};
use crate::record::LogRecord;
use crate::text::{Line, Room};
use crate::value::Piece as MessagePiece;

impl Formatter {
    /// Writes the line of a call site's record by its script, and says how long it is. `None` if
    /// there is no script, or the line is none of those that scripts are for: it is very long, a
    /// value has to be neutralised, a piece cannot be filled in.
    #[inline(always)]
    pub(crate) fn by_script(
        &self,
        site: &'static Callsite,
        words: &[u64],
        record: &LogRecord<'_>,
        room: &mut Room,
    ) -> Option<usize> {
        let mut scripts = self.scripts.borrow_mut();
        let script = scripts.find(site, record)?;
        let mut values = script.values(words)?;
        let time_ns = record.time_ns();
        let mut line = Line::new(room);
        if let Some(opening) = &mut script.opening {
            self.time.push_within(opening, time_ns, &mut line)?;
        }
        for step in script.steps() {
            step.push_text(&mut line);
            push_part!(
                &step.then, values, line, self.scratch, |text| self.push_clean(text, &mut line),
                {
                    Part::Time => self.time.push(time_ns, &mut line)?,
                    Part::ThreadName if record.head().without.threads => line.push(b"None"),
                    Part::ThreadName => {
                        self.push_clean(record.head().thread.name.as_bytes(), &mut line)?;
                    },
                    Part::Fields(_) if record.head().context.is_empty() => {},
                    Part::Piece(at) => {
                        let mut done = Ok(());
                        self.scratch.push(&mut line, |out| {
                            done = self.piece(&self.pattern.pieces[*at], record, out);
                        });
                        done.ok()?;
                    },
                    _ => return None,
                }
            );
        }
        if script.carries_text() {
            let last = line.last();
            self.scratch.push(&mut line, |out| {
                push_trailing_text(record, last, self.neutralize, out);
            });
        }
        line.finished()
    }

    /// Appends text that needs no change.
    #[inline(always)]
    fn push_clean(&self, text: &[u8], line: &mut Line<'_>) -> Option<()> {
        if line.push_plain::<false>(text) {
            return Some(());
        }
        let shown = std::str::from_utf8(text).ok()?;
        if self.neutralize && !neutral::is_harmless(shown) {
            return None;
        }
        line.push(text);
        Some(())
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
        let tags = parts::tags_of(site, words);
        let mut read = None;
        for (at, piece) in self.pattern.pieces.iter().enumerate() {
            match piece {
                piece if piece.is_of_the_site() => {
                    if self.piece(piece, record, script.text()).is_err() {
                        return;
                    }
                }
                Piece::Plain(Key::Attribute(Attribute::Message))
                    if read.is_none() && self.takes_message(site) && tags.is_some() =>
                {
                    read = tags;
                    let push_text = |text: &str, out: &mut Vec<u8>| out.extend(text.as_bytes());
                    let tags = tags.unwrap_or(0);
                    parts::add_message(site, tags, &mut script, push_text);
                }
                Piece::Plain(Key::Attribute(Attribute::Asctime)) => script.step(Part::Time),
                Piece::Plain(Key::Attribute(Attribute::ThreadName)) => {
                    script.step(Part::ThreadName);
                }
                Piece::Plain(Key::Fields) if !site.has_fields() => script.step(Part::Fields(0)),
                _ => script.step(Part::Piece(at)),
            }
        }
        self.scripts.borrow_mut().keep(script.finish(
            site,
            record,
            read.filter(|_| !words.is_empty()),
        ));
    }

    /// Whether a site's message can be made step by step, with text that needs no change.
    fn takes_message(&self, site: &Callsite) -> bool {
        let is_clean = |piece: &MessagePiece| match piece {
            MessagePiece::Text(text) => !self.neutralize || neutral::is_harmless(text),
            _ => true,
        };
        parts::are_in_order(site) && site.meta.pieces.iter().all(is_clean)
    }
}
