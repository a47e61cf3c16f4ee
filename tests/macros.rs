//! What the macros accept, and the text, fields and errors that reach a handler.
#![forbid(unsafe_code)]

use sawmill::{Level, LogRecord, OwnedRecord, Runtime, Value};
use std::cell::Cell;
use std::fmt;

/// Runs code on a runtime of its own and returns what it logged.
fn logged_at(level: Level, code: impl FnOnce()) -> Vec<OwnedRecord> {
    let runtime = Runtime::builder().level(level).capture().build().expect("a runtime");
    runtime.scope(code);
    let report = runtime.flush(std::time::Duration::from_secs(20));
    assert!(report.is_complete(), "{report} {:?}", runtime.stats());
    runtime.records()
}

fn logged(code: impl FnOnce()) -> Vec<OwnedRecord> {
    logged_at(Level::TRACE, code)
}

fn message(code: impl FnOnce()) -> String {
    let records = logged(code);
    assert_eq!(records.len(), 1, "one call, one record: {records:?}");
    records[0].view().message().expect("a whole message")
}

fn with_record<R>(code: impl FnOnce(), look: impl FnOnce(&LogRecord<'_>) -> R) -> R {
    let records = logged(code);
    assert_eq!(records.len(), 1, "one call, one record: {records:?}");
    look(&records[0].view())
}

/// The fields as `key=debug text`.
fn fields(code: impl FnOnce()) -> Vec<String> {
    with_record(code, |record| {
        let mut fields = Vec::new();
        record.for_each_field(|key, value| fields.push(format!("{key}={value:?}")));
        fields
    })
}

/// The message is what `format!` makes of the same tokens.
macro_rules! same {
    ($($arg:tt)+) => {{
        assert_eq!(message(|| sawmill::info!($($arg)+)), format!($($arg)+));
    }};
}

/// A type that travels as text.
struct Shown(i32);
impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("<{}>", self.0))
    }
}
impl fmt::LowerHex for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

mod call_shapes {
    //! Shapes that the `log` crate's macros accept, with only the import changed.
    use super::*;
    use sawmill::{debug, error, info, log, log_enabled, trace, warn};

    /// Every macro with a level of its own, and the texts they leave.
    macro_rules! every {
        ($($arg:tt)*) => {{
            let records = logged(|| {
                trace!($($arg)*);
                debug!($($arg)*);
                info!($($arg)*);
                warn!($($arg)*);
                error!($($arg)*);
            });
            let levels: Vec<i32> = records.iter().map(|r| r.view().level().as_i32()).collect();
            assert_eq!(levels, [5, 10, 20, 30, 40]);
            let texts: Vec<_> = records.iter().map(|r| r.view().message().unwrap()).collect();
            assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
            texts[0].clone()
        }};
    }

    #[test]
    fn messages_alone() {
        assert_eq!(every!("plain"), "plain");
        assert_eq!(every!("plain",), "plain");
        assert_eq!(every!(target: "elsewhere", "plain"), "plain");
        assert_eq!(every!(target: "elsewhere", "plain",), "plain");
        assert_eq!(every!("one {}", "arg"), "one arg");
        assert_eq!(every!("one {}", "arg",), "one arg");
        assert_eq!(every!("{named}", named = 1 + 1), "2");
        assert_eq!(every!(target: "t", "{named}", named = 1 + 1,), "2");
        let inline = 3;
        assert_eq!(every!("{inline} {inline:?}"), "3 3");
        assert_eq!(every!(target: "t", "{inline}",), "3");
        assert_eq!(every!(concat!("a", "{}", "b"), 1), "a1b");
        assert_eq!(every!("{{}} {0} {0:?} {1}", 'a', 2.5), "{} a 'a' 2.5");
    }

