//! Records of a lane that are packed from their frames, one after the other, without being made
//! first: the way of nearly all records.

use super::encode::{
    Encoder, FormState, MEASURE_EVERY, MOST_LENGTHS, Slot, at_most, is_text, measured,
};
use super::frame::level_bit;
use super::pack::{Out, short_varint};
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
    /// The records from the one that was looked at last on that have all but time and values in
    /// common with it: call site, logger, level, and of what kinds the values are. Notes their
    /// times, and gives no more than there is room for.
    fn peek_alike(&mut self, times: &mut [i64]) -> Alike<'w>;
    /// All that the record shows which was looked at last.
    fn head(&self) -> Head<'_>;
    /// The record that was looked at last is taken.
    fn advance(&mut self);
    /// Records that [`peek_alike`](Self::peek_alike) gave are taken, up to one with this time.
    fn take_alike(&mut self, taken: &Alike<'w>, time_ns: i64);
}

/// Frames of records that follow each other, and differ in time and values alone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alike<'w> {
    pub(crate) frames: &'w [u64],
    /// How long each is, and what stands before its values.
    pub(crate) words: usize,
    pub(crate) before: usize,
    pub(crate) count: usize,
}

impl Alike<'_> {
    /// The first of them.
    pub(crate) fn first(self, count: usize) -> Self {
        let frames = self.frames.get(..count * self.words).unwrap_or(self.frames);
        Self { frames, count: count.min(self.count), ..self }
    }
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

/// More bytes than a record of a few numbers takes: form, time, values.
const ROOM: usize = 256 + 8;
const _: () = assert!(2 + 2 + 8 * MOST_LENGTHS <= 256);

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
            if taken.records == 0 {
                (first_ns, next) = (frame.time_ns, own.head().sequence);
            }
            if !self.take_one(&frame, &own, bounds, taken.records == 0) {
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
    fn take_one<'w>(
        &mut self,
        frame: &SiteFrame<'_>,
        source: &impl FrameSource<'w>,
        bounds: Bounds,
        is_first: bool,
    ) -> bool {
        let context = if is_first { source.head().context.len() } else { 0 };
        let bytes = self.len() as u64 + at_most(frame.values.len() + context);
        if frame.time_ns >= bounds.until_ns || bytes > bounds.room {
            return false;
        }
        let tags = frame.tags.first().copied().unwrap_or(0);
        let mut found = frame.found.get();
        if found.encoder != self.number || found.tags != tags {
            let form = self.site_form(&source.head(), frame.site, frame.tags);
            let levels = level_bit(frame.level);
            found = FoundForm { encoder: self.number, tags, form, levels };
            frame.found.set(found);
        }
        let (before, slots) = (self.out.len(), self.slots);
        if is_first {
            self.begin(&source.head(), frame.values.len());
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
        let Self { out, states, block, number, time, times, .. } = self;
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
            let left = MEASURE_EVERY.saturating_sub(state.unmeasured) as usize;
            let Some(times) = times.get_mut(..left) else { break };
            let mut alike = source.peek_alike(times);
            if times.get(alike.count.wrapping_sub(1)).is_none_or(|last| *last >= bounds.until_ns) {
                let due = |time_ns: &&i64| **time_ns < bounds.until_ns;
                alike = alike.first(times.iter().take(alike.count).take_while(due).count());
            }
            // The last that fits begins right before the bound.
            let end = bytes.len().min(most - 1 + ROOM);
            let Some(room) = bytes.get_mut(at..end) else { break };
            let put = put_alike(room, code, &state.slots, last_ns, &alike, times);
            let Some(time_ns) = times.get(put.records.wrapping_sub(1)) else { break };
            source.take_alike(&alike.first(put.records), *time_ns);
            at += put.bytes;
            last_ns = *time_ns;
            state.unmeasured += put.records as u32;
            taken.records += put.records as u64;
            taken.greatest = taken.greatest.max(frame.level.as_i32());
            taken.levels |= found.levels;
            if state.unmeasured >= MEASURE_EVERY {
                break;
            }
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

/// What [`put_alike`] stored.
#[derive(Debug, Clone, Copy)]
struct Put {
    records: usize,
    bytes: usize,
}

/// Stores records of numbers in known lengths, up to one that does not fit in them or that there is
/// no [`ROOM`] for.
#[inline(never)]
fn put_alike(
    room: &mut [u8],
    code: u64,
    slots: &[Slot],
    last_ns: i64,
    alike: &Alike<'_>,
    times: &[i64],
) -> Put {
    // For a few values their number is known to the compiler, which makes no loop of them.
    match *slots {
        [] => put_each(room, code, &[], last_ns, alike, times),
        [a] => put_each(room, code, &[a], last_ns, alike, times),
        [a, b] => put_each(room, code, &[a, b], last_ns, alike, times),
        [a, b, c] => put_each(room, code, &[a, b, c], last_ns, alike, times),
        [a, b, c, d] => put_each(room, code, &[a, b, c, d], last_ns, alike, times),
        _ => put_each(room, code, slots, last_ns, alike, times),
    }
}

#[inline(always)]
fn put_each(
    bytes: &mut [u8],
    code: u64,
    slots: &[Slot],
    mut last_ns: i64,
    alike: &Alike<'_>,
    times: &[i64],
) -> Put {
    let (code, code_length) = short_varint(code);
    let (all, mut rest) = (bytes.len(), bytes);
    let mut records = 0;
    for (frame, time_ns) in alike.frames.chunks_exact(alike.words.max(1)).zip(times) {
        let delta_ns = time_ns.wrapping_sub(last_ns) as u64;
        let values = frame.get(alike.before..).and_then(|values| values.get(..slots.len()));
        let (Some(room), Some(values), ..0x4000) = (rest.first_chunk_mut(), values, delta_ns)
        else {
            break;
        };
        let (delta, delta_length) = short_varint(delta_ns);
        put_low(room, 0, code | delta << (8 * code_length));
        let mut length = code_length + delta_length;
        let mut beyond = 0;
        for (slot, word) in slots.iter().zip(values) {
            let value = slot.fold(*word);
            beyond |= value & slot.beyond;
            put_low(room, length, value);
            length += usize::from(slot.length);
        }
        if beyond != 0 {
            break;
        }
        rest = std::mem::take(&mut rest).get_mut(length % 256..).unwrap_or_default();
        records += 1;
        last_ns = *time_ns;
    }
    Put { records, bytes: all - rest.len() }
}

/// Stores a number of which the low bytes count, at a place below 256.
#[inline(always)]
fn put_low(room: &mut [u8; ROOM], at: usize, number: u64) {
    let at = at % 256;
    room[at..at + 8].copy_from_slice(&number.to_le_bytes());
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
        let value = slot.fold(decode::word(&mut rest)?);
        beyond |= value & slot.beyond;
        out.low(value, slot.length.into());
    }
    Some(beyond)
}
