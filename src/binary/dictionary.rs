//! What blocks of records name by number: call sites, shapes of derived types, lanes, forms.

use super::encode::MOST_LENGTHS;
use super::frame::VERSION;
use crate::callsite::{Callsite, Metadata};
use crate::lane::keep::bytes::{In, Out, entries};
use crate::lane::keep::dictionary::{self as kept, ForeignSite, intern};
use crate::level::Level;
use crate::record::{ProcessInfo, ThreadInfo, Without};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, lock};
use crate::value::{Shape, tag};
use std::collections::HashMap;

/// Entries of this kind are the segment's beginning.
const START: u64 = 32;
const LANE: u64 = 33;
const SITE_FORM: u64 = 34;
const DESCRIBED_FORM: u64 = 35;

/// Who wrote a segment, and by which clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) process: u32,
    /// When the handler began to write, in nanoseconds since the Unix epoch, which is the unit and
    /// origin of all times.
    pub(crate) begun_ns: i64,
    /// The time zone of the process, by its IANA name if it has one.
    pub(crate) zone: String,
    /// The zone's distance from UTC at that time, in seconds.
    pub(crate) offset: i64,
    /// The version of the crate.
    pub(crate) crate_version: String,
}

impl Start {
    /// This process, now.
    pub(crate) fn now() -> Self {
        let now = jiff::Timestamp::now();
        let zone = jiff::tz::TimeZone::system();
        Self {
            process: std::process::id(),
            begun_ns: i64::try_from(now.as_nanosecond()).unwrap_or(0),
            zone: zone.iana_name().unwrap_or_default().to_owned(),
            offset: zone.to_offset(now).seconds().into(),
            crate_version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// A lane: one thread of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LaneEntry {
    pub(crate) number: u32,
    pub(crate) start_ns: i64,
    pub(crate) thread: ThreadInfo,
    pub(crate) process: ProcessInfo,
    pub(crate) without: Without,
}

/// What many records have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct FormEntry {
    pub(crate) logger: String,
    pub(crate) level: i32,
    pub(crate) level_name: String,
    /// The number of the call site; 0 for described records.
    pub(crate) site: u32,
    /// The tag words of a call site's values; of a described record, the items that repeat.
    pub(crate) words: Vec<u64>,
}

pub(crate) fn start(start: &Start) -> Vec<u8> {
    let mut out = Out::default();
    out.number(START).number(VERSION).number(start.process.into());
    out.number(start.begun_ns as u64).text(&start.zone).number(start.offset as u64);
    out.text(&start.crate_version);
    out.sealed()
}

/// Reads the payload of a segment's first block; `None` if it is of another version.
pub(crate) fn read_start(payload: &[u8]) -> Option<Start> {
    let mut entry = entries(payload).next()?;
    if entry.number()? != START || entry.number()? != VERSION {
        return None;
    }
    Some(Start {
        process: u32::try_from(entry.number()?).ok()?,
        begun_ns: entry.number()? as i64,
        zone: entry.text()?.to_owned(),
        offset: entry.number()? as i64,
        crate_version: entry.text()?.to_owned(),
    })
}

pub(crate) fn lane(number: u32, lane: &LaneEntry) -> Vec<u8> {
    let Without { threads, processes, process_names, tasks } = lane.without;
    let flags = u64::from(threads)
        | u64::from(processes) << 1
        | u64::from(process_names) << 2
        | u64::from(tasks) << 3;
    let mut out = Out::default();
    out.number(LANE).number(number.into()).number(lane.number.into()).number(lane.start_ns as u64);
    out.number(lane.thread.id).text(&lane.thread.name);
    out.number(lane.process.id.into()).text(&lane.process.name).number(flags);
    out.sealed()
}

pub(crate) fn form(number: u32, form: &FormEntry) -> Vec<u8> {
    let mut out = Out::default();
    out.number(if form.site == 0 { DESCRIBED_FORM } else { SITE_FORM }).number(number.into());
    out.text(&form.logger).number(u64::from(form.level as u32)).text(&form.level_name);
    out.number(form.site.into()).number(form.words.len() as u64);
    form.words.iter().for_each(|word| {
        out.number(*word);
    });
    out.sealed()
}

/// A form, ready to decode its records.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(crate) logger: Arc<str>,
    pub(crate) level: Level,
    pub(crate) level_name: Arc<str>,
    /// Stands for logger, level and level name.
    pub(crate) names: u32,
    pub(crate) site: Option<&'static Callsite>,
    /// The tags of a call site's values, in order.
    pub(crate) tags: Vec<u8>,
    /// How many of these are numbers of one word.
    pub(crate) fixed: usize,
    pub(crate) words: Vec<u64>,
}

impl Form {
    /// Whether its values are numbers of one word throughout, and few.
    #[inline(always)]
    pub(super) fn is_plain(&self) -> bool {
        self.fixed == self.tags.len() && self.fixed <= MOST_LENGTHS
    }
}

/// What the blocks of one writer refer to.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Differs between all segments read by this process.
    pub(crate) unique: u64,
    pub(crate) start: Arc<Start>,
    sites: HashMap<u32, &'static Callsite>,
    pub(crate) shapes: Arc<HashMap<u32, &'static Shape>>,
    pub(crate) lanes: Vec<Option<Arc<LaneEntry>>>,
    pub(crate) forms: Vec<Option<Arc<Form>>>,
    names: HashMap<(Arc<str>, i32, Arc<str>), u32>,
}

