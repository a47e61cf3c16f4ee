//! The logging macros.
//!
//! Each passes `$crate` and its tokens to one procedural macro, so that expansions resolve
//! whatever name the crate goes by. [`info!`](crate::info) explains what they accept.

/// Logs at [`Level::TRACE`](crate::Level::TRACE): finer than Python's levels.
///
/// Takes what [`info!`](crate::info) takes.
///
/// # Examples
///
/// ```
/// use sawmill::trace;
///
/// for step in 0..3 {
///     trace!("step {step}");
/// }
/// ```
#[macro_export]
macro_rules! trace {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate trace $($arg)+)
    };
}

/// Logs at [`Level::DEBUG`](crate::Level::DEBUG).
///
/// Takes what [`info!`](crate::info) takes.
///
/// # Examples
///
/// ```
/// use sawmill::debug;
///
/// let rows = vec![1, 2, 3];
/// debug!(count = rows.len(); "fetched {rows:?}");
/// ```
#[macro_export]
macro_rules! debug {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate debug $($arg)+)
    };
}

/// Logs at [`Level::INFO`](crate::Level::INFO).
///
/// ```text
/// info!([logger: LOGGER,] [target: NAME,] [KEYS;] "format string", arguments..)
/// ```
///
/// Arguments are evaluated once if the call is enabled, and not at all if it is not. Numbers,
/// strings and other [`Capture`](trait@crate::Capture) types are copied as they are and turned into
/// text later, on the logging thread; anything else is rendered at the call.
///
/// - The **format string** is that of [`format!`], with everything that goes with it: `{x}`, `{0}`,
///   `{name}`, `{:>8.3}`, `{:#?}`, `{:width$}`, `{:.*}`. A string that another macro makes
///   (`concat!(..)`) works too; such a message is rendered at the call.
/// - **`logger:`** takes a [`Logger`](crate::Logger) or a reference to one.
/// - **`target:`** names the logger by a string; `::` reads as a dot. Without either, the logger is
///   that of the module. A literal is looked up once, any other expression at each call.
/// - **Keys** stand before the message and end with a semicolon: `key = value`, `"any key" = value`,
///   `(computed) = value`, or a variable's name alone. They keep their types to the structured
///   outputs. A modifier says how a value is taken:
///
///   | modifier | takes |
///   |---|---|
///   | none | as it is if its type is `Capture`, else by `Display`, else by `Debug` |
///   | `:?`, `:debug` | as it is if its type is `Capture`, else by `Debug` |
///   | `:%`, `:display` | as it is if its `Display` can be repeated, else by `Display` |
///   | `:err` | an error with its chain of sources: any `std::error::Error`, `anyhow::Error`, `eyre::Report`, `Box<dyn Error>` |
///   | `:serde` | any `serde::Serialize`, structure and types kept; needs the feature `serde` |
///
///   Two keys have Python's meaning: `exc_info = error` makes `error` the record's exception, as
///   [`exception!`](crate::exception) does, and `stack_info = true` adds a backtrace of the call
///   (milliseconds; a `Backtrace` in place of `true` is rendered as it is).
///
/// A call carries at most 256 values. A panic in an argument's `Display` or `Debug` leaves a mark in
/// the message and is counted.
///
/// # Examples
///
/// ```
/// use sawmill::info;
///
/// let (user, ms) = ("ada", 12.345);
/// info!("up");
/// info!("{user} took {ms:.1} ms, {:>width$}|", 7, width = 4);
/// info!(target: "app.access", user, status = 200, "latency ms" = ms; "GET {}", "/");
///
/// let items = vec![Some(1), None];
/// info!(items:? = items, source:% = std::path::Path::new("a/b").display(); "parsed");
/// ```
#[macro_export]
macro_rules! info {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate info $($arg)+)
    };
}

/// Logs at [`Level::WARNING`](crate::Level::WARNING).
///
/// Takes what [`info!`](crate::info) takes.
///
/// # Examples
///
/// ```
/// use sawmill::warning;
///
/// let left = 7;
/// warning!(left; "only {left} % of the disk is left");
/// ```
#[macro_export]
macro_rules! warning {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate warning $($arg)+)
    };
}

/// Logs at [`Level::WARNING`](crate::Level::WARNING): the `log` crate's name for
/// [`warning!`](crate::warning).
///
/// # Examples
///
/// ```
/// use sawmill::warn;
///
/// warn!("deprecated option {:?}", "old");
/// ```
#[macro_export]
macro_rules! warn {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate warning $($arg)+)
    };
}

/// Logs at [`Level::ERROR`](crate::Level::ERROR).
///
/// Takes what [`info!`](crate::info) takes.
///
/// # Examples
///
/// ```
/// use sawmill::error;
///
/// if let Err(e) = "x".parse::<u8>() {
///     error!(error:err = e; "not a number");
/// }
/// ```
#[macro_export]
macro_rules! error {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate error $($arg)+)
    };
}

