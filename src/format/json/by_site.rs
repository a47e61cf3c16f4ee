//! JSON lines of call sites, by their scripts.

use super::value::{push_escaped, push_value};
use super::{JsonFormatter, JsonKey, push_trailing_text};
use crate::callsite::Callsite;
use crate::decode;
use crate::error::Error;
use crate::format::by_script::{Begun, ByScript, Tools};
use crate::format::parts::{self, Part};
use crate::format::script::ScriptBuilder;
use crate::record::LogRecord;
use crate::text::Line;
use crate::value::Role;

impl ByScript for JsonFormatter {
    fn tools(&self) -> &Tools {
        &self.tools
    }

    #[inline(always)]
    fn push_plain(text: &[u8], line: &mut Line<'_>) -> bool {
        line.push_plain::<true>(text)
    }

    /// Appends text as it stands within quotes.
    fn push_odd(&self, text: &[u8], line: &mut Line<'_>) -> Option<()> {
        let text = std::str::from_utf8(text).ok()?;
        self.tools.scratch.push(line, |out| push_escaped(text, out));
        Some(())
    }

    fn own_step(
        &self,
        step: &Part,
        record: &LogRecord<'_>,
        begun: &mut Begun<'_, '_>,
    ) -> Option<()> {
        let Begun { line, values, passed } = begun;
        match step {
            Part::JsonFloat => {
                let number = f64::from_bits(decode::word(values)?);
                if !number.is_finite() {
                    return None;
                }
                line.push(zmij::Buffer::new().format_finite(number).as_bytes());
            }
            Part::Json(tag) => {
                let value = decode::value(*tag, values)?;
                self.tools.scratch.push(line, |out| push_value(value, out));
            }
            Part::Fields(own) => {
                self.tools.scratch.push(line, |out| self.write_fields(record, out));
                *passed = *own;
            }
            Part::Piece(at) => {
                let (_, key) = self.items.get(*at)?;
                if Self::is_absent(*key, record) {
                    return None;
                }
                let mut done = Ok(());
                self.tools.scratch.push(line, |out| done = self.item(*key, record, out));
                done.ok()?;
            }
            Part::TrailingText => {
                self.tools.scratch.push(line, |out| push_trailing_text(record, out));
            }
            _ => return None,
        }
        Some(())
    }

    fn in_full(&self, record: &LogRecord<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        self.format_in_full(record, out)
    }

    #[cold]
    fn write_script(&self, site: &'static Callsite, words: &[u64], record: &LogRecord<'_>) {
        let mut script = ScriptBuilder::new();
        let tags = parts::tags_of(site, words);
        let mut read = None;
        for (at, (label, key)) in self.items.iter().enumerate() {
            if Self::is_absent(*key, record) {
                // A call site's records have no task; whether the others are shown may change.
                match key {
                    JsonKey::Task => continue,
                    _ => return,
                }
            }
            script.text().extend_from_slice(label);
            if at == 0 {
                script.text()[0] = b'{';
            }
            match key {
                JsonKey::Timestamp => script.step(Part::Time),
                JsonKey::Thread => quoted(&mut script, |script| script.step(Part::ThreadName)),
                JsonKey::Message if tags.is_some() && parts::are_in_order(site) => {
                    read = tags;
                    let push_text = |text: &str, out: &mut Vec<u8>| push_escaped(text, out);
                    let tags = tags.unwrap_or(0);
                    quoted(&mut script, |script| {
                        parts::add_message(site, tags, script, push_text);
                    });
                }
                JsonKey::Level
                | JsonKey::LevelNumber
                | JsonKey::Logger
                | JsonKey::Template
                | JsonKey::File
                | JsonKey::Line
                | JsonKey::Function
                | JsonKey::Module => {
                    if self.item(*key, record, script.text()).is_err() {
                        return;
                    }
                }
                _ => script.step(Part::Piece(at)),
            }
        }
        if self.items.is_empty() {
            return;
        }
        script.text().extend_from_slice(&self.constants);
        let Some(fields) = own_fields(site, tags) else { return };
        if !fields.is_empty() {
            read = tags;
        }
        script.step_before(Part::Fields, |script| self.add_fields(&fields, script));
        if record.may_carry_text() {
            script.step(Part::TrailingText);
        }
        script.text().push(b'}');
        let read = read.filter(|_| !words.is_empty());
        self.tools.scripts.borrow_mut().keep(script.finish(site, record, read));
    }
}

impl JsonFormatter {
    /// Adds a call's own fields.
    fn add_fields(&self, fields: &[(Option<&str>, u8)], script: &mut ScriptBuilder) {
        if fields.is_empty() {
            return;
        }
        script.step(Part::Rewind);
        let mut comma: &[u8] = match &self.fields {
            Some(open) => open,
            None => b",",
        };
        for (key, tag) in fields {
            let Some(key) = key else {
                script.step(Part::Skip(*tag));
                continue;
            };
            script.text().extend_from_slice(std::mem::replace(&mut comma, b","));
            self.push_field_key(key, script.text());
            script.text().push(b':');
            match Part::of(*tag) {
                text @ Part::Str => quoted(script, |script| script.step(text)),
                Part::Float => script.step(Part::JsonFloat),
                number @ (Part::Unsigned | Part::Signed) => script.step(number),
                _ => script.step(Part::Json(*tag)),
            }
        }
        if self.fields.is_some() {
            script.text().push(b'}');
        }
    }
}

fn quoted(script: &mut ScriptBuilder, write: impl FnOnce(&mut ScriptBuilder)) {
    script.text().push(b'"');
    write(script);
    script.text().push(b'"');
}

/// The tags of a site's values, and the keys of those that are fields, up to the last that is.
/// `None` if only each record can tell.
fn own_fields(site: &Callsite, tags: Option<u64>) -> Option<Vec<(Option<&'static str>, u8)>> {
    if !site.has_fields() {
        return Some(Vec::new());
    }
    let tags = tags?;
    let mut fields = Vec::new();
    for (at, role) in site.meta.roles.iter().enumerate() {
        let key = match role {
            Role::Key(key) if fields.iter().any(|(known, _)| *known == Some(*key)) => return None,
            Role::Key(key) => Some(*key),
            Role::Pair => return None,
            Role::Message | Role::Exception | Role::Stack => None,
        };
        fields.push((key, parts::tag_at(tags, at)));
    }
    while fields.last().is_some_and(|(key, _)| key.is_none()) {
        fields.pop();
    }
    Some(fields)
}
