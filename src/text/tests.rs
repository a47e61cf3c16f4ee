//! Values against `format!`: random values of many types under random specs, the way round
//! through words included.
//!
//! `SAWMILL_CASES=1000000 cargo test --release -p sawmill --lib text::` runs more than the default;
//! `SAWMILL_SEED` chooses other ones.

use crate::capture::{Capture, Derived, Fields, Sink, field, field_words};
use crate::decode::Value;
use crate::record::ValueBuf;
use crate::value::{Align, Count, Kind, Shape, ShapeStyle, Spec};
use std::collections::BTreeMap;
use std::fmt::{self, Debug, Display};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }
    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize].clone()
    }
    /// Small numbers, edges, and any bits.
    fn bits(&mut self) -> u64 {
        let edge = 1u64 << self.below(64);
        match self.below(5) {
            0 => self.below(1000),
            1 => edge,
            2 => edge.wrapping_sub(1),
            3 => edge.wrapping_neg(),
            _ => self.next(),
        }
    }
    /// Dense in ties: dyadic fractions, half-way decimals, shortest texts of equal nearness.
    fn float(&mut self) -> f64 {
        let sign = if self.one_in(3) { -1.0 } else { 1.0 };
        sign * match self.below(9) {
            0 => f64::from_bits(self.next()),
            1 => self.below(1 << 53) as f64 / (1u64 << self.below(60)) as f64,
            2 => self.below(1 << 20) as f64 / (1u64 << self.below(20)) as f64,
            // 17 digits with a half at the end: where zmij and std part.
            3 => (self.below(1 << 33) | 1 << 32) as f64 + self.below(1 << 20) as f64 / 1048576.0,
            4 => self.below(100_000) as f64 / 10f64.powi(self.below(8) as i32),
            5 => self.below(1000) as f64 * 10f64.powi(self.below(600) as i32 - 300),
            6 => (self.below(100_000) as f64 + 0.5) / 10f64.powi(self.below(6) as i32),
            7 => {
                self.pick(&[0.0, 1.0, f64::INFINITY, f64::NAN, f64::MAX, f64::MIN_POSITIVE, 5e-324])
            }
            _ => self.bits() as f64,
        }
    }
    fn float32(&mut self) -> f32 {
        match self.below(3) {
            0 => f32::from_bits(self.next() as u32),
            1 => self.below(1 << 24) as f32 / (1u64 << self.below(30)) as f32,
            _ => self.float() as f32,
        }
    }
    fn char(&mut self) -> char {
        let any = char::from_u32(self.below(0x11_0000) as u32).unwrap_or('x');
        self.pick(&[
            'a', 'Z', '7', ' ', '\n', '\'', '"', '\\', '\0', 'é', '漢', '😀', '\u{301}', any,
        ])
    }
    fn string(&mut self) -> String {
        (0..self.below(9)).map(|_| self.char()).collect()
    }
    fn list<T>(&mut self, mut make: impl FnMut(&mut Self) -> T) -> Vec<T> {
        (0..self.below(4)).map(|_| make(self)).collect()
    }
}

const FILLS: [char; 4] = [' ', '*', '0', '😀'];

/// Everything of a spec, with counts known.
#[derive(Debug, Clone, Copy)]
struct Asked {
    spec: Spec,
    width: usize,
    precision: Option<usize>,
}

fn asked(random: &mut Random, kinds: &[Kind]) -> Asked {
    let align = random.pick(&[None, Some(Align::Left), Some(Align::Center), Some(Align::Right)]);
    let fill = if align.is_some() { random.pick(&FILLS) } else { ' ' };
    let width = if random.one_in(3) { 0 } else { random.below(30) as usize };
    let precision = if random.one_in(2) { None } else { Some(random.below(20) as usize) };
    let spec = Spec {
        fill,
        align,
        plus: random.one_in(3),
        alternate: random.one_in(3),
        zero: random.one_in(3),
        width: match random.below(2) {
            0 if width == 0 => Count::None,
            0 => Count::Is(width as u16),
            _ => Count::Value(1),
        },
        precision: match (precision, random.below(2)) {
            (None, _) => Count::None,
            (Some(precision), 0) => Count::Is(precision as u16),
            (Some(_), _) => Count::Value(2),
        },
        kind: random.pick(kinds),
    };
    Asked { spec, width, precision }
}

