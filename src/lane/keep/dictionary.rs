//! What frames name by number, written down for another process: call sites, shapes of derived
//! types, loggers, paths of files.
//!
//! An entry is in the file before any frame can name it. What the file system has, a dead process
//! cannot take back; an entry that was being written is no use to any frame that was published.

use super::bytes::{In, Out, entries, whole};
use crate::callsite::{Callsite, Known};
use crate::level::Level;
use crate::record::ProcessInfo;
use crate::sync::{Arc, Mutex, lock};
use crate::value::{Align, Count, Kind, Piece, Role, Shape, ShapeStyle, Spec};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const RUN: u64 = 1;
pub(crate) const SITE: u64 = 2;
pub(crate) const SHAPE: u64 = 3;
const LOGGER: u64 = 4;
const PATH: u64 = 5;
const LEVEL: u64 = 6;

/// Who wrote the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) process: ProcessInfo,
    /// When the process started, as the system counts it; 0 if it does not tell.
    pub(crate) process_start: u64,
    pub(crate) start_ns: i64,
}

/// A call site of another process.
#[derive(Debug, Clone)]
pub(crate) struct ForeignSite {
    pub(crate) level: Option<Level>,
    pub(crate) file: String,
    pub(crate) line: u32,
    pub(crate) module: String,
    pub(crate) function: String,
    pub(crate) pieces: Vec<Piece>,
    pub(crate) roles: Vec<Role>,
    pub(crate) target: String,
    pub(crate) template: String,
    pub(crate) column: u32,
}

/// Another process's dictionary.
#[derive(Debug, Clone)]
pub(crate) struct Dictionary {
    pub(crate) run: Run,
    pub(crate) sites: HashMap<u32, ForeignSite>,
    pub(crate) shapes: HashMap<u32, &'static Shape>,
    pub(crate) loggers: HashMap<u32, String>,
    pub(crate) paths: HashMap<u64, String>,
    /// By logger: from which generation on which level goes to handlers.
    pub(crate) levels: HashMap<u32, Vec<(u32, i32)>>,
}

pub(super) fn run(run: &Run) -> Vec<u8> {
    let mut out = Out::default();
    out.number(RUN).number(run.process.id.into()).text(&run.process.name);
    out.number(run.process_start).number(run.start_ns as u64);
    out.sealed()
}

pub(super) fn logger(number: u32, name: &str) -> Vec<u8> {
    let mut out = Out::default();
    out.number(LOGGER).number(number.into()).text(name);
    out.sealed()
}

pub(super) fn level(number: u32, generation: u32, least: i32) -> Vec<u8> {
    let mut out = Out::default();
    out.number(LEVEL).number(number.into()).number(generation.into()).number(least as u32 as u64);
    out.sealed()
}

pub(super) fn path(number: u64, path: &str) -> Vec<u8> {
    let mut out = Out::default();
    out.number(PATH).number(number).text(path);
    out.sealed()
}

pub(super) fn known(known: Known) -> Vec<u8> {
    match known {
        Known::Site(number, site) => self::site(number, site),
        Known::Shape(number, shape) => self::shape(number, shape),
    }
}

pub(crate) fn site(number: u32, site: &Callsite) -> Vec<u8> {
    let meta = site.metadata();
    let mut out = Out::default();
    out.number(SITE).number(number.into());
    out.number(meta.level.map_or(u64::MAX, |level| u64::from(level.as_i32() as u32)));
    out.text(meta.file).number(meta.line.into()).text(meta.module).text(site.function());
    out.number(meta.pieces.len() as u64);
    for piece in meta.pieces {
        match piece {
            Piece::Text(text) => out.number(0).text(text),
            Piece::Plain(at) => out.number(1).number((*at).into()),
            Piece::Spec(at, spec) => {
                out.number(2).number((*at).into());
                put_spec(spec, &mut out);
                &mut out
            }
        };
    }
    out.number(meta.roles.len() as u64);
    for role in meta.roles {
        match role {
            Role::Message => out.number(0),
            Role::Key(key) => out.number(1).text(key),
            Role::Pair => out.number(2),
            Role::Exception => out.number(3),
            Role::Stack => out.number(4),
        };
    }
    out.text(meta.target).text(meta.template).number(meta.column.into());
    out.sealed()
}

