//! From ticks of a counter to the system's time, as a function that only grows.
//!
//! The system clock is read beside the counter now and then. Between two readings time is a
//! straight line: `ns + (ticks - base) * mult >> 32`. At a reading, a line that lags begins anew
//! at the system's time. A line that is ahead (drift of some nanoseconds, or a clock set back) is
//! never cut: its successor goes on where it stands and runs slower until the two meet, at no less
//! than an eighth of the speed, so that stamps in their order give times in their order.
//!
//! A record may be older than the line that is current when it is decoded, so the line before is
//! kept, and each stamp goes by the line whose beginning is nearer.

/// The counter and the system clock, read at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    pub(crate) ticks: u64,
    pub(crate) ns: i64,
}

const SECOND_NS: i64 = 1_000_000_000;
const MILLISECOND_NS: i64 = 1_000_000;

/// A line whose rate was found over less than this is measured again soon.
const FIRST_SPANS_NS: [i64; 2] = [10 * MILLISECOND_NS, 100 * MILLISECOND_NS];

/// The system clock is slewed by at most 500 ppm either way; an interval that shows more than this
/// held a step of the clock or a suspended machine, and says nothing about the rate.
const SLEW_LIMIT: f64 = 0.0015;

/// How wrong one reading may be: the two ends of an interval differ by this much at most.
const READING_ERROR_NS: f64 = 2_000.0;

/// The slowest that a line ahead of the system clock runs: this part of its speed.
const SLOWEST: f64 = 1.0 / 8.0;

/// A straight line from ticks to nanoseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    base: u64,
    ns: i64,
    /// Nanoseconds a tick, times 2^32.
    mult: i64,
}

impl Line {
    /// The time of a stamp.
    #[inline(always)]
    pub(crate) fn at(&self, ticks: u64) -> i64 {
        let ahead = ticks.wrapping_sub(self.base) as i64;
        self.ns.wrapping_add(((i128::from(ahead) * i128::from(self.mult)) >> 32) as i64)
    }
}

/// The time that a counter shows.
#[derive(Debug)]
pub(crate) struct Track {
    now: Line,
    before: Line,
    /// `now` holds from this many ticks after its base (never positive) ...
    from: i64,
    /// ... for so many ticks, which end only where the counter began anew.
    span: u64,
    /// The latest reading, its rate in nanoseconds a tick and the time over which it was found.
    last: Reading,
    rate: f64,
    rate_span_ns: i64,
    /// A rate that was taken for a step; a second one like it is believed.
    suspect: Option<f64>,
    due_in_ticks: u64,
}

impl Track {
    /// Begins with two readings, some hundred microseconds apart.
    pub(crate) fn new(first: Reading, second: Reading) -> Self {
        let ticks = second.ticks.wrapping_sub(first.ticks).max(1);
        let span_ns = (second.ns - first.ns).max(1);
        let rate = span_ns as f64 / ticks as f64;
        let now = Line { base: second.ticks, ns: second.ns, mult: to_mult(rate) };
        let mut track = Self {
            now,
            before: now,
            from: i64::MIN,
            span: u64::MAX,
            last: second,
            rate,
            rate_span_ns: span_ns,
            suspect: None,
            due_in_ticks: 0,
        };
        track.set_due();
        track
    }

    /// The time of a stamp, in nanoseconds since the Unix epoch.
    #[inline(always)]
    pub(crate) fn ns(&self, ticks: u64) -> i64 {
        if self.is_now(ticks) { self.now.at(ticks) } else { self.before.at(ticks) }
    }

    /// Whether a stamp goes by the line that is current.
    #[inline(always)]
    fn is_now(&self, ticks: u64) -> bool {
        let ahead = ticks.wrapping_sub(self.now.base) as i64;
        (ahead.wrapping_sub(self.from) as u64) <= self.span
    }

