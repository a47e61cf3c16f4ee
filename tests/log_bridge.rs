//! The `log` crate's records on the default runtime, which this process has to itself.
#![cfg(feature = "log")]

use sawmill::{Level, OwnedRecord, Value};

mod inner {
    pub(super) fn speak() {
        log::info!("from within");
    }
}

fn shown(record: &OwnedRecord) -> String {
    let record = record.view();
    let mut text = format!("{} {} {}", record.logger(), record.level(), record.message().unwrap());
    record.for_each_field(|key, value| text += &format!(" {key}={value:?}"));
    text
}

struct Panics;
impl std::fmt::Display for Panics {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("in an argument")
    }
}

#[derive(Debug)]
struct Outer(std::fmt::Error);
impl std::fmt::Display for Outer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("outer")
    }
}
impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

// One test: the logger, its level and the default runtime belong to the process.
#[test]
fn the_log_crate_reaches_the_default_runtime() {
    let refused = sawmill::builder().lane_bytes(1).init();
    assert!(refused.is_err(), "a configuration that is refused leaves the door open");
    let runtime = sawmill::builder().level(Level::INFO).capture().init().expect("the first init");
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    let again = sawmill::builder().init().expect_err("a second init");
    assert!(again.is_already(), "{again}");
    assert!(again.to_string().contains("log_bridge.rs"), "{again}");

    // Text, places, loggers.
    let line = line!() + 1;
    log::warn!("left {} %", 7);
    inner::speak();
    log::error!(target: "a::b", "to a target");
    log::debug!("below");
    let records = runtime.records();
    let texts: Vec<_> = records.iter().map(shown).collect();
    assert_eq!(
        texts,
        [
            "log_bridge WARNING left 7 %",
            "log_bridge.inner INFO from within",
            "a.b ERROR to a target"
        ]
    );
    let record = records[0].view();
    assert_eq!((record.line(), record.filename()), (line, "log_bridge.rs"));
    assert_eq!(record.module_path(), "log_bridge");

    // Levels: `max_level` follows the tree, the target's logger has the last word.
    runtime.clear_records();
    runtime.get_logger("chatty.one").set_level(Level::DEBUG);
    assert_eq!(log::max_level(), log::LevelFilter::Debug);
    assert!(log::log_enabled!(target: "chatty::one::deep", log::Level::Debug));
    assert!(!log::log_enabled!(target: "other", log::Level::Debug));
    log::debug!(target: "chatty::one::deep", "heard");
    log::debug!(target: "other", "not heard");
    for n in 0..2 {
        // Computed targets that lie at one address are still told apart.
        let target = format!("computed::{n}");
        log::info!(target: &target, "{n}");
    }
    let texts: Vec<_> = runtime.records().iter().map(shown).collect();
    assert_eq!(texts, ["chatty.one.deep DEBUG heard", "computed.0 INFO 0", "computed.1 INFO 1"]);
    runtime.get_logger("chatty.one").set_level(Level::NOTSET);
    runtime.disable(Level::ERROR);
    assert_eq!(log::max_level(), log::LevelFilter::Off);
    runtime.disable(Level::NOTSET);
    assert_eq!(log::max_level(), log::LevelFilter::Info);

    // Key-values keep their types.
    runtime.clear_records();
    let error = Outer(std::fmt::Error);
    log::info!(
        text = "t", int = -5, uint = u64::MAX, wide = u128::MAX, float = 1.5, yes = true,
        c = 'c', none = None::<u8>, some = Some(3), debug:? = vec![1], shown:% = 7,
        error:err = error;
        "keys"
    );
    log::info!(bad:% = Panics; "panics {}", Panics);
    log::logger().flush();
    let records = runtime.records();
    let record = records[0].view();
    assert!(matches!(record.field("text"), Some(Value::Str("t"))));
    assert!(matches!(record.field("int"), Some(Value::I64(-5))));
    assert!(matches!(record.field("uint"), Some(Value::U64(u64::MAX))));
    assert!(matches!(record.field("wide"), Some(Value::U128(u128::MAX))));
    assert!(matches!(record.field("float"), Some(Value::F64(_))));
    assert!(matches!(record.field("yes"), Some(Value::Bool(true))));
    assert!(matches!(record.field("c"), Some(Value::Char('c'))));
    assert!(matches!(record.field("none"), Some(Value::None)));
    assert!(matches!(record.field("some"), Some(Value::I64(3) | Value::U64(3))));
    assert!(matches!(record.field("debug"), Some(Value::Str("[1]"))));
    let Some(Value::Error(chain)) = record.field("error") else { panic!("no error") };
    assert_eq!(chain.len(), 2);
    let text = shown(&records[1]);
    assert!(text.contains("panics <panicked while formatting>"), "{text}");

    // A scope takes the thread's records, whatever the default runtime's levels.
    runtime.clear_records();
    let other = sawmill::Runtime::builder().capture().build().unwrap();
    other.scope(|| log::trace!("elsewhere"));
    assert_eq!(other.records().len(), 1);
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    assert_eq!(runtime.records().len(), 0);
    sawmill::log!(log::Level::Warn, "a level of theirs");
    assert_eq!(runtime.records()[0].view().level(), Level::WARNING);
}
