//! Formatting styles: one record in Python's three styles, in logfmt and in JSON.
//!
//! Styles are for patterns only. Messages are format strings of the language, checked when the
//! program is compiled; they are filled in on the logging thread all the same.

mod place;

use sawmill::{
    FileHandler, Formatter, FormatterRef, HandlerExt, JsonFormatter, Level, LogfmtFormatter, Style,
    error,
};
use std::time::Duration;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let place = place::Place::new()?;
    let styled = |style, pattern: &str| Formatter::builder().style(style).pattern(pattern).build();
    let formats: [(&str, FormatterRef); 5] = [
        ("%", styled(Style::Percent, "%(name)-8s %(levelname)s [%(step)03d] %(message)s")?.into()),
        ("{", styled(Style::Brace, "{name:<8} {levelname} [{step:03d}] {message}")?.into()),
        ("$", styled(Style::Dollar, "$name ${levelname} [$step] $message")?.into()),
        ("logfmt", LogfmtFormatter::new().into()),
        ("json", JsonFormatter::new().into()),
    ];
    let mut builder = sawmill::builder().level(Level::INFO);
    for (name, format) in formats {
        builder = builder.handler(name, FileHandler::new(place.path(name))?.with_formatter(format));
    }
    builder.init()?;

    let width = 6;
    error!(target: "store", step = 7; "{:>width$.2} kg on the {}", 12.3456, "shelf");

    assert!(sawmill::shutdown(Duration::from_secs(5)).is_complete());
    let message = " 12.35 kg on the shelf";
    assert_eq!(place.show("%")?, [format!("store    ERROR [007] {message}")]);
    assert_eq!(place.show("{")?, [format!("store    ERROR [007] {message}")]);
    assert_eq!(place.show("$")?, [format!("store ERROR [7] {message}")]);
    assert!(place.show("logfmt")?[0].contains("step=7"));
    assert!(place.show("json")?[0].contains("\"step\":7"));
    Ok(())
}