    /// The line of all stamps from `first` to `last`, if it is known to be one.
    #[inline]
    pub(crate) fn line_between(&self, first: u64, last: u64) -> Option<Line> {
        let is_now = self.is_now(first);
        // Too near to each other for the other line to hold between them.
        let apart = last.wrapping_sub(first);
        let is_one = is_now == self.is_now(last) && apart <= self.span.min(u64::MAX - self.span);
        is_one.then_some(if is_now { self.now } else { self.before })
    }

    /// The current line: ticks, the nanoseconds they stand for, nanoseconds a tick times 2^32.
    pub(crate) fn line(&self) -> (u64, i64, i64) {
        (self.now.base, self.now.ns, self.now.mult)
    }

    /// Whether the next reading is due.
    #[inline]
    pub(crate) fn is_due(&self, ticks: u64) -> bool {
        ticks.wrapping_sub(self.last.ticks) >= self.due_in_ticks
    }

    /// Takes a reading.
    pub(crate) fn adjust(&mut self, reading: Reading) {
        let ticks = reading.ticks.wrapping_sub(self.last.ticks) as i64;
        if ticks <= 0 {
            return self.begin_anew(reading);
        }
        self.learn_rate(ticks, reading.ns - self.last.ns);
        let shown = self.now.at(reading.ticks);
        let error_ns = reading.ns - shown;
        let next = if error_ns >= 0 {
            Line { base: reading.ticks, ns: reading.ns, mult: to_mult(self.rate) }
        } else {
            let speed = (1.0 + error_ns as f64 / SECOND_NS as f64).max(SLOWEST);
            Line { base: reading.ticks, ns: shown, mult: to_mult(self.rate * speed) }
        };
        self.before = std::mem::replace(&mut self.now, next);
        self.from = -(next.base.wrapping_sub(self.before.base) as i64 / 2);
        self.span = u64::MAX - self.from.unsigned_abs();
        self.last = reading;
        self.set_due();
    }

    /// The rate is that of the last interval, unless that held a step of the system clock.
    fn learn_rate(&mut self, ticks: i64, span_ns: i64) {
        let rate = span_ns as f64 / ticks as f64;
        let tolerance = SLEW_LIMIT
            + READING_ERROR_NS / self.rate_span_ns as f64
            + READING_ERROR_NS / (ticks as f64 * self.rate);
        let is_like = |known: f64| rate > 0.0 && (rate / known - 1.0).abs() <= tolerance;
        if is_like(self.rate) || self.suspect.is_some_and(is_like) {
            self.rate = rate;
            self.rate_span_ns = span_ns.max(1);
            self.suspect = None;
        } else {
            self.suspect = (rate > 0.0).then_some(rate);
        }
    }

    /// The counter stepped back, as after some machines' sleep: ticks above the middle belong to
    /// the old line, the others to a new one.
    fn begin_anew(&mut self, reading: Reading) {
        let next = Line { base: reading.ticks, ns: reading.ns, mult: to_mult(self.rate) };
        self.before = std::mem::replace(&mut self.now, next);
        let half = (self.before.base.wrapping_sub(next.base) / 2).min(i64::MAX as u64);
        self.from = -(half as i64);
        self.span = half * 2;
        self.suspect = None;
        self.last = reading;
        self.set_due();
    }

    fn set_due(&mut self) {
        let wait_ns = FIRST_SPANS_NS.into_iter().find(|span| self.rate_span_ns < span / 2);
        self.due_in_ticks = (wait_ns.unwrap_or(SECOND_NS) as f64 / self.rate) as u64;
    }
}

