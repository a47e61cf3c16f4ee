//! A crate of the 2015 edition, which forbids unsafe code and has no prelude, uses the macros.
#![forbid(unsafe_code)]
#![no_implicit_prelude]
#![deny(warnings)]

extern crate sawmill;

pub mod calls {
    use sawmill::{exception, info, log, log_enabled, Capture, Level};
    use std::convert::From;
    use std::string::String;
    use std::vec;

    #[derive(Capture)]
    pub struct Point<T> {
        pub x: T,
        pub y: String,
    }

    pub fn all(async: u8) {
        let point = Point { x: 1u8, y: String::from("y") };
        let unit = vec![()];
        info!("plain");
        info!(async, r#type = 1, unit:?, "a key" = point.x; "{async} {unit:?} {0:>1$}", "s", 3);
        info!(target: "other", point = point; "{:>5}", point.y);
        log!(Level::INFO, "{}", 1 + 1);
        exception!(::std::fmt::Error, key:err = ::std::fmt::Error; "failed");
        ::std::assert!(log_enabled!(Level::INFO));
    }
}

#[test]
fn every_macro_expands() {
    use std::string::{String, ToString};
    use std::vec::Vec;
    let runtime = sawmill::Runtime::builder().capture().build().unwrap();
    runtime.scope(|| calls::all(7));
    let texts: Vec<String> = std::iter::Iterator::collect(std::iter::Iterator::map(
        runtime.records().iter(),
        |record| record.view().message().unwrap(),
    ));
    let wanted = ["plain", "7 [()]   s", "    y", "2", "failed"];
    std::assert_eq!(
        texts,
        std::iter::Iterator::collect::<Vec<String>>(std::iter::Iterator::map(
            wanted.iter(),
            |text| text.to_string()
        ),)
    );
}
