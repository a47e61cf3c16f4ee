//! From records to blocks.
//!
//! A record in a block is a number (its form, and whether its values are as long as those of the
//! form's last record), the time since the record before it, and its values, packed. What differs
//! from the record before in other ways (another lane, a hole in the sequence, other fields of the
//! scope) stands before it behind the form 0.

use super::dictionary::{self, FormEntry, LaneEntry, Start, is_fixed};
use super::frame::{HEADER_BYTES, Header, Kind, level_bit};
use super::pack::{Out, length, unzigzag, zigzag};
use crate::callsite::{self, Callsite};
use crate::capture::{Capture, Encode};
use crate::decode;
use crate::error::Error;
use crate::lane::keep::dictionary as kept;
use crate::record::{Body, Described, Field, Head, LogRecord, Overlay};
use crate::sync::{AtomicU64, Ordering};
use crate::value::tag;
use std::collections::HashMap;

/// What may stand before a record, behind the form 0.
pub(super) mod op {
    /// The next record's lane, new in this block: its number in the dictionary, the sequence.
    pub(crate) const NEW_LANE: u64 = 1;
    /// The next record's number in its lane is not the one after the last, but so much further.
    pub(crate) const SKIP: u64 = 2;
    /// The fields of the lane's scope from here on.
    pub(crate) const CONTEXT: u64 = 3;
    /// The next record came after one with a later time.
    pub(crate) const LATE: u64 = 4;
    /// What filters changed in the next record.
    pub(crate) const OVERLAY: u64 = 5;
    /// The next record's message, rendered by what the process had for it.
    pub(crate) const RENDERED: u64 = 6;
}

/// Values whose lengths fit one word of four bits each.
pub(super) const MOST_LENGTHS: usize = 16;
/// Described records with ever new places in the source must not fill the dictionary.
const MOST_FORMS: usize = 1 << 16;

/// What a file must hold before its first block of records: who writes, and the dictionary so far.
#[derive(Debug)]
pub(crate) struct Preamble {
    pub(crate) segment: u32,
    start: Vec<u8>,
    entries: Vec<u8>,
}

impl Preamble {
    fn new(start: &Start) -> Self {
        // Two writers of one file must not have the same.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let parts = [start.begun_ns as u64, u64::from(start.process), number];
        let bytes: Vec<u8> = parts.iter().flat_map(|part| part.to_le_bytes()).collect();
        Self {
            segment: crc32c::crc32c(&bytes),
            start: dictionary::start(start),
            entries: Vec::new(),
        }
    }

    /// Appends the blocks, each with its header for the index.
    pub(crate) fn write(&self, out: &mut Vec<u8>, mut each: impl FnMut(Header, usize)) {
        for (kind, payload) in [(Kind::Start, &self.start), (Kind::Dictionary, &self.entries)] {
            if !payload.is_empty() {
                let header = Header::plain(kind, self.segment, payload);
                out.extend_from_slice(&header.to_bytes());
                out.extend_from_slice(payload);
                each(header, out.len());
            }
        }
    }

    /// How long [`write`](Self::write) makes a file.
    pub(crate) fn bytes(&self) -> usize {
        2 * HEADER_BYTES + self.start.len() + self.entries.len()
    }

    /// Takes up entries that a dictionary block in the file has.
    pub(crate) fn add(&mut self, entries: &[u8]) {
        self.entries.extend_from_slice(entries);
    }
}

/// What a record has in common with others, as its frame says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Near {
    site: usize,
    snapshot: u64,
    logger: u32,
    level: i32,
    tags: u64,
}

/// A form, as far as writing its records needs it.
#[derive(Debug)]
pub(super) struct FormState {
    tags: Vec<u8>,
    pub(super) fixed: usize,
    /// The lengths of the last record's values in the block `block`, four bits each.
    lengths: u64,
    pub(super) block: u64,
    /// There are few values, numbers and texts alone: each has a slot.
    pub(super) is_plain: bool,
    pub(super) slots: Vec<Slot>,
    /// Records that were stored in these lengths, since they were last measured.
    pub(super) unmeasured: u32,
}

