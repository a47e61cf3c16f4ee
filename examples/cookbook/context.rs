//! Contextual information with scopes: Python's contextvars, for threads and for futures.
//!
//! Two applications live in one process and share a library that knows neither. Each request runs
//! in a scope; whatever logs within it, the library too, carries the scope's fields, and each
//! application's file takes what belongs to it.

mod place;

use sawmill::{
    FileHandler, Formatter, HandlerExt, HandlerRef, Level, LogRecord, Scope, Value, ValueBuf, info,
    scope,
};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Knows nothing of applications and requests.
mod library {
    use sawmill::debug;

    pub(crate) fn useful(n: u32) {
        debug!("hello from the library, {n}");
    }

    /// Gives way once.
    pub(crate) async fn useful_later() {
        debug!("before the wait");
        let mut waited = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        debug!("after the wait");
    }
}

/// A file for the records of one application.
fn file_of(place: &place::Place, app: &'static str) -> Result<HandlerRef, sawmill::Error> {
    let pattern = "%(app)s: request %(request)s from %(peer)s: %(message)s";
    let file = FileHandler::new(place.path(&format!("{app}.log")))?;
    let ours = move |record: &mut LogRecord<'_>| match record.field("app") {
        Some(Value::Str(of)) => of == app,
        _ => false,
    };
    Ok(file.with_formatter(Formatter::new(pattern)?).with_filter(ours))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    sawmill::builder()
        .level(Level::DEBUG)
        .handler("app1", file_of(&place, "app1")?)
        .handler("app2", file_of(&place, "app2")?)
        .init()?;

    // Threads: the guard holds for this thread, until it is dropped.
    std::thread::scope(|threads| {
        for request in 1..=4_u32 {
            threads.spawn(move || {
                let app = if request % 2 == 1 { "app1" } else { "app2" };
                let _scope = scope!(app, request, peer = "10.0.0.7");
                info!("request processing started");
                library::useful(request);
            });
        }
    });

    // Futures: the scope follows the task through every poll, on whatever thread that happens.
    let task = |app: &'static str, request: u32| {
        let fields = [
            ("app", ValueBuf::of(app)),
            ("request", ValueBuf::of(&request)),
            ("peer", ValueBuf::of("10.0.0.8")),
        ];
        Scope::new(fields).attach(library::useful_later())
    };
    // A runtime would poll them; here they take turns on this thread.
    let (mut one, mut two) = (pin!(task("app1", 5)), pin!(task("app2", 6)));
    let mut cx = Context::from_waker(Waker::noop());
    while let (Poll::Pending, _) | (_, Poll::Pending) =
        (one.as_mut().poll(&mut cx), two.as_mut().poll(&mut cx))
    {}

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    for (app, last) in [("app1", 5), ("app2", 6)] {
        let lines = place.show(format!("{app}.log"))?;
        assert_eq!(lines.len(), 6);
        assert!(lines.iter().all(|line| line.starts_with(&format!("{app}: request "))));
        assert_eq!(lines[5], format!("{app}: request {last} from 10.0.0.8: after the wait"));
    }
    Ok(())
}
