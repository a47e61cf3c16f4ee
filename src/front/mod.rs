//! The caller's side: from a call to a published frame.
//!
//! The fast path is one function per tuple of argument types: borrow this thread's lane, reserve,
//! read the clock, write, publish. Everything else (a call site met for the first time, a thread
//! without a lane, a runtime that drains inline, a full ring) is cold and out of line.

mod adapter;
mod builder;
mod hooks;
mod lanes;
mod scope;

pub use adapter::LoggerAdapter;
pub use builder::RecordBuilder;
pub(crate) use lanes::{Redirect, attach, forget_lanes, redirected};
pub use scope::{Entered, InScope, Scope, with_fields};

use crate::callsite::{self, Callsite, Threshold};
use crate::capture::{Encodes, Sink, Words};
use crate::lane::frame::{
    self, HEADER_WORDS, MAX_RECORD_BYTES, SITE, WITH_CHANGES, WITH_CHECK, WITH_LEVEL, WITH_ORIGIN,
};
use crate::lane::{self, Mode, Refused, Writer};
use crate::level::{Class, Level};
use crate::record::{Body, Described, DescribedBuf, Field};
use crate::sync::{Arc, Ordering};
use crate::tree::{Logger, RecordFactory, Tree};

/// Names the default runtime, which a layer above makes when it is first needed.
pub(crate) trait Default {
    /// The default runtime's tree.
    fn tree() -> &'static Arc<Tree>;
}

/// Marks a call site that is bound to no logger of the default runtime.
const UNBOUND: u64 = (u32::MAX as u64) << 32;

/// The parts of a site frame that the arguments do not decide.
#[derive(Clone, Copy)]
struct Call {
    site: &'static Callsite,
    /// Site number and logger number, as word 2 has them.
    ids: u64,
    word: Threshold,
    /// The level, if it was chosen at run time.
    level: Option<Level>,
}

impl Call {
    fn level(&self) -> Level {
        self.level.or(self.site.meta.level).unwrap_or(Level::NOTSET)
    }

    #[inline(always)]
    fn class(&self) -> Class {
        self.level.map_or(self.site.class, Level::class)
    }

    /// A word without the slow mark was stored after the ids; on a weakly ordered machine a thread
    /// may still see the ids as 0, and then goes the slow way once more.
    #[inline(always)]
    fn is_slow(&self) -> bool {
        self.word.is_slow() || self.ids == 0
    }
}

/// A call of a macro with its level in the site, on the default runtime.
#[inline(always)]
pub(crate) fn put<D: Default, A: Encodes>(site: &'static Callsite, word: Threshold, args: A) {
    let call = Call { site, ids: site.ids.load(Ordering::Relaxed), word, level: None };
    if call.is_slow() || !lanes::try_default(|to| write::<A, 0>(to, call, args)) {
        put_otherwise::<D, A>(site, word, args);
    }
}

/// As [`otherwise`], with no more to hand over than the call had.
#[cold]
#[inline(never)]
fn put_otherwise<D: Default, A: Encodes>(site: &'static Callsite, word: Threshold, args: A) {
    let call = Call { site, ids: site.ids.load(Ordering::Relaxed), word, level: None };
    otherwise::<A, 0>(D::tree, None, call, args);
}

/// A call with its level chosen at run time, on the default runtime.
#[inline(always)]
pub(crate) fn put_at<D: Default, A: Encodes>(
    site: &'static Callsite,
    word: Threshold,
    level: Level,
    args: A,
) {
    let ids = site.ids.load(Ordering::Relaxed);
    let call = Call { site, ids, word, level: Some(level) };
    if call.is_slow() || !lanes::try_default(|to| write::<A, WITH_LEVEL>(to, call, args)) {
        otherwise::<A, WITH_LEVEL>(D::tree, None, call, args);
    }
}

/// A call on an explicit logger, of whatever runtime.
#[inline(always)]
pub(crate) fn put_to<D: Default, A: Encodes>(
    site: &'static Callsite,
    logger: &Logger,
    word: Threshold,
    level: Level,
    args: A,
) {
    let _fields = logger.fields().map(|fields| Scope::of(fields).enter());
    let ids = match site.ids.load(Ordering::Relaxed) & u64::from(u32::MAX) {
        0 => 0,
        number => number | u64::from(logger.number()) << 32,
    };
    let call = Call { site, ids, word, level: Some(level) };
    let hub = logger.tree().hub();
    if call.is_slow() || !lanes::try_lane(hub, |to| write::<A, WITH_LEVEL>(to, call, args)) {
        otherwise::<A, WITH_LEVEL>(D::tree, Some(logger), call, args);
    }
}

