//! Text with a time in it, kept from one record to the next.

use crate::text::{BLOCK, Line, Shorts, put_fixed, six_digits};

pub(super) const SECOND_NS: i64 = 1_000_000_000;
pub(super) const POWERS: [u32; 10] =
    [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// Digits that change within a second, and where they stand in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hole {
    pub(super) at: usize,
    pub(super) digits: usize,
    pub(super) unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Milliseconds, with zeros in front.
    Millis,
    /// The first digits of the fraction.
    Fraction,
}

impl Hole {
    /// Puts the digits in place, and says which part of the second they stand for: how long it is
    /// in nanoseconds, and its number.
    fn put(self, nanos: u32, text: &mut [u8]) -> (u32, u32) {
        let slot = text.get_mut(self.at..self.at + self.digits).unwrap_or_default();
        let step = match self.unit {
            Unit::Millis => 1_000_000,
            Unit::Fraction => POWERS[9 - self.digits],
        };
        let number = nanos / step;
        put_fixed(number, slot);
        (step, number)
    }
}

/// Six digits that are put in place in the line, not in the text: a text that has just been written
/// to costs a wait when it is read.
#[derive(Debug, Clone, Copy)]
struct Micros {
    at: usize,
    /// The digits, and the two bytes of the text behind them.
    digits: [u8; 8],
}

/// Text with the time of a record in it, as it was shown last.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    /// What stands before the time and behind it.
    before: Box<[u8]>,
    behind: Box<[u8]>,
    /// All of it, the digits in place but those of `micros`.
    blocks: Vec<[u8; BLOCK]>,
    length: usize,
    holes: Vec<Hole>,
    /// Microseconds, if they are all that changes within a second.
    micros: Option<Micros>,
    /// From when on, and for how long, times are shown just so. Nothing is at first.
    from_ns: i64,
    for_ns: u64,
    /// Where the second begins.
    second_ns: Option<i64>,
}

impl Shown {
    /// Nothing yet, but the text around the time.
    pub(crate) fn new(before: &[u8], behind: &[u8]) -> Self {
        Self { before: before.into(), behind: behind.into(), ..Self::default() }
    }

    /// Text without a time in it.
    pub(crate) fn still(text: &[u8]) -> Self {
        let mut shown = Self::default();
        shown.turn(0, text, &[]);
        Self { second_ns: None, for_ns: u64::MAX, ..shown }
    }

    /// The text around the time.
    pub(crate) fn around(&self) -> (&[u8], &[u8]) {
        (&self.before, &self.behind)
    }

    /// Whether a time is shown just so.
    #[inline(always)]
    pub(super) fn shows(&self, time_ns: i64) -> bool {
        (time_ns.wrapping_sub(self.from_ns) as u64) < self.for_ns
    }

    /// Makes text of the microseconds of these times, if they are all of the second that is shown,
    /// one after the other, and all that changes within it. Says where they stand.
    pub(super) fn micros(&self, times: &[i64], texts: &mut Shorts) -> Option<usize> {
        let (Micros { at, digits }, second_ns) = (self.micros?, self.second_ns?);
        if ![times.first()?, times.last()?].iter().all(|time_ns| self.is_in_second(**time_ns)) {
            return None;
        }
        texts.set_micros(times, second_ns, digits);
        Some(at)
    }

    /// Whether a time is in the second that is shown.
    pub(super) fn is_in_second(&self, time_ns: i64) -> bool {
        self.second_ns
            .is_some_and(|second_ns| (0..SECOND_NS).contains(&time_ns.wrapping_sub(second_ns)))
    }

    /// Whether there is no time in it.
    pub(super) fn is_still(&self) -> bool {
        self.for_ns == u64::MAX
    }

    /// Appends it to a line, with [`micros`](Self::micros) at their place.
    #[inline(always)]
    pub(crate) fn push_with(&self, at: usize, micros: [u8; 8], line: &mut Line<'_>) {
        let start = line.length();
        line.push_blocks(&self.blocks, self.length);
        line.put_at(start + at, micros);
    }

    /// Appends it to a line.
    #[inline(always)]
    pub(super) fn push_to(&self, line: &mut Line<'_>) {
        let start = line.length();
        line.push_blocks(&self.blocks, self.length);
        if let Some(Micros { at, digits }) = &self.micros {
            line.put_at(start + at, *digits);
        }
    }

    /// Puts the digits of a time in place; false if it is of another second.
    #[inline(never)]
    pub(super) fn put(&mut self, time_ns: i64) -> bool {
        let Some(second_ns) = self.second_ns else { return false };
        let since = time_ns.wrapping_sub(second_ns);
        if !(0..SECOND_NS).contains(&since) {
            return false;
        }
        if let Some(Micros { digits, .. }) = &mut self.micros {
            let micros = since as u32 / 1_000;
            *digits = six_digits(micros, *digits);
            (self.from_ns, self.for_ns) = (second_ns + i64::from(micros * 1_000), 1_000);
            return true;
        }
        self.put_all(second_ns, since as u32);
        true
    }

    #[inline(never)]
    fn put_all(&mut self, second_ns: i64, nanos: u32) {
        let mut shortest = (SECOND_NS as u32, 0);
        for hole in &self.holes {
            shortest = shortest.min(hole.put(nanos, self.blocks.as_flattened_mut()));
        }
        let (step, number) = shortest;
        self.from_ns = second_ns + i64::from(step * number);
        self.for_ns = u64::from(step);
    }

    /// Goes on with another second: its time, and where the digits are missing in it.
    pub(super) fn turn(&mut self, second_ns: i64, time: &[u8], holes: &[Hole]) {
        let text = [&self.before, time, &self.behind].concat();
        self.blocks.clear();
        self.blocks.resize(text.len().div_ceil(BLOCK), [0; BLOCK]);
        self.blocks.as_flattened_mut()[..text.len()].copy_from_slice(&text);
        self.length = text.len();
        self.holes.clear();
        let before = self.before.len();
        self.holes.extend(holes.iter().map(|hole| Hole { at: before + hole.at, ..*hole }));
        self.micros = match *self.holes {
            [Hole { at, digits: 6, unit: Unit::Fraction }] => {
                let mut digits = [0; 8];
                let text = text.iter().skip(at);
                digits.iter_mut().zip(text).for_each(|(digit, byte)| *digit = *byte);
                Some(Micros { at, digits })
            }
            _ => None,
        };
        self.second_ns = Some(second_ns);
        self.for_ns = 0;
    }
}
