//! Stamps on the caller, wall-clock time on the drain.
//!
//! A caller only reads a [`Stamper`]. Stamps order records; the drain's [`Timeline`] turns them
//! into time, and compares the counter with the system clock once a second. Nothing waits for a
//! stamp to become old, so a clock that is set back holds nothing up.

mod counter;
mod track;

use crate::sync::{Arc, AtomicI64, Ordering};
use std::time::{Duration, Instant};
use track::{Reading, Track};

/// Which clock stamps records.
///
/// | clock | cost of a stamp | its time |
/// | --- | --- | --- |
/// | `Auto`, counter | 9 ns | within about 20 ns of the system clock; no step back in a thread |
/// | `System`, `Auto` without | 22 ns | the system clock's, steps back when that is set back |
/// | `Coarse` | 3 ns | the system clock's, in steps of 1 to 10 ms |
/// | `Manual` | 1 ns | what the program says |
///
/// The counter is the x86-64 time stamp counter, used where the processor says that it is
/// invariant and Linux has not found it unfit. Making a runtime calibrates it for a fifth of a
/// millisecond; the drain refines that after 10 and 100 ms and then once a second. When the system
/// clock is set forward, the text follows within a second. When it is set back, the text goes on
/// more slowly until the two meet, at an eighth of the speed at the least: choose `System` if the
/// text shall follow at once.
///
/// # Examples
///
/// ```
/// use sawmill::{ClockSource, ManualClock};
///
/// let clock = ManualClock::new(1_700_000_000_000_000_000);
/// let source = ClockSource::Manual(clock.clone());
/// clock.advance(std::time::Duration::from_secs(1));
/// assert_eq!(clock.now_ns(), 1_700_000_001_000_000_000);
/// # let _ = source;
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum ClockSource {
    /// The processor's counter where it is invariant, else the system clock.
    #[default]
    Auto,
    /// The system clock: about 20 ns a call.
    System,
    /// The system's coarse clock: about 3 ns a call, in steps of 1 to 10 ms. On systems that have
    /// none it is the system clock.
    Coarse,
    /// A clock that the test moves.
    Manual(ManualClock),
}

/// A clock that stands still until moved. Clones show the same time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now_ns: Arc<AtomicI64>,
}

impl ManualClock {
    /// Makes a clock that shows `now_ns` nanoseconds since the Unix epoch.
    pub fn new(now_ns: i64) -> Self {
        Self { now_ns: Arc::new(AtomicI64::new(now_ns)) }
    }

    /// Sets the time in nanoseconds since the Unix epoch, forwards or backwards.
    pub fn set(&self, now_ns: i64) {
        self.now_ns.store(now_ns, Ordering::Relaxed);
    }

    /// Moves the time forwards.
    pub fn advance(&self, by: Duration) {
        self.now_ns.fetch_add(by.as_nanos() as i64, Ordering::Relaxed);
    }

    /// The time shown, in nanoseconds since the Unix epoch.
    pub fn now_ns(&self) -> i64 {
        self.now_ns.load(Ordering::Relaxed)
    }
}

/// The caller's half: reads stamps.
#[derive(Debug, Clone)]
pub(crate) struct Stamper {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Counter,
    System,
    Coarse,
    Manual(ManualClock),
}

impl Stamper {
    /// A stamp: orders records, and becomes time through [`Timeline`].
    #[inline(always)]
    pub(crate) fn stamp(&self) -> u64 {
        match self.source {
            Source::Counter => counter::ticks(),
            _ => self.stamp_by_the_system(),
        }
    }

    /// Whether [`quick`](Self::quick) may be asked.
    pub(crate) fn is_quick(&self) -> bool {
        !counter::IS_READ || self.is_counter()
    }

    /// As [`stamp`](Self::stamp), without a question which clock it is: the counter where there is
    /// one.
    #[inline(always)]
    pub(crate) fn quick(&self) -> u64 {
        if counter::IS_READ { counter::ticks() } else { self.stamp() }
    }

    // Out of line, so that a call site pays one predicted branch for the choice of clocks.
    #[inline(never)]
    fn stamp_by_the_system(&self) -> u64 {
        match &self.source {
            Source::Counter => counter::ticks(),
            Source::System => system_ns() as u64,
            Source::Coarse => counter::coarse_ns() as u64,
            Source::Manual(clock) => clock.now_ns() as u64,
        }
    }

    fn is_counter(&self) -> bool {
        matches!(self.source, Source::Counter)
    }
}

/// The drain's half: turns stamps into nanoseconds since the Unix epoch.
#[derive(Debug)]
pub(crate) struct Timeline {
    stamper: Stamper,
    /// How the counter runs; for other clocks a stamp is its time.
    track: Option<Track>,
}

/// The time that a lane showed last, so that no text of a thread steps back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Monotone {
    last_ns: i64,
}

