//! From blocks to records.

use super::dictionary::{Form, LaneEntry, Segment, is_fixed};
use super::encode::{MOST_LENGTHS, Slot, beyond, op, set_slots, unfold};
use super::frame::{Header, ZSTD, bits_from};
use super::pack::{In, are_lengths, short_varint, unzigzag};
use crate::callsite::{self, Callsite};
use crate::decode::{self, Value};
use crate::error::Error;
use crate::level::Level;
use crate::record::{Body, Described, Head, LogRecord, Names, Overlay, Render, ValueBuf};
use crate::sync::Arc;
use crate::value::tag;

/// A block of records of a binary log, read and checked, not yet unpacked.
///
/// Blocks are independent of each other: threads may unpack them side by side.
#[derive(Debug, Clone)]
pub struct BinaryBlock {
    pub(super) header: Header,
    pub(super) segment: Arc<Segment>,
    pub(super) payload: Vec<u8>,
}

/// A message that was rendered where the record was made.
struct Ready(Vec<u8>);

impl Render for Ready {
    fn render(&self, _: Value<'_>, _: Value<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        out.extend_from_slice(&self.0);
        Ok(())
    }
}

/// A lane as far as the block has come.
struct Lane<'a> {
    entry: &'a LaneEntry,
    next: u64,
    context: Vec<u64>,
}

/// What stands before a record and counts for it alone.
#[derive(Default)]
struct Once {
    late: bool,
    overlay: Option<Overlay>,
    renderer: Option<Arc<dyn Render>>,
}

impl BinaryBlock {
    /// How many records it holds.
    pub fn records(&self) -> u64 {
        self.header.records.into()
    }

    /// The least and the greatest time of its records, in nanoseconds since the Unix epoch.
    pub fn span_ns(&self) -> (i64, i64) {
        (self.header.least_ns, self.header.most_ns)
    }

    /// Returns false if no record of at least this level can be in it.
    pub fn may_hold(&self, least: Level) -> bool {
        self.header.levels & bits_from(least) != 0
    }

    /// The time zone of the process that wrote it, by its IANA name; empty if it had none.
    pub fn zone(&self) -> &str {
        &self.segment.start.zone
    }