/// `format!` with a spec known only at run time: every combination is written out.
macro_rules! formatted {
    ($value:expr, $asked:expr, $letter:literal) => {{
        let asked: Asked = $asked;
        macro_rules! fill {
            ($fill:literal) => {
                match asked.spec.align {
                    None => flags!("", ""),
                    Some(Align::Left) => flags!($fill, "<"),
                    Some(Align::Center) => flags!($fill, "^"),
                    Some(Align::Right) => flags!($fill, ">"),
                }
            };
        }
        macro_rules! flags {
            ($fill:literal, $align:literal) => {
                match (asked.spec.plus, asked.spec.alternate, asked.spec.zero) {
                    (false, false, false) => sized!($fill, $align, ""),
                    (false, false, true) => sized!($fill, $align, "0"),
                    (false, true, false) => sized!($fill, $align, "#"),
                    (false, true, true) => sized!($fill, $align, "#0"),
                    (true, false, false) => sized!($fill, $align, "+"),
                    (true, false, true) => sized!($fill, $align, "+0"),
                    (true, true, false) => sized!($fill, $align, "+#"),
                    (true, true, true) => sized!($fill, $align, "+#0"),
                }
            };
        }
        macro_rules! sized {
            ($fill:literal, $align:literal, $flags:literal) => {
                match asked.precision {
                    None => format!(
                        concat!("{:", $fill, $align, $flags, "w$", $letter, "}"),
                        $value,
                        w = asked.width
                    ),
                    Some(n) => format!(
                        concat!("{:", $fill, $align, $flags, "w$.n$", $letter, "}"),
                        $value,
                        w = asked.width,
                        n = n
                    ),
                }
            };
        }
        match asked.spec.fill {
            ' ' => fill!(" "),
            '*' => fill!("*"),
            '0' => fill!("0"),
            _ => fill!("😀"),
        }
    }};
}

fn debug(value: &dyn Debug, asked: Asked) -> String {
    match asked.spec.kind {
        Kind::DebugLowerHex => formatted!(value, asked, "x?"),
        Kind::DebugUpperHex => formatted!(value, asked, "X?"),
        _ => formatted!(value, asked, "?"),
    }
}
fn display(value: &dyn Display, asked: Asked) -> String {
    formatted!(value, asked, "")
}
fn exponent(value: (&dyn fmt::LowerExp, &dyn fmt::UpperExp), asked: Asked) -> String {
    match asked.spec.kind {
        Kind::LowerExp => formatted!(value.0, asked, "e"),
        _ => formatted!(value.1, asked, "E"),
    }
}
trait Integer: fmt::LowerHex + fmt::UpperHex + fmt::Octal + fmt::Binary {}
impl<T: fmt::LowerHex + fmt::UpperHex + fmt::Octal + fmt::Binary> Integer for T {}
fn radix(value: &dyn Integer, asked: Asked) -> String {
    match asked.spec.kind {
        Kind::LowerHex => formatted!(value, asked, "x"),
        Kind::UpperHex => formatted!(value, asked, "X"),
        Kind::Octal => formatted!(value, asked, "o"),
        _ => formatted!(value, asked, "b"),
    }
}

const DEBUGS: &[Kind] = &[Kind::Debug, Kind::DebugLowerHex, Kind::DebugUpperHex];
const SHOWN: &[Kind] = &[Kind::Display, Kind::Debug, Kind::DebugLowerHex, Kind::DebugUpperHex];
const FLOATS: &[Kind] = &[Kind::Display, Kind::Debug, Kind::LowerExp, Kind::UpperExp];
const INTEGERS: &[Kind] = &[
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
];