/// Logs at [`Level::CRITICAL`](crate::Level::CRITICAL).
///
/// Takes what [`info!`](crate::info) takes.
///
/// # Examples
///
/// ```
/// use sawmill::critical;
///
/// critical!(code = 3; "giving up");
/// ```
#[macro_export]
macro_rules! critical {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate critical $($arg)+)
    };
}

/// Logs at [`Level::ERROR`](crate::Level::ERROR) with an error, as Python's `exception` does.
///
/// ```text
/// exception!([logger: LOGGER,] [target: NAME,] ERROR, [KEYS;] "format string", arguments..)
/// ```
///
/// The error's text and those of its sources become the record's exception text, which text
/// formatters put below the message. Takes any `std::error::Error` or a reference to one,
/// `anyhow::Error`, `eyre::Report` and `Box<dyn Error>`; the rest is as in [`info!`](crate::info).
/// With the key `stack_info = true` the record carries a backtrace of the call too.
///
/// # Examples
///
/// ```
/// use sawmill::exception;
///
/// if let Err(e) = std::fs::read("/nowhere/at/all") {
///     exception!(e, "cannot start");
///     exception!(&e, attempt = 2, stack_info = true; "cannot start {}", "again");
/// }
/// ```
#[macro_export]
macro_rules! exception {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate exception $($arg)+)
    };
}

/// Logs at a level chosen at run time.
///
/// ```text
/// log!([logger: LOGGER,] [target: NAME,] LEVEL, [KEYS;] "format string", arguments..)
/// ```
///
/// The level is a [`Level`](crate::Level), an `i32`, or a `log::Level`; the rest is as in
/// [`info!`](crate::info).
///
/// # Examples
///
/// ```
/// use sawmill::{Level, log};
///
/// const NOTICE: Level = Level::new(25);
/// log!(NOTICE, "noticed {}", 1);
/// log!(if 1 > 0 { Level::WARNING } else { Level::DEBUG }, key = "value"; "either");
/// ```
#[macro_export]
macro_rules! log {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate log $($arg)+)
    };
}

/// Returns true if a call at this level would log: if its record would go to handlers. What only a
/// [flight recorder](crate::FlightRecorder) keeps does not count, so that nothing is computed under
/// this question for a recorder alone.
///
/// ```text
/// log_enabled!([logger: LOGGER,] [target: NAME,] LEVEL)
/// ```
///
/// For work that only a message needs. Arguments of a disabled call are not evaluated anyway.
///
/// # Examples
///
/// ```
/// use sawmill::{Level, debug, log_enabled};
///
/// if log_enabled!(Level::DEBUG) {
///     let report: String = (0..100).map(|n| n.to_string()).collect();
///     debug!("{report}");
/// }
/// ```
#[macro_export]
macro_rules! log_enabled {
    ($($arg:tt)+) => {
        $crate::__private::log_call!($crate log_enabled $($arg)+)
    };
}

/// Enters a [`Scope`](crate::Scope): every record of this thread carries the fields until the
/// guard is dropped.
///
/// ```text
/// let _guard = scope!(KEY [= value], "any key" = value, key:? = value, key:% = value);
/// ```
///
/// Values are taken as [`ValueBuf::of`](crate::ValueBuf::of) does, with `:?` by `Debug` and with
/// `:%` by `Display`.
///
/// # Examples
///
/// ```
/// let user = "ada";
/// let _scope = sawmill::scope!(user, request = 17, path:? = std::path::Path::new("/"));
/// sawmill::info!("begun");
/// ```
#[macro_export]
macro_rules! scope {
    ($($fields:tt)*) => {
        $crate::with_fields::<&str>($crate::__scope_fields!([] $($fields)*))
    };
}

/// Turns the fields of [`scope!`](crate::scope) into an array of pairs.
#[doc(hidden)]
#[macro_export]
macro_rules! __scope_fields {
    ([$($done:expr,)*]) => { [$($done,)*] };
    ([$($done:expr,)*] $key:ident : ? = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope_fields!([$($done,)* (
            ::core::stringify!($key), $crate::ValueBuf::of(&::std::format!("{:?}", $value)),
        ),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $key:ident : % = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope_fields!([$($done,)* (
            ::core::stringify!($key), $crate::ValueBuf::of(&::std::format!("{}", $value)),
        ),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $key:ident = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope_fields!([$($done,)* (
            ::core::stringify!($key), $crate::ValueBuf::of(&$value),
        ),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $key:literal = $value:expr $(, $($rest:tt)*)?) => {
        $crate::__scope_fields!([$($done,)* (
            $key, $crate::ValueBuf::of(&$value),
        ),] $($($rest)*)?)
    };
    ([$($done:expr,)*] $key:ident $(, $($rest:tt)*)?) => {
        $crate::__scope_fields!([$($done,)* (
            ::core::stringify!($key), $crate::ValueBuf::of(&$key),
        ),] $($($rest)*)?)
    };
}