/// How a value is stored: its tag, and of a number its length, the bits that this has no room for
/// and the lengths of the numbers before it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) tag: u8,
    fold: Fold,
    pub(super) length: u8,
    pub(super) place: u8,
    pub(super) beyond: u64,
}

/// Slots of values with these tags, of which the numbers have these lengths.
pub(super) fn set_slots(slots: &mut Vec<Slot>, tags: &[u8], mut lengths: u64) {
    slots.clear();
    let mut place = 0;
    slots.extend(tags.iter().map(|tag| {
        let mut length = 0;
        if is_fixed(*tag) {
            length = lengths as u8 & 15;
            lengths >>= 4;
        }
        let slot = Slot { tag: *tag, fold: Fold::of(*tag), length, place, beyond: beyond(length) };
        place += length;
        slot
    }));
}

/// How many records are stored in known lengths that they fit before they are measured again.
pub(super) const MEASURE_EVERY: u32 = 64;

impl FormState {
    fn new(tags: Vec<u8>) -> Self {
        let fixed = tags.iter().filter(|tag| is_fixed(**tag)).count();
        let is_plain =
            fixed <= MOST_LENGTHS && tags.iter().all(|tag| is_fixed(*tag) || is_text(*tag));
        let (slots, unmeasured) = (Vec::new(), 0);
        Self { tags, fixed, lengths: 0, block: 0, is_plain, slots, unmeasured }
    }

    /// Takes other lengths, for the records from here on.
    fn set_lengths(&mut self, lengths: u64, block: u64) {
        (self.lengths, self.block) = (lengths, block);
        self.slots.clear();
        if self.is_plain {
            set_slots(&mut self.slots, &self.tags, lengths);
        }
    }
}

#[derive(Debug)]
pub(super) struct LaneState {
    entry: LaneEntry,
    /// Its place among the lanes of the block `block`.
    slot: u32,
    block: u64,
    /// The sequence that the next record has if none is missing.
    pub(super) next: u64,
    context: Vec<u64>,
}

const NEAR_FORMS: usize = 256;
/// What a record's call site, lane and form usually take in the dictionary.
const DICTIONARY_BYTES: u64 = 1 << 10;

/// Makes blocks of records.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// No two encoders of the process have the same.
    pub(super) number: u64,
    segment: u32,
    pub(super) out: Out,
    near: Vec<Option<(Near, u32)>>,
    forms: HashMap<FormEntry, u32>,
    pub(super) states: Vec<FormState>,
    pub(super) lanes: Vec<LaneState>,
    by_number: HashMap<u32, Vec<u32>>,
    pub(super) lane: usize,
    /// Numbers blocks, so that what belongs to one need not be cleared for the next.
    pub(super) block: u64,
    pub(super) slots: u32,
    sites: Vec<bool>,
    shapes: usize,
    /// Entries that the file does not have yet.
    pub(super) entries: Vec<u8>,
    pub(super) header: Header,
    pub(super) time: i64,
    /// Times of records that are being packed.
    pub(super) times: [i64; MEASURE_EVERY as usize],
}