impl Default for Monotone {
    fn default() -> Self {
        Self { last_ns: i64::MIN }
    }
}

impl Monotone {
    /// Goes on where another process stood.
    pub(crate) fn at(last_ns: i64) -> Self {
        Self { last_ns }
    }

    #[inline(always)]
    fn each(mut self, stamps: &mut [i64], ns: impl Fn(u64) -> i64) {
        for stamp in stamps {
            self.last_ns = self.last_ns.max(ns(*stamp as u64));
            *stamp = self.last_ns;
        }
    }

    /// The time shown last, if any was.
    pub(crate) fn last_ns(&self) -> Option<i64> {
        (self.last_ns != i64::MIN).then_some(self.last_ns)
    }
}

/// Starts the clock; takes a fifth of a millisecond if a counter is to be calibrated.
pub(crate) fn start(source: &ClockSource) -> (Stamper, Timeline) {
    let source = match source {
        ClockSource::Auto if counter::is_invariant() => Source::Counter,
        ClockSource::Auto | ClockSource::System => Source::System,
        ClockSource::Coarse => Source::Coarse,
        ClockSource::Manual(clock) => Source::Manual(clock.clone()),
    };
    let stamper = Stamper { source };
    let track = stamper.is_counter().then(calibrate);
    (stamper.clone(), Timeline { stamper, track })
}

/// A straight line from stamps to nanoseconds, for whoever reads stamps of a dead process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Anchor {
    base: u64,
    ns: i64,
    /// Nanoseconds a stamp, times 2^32.
    mult: i64,
}

impl Default for Anchor {
    /// Stamps are times.
    fn default() -> Self {
        Self { base: 0, ns: 0, mult: 1 << 32 }
    }
}

impl Anchor {
    pub(crate) fn to_words(self) -> [u64; 3] {
        [self.base, self.ns as u64, self.mult as u64]
    }

    pub(crate) fn from_words([base, ns, mult]: [u64; 3]) -> Self {
        Self { base, ns: ns as i64, mult: mult as i64 }
    }

    /// The time of a lane's next stamp, never before the lane's last one.
    pub(crate) fn ns_after(&self, stamp: u64, lane: &mut Monotone) -> i64 {
        lane.last_ns = lane.last_ns.max(self.ns(stamp));
        lane.last_ns
    }

    /// The time of a stamp.
    pub(crate) fn ns(&self, stamp: u64) -> i64 {
        let ahead = i128::from(stamp) - i128::from(self.base);
        (i128::from(self.ns) + ((ahead * i128::from(self.mult)) >> 32)) as i64
    }
}

impl Timeline {
    /// How stamps read as time at present.
    pub(crate) fn anchor(&self) -> Anchor {
        self.track.as_ref().map_or_else(Anchor::default, |track| {
            let (base, ns, mult) = track.line();
            Anchor { base, ns, mult }
        })
    }

    /// The time of a stamp.
    ///
    /// Grows with the stamp, except where the clock itself steps back (`System`, `Coarse`,
    /// `Manual`) and by some nanoseconds for records that wait while the line is adjusted; see
    /// [`ns_after`](Self::ns_after).
    #[inline]
    pub(crate) fn ns(&self, stamp: u64) -> i64 {
        match &self.track {
            Some(track) => track.ns(stamp),
            None => stamp as i64,
        }
    }

    /// The time of a lane's next stamp: with a counter, never before the lane's last one.
    #[inline]
    pub(crate) fn ns_after(&self, stamp: u64, lane: &mut Monotone) -> i64 {
        match &self.track {
            Some(track) => {
                lane.last_ns = lane.last_ns.max(track.ns(stamp));
                lane.last_ns
            }
            None => stamp as i64,
        }
    }

    /// Makes times of a lane's next stamps, of which none is less than the one before it: what
    /// [`ns_after`](Self::ns_after) would say of one after the other.
    #[inline]
    pub(crate) fn ns_after_each(&self, stamps: &mut [i64], lane: Monotone) {
        let Some(track) = &self.track else { return };
        let (Some(first), Some(last)) = (stamps.first(), stamps.last()) else { return };
        match track.line_between(*first as u64, *last as u64) {
            Some(line) => lane.each(stamps, |stamp| line.at(stamp)),
            None => lane.each(stamps, |stamp| track.ns(stamp)),
        }
    }

    /// A lane has shown a time that [`ns_after_each`](Self::ns_after_each) made of a stamp of its.
    #[inline]
    pub(crate) fn has_shown(&self, ns: i64, lane: &mut Monotone) {
        if self.track.is_some() {
            lane.last_ns = ns;
        }
    }

    /// The time now, by the clock that stamps.
    pub(crate) fn now_ns(&self) -> i64 {
        self.ns(self.stamper.stamp())
    }

