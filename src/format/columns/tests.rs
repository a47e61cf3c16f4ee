use super::{Lines, Rows};
use crate::callsite::Callsite;
use crate::capture::Capture;
use crate::format::by_script::ByScript;
use crate::format::site_cases::{Origin, of_site, site, site_cases, words};
use crate::format::{Format, Formatter, JsonFormatter};
use crate::text::{ROWS, Room, room};
use crate::value::{Count, Piece, Role, Spec};
use Piece::{Plain, Text};

/// 2023-11-14 22:13:20 UTC, and less than a second.
const NOON: i64 = 1_700_000_000_000_000_000;

/// Lines as they came, up to so many.
struct Kept {
    room: Box<Room>,
    lines: Vec<String>,
    most: usize,
}

impl Lines for Kept {
    fn room(&mut self) -> Option<&mut Room> {
        (self.lines.len() < self.most).then_some(&mut *self.room)
    }

    fn take(&mut self, length: usize, _time_ns: i64) -> bool {
        self.lines.push(String::from_utf8_lossy(&self.room[..length]).into_owned());
        true
    }
}

/// Makes lines of rows of values, all of the same length, and compares each with the line that is
/// made of its record alone. Returns whether columns made them, and all of them.
fn check(
    format: &(impl ByScript + Format),
    site: &'static Callsite,
    values: &[Vec<u64>],
    times: &[i64],
) -> bool {
    let one_by_one: Vec<_> = values
        .iter()
        .zip(times)
        .map(|(words, time_ns)| {
            of_site(site, words, *time_ns, ("app", 1), &[], |record| {
                let mut line = Vec::new();
                format.in_full(record, &mut line).unwrap();
                // The second time there is a script.
                format.format(record, &mut Vec::new()).unwrap();
                String::from_utf8_lossy(&line).into_owned()
            })
        })
        .collect();
    let frames: Vec<u64> =
        values.iter().flat_map(|words| [&[1, 2, 3], &**words].concat()).collect();
    let rows = Rows { frames: &frames, words: 3 + values[0].len(), before: 3, sequence: 1 };
    let origin = Origin::new();
    let record = &mut origin.record(site, &values[0], times[0], ("app", 1), &[]);
    let Some(mut group) = format.group(site, record) else { return false };
    let mut take = |most: usize| {
        let mut lines = Kept { room: room(), lines: Vec::new(), most };
        let taken = format.take_rows(&mut group, &rows, times, record, &mut lines);
        assert_eq!(lines.lines, one_by_one[..taken]);
        taken
    };
    // What is left after a line that no script can make comes again, the general way.
    let taken = take(usize::MAX);
    for most in [0, 1, times.len() / 2] {
        assert_eq!(take(most), most.min(taken));
    }
    taken == times.len() && group.has_columns()
}

/// Formatters of several shapes; anew, for a script is of the types that it met first.
fn formatters() -> impl Iterator<Item = Formatter> {
    let shapes = [
        ("%(asctime)s %(levelname)-8s %(name)s:%(lineno)d [%(threadName)s] %(message)s", "%H.%f"),
        ("%(message)s", "%H"),
        ("[%(threadName)s] %(asctime)s %(message)s%(fields)s", "%3f|%Y"),
        ("%(asctime)s%(threadName)s%(message)s, in more than a block of text and some", "%S"),
        ("%(message)s at %(asctime)s", "%f"),
    ];
    shapes
        .into_iter()
        .map(|(pattern, date)| {
            Formatter::builder().pattern(pattern).date_format(date).utc().build().unwrap()
        })
        .chain([Formatter::default_line(), Formatter::new("%(asctime)s %(message)s").unwrap()])
}

fn times(count: usize, step: i64) -> Vec<i64> {
    (0..count as i64).map(|row| NOON + row * step).collect()
}

#[test]
fn rows_of_every_kind_of_value_are_shown_as_each_by_itself() {
    let (mut all, mut whole) = (0, 0);
    for (site, words) in site_cases() {
        for formatter in formatters() {
            // Microseconds, and so much that each row is of another second.
            for step in [321, 700_000_000] {
                let count = 8 + all % (ROWS - 7);
                let rows = vec![words.clone(); count];
                let by_columns = check(&formatter, site, &rows, &times(count, step));
                (all, whole) = (all + 1, whole + usize::from(by_columns));
            }
        }
        let rows = vec![words; ROWS];
        check(&JsonFormatter::new(), site, &rows, &times(ROWS, 98_765));
    }
    assert!(whole > all / 4, "{whole} of {all}");
}

/// Numbers of every length, none like another.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> (*seed >> 58)
}