impl Encoder {
    /// Begins a segment.
    pub(crate) fn new(start: &Start) -> (Self, Preamble) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let preamble = Preamble::new(start);
        let this = Self {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            segment: preamble.segment,
            out: Out::default(),
            near: vec![None; NEAR_FORMS],
            forms: HashMap::new(),
            // Form 0 is none.
            states: vec![FormState::new(Vec::new())],
            lanes: Vec::new(),
            by_number: HashMap::new(),
            lane: usize::MAX,
            block: 1,
            slots: 0,
            sites: Vec::new(),
            shapes: 0,
            entries: Vec::new(),
            header: Header::plain(Kind::Records, preamble.segment, &[]),
            time: 0,
            times: [0; MEASURE_EVERY as usize],
        };
        (this, preamble)
    }

    /// Bytes of the block in the making, and what must stand before it.
    pub(crate) fn len(&self) -> usize {
        self.out.len() + self.entries.len()
    }

    /// Records of the block in the making.
    pub(crate) fn records(&self) -> u32 {
        self.header.records
    }

    /// More bytes than the record will take; what it may add to the dictionary is allowed for.
    pub(crate) fn at_most(&self, record: &LogRecord<'_>) -> u64 {
        let head = record.head();
        let words = match record.body() {
            Body::Site { words, .. } => words.len(),
            Body::Described(described) => described.words.len(),
        };
        at_most(words + head.context.len())
    }

    /// Ends the block: gives the entries that must stand before it, and it. Nothing happens if
    /// there is none.
    pub(crate) fn take(&mut self, give: impl FnOnce(&[u8], Header, &[u8])) {
        if self.header.records == 0 {
            return;
        }
        for shape in callsite::shapes_from(self.shapes) {
            self.entries.extend(kept::shape(shape.number(), shape));
            self.shapes += 1;
        }
        let payload = self.out.bytes();
        let header = Header {
            stored: payload.len() as u32,
            raw: payload.len() as u32,
            sum: crc32c::crc32c(payload),
            ..self.header
        };
        give(&self.entries, header, payload);
        self.entries.clear();
        self.out.clear();
        self.header = Header::plain(Kind::Records, self.segment, &[]);
        self.block += 1;
        self.slots = 0;
        self.lane = usize::MAX;
    }

    /// Takes a record.
    ///
    /// # Errors
    ///
    /// If its message cannot be rendered or its frame is damaged; the block is as before then.
    #[inline]
    pub(crate) fn push(&mut self, record: &LogRecord<'_>) -> Result<(), Error> {
        let head = record.head();
        let (before, slots) = (self.out.len(), self.slots);
        if record.overlay().is_none()
            && let Body::Site { site, words } = record.body()
        {
            let count = site.meta.roles.len().div_ceil(8);
            let Some((tags, values)) = words.split_at_checked(count) else { return misfit() };
            let form = self.site_form(head, site, tags);
            self.begin(head, values.len());
            if self.values(form, head, values).is_none() {
                return self.undo(before, slots);
            }
        } else if let Err(error) = self.rare(record) {
            let _ = self.undo(before, slots);
            return Err(error);
        }
        let lane = &mut self.lanes[self.lane];
        lane.next = head.sequence.wrapping_add(1);
        self.time = head.time_ns;
        let header = &mut self.header;
        header.records += 1;
        header.levels |= level_bit(record.level());
        header.least_ns = header.least_ns.min(head.time_ns);
        header.most_ns = header.most_ns.max(head.time_ns);
        Ok(())
    }

    /// Takes back what a record that failed has written; `slots` lanes were in the block before it.
    #[cold]
    pub(super) fn undo(&mut self, before: usize, slots: u32) -> Result<(), Error> {
        self.out.truncate(before);
        if self.header.records == 0 {
            self.block += 1;
            self.slots = 0;
        } else if let Some(lane) = self.lanes.get_mut(self.lane) {
            if self.slots > slots {
                (self.slots, lane.block) = (slots, 0);
            } else {
                // What was said of the scope is gone: it is said again, whatever it is.
                lane.context = vec![u64::MAX];
            }
        }
        self.lane = usize::MAX;
        misfit()
    }

    /// What stands before a record: its lane, the scope, holes.
    #[inline]
    pub(super) fn begin(&mut self, head: &Head<'_>, words: usize) {
        self.out.room(64 + words * 10);
        let lane = match self.lanes.get(self.lane) {
            Some(lane) if is_lane(&lane.entry, head) => lane,
            _ => {
                self.switch_lane(head);
                &self.lanes[self.lane]
            }
        };
        // Empty slices are not compared: glibc's comparison reads no byte of them, but asks for
        // memory where they dangle, which takes the processor longer than the whole record.
        let same_context = match (lane.context.is_empty(), head.context.is_empty()) {
            (true, true) => true,
            (false, false) => lane.context == head.context,
            _ => false,
        };
        if lane.next != head.sequence || !same_context || head.late {
            self.unusual(head, same_context);
            self.out.room(64 + words * 10);
        }
    }

    #[cold]
    fn unusual(&mut self, head: &Head<'_>, same_context: bool) {
        if !same_context {
            self.context(head);
        }
        let next = self.lanes[self.lane].next;
        if next != head.sequence {
            self.op(op::SKIP);
            self.out.varint(zigzag(head.sequence.wrapping_sub(next) as i64));
        }
        if head.late {
            self.op(op::LATE);
        }
    }

    fn op(&mut self, op: u64) {
        self.out.room(64);
        self.out.low(0, 1);
        self.out.varint(op);
    }

    #[cold]
    fn context(&mut self, head: &Head<'_>) {
        self.op(op::CONTEXT);
        self.out.words(head.context);
        let lane = &mut self.lanes[self.lane];
        lane.context.clear();
        lane.context.extend_from_slice(head.context);
    }

    /// Finds or adds the record's lane, and writes that it comes from there.
    fn switch_lane(&mut self, head: &Head<'_>) {
        let known = self.by_number.entry(head.lane).or_default();
        let found = known.iter().find(|at| is_lane(&self.lanes[**at as usize].entry, head));
        let number = match found {
            Some(number) => *number,
            None => {
                let number = self.lanes.len() as u32;
                known.push(number);
                let entry = LaneEntry {
                    number: head.lane,
                    start_ns: head.start_ns,
                    thread: head.thread.clone(),
                    process: head.process.clone(),
                    without: head.without,
                };
                self.entries.extend(dictionary::lane(number, &entry));
                let (context, block) = (Vec::new(), 0);
                self.lanes.push(LaneState { entry, slot: 0, block, next: 0, context });
                number
            }
        };
        self.lane = number as usize;
        let lane = &mut self.lanes[self.lane];
        if lane.block == self.block {
            // The form 0 with its mark: one of the lanes of this block.
            let slot = lane.slot;
            self.out.low(1, 1);
            self.out.varint(slot.into());
            return;
        }
        (lane.slot, lane.block, lane.next) = (self.slots, self.block, head.sequence);
        lane.context.clear();
        self.slots += 1;
        if self.header.records == 0 {
            let header = &mut self.header;
            (header.lane, header.sequence) = (number, head.sequence);
            (header.first_ns, header.least_ns, header.most_ns) =
                (head.time_ns, head.time_ns, head.time_ns);
            self.time = head.time_ns;
        } else {
            self.op(op::NEW_LANE);
            self.out.varint(number.into());
            self.out.varint(head.sequence);
        }
    }

    /// The form of a call site's record.
    #[inline]
    pub(super) fn site_form(
        &mut self,
        head: &Head<'_>,
        site: &'static Callsite,
        tags: &[u64],
    ) -> u32 {
        let near = Near {
            site: std::ptr::from_ref(site) as usize,
            snapshot: head.names.snapshot,
            logger: head.names.logger,
            level: head.level.as_i32(),
            tags: tags.first().copied().unwrap_or(0),
        };
        let slot = (near.site >> 4 ^ near.logger as usize ^ near.level as usize) % NEAR_FORMS;
        match &self.near[slot] {
            Some((known, form)) if *known == near => *form,
            _ => {
                let form = self.new_site_form(head, site, tags);
                // What the snapshot does not vouch for, or more tags than one word holds, is
                // looked up each time.
                if head.names.snapshot != 0 && tags.len() <= 1 {
                    self.near[slot] = Some((near, form));
                }
                form
            }
        }
    }

    #[cold]
    fn new_site_form(&mut self, head: &Head<'_>, site: &'static Callsite, tags: &[u64]) -> u32 {
        let number = callsite::register(site);
        let index = number as usize;
        if self.sites.len() <= index {
            self.sites.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.sites[index], true) {
            self.entries.extend(kept::site(number, site));
        }
        let entry = FormEntry {
            logger: head.logger.to_owned(),
            level: head.level.as_i32(),
            level_name: head.level_name.to_owned(),
            site: number,
            words: tags.to_vec(),
        };
        let count = site.meta.roles.len();
        let tags = tags.iter().flat_map(|word| word.to_le_bytes()).take(count).collect();
        self.form(entry, tags)
    }

    fn form(&mut self, entry: FormEntry, tags: Vec<u8>) -> u32 {
        if let Some(known) = self.forms.get(&entry) {
            return *known;
        }
        let number = self.states.len() as u32;
        self.entries.extend(dictionary::form(number, &entry));
        self.states.push(FormState::new(tags));
        self.forms.insert(entry, number);
        number
    }

    fn values(&mut self, form: u32, head: &Head<'_>, words: &[u64]) -> Option<()> {
        self.pack(form, head.time_ns.wrapping_sub(self.time) as u64, words)
    }

    /// Records without a call site, changed ones, and those whose message is rendered elsewhere.
    #[cold]
    fn rare(&mut self, record: &LogRecord<'_>) -> Result<(), Error> {
        let head = record.head();
        let (form, repeats) = match record.body() {
            Body::Site { site, words } => {
                let count = site.meta.roles.len().div_ceil(8);
                let Some((tags, values)) = words.split_at_checked(count) else { return misfit() };
                (self.site_form(head, site, tags), values.to_vec())
            }
            Body::Described(described) => {
                let (same, own) = split(described);
                let entry = FormEntry {
                    logger: head.logger.to_owned(),
                    level: head.level.as_i32(),
                    level_name: head.level_name.to_owned(),
                    site: 0,
                    words: same,
                };
                if self.forms.len() < MOST_FORMS || self.forms.contains_key(&entry) {
                    (self.form(entry, Vec::new()), own)
                } else {
                    let same = entry.words.clone();
                    let bare = FormEntry { words: Vec::new(), ..entry };
                    (self.form(bare, Vec::new()), [same, own].concat())
                }
            }
        };
        self.begin(head, repeats.len());
        if let Some(overlay) = record.overlay() {
            self.op(op::OVERLAY);
            self.out.words(&overlay_words(overlay));
        }
        if record.render_with().is_some() {
            let mut text = Vec::new();
            record.write_message(&mut text)?;
            self.op(op::RENDERED);
            self.out.varint(text.len() as u64);
            self.out.raw(&text);
        }
        self.out.room(64 + repeats.len() * 10);
        if matches!(record.body(), Body::Site { .. }) {
            return self.values(form, head, &repeats).map_or_else(misfit, Ok);
        }
        self.out.varint(u64::from(form) << 1);
        self.out.varint(head.time_ns.wrapping_sub(self.time) as u64);
        self.out.words(&repeats);
        Ok(())
    }
}

