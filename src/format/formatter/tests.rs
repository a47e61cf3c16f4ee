//! The formatter against CPython's, and what is sawmill's own.

use super::*;
use crate::callsite::Callsite;
use crate::capture::Capture;
use crate::format::site_cases::{of_site, site, site_cases, words};
use crate::format::write_trailing_text;
use crate::level::Level;
use crate::record::sample::Sample;
use crate::record::{
    Body, Described, DescribedBuf, Field, Head, Names, ProcessInfo, Render, ThreadInfo, Without,
};
use crate::sync::Arc;
use crate::text::room;
use crate::value::{Piece as MessagePiece, Role};
use serde_json::Value as Json;

fn value_of(json: &Json) -> ValueBuf {
    match json {
        Json::Null => ValueBuf::none(),
        Json::Bool(value) => ValueBuf::of(value),
        Json::Number(value) => match value.as_i64() {
            Some(value) => ValueBuf::of(&value),
            None => ValueBuf::of(&value.as_f64().unwrap()),
        },
        Json::String(value) => ValueBuf::of(value),
        Json::Array(items) => ValueBuf::list(items.iter().map(value_of)),
        Json::Object(map) => ValueBuf::map(map.iter().map(|(key, value)| (key, value_of(value)))),
    }
}

fn nanos(seconds: f64) -> i64 {
    (seconds * 64.0) as i64 * (1_000_000_000 / 64)
}

/// Fills positional arguments into `%s`, which is all that the cases ask for.
struct Merge;

impl Render for Merge {
    fn render(
        &self,
        message: Value<'_>,
        arguments: Value<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let (Value::Str(text), Value::List(list)) = (message, arguments) else {
            crate::text::plain(message, out);
            return Ok(());
        };
        let mut values = list.iter();
        for (at, part) in text.split("%s").enumerate() {
            if at != 0 {
                let mut shown = String::new();
                pyconv::str_of(values.next().unwrap(), &mut shown);
                out.extend_from_slice(shown.as_bytes());
            }
            out.extend_from_slice(part.as_bytes());
        }
        Ok(())
    }
}

/// Formats one case's record as `replay` would hand it over.
fn formatted(formatter: &Formatter, case: &Json) -> Result<String, Error> {
    let record = &case["record"];
    let text = |key: &str| record[key].as_str();
    let number = |key: &str| record[key].as_u64().unwrap();
    let mut words = DescribedBuf::default();
    words
        .push_buf(Field::Message, &value_of(&record["msg"]))
        .push(Field::Pathname, text("pathname").unwrap())
        .push(Field::Line, &number("lineno"))
        .push(Field::Function, text("funcName").unwrap())
        .push(Field::Created, &record["created"].as_f64().unwrap())
        .push(Field::Thread, &number("thread"))
        .push(Field::ThreadName, text("threadName").unwrap())
        .push(Field::Process, &number("process"))
        .push(Field::ProcessName, text("processName").unwrap());
    let args: Vec<_> = record["args"].as_array().unwrap().iter().map(value_of).collect();
    if !args.is_empty() {
        words.push_buf(Field::Arguments, &ValueBuf::list(args));
    }
    for (field, key) in [
        (Field::TaskName, "taskName"),
        (Field::Exception, "exc_text"),
        (Field::Stack, "stack_info"),
    ] {
        if let Some(text) = text(key) {
            words.push(field, text);
        }
    }
    let extra = case["extra"].as_object().unwrap();
    words.push_fields(extra.iter().map(|(key, value)| (&**key, value_of(value))));
    let head = Head {
        logger: text("name").unwrap(),
        level: Level::new(record["levelno"].as_i64().unwrap() as i32),
        level_name: case["levelname"].as_str().unwrap(),
        names: Names::default(),
        time_ns: nanos(record["created"].as_f64().unwrap()),
        start_ns: 1_699_999_990_500_000_000,
        thread: &ThreadInfo::default(),
        process: &ProcessInfo::default(),
        lane: 0,
        sequence: 0,
        late: false,
        without: Without::default(),
        context: &[],
    };
    let renderer: Arc<dyn Render> = Arc::new(Merge);
    let body = Body::Described(Described::read(words.words()));
    let mut out = b"before\n".to_vec();
    formatter.format(&LogRecord::new(head, body, Some(&renderer)), &mut out)?;
    Ok(String::from_utf8(out.split_off(7)).unwrap())
}