const KINDS: [Kind; 11] = [
    Kind::Display,
    Kind::Debug,
    Kind::DebugLowerHex,
    Kind::DebugUpperHex,
    Kind::LowerHex,
    Kind::UpperHex,
    Kind::Octal,
    Kind::Binary,
    Kind::LowerExp,
    Kind::UpperExp,
    Kind::Pointer,
];
const ALIGNS: [Option<Align>; 4] =
    [None, Some(Align::Left), Some(Align::Center), Some(Align::Right)];
const STYLES: [ShapeStyle; 3] = [ShapeStyle::Named, ShapeStyle::Tuple, ShapeStyle::Unit];

fn place<T: PartialEq>(all: &[T], one: &T) -> u64 {
    all.iter().position(|each| each == one).unwrap_or(0) as u64
}

fn at<T: Copy>(all: &[T], place: u64) -> Option<T> {
    all.get(usize::try_from(place).ok()?).copied()
}

fn put_spec(spec: &Spec, out: &mut Out) {
    let flags = u64::from(spec.plus) | u64::from(spec.alternate) << 1 | u64::from(spec.zero) << 2;
    out.number(u64::from(u32::from(spec.fill))).number(place(&ALIGNS, &spec.align)).number(flags);
    for count in [spec.width, spec.precision] {
        match count {
            Count::None => out.number(0).number(0),
            Count::Is(n) => out.number(1).number(n.into()),
            Count::Value(n) => out.number(2).number(n.into()),
        };
    }
    out.number(place(&KINDS, &spec.kind));
}

pub(crate) fn shape(number: u32, shape: &Shape) -> Vec<u8> {
    let mut out = Out::default();
    out.number(SHAPE).number(number.into()).text(shape.name);
    out.number(place(&STYLES, &shape.style)).number(shape.variant.into());
    out.number(shape.fields.len() as u64);
    shape.fields.iter().for_each(|field| {
        out.text(field);
    });
    out.sealed()
}

impl Dictionary {
    /// Reads a dictionary; `None` if not even its first entry is whole.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let mut entries = entries(bytes);
        let mut first = entries.next()?;
        let run = (first.number()? == RUN).then(|| read_run(&mut first))??;
        let mut this = Self {
            run,
            sites: HashMap::new(),
            shapes: HashMap::new(),
            loggers: HashMap::new(),
            paths: HashMap::new(),
            levels: HashMap::new(),
        };
        // An entry of a kind that is not known leaves its frames unread, and no others.
        entries.for_each(|mut entry| {
            let _ = this.take(&mut entry);
        });
        Some(this)
    }

    fn take(&mut self, entry: &mut In<'_>) -> Option<()> {
        match entry.number()? {
            SITE => {
                let number = u32::try_from(entry.number()?).ok()?;
                self.sites.insert(number, read_site(entry)?);
            }
            SHAPE => {
                let number = u32::try_from(entry.number()?).ok()?;
                self.shapes.insert(number, read_shape(entry)?);
            }
            LOGGER => {
                let number = u32::try_from(entry.number()?).ok()?;
                self.loggers.insert(number, entry.text()?.to_owned());
            }
            LEVEL => {
                let number = u32::try_from(entry.number()?).ok()?;
                let since = u32::try_from(entry.number()?).ok()?;
                let least = entry.number()? as u32 as i32;
                self.levels.entry(number).or_default().push((since, least));
            }
            PATH => {
                let number = entry.number()?;
                self.paths.insert(number, entry.text()?.to_owned());
            }
            _ => {}
        }
        Some(())
    }
}

/// A dictionary that its process still writes to.
#[derive(Debug)]
pub(super) struct Reading {
    file: File,
    /// Bytes of the entries that were read.
    length: u64,
    read: Arc<Dictionary>,
}