/// More bytes than a record of so many words takes.
pub(super) fn at_most(words: usize) -> u64 {
    DICTIONARY_BYTES + 9 * words as u64
}

#[cold]
fn misfit() -> Result<(), Error> {
    Err(Error::other("a frame's values do not fit its call site"))
}

/// Lanes of a number are alike within a run; what bears no number has to be looked at whole.
#[inline(always)]
fn is_lane(entry: &LaneEntry, head: &Head<'_>) -> bool {
    entry.number == head.lane
        && entry.start_ns == head.start_ns
        && entry.without == head.without
        && entry.thread.id == head.thread.id
        && (head.lane != 0 && entry.process.id == head.process.id
            || entry.thread == *head.thread && entry.process == *head.process)
}

/// A word as a number that is short for common values.
#[inline(always)]
pub(super) fn fold(tag: u8, word: u64) -> u64 {
    match tag {
        tag::F64 => word.swap_bytes(),
        tag::I8 | tag::I16 | tag::I32 | tag::I64 => zigzag(word as i64),
        tag::F32 => word.rotate_left(32).swap_bytes(),
        _ => word,
    }
}

/// The word of which [`fold`] made this.
#[inline(always)]
pub(super) fn unfold(tag: u8, value: u64) -> u64 {
    match tag {
        tag::F64 => value.swap_bytes(),
        tag::I8 | tag::I16 | tag::I32 | tag::I64 => unzigzag(value) as u64,
        tag::F32 => value.swap_bytes().rotate_left(32),
        _ => value,
    }
}

