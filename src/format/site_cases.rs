//! Records of call sites for tests of formatters.

use crate::callsite::{Callsite, Metadata};
use crate::capture::{Capture, Encodes};
use crate::level::Level;
use crate::record::{Body, Head, LogRecord, Names, ProcessInfo, ThreadInfo, Without};
use crate::value::{Count, Piece as MessagePiece, Role, Spec};

/// Where records come from.
pub(super) struct Origin {
    thread: ThreadInfo,
    process: ProcessInfo,
}

impl Origin {
    pub(super) fn new() -> Self {
        let thread = ThreadInfo { id: 7, name: "worker-1".into() };
        Self { thread, process: ProcessInfo::default() }
    }

    /// A record of a call site with these values.
    pub(super) fn record<'a>(
        &'a self,
        site: &'static Callsite,
        words: &'a [u64],
        time_ns: i64,
        logger: (&'a str, u32),
        context: &'a [u64],
    ) -> LogRecord<'a> {
        let head = Head {
            logger: logger.0,
            level: Level::INFO,
            level_name: "INFO",
            names: Names { snapshot: 1, logger: logger.1 },
            time_ns,
            start_ns: 0,
            thread: &self.thread,
            process: &self.process,
            lane: 0,
            sequence: 0,
            late: false,
            without: Without::default(),
            context,
        };
        LogRecord::new(head, Body::Site { site, words }, None)
    }
}

/// Lends a record of a call site with these values.
pub(super) fn of_site<R>(
    site: &'static Callsite,
    words: &[u64],
    time_ns: i64,
    logger: (&str, u32),
    context: &[u64],
    f: impl FnOnce(&mut LogRecord<'_>) -> R,
) -> R {
    f(&mut Origin::new().record(site, words, time_ns, logger, context))
}

pub(super) const fn site(pieces: &'static [MessagePiece], roles: &'static [Role]) -> Callsite {
    Callsite::new(Metadata {
        level: Some(Level::INFO),
        target: "app",
        module: "app",
        file: "src/app.rs",
        line: 42,
        column: 1,
        function: || "app::run::__Here",
        template: "template",
        pieces,
        roles,
    })
}

/// The words of a site's values: their tags in one word, then the values.
pub(super) fn words<A: Encodes>(args: A) -> Vec<u64> {
    crate::lane::aside(args.words(), |out| args.put(out))
}

/// Call sites with values for each: of many kinds, harmless and not.
pub(super) fn site_cases() -> Vec<(&'static Callsite, Vec<u64>)> {
    use MessagePiece::{Plain, Spec as WithSpec, Text};
    static WIDE: Spec = Spec { width: Count::Is(9), ..Spec::PLAIN };
    static BY_VALUE: Spec = Spec { width: Count::Value(0), ..Spec::PLAIN };
    const ARGS: &[Role] = &[Role::Message, Role::Message, Role::Message];
    static IN_ORDER: Callsite =
        site(&[Text("a "), Plain(0), Text(", b "), Plain(1), Text(", c "), Plain(2)], ARGS);
    static SPECS: Callsite = site(&[WithSpec(0, &WIDE), Plain(1), WithSpec(2, &WIDE)], ARGS);
    static AT_WILL: Callsite = site(&[Plain(2), Plain(0), Plain(0)], ARGS);
    static COUNTED: Callsite = site(&[Plain(0), WithSpec(1, &BY_VALUE)], ARGS);
    static FORGED: Callsite = site(&[Text("first\nsecond "), Plain(0)], ARGS);
    static KEYED: Callsite =
        site(&[Plain(0), Text(" done")], &[Role::Message, Role::Key("user"), Role::Key("note")]);
    static SHOWN_KEYS: Callsite = site(
        &[Text("to "), Plain(1)],
        &[Role::Key("level"), Role::Key("a \"key\""), Role::Message],
    );
    static TWICE: Callsite = site(&[Plain(2)], &[Role::Key("k"), Role::Key("k"), Role::Message]);
    static FAILED: Callsite =
        site(&[Text("\"no\" \\ "), Plain(0)], &[Role::Message, Role::Key("user"), Role::Exception]);
    static TEXT_ALONE: Callsite = site(&[Text("nothing to add")], &[]);

    let long = "x".repeat(5000);
    [&IN_ORDER, &SPECS, &AT_WILL, &COUNTED]
        .into_iter()
        .chain([&FORGED, &KEYED, &SHOWN_KEYS, &TWICE, &FAILED])
        .flat_map(|site| {
            [
                words((7u64.capture(), (-3i32).capture(), 12_499.75f64.capture())),
                words((0u64.capture(), "plain".capture(), true.capture())),
                words((1u64.capture(), "h\u{e4}rmless".capture(), 'x'.capture())),
                words((1u64.capture(), "two\nlines".capture(), "\u{1b}[1m".capture())),
                words((u64::MAX.capture(), "".capture(), (1.0f64 / 3.0).capture())),
                words((9u64.capture(), (*long).capture(), Some(4u8).capture())),
                words(("a \"quote\"".capture(), 1e22f64.capture(), Some("x").capture())),
                words((7.0f64.capture(), f64::INFINITY.capture(), "\u{2028}".capture())),
                words((i64::MIN.capture(), f64::NAN.capture(), u128::MAX.capture())),
            ]
            .map(|words| (site, words))
        })
        .chain([(&TEXT_ALONE, Vec::new())])
        .collect()
}