impl Reading {
    /// Reads what there is; `None` if not even the first entry is whole.
    pub(super) fn open(path: &Path) -> Option<Self> {
        let mut file = File::open(path).ok()?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).ok()?;
        let read = Arc::new(Dictionary::read(&bytes)?);
        let length = whole(&bytes);
        Some(Self { file, length, read })
    }

    /// How much was read, in bytes.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn read(&self) -> Arc<Dictionary> {
        self.read.clone()
    }

    /// Reads what was added since.
    pub(super) fn go_on(&mut self) {
        let mut bytes = Vec::new();
        let read = self.file.seek(SeekFrom::Start(self.length));
        if read.and_then(|_| self.file.read_to_end(&mut bytes)).is_err() {
            return;
        }
        let more = Arc::make_mut(&mut self.read);
        entries(&bytes).for_each(|mut entry| {
            let _ = more.take(&mut entry);
        });
        self.length += whole(&bytes);
    }
}

fn read_run(entry: &mut In<'_>) -> Option<Run> {
    let id = u32::try_from(entry.number()?).ok()?;
    let name = entry.text()?.to_owned();
    Some(Run {
        process: ProcessInfo { id, name },
        process_start: entry.number()?,
        start_ns: entry.number()? as i64,
    })
}

pub(crate) fn read_site(entry: &mut In<'_>) -> Option<ForeignSite> {
    let level = match entry.number()? {
        u64::MAX => None,
        level => Some(Level::new(level as u32 as i32)),
    };
    let file = entry.text()?.to_owned();
    let line = u32::try_from(entry.number()?).ok()?;
    let (module, function) = (entry.text()?.to_owned(), entry.text()?.to_owned());
    let mut pieces = Vec::new();
    for _ in 0..entry.count()? {
        pieces.push(match entry.number()? {
            0 => Piece::Text(intern(entry.text()?)),
            1 => Piece::Plain(u8::try_from(entry.number()?).ok()?),
            2 => Piece::Spec(u8::try_from(entry.number()?).ok()?, read_spec(entry)?),
            _ => return None,
        });
    }
    let mut roles = Vec::new();
    for _ in 0..entry.count()? {
        roles.push(match entry.number()? {
            0 => Role::Message,
            1 => Role::Key(intern(entry.text()?)),
            2 => Role::Pair,
            3 => Role::Exception,
            4 => Role::Stack,
            _ => return None,
        });
    }
    // Earlier versions end here.
    let target = entry.text().unwrap_or_default().to_owned();
    let template = entry.text().unwrap_or_default().to_owned();
    let column = entry.number().and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
    Some(ForeignSite {
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
    })
}

fn read_spec(entry: &mut In<'_>) -> Option<&'static Spec> {
    let fill = char::from_u32(u32::try_from(entry.number()?).ok()?)?;
    let align = at(&ALIGNS, entry.number()?)?;
    let flags = entry.number()?;
    let mut count = || {
        Some(match (entry.number()?, entry.number()?) {
            (0, _) => Count::None,
            (1, n) => Count::Is(u16::try_from(n).ok()?),
            (_, n) => Count::Value(u8::try_from(n).ok()?),
        })
    };
    let (width, precision) = (count()?, count()?);
    let kind = at(&KINDS, entry.number()?)?;
    let (plus, alternate, zero) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0);
    let spec = Spec { fill, align, plus, alternate, zero, width, precision, kind };
    let mut interned = lock(&INTERNED);
    let known = interned.specs.iter().find(|known| ***known == spec).copied();
    Some(known.unwrap_or_else(|| {
        let spec: &'static Spec = Box::leak(Box::new(spec));
        interned.specs.push(spec);
        spec
    }))
}