    #[test]
    fn messages_through_the_macros_of_others() {
        macro_rules! literal { ($text:literal $(, $arg:expr)*) => { info!($text $(, $arg)*) }; }
        macro_rules! expression { ($text:expr, $($arg:tt)*) => { info!($text, $($arg)*) }; }
        macro_rules! tokens { ($($arg:tt)*) => { info!(target: "wrapped", $($arg)*) }; }
        macro_rules! key { ($key:ident, $value:expr) => { info!($key = $value; "k") }; }
        macro_rules! text_key { ($key:literal) => { info!($key = 1; "k") }; }
        macro_rules! level {
            ($level:expr) => {
                log!($level, "l")
            };
        }
        let (a, b) = (1, "x, y");
        assert_eq!(message(|| literal!("{} {} {a}", a, b)), "1 x, y 1");
        assert_eq!(message(|| expression!("{} {}", a + 1, b)), "2 x, y");
        assert_eq!(message(|| tokens!(k = 1; "{}", vec![1, 2].len())), "2");
        assert_eq!(fields(|| key!(name, a)), ["name=1"]);
        assert_eq!(fields(|| text_key!("a b")), ["a b=1"]);
        assert_eq!(message(|| level!(Level::INFO)), "l");
    }

    #[test]
    fn loggers() {
        let runtime = Runtime::builder().level(Level::TRACE).capture().build().unwrap();
        let logger = runtime.get_logger("given");
        let shared = std::sync::Arc::new(runtime.get_logger("shared"));
        info!(logger: logger, "1");
        info!(logger: &logger, "2 {}", 2,);
        info!(logger: {  runtime.get_logger("made") }, key = 1; "3");
        info!(logger: shared, "4");
        info!(logger: logger, target: "beside::it", key = 1; "5");
        info!(logger: logger.clone(), target: "beside", "6",);
        log!(logger: logger, Level::ERROR, "7");
        log!(logger: logger, target: "beside", Level::ERROR, k = 1; "8");
        assert!(log_enabled!(logger: logger, Level::INFO));
        assert!(log_enabled!(logger: logger, target: "beside", Level::INFO));
        let names: Vec<_> =
            runtime.records().iter().map(|r| r.view().logger().to_owned()).collect();
        assert_eq!(
            names,
            ["given", "given", "made", "shared", "beside.it", "beside", "given", "beside"]
        );
    }

    #[test]
    fn targets() {
        const NAME: &str = "constant::name";
        let computed = format!("computed::{}", 1);
        let records = logged(|| {
            info!("own");
            info!(target: "literal::name", "literal");
            info!(target: NAME, "constant");
            info!(target: &computed, "computed");
            info!(target: module_path!(), "macro");
            log!(target: &*computed, Level::INFO, "at run time");
        });
        let names: Vec<_> = records.iter().map(|r| r.view().logger().to_owned()).collect();
        assert_eq!(
            names,
            [
                "macros.call_shapes",
                "literal.name",
                "constant.name",
                "computed.1",
                "macros.call_shapes",
                "computed.1"
            ]
        );
    }

    #[test]
    fn levels_at_run_time() {
        let records = logged(|| {
            for level in [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error] {
                log!(level, "{}", level);
                log!(target: "t", level, a = 1; "{level}",);
            }
            log!(25, "a number");
        });
        let levels: Vec<i32> = records.iter().map(|r| r.view().level().as_i32()).collect();
        assert_eq!(levels, [5, 5, 10, 10, 20, 20, 30, 30, 40, 40, 25]);
    }

    #[test]
    fn a_disabled_logger_lets_not_even_the_highest_level_through() {
        let runtime = Runtime::builder().capture().build().unwrap();
        let logger = runtime.get_logger("off");
        log!(logger: logger, i32::MAX, "1");
        logger.set_disabled(true);
        log!(logger: logger, i32::MAX, "2");
        assert!(!log_enabled!(logger: logger, i32::MAX));
        assert_eq!(runtime.records().len(), 1);
    }

