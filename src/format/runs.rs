//! The parts of a line that are the same for every record of a call site.
//!
//! Level, logger, file, line and function stand next to each other in most patterns. A run of such
//! pieces is written out once per call site and copied from then on.

use super::attribute::Attribute;
use super::pattern::{Key, Piece};
use crate::callsite::Callsite;
use crate::record::{Body, LogRecord};
use crate::value::Role;
use std::ops::Range;

/// How many call sites are remembered at a time; a power of two.
const ENTRIES: usize = 256;

/// A step of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// A piece that differs between records.
    Piece(usize),
    /// The commonest of those, taken without a detour.
    Message,
    Time,
    ThreadName,
    /// Text between them.
    Text(Box<str>),
    /// All fields; nothing for a call site without any.
    Fields(usize),
    /// Pieces that a call site decides; the number of the run.
    Run(usize),
}

/// The steps of a pattern, and the pieces of each run.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    pub(super) runs: Vec<Range<usize>>,
}

impl Plan {
    pub(super) fn of(pieces: &[Piece]) -> Self {
        let mut plan = Self::default();
        let mut at = 0;
        while at < pieces.len() {
            let length = pieces[at..].iter().take_while(|piece| is_of_the_site(piece)).count();
            if length > 1 {
                plan.steps.push(Step::Run(plan.runs.len()));
                plan.runs.push(at..at + length);
                at += length;
                continue;
            }
            plan.steps.push(match &pieces[at] {
                Piece::Plain(Key::Fields) => Step::Fields(at),
                Piece::Plain(Key::Attribute(Attribute::Message)) => Step::Message,
                Piece::Plain(Key::Attribute(Attribute::Asctime)) => Step::Time,
                Piece::Plain(Key::Attribute(Attribute::ThreadName)) => Step::ThreadName,
                Piece::Text(text) => Step::Text(text.clone()),
                _ => Step::Piece(at),
            });
            at += 1;
        }
        plan
    }
}

fn is_of_the_site(piece: &Piece) -> bool {
    let key = match piece {
        Piece::Text(_) => return true,
        Piece::Plain(key) | Piece::Left(key, _) | Piece::Decimal(key) | Piece::Percent(key, _) => {
            key
        }
        Piece::Brace(field) => {
            let plain = field.path.is_empty() && field.spec.iter().all(is_text);
            if !plain {
                return false;
            }
            &field.key
        }
        Piece::Star(..) | Piece::Fail(_) => return false,
    };
    let Key::Attribute(attribute) = key else { return false };
    matches!(
        attribute,
        Attribute::Name
            | Attribute::LevelName
            | Attribute::LevelNo
            | Attribute::Pathname
            | Attribute::Filename
            | Attribute::Module
            | Attribute::LineNo
            | Attribute::FuncName
    )
}

fn is_text(piece: &Piece) -> bool {
    matches!(piece, Piece::Text(_))
}

/// What a call site's lines have in common.
#[derive(Debug)]
pub(super) struct Entry {
    site: usize,
    level: i32,
    level_name: Box<str>,
    logger: Box<str>,
    /// The runs' texts, one after another, and where each ends.
    text: Vec<u8>,
    ends: Vec<usize>,
    pub(super) has_fields: bool,
    /// Its records may carry exception or stack text.
    pub(super) has_trailing: bool,
}

impl Entry {
    /// Makes an entry from the texts of the runs.
    pub(super) fn new(
        site: &'static Callsite,
        record: &LogRecord<'_>,
        text: Vec<u8>,
        ends: Vec<usize>,
    ) -> Self {
        let roles = site.metadata().roles;
        Self {
            site: std::ptr::from_ref(site) as usize,
            level: record.level().as_i32(),
            level_name: record.level_name().into(),
            logger: record.logger().into(),
            text,
            ends,
            has_fields: roles.iter().any(|role| matches!(role, Role::Key(_) | Role::Pair)),
            has_trailing: roles.iter().any(|role| matches!(role, Role::Exception | Role::Stack)),
        }
    }

    fn fits(&self, site: usize, record: &LogRecord<'_>) -> bool {
        self.site == site
            && self.level == record.level().as_i32()
            && *self.logger == *record.logger()
            && *self.level_name == *record.level_name()
    }

    /// The text of a run.
    #[inline]
    pub(super) fn run(&self, number: usize) -> &[u8] {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }
}

/// The entries, by call site; one that another site's place falls on is replaced.
#[derive(Debug)]
pub(super) struct Runs {
    entries: Vec<Option<Box<Entry>>>,
}

impl Runs {
    pub(super) fn new() -> Self {
        Self { entries: Vec::new() }
    }

    fn place(site: usize) -> usize {
        // Statics lie at least 64 bytes apart.
        (site >> 6 ^ site >> 14) % ENTRIES
    }

    /// The entry of a record's call site, if it is remembered.
    #[inline]
    pub(super) fn find(&self, site: &'static Callsite, record: &LogRecord<'_>) -> Option<&Entry> {
        let site = std::ptr::from_ref(site) as usize;
        let entry = self.entries.get(Self::place(site))?.as_deref()?;
        entry.fits(site, record).then_some(entry)
    }

    pub(super) fn keep(&mut self, entry: Entry) {
        if self.entries.is_empty() {
            self.entries.resize_with(ENTRIES, || None);
        }
        let place = Self::place(entry.site);
        self.entries[place] = Some(Box::new(entry));
    }
}

/// The call site of a record that nobody has changed.
#[inline]
pub(super) fn site_of(record: &LogRecord<'_>) -> Option<&'static Callsite> {
    match record.body() {
        Body::Site { site, .. } if record.overlay().is_none() => Some(site),
        _ => None,
    }
}