/// Captures the value, reads it back, and compares the texts.
fn check<T: Capture + Debug>(value: &T, asked: Asked, expected: &str) {
    let words = ValueBuf::of(value);
    check_value(words.get(), value, asked, expected);
}

fn check_value(value: Value<'_>, original: &dyn Debug, asked: Asked, expected: &str) {
    let counts =
        [value, Value::U64(asked.width as u64), Value::U64(asked.precision.unwrap_or(0) as u64)];
    let mut out = b"before".to_vec();
    super::with_spec(value, &asked.spec, &counts, &mut out);
    let text = std::str::from_utf8(&out[6..]).unwrap();
    assert_eq!(text, expected, "{original:?} with {asked:?}");
}

fn check_plain<T: Capture + Display>(value: &T) {
    let words = ValueBuf::of(value);
    let mut out = Vec::new();
    super::plain(words.get(), &mut out);
    assert_eq!(std::str::from_utf8(&out).unwrap(), format!("{value}"));
}

macro_rules! integer {
    ($random:expr, $value:expr) => {{
        let value = $value;
        let asked = asked($random, INTEGERS);
        let expected = match asked.spec.kind {
            Kind::Display => display(&value, asked),
            Kind::Debug | Kind::DebugLowerHex | Kind::DebugUpperHex => debug(&value, asked),
            Kind::LowerExp | Kind::UpperExp => exponent((&value, &value), asked),
            _ => radix(&value, asked),
        };
        check(&value, asked, &expected);
        check_plain(&value);
    }};
}
macro_rules! float {
    ($random:expr, $value:expr) => {{
        let value = $value;
        let asked = asked($random, FLOATS);
        let expected = match asked.spec.kind {
            Kind::Display => display(&value, asked),
            Kind::Debug => debug(&value, asked),
            _ => exponent((&value, &value), asked),
        };
        check(&value, asked, &expected);
        check_plain(&value);
    }};
}
macro_rules! shown {
    ($random:expr, $value:expr) => {{
        let value = $value;
        let asked = asked($random, SHOWN);
        let expected = match asked.spec.kind {
            Kind::Display => display(&value, asked),
            _ => debug(&value, asked),
        };
        check(&value, asked, &expected);
        check_plain(&value);
    }};
}
macro_rules! debugged {
    ($random:expr, $value:expr) => {{
        let value = $value;
        let asked = asked($random, DEBUGS);
        check(&value, asked, &debug(&value, asked));
    }};
}

/// As `#[derive(Capture)]` implements it.
#[derive(Debug)]
struct Point {
    x: f64,
    label: Option<String>,
}
#[derive(Debug)]
enum Move {
    Stay,
    To(Point, i8),
}
impl Fields for Point {
    fn shape(&self) -> &'static Shape {
        static SHAPE: Shape = Shape::new("Point", ShapeStyle::Named, &["x", "label"]);
        &SHAPE
    }
    fn words(&self) -> usize {
        field_words(&self.x) + field_words(&self.label)
    }
    fn put<S: Sink>(&self, out: &mut S) {
        field(&self.x, out);
        field(&self.label, out);
    }
}
impl Fields for Move {
    fn shape(&self) -> &'static Shape {
        static STAY: Shape = Shape::new("Stay", ShapeStyle::Unit, &[]);
        static TO: Shape = Shape::new("To", ShapeStyle::Tuple, &[]);
        match self {
            Move::Stay => &STAY,
            Move::To(..) => &TO,
        }
    }
    fn words(&self) -> usize {
        match self {
            Move::Stay => 0,
            Move::To(point, n) => field_words(point) + field_words(n),
        }
    }
    fn put<S: Sink>(&self, out: &mut S) {
        if let Move::To(point, n) = self {
            field(point, out);
            field(n, out);
        }
    }
}
impl Capture for Point {
    type Enc<'a> = Derived<'a, Self>;
    fn capture(&self) -> Derived<'_, Self> {
        Derived(self)
    }
}
impl Capture for Move {
    type Enc<'a> = Derived<'a, Self>;
    fn capture(&self) -> Derived<'_, Self> {
        Derived(self)
    }
}

