//! Numbers of many rows made into text together, to be moved to their lines later.
//!
//! One number after the other each digit waits for the one before; here the same steps are taken
//! for several numbers at once, in loops that compilers turn into vector instructions. Text comes
//! in words of up to eight digits, and a number in as many of them as the largest of the column
//! needs.

use super::digits::{ASCII, EIGHT, SHORT_ROOM, U64_ROOM, four_digits, put_short, put_u64};
use super::float;
use super::line::BLOCK;
use crate::sys::{Loops, vectorized};

/// Rows of a column.
pub(crate) const ROWS: usize = 64;
/// Shorts of a column at most: a sign, and two of digits.
const SHORTS: usize = 3;

/// Rows that the steps are taken for together: as many as registers have room for.
const LANES: usize = 16;

type Lanes<T> = [T; LANES];

/// A column of texts of eight bytes at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shorts {
    text: [u64; ROWS],
    lengths: [u32; ROWS],
}

/// A longer text.
#[derive(Debug, Clone, Copy)]
#[repr(align(8))]
pub(crate) struct Cell {
    text: [u8; BLOCK],
    length: usize,
}

/// A column of numbers as text.
#[derive(Debug)]
pub(crate) struct Cells {
    shape: Shape,
    shorts: [Shorts; SHORTS],
    long: Box<[Cell; ROWS]>,
    spans: [Span; ROWS],
}

/// Where the texts of a column stand.
#[derive(Debug, Clone, Copy)]
enum Shape {
    /// In so many words.
    Shorts(usize),
    Long,
    /// There too, but of values that may show anything.
    Any,
    /// Where they were captured.
    Spans,
}

/// Bytes of a text that stands elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// What a column of other texts than short ones holds in a row.
pub(crate) enum Long<'a> {
    Plain(&'a [u8; BLOCK], usize),
    /// What has to be looked at first.
    Any(&'a [u8]),
    Span(Span),
}

/// What is to be made into words, if it can be.
struct Column<'a> {
    cells: &'a mut Cells,
    values: &'a [u64],
    kind: Kind,
}

enum Kind {
    Unsigned,
    Signed,
    Float,
}

impl Loops for Column<'_> {
    type Output = bool;

    #[inline(always)]
    fn run(self) -> bool {
        let Self { cells, values, kind } = self;
        let (values, _) = values.as_chunks::<LANES>();
        match kind {
            Kind::Unsigned => cells.set_unsigned(values),
            Kind::Signed => cells.set_signed(values),
            Kind::Float => cells.set_short(values),
        }
    }
}

/// Times of a second, of which the microseconds are to be shown.
struct Micros<'a> {
    shorts: &'a mut Shorts,
    since_ns: &'a [u32],
    behind: u64,
}

impl Loops for Micros<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { shorts, since_ns, behind } = self;
        let (since_ns, _) = since_ns.as_chunks::<LANES>();
        for (at, since_ns) in since_ns.iter().enumerate() {
            let mut text = [0; LANES];
            for lane in 0..LANES {
                text[lane] = six(since_ns[lane] / 1_000) | ASCII >> 16 | behind;
            }
            shorts.set(at, Words { text, lengths: [8; LANES] });
        }
    }
}

/// Six digits of a number, the first in the lowest byte.
#[inline(always)]
fn six(number: u32) -> u64 {
    let high = number / 10_000;
    let low = number - high * 10_000;
    (u64::from(four_digits(high)) | u64::from(four_digits(low)) << 32) >> 16
}

/// Texts of eight bytes at most.
struct Words {
    text: Lanes<u64>,
    lengths: Lanes<u32>,
}