/// The bits of a word that so many bytes have no room for.
#[inline(always)]
pub(super) fn beyond(length: u8) -> u64 {
    if length >= 8 { 0 } else { u64::MAX << (8 * length) }
}

/// How [`fold`] does it, with what is most frequent told apart first.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fold {
    Not,
    Swap,
    ByTag,
}

impl Fold {
    pub(super) fn of(tag: u8) -> Self {
        match tag {
            tag::U64 => Self::Not,
            tag::F64 => Self::Swap,
            _ => Self::ByTag,
        }
    }
}

impl Slot {
    #[inline(always)]
    pub(super) fn fold(&self, word: u64) -> u64 {
        match self.fold {
            Fold::Not => word,
            Fold::Swap => word.swap_bytes(),
            Fold::ByTag => fold(self.tag, word),
        }
    }

    /// The word of which [`fold`](Self::fold) made this.
    #[inline(always)]
    pub(super) fn unfold(&self, value: u64) -> u64 {
        match self.fold {
            Fold::Not => value,
            Fold::Swap => value.swap_bytes(),
            Fold::ByTag => unfold(self.tag, value),
        }
    }
}

/// Values that are bytes: their number, then they.
#[inline(always)]
pub(super) fn is_text(tag: u8) -> bool {
    matches!(tag, tag::STR | tag::TEXT | tag::BYTES)
}

