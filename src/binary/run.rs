//! Records of a lane that are packed from their frames, one after the other, without being made
//! first: the way of nearly all records.

use super::encode::{Encoder, FormState, MEASURE_EVERY, at_most, fold, measured};
use super::frame::level_bit;
use super::pack::Out;
use crate::callsite::Callsite;
use crate::decode;
use crate::level::Level;
use crate::record::Head;
use crate::value::tag;

/// A record that is what its call site and its values say: no scope that changed, nothing that a
/// filter changed, not late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SiteFrame<'a> {
    pub(crate) site: &'static Callsite,
    /// How many of the words are tags.
    pub(crate) tag_words: usize,
    /// Stands for call site, logger, level and their names; never 0.
    pub(crate) key: u64,
    pub(crate) level: Level,
    pub(crate) time_ns: i64,
    /// Tag words and values.
    pub(crate) words: &'a [u64],
}

/// Where such records come from: one lane, in the order of its sequence.
pub(crate) trait FrameSource<'w> {
    /// The next record, if it is of that kind.
    fn peek(&mut self) -> Option<SiteFrame<'w>>;
    /// All that the record shows which was looked at last.
    fn head(&self) -> Head<'_>;
    /// The record that was looked at last is taken.
    fn advance(&mut self);
}

/// Up to where records may be taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// The block is full with so many bytes.
    pub(crate) block: usize,
    /// Records of this time, or later ones, stay.
    pub(crate) until_ns: i64,
    /// So many bytes may be in the making, at most, after a record.
    pub(crate) room: u64,
}

/// What was taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken {
    pub(crate) records: u64,
    /// The greatest of their levels.
    pub(crate) greatest: i32,
}

/// The form of a call site's records, as long as the key and the tags are the same.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Quick {
    key: u64,
    tags: u64,
    form: u32,
    level: u16,
}

/// A power of two.
pub(super) const QUICK_FORMS: usize = 512;
/// Spreads tags over the places.
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

impl Encoder {
    /// Takes records up to a bound, or up to one that needs a closer look.
    #[inline(always)]
    pub(crate) fn take_run<'w>(
        &mut self,
        source: &mut impl FrameSource<'w>,
        bounds: Bounds,
    ) -> Taken {
        let mut taken = Taken { records: 0, greatest: i32::MIN };
        let (mut sequence, mut time) = (0_u64, 0);
        let (mut least, mut most, mut levels) = (i64::MAX, i64::MIN, 0);
        while self.len() < bounds.block
            && let Some(frame) = source.peek()
        {
            let context = if taken.records == 0 { source.head().context.len() } else { 0 };
            let bytes = self.len() as u64 + at_most(frame.words.len() + context);
            if frame.time_ns >= bounds.until_ns || bytes > bounds.room {
                break;
            }
            // More tags than one word holds are compared nowhere.
            let (tag_word, tags, values) = match (frame.tag_words, frame.words) {
                (0, values) => (0, &[][..], values),
                (1, [tag_word, values @ ..]) => (*tag_word, &frame.words[..1], values),
                _ => break,
            };
            let place = (frame.key ^ tag_word.wrapping_mul(MIX) >> 54) as usize % QUICK_FORMS;
            let mut known = self.quick[place];
            if known.key != frame.key || known.tags != tag_word {
                let form = self.site_form(&source.head(), frame.site, tags);
                let tags = tag_word;
                known = Quick { key: frame.key, tags, form, level: level_bit(frame.level) };
                self.quick[place] = known;
            }
            let (before, slots) = (self.out.len(), self.slots);
            if taken.records == 0 {
                let head = source.head();
                sequence = head.sequence;
                self.begin(&head, values.len());
                // A block begins with the time of its first record.
                time = self.time;
            } else {
                self.out.room(64 + values.len() * 10);
            }
            let delta = frame.time_ns.wrapping_sub(time) as u64;
            if self.pack(known.form, delta, values).is_none() {
                match taken.records {
                    0 => drop(self.undo(before, slots)),
                    _ => self.out.truncate(before),
                }
                break;
            }
            source.advance();
            taken.records += 1;
            taken.greatest = taken.greatest.max(frame.level.as_i32());
            time = frame.time_ns;
            levels |= known.level;
            (least, most) = (least.min(time), most.max(time));
        }
        if taken.records > 0 {
            let lane = &mut self.lanes[self.lane];
            lane.next = sequence.wrapping_add(taken.records);
            self.time = time;
            let header = &mut self.header;
            header.records += taken.records as u32;
            header.levels |= levels;
            header.least_ns = header.least_ns.min(least);
            header.most_ns = header.most_ns.max(most);
        }
        taken
    }

    /// Writes a call site's record: form, time, lengths, values.
    #[inline(always)]
    pub(super) fn pack(&mut self, form: u32, delta: u64, words: &[u64]) -> Option<()> {
        let Self { out, states, block, .. } = self;
        let state = &mut states[form as usize];
        // Nearly every record fits the lengths of the one before it.
        if state.block == *block && state.unmeasured < MEASURE_EVERY && state.is_plain {
            let before = out.len();
            out.varint(u64::from(form) << 1 | 1);
            out.varint(delta);
            let beyond = if state.fixed == state.slots.len() {
                let words = words.get(..state.slots.len())?;
                let mut beyond = 0;
                out.numbers(state.slots.iter().zip(words).map(|(slot, word)| {
                    let value = fold(slot.tag, *word);
                    beyond |= value & slot.beyond;
                    (value, slot.length.into())
                }));
                beyond
            } else {
                pack_with_texts(out, state, words)?
            };
            if beyond == 0 {
                state.unmeasured += 1;
                return Some(());
            }
            out.truncate(before);
        }
        measured(out, state, *block, form, delta, words)
    }
}

/// Values of which some are texts, in known lengths; there is room for all of them.
#[inline(never)]
fn pack_with_texts(out: &mut Out, state: &FormState, words: &[u64]) -> Option<u64> {
    let mut rest = words;
    let mut beyond = 0;
    for slot in &state.slots {
        if matches!(slot.tag, tag::STR | tag::TEXT | tag::BYTES) {
            let bytes = decode::bytes(&mut rest)?;
            out.varint(bytes.len() as u64);
            out.short(bytes);
            continue;
        }
        let value = fold(slot.tag, decode::word(&mut rest)?);
        beyond |= value & slot.beyond;
        out.low(value, slot.length.into());
    }
    Some(beyond)
}