/// Numbers of one dictionary lie close together; one that does not is damage.
const MOST_NUMBERS: usize = 1 << 22;

impl Segment {
    pub(crate) fn new(start: Start) -> Self {
        // Apart from the numbers of snapshots, which formatters remember as well.
        static NEXT: AtomicU64 = AtomicU64::new(1 << 63);
        Self {
            unique: NEXT.fetch_add(1, Ordering::Relaxed),
            start: Arc::new(start),
            sites: HashMap::new(),
            shapes: Arc::default(),
            lanes: Vec::new(),
            forms: Vec::new(),
            names: HashMap::new(),
        }
    }

    /// Takes the entries of a dictionary block. Those that are not understood are left out, and
    /// the records that need them with them.
    pub(crate) fn learn(&mut self, payload: &[u8]) {
        for mut entry in entries(payload) {
            let _ = self.take(&mut entry);
        }
    }

    fn take(&mut self, entry: &mut In<'_>) -> Option<()> {
        let whole = entry.0;
        let kind = entry.number()?;
        let number = u32::try_from(entry.number()?).ok()?;
        let index = usize::try_from(number).ok().filter(|index| *index < MOST_NUMBERS)?;
        match kind {
            kept::SITE => {
                self.sites.insert(number, site(&whole[16..], entry)?);
            }
            kept::SHAPE => {
                Arc::make_mut(&mut self.shapes).insert(number, kept::read_shape(entry)?);
            }
            LANE => put(&mut self.lanes, index, read_lane(entry)?),
            SITE_FORM | DESCRIBED_FORM => {
                let form = self.read_form(entry, kind == SITE_FORM)?;
                put(&mut self.forms, index, form);
            }
            _ => {}
        }
        Some(())
    }

    fn read_form(&mut self, entry: &mut In<'_>, of_site: bool) -> Option<Form> {
        let logger: Arc<str> = entry.text()?.into();
        let level = entry.number()? as u32 as i32;
        let level_name: Arc<str> = entry.text()?.into();
        let site = u32::try_from(entry.number()?).ok()?;
        let mut words = Vec::new();
        for _ in 0..entry.count()? {
            words.push(entry.number()?);
        }
        let next = u32::try_from(self.names.len()).ok()?;
        let key = (logger.clone(), level, level_name.clone());
        let names = *self.names.entry(key).or_insert(next);
        let site = match of_site {
            true => Some(*self.sites.get(&site)?),
            false => None,
        };
        let count = site.map_or(0, |site| site.meta.roles.len());
        let bytes = words.iter().flat_map(|word| word.to_le_bytes());
        let tags: Vec<u8> = if of_site { bytes.take(count).collect() } else { Vec::new() };
        if tags.len() != count {
            return None;
        }
        let fixed = tags.iter().filter(|tag| is_fixed(**tag)).count();
        Some(Form { logger, level: Level::new(level), level_name, names, site, tags, fixed, words })
    }
}

/// Values that are one word, whatever it says.
#[inline(always)]
pub(crate) fn is_fixed(tag: u8) -> bool {
    const FIXED: u64 = 1 << tag::BOOL
        | 1 << tag::U64
        | 1 << tag::I8
        | 1 << tag::I16
        | 1 << tag::I32
        | 1 << tag::I64
        | 1 << tag::F32
        | 1 << tag::F64
        | 1 << tag::CHAR
        | 1 << tag::IPV4
        | 1 << tag::SOCKET_V4
        | 1 << tag::COUNT;
    tag < 64 && FIXED >> tag & 1 != 0
}

fn put<T>(all: &mut Vec<Option<Arc<T>>>, index: usize, one: T) {
    if all.len() <= index {
        all.resize_with(index + 1, || None);
    }
    all[index] = Some(Arc::new(one));
}

fn read_lane(entry: &mut In<'_>) -> Option<LaneEntry> {
    let number = u32::try_from(entry.number()?).ok()?;
    let start_ns = entry.number()? as i64;
    let thread = ThreadInfo { id: entry.number()?, name: entry.text()?.to_owned() };
    let id = u32::try_from(entry.number()?).ok()?;
    let process = ProcessInfo { id, name: entry.text()?.to_owned() };
    let flags = entry.number()?;
    let flag = |bit: u64| flags >> bit & 1 != 0;
    let without =
        Without { threads: flag(0), processes: flag(1), process_names: flag(2), tasks: flag(3) };
    Some(LaneEntry { number, start_ns, thread, process, without })
}

/// Call sites of other processes, which live for ever as this one's own do: each different one
/// once, however many files are read.
static SITES: Mutex<Option<HashMap<Vec<u8>, &'static Callsite>>> = Mutex::new(None);

fn site(key: &[u8], entry: &mut In<'_>) -> Option<&'static Callsite> {
    let mut sites = lock(&SITES);
    let sites = sites.get_or_insert_default();
    if let Some(known) = sites.get(key) {
        return Some(known);
    }
    let ForeignSite {
        level,
        file,
        line,
        module,
        function,
        pieces,
        roles,
        target,
        template,
        column,
    } = kept::read_site(entry)?;
    let meta = Metadata {
        level,
        target: intern(&target),
        module: intern(&module),
        file: intern(&file),
        line,
        column,
        function: || "",
        template: intern(&template),
        pieces: pieces.leak(),
        roles: roles.leak(),
    };
    let site = Callsite::foreign(meta, Box::leak(Box::new(intern(&function))));
    let site: &'static Callsite = Box::leak(Box::new(site));
    sites.insert(key.to_vec(), site);
    Some(site)
}