/// The fast path: succeeds while the lane is calm and has room, as it was seen last.
#[inline(always)]
fn write<A: Encodes, const FLAGS: u8>(lane: &mut Writer, call: Call, args: A) -> bool {
    lane.write(call.class(), words::<A, FLAGS>(args), |stamp, out| {
        fill::<A, FLAGS>(call, args, stamp, out);
    })
}

/// What the fast path leaves: a look at the lane, or everything else. Out of line and last, so that
/// the fast path has nothing to keep for later.
#[cold]
#[inline(never)]
fn otherwise<A: Encodes, const FLAGS: u8>(
    default: fn() -> &'static Arc<Tree>,
    logger: Option<&Logger>,
    call: Call,
    args: A,
) {
    let write = |lane: &mut Writer| {
        lane.write_otherwise(call.class(), words::<A, FLAGS>(args), |stamp, out| {
            fill::<A, FLAGS>(call, args, stamp, out);
        })
    };
    let done = !call.is_slow()
        && match logger {
            Some(logger) => lanes::try_lane(logger.tree().hub(), write),
            None => lanes::try_default(write),
        };
    if !done {
        slow::<A>(default, logger, call, args);
    }
}

#[inline(always)]
fn words<A: Encodes, const FLAGS: u8>(args: A) -> usize {
    HEADER_WORDS + usize::from(FLAGS & WITH_LEVEL != 0) + args.words()
}

#[inline(always)]
fn fill<A: Encodes, const FLAGS: u8>(call: Call, args: A, stamp: u64, out: &mut Words<'_>) {
    let words = words::<A, FLAGS>(args);
    header(words, SITE | FLAGS, call.word.generation(), stamp, call.ids, out);
    if FLAGS & WITH_LEVEL != 0 {
        out.push(call.level().as_i32() as u32 as u64);
    }
    args.put(out);
}

#[inline(always)]
fn header(words: usize, kind: u8, generation: u32, stamp: u64, ids: u64, out: &mut Words<'_>) {
    out.push(frame::head(words, kind, generation));
    out.push(stamp);
    out.push(ids);
}

/// Decides for a call site before its arguments are evaluated: the threshold word if a call at
/// `level` has anything to do.
#[inline(always)]
pub(crate) fn admit<D: Default>(site: &'static Callsite, level: i32) -> Option<Threshold> {
    let word = site.admits(level)?;
    if word.is_slow() && !admit_slow(D::tree, site, level) {
        return None;
    }
    Some(word)
}

/// A slow word lets everything through to here: the site may be new, or this thread redirected.
#[cold]
#[inline(never)]
fn admit_slow(default: fn() -> &'static Arc<Tree>, site: &'static Callsite, level: i32) -> bool {
    let node = match lanes::redirected() {
        Some(tree) => tree.state().node_of_target(site.meta.target),
        None => {
            let tree = default();
            let mut ids = site.ids.load(Ordering::Relaxed);
            if ids == 0 || ids >= UNBOUND {
                tree.register(site);
                ids = site.ids.load(Ordering::Relaxed);
            }
            tree.state().node_at((ids >> 32) as u32).clone()
        }
    };
    if site.asks {
        return node.is_enabled_for(level);
    }
    let word = node.word();
    word.admits(level) && word.least() != i32::MAX
}

