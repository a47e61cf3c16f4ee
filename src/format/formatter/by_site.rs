//! Lines of call sites, by their scripts.

use super::Formatter;
use crate::callsite::Callsite;
use crate::error::Error;
use crate::format::attribute::Attribute;
use crate::format::by_script::{Begun, ByScript, Tools};
use crate::format::parts::{self, Part};
use crate::format::pattern::{Key, Piece};
use crate::format::script::ScriptBuilder;
use crate::format::{logfmt, neutral, push_trailing_text, write_trailing_text};
use crate::record::LogRecord;
use crate::text::Line;
use crate::value::Piece as MessagePiece;

impl ByScript for Formatter {
    fn tools(&self) -> &Tools {
        &self.tools
    }

    #[inline(always)]
    fn push_plain(text: &[u8], line: &mut Line<'_>) -> bool {
        line.push_plain::<false>(text)
    }

    /// Appends text that needs no change for all that.
    fn push_odd(&self, text: &[u8], line: &mut Line<'_>) -> Option<()> {
        let shown = std::str::from_utf8(text).ok()?;
        if self.neutralize && !neutral::is_harmless(shown) {
            return None;
        }
        line.push(text);
        Some(())
    }

    fn own_step(
        &self,
        step: &Part,
        record: &LogRecord<'_>,
        begun: &mut Begun<'_, '_>,
    ) -> Option<()> {
        match step {
            // Python's None.
            Part::ThreadName => begun.line.push(b"None"),
            Part::Fields(_) => {
                self.tools.scratch.push(&mut begun.line, |out| logfmt::write_fields(record, out));
            }
            Part::Piece(at) => {
                let piece = self.pattern.pieces.get(*at)?;
                let mut done = Ok(());
                self.tools
                    .scratch
                    .push(&mut begun.line, |out| done = self.piece(piece, record, out));
                done.ok()?;
            }
            _ => return None,
        }
        Some(())
    }

    fn push_trailing_text(&self, record: &LogRecord<'_>, line: &mut Line<'_>) {
        let last = line.last();
        self.tools.scratch.push(line, |out| push_trailing_text(record, last, self.neutralize, out));
    }

    fn in_full(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        self.format_message(record, out)?;
        write_trailing_text(record, start, self.neutralize, out);
        Ok(())
    }

    #[cold]
    fn write_script(&self, site: &'static Callsite, words: &[u64], record: &LogRecord<'_>) {
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
        self.tools.scripts.borrow_mut().keep(script.finish(
            site,
            record,
            read.filter(|_| !words.is_empty()),
        ));
    }
}

impl Formatter {
    /// Whether a site's message can be made step by step, with text that needs no change.
    fn takes_message(&self, site: &Callsite) -> bool {
        let is_clean = |piece: &MessagePiece| match piece {
            MessagePiece::Text(text) => !self.neutralize || neutral::is_harmless(text),
            _ => true,
        };
        parts::are_in_order(site) && site.meta.pieces.iter().all(is_clean)
    }
}
