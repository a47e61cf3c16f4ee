//! Which zone a time is shown in.

use crate::error::Error;
use jiff::tz::TimeZone;

/// The rule that the C library applies to a POSIX zone with daylight saving and no rule.
const POSIX_DEFAULT_RULE: &str = ",M3.2.0,M11.1.0";

/// A zone, found and ready.
#[derive(Debug, Clone)]
pub(crate) enum Zone {
    /// Python's `gmtime`.
    Utc,
    /// The process's zone, or a named one.
    Other(TimeZone),
}

impl Zone {
    /// The process's own zone, see [`local`].
    pub(crate) fn local() -> Self {
        Self::Other(local())
    }

    /// A zone by its IANA name, or by a POSIX description.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if the system's database does not have it.
    pub(crate) fn named(name: &str) -> Result<Self, Error> {
        find(name)
            .map(Self::Other)
            .ok_or_else(|| Error::invalid(format!("unknown time zone {name:?}")))
    }
}

/// The process's own zone, as the C library finds it: the variable `TZ` (the name of a zone, a
/// path, or a POSIX description), else the system's setting, else UTC.
///
/// The C library itself is not asked: it takes a lock and reads the environment unguarded.
pub(crate) fn local() -> TimeZone {
    match std::env::var("TZ") {
        Err(_) => TimeZone::try_system().unwrap_or(TimeZone::UTC),
        Ok(name) => find(name.strip_prefix(':').unwrap_or(&name)).unwrap_or(TimeZone::UTC),
    }
}

fn find(name: &str) -> Option<TimeZone> {
    if name.is_empty() || name == "UTC" {
        return Some(TimeZone::UTC);
    }
    if name.starts_with('/') {
        let data = std::fs::read(name).ok()?;
        return TimeZone::tzif(name, &data).ok();
    }
    TimeZone::get(name)
        .or_else(|_| TimeZone::posix(name))
        .or_else(|_| TimeZone::posix(&format!("{name}{POSIX_DEFAULT_RULE}")))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn offset_at(name: &str, second: i64) -> (i32, String) {
        let zone = find(name).unwrap();
        let info = zone.to_offset_info(Timestamp::from_second(second).unwrap());
        (info.offset().seconds(), info.abbreviation().to_string())
    }

    #[test]
    fn posix_descriptions_are_zones_with_and_without_a_rule() {
        for name in ["EST5EDT,M3.2.0,M11.1.0", "EST5EDT4", "XXX5YYY"] {
            assert_eq!(offset_at(name, 1_699_163_999).0, -4 * 3600, "{name}");
            assert_eq!(offset_at(name, 1_699_164_000).0, -5 * 3600, "{name}");
        }
        assert_eq!(offset_at("<+03>-3", 0), (3 * 3600, "+03".into()));
    }

    #[test]
    fn an_unknown_zone_is_an_error_for_a_builder() {
        let error = Zone::named("Nowhere/Land").unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("Nowhere/Land"));
    }
}