fn ip(random: &mut Random) -> IpAddr {
    match random.below(3) {
        0 => Ipv4Addr::from(random.next() as u32).into(),
        1 => Ipv6Addr::from(u128::from(random.below(1 << 20))).into(),
        _ => Ipv6Addr::from(u128::from(random.next()) << 64 | u128::from(random.bits())).into(),
    }
}

fn one_case(random: &mut Random) {
    match random.below(26) {
        0 => integer!(random, random.bits()),
        1 => integer!(random, random.bits() as u8),
        2 => integer!(random, random.bits() as u32),
        3 => integer!(random, random.bits() as i8),
        4 => integer!(random, random.bits() as i16),
        5 => integer!(random, random.bits() as i32),
        6 => integer!(random, random.bits() as i64),
        7 => integer!(random, u128::from(random.bits()) << 64 | u128::from(random.bits())),
        8 => {
            integer!(random, (u128::from(random.bits()) << 64 | u128::from(random.next())) as i128)
        }
        9..=12 => float!(random, random.float()),
        13 => float!(random, random.float32()),
        14 => shown!(random, random.one_in(2)),
        15 => shown!(random, random.char()),
        16 => shown!(random, random.string()),
        17 => shown!(random, ip(random)),
        18 => shown!(random, SocketAddr::new(ip(random), random.next() as u16)),
        19 => {
            let nanos = random.pick(&[0, 1, 500, 1_000_000, 999_999_999, 999_500_000]);
            let seconds = random.bits() >> random.below(64);
            debugged!(random, Duration::new(seconds, nanos));
        }
        20 => debugged!(random, if random.one_in(2) { Some(random.float()) } else { None }),
        21 => debugged!(random, random.list(|random| random.bits() as i32)),
        22 => debugged!(random, random.list(|random| (random.string(), Some(random.float32())))),
        23 => debugged!(random, random.list(|random| random.next() as u8)),
        24 => debugged!(random, {
            let point = Point { x: random.float(), label: Some(random.string()) };
            let step =
                if random.one_in(3) { Move::Stay } else { Move::To(point, random.next() as i8) };
            (step, Some(random.list(|random| random.one_in(2).then_some(random.char()))))
        }),
        _ => {
            let map: BTreeMap<String, i64> =
                random.list(|random| (random.string(), random.bits() as i64)).into_iter().collect();
            let words = ValueBuf::map(map.iter().map(|(key, value)| (key, ValueBuf::of(value))));
            let asked = asked(random, DEBUGS);
            check_value(words.get(), &map, asked, &debug(&map, asked));
        }
    }
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

#[test]
fn every_value_reads_as_format_would_have_written_it() {
    let mut random = Random(setting("SAWMILL_SEED", 1));
    for _ in 0..setting("SAWMILL_CASES", 20_000) {
        one_case(&mut random);
    }
}

#[test]
fn text_rendered_by_the_caller_is_shown_as_it_is() {
    let mut random = Random(7);
    for _ in 0..500 {
        let spec = asked(&mut random, INTEGERS).spec;
        let mut out = Vec::new();
        super::with_spec(Value::Text("  as it is "), &spec, &[], &mut out);
        assert_eq!(out, b"  as it is ");
    }
}

#[test]
// All digits of a tie are written out.
#[allow(clippy::excessive_precision)]
fn ties_go_where_std_sends_them() {
    for value in [1587332930.06640625, 0.5, 2.5, 1e15 + 0.125, 4503599627370497.5, 1e21, 1e-7] {
        check_plain(&value);
        check_plain(&(value as f32));
    }
}

#[test]
fn a_count_that_is_not_captured_counts_as_not_given() {
    let spec = Spec { width: Count::Value(9), precision: Count::Value(0), ..Spec::PLAIN };
    let mut out = Vec::new();
    super::with_spec(Value::Str("abc"), &spec, &[Value::Str("x")], &mut out);
    assert_eq!(out, b"abc");
}