/// Writes a record's values in lengths that fit them.
#[inline(never)]
pub(super) fn measured(
    out: &mut Out,
    state: &mut FormState,
    block: u64,
    form: u32,
    delta: u64,
    words: &[u64],
) -> Option<()> {
    state.unmeasured = 0;
    if state.fixed != state.tags.len() || state.fixed > MOST_LENGTHS {
        return values_of_any_kind(out, state, block, form, delta, words);
    }
    let count = state.fixed;
    let words = words.get(..count)?;
    let mut lengths = 0;
    for (at, (tag, word)) in state.tags.iter().zip(words).enumerate() {
        lengths |= (length(fold(*tag, *word)) as u64) << (4 * at);
    }
    let same = state.block == block && fits(lengths, state.lengths, count);
    out.varint(u64::from(form) << 1 | u64::from(same));
    out.varint(delta);
    if !same {
        state.set_lengths(lengths, block);
        out.low(lengths, count.div_ceil(2));
    }
    for (slot, word) in state.slots.iter().zip(words) {
        out.low(fold(slot.tag, *word), slot.length.into());
    }
    Some(())
}

/// Whether values of these lengths may be stored in those: each fits, and what is wasted is less
/// than the lengths would take.
#[inline(always)]
fn fits(lengths: u64, known: u64, count: usize) -> bool {
    lengths == known && count > 0 || fits_with_waste(lengths, known, count)
}

fn fits_with_waste(mut lengths: u64, mut known: u64, count: usize) -> bool {
    let mut waste = 0;
    for _ in 0..count {
        let (length, room) = (lengths & 15, known & 15);
        if length > room {
            return false;
        }
        waste += room - length;
        (lengths, known) = (lengths >> 4, known >> 4);
    }
    waste < (count as u64).div_ceil(2)
}