impl Words {
    /// Numbers below 10^8. Where something stands `above` one, it has all its eight digits;
    /// elsewhere at least so many.
    #[inline(always)]
    fn of_digits(numbers: &Lanes<u32>, above: &Lanes<u32>, least: u32) -> Self {
        let (mut high, mut low, mut lengths) = ([0; LANES], [0; LANES], [0; LANES]);
        for lane in 0..LANES {
            let number = numbers[lane];
            high[lane] = four_digits(number / 10_000);
            low[lane] = four_digits(number % 10_000);
            // As signed numbers, for which vectors have comparisons.
            let limits = [0, 9, 99, 999, 9_999, 99_999, 999_999, 9_999_999];
            let count: u32 = limits.iter().map(|limit| u32::from(number as i32 > *limit)).sum();
            lengths[lane] = if above[lane] != 0 { 8 } else { count.max(least) };
        }
        let mut text = [0; LANES];
        for lane in 0..LANES {
            let digits = u64::from(high[lane]) | u64::from(low[lane]) << 32;
            // Of no digits nothing is shown, whatever stands there.
            text[lane] = (digits | ASCII) >> ((64 - 8 * lengths[lane]) & 63);
        }
        Self { text, lengths }
    }

    /// Six decimals each, shown behind a point up to the last that is not zero.
    #[inline(always)]
    fn of_decimals(decimals: &Lanes<u32>) -> Self {
        let (mut text, mut lengths) = ([0; LANES], [0; LANES]);
        for lane in 0..LANES {
            let six = six(decimals[lane]);
            text[lane] = (six | ASCII) << 8 | u64::from(b'.');
            // The highest bit says which is the last byte that is not zero; a float's exponent
            // says which bit is the highest.
            let exponent = (f64::from_bits(six | EXACT_BITS) - EXACT).to_bits() >> 52;
            let last = (exponent as u32).wrapping_sub(1023) / 8;
            lengths[lane] = if decimals[lane] == 0 { 0 } else { 2 + last };
        }
        Self { text, lengths }
    }

    #[inline(always)]
    fn of_signs(negative: &Lanes<u32>) -> Self {
        Self { text: [u64::from(b'-'); LANES], lengths: *negative }
    }
}

impl Default for Shorts {
    fn default() -> Self {
        Self { text: [0; ROWS], lengths: [0; ROWS] }
    }
}

impl Shorts {
    #[inline(always)]
    pub(crate) fn at(&self, row: usize) -> ([u8; 8], usize) {
        (self.text[row % ROWS].to_le_bytes(), self.lengths[row % ROWS] as usize)
    }

    /// Takes the words of the rows that stand at this place.
    #[inline(always)]
    fn set(&mut self, at: usize, words: Words) {
        let (text, lengths) = (self.text.as_chunks_mut().0, self.lengths.as_chunks_mut().0);
        if let (Some(text), Some(lengths)) = (text.get_mut(at), lengths.get_mut(at)) {
            (*text, *lengths) = (words.text, words.lengths);
        }
    }

    /// Takes the microseconds of times of a second, with zeros in front, and this behind them.
    pub(crate) fn set_micros(&mut self, times: &[i64], second_ns: i64, behind: [u8; 8]) {
        let mut since_ns = [0; ROWS];
        for (since_ns, time_ns) in since_ns.iter_mut().zip(times) {
            *since_ns = time_ns.wrapping_sub(second_ns) as u32;
        }
        let since_ns = &since_ns[..whole(times.len())];
        let behind = u64::from_le_bytes(behind) >> 48 << 48;
        vectorized(Micros { shorts: self, since_ns, behind });
    }
}

/// So many rows, and those that are looked at with them.
#[inline(always)]
fn whole(rows: usize) -> usize {
    rows.next_multiple_of(LANES).min(ROWS)
}

/// From here to its double floats are the integers, one by one.
const EXACT: f64 = (1u64 << 52) as f64;
const EXACT_BITS: u64 = EXACT.to_bits();

/// The parts of floats as `{}` shows them; see [`put_short`], which takes the same steps.
struct Parts {
    negative: Lanes<u32>,
    whole: Lanes<u32>,
    decimals: Lanes<u32>,
    /// All have six decimals at most, and eight digits before them.
    fit: bool,
}