/// `pattern/cases.py` makes the cases; `SAWMILL_PATTERN_CASES` names a file with others.
#[test]
fn every_pattern_reads_as_cpython_wrote_it() {
    let others = std::env::var("SAWMILL_PATTERN_CASES").ok();
    let others = others.map(|path| std::fs::read_to_string(path).unwrap());
    let cases = others.as_deref().unwrap_or(include_str!("../pattern/cases.jsonl"));
    let mut seen = [0; 3];
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let mut builder = Formatter::builder()
            .like_python()
            .style(case["style"].as_str().unwrap().parse().unwrap())
            .pattern(case["fmt"].as_str().unwrap())
            .validate(case["validate"].as_bool().unwrap())
            .zone(case["tz"].as_str().unwrap());
        if let Some(format) = case["datefmt"].as_str() {
            builder = builder.date_format(format);
        }
        for (key, value) in case["defaults"].as_object().into_iter().flatten() {
            builder = builder.default_value(&**key, value_of(value));
        }
        let formatter = match (builder.build(), case["refused"].as_str()) {
            (Ok(formatter), None) => formatter,
            (Err(error), Some(expected)) => {
                assert_eq!(error.to_string(), expected, "{line}");
                seen[0] += 1;
                continue;
            }
            (result, _) => panic!("{result:?} for {line}"),
        };
        match (formatted(&formatter, &case), case["text"].as_str()) {
            (Ok(text), Some(expected)) => {
                assert_eq!(text, expected, "{line}");
                seen[1] += 1;
            }
            (Err(error), None) => {
                assert_eq!(error.to_string(), case["error"].as_str().unwrap(), "{line}");
                seen[2] += 1;
            }
            (result, _) => panic!("{result:?} for {line}"),
        }
    }
    assert!(seen[0] > 40 && seen[1] > 200 && seen[2] > 40, "{seen:?}");
}

fn line(formatter: &Formatter, sample: &Sample) -> Result<String, String> {
    let mut out = b"before\n".to_vec();
    let result = sample.with(|record| formatter.format(record, &mut out));
    result.map_err(|error| error.to_string())?;
    Ok(String::from_utf8(out.split_off(7)).unwrap())
}

#[test]
fn the_default_line_shows_what_operators_ask_for() {
    let sample = Sample {
        logger: "shop.cart".into(),
        message: "added 7".into(),
        time_ns: 1_700_000_000_123_456_789,
        line: 42,
        fields: vec![("user id".into(), ValueBuf::of("ada l"))],
        ..Sample::default()
    };
    let shown = line(&Formatter::default_line(), &sample).unwrap();
    let (date, rest) = shown.split_once('.').unwrap();
    assert_eq!(date.len(), "2023-11-14 22:13:20".len(), "{shown}");
    assert_eq!(
        rest,
        "123456 INFO     shop.cart sample.rs:42 [MainThread] added 7 user_id=\"ada l\""
    );
}

#[test]
fn values_are_neutralised_and_the_pattern_is_not() {
    let sample = Sample {
        logger: "a\nb".into(),
        message: "m\n2026 forged \x1b[31m".into(),
        fields: vec![("who".into(), ValueBuf::of("x\r\ny\u{202e}"))],
        ..Sample::default()
    };
    let pattern = "\x1b[1m%(name)s|\n%(who)8s|%(message)s|%(message)r\x1b[0m";
    assert_eq!(
        line(&Formatter::new(pattern).unwrap(), &sample).unwrap(),
        "\x1b[1ma\\nb|\n   x\\r\\ny\\u{202e}|m\n    2026 forged \\x1b[31m|\
         'm\\n2026 forged \\x1b[31m'\x1b[0m"
    );
    let formatter = Formatter::builder().pattern("%(who)s").neutralize(false).build().unwrap();
    assert_eq!(line(&formatter, &sample).unwrap(), "x\r\ny\u{202e}");
}

