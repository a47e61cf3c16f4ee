//! What the logging thread makes of captured values is what `format!` makes of the originals, for
//! random values of every captured type and every kind of format spec.
//!
//! A case compares some 600 texts. `PROPTEST_CASES=2000 cargo test --release --test formatting`
//! compares more than a million; without it a few thousand.
#![recursion_limit = "256"]

use proptest::prelude::*;
use sawmill::{Capture, Drain, Logger, Runtime};
use std::cell::RefCell;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// A runtime whose calls deliver before they return, and what they should have delivered.
struct Check {
    runtime: Runtime,
    log: Logger,
    wanted: RefCell<Vec<(&'static str, String)>>,
}

impl Check {
    fn new() -> Self {
        let runtime = Runtime::builder().drain(Drain::Inline).capture().build().unwrap();
        let log = runtime.get_logger("check");
        Self { runtime, log, wanted: RefCell::default() }
    }

    fn compare(&self) -> Result<(), TestCaseError> {
        let records = self.runtime.records();
        self.runtime.clear_records();
        let wanted = self.wanted.take();
        prop_assert_eq!(records.len(), wanted.len());
        for (record, (spec, wanted)) in records.iter().zip(wanted) {
            let got = record.view().message().unwrap();
            prop_assert_eq!(got, wanted, "{}", spec);
        }
        Ok(())
    }
}

macro_rules! each {
    ($check:ident, $value:expr, $($spec:literal)*) => {{
        let value = $value;
        $(
            sawmill::error!(logger: $check.log, $spec, value);
            $check.wanted.borrow_mut().push(($spec, format!($spec, value)));
        )*
    }};
}

/// Specs of whole numbers.
macro_rules! integers {
    ($check:ident, $w:ident, $($value:expr),*) => {$(
        each!($check, $value,
            "{}" "{:?}" "{:5}" "{:<5}|" "{:^6}|" "{:>5}" "{:*^9}" "{:+}" "{:05}" "{:+06}" "{:<05}"
            "{:x}" "{:X}" "{:#x}" "{:#010x}" "{:o}" "{:#o}" "{:b}" "{:#b}" "{:#018b}" "{:>+#12x}"
            "{:e}" "{:E}" "{:.2e}" "{:12.1e}|" "{:x?}" "{:X?}" "{:#?}" "{:#x?}" "{:08x?}");
        let value = $value;
        sawmill::error!(logger: $check.log, "{0:1$}|{0:01$}|{0:\u{e9}>1$x}", value, $w);
        $check.wanted.borrow_mut().push(("counts", format!("{0:1$}|{0:01$}|{0:\u{e9}>1$x}", value, $w)));
    )*};
}

/// Specs of numbers with a point.
macro_rules! floats {
    ($check:ident, $($value:expr),*) => {$(
        each!($check, $value,
            "{}" "{:?}" "{:.0}" "{:.1}" "{:.3}" "{:.17}" "{:8.2}" "{:+.2}" "{:08.3}" "{:+}" "{:e}"
            "{:E}" "{:.3e}" "{:+.0E}" "{:<12}|" "{:^+14.4}|" "{:#?}" "{:.2?}" "{:8?}" "{:012?}"
            "{:x?}" "{:_>30}");
    )*};
}

macro_rules! texts {
    ($check:ident, $($value:expr),*) => {$(
        each!($check, $value,
            "{}" "{:?}" "{:10}|" "{:<10}|" "{:^11}|" "{:>10}" "{:.3}" "{:-^12.4}" "{:#?}" "{:5.0}"
            "{:10?}|" "{:>12?}" "{:08}");
    )*};
}

macro_rules! debugged {
    ($check:ident, $($value:expr),*) => {$(
        each!($check, $value,
            "{:?}" "{:#?}" "{:5?}" "{:<7?}|" "{:08.2?}" "{:x?}" "{:#X?}" "{:+?}" "{:.1?}"
            "{:*^12?}" "{:#9.3?}");
    )*};
}

#[derive(Debug, Clone, Capture)]
struct Named {
    n: i64,
    x: f64,
    text: String,
    tail: Option<Box<str>>,
}

#[derive(Debug, Clone, Capture)]
enum Choice {
    Unit,
    Tuple(u8, Vec<Named>),
    Named { pair: (i8, bool), ip: IpAddr },
}

fn named() -> impl Strategy<Value = Named> {
    (any::<i64>(), floats(), ".*", any::<Option<String>>()).prop_map(|(n, x, text, tail)| Named {
        n,
        x,
        text,
        tail: tail.map(Into::into),
    })
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        Just(Choice::Unit),
        (any::<u8>(), prop::collection::vec(named(), 0..3)).prop_map(|(n, v)| Choice::Tuple(n, v)),
        (any::<(i8, bool)>(), any::<IpAddr>()).prop_map(|(pair, ip)| Choice::Named { pair, ip }),
    ]
}

