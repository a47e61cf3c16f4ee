//! `src/lane/mode.rs`: what is published at the process's end is found, or its call sees to it.

use crate::mode::{Mode, ModeWord};
use crate::ring::ring;
use crate::sync::{Arc, thread};

#[test]
fn a_record_is_found_or_its_call_learns_of_the_end() {
    loom::model(|| {
        let (mut producer, mut consumer) = ring(1);
        let mode = Arc::new(ModeWord::new());
        let calling = {
            let mode = mode.clone();
            thread::spawn(move || {
                producer.push(1);
                mode.get_behind().is_last()
            })
        };
        mode.set(Mode::Exiting);
        let found = consumer.pop().is_some();
        let learnt = calling.join().unwrap();
        assert!(found || learnt, "the record is nobody's");
    });
}
