//! Records of a lane that are packed from their frames, one after the other, without being made
//! first: the way of nearly all records.

use super::encode::{
    Encoder, FormState, MEASURE_EVERY, MOST_LENGTHS, Slot, at_most, fold, is_text, measured,
};
use super::frame::level_bit;
use super::pack::Out;
use crate::callsite::Callsite;
use crate::decode;
use crate::level::Level;
use crate::record::Head;
use std::cell::Cell;

/// A record that is what its call site and its values say: no scope that changed, nothing that a
/// filter changed, not late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SiteFrame<'a> {
    pub(crate) site: &'static Callsite,
    pub(crate) level: Level,
    /// Never before that of the frame before it.
    pub(crate) time_ns: i64,
    /// The word that says of what kinds the values are, if there are any; no more than one.
    pub(crate) tags: &'a [u64],
    pub(crate) values: &'a [u64],
    /// What was found of the records of this call site, logger and level.
    pub(crate) found: &'a Cell<FoundForm>,
}

/// The form of a call site's records with one logger and level, kept where they are known.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FoundForm {
    /// Whose number it is; 0 is nobody's.
    encoder: u64,
    tags: u64,
    form: u32,
    /// The level's bit in headers.
    levels: u16,
}

/// Where such records come from: one lane, in the order of its sequence.
pub(crate) trait FrameSource<'w> {
    /// The next record, if it is of that kind.
    fn peek(&mut self) -> Option<SiteFrame<'w>>;
    /// The next record's time and values, if it is of that kind and all else is as in the record that
    /// was taken last: call site, logger, level, and of what kinds the values are.
    fn peek_alike(&mut self) -> Option<(i64, &'w [u64])>;
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
    /// Bits of their levels, as headers have them.
    levels: u16,
}

/// Numbers of a record of a few values take no more: form, time, values.
const MOST_PLAIN_BYTES: usize = 2 + 2 + 8 * MOST_LENGTHS;

impl Encoder {
    /// Takes records up to a bound, or up to one that needs a closer look.
    #[inline(always)]
    pub(crate) fn take_run<'w>(
        &mut self,
        source: &mut (impl FrameSource<'w> + Copy),
        bounds: Bounds,
    ) -> Taken {
        // What is only ours stays in registers.
        let mut own = *source;
        let mut taken = Taken { records: 0, greatest: i32::MIN, levels: 0 };
        let (mut first_ns, mut next) = (0, 0);
        while self.len() < bounds.block
            && let Some(frame) = own.peek()
        {
            let head = own.head();
            if taken.records == 0 {
                (first_ns, next) = (frame.time_ns, head.sequence);
            }
            if !self.take_one(&frame, &head, bounds, taken.records == 0) {
                break;
            }
            own.advance();
            taken.records += 1;
            taken.greatest = taken.greatest.max(frame.level.as_i32());
            taken.levels |= level_bit(frame.level);
            self.take_alike(&mut own, bounds, &mut taken);
        }
        if taken.records > 0 {
            *source = own;
            let lane = &mut self.lanes[self.lane];
            lane.next = next.wrapping_add(taken.records);
            let header = &mut self.header;
            header.records += taken.records as u32;
            header.levels |= taken.levels;
            header.least_ns = header.least_ns.min(first_ns);
            header.most_ns = header.most_ns.max(self.time);
        }
        taken
    }

    /// Takes a record whose form may have to be found, and the lengths of its values. False, and
    /// nothing happened, if it is none for this.
    #[inline(never)]
    fn take_one(
        &mut self,
        frame: &SiteFrame<'_>,
        head: &Head<'_>,
        bounds: Bounds,
        is_first: bool,
    ) -> bool {
        let context = if is_first { head.context.len() } else { 0 };
        let bytes = self.len() as u64 + at_most(frame.values.len() + context);
        if frame.time_ns >= bounds.until_ns || bytes > bounds.room {
            return false;
        }
        let tags = frame.tags.first().copied().unwrap_or(0);
        let mut found = frame.found.get();
        if found.encoder != self.number || found.tags != tags {
            let form = self.site_form(head, frame.site, frame.tags);
            let levels = level_bit(frame.level);
            found = FoundForm { encoder: self.number, tags, form, levels };
            frame.found.set(found);
        }
        let (before, slots) = (self.out.len(), self.slots);
        if is_first {
            self.begin(head, frame.values.len());
        } else {
            self.out.room(64 + frame.values.len() * 10);
        }
        let delta = frame.time_ns.wrapping_sub(self.time) as u64;
        if self.pack(found.form, delta, frame.values).is_none() {
            match is_first {
                true => drop(self.undo(before, slots)),
                false => self.out.truncate(before),
            }
            return false;
        }
        self.time = frame.time_ns;
        true
    }