    /// Compares with the system clock once a second; called once a pass before records are
    /// decoded. A counter's read when not due, a microsecond when due.
    #[inline]
    pub(crate) fn resync(&mut self) {
        if let Some(track) = &mut self.track
            && track.is_due(counter::ticks())
        {
            track.adjust(read());
        }
    }
}

/// Two readings a fifth of a millisecond apart. With readings exact to 30 ns that is a rate exact
/// to 150 ppm, which is 1.5 us until the drain takes the next reading 10 ms later.
fn calibrate() -> Track {
    const SPAN: Duration = Duration::from_micros(200);
    let first = read();
    let start = Instant::now();
    while start.elapsed() < SPAN {
        std::hint::spin_loop();
    }
    Track::new(first, read())
}

/// Reads the system clock between two reads of the counter, a few times, and takes the tightest:
/// the others held an interrupt.
#[cold]
fn read() -> Reading {
    const TRIES: usize = 8;
    let triple = || {
        let before = counter::ticks_fenced();
        let ns = system_ns();
        let window = counter::ticks_fenced().wrapping_sub(before);
        (window, Reading { ticks: before.wrapping_add(window / 2), ns })
    };
    let mut best = triple();
    for _ in 1..TRIES {
        let next = triple();
        if next.0 < best.0 {
            best = next;
        }
    }
    best.1
}

pub(crate) fn system_ns() -> i64 {
    let now = std::time::SystemTime::now();
    match now.duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => since.as_nanos() as i64,
        Err(before) => -(before.duration().as_nanos() as i64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: i64 = 1_000_000_000;

    #[test]
    fn the_counter_stays_with_the_system_clock() {
        let (_, mut timeline) = start(&ClockSource::Auto);
        let begin = Instant::now();
        let mut errors = Vec::new();
        while begin.elapsed() < Duration::from_millis(1500) {
            timeline.resync();
            // Read between two reads of the system clock; a wide window was interrupted.
            let before = system_ns();
            let shown = timeline.now_ns();
            let after = system_ns();
            if after - before < 1_000 {
                errors.push((shown - before).min(after - shown).min(0).abs());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        errors.sort_unstable();
        assert!(errors.len() > 20, "only {} readings were uninterrupted", errors.len());
        let p90 = errors[errors.len() * 9 / 10];
        assert!(p90 < 2_000, "90 % are within {p90} ns of the system clock");
    }

    #[test]
    fn times_of_a_lane_never_step_back() {
        let (stamper, mut timeline) = start(&ClockSource::Auto);
        let begin = Instant::now();
        let (mut lane, mut last) = (Monotone::default(), 0);
        while begin.elapsed() < Duration::from_millis(300) {
            let stamps: [u64; 64] = std::array::from_fn(|_| stamper.stamp());
            timeline.resync();
            for stamp in stamps {
                let ns = timeline.ns_after(stamp, &mut lane);
                assert!(ns >= last, "stepped back by {} ns", last - ns);
                last = ns;
            }
        }
    }

    #[test]
    fn threads_that_hand_over_see_time_pass() {
        let (stamper, timeline) = start(&ClockSource::Auto);
        let first = timeline.ns(stamper.stamp());
        let other = stamper.clone();
        let stamp = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(1));
            other.stamp()
        });
        let second = timeline.ns(stamp.join().unwrap());
        assert!((1_000_000..SECOND_NS).contains(&(second - first)), "{} ns", second - first);
    }

    #[test]
    fn a_manual_clock_shows_what_it_is_set_to_backwards_too() {
        let clock = ManualClock::new(5 * SECOND_NS);
        let (stamper, mut timeline) = start(&ClockSource::Manual(clock.clone()));
        let mut lane = Monotone::default();
        assert_eq!(timeline.ns_after(stamper.stamp(), &mut lane), 5 * SECOND_NS);
        clock.set(-SECOND_NS);
        timeline.resync();
        assert_eq!(timeline.ns_after(stamper.stamp(), &mut lane), -SECOND_NS);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(timeline.now_ns(), SECOND_NS / 2);
    }

    #[test]
    fn the_system_and_coarse_clocks_show_the_systems_time() {
        for (source, within_ns) in [(ClockSource::System, 0), (ClockSource::Coarse, 20_000_000)] {
            let before = system_ns();
            let (stamper, timeline) = start(&source);
            let shown = timeline.ns(stamper.stamp());
            assert!(shown >= before - within_ns && shown <= system_ns(), "{source:?}: {shown}");
        }
    }

    #[test]
    fn starting_a_clock_holds_nobody_for_long() {
        let quickest = (0..10)
            .map(|_| {
                let begin = Instant::now();
                let _ = start(&ClockSource::Auto);
                begin.elapsed()
            })
            .min();
        assert!(quickest < Some(Duration::from_millis(2)), "{quickest:?}");
    }
}