    #[test]
    fn keys_of_every_kind() {
        let (bare, other) = (1, "o");
        let _ =
            every!(bare, other:?, third:% = Shown(3), "any key" = 2.5, fourth:debug = Some(4); "m");
        let _ = every!(target: "t", bare; "m {}", 1);
        let _ = every!(target = "a key of this name", logger = 1; "m");
        let _ = every!(target:? = 1; "m");
        let _ = every!(bare,; "m");
        let _ = every!(cat = { let mut x = 0; x += 1; x + 1 }; "hello {}", "you",);
        assert_eq!(
            fields(|| info!(
                bare, other:?, third:% = Shown(3), fourth:debug = Some(4), fifth:display = other,
                sixth = std::path::Path::new("p"), seventh:value = 7u8, r#type = "raw";
                "m"
            )),
            [
                "bare=1",
                "other=\"o\"",
                "third=<3>",
                "fourth=Some(4)",
                "fifth=\"o\"",
                "sixth=\"p\"",
                "seventh=7",
                "type=\"raw\""
            ]
        );
        let computed = String::from("made");
        assert_eq!(
            fields(|| info!((computed.as_str()) = 1, (format!("{computed}2")):% = Shown(2); "m")),
            ["made=1", "made2=<2>"]
        );
    }

    #[test]
    fn every_common_type_as_a_value() {
        use std::net::{IpAddr, Ipv4Addr, SocketAddr};
        let ip = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(
            fields(|| info!(
                u8 = 42u8, u16 = 42u16, u32 = 42u32, u64 = 42u64, u128 = u128::MAX, i8 = -42i8,
                i16 = -42i16, i32 = -42i32, i64 = -42i64, i128 = i128::MIN, f32 = 4.2f32,
                f64 = -4.2f64, bool = true, char = 'c', str = "s", string = String::from("t"),
                unit = (), none = None::<u8>, some = Some(Some("x")), list = [1u8, 2].as_slice(),
                ip = ip, socket = SocketAddr::new(ip, 80), tuple = (1, "y"),
                wait = std::time::Duration::from_millis(1500), cow = std::borrow::Cow::from("w"),
                vec = vec![Some(1)], usize = 1usize, by_mut = &mut 5;
                "m"
            )),
            [
                "u8=42",
                "u16=42",
                "u32=42",
                "u64=42",
                "u128=340282366920938463463374607431768211455",
                "i8=-42",
                "i16=-42",
                "i32=-42",
                "i64=-42",
                "i128=-170141183460469231731687303715884105728",
                "f32=4.2",
                "f64=-4.2",
                "bool=true",
                "char='c'",
                "str=\"s\"",
                "string=\"t\"",
                "unit=()",
                "none=None",
                "some=Some(Some(\"x\"))",
                "list=[1, 2]",
                "ip=192.0.2.1",
                "socket=192.0.2.1:80",
                "tuple=(1, \"y\")",
                "wait=1.5s",
                "cow=\"w\"",
                "vec=[Some(1)]",
                "usize=1",
                "by_mut=5",
            ]
        );
    }

    #[test]
    fn enabled() {
        logged_at(Level::INFO, || {
            assert!(log_enabled!(Level::Info));
            assert!(!log_enabled!(Level::Debug));
            assert!(log_enabled!(target: "t", Level::Error,));
            assert!(!log_enabled!(target: "t", 19));
        });
    }

    #[test]
    fn calls_stand_wherever_an_expression_may() {
        let texts = logged(|| {
            let value = Some(1);
            match value {
                Some(n) => info!("arm {n}"),
                None => unreachable!(),
            }
            let () = info!("value");
            let closure = |n: i32| info!("closure {n}");
            closure(2);
            if value.is_some() {
                info!("branch")
            } else {
                info!("never")
            }
            #[allow(clippy::match_single_binding)]
            match "bound" {
                __a0 => info!(__a0 = __a0, k = "v"; "{__a0}"),
            }
            let __scratch = 7;
            info!("{__scratch}");
            let _ = [1, 2]
                .iter()
                .inspect(|&n| {
                    debug!("item {n}");
                })
                .count();
        });
        let texts: Vec<_> = texts.iter().map(|r| r.view().message().unwrap()).collect();
        assert_eq!(
            texts,
            ["arm 1", "value", "closure 2", "branch", "bound", "7", "item 1", "item 2"]
        );
    }
}

