//! The README's example of a configuration file of Python's, run as it stands there.
//!
//! Without libtest: the program starts itself again to be the example, whose output it reads.

/// The example, word for word.
mod howto {
    include!("howto.rs");

    pub(super) fn run() {
        main().unwrap();
    }
}

use std::process::Command;

const README: &str = include_str!("../../README.md");

fn main() {
    if std::env::var_os("SAWMILL_README").is_some() {
        return howto::run();
    }
    let yaml = include_str!("logging.yaml");
    assert!(README.contains(&format!("```yaml\n{yaml}```\n")), "the README shows another file");
    // Rustdoc would compile a block marked `rust`, with features that have no `file_config`.
    let program = include_str!("howto.rs");
    assert!(README.contains(&format!("```rs\n{program}```\n")), "the README shows another program");

    let directory = std::env::temp_dir().join(format!("sawmill-readme-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("logging.yaml"), yaml).unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .env("SAWMILL_README", "1")
        .current_dir(&directory)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&directory).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // `2026-11-20 06:12:03,123 - simpleExample - DEBUG - debug message`
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(" - ")).collect();
    let rests: Vec<&str> = lines.iter().map(|(_, rest)| *rest).collect();
    assert_eq!(
        rests,
        [
            "simpleExample - DEBUG - debug message",
            "simpleExample - INFO - info message",
            "simpleExample - WARNING - warn message",
            "simpleExample - ERROR - error message",
            "simpleExample - CRITICAL - critical message",
        ]
    );
    for (time, _) in lines {
        let shape: String =
            time.chars().map(|it| if it.is_ascii_digit() { '9' } else { it }).collect();
        assert_eq!(shape, "9999-99-99 99:99:99,999");
    }
    println!("test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out");
}