#[test]
fn numbers_of_every_length_stand_in_their_rows() {
    static SITE: Callsite = site(
        &[Text("a "), Plain(0), Text(", b "), Plain(1), Text(", c "), Plain(2)],
        &[Role::Message, Role::Message, Role::Message],
    );
    let text = Formatter::default_line();
    let json = JsonFormatter::new();
    let mut seed = 7;
    // Each by its largest number: the columns differ with it.
    for limit in (1..=20).map(|digits| 10u128.pow(digits)) {
        for round in 0..12 {
            let count = 8 + round % (ROWS - 7);
            let mut number = || (u128::from(random(&mut seed)) % limit) as u64;
            let rows: Vec<_> = (0..count)
                .map(|row| {
                    let float = match round % 4 {
                        0 => number() as f64 / 100.0,
                        1 => (number() as f64).sqrt(),
                        2 => -(number() as f64) / 8.0,
                        _ => [0.0, -0.0, 0.5, 1e-6, 99_999_999.999_999, 1e8, f64::NAN][row % 7],
                    };
                    let signed = number() as i64;
                    let signed = if round % 3 == 0 { signed.wrapping_neg() } else { signed };
                    words((number().capture(), signed.capture(), float.capture()))
                })
                .collect();
            for step in [0, 999, 40_000_000] {
                assert!(check(&text, &SITE, &rows, &times(count, step)));
                assert!(check(&json, &SITE, &rows, &times(count, step)));
            }
        }
    }
}

#[test]
fn texts_may_have_any_length_and_what_is_odd_among_them_is_shown_alike() {
    static WIDE: Spec = Spec { precision: Count::Is(3), width: Count::Is(9), ..Spec::PLAIN };
    static SITE: Callsite = site(
        &[Plain(0), Text(" of "), Plain(1), Text(" took "), Piece::Spec(2, &WIDE), Text(" ms")],
        &[Role::Message, Role::Message, Role::Message],
    );
    static KEYED: Callsite =
        site(&[Text("done "), Plain(1)], &[Role::Key("user"), Role::Message, Role::Key("share")]);
    let odd = ["two\nlines", "gr\u{fc}n", "\"", "", "\u{1b}[1m", "a tab\t", "\u{2028}"];
    let mut seed = 3;
    for round in 0..60 {
        let count = 8 + round % (ROWS - 7);
        let rows: Vec<_> = (0..count)
            .map(|row| {
                // All of them as long as each other in words, two of them in bytes.
                let length = 40 - (random(&mut seed) % 8) as usize;
                let mut text = "x".repeat(length);
                if round % 2 == 0 && row % 5 == 0 {
                    text.replace_range(..9, "");
                    text.push_str(odd[row / 5 % odd.len()]);
                    text.truncate((0..=40).rev().find(|at| text.is_char_boundary(*at)).unwrap());
                    text.extend(std::iter::repeat_n('y', 40 - text.len()));
                }
                let number = random(&mut seed);
                words(((*text).capture(), number.capture(), (number as f64 / 7.0).capture()))
            })
            .collect();
        for formatter in formatters() {
            check(&formatter, &SITE, &rows, &times(count, 1_000));
            check(&formatter, &KEYED, &rows, &times(count, 1_000));
        }
        let text = Formatter::default_line();
        let by_columns = check(&text, &SITE, &rows, &times(count, 1_000));
        assert!(by_columns || round % 2 == 0);
        assert!(check(&JsonFormatter::new(), &SITE, &rows, &times(count, 1_000)));
        assert!(check(&JsonFormatter::new(), &KEYED, &rows, &times(count, 1_000)));
    }
}

#[test]
fn a_damaged_row_is_left_and_so_are_those_behind_it() {
    static SITE: Callsite = site(
        &[Plain(0), Text(" of "), Plain(1), Text(" took "), Plain(2)],
        &[Role::Message, Role::Message, Role::Message],
    );
    let whole = words((7u64.capture(), "a text of a few words".capture(), 0.5f64.capture()));
    let mut damaged = whole.clone();
    // The length of the text, behind the tags and the number.
    damaged[2] = 1 << 40;
    let short = words((7u64.capture(), "a text of a few words, and".capture(), 0.5f64.capture()));
    for (bad, cut) in [(&damaged, whole.len()), (&short, whole.len())] {
        let mut values = vec![whole.clone(); 20];
        values[5] = bad[..cut].to_vec();
        let formatter = Formatter::new("%(message)s").unwrap();
        let origin = Origin::new();
        let mut record = origin.record(&SITE, &whole, NOON, ("app", 1), &[]);
        formatter.format(&record, &mut Vec::new()).unwrap();
        let frames: Vec<u64> =
            values.iter().flat_map(|words| [&[1, 2, 3], &**words].concat()).collect();
        let rows = Rows { frames: &frames, words: 3 + whole.len(), before: 3, sequence: 1 };
        let mut group = formatter.group(&SITE, &record).unwrap();
        let mut lines = Kept { room: room(), lines: Vec::new(), most: usize::MAX };
        let times = times(values.len(), 1_000);
        let taken = formatter.take_rows(&mut group, &rows, &times, &mut record, &mut lines);
        assert_eq!((taken, lines.lines.len()), (5, 5), "{:?}", lines.lines);
        assert!(lines.lines.iter().all(|line| line == "7 of a text of a few words took 0.5"));
    }
}