/// Doubles of every magnitude, and those that people write.
fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        prop::num::f64::ANY,
        (any::<i32>(), 0..7).prop_map(|(n, places)| f64::from(n) / 10f64.powi(places)),
        any::<u64>().prop_map(|n| n as f64),
        // Ties of two shortest texts have a few binary digits behind the point.
        (any::<i64>(), 0..12).prop_map(|(n, bits)| (n >> 12) as f64 / f64::from(1 << bits)),
    ]
}

fn config() -> ProptestConfig {
    match std::env::var_os("PROPTEST_CASES") {
        Some(_) => ProptestConfig::default(),
        None => ProptestConfig::with_cases(8),
    }
}

fn durations() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (any::<u64>(), 0..1_000_000_000u32).prop_map(|(s, n)| Duration::new(s, n)),
        any::<u32>().prop_map(|n| Duration::from_nanos(n.into())),
    ]
}

#[test]
fn numbers_are_shown_as_format_shows_them() {
    let check = Check::new();
    proptest!(config(), |(
        small in any::<(u8, i8, u16, i16, u32, i32)>(),
        large in any::<(u64, i64, usize, isize, u128, i128)>(),
        x in floats(),
        y in prop::num::f32::ANY,
        w in 0usize..24,
        nonzero in 1u64..,
    )| {
        integers!(check, w, small.0, small.1, small.2, small.3, small.4, small.5);
        integers!(check, w, large.0, large.1, large.2, large.3, large.4, large.5);
        floats!(check, x, y);
        let p = w / 2;
        sawmill::error!(logger: check.log, "{x:w$.p$}|{x:<0w$.p$e}|{:.*}|{y:+w$.p$?}", p, x);
        check.wanted.borrow_mut().push(("counts", format!("{x:w$.p$}|{x:<0w$.p$e}|{:.*}|{y:+w$.p$?}", p, x)));
        each!(check, std::num::NonZeroU64::new(nonzero).unwrap(), "{}" "{:?}" "{:>22}" "{:#x}");
        each!(check, std::num::NonZeroI32::new(small.5 | 1).unwrap(), "{}" "{:?}" "{:x}" "{:+}");
        check.compare()?;
    });
}

#[test]
fn texts_are_shown_as_format_shows_them() {
    let check = Check::new();
    proptest!(config(), |(text in ".*", c in any::<char>(), b in any::<bool>(), w in 0usize..24)| {
        texts!(check, text.as_str(), text.clone(), std::borrow::Cow::from(text.as_str()), c, b);
        let (boxed, shared) = (text.clone().into_boxed_str(), std::sync::Arc::<str>::from(&*text));
        each!(check, &boxed, "{}" "{:?}" "{:>9.2}");
        each!(check, &shared, "{}" "{:?}" "{:>9.2}");
        let p = w / 2;
        sawmill::error!(logger: check.log, "{text:w$.p$}|{text:>w$?}|{c:w$}|{b:.p$}|{:.*}", p, text);
        check.wanted.borrow_mut().push(
            ("counts", format!("{text:w$.p$}|{text:>w$?}|{c:w$}|{b:.p$}|{:.*}", p, text))
        );
        check.compare()?;
    });
}

#[test]
fn addresses_are_shown_as_format_shows_them() {
    let check = Check::new();
    proptest!(config(), |(
        ip in any::<IpAddr>(), four in any::<Ipv4Addr>(), six in any::<Ipv6Addr>(),
        socket in any::<SocketAddr>(),
    )| {
        macro_rules! addresses {
            ($($value:expr),*) => {$(
                each!(check, $value,
                    "{}" "{:?}" "{:>40}" "{:<50}|" "{:^44?}" "{:.5}" "{:#?}" "{:020}");
            )*};
        }
        addresses!(ip, four, six, socket);
        if let SocketAddr::V4(socket) = socket {
            addresses!(socket);
        }
        if let SocketAddr::V6(socket) = socket {
            addresses!(socket);
        }
        check.compare()?;
    });
}

#[test]
fn nested_values_are_shown_as_format_shows_them() {
    let check = Check::new();
    proptest!(config(), |(
        wait in durations(),
        some in any::<Option<Option<i32>>>(),
        bytes in any::<Vec<u8>>(),
        list in prop::collection::vec(any::<Option<String>>(), 0..4),
        pair in any::<(i8, (char, f32))>(),
        named in named(),
        choice in choice(),
        wide in any::<[u128; 2]>(),
    )| {
        debugged!(check, wait, some, &bytes, bytes.as_slice(), &list, pair, &named, &choice, wide);
        debugged!(check, (), Some(()), [(); 2], Some(&named), vec![Some(choice.clone())]);
        debugged!(check, Some(bytes.as_slice()), (some, &list), Some(wait), (1u8,), (1, 2.5, "s"));
        debugged!(check, ((), Some(pair), [named.n], 'c'));
        check.compare()?;
    });
}