    /// Takes records whose form is known, and whose values are numbers that fit in the lengths of
    /// the form's last record.
    #[inline(always)]
    fn take_alike<'w>(
        &mut self,
        source: &mut impl FrameSource<'w>,
        bounds: Bounds,
        taken: &mut Taken,
    ) {
        let entries = self.entries.len();
        let Self { out, states, block, number, time, .. } = self;
        let (number, block, mut last_ns) = (*number, *block, *time);
        // The entries of forms that are found later are allowed for, as of one record.
        let most = (bounds.room.saturating_sub(at_most(MOST_LENGTHS)) as usize).min(bounds.block);
        let most = most.saturating_sub(entries);
        let (bytes, mut at) = out.split();
        while at < most
            && let Some(frame) = source.peek()
            && frame.time_ns < bounds.until_ns
        {
            let found = frame.found.get();
            let tags = frame.tags.first().copied().unwrap_or(0);
            if found.encoder != number || found.tags != tags {
                break;
            }
            let Some(state) = states.get_mut(found.form as usize) else { break };
            let code = u64::from(found.form) << 1 | 1;
            if state.block != block
                || !state.is_plain
                || state.slots.len() != state.fixed
                || state.slots.len() > frame.values.len()
                || code >= 0x4000
            {
                break;
            }
            let slots = &*state.slots;
            let known = state.unmeasured;
            let (mut time_ns, mut values) = (frame.time_ns, frame.values);
            while state.unmeasured < MEASURE_EVERY
                && at < most
                && let Some(room) = bytes.get_mut(at..)
                && let Some(room) = room.first_chunk_mut::<{ MOST_PLAIN_BYTES + 8 }>()
                && let Some(length) =
                    put_plain(room, code, time_ns.wrapping_sub(last_ns), slots, values)
            {
                state.unmeasured += 1;
                at += length;
                last_ns = time_ns;
                source.advance();
                match source.peek_alike() {
                    Some(next) if next.0 < bounds.until_ns => (time_ns, values) = next,
                    _ => break,
                }
            }
            if state.unmeasured == known {
                break;
            }
            taken.records += u64::from(state.unmeasured - known);
            taken.greatest = taken.greatest.max(frame.level.as_i32());
            taken.levels |= found.levels;
        }
        *time = last_ns;
        out.set_len(at);
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
            if pack_plain(out, state, words)? == 0 {
                state.unmeasured += 1;
                return Some(());
            }
            out.truncate(before);
        }
        measured(out, state, *block, form, delta, words)
    }
}

/// Stores a record of numbers in known lengths. Returns how long it is, unless one does not fit.
#[inline(always)]
fn put_plain(
    room: &mut [u8; MOST_PLAIN_BYTES + 8],
    code: u64,
    delta_ns: i64,
    slots: &[Slot],
    values: &[u64],
) -> Option<usize> {
    let mut length = 0;
    let mut put = |number: u64, bytes: u8| {
        if let Some(place) = room.get_mut(length..length + 8) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        length += usize::from(bytes);
    };
    for number in [code, delta_ns as u64] {
        match number {
            ..0x80 => put(number, 1),
            0x80..0x4000 => put(number & 0x7f | 0x80 | (number >> 7) << 8, 2),
            _ => return None,
        }
    }
    let mut beyond = 0;
    for (slot, word) in slots.iter().zip(values) {
        let value = fold(slot.tag, *word);
        beyond |= value & slot.beyond;
        put(value, slot.length);
    }
    (beyond == 0).then_some(length)
}

/// Stores numbers and texts in known lengths; there is room for all of them. Returns the bits that
/// found none.
#[inline]
fn pack_plain(out: &mut Out, state: &FormState, words: &[u64]) -> Option<u64> {
    let mut rest = words;
    let mut beyond = 0;
    for slot in &state.slots {
        if is_text(slot.tag) {
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