/// Everything that is not the fast path.
#[cold]
#[inline(never)]
fn slow<A: Encodes>(
    default: fn() -> &'static Arc<Tree>,
    logger: Option<&Logger>,
    mut call: Call,
    args: A,
) {
    let redirected = lanes::redirected();
    let tree = match (logger, &redirected) {
        (Some(logger), _) => logger.tree(),
        (None, Some(tree)) => tree,
        (None, None) => default(),
    };
    if let Some(logger) = logger {
        call.ids = number_of(call.site) | u64::from(logger.number()) << 32;
        call.word = logger.word();
    } else if redirected.is_some() {
        let node = tree.state().node_of_target(call.site.meta.target);
        call.ids = number_of(call.site) | u64::from(node.number()) << 32;
        call.word = node.word();
    } else {
        if matches!(call.ids, 0) || call.ids >= UNBOUND {
            tree.register(call.site);
            call.ids = call.site.ids.load(Ordering::Relaxed);
        }
        // A scope elsewhere opens every site; what this thread may log its node says.
        call.word = tree.state().node_at((call.ids >> 32) as u32).word();
    }
    if !call.word.admits(call.level().as_i32()) || call.word.least() == i32::MAX {
        return;
    }
    let hooked = hooks::ask(tree, call.level(), Some(&call.site.meta));
    let factory = hooked.as_ref().and_then(|hooked| hooked.factory.as_deref());
    if factory.is_some() || args.words() * 8 > MAX_RECORD_BYTES {
        return unusual(tree, call, &lane::aside(args.words(), |out| args.put(out)), factory);
    }
    let origin = lane::origin();
    let flags = WITH_LEVEL | if origin.is_some() { WITH_ORIGIN } else { 0 };
    let words = HEADER_WORDS + 1 + usize::from(origin.is_some()) + args.words();
    publish(tree, call.level(), words, |stamp, out| {
        header(words, SITE | flags, call.word.generation(), stamp, call.ids, out);
        out.push(call.level().as_i32() as u32 as u64);
        if let Some(origin) = origin {
            out.push(origin);
        }
        args.put(out);
    });
}

/// The site's number in the low half; gives it one if it has none.
fn number_of(site: &'static Callsite) -> u64 {
    let number = site.ids.load(Ordering::Relaxed) & u64::from(u32::MAX);
    if number != 0 {
        return number;
    }
    let number = u64::from(callsite::register(site));
    site.ids.store(number | UNBOUND, Ordering::Relaxed);
    number
}

