//! A call site's values as steps of a script.

use super::script::ScriptBuilder;
use crate::callsite::Callsite;
use crate::value::{Piece, Spec, tag};

/// What differs between the lines of a call site. Each formatter has its own of these, and they
/// stand in one enum so that one jump finds them.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Part {
    /// The next value, of one of the commonest kinds, shown as `{}` does.
    Unsigned,
    Signed,
    Float,
    Str,
    /// Of any other kind, with this tag.
    Plain(u8),
    /// Shown with a format spec.
    Spec(u8, &'static Spec),
    /// Not shown here.
    Skip(u8),
    Time,
    ThreadName,
    /// The fields that are not the call's own. With a number: all fields, if there are such; then
    /// so many steps are passed over, which show the call's own.
    Fields(usize),
    /// Any other piece of a pattern, or key of an object.
    Piece(usize),
    /// The next value as JSON: a float, or one with this tag.
    JsonFloat,
    Json(u8),
    /// The values come a second time.
    Rewind,
    /// Exception and stack.
    TrailingText,
}

impl Part {
    pub(super) fn of(tag: u8) -> Self {
        match tag {
            tag::U64 | tag::COUNT => Self::Unsigned,
            tag::I8 | tag::I16 | tag::I32 | tag::I64 => Self::Signed,
            tag::F64 => Self::Float,
            tag::STR | tag::TEXT => Self::Str,
            tag => Self::Plain(tag),
        }
    }
}

/// The tags of a call site's values, if they are few enough to stand in one word.
pub(super) fn tags_of(site: &Callsite, words: &[u64]) -> Option<u64> {
    match (site.meta.roles.len(), words.first()) {
        (0, _) => Some(0),
        (1..=8, Some(tags)) => Some(*tags),
        _ => None,
    }
}

/// The tag of the value at a place.
pub(super) fn tag_at(tags: u64, at: usize) -> u8 {
    (tags >> (8 * at)) as u8
}

/// Whether a site's message shows its values in their order, each at most once.
pub(super) fn are_in_order(site: &Callsite) -> bool {
    let mut next = 0;
    site.meta.pieces.iter().all(|piece| match piece {
        Piece::Text(_) => true,
        Piece::Spec(_, spec) if spec.has_counts() => false,
        Piece::Plain(at) | Piece::Spec(at, _) => {
            let follows = *at as usize >= next;
            next = *at as usize + 1;
            follows
        }
    })
}

/// Adds the message of a site whose values [are in order](are_in_order), its text as `push_text`
/// writes it.
pub(super) fn add_message(
    site: &Callsite,
    tags: u64,
    script: &mut ScriptBuilder,
    push_text: impl Fn(&str, &mut Vec<u8>),
) {
    let mut next = 0;
    for piece in site.meta.pieces {
        let (at, spec) = match piece {
            Piece::Text(text) => {
                push_text(text, script.text());
                continue;
            }
            Piece::Plain(at) => (*at as usize, None),
            Piece::Spec(at, spec) => (*at as usize, Some(spec)),
        };
        (next..at).for_each(|passed| script.step(Part::Skip(tag_at(tags, passed))));
        next = at + 1;
        let tag = tag_at(tags, at);
        script.step(match spec {
            None => Part::of(tag),
            Some(spec) => Part::Spec(tag, spec),
        });
    }
}