mod format_strings {
    use super::*;

    #[test]
    fn every_spec_gives_what_format_gives() {
        let (x, s, w, p) = (1234.5678f64, "te\u{df}t", 12usize, 2usize);
        same!("{x} {x:?} {x:.2} {x:10.1}| {x:<10}| {x:^+12.3e}| {x:E} {x:012.1}");
        same!("{s} {s:?} {s:>8}| {s:*^9}| {s:.2} {s:-<8.3}|");
        same!("{:x} {:#X} {:#010b} {:o} {:e}", 255u8, -1i16, 5i8, -8i32, 1500u64);
        same!("{:x} {:?} {:+} {:05}", i128::MIN, u128::MAX, 7i64, -3isize);
        same!("{:w$}|{:>1$}|{:.*}|{:2$}|{x:w$.p$}", 1, 8, 3, x, 2.5);
        same!("{:?} {:#?} {:5?} {:02x?} {:#X?}", Some(1), vec![Some("a")], (1, 2), [10u8], [255]);
        same!("{0} {0:?} {1} {0}", 'x', true);
        same!("{a} {b:>a$} {a}", a = 5, b = "z");
        same!("{:?} {:?}", f32::MIN_POSITIVE, [1e21f64, 0.1, -0.0, f64::NAN, f64::INFINITY]);
        same!("{:?} {:>6?}|{:?}", '\n', 'a', "q\"\t\u{1f980}");
        same!("{:}<6}|{:{<6}|", 1, 2);
        same!("{:p}", std::ptr::null::<u8>());
        same!("{:?} {:?}", std::time::Duration::from_nanos(1_500), ());
        same!("{} {:>6}| {:08x}", Shown(1), Shown(2), Shown(-3));
        same!("{:?}", std::num::NonZeroU8::new(3));
        same!("{:08.3?} {:?}", Some(1.5), Ok::<u8, ()>(1));
    }

    #[test]
    fn more_values_than_the_widest_tuple() {
        let s = "s";
        same!(
            "{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {s} {:>4} {:?}",
            0,
            1,
            2,
            3,
            4,
            5,
            6,
            7,
            8,
            9,
            10,
            11,
            12,
            13,
            14,
            15,
            Shown(16),
            17,
            Some(18)
        );
    }

    #[test]
    fn one_argument_shown_twice_alike_travels_once() {
        // Two values, not four: `{x}` and `{x:?}`.
        let x = 1;
        let words = message(|| sawmill::info!("{x} {x} {x:?} {x:?}"));
        assert_eq!(words, "1 1 1 1");
    }

    fn generic<T: fmt::Debug, U: fmt::Display + ?Sized>(t: &T, u: &U) {
        same!("{t:?} {u} {0:>9?} {1:>5}", t, u);
        same!("{:?}", [t]);
    }

    #[test]
    fn generic_functions() {
        generic(&Some(1), "x");
        generic(&vec![1u8], &4.5);
        generic(&"a", &Shown(1) as &dyn fmt::Display);
    }

    struct Holder<const N: usize>;
    impl<const N: usize> Holder<N> {
        const TWICE: usize = N * 2;
        fn log(&self, value: impl fmt::Display) {
            sawmill::info!(n = N, twice = Self::TWICE; "{N} {} {value}", Self::TWICE);
        }
    }

    #[test]
    fn const_generics_and_impl_trait() {
        let texts = logged(|| {
            Holder::<2>.log("a");
            Holder::<3>.log(1.5);
        });
        assert_eq!(texts[0].view().message().unwrap(), "2 4 a");
        assert_eq!(texts[1].view().message().unwrap(), "3 6 1.5");
    }

