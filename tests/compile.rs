//! Errors point at the token that is wrong; each case has a twin that compiles, runs, and differs
//! in no more than the fault.

use std::collections::BTreeSet;
use std::path::Path;

/// The passing twins, compiled into this test.
macro_rules! twins {
    ($($name:ident)*) => {
        $(mod $name {
            include!(concat!("compile_pass/", stringify!($name), ".rs"));

            pub(super) fn run() {
                main();
            }
        })*

        const TWINS: &[&str] = &[$(stringify!($name)),*];

        #[test]
        fn the_twins_run() {
            $($name::run();)*
        }
    };
}

twins! {
    derive_field_not_captured
    derive_on_union
    derive_unknown_option
    extra_argument
    key_of_no_name
    key_without_traits
    keys_run_together
    keys_without_message
    level_is_no_level
    level_missing
    log_enabled_with_message
    logger_is_no_logger
    message_is_no_literal
    missing_argument
    missing_debug
    missing_display
    no_message
    not_an_error
    sval_modifier
    unbalanced_brace
    unknown_modifier
    unknown_name
    unknown_spec
    width_is_no_number
}

/// The names of the cases in a folder.
fn cases(folder: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = std::fs::read_dir(folder).expect("the folder of the cases");
    entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned())
        .collect()
}

#[test]
fn every_refused_case_has_a_passing_twin() {
    let twins: BTreeSet<String> = TWINS.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(cases("compile_fail"), twins);
    assert_eq!(cases("compile_pass"), twins);
}

#[test]
fn what_is_wrong_is_refused_at_its_place() {
    // The texts list the types that a level can be made of, which the features decide.
    if cfg!(not(feature = "log")) {
        return;
    }
    let build = trybuild::TestCases::new();
    build.compile_fail("tests/compile_fail/*.rs");
    if cfg!(not(feature = "serde")) {
        build.compile_fail("tests/compile_fail_without_serde/*.rs");
    }
}