/// Publishes a frame through the slow path of this thread's lane, and does what the runtime's
/// mode asks for afterwards.
fn publish(tree: &Arc<Tree>, level: Level, words: usize, fill: impl FnOnce(u64, &mut Words<'_>)) {
    let hub = tree.hub();
    let mut mode = hub.mode();
    if mode == Mode::Forked {
        hub.revive();
        mode = hub.mode();
    }
    if mode == Mode::Ended {
        hub.count_homeless(level);
        return;
    }
    if lane::origin() == Some(lane::CAUSED_IN_TURN) {
        hub.count_circular();
        return;
    }
    let write = |lane: &mut Writer| {
        // A record must not carry the scope before its own: without room for both it is lost.
        scope::tell(lane, level).inspect_err(|_| lane.lose(level))?;
        lane.write_slow(level, words, fill)
    };
    let done = match mode {
        Mode::Unconfigured => lanes::with_brief_lane(hub, words, write),
        _ => lanes::with_lane(hub, write),
    };
    if lane::is_on_drain() {
        return;
    }
    if !matches!(mode, Mode::Inline | Mode::Unconfigured) {
        // What was published behind the last look at the lanes is this call's own to see to.
        mode = hub.mode_behind();
    }
    match (mode, done) {
        (Mode::Inline | Mode::Unconfigured, _) => hub.drain_now(),
        (Mode::Exiting, Ok(())) => hub.flush_now(),
        (Mode::Dying, _) => hub.wait_for_the_end(),
        (Mode::Exiting, Err(Refused)) => {}
        (Mode::Threaded | Mode::Ended | Mode::Forked, _) => {}
    }
}

/// A record that a factory may change, or one that is too long.
#[cold]
fn unusual(tree: &Arc<Tree>, call: Call, values: &[u64], factory: Option<&RecordFactory>) {
    let logger = (call.ids >> 32) as u32;
    let body = || Body::Site { site: call.site, words: values };
    let changes = factory
        .map(|factory| hooks::changes(factory, tree, logger, call.level(), body(), &[]))
        .unwrap_or_default();
    if values.len() * 8 > MAX_RECORD_BYTES {
        return cut(tree, call, values, &changes);
    }
    publish_changed(tree, SITE | WITH_LEVEL, call.word, call.level(), call.ids, values, &changes);
}

/// Publishes a frame that may carry what was changed of its record.
fn publish_changed(
    tree: &Arc<Tree>,
    kind: u8,
    word: Threshold,
    level: Level,
    ids: u64,
    values: &[u64],
    changes: &[u64],
) {
    let origin = lane::origin();
    let chosen = kind & WITH_LEVEL != 0;
    let kind = kind
        | if origin.is_some() { WITH_ORIGIN } else { 0 }
        | if changes.is_empty() { 0 } else { WITH_CHANGES };
    let flagged = usize::from(chosen) + usize::from(origin.is_some());
    let words = HEADER_WORDS + flagged + changes.len() + values.len();
    publish(tree, level, words, |stamp, out| {
        header(words, kind, word.generation(), stamp, ids, out);
        if chosen {
            out.push(level.as_i32() as u32 as u64);
        }
        if let Some(origin) = origin {
            out.push(origin);
        }
        out.copy(changes);
        out.copy(values);
    });
}

/// A record beyond the limit becomes a described one with the head of its message, marked.
#[cold]
fn cut(tree: &Arc<Tree>, call: Call, words: &[u64], changes: &[u64]) {
    let meta = &call.site.meta;
    let mut message = Vec::new();
    let _ = crate::record::write_site(meta.pieces, meta.roles.len(), words, &mut message);
    let mut body = DescribedBuf::default();
    body.push(Field::Pathname, meta.file)
        .push(Field::Line, &u64::from(meta.line))
        .push(Field::ModulePath, meta.module)
        .push(Field::Function, call.site.function());
    push_cut(&mut body, &message, words.len() * 8);
    lanes::count_cut(tree.hub());
    let ids = described_ids(call.level(), (call.ids >> 32) as u32);
    let (kind, items) = (frame::DESCRIBED | WITH_CHECK, body.words());
    publish_changed(tree, kind, call.word, call.level(), ids, items, changes);
}

/// As [`cut`], for a record that was described to begin with.
#[cold]
fn cut_described(
    tree: &Arc<Tree>,
    logger: u32,
    word: Threshold,
    level: Level,
    flags: u8,
    body: &DescribedBuf,
    changes: &[u64],
) {
    let whole = Described::read(body.words());
    let mut message = Vec::new();
    let _ = whole.write_message(None, &mut message);
    let mut short = DescribedBuf::default();
    short
        .push(Field::Pathname, cut_name(whole.pathname))
        .push(Field::Line, &u64::from(whole.line))
        .push(Field::ModulePath, cut_name(whole.module_path))
        .push(Field::Function, cut_name(whole.function));
    push_cut(&mut short, &message, body.words().len() * 8);
    lanes::count_cut(tree.hub());
    put_described(tree, logger, word, level, flags, &short, changes);
}

fn cut_name(name: &str) -> &str {
    if name.len() > 4096 { "(cut)" } else { name }
}

/// Appends the head of a message, with a mark that tells how long the record was. Its fields are
/// gone.
fn push_cut(body: &mut DescribedBuf, message: &[u8], bytes: usize) {
    let keep = MAX_RECORD_BYTES - body.words().len() * 8 - 256;
    let text = String::from_utf8_lossy(message);
    let mut end = keep.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    body.push(Field::Message, &*format!("{}... [cut: a record of {bytes} bytes]", &text[..end]));
}

/// Word 2 of a described frame.
fn described_ids(level: Level, logger: u32) -> u64 {
    u64::from(level.as_i32() as u32) | u64::from(logger) << 32
}

/// Publishes a described record, without a check of its level; with [`WITH_CHECK`] one that lies
/// below its logger's level is the flight recorder's. `changes` are the attributes that have values
/// of other types than records have, or nothing.
pub(crate) fn put_described(
    tree: &Arc<Tree>,
    logger: u32,
    word: Threshold,
    level: Level,
    flags: u8,
    body: &DescribedBuf,
    changes: &[u64],
) {
    let ids = described_ids(level, logger);
    let generation = word.generation();
    let items = body.words();
    if items.len() * 8 > MAX_RECORD_BYTES {
        return cut_described(tree, logger, word, level, flags, body, changes);
    }
    let words = HEADER_WORDS + items.len();
    let hub = tree.hub();
    let fast = !word.is_slow()
        && changes.is_empty()
        && lanes::try_lane(hub, |lane| {
            let fill = |stamp, out: &mut Words<'_>| {
                header(words, frame::DESCRIBED | flags, generation, stamp, ids, out);
                out.copy(items);
            };
            let class = level.class();
            lane.write(class, words, fill) || lane.write_otherwise(class, words, fill)
        });
    if fast {
        return;
    }
    let hooked = hooks::ask(tree, level, None);
    let factory = hooked.as_ref().and_then(|hooked| hooked.factory.as_deref());
    let read = || Body::Described(Described::read(items));
    let made = factory.map(|factory| hooks::changes(factory, tree, logger, level, read(), changes));
    let changes = made.as_deref().unwrap_or(changes);
    publish_changed(tree, frame::DESCRIBED | flags, word, level, ids, items, changes);
}