    #[test]
    fn async_functions_and_await_in_arguments() {
        async fn inner(n: u8) -> u8 {
            sawmill::info!("inner {n}");
            n + 1
        }
        async fn outer() {
            sawmill::info!("outer {} {}", inner(1).await, "s");
        }
        fn send<F: std::future::Future + Send>(future: F) -> F {
            future
        }
        let records = logged(|| {
            let mut future = std::pin::pin!(send(outer()));
            let mut context = std::task::Context::from_waker(std::task::Waker::noop());
            assert!(future.as_mut().poll(&mut context).is_ready());
        });
        let texts: Vec<_> = records.iter().map(|r| r.view().message().unwrap()).collect();
        assert_eq!(texts, ["inner 1", "outer 2 s"]);
        assert_eq!(records[0].view().function(), "inner");
    }

    #[test]
    fn errors_leave_through_arguments() {
        fn parse(text: &str) -> Result<(), std::num::ParseIntError> {
            sawmill::info!("{}", text.parse::<i32>()?);
            Ok(())
        }
        let records = logged(|| {
            assert!(parse("x").is_err());
            assert!(parse("5").is_ok());
        });
        assert_eq!(records.len(), 1);
    }
}

mod evaluation {
    use super::*;
    use sawmill::{debug, info, log};

    #[test]
    fn arguments_are_evaluated_once_and_in_order() {
        let order = std::cell::RefCell::new(Vec::new());
        let next = |n: i32| {
            order.borrow_mut().push(n);
            n
        };
        let text = message(|| {
            log!(
                { next(0); Level::INFO },
                key = next(1), other:? = next(2);
                "{a} {0} {0:?} {0:>1$} {a:05}", next(3), next(4) as usize, a = next(5)
            );
        });
        assert_eq!(text, "5 3 3    3 00005");
        assert_eq!(*order.borrow(), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_disabled_call_evaluates_nothing() {
        let count = Cell::new(0);
        let tick = || {
            count.set(count.get() + 1);
            1
        };
        let records = logged_at(Level::WARNING, || {
            for _ in 0..3 {
                info!(key = tick(); "{} {}", tick(), Shown(tick()));
                debug!(target: "other", "{}", tick());
                log!(Level::INFO, "{}", tick());
                log!(target: "x", 29, "{}", tick());
                info!(concat!("{", "}"), tick());
            }
        });
        assert_eq!((records.len(), count.get()), (0, 0));
    }

    #[test]
    fn a_display_may_log_and_a_display_may_panic() {
        struct Logs;
        impl fmt::Display for Logs {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                info!("inside {}", Shown(1));
                f.write_str("outside")
            }
        }
        struct Panics;
        impl fmt::Display for Panics {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("half")?;
                panic!("while formatting")
            }
        }
        struct Fails;
        impl fmt::Display for Fails {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        let records = logged(|| {
            info!("{} {} {}", Shown(0), Logs, Shown(2));
            info!("a {} b {} {}", Panics, Shown(3), Fails);
            info!("still {}", Shown(4));
        });
        let texts: Vec<_> = records.iter().map(|r| r.view().message().unwrap()).collect();
        assert_eq!(texts[0], "inside <1>");
        assert_eq!(texts[1], "<0> outside <2>");
        assert_eq!(texts[2], "a half<panicked while formatting> b <3> <error while formatting>");
        assert_eq!(texts[3], "still <4>");
    }

    #[test]
    fn arguments_are_borrowed_not_moved() {
        let text = String::from("kept");
        let list = vec![1];
        let mut number = 1;
        let exclusive = &mut number;
        message(|| info!(text, list; "{text} {list:?} {exclusive}"));
        *exclusive += 1;
        assert_eq!((text.len(), list.len(), number), (4, 1, 2));
    }
}

mod locations {
    use super::*;
    use sawmill::info;

    struct Place;
    impl Place {
        fn method<T>(&self, _: T) {
            info!("here");
        }
    }