impl Parts {
    #[inline(always)]
    fn of(floats: &Lanes<u64>) -> Self {
        let (mut negative, mut whole, mut decimals) = ([0; LANES], [0; LANES], [0; LANES]);
        let mut unfit = 0;
        for lane in 0..LANES {
            let magnitude = f64::from_bits(floats[lane]).abs();
            let scaled = magnitude * 1e6 + EXACT - EXACT;
            let fits = (magnitude < EIGHT as f64) & (scaled / 1e6 == magnitude);
            unfit |= u64::from(!fits);
            let nearest = magnitude + EXACT - EXACT;
            let below = if nearest > magnitude { nearest - 1.0 } else { nearest };
            negative[lane] = (floats[lane] >> 63) as u32;
            // The lowest bits of such a sum are the integer.
            whole[lane] = (below + EXACT).to_bits() as u32;
            decimals[lane] = (scaled - below * 1e6 + EXACT).to_bits() as u32;
        }
        Self { negative, whole, decimals, fit: unfit == 0 }
    }
}

impl Default for Cells {
    fn default() -> Self {
        Self {
            shape: Shape::Shorts(0),
            shorts: Default::default(),
            spans: [Span::default(); ROWS],
            long: Box::new([Cell { text: [0; BLOCK], length: 0 }; ROWS]),
        }
    }
}

impl Cells {
    /// The column's words, if it is one of words.
    #[inline(always)]
    pub(super) fn shorts(&self) -> Option<&[Shorts]> {
        match self.shape {
            Shape::Shorts(used) => Some(&self.shorts[..used.min(SHORTS)]),
            _ => None,
        }
    }