#[test]
fn a_pattern_that_can_never_be_filled_in_is_refused_unless_python_is_asked_for() {
    for pattern in ["%(message)s %", "%(message)s %(name", "%(message)s %d", "%(n)*d"] {
        let error = Formatter::new(pattern).unwrap_err();
        assert!(error.is_invalid(), "{error}");
        let formatter = Formatter::builder().like_python().pattern(pattern).build().unwrap();
        let sample = Sample { fields: vec![("n".into(), ValueBuf::of(&3))], ..Sample::default() };
        line(&formatter, &sample).unwrap_err();
    }
}

#[test]
fn the_fields_of_a_record_stand_together_where_they_are_asked_for() {
    let fields = vec![("a".into(), ValueBuf::of(&1)), ("b".into(), ValueBuf::of("x y"))];
    let sample = Sample { fields, ..Sample::default() };
    for (style, pattern, expected) in [
        (Style::Percent, "%(message)s%(fields)s", "m a=1 b=\"x y\""),
        (Style::Brace, "{message}{fields:>14}", "m   a=1 b=\"x y\""),
        (Style::Dollar, "$message$fields", "m a=1 b=\"x y\""),
    ] {
        let formatter = Formatter::builder().style(style).pattern(pattern).build().unwrap();
        assert_eq!(line(&formatter, &sample).unwrap(), expected);
    }
    let bare = Sample::default();
    let formatter = Formatter::new("%(message)s%(fields)s|").unwrap();
    assert_eq!(line(&formatter, &bare).unwrap(), "m|");
}

#[test]
fn what_a_filter_changed_is_what_is_shown() {
    let formatter =
        Formatter::new("%(levelname)-9s%(lineno)d %(threadName)s %(extra)s %(message)s").unwrap();
    let shown = Sample::default().with(|record| {
        record.set_attribute("levelname", ValueBuf::of("LOUD"));
        record.set_attribute("lineno", ValueBuf::of(&77_u64));
        record.set_attribute("threadName", ValueBuf::of(&5));
        record.set_attribute("extra", ValueBuf::of(&1.5));
        record.set_message("new");
        let mut out = Vec::new();
        formatter.format(record, &mut out).map(|()| String::from_utf8(out).unwrap())
    });
    assert_eq!(shown.unwrap(), "LOUD     77 5 1.5 new");
}

#[test]
fn a_style_is_named_by_its_character() {
    assert_eq!("{".parse::<Style>().unwrap(), Style::Brace);
    let error = "!".parse::<Style>().unwrap_err();
    assert_eq!(error.to_string(), "Style must be one of: %,{,$");
}

#[test]
fn what_a_script_writes_is_what_the_pieces_write() {
    let cases = site_cases();
    let patterns = [
        "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d [%(threadName)s] \
         %(message)s%(fields)s",
        "%(message)s",
        "%(message)s|%(message)s",
        "%(levelno)03d %(thread)d %(created)f %(msecs)03d %(funcName)s %(message)-40s!",
        "%(name)s and a text that takes more than one block of memory %(module)s %(process)d",
    ];
    for pattern in patterns {
        for date in [None, Some("%H:%M:%S.%f"), Some("%9f %S"), Some("%3f|%Y")] {
            for neutralize in [true, false] {
                let mut builder = Formatter::builder().pattern(pattern).utc();
                if let Some(date) = date {
                    builder = builder.date_format(date);
                }
                let formatter = builder.neutralize(neutralize).build().unwrap();
                for (at, (site, words)) in cases.iter().enumerate() {
                    let time_ns = 1_700_000_000_123_456_789 + at as i64 * 333_333_333;
                    // The logger changes its number and its name meanwhile.
                    let logger = (["app", "app.db"][at / 3 % 2], at as u32 / 3);
                    of_site(site, words, time_ns, logger, &[], |record| {
                        let mut by_pieces = b"before ".to_vec();
                        formatter.format_message(record, &mut by_pieces).unwrap();
                        let begin = "before ".len();
                        write_trailing_text(record, begin, neutralize, &mut by_pieces);
                        for _ in 0..2 {
                            let mut out = b"before ".to_vec();
                            formatter.format(record, &mut out).unwrap();
                            assert_eq!(
                                String::from_utf8_lossy(&out),
                                String::from_utf8_lossy(&by_pieces),
                                "{pattern} {date:?}"
                            );
                        }
                    });
                }
            }
        }
    }
}