    /// Unpacks the records and lends them, in the order in which the handler got them. Returns how
    /// many there were.
    ///
    /// # Errors
    ///
    /// If the block does not hold together although its checksum is right, or names what no
    /// dictionary explains; records before that place have been lent.
    pub fn for_each(&self, mut each: impl FnMut(&LogRecord<'_>)) -> Result<u64, Error> {
        let mut unpacked;
        let payload = if self.header.flags & ZSTD == 0 {
            &self.payload
        } else {
            // Behind it lies what unpacked bytes end in.
            let stored = self.payload.len().min(self.header.stored as usize);
            unpacked = unzip(&self.payload[..stored], self.header.raw)?;
            unpacked.extend([0; 8]);
            &unpacked
        };
        let mut lent = 0;
        let shapes = &self.segment.shapes;
        let done = callsite::with_shapes(shapes, || {
            self.walk(payload, &mut |record| {
                lent += 1;
                each(record);
            })
        });
        match done {
            Some(()) if lent == self.records() => Ok(lent),
            _ => Err(Error::other(format!(
                "{} of {} records cannot be read",
                self.records().saturating_sub(lent),
                self.records()
            ))),
        }
    }

    fn walk(&self, payload: &[u8], each: &mut impl FnMut(&LogRecord<'_>)) -> Option<()> {
        let segment = &*self.segment;
        let header = &self.header;
        let mut read = In::new(payload);
        let mut lanes = Vec::new();
        let new_lane = |number: u32, next: u64| {
            let entry = segment.lanes.get(number as usize)?.as_deref()?;
            Some(Lane { entry, next, context: Vec::new() })
        };
        lanes.push(new_lane(header.lane, header.sequence)?);
        let mut slot = 0;
        let mut time = header.first_ns;
        let mut lengths = vec![Lengths::default(); segment.forms.len()];
        let (mut words, mut few) = (Vec::new(), [0; FEW_WORDS]);
        let mut alike = Alike::default();
        let mut once = Once::default();
        let mut unusual = false;
        while !read.is_empty() {
            let rest = read.rest();
            let code = read.varint()?;
            let number = usize::try_from(code >> 1).ok()?;
            if number == 0 {
                if code & 1 != 0 {
                    slot = usize::try_from(read.varint()?).ok()?;
                    lanes.get(slot)?;
                    continue;
                }
                match read.varint()? {
                    op::NEW_LANE => {
                        let number = u32::try_from(read.varint()?).ok()?;
                        lanes.push(new_lane(number, read.varint()?)?);
                        slot = lanes.len() - 1;
                    }
                    op::SKIP => {
                        let further = unzigzag(read.varint()?) as u64;
                        let lane = &mut lanes[slot];
                        lane.next = lane.next.wrapping_add(further);
                    }
                    op::CONTEXT => {
                        let context = &mut lanes[slot].context;
                        context.clear();
                        read.words(context)?;
                    }
                    op::LATE => (once.late, unusual) = (true, true),
                    op::OVERLAY => {
                        words.clear();
                        read.words(&mut words)?;
                        (once.overlay, unusual) = (Some(overlay(&words)?), true);
                    }
                    op::RENDERED => {
                        let length = usize::try_from(read.varint()?).ok()?;
                        let text = read.raw(length)?.to_vec();
                        let renderer: Arc<dyn Render> = Arc::new(Ready(text));
                        (once.renderer, unusual) = (Some(renderer), true);
                    }
                    _ => return None,
                }
                continue;
            }
            let form = segment.forms.get(number)?.as_deref()?;
            let known = lengths.get_mut(number)?;
            let lane = &mut lanes[slot];
            let mut head = Head {
                logger: &form.logger,
                level: form.level,
                level_name: &form.level_name,
                names: Names { snapshot: segment.unique, logger: form.names },
                time_ns: time,
                start_ns: lane.entry.start_ns,
                thread: &lane.entry.thread,
                process: &lane.entry.process,
                lane: lane.entry.number,
                sequence: lane.next,
                late: once.late,
                without: lane.entry.without,
                context: &lane.context,
            };
            if let Some(site) = form.site
                && form.is_plain()
                && code & 1 != 0
                && !unusual
                && let Some(bytes) = alike.unpack(rest, code, form, known, &mut time)
            {
                read.go_to(rest, bytes);
                alike.lend(head, site, each);
                lane.next = lane.next.wrapping_add(alike.count as u64);
                continue;
            }
            time = time.wrapping_add(read.varint()? as i64);
            head.time_ns = time;
            let known = &mut known.known;
            let renderer = once.renderer.as_ref();
            let mut record = match form.site {
                Some(site) if form.is_plain() => {
                    let words = numbers(form, code & 1 != 0, known, &mut read, &mut few)?;
                    LogRecord::new(head, Body::Site { site, words }, renderer)
                }
                Some(site) => {
                    words.clear();
                    words.extend_from_slice(&form.words);
                    values(form, code & 1 != 0, known, &mut read, &mut words)?;
                    LogRecord::new(head, Body::Site { site, words: &words }, renderer)
                }
                None => {
                    words.clear();
                    words.extend_from_slice(&form.words);
                    read.words(&mut words)?;
                    LogRecord::new(head, Body::Described(Described::read(&words)), renderer)
                }
            };
            if unusual {
                if let Some(overlay) = once.overlay.take() {
                    record = record.with_overlay(overlay);
                }
                each(&record);
                drop(record);
                (once, unusual) = (Once::default(), false);
            } else {
                each(&record);
            }
            lanes[slot].next = lanes[slot].next.wrapping_add(1);
        }
        Some(())
    }
}

/// The lengths of the values of a form's last record in the block.
#[derive(Debug, Clone)]
struct Lengths {
    /// Four bits each; no lengths are known if all are set.
    known: u64,
    /// Where records are unpacked that have them: what they are made of.
    slots: Vec<Slot>,
    slots_of: u64,
}

impl Default for Lengths {
    fn default() -> Self {
        Self { known: u64::MAX, slots: Vec::new(), slots_of: u64::MAX }
    }
}

impl Lengths {
    /// What records of numbers are made of.
    fn slots(&mut self, tags: &[u8]) -> &[Slot] {
        if self.slots_of != self.known {
            self.slots_of = self.known;
            set_slots(&mut self.slots, tags, self.known);
        }
        &self.slots
    }
}

/// How many records are unpacked before they are lent.
const MOST_ALIKE: usize = 64;

/// Records that follow each other and differ in time and numbers alone.
struct Alike {
    /// Of each: the tag words, then its numbers.
    rows: Vec<u64>,
    row_words: usize,
    times: [i64; MOST_ALIKE],
    count: usize,
}

impl Default for Alike {
    fn default() -> Self {
        Self { rows: Vec::new(), row_words: 0, times: [0; MOST_ALIKE], count: 0 }
    }
}

impl Alike {
    /// Unpacks records of a form whose values are as long as those of the record before, up to one
    /// that is different. Returns how many bytes they take; `None` if the first one is to be read
    /// in another way.
    #[inline(never)]
    fn unpack(
        &mut self,
        bytes: &[u8],
        code: u64,
        form: &Form,
        known: &mut Lengths,
        time: &mut i64,
    ) -> Option<usize> {
        if known.known == u64::MAX || code >= 0x4000 {
            return None;
        }
        let slots = known.slots(&form.tags);
        let words = form.words.len() + slots.len();
        self.row_words = words;
        if self.rows.len() < MOST_ALIKE * words {
            self.rows.resize(MOST_ALIKE * words, 0);
        }
        let rows = Rows { words: &mut self.rows, times: &mut self.times };
        // For a few values their number is known to the compiler, which makes no loop of them.
        let (count, length) = match (&*form.words, slots) {
            ([tags], [a]) => rows.unpack(bytes, code, &[*tags], &[*a], time),
            ([tags], [a, b]) => rows.unpack(bytes, code, &[*tags], &[*a, *b], time),
            ([tags], [a, b, c]) => rows.unpack(bytes, code, &[*tags], &[*a, *b, *c], time),
            ([tags], [a, b, c, d]) => rows.unpack(bytes, code, &[*tags], &[*a, *b, *c, *d], time),
            (tags, slots) => rows.unpack(bytes, code, tags, slots, time),
        };
        self.count = count;
        (count > 0).then_some(length)
    }

    /// Lends the records, of which `head` is the first one's but for its time.
    #[inline(always)]
    fn lend(&self, head: Head<'_>, site: &'static Callsite, each: &mut impl FnMut(&LogRecord<'_>)) {
        let first = head.sequence;
        let mut record = LogRecord::new(head, Body::Site { site, words: &[] }, None);
        let words = self.row_words;
        let mut rest = &*self.rows;
        for (at, time_ns) in self.times.iter().take(self.count).enumerate() {
            let Some((row, others)) = rest.split_at_checked(words) else { return };
            rest = others;
            record.go_on(*time_ns, first.wrapping_add(at as u64), row);
            each(&record);
        }
    }
}

/// Places for records, and for their times.
struct Rows<'a> {
    words: &'a mut [u64],
    times: &'a mut [i64],
}

impl Rows<'_> {
    /// Unpacks records of these tag words and slots. Returns how many, and of how many bytes.
    #[inline(always)]
    fn unpack(
        self,
        bytes: &[u8],
        code: u64,
        tags: &[u64],
        slots: &[Slot],
        time: &mut i64,
    ) -> (usize, usize) {
        let (code, code_length) = short_varint(code);
        let code_bits = !beyond(code_length as u8);
        let length = slots.last().map_or(0, |slot| usize::from(slot.place + slot.length)).min(BODY);
        let (mut now, mut count) = (*time, 0);
        let (all, mut bytes, mut rest) = (bytes.len(), bytes, self.words);
        for time_ns in self.times {
            let row = rest.split_at_mut_checked(tags.len() + slots.len());
            let (Some(room), Some((row, others))) = (bytes.first_chunk::<ROOM>(), row) else {
                break;
            };
            let first = room.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
            if first & code_bits != code {
                break;
            }
            let delta = first >> (8 * code_length);
            let (delta, delta_length) = match (delta & 0x80, delta & 0x8000) {
                (0, _) => (delta & 0x7f, 1),
                (_, 0) => (delta & 0x7f | delta >> 1 & 0x3f80, 2),
                _ => break,
            };
            let start = code_length + delta_length;
            let Some(body) = room.get(start..).and_then(|room| room.first_chunk()) else { break };
            let (row_tags, row) = row.split_at_mut(tags.len());
            for (word, tag_word) in row_tags.iter_mut().zip(tags) {
                *word = *tag_word;
            }
            for (word, slot) in row.iter_mut().zip(slots) {
                *word = slot.unfold(low(body, slot.place.into()) & !slot.beyond);
            }
            now = now.wrapping_add(delta as i64);
            *time_ns = now;
            rest = others;
            bytes = bytes.get(start + length..).unwrap_or_default();
            count += 1;
        }
        *time = now;
        (count, all - bytes.len())
    }
}

/// More bytes than the numbers of a record take, if they are few, and a word.
const BODY: usize = 8 * MOST_LENGTHS + 8;
/// More than such a record takes, with form and time before them.
const ROOM: usize = 8 + BODY;

/// A word of a record's numbers, at one of their places.
#[inline(always)]
fn low(body: &[u8; BODY], place: usize) -> u64 {
    body[place % (BODY - 8)..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Room for a few values and their tag words.
const FEW_WORDS: usize = MOST_LENGTHS + MOST_LENGTHS / 8;

/// Reads a call site's values behind their tag words, where all are numbers, and few.
#[inline(always)]
fn numbers<'w>(
    form: &Form,
    same: bool,
    known: &mut u64,
    read: &mut In<'_>,
    words: &'w mut [u64; FEW_WORDS],
) -> Option<&'w [u64]> {
    let (tags, values) = words.split_at_mut_checked(form.words.len())?;
    for (word, tag_word) in tags.iter_mut().zip(&form.words) {
        *word = *tag_word;
    }
    let values = values.get_mut(..form.tags.len())?;
    if !same {
        *known = read.low(form.fixed.div_ceil(2)).filter(|lengths| are_lengths(*lengths))?;
    } else if *known == u64::MAX {
        return None;
    }
    let all = &*form.tags;
    read.numbers(*known, values, |place, number| {
        all.get(place).map_or(number, |tag| unfold(*tag, number))
    })?;
    words.get(..form.words.len() + form.tags.len())
}

/// Reads a call site's values behind their tag words.
#[inline(never)]
fn values(
    form: &Form,
    same: bool,
    known: &mut u64,
    read: &mut In<'_>,
    words: &mut Vec<u64>,
) -> Option<()> {
    let few = form.fixed <= MOST_LENGTHS;
    let mut many = [].as_slice();
    if !few {
        many = read.raw(form.fixed.div_ceil(2))?;
    } else if !same {
        *known = read.low(form.fixed.div_ceil(2))?;
    } else if *known == u64::MAX {
        return None;
    }
    let mut lengths = *known;
    let mut at = 0;
    for tag in &form.tags {
        if is_fixed(*tag) {
            let length =
                if few { lengths & 15 } else { u64::from(many[at / 2] >> (at % 2 * 4) & 15) };
            lengths >>= 4;
            at += 1;
            words.push(unfold(*tag, read.low(length as usize)?));
        } else {
            any(*tag, read, words)?;
        }
    }
    Some(())
}

#[inline(never)]
fn any(tag: u8, read: &mut In<'_>, words: &mut Vec<u64>) -> Option<()> {
    if !matches!(tag, tag::STR | tag::TEXT | tag::BYTES) {
        return read.words(words);
    }
    let length = read.varint()?;
    let bytes = read.raw(usize::try_from(length).ok()?)?;
    words.push(length);
    let at = words.len();
    words.resize(at + bytes.len().div_ceil(8), 0);
    bytemuck::cast_slice_mut(&mut words[at..])[..bytes.len()].copy_from_slice(bytes);
    Some(())
}

/// Reads what filters changed.
fn overlay(words: &[u64]) -> Option<Overlay> {
    let mut rest = words;
    let flags = decode::word(&mut rest)?;
    let level = Level::new(decode::word(&mut rest)? as u32 as i32);
    let text = |rest: &mut &[u64]| match decode::value(tag::STR, rest)? {
        Value::Str(text) => Some(Box::<str>::from(text)),
        _ => None,
    };
    let message = text(&mut rest)?;
    let mut attributes = Vec::new();
    for _ in 0..decode::word(&mut rest)? {
        let key = text(&mut rest)?;
        let count = usize::try_from(decode::word(&mut rest)?).ok()?;
        let (value, after) = rest.split_at_checked(count)?;
        attributes.push((key, ValueBuf::from_words(value.to_vec())));
        rest = after;
    }
    Some(Overlay {
        attributes,
        message: (flags & 2 != 0).then_some(message),
        level: (flags & 1 != 0).then_some(level),
    })
}

/// A block's payload compressed, with its header; `None` where that gains nothing.
#[cfg(feature = "zstd")]
pub(crate) fn zip(header: Header, payload: &[u8], level: i32) -> Option<(Header, Vec<u8>)> {
    let zipped = zstd::bulk::compress(payload, level).ok()?;
    if zipped.len() >= payload.len() {
        return None;
    }
    let header = Header {
        flags: header.flags | ZSTD,
        stored: u32::try_from(zipped.len()).ok()?,
        sum: crc32c::crc32c(&zipped),
        ..header
    };
    Some((header, zipped))
}

#[cfg(not(feature = "zstd"))]
pub(crate) fn zip(_: Header, _: &[u8], _: i32) -> Option<(Header, Vec<u8>)> {
    None
}

#[cfg(feature = "zstd")]
fn unzip(bytes: &[u8], raw: u32) -> Result<Vec<u8>, Error> {
    zstd::bulk::decompress(bytes, raw as usize)
        .map_err(|error| Error::other("a compressed block is damaged").because(error))
}

#[cfg(not(feature = "zstd"))]
fn unzip(_: &[u8], _: u32) -> Result<Vec<u8>, Error> {
    let text = "a compressed block: needs the cargo feature \"zstd\"";
    Err(Error::new(crate::error::ErrorKind::Unsupported, text))
}