pub(crate) fn read_shape(entry: &mut In<'_>) -> Option<&'static Shape> {
    let name = intern(entry.text()?);
    let style = at(&STYLES, entry.number()?)?;
    let variant = entry.number()? != 0;
    let mut fields = Vec::new();
    for _ in 0..entry.count()? {
        fields.push(intern(entry.text()?));
    }
    let mut interned = lock(&INTERNED);
    let known = interned.shapes.iter().find(|known| {
        known.name == name
            && known.style == style
            && known.variant == variant
            && *known.fields == fields[..]
    });
    if let Some(known) = known.copied() {
        return Some(known);
    }
    let fields: &'static [&'static str] = fields.leak();
    let shape = if variant {
        Shape::of_variant(name, style, fields)
    } else {
        Shape::new(name, style, fields)
    };
    let shape: &'static Shape = Box::leak(Box::new(shape));
    interned.shapes.push(shape);
    Some(shape)
}

/// Parts of other processes' call sites, which live for ever as this one's own do: each different
/// one once, however many processes are recovered.
struct Interned {
    texts: Option<HashSet<&'static str>>,
    specs: Vec<&'static Spec>,
    shapes: Vec<&'static Shape>,
}

static INTERNED: Mutex<Interned> =
    Mutex::new(Interned { texts: None, specs: Vec::new(), shapes: Vec::new() });

pub(crate) fn intern(text: &str) -> &'static str {
    let mut interned = lock(&INTERNED);
    let texts = interned.texts.get_or_insert_default();
    if let Some(known) = texts.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.into());
    texts.insert(text);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::callsite::Metadata;

    static SPEC: Spec = Spec {
        fill: '*',
        align: Some(Align::Center),
        zero: true,
        width: Count::Value(1),
        precision: Count::Is(3),
        kind: Kind::LowerExp,
        ..Spec::PLAIN
    };
    static PIECES: &[Piece] = &[Piece::Text("a"), Piece::Plain(0), Piece::Spec(1, &SPEC)];
    static ROLES: &[Role] = &[Role::Message, Role::Key("k"), Role::Exception];
    static A_SITE: Callsite = Callsite::new(Metadata {
        level: Some(Level::INFO),
        target: "t",
        module: "m",
        file: "f.rs",
        line: 7,
        column: 1,
        function: || "m::here::__Here",
        template: "a{}{:*^01$.3e}",
        pieces: PIECES,
        roles: ROLES,
    });
    static A_SHAPE: Shape = Shape::of_variant("S", ShapeStyle::Named, &["x", "y"]);

    fn written() -> Vec<u8> {
        let process = ProcessInfo { id: 5, name: "p".into() };
        let mut bytes = run(&Run { process, process_start: 6, start_ns: -7 });
        bytes.extend(known(Known::Site(1, &A_SITE)));
        bytes.extend(known(Known::Shape(2, &A_SHAPE)));
        bytes.extend(logger(3, "a.b"));
        bytes.extend(path(4, "/x"));
        bytes
    }

    #[test]
    fn a_dictionary_comes_back() {
        let read = Dictionary::read(&written()).unwrap();
        assert_eq!((read.run.process.id, read.run.start_ns), (5, -7));
        let site = &read.sites[&1];
        assert_eq!((&site.pieces[..], &site.roles[..]), (PIECES, ROLES));
        assert_eq!((&*site.function, site.line, site.level), ("here", 7, Some(Level::INFO)));
        let shape = read.shapes[&2];
        assert_eq!((shape.name, shape.fields, shape.variant), ("S", &["x", "y"][..], true));
        assert_eq!((&*read.loggers[&3], &*read.paths[&4]), ("a.b", "/x"));
        let again = Dictionary::read(&written()).unwrap();
        assert!(std::ptr::eq(again.shapes[&2], shape));
    }

    #[test]
    fn a_torn_end_or_a_changed_byte_is_left_out() {
        let whole = written();
        for cut in 0..whole.len() {
            if let Some(read) = Dictionary::read(&whole[..cut]) {
                assert!(read.paths.is_empty(), "{cut}");
            }
            let mut changed = whole.clone();
            changed[cut] ^= 0x40;
            if let Some(read) = Dictionary::read(&changed) {
                let all = (read.sites.len(), read.loggers.len(), read.paths.len());
                assert_ne!(all, (1, 1, 1), "{cut}");
            }
        }
    }
}
