use super::*;
use crate::format::site_cases::{of_site, site_cases};
use crate::record::ValueBuf;
use crate::record::sample::Sample;
use crate::text::room;
use serde_json::{Value as Json, json};
use std::time::Duration;

fn line(formatter: &JsonFormatter, message: &str, fields: &[(&str, ValueBuf)]) -> String {
    let fields = fields.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    let time_ns = 1_700_000_000_123_456_789;
    let sample = Sample { message: message.into(), fields, time_ns, ..Sample::default() };
    let mut out = b"before\n".to_vec();
    sample.with(|record| formatter.format(record, &mut out)).unwrap();
    String::from_utf8(out.split_off(7)).unwrap()
}

#[test]
fn the_keys_stand_in_their_order() {
    assert_eq!(
        line(&JsonFormatter::new(), "hello", &[("n", ValueBuf::of(&7))]),
        "{\"timestamp\":\"2023-11-14T22:13:20.123456Z\",\"level\":\"INFO\",\"logger\":\"app\",\
         \"message\":\"hello\",\"file\":\"src/sample.rs\",\"line\":1,\
         \"thread\":\"MainThread\",\"fields\":{\"n\":7}}"
    );
}

#[test]
fn keys_are_renamed_added_and_left_out() {
    let formatter = JsonFormatter::builder()
        .key(JsonKey::Timestamp, "@timestamp")
        .key(JsonKey::LevelNumber, "severity")
        .without(JsonKey::File)
        .without(JsonKey::Line)
        .without(JsonKey::Thread)
        .without(JsonKey::Logger)
        .digits(TimestampDigits::Nanos)
        .constant("service", "shop \"x\"")
        .flatten_fields()
        .build();
    let fields = [
        ("level", ValueBuf::of("mine")),
        ("a", ValueBuf::of(&1)),
        ("a", ValueBuf::of(&2)),
        ("stack", ValueBuf::of(&3)),
    ];
    assert_eq!(
        line(&formatter, "m", &fields),
        "{\"@timestamp\":\"2023-11-14T22:13:20.123456789Z\",\"level\":\"INFO\",\
         \"severity\":20,\"message\":\"m\",\"service\":\"shop \\\"x\\\"\",\
         \"level_\":\"mine\",\"a\":2,\"stack_\":3}"
    );
    let mut bare = JsonFormatter::builder();
    for (key, ..) in JsonKey::ALL {
        bare = bare.without(key);
    }
    assert_eq!(line(&bare.build(), "m", &[]), "{}");
}

#[test]
fn values_keep_their_types() {
    let fields = [
        ("big", ValueBuf::of(&u64::MAX)),
        ("wide", ValueBuf::of(&u128::MAX)),
        ("narrow", ValueBuf::of(&-5_i128)),
        ("nan", ValueBuf::of(&f64::NAN)),
        ("inf", ValueBuf::of(&f32::NEG_INFINITY)),
        ("tiny", ValueBuf::of(&1.5e-10)),
        ("huge", ValueBuf::of(&1e22)),
        ("single", ValueBuf::of(&0.1_f32)),
        ("yes", ValueBuf::of(&true)),
        ("none", ValueBuf::none()),
        ("some", ValueBuf::of(&Some(3))),
        ("bytes", ValueBuf::of(&b"\x00\xffz"[..])),
        ("time", ValueBuf::of(&Duration::from_millis(1500))),
        ("pair", ValueBuf::of(&(1, "x"))),
        ("ip", ValueBuf::of(&std::net::Ipv4Addr::LOCALHOST)),
        (
            "map",
            ValueBuf::map([
                ("k", ValueBuf::of(&1)),
                ("l", ValueBuf::list([])),
                ("k", ValueBuf::of(&2)),
            ]),
        ),
    ];
    let shown = line(&JsonFormatter::new(), "m", &fields);
    let json: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(
        json["fields"],
        json!({
            "big": u64::MAX, "wide": u128::MAX.to_string(), "narrow": -5, "nan": "NaN",
            "inf": "-Infinity", "tiny": 1.5e-10, "huge": 1e22, "single": 0.1, "yes": true,
            "none": null, "some": 3, "bytes": "00ff7a", "time": 1.5, "pair": [1, "x"],
            "ip": "127.0.0.1", "map": {"k": 2, "l": []},
        })
    );
    assert!(shown.contains("\"map\":{\"l\":[],\"k\":2}"), "{shown}");
}

#[test]
fn any_text_survives_and_stays_on_its_line() {
    let mut all: String = ('\0'..='\u{2ff}').collect();
    all.push_str("\u{2028}\u{2029}\u{202e}\u{1f600}\u{10ffff}\"\\");
    let shown = line(&JsonFormatter::new(), &all, &[(&all, ValueBuf::of(&all))]);
    assert!(!shown.chars().any(|each| each.is_control() || each == '\u{202e}'), "{shown}");
    let json: Json = serde_json::from_str(&shown).unwrap();
    assert_eq!(json["message"], all);
    assert_eq!(json["fields"][&all], all);
}

#[test]
fn more_fields_than_usual_are_written_too() {
    let names: Vec<String> = (0..40).map(|n| format!("f{}", n % 35)).collect();
    let fields: Vec<_> =
        names.iter().enumerate().map(|(n, name)| (&**name, ValueBuf::of(&n))).collect();
    let json: Json = serde_json::from_str(&line(&JsonFormatter::new(), "m", &fields)).unwrap();
    let object = json["fields"].as_object().unwrap();
    assert_eq!(object.len(), 35);
    assert_eq!((&object["f0"], &object["f34"]), (&json!(35), &json!(34)));
}

#[test]
fn what_a_script_writes_is_what_is_written_in_full() {
    let scope = ValueBuf::map([("request", ValueBuf::of(&7)), ("user", ValueBuf::of("scope's"))]);
    let mut all = JsonFormatter::builder();
    for (key, name, _) in JsonKey::ALL {
        all = all.key(key, name);
    }
    let builders = [
        JsonFormatter::builder(),
        JsonFormatter::builder().flatten_fields().constant("c", "\""),
        all.fields_key("extra").digits(TimestampDigits::Nanos),
        JsonFormatter::builder().without(JsonKey::Message).without(JsonKey::Timestamp),
    ];
    let mut served = 0;
    for builder in &builders {
        let shared = builder.clone().build();
        for (at, (site, words)) in site_cases().iter().enumerate() {
            let time_ns = 1_700_000_000_123_456_789 + at as i64 * 333_333_333;
            let logger = (["app", "app.\u{e4}"][at / 3 % 2], at as u32 / 3);
            for context in [&[][..], scope.payload()] {
                of_site(site, words, time_ns, logger, context, |record| {
                    let mut in_full = b"before ".to_vec();
                    shared.format_in_full(record, &mut in_full).unwrap();
                    let own = builder.clone().build();
                    for formatter in [&own, &own, &shared, &shared] {
                        let mut out = b"before ".to_vec();
                        formatter.format(record, &mut out).unwrap();
                        let [shown, expected] =
                            [&out, &in_full].map(|it| String::from_utf8_lossy(it));
                        assert_eq!(shown, expected);
                    }
                    served += usize::from(own.line(record, &mut room()).is_some());
                    let mut sheet = Sheet::default();
                    sheet.extend_from_slice(b"before ");
                    own.format_on(record, &mut sheet).unwrap();
                    assert_eq!(*sheet, *in_full);
                    serde_json::from_slice::<Json>(&in_full[7..]).unwrap();
                });
            }
        }
    }
    let all = builders.len() * site_cases().len() * 2;
    assert!(served > all * 3 / 4, "{served} of {all}");
}
