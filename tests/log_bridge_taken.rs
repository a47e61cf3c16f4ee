//! Another logger was installed first.
#![cfg(feature = "log")]

struct Silent;
impl log::Log for Silent {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }
    fn log(&self, _: &log::Record<'_>) {}
    fn flush(&self) {}
}

#[test]
fn a_logger_that_is_installed_already_is_an_error_that_says_so() {
    log::set_logger(&Silent).expect("the first logger");
    log::set_max_level(log::LevelFilter::Error);
    let error = sawmill::builder().capture().init().expect_err("the logger is taken");
    assert!(error.is_already(), "{error}");
    assert!(error.to_string().contains("another logger"), "{error}");
    assert_eq!(log::max_level(), log::LevelFilter::Error, "not ours to change");
    // Nothing was configured, so the other way is still open.
    let runtime = sawmill::builder().capture().log_bridge(false).init().expect("without a bridge");
    sawmill::error!("heard");
    log::error!("not heard");
    assert_eq!(runtime.records().len(), 1);
}