#[test]
fn a_script_serves_the_lines_it_is_for() {
    use MessagePiece::{Plain, Text};
    static SITE: Callsite = site(&[Text("took "), Plain(0)], &[Role::Message]);
    let formatter = Formatter::default_line();
    let served = |words: &[u64]| {
        of_site(&SITE, words, 1_700_000_000_000_000_000, ("app", 1), &[], |record| {
            let served = formatter.line(record, &mut room()).is_some();
            let (mut out, mut sheet) = (Vec::new(), Sheet::default());
            formatter.format(record, &mut out).unwrap();
            formatter.format_on(record, &mut sheet).unwrap();
            assert_eq!(*sheet, *out);
            served
        })
    };
    let number = words((5u64.capture(),));
    assert!(!served(&number));
    assert!(served(&number));
    // Another type than the one met first, as a damaged frame would have it.
    assert!(!served(&words((5i32.capture(),))));
    assert!(served(&number));
}

#[test]
fn widths_beyond_those_of_rusts_own_formatting_are_filled_in() {
    let shown = Sample::default().with(|record| {
        let mut out = Vec::new();
        let formatter = Formatter::builder().style(Style::Brace).pattern("{msecs:0184421}");
        formatter.build().unwrap().format(record, &mut out).unwrap();
        out
    });
    assert_eq!(shown.len(), 184_421);
    assert!(shown.starts_with(b"000"));
}

#[test]
fn a_pattern_whose_widths_would_fill_the_memory_is_refused() {
    for (style, piece) in [
        (Style::Percent, "%(message)1048576s"),
        (Style::Percent, "%(message)-1048576s"),
        (Style::Percent, "%(created).1048576f"),
        (Style::Brace, "{message:1048576}"),
        (Style::Brace, "{message:{lineno}}"),
    ] {
        let build = |times: usize| {
            Formatter::builder().style(style).pattern(piece.repeat(times)).validate(false).build()
        };
        assert!(build(10).is_ok(), "{piece}");
        let error = build(1000).unwrap_err();
        assert!(error.to_string().contains("widths"), "{piece}: {error}");
    }
}

#[test]
fn long_patterns_are_compiled_in_a_time_in_proportion() {
    // Each of these was compared, joined or counted again for every piece.
    let large = 1 << 18;
    for (style, piece) in [
        (Style::Percent, "%("),
        (Style::Percent, "%%"),
        (Style::Percent, "%(x)s"),
        (Style::Brace, "{{"),
        (Style::Dollar, "$$"),
        (Style::Dollar, "$ "),
    ] {
        let pattern = piece.repeat(large / piece.len());
        let _ = Formatter::builder().style(style).pattern(pattern).build();
    }
}

#[test]
fn a_record_of_the_earliest_time_there_is_is_shown() {
    let formatter = Formatter::new("%(relativeCreated)d %(msecs)d %(asctime)s").unwrap();
    let sample = Sample { time_ns: i64::MIN, ..Sample::default() };
    let shown = line(&formatter, &sample).unwrap();
    assert!(shown.starts_with("-9223372036854 145 "), "{shown}");
}