    #[test]
    fn a_record_names_its_place() {
        let (line, code) = (line!(), || info!("here"));
        with_record(code, |record| {
            assert_eq!(record.line(), line);
            assert_eq!(record.filename(), "macros.rs");
            assert_eq!(record.module(), "macros");
            assert_eq!(record.module_path(), "macros::locations");
            assert_eq!(record.logger(), "macros.locations");
            assert_eq!(record.function(), "a_record_names_its_place");
            assert!(matches!(record.raw_message(), Value::Str("here")));
        });
        with_record(|| Place.method(1), |record| assert_eq!(record.function(), "method"));
    }

    #[test]
    fn a_call_in_a_macro_is_placed_where_the_macro_is_used() {
        macro_rules! wrap {
            () => {
                info!("wrapped")
            };
        }
        let (line, code) = (line!(), || wrap!());
        with_record(code, |record| assert_eq!(record.line(), line));
    }
}

mod errors {
    use super::*;
    use sawmill::{error, exception, info};
    use std::error::Error as StdError;

    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read the port")
        }
    }
    impl StdError for Outer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&self.0)
        }
    }
    fn outer() -> Outer {
        Outer("x".parse::<u16>().unwrap_err())
    }

    const CHAIN: &str = "cannot read the port\nCaused by: invalid digit found in string";

    fn exception_of(code: impl FnOnce()) -> (Level, String, String) {
        with_record(code, |record| {
            let text = record.exception().expect("an exception").into_owned();
            (record.level(), record.message().unwrap(), text)
        })
    }

    #[test]
    fn exception_records_the_chain_of_any_error() {
        let e = outer();
        let wanted = (Level::ERROR, "m 1".to_owned(), CHAIN.to_owned());
        assert_eq!(exception_of(|| exception!(e, "m {}", 1)), wanted);
        assert_eq!(exception_of(|| exception!(&e, "m {}", 1,)), wanted);
        assert_eq!(exception_of(|| exception!(target: "t", e, k = 1; "m {}", 1)), wanted);
        assert_eq!(exception_of(|| error!(exc_info = e; "m {}", 1)), wanted);
        let boxed: Box<dyn StdError> = Box::new(outer());
        assert_eq!(exception_of(|| exception!(boxed, "m {}", 1)), wanted);
        assert_eq!(exception_of(|| exception!(&boxed, "m {}", 1)), wanted);
        assert_eq!(exception_of(|| exception!(*boxed, "m {}", 1)), wanted);
        let dynamic: &(dyn StdError + Send + Sync) = &outer();
        assert_eq!(exception_of(|| exception!(dynamic, "m {}", 1)), wanted);
        let shared: std::sync::Arc<dyn StdError + Send + Sync> = std::sync::Arc::new(outer());
        assert_eq!(exception_of(|| exception!(shared, "m {}", 1)), wanted);
    }

    #[test]
    fn anyhow_and_eyre_keep_their_contexts() {
        let e = anyhow::Error::new(outer()).context("starting");
        let wanted = format!("starting\nCaused by: {}", CHAIN);
        assert_eq!(exception_of(|| exception!(e, "m")).2, wanted);
        assert_eq!(exception_of(|| exception!(&e, "m")).2, wanted);
        let e = eyre::Report::new(outer()).wrap_err("starting");
        assert_eq!(exception_of(|| exception!(e, "m")).2, wanted);
        assert_eq!(exception_of(|| exception!(&e, "m")).2, wanted);
    }

    fn generic<E: StdError>(e: E) {
        exception!(e, "m");
    }

    #[test]
    fn generic_errors_work_too() {
        assert_eq!(exception_of(|| generic(outer())).2, CHAIN);
        assert_eq!(exception_of(|| generic(outer())).2, CHAIN);
    }

    #[test]
    fn an_error_under_a_key_is_a_field_with_its_chain() {
        let e = outer();
        with_record(
            || info!(e:err, again:err = &e; "m"),
            |record| {
                assert_eq!(record.exception(), None);
                for key in ["e", "again"] {
                    let Some(Value::Error(chain)) = record.field(key) else {
                        panic!("not an error")
                    };
                    let parts: Vec<_> = chain.iter().map(|part| part.to_string()).collect();
                    assert_eq!(parts, ["cannot read the port", "invalid digit found in string"]);
                }
            },
        );
    }

    #[test]
    fn an_error_that_is_its_own_source_ends_somewhere() {
        #[derive(Debug)]
        struct Ring;
        impl fmt::Display for Ring {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("round")
            }
        }
        impl StdError for Ring {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                static RING: Ring = Ring;
                Some(&RING)
            }
        }
        let (_, _, text) = exception_of(|| exception!(Ring, "m"));
        assert_eq!(text.lines().count(), 64);
    }

    #[test]
    fn a_backtrace_comes_when_asked() {
        let stack = |code: &dyn Fn()| {
            with_record(code, |record| record.stack().map(|text| text.into_owned()))
        };
        let text = stack(&|| exception!(outer(), stack_info = true; "m")).expect("a stack");
        assert!(text.contains("a_backtrace_comes_when_asked"), "{text}");
        assert_eq!(stack(&|| info!(stack_info = false; "m")), None);
        assert_eq!(stack(&|| info!("m")), None);
        let taken = std::backtrace::Backtrace::force_capture();
        assert_eq!(stack(&|| info!(stack_info = taken; "m")), Some(taken.to_string()));
    }
}

