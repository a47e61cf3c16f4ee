//! `src/lane/ticket.rs`: an answer ends the wait, and so does the answering end's death.

use crate::sync::thread;
use crate::ticket::ticket;
use std::time::{Duration, Instant};

fn far() -> Instant {
    Instant::now() + Duration::from_secs(3600)
}

#[test]
fn an_answer_reaches_the_one_who_waits() {
    loom::model(|| {
        let (waiting, answering) = ticket();
        let answerer = thread::spawn(move || answering.give(7));
        assert_eq!(waiting.wait_until(far()), Ok(7));
        answerer.join().unwrap();
    });
}

#[test]
fn an_answer_that_will_never_come_ends_the_wait() {
    loom::model(|| {
        let (waiting, answering) = ticket::<u8>();
        let answerer = thread::spawn(move || drop(answering));
        assert_eq!(waiting.wait_until(far()), Err(true));
        answerer.join().unwrap();
    });
}

#[test]
fn a_wait_that_is_over_does_not_disturb_the_answer() {
    loom::model(|| {
        let (waiting, answering) = ticket();
        let answerer = thread::spawn(move || answering.give(7));
        let result = waiting.wait_until(Instant::now());
        assert!(matches!(result, Ok(7) | Err(false)), "{result:?}");
        answerer.join().unwrap();
    });
}
