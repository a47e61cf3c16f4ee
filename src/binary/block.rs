//! From blocks to records.

use super::dictionary::{Form, LaneEntry, Segment, is_fixed};
use super::encode::{MOST_LENGTHS, op};
use super::frame::{Header, ZSTD, bits_from};
use super::pack::{In, are_lengths, unzigzag};
use crate::callsite;
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
        let mut lengths = vec![u64::MAX; segment.forms.len()];
        let (mut words, mut few) = (Vec::new(), [0; FEW_WORDS]);
        let mut once = Once::default();
        let mut unusual = false;
        while !read.is_empty() {
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
            time = time.wrapping_add(read.varint()? as i64);
            let lane = &mut lanes[slot];
            let head = Head {
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
            let renderer = once.renderer.as_ref();
            let known = lengths.get_mut(number)?;
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

#[inline(always)]
fn unfold(tag: u8, value: u64) -> u64 {
    match tag {
        tag::F64 => value.swap_bytes(),
        tag::I8 | tag::I16 | tag::I32 | tag::I64 => unzigzag(value) as u64,
        tag::F32 => value.swap_bytes().rotate_left(32),
        _ => value,
    }
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