mod derived {
    use super::*;
    use sawmill::{Capture, info};

    #[derive(Debug, Capture)]
    struct Order<'a, T> {
        id: u64,
        price: f64,
        tags: Vec<&'a str>,
        extra: Option<T>,
        r#type: char,
    }
    #[derive(Debug, Capture)]
    struct Pair(i8, String);
    #[derive(Debug, Capture)]
    struct Unit;
    #[derive(Debug, Capture)]
    struct Empty {}
    #[derive(Debug, Capture)]
    enum Event<T>
    where
        T: Clone,
    {
        Start,
        Moved { x: T, y: Option<Pair> },
        Failed(u16, T),
        Nothing {},
    }
    #[derive(Debug, Capture)]
    #[allow(dead_code)]
    enum Never {}

    #[test]
    fn the_text_is_that_of_derive_debug_for_every_spec() {
        let order = Order {
            id: 7,
            price: 9.5,
            tags: vec!["a", "b\n"],
            extra: Some(Pair(-1, "p".into())),
            r#type: 'x',
        };
        macro_rules! all {
            ($($value:expr),*) => {$(
                let value = $value;
                same!("{value:?}|{value:#?}|{value:5?}|{value:08.2?}|{value:x?}|{value:#X?}|{value:<6?}");
                same!("{:?} {:#?}", [Some(&value)], (1, &value));
            )*};
        }
        all!(order, Pair(3, "q\"".into()), Unit, Empty {});
        all!(
            Event::<u8>::Start,
            Event::Moved { x: 1.5, y: None },
            Event::Moved { x: "s", y: Some(Pair(1, String::new())) },
            Event::Failed(1, Some(2)),
            Event::<()>::Nothing {},
            None::<Never>
        );
    }

    #[test]
    fn structure_reaches_the_handler() {
        let order = Order { id: 7, price: 9.5, tags: vec![], extra: Some(Unit), r#type: 'x' };
        with_record(
            || info!(order:? = order; "m"),
            |record| {
                let Some(Value::Struct(order)) = record.field("order") else { panic!("no struct") };
                assert_eq!(order.shape().name, "Order");
                let names: Vec<_> = order.fields().map(|(name, _)| name.unwrap()).collect();
                assert_eq!(names, ["id", "price", "tags", "extra", "type"]);
                assert!(matches!(order.values().next(), Some(Value::U64(7))));
            },
        );
    }

    #[test]
    fn types_and_nesting_reach_the_json_output() {
        use sawmill::Format;
        let order = Order {
            id: u64::MAX,
            price: 9.5,
            tags: vec!["a\"b"],
            extra: Some(Event::Moved { x: 1i8, y: None }),
            r#type: 'x',
        };
        let events = [Event::Start, Event::Failed(1, "f"), Event::Nothing {}];
        let json = with_record(
            || info!(order, n = -1i128, list = [1.5, 2.0], yes = true, none = None::<u8>, events; "m {}", 1),
            |record| {
                let mut out = Vec::new();
                sawmill::JsonFormatter::new().format(record, &mut out).unwrap();
                serde_json::from_slice::<serde_json::Value>(&out).unwrap()
            },
        );
        assert_eq!(json["message"], "m 1", "{json}");
        assert_eq!(
            json["fields"]["order"],
            serde_json::json!({
                "id": u64::MAX, "price": 9.5, "tags": ["a\"b"],
                "extra": {"Moved": {"x": 1, "y": null}}, "type": "x"
            })
        );
        assert_eq!((&json["fields"]["n"], &json["fields"]["yes"]), (&(-1).into(), &true.into()));
        assert_eq!(
            json["fields"]["events"],
            serde_json::json!(["Start", {"Failed": [1, "f"]}, {"Nothing": {}}])
        );
        assert_eq!(json["fields"]["list"], serde_json::json!([1.5, 2.0]));
        assert!(json["fields"]["none"].is_null());
    }

    mod renamed {
        pub(super) use ::sawmill as logging;
    }

    #[derive(Debug, Capture)]
    #[capture(crate = "renamed::logging")]
    struct Elsewhere {
        n: u8,
    }

    #[test]
    fn the_crate_may_go_by_another_name() {
        let value = Elsewhere { n: 1 };
        assert_eq!(message(|| renamed::logging::info!("{value:?}")), "Elsewhere { n: 1 }");
        assert_eq!(value.n, 1);
    }
}