    /// What is in a row, if the column has no words.
    #[inline(always)]
    pub(crate) fn long(&self, row: usize) -> Long<'_> {
        let Cell { text, length } = &self.long[row % ROWS];
        match self.shape {
            Shape::Spans => Long::Span(self.spans[row % ROWS]),
            Shape::Any => Long::Any(&text[..(*length).min(BLOCK)]),
            _ => Long::Plain(text, *length),
        }
    }

    /// Holds nothing in each row.
    pub(crate) fn clear(&mut self) {
        self.shape = Shape::Shorts(0);
    }

    /// Holds texts that stand elsewhere.
    pub(crate) fn spans(&mut self) -> &mut [Span; ROWS] {
        self.shape = Shape::Spans;
        &mut self.spans
    }

    /// Holds texts that are set one by one, and may be any.
    pub(crate) fn any(&mut self) -> &mut [Cell; ROWS] {
        self.shape = Shape::Any;
        &mut self.long
    }

    /// Takes numbers of so many rows, and shows them as `{}` does.
    pub(crate) fn set_u64(&mut self, numbers: &[u64; ROWS], rows: usize) {
        let values = &numbers[..whole(rows)];
        if !vectorized(Column { cells: self, values, kind: Kind::Unsigned }) {
            self.set_each(values, |number, cell| {
                cell.length = put_u64(number, cell.room::<U64_ROOM>(0));
                true
            });
        }
    }

    /// The same of signed ones.
    pub(crate) fn set_i64(&mut self, numbers: &[u64; ROWS], rows: usize) {
        let values = &numbers[..whole(rows)];
        if !vectorized(Column { cells: self, values, kind: Kind::Signed }) {
            self.set_each(values, |number, cell| {
                let number = number as i64;
                cell.text[0] = b'-';
                let sign = usize::from(number < 0);
                cell.length = sign + put_u64(number.unsigned_abs(), cell.room::<U64_ROOM>(sign));
                true
            });
        }
    }

    /// Takes floats by their bits, and shows them as `{}` does. Returns which do not fit, by bits.
    pub(crate) fn set_f64(&mut self, floats: &[u64; ROWS], rows: usize) -> u64 {
        let values = &floats[..whole(rows)];
        if vectorized(Column { cells: self, values, kind: Kind::Float }) {
            return 0;
        }
        self.set_each(values, |bits, cell| {
            let number = f64::from_bits(bits);
            match put_short(number, cell.room::<SHORT_ROOM>(0)) {
                Some(length) => {
                    cell.length = length;
                    true
                }
                None => float::with_shortest(number, |text| cell.set(text.as_bytes()).is_some()),
            }
        })
    }

    /// The same as JSON shows them. What is not finite does not fit.
    pub(crate) fn set_json(&mut self, floats: &[u64; ROWS], rows: usize) -> u64 {
        self.set_each(&floats[..rows.min(ROWS)], |bits, cell| {
            let number = f64::from_bits(bits);
            let mut buffer = zmij::Buffer::new();
            number.is_finite() && cell.set(buffer.format_finite(number).as_bytes()).is_some()
        })
    }

    #[inline(always)]
    fn set_unsigned(&mut self, numbers: &[Lanes<u64>]) -> bool {
        let all = numbers.as_flattened().iter().fold(0, |all, number| all | number);
        self.set_digits(numbers, all, 0)
    }

    #[inline(always)]
    fn set_signed(&mut self, numbers: &[Lanes<u64>]) -> bool {
        let (mut all, mut any_negative) = (0, 0);
        let mut magnitudes = [[0; LANES]; ROWS / LANES];
        for (at, numbers) in numbers.iter().enumerate() {
            let mut negative = [0; LANES];
            for lane in 0..LANES {
                negative[lane] = (numbers[lane] >> 63) as u32;
                magnitudes[at][lane] = (numbers[lane] as i64).unsigned_abs();
                all |= magnitudes[at][lane];
                any_negative |= negative[lane];
            }
            self.shorts[0].set(at, Words::of_signs(&negative));
        }
        self.set_digits(&magnitudes[..numbers.len()], all, any_negative as usize)
    }

    /// Makes digits, in the words from this one on. False if there are too many in `all` of them
    /// together.
    #[inline(always)]
    fn set_digits(&mut self, numbers: &[Lanes<u64>], all: u64, from: usize) -> bool {
        if all >= EIGHT * EIGHT {
            return false;
        }
        let is_short = all < EIGHT;
        for (at, numbers) in numbers.iter().enumerate() {
            let (mut high, mut low) = ([0; LANES], [0; LANES]);
            if is_short {
                low = numbers.map(|number| number as u32);
            } else {
                for lane in 0..LANES {
                    high[lane] = (numbers[lane] / EIGHT) as u32;
                    low[lane] = (numbers[lane] % EIGHT) as u32;
                }
                self.shorts[from].set(at, Words::of_digits(&high, &[0; LANES], 0));
            }
            let last = from + usize::from(!is_short);
            self.shorts[last].set(at, Words::of_digits(&low, &high, 1));
        }
        self.shape = Shape::Shorts(from + if is_short { 1 } else { 2 });
        true
    }

    #[inline(always)]
    fn set_short(&mut self, floats: &[Lanes<u64>]) -> bool {
        let signs = floats.as_flattened().iter().fold(0, |all, bits| all | bits) >> 63;
        let from = signs as usize;
        for (at, floats) in floats.iter().enumerate() {
            let parts = Parts::of(floats);
            if !parts.fit {
                return false;
            }
            if from != 0 {
                self.shorts[0].set(at, Words::of_signs(&parts.negative));
            }
            self.shorts[from].set(at, Words::of_digits(&parts.whole, &[0; LANES], 1));
            self.shorts[from + 1].set(at, Words::of_decimals(&parts.decimals));
        }
        self.shape = Shape::Shorts(from + 2);
        true
    }

    /// One by one, in long cells. Returns which do not fit, by bits.
    fn set_each(&mut self, numbers: &[u64], mut set: impl FnMut(u64, &mut Cell) -> bool) -> u64 {
        self.shape = Shape::Long;
        let mut odd = 0;
        for (row, (number, cell)) in numbers.iter().zip(&mut *self.long).enumerate() {
            odd |= u64::from(!set(*number, cell)) << row;
        }
        odd
    }
}

impl Cell {
    #[inline(always)]
    fn room<const N: usize>(&mut self, at: usize) -> &mut [u8; N] {
        self.text[at & 1..].first_chunk_mut().expect("a number fits behind its sign")
    }

    /// `None` if it does not fit.
    pub(crate) fn set(&mut self, text: &[u8]) -> Option<()> {
        self.text.get_mut(..text.len())?.copy_from_slice(text);
        self.length = text.len();
        Some(())
    }
}