fn to_mult(rate: f64) -> i64 {
    (rate * (1_u64 << 32) as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine whose counter runs at 2.5 GHz; its clock can be set, slewed and suspended.
    struct Machine {
        ticks: u64,
        ns: i64,
        ns_a_tick: f64,
    }

    impl Machine {
        fn new() -> Self {
            Self { ticks: 77_000_000_000, ns: 1_700_000_000 * SECOND_NS, ns_a_tick: 0.4 }
        }

        fn run(&mut self, ns: i64) -> Reading {
            self.ticks = self.ticks.wrapping_add((ns as f64 / self.ns_a_tick) as u64);
            self.ns += ns;
            Reading { ticks: self.ticks, ns: self.ns }
        }

        fn track(&mut self) -> Track {
            let first = self.run(0);
            let mut track = Track::new(first, self.run(200_000));
            track.adjust(self.run(10 * MILLISECOND_NS));
            track.adjust(self.run(100 * MILLISECOND_NS));
            track
        }

        fn error(&self, track: &Track) -> i64 {
            track.ns(self.ticks) - self.ns
        }
    }

    /// Reads `track` a thousand times over `ns` and holds that it grows, then adjusts it.
    fn run_and_adjust(machine: &mut Machine, track: &mut Track, ns: i64, last: &mut i64) {
        for _ in 0..1000 {
            let reading = machine.run(ns / 1000);
            let shown = track.ns(reading.ticks);
            assert!(shown > *last, "time stood still or stepped back by {}", *last - shown);
            *last = shown;
        }
        let reading = machine.run(0);
        track.adjust(reading);
        let shown = track.ns(reading.ticks);
        assert!(shown >= *last, "the adjustment stepped back by {}", *last - shown);
    }

    #[test]
    fn a_steady_counter_is_followed_to_the_nanosecond() {
        let mut machine = Machine::new();
        let mut track = machine.track();
        for _ in 0..100 {
            machine.run(SECOND_NS);
            assert!(machine.error(&track).abs() <= 3, "{} ns", machine.error(&track));
            track.adjust(machine.run(0));
        }
    }

    #[test]
    fn a_slewed_clock_is_followed_and_never_steps_back() {
        let mut machine = Machine::new();
        let (mut track, mut last) = (machine.track(), 0);
        for (second, ppm) in [0, 500, 500, 500, -500, -500, 0, 0, 0].into_iter().enumerate() {
            machine.ns_a_tick = 0.4 * (1.0 + f64::from(ppm) / 1e6);
            run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
            assert!(
                machine.error(&track).abs() <= 1_001_000,
                "second {second}: {}",
                machine.error(&track)
            );
        }
        assert!(machine.error(&track).abs() <= 10, "{} ns", machine.error(&track));
    }

    #[test]
    fn a_clock_set_back_is_met_without_a_step_back() {
        let mut machine = Machine::new();
        let (mut track, mut last) = (machine.track(), 0);
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        machine.ns -= 60 * SECOND_NS;
        for _ in 0..72 {
            run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        }
        assert!(machine.error(&track).abs() <= 10, "{} ns", machine.error(&track));
    }

    #[test]
    fn a_clock_set_forward_is_followed_at_the_next_reading() {
        let mut machine = Machine::new();
        let (mut track, mut last) = (machine.track(), 0);
        machine.ns += 3600 * SECOND_NS;
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        assert_eq!(machine.error(&track), 0);
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        assert!(machine.error(&track).abs() <= 3, "the step was taken for a rate");
    }

    #[test]
    fn records_of_before_a_step_keep_the_time_of_before() {
        let mut machine = Machine::new();
        let mut track = machine.track();
        let early = machine.run(200 * MILLISECOND_NS);
        machine.run(700 * MILLISECOND_NS);
        machine.ns += 3600 * SECOND_NS;
        let late = machine.run(50 * MILLISECOND_NS);
        track.adjust(machine.run(50 * MILLISECOND_NS));
        assert!((track.ns(early.ticks) - early.ns).abs() < 10);
        assert!((track.ns(late.ticks) - late.ns).abs() < 10);
    }

    #[test]
    fn a_counter_that_stops_while_the_machine_sleeps_is_followed() {
        let mut machine = Machine::new();
        let (mut track, mut last) = (machine.track(), 0);
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        machine.ns += 8 * 3600 * SECOND_NS;
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
        assert!(machine.error(&track).abs() <= 3);
    }

    #[test]
    fn a_counter_that_begins_anew_gives_old_and_new_records_their_time() {
        let mut machine = Machine::new();
        let mut track = machine.track();
        let old = machine.run(300 * MILLISECOND_NS);
        machine.ticks = 1_000;
        machine.ns += 3600 * SECOND_NS;
        let new = machine.run(20 * MILLISECOND_NS);
        track.adjust(machine.run(SECOND_NS));
        assert!((track.ns(old.ticks) - old.ns).abs() < 10);
        assert!((track.ns(new.ticks) - new.ns).abs() < 10);
        let later = machine.run(SECOND_NS);
        assert!((track.ns(later.ticks) - later.ns).abs() < 10);
        track.adjust(later);
        let next = machine.run(SECOND_NS / 2);
        assert!((track.ns(next.ticks) - next.ns).abs() < 10);
    }

    #[test]
    fn stamps_between_two_of_one_line_go_by_that_line() {
        let mut machine = Machine::new();
        let (mut track, mut last) = (machine.track(), 0);
        for anew in [false, true] {
            run_and_adjust(&mut machine, &mut track, SECOND_NS, &mut last);
            if anew {
                machine.ticks = 1_000;
                track.adjust(machine.run(SECOND_NS));
            }
            let (base, ticks) = (track.now.base, SECOND_NS as u64 / 4);
            let mut found = 0;
            for first in (0..40).map(|n| base.wrapping_sub(20 * ticks).wrapping_add(n * ticks)) {
                for apart in [0, 1, ticks, 3 * ticks, 12 * ticks, u64::MAX / 2] {
                    let Some(line) = track.line_between(first, first.wrapping_add(apart)) else {
                        continue;
                    };
                    found += 1;
                    for part in 0..=16 {
                        let stamp = first.wrapping_add(apart / 16 * part);
                        assert_eq!(line.at(stamp), track.ns(stamp));
                    }
                }
            }
            assert!(found > 80, "{found}");
        }
    }

    #[test]
    fn a_rate_that_was_found_wrong_is_replaced_by_the_second_reading_that_says_so() {
        let mut machine = Machine::new();
        let first = machine.run(0);
        machine.ns += 10 * SECOND_NS; // set while the first two readings were taken
        let mut track = Track::new(first, machine.run(200_000));
        track.adjust(machine.run(SECOND_NS));
        track.adjust(machine.run(SECOND_NS));
        track.adjust(machine.run(SECOND_NS));
        machine.run(SECOND_NS / 2);
        assert!(track.rate_span_ns <= SECOND_NS + 10);
        assert!((track.rate / 0.4 - 1.0).abs() < 1e-6, "{}", track.rate);
    }

    #[test]
    fn a_long_silence_is_bridged_and_the_records_behind_it_are_exact() {
        let mut machine = Machine::new();
        let mut track = machine.track();
        machine.ns_a_tick = 0.4 * 1.0002;
        let reading = machine.run(3600 * SECOND_NS);
        track.adjust(machine.run(1_000));
        assert!((track.ns(reading.ticks) - reading.ns).abs() < 10);
    }

    #[test]
    fn readings_come_soon_at_first_and_then_once_a_second() {
        let mut machine = Machine::new();
        let first = machine.run(0);
        let mut track = Track::new(first, machine.run(200_000));
        let mut gaps = Vec::new();
        for _ in 0..4 {
            let start = machine.ns;
            while !track.is_due(machine.ticks) {
                machine.run(MILLISECOND_NS);
            }
            gaps.push((machine.ns - start) / MILLISECOND_NS);
            track.adjust(machine.run(0));
        }
        assert_eq!(gaps, [10, 100, 1000, 1000]);
    }
}