mod surroundings {
    //! Names of the caller's that an expansion must not meet.
    #![allow(non_camel_case_types, dead_code)]
    use super::{Shown, Value, logged};

    struct Some;
    struct None;
    struct Option;
    struct Result;
    struct String;
    mod core {}
    mod std {}
    mod sawmill {}
    trait Held {
        fn view(&self) {}
        fn render(&self) {}
        fn admits(&self) {}
        fn words(&self) {}
    }
    impl<T> Held for T {}

    #[test]
    fn nothing_of_the_callers_is_captured_by_accident() {
        let records = logged(|| {
            let (__word, __level, __logger) = (1, 2, 3);
            ::sawmill::info!(__word, __level:?, x:% = Shown(9); "{__word} {__level} {__logger}");
            ::sawmill::log!(::sawmill::Level::INFO, "{} {:?}", Shown(1), "x");
            ::sawmill::exception!(::std::fmt::Error, "e");
        });
        assert_eq!(records.len(), 3);
        assert_eq!(records[0].view().message().unwrap(), "1 2 3");
        assert!(matches!(
            records[0].view().field("__word"),
            ::std::option::Option::Some(Value::I32(1))
        ));
    }
}

#[cfg(feature = "serde")]
mod serde_values {
    use super::*;
    use serde::Serialize;

    #[derive(Serialize)]
    struct Order {
        id: u64,
        lines: Vec<Line>,
    }
    #[derive(Serialize)]
    enum Line {
        Item { price: f64 },
        Note(&'static str),
    }

    #[test]
    fn serde_values_keep_structure_and_types() {
        let order = Order { id: 7, lines: vec![Line::Item { price: 0.5 }, Line::Note("n")] };
        assert_eq!(
            fields(|| sawmill::info!(order:serde, one:serde = 1u8; "m")),
            [
                "order={\"id\": 7, \"lines\": [{\"Item\": {\"price\": 0.5}}, {\"Note\": \"n\"}]}",
                "one=1"
            ]
        );
    }
}
