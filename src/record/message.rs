//! The message, rendered or as it was given.

use super::{Body, LogRecord, Overlay};
use crate::decode::{self, Value};
use crate::error::Error;
use crate::value::Piece;

impl LogRecord<'_> {
    /// Appends the message, rendered.
    ///
    /// # Errors
    ///
    /// If a described record's message and arguments do not fit each other, or the frame is
    /// damaged.
    pub fn write_message(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.overlay.is_some()
            && let Some(written) = self.write_changed_message(out)
        {
            return written;
        }
        match &self.body {
            Body::Site { site, words } => {
                write_site(site.meta.pieces, site.meta.roles.len(), words, out)
            }
            Body::Described(described) => {
                described.write_message(self.renderer.map(|renderer| &**renderer), out)
            }
        }
    }

    /// Appends the message if a filter changed it, its raw form or its arguments.
    #[cold]
    fn write_changed_message(&self, out: &mut Vec<u8>) -> Option<Result<(), Error>> {
        let ready = self.overlay()?.message.as_deref();
        let (raw, arguments) = (self.changed("msg"), self.changed("args"));
        let none = matches!(arguments, None | Some(Value::None | Value::Unit));
        if let (Some(text), None, true) = (ready, raw, none) {
            out.extend_from_slice(text.as_bytes());
            return Some(Ok(()));
        }
        if raw.is_none() && arguments.is_none() {
            return None;
        }
        let message = match (raw, ready, &self.body) {
            (Some(raw), ..) => raw,
            (None, Some(text), _) => Value::Str(text),
            (None, None, Body::Described(described)) => described.message,
            (None, None, Body::Site { .. }) => return None,
        };
        let arguments = arguments.or_else(|| self.arguments()).unwrap_or(Value::Unit);
        Some(match (self.renderer, message) {
            (Some(renderer), message) => renderer.render(message, arguments, out),
            (None, Value::Str(text) | Value::Text(text)) => {
                out.extend_from_slice(text.as_bytes());
                Ok(())
            }
            (None, other) => {
                crate::text::plain(other, out);
                Ok(())
            }
        })
    }

    /// The message as a new string. Allocates.
    ///
    /// # Errors
    ///
    /// As [`write_message`](Self::write_message).
    pub fn message(&self) -> Result<String, Error> {
        let mut out = Vec::new();
        self.write_message(&mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// The message before its arguments are filled in: the template of a call site, the raw value
    /// of a described record.
    pub fn raw_message(&self) -> Value<'_> {
        if let Some(Overlay { message: Some(text), .. }) = self.overlay() {
            return Value::Str(text);
        }
        match &self.body {
            Body::Site { site, .. } => Value::Str(site.meta.template),
            Body::Described(described) => described.message,
        }
    }

    /// The arguments of a described record; `None` for call sites.
    pub fn arguments(&self) -> Option<Value<'_>> {
        if self.overlay().is_some_and(|overlay| overlay.message.is_some()) {
            return None;
        }
        match &self.body {
            Body::Described(described) => described.arguments,
            Body::Site { .. } => None,
        }
    }
}

/// The captured values of a site's frame, in order.
#[derive(Debug)]
pub(crate) struct SiteValues<'a> {
    tags: &'a [u64],
    /// The tags to come of the current tag word.
    current: u64,
    at: usize,
    count: usize,
    words: &'a [u64],
}

impl<'a> SiteValues<'a> {
    #[inline(always)]
    pub(crate) fn new(count: usize, words: &'a [u64]) -> Option<Self> {
        let (tags, words) = words.split_at_checked(count.div_ceil(8))?;
        Some(Self { tags, current: 0, at: 0, count, words })
    }
}

impl<'a> Iterator for SiteValues<'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        if self.at == self.count {
            return None;
        }
        if self.at.is_multiple_of(8) {
            let (current, rest) = self.tags.split_first()?;
            (self.current, self.tags) = (*current, rest);
        }
        let tag = self.current as u8;
        self.current >>= 8;
        self.at += 1;
        decode::value(tag, &mut self.words)
    }
}

/// Renders a site's message from its frame.
///
/// Nearly every message shows its values once each and in order: they are then written as they are
/// read. A spec, a value shown twice or out of order starts over with all values at hand.
#[inline]
pub(crate) fn write_site(
    pieces: &[Piece],
    count: usize,
    words: &[u64],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let start = out.len();
    let mut values = SiteValues::new(count, words).ok_or_else(misfit)?;
    let mut read = 0;
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Plain(at) if *at == read => {
                crate::text::plain(values.next().ok_or_else(misfit)?, out);
                read = read.wrapping_add(1);
            }
            Piece::Plain(_) | Piece::Spec(..) => {
                out.truncate(start);
                return write_site_at_will(pieces, count, words, out);
            }
        }
    }
    Ok(())
}

#[cold]
fn misfit() -> Error {
    Error::other("a frame's values do not fit its call site")
}

/// As [`write_site`], for values in any order and with any spec.
#[inline(never)]
fn write_site_at_will(
    pieces: &[Piece],
    count: usize,
    words: &[u64],
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    const FEW: usize = 8;
    let mut values = SiteValues::new(count, words).ok_or_else(misfit)?;
    let mut few = [Value::Unit; FEW];
    let mut many = Vec::new();
    let values = if count <= FEW {
        for slot in &mut few[..count] {
            *slot = values.next().ok_or_else(misfit)?;
        }
        &few[..count]
    } else {
        many.extend(&mut values);
        &many[..]
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
            Piece::Plain(at) => {
                crate::text::plain(*values.get(usize::from(*at)).ok_or_else(misfit)?, out);
            }
            Piece::Spec(at, spec) => {
                let value = *values.get(usize::from(*at)).ok_or_else(misfit)?;
                crate::text::with_spec(value, spec, values, out);
            }
        }
    }
    Ok(())
}