/// Values of which some are texts or nest: numbers first in lengths, then all in order.
#[inline(never)]
fn values_of_any_kind(
    out: &mut Out,
    state: &mut FormState,
    block: u64,
    form: u32,
    delta: u64,
    words: &[u64],
) -> Option<()> {
    let mut rest = words;
    let mut lengths = 0;
    let mut all = Vec::new();
    let mut at = 0;
    for tag in &state.tags {
        if is_fixed(*tag) {
            let length = length(fold(*tag, *rest.first()?)) as u64;
            if at < MOST_LENGTHS {
                lengths |= length << (4 * at);
            }
            if state.fixed > MOST_LENGTHS {
                all.push(length as u8);
            }
            at += 1;
        }
        decode::value(*tag, &mut rest)?;
    }
    let few = state.fixed <= MOST_LENGTHS;
    let same = few && state.block == block && fits(lengths, state.lengths, state.fixed);
    out.varint(u64::from(form) << 1 | u64::from(same));
    out.varint(delta);
    if !few {
        out.room(all.len());
        for pair in all.chunks(2) {
            out.low(u64::from(pair[0] | pair.get(1).unwrap_or(&0) << 4), 1);
        }
    } else if !same {
        state.set_lengths(lengths, block);
        out.low(lengths, state.fixed.div_ceil(2));
    }
    let (mut known, mut all) = (state.lengths, all.into_iter());
    let mut rest = words;
    for tag in &state.tags {
        let before = rest;
        if is_fixed(*tag) {
            let length = if few { known as u8 & 15 } else { all.next()? };
            known >>= 4;
            out.room(8);
            out.low(fold(*tag, decode::word(&mut rest)?), length.into());
            continue;
        }
        if is_text(*tag) {
            let bytes = decode::bytes(&mut rest)?;
            out.room(10);
            out.varint(bytes.len() as u64);
            out.raw(bytes);
        } else {
            decode::value(*tag, &mut rest)?;
            out.words(before.get(..before.len() - rest.len())?);
        }
    }
    Some(())
}

/// The items of a described record that are likely to repeat, and the others.
fn split(described: &Described<'_>) -> (Vec<u64>, Vec<u64>) {
    let (mut same, mut own) = (Vec::new(), Vec::new());
    let mut rest = described.words;
    while let Some((head, after)) = rest.split_first() {
        let mut after = after;
        let known = u8::try_from(*head >> 32).ok().and_then(|tag| decode::value(tag, &mut after));
        if known.is_none() {
            // Who reads it stops here as well.
            own.extend_from_slice(rest);
            break;
        }
        let item = &rest[..rest.len() - after.len()];
        let repeats = [
            Field::Pathname,
            Field::Line,
            Field::Function,
            Field::ModulePath,
            Field::Thread,
            Field::ThreadName,
            Field::Process,
            Field::ProcessName,
            Field::LevelName,
        ];
        let repeats = repeats.iter().any(|field| *field as u32 == *head as u32);
        if repeats { &mut same } else { &mut own }.extend_from_slice(item);
        rest = after;
    }
    (same, own)
}

/// A record's changes: level and message if there are any, then the attributes as a map.
fn overlay_words(overlay: &Overlay) -> Vec<u64> {
    let flags = u64::from(overlay.level.is_some()) | u64::from(overlay.message.is_some()) << 1;
    let level = overlay.level.map_or(0, |level| level.as_i32() as u32);
    let mut words = vec![flags, level.into()];
    overlay.message.as_deref().unwrap_or_default().capture().put(&mut words);
    words.push(overlay.attributes.len() as u64);
    for (key, value) in &overlay.attributes {
        (**key).capture().put(&mut words);
        words.push(value.words().len() as u64);
        words.extend_from_slice(value.words());
    }
    words
}
