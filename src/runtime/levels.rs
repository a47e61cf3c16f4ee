//! Levels as text: `info,db.pool=debug`, from the environment or a command line.

use super::Runtime;
use crate::error::Error;
use crate::level::{Level, LevelNames};
use crate::tree::{State, TemporaryLevels};
use std::env::{self, VarError};

/// Loggers and their levels, the root by an empty name.
pub(crate) type Levels = Vec<(String, Level)>;

/// Reads `level` and `logger=level`, separated by commas; `::` in a name reads as a dot.
///
/// # Errors
///
/// [`Error::is_invalid`], naming every part that cannot be read.
pub(crate) fn parse(text: &str, names: &LevelNames) -> Result<Levels, Error> {
    let mut levels = Levels::new();
    let mut wrong = Vec::new();
    for (at, part) in text.split(',').map(str::trim).enumerate() {
        if part.is_empty() {
            continue;
        }
        match one(part, names) {
            Ok(level) => levels.push(level),
            Err(why) => wrong.push(format!("part {}, {part:?}: {why}", at + 1)),
        }
    }
    match wrong.is_empty() {
        true => Ok(levels),
        false => Err(Error::invalid(wrong.join("; "))),
    }
}

fn one(part: &str, names: &LevelNames) -> Result<(String, Level), String> {
    let (logger, level) = match part.split_once('=') {
        Some((logger, level)) => (logger.trim(), level.trim()),
        None => ("", part),
    };
    if part.contains('=') && logger.is_empty() {
        return Err("the name of a logger is missing before the \"=\"".to_owned());
    }
    if logger.contains(char::is_whitespace) {
        return Err(format!("{logger:?} is not the name of a logger"));
    }
    Ok((logger.replace("::", "."), level_of(level, names)?))
}

/// A name that the runtime knows, in any case, or a number, or `off`.
fn level_of(text: &str, names: &LevelNames) -> Result<Level, String> {
    let known = names.names().find(|(name, _)| name.eq_ignore_ascii_case(text));
    if let Some(level) = names.level(text).or(known.map(|(_, level)| level)) {
        return Ok(level);
    }
    if text.eq_ignore_ascii_case("off") {
        return Ok(Level::new(i32::MAX));
    }
    text.parse().map_err(|_| {
        let names: Vec<&str> = names.names().map(|(name, _)| name).collect();
        format!("unknown level {text:?}: expected a number, OFF, or one of {}", names.join(", "))
    })
}

/// Reads levels from an environment variable; none if it is not set.
///
/// # Errors
///
/// As [`parse`], naming the variable; or if it is not Unicode.
pub(crate) fn from_env(variable: &str, names: &LevelNames) -> Result<Option<Levels>, Error> {
    match env::var(variable) {
        Ok(text) => match parse(&text, names) {
            Ok(levels) => Ok(Some(levels)),
            Err(error) => Err(Error::invalid(format!("{variable}={text:?}")).because(error)),
        },
        Err(VarError::NotPresent) => Ok(None),
        Err(error @ VarError::NotUnicode(_)) => {
            Err(Error::invalid(format!("env: {variable}")).because(error))
        }
    }
}

/// Sets them; a logger that is named is meant to log.
pub(crate) fn set(state: &mut State, levels: &[(String, Level)]) {
    for (logger, level) in levels {
        let number = state.number(logger);
        let settings = state.settings_mut(number);
        settings.level = *level;
        settings.disabled = false;
    }
}

impl Runtime {
    fn parse_levels(&self, text: &str) -> Result<Levels, Error> {
        // On its own line: the state stays locked to the statement's end.
        let names = self.core().tree().state().level_names().clone();
        parse(text, &names)
            .map_err(|error| Error::invalid(format!("levels {text:?}")).because(error))
    }

    /// Sets levels given as text, such as a command line's: `info` for the root, `db.pool=debug`
    /// for a logger, separated by commas. All of them become one new generation.
    ///
    /// Levels are names that this runtime knows, in any case, or numbers; `off` lets nothing
    /// through. `::` in a logger's name reads as a dot. Of several for one logger the last counts.
    /// A named logger that a configuration had switched off is switched on.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`], naming every part that cannot be read; nothing has changed then.
    ///
    /// # Examples
    ///
    /// ```
    /// use sawmill::Level;
    ///
    /// let runtime = sawmill::Runtime::builder().build()?;
    /// runtime.set_levels("info,db::pool=debug")?;
    /// assert_eq!(runtime.get_logger("db.pool").level(), Level::DEBUG);
    ///
    /// let error = runtime.set_levels("info,db=loud").unwrap_err();
    /// assert!(error.to_string().contains("part 2, \"db=loud\": unknown level \"loud\""));
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn set_levels(&self, levels: &str) -> Result<(), Error> {
        let levels = self.parse_levels(levels)?;
        self.reconfigure(|state| {
            set(state, &levels);
            Ok(())
        })
    }

    /// Sets levels from an environment variable, as [`set_levels`](Self::set_levels) reads them.
    /// Returns false, and changes nothing, if it is not set.
    ///
    /// # Errors
    ///
    /// As [`set_levels`](Self::set_levels), naming the variable; or if its value is not Unicode.
    pub fn set_levels_from_env(&self, variable: &str) -> Result<bool, Error> {
        let names = self.core().tree().state().level_names().clone();
        let Some(levels) = from_env(variable, &names)? else { return Ok(false) };
        self.reconfigure(|state| {
            set(state, &levels);
            Ok(true)
        })
    }

    /// Puts levels, given as for [`set_levels`](Self::set_levels), in force until the guard goes
    /// or for a time; see [`TemporaryLevels`].
    ///
    /// # Errors
    ///
    /// As [`set_levels`](Self::set_levels).
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = sawmill::Runtime::builder().build()?;
    /// runtime.temporary_levels("debug,http=off")?.revert_after(Duration::from_secs(300))?;
    /// # Ok::<(), sawmill::Error>(())
    /// ```
    pub fn temporary_levels(&self, levels: &str) -> Result<TemporaryLevels, Error> {
        let levels = self.parse_levels(levels)?;
        let levels = levels.iter().map(|(logger, level)| (&**logger, *level));
        Ok(TemporaryLevels::begin(self.core().tree(), levels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Drain;
    use std::time::{Duration, Instant};

    fn runtime() -> Runtime {
        Runtime::builder().drain(Drain::Inline).exit_hook(false).level(Level::INFO).build().unwrap()
    }

    fn effective(runtime: &Runtime, logger: &str) -> Level {
        runtime.get_logger(logger).effective_level()
    }

    #[test]
    fn levels_are_read_with_spaces_numbers_and_names_of_ones_own() {
        let mut names = LevelNames::default();
        names.add(Level::new(25), "Notice");
        let read = parse(" warn, a::b = NOTICE,c=7,,d=off,e=-1 ", &names).unwrap();
        let shown: Vec<(&str, i32)> = read.iter().map(|(l, v)| (&**l, v.as_i32())).collect();
        assert_eq!(shown, [("", 30), ("a.b", 25), ("c", 7), ("d", i32::MAX), ("e", -1)]);
    }

    #[test]
    fn every_part_that_is_wrong_is_named() {
        let error = runtime().set_levels("info,db=debgu,=info,a b=info,x=y=1").unwrap_err();
        let text = error.to_string();
        assert!(error.is_invalid());
        for part in [
            "part 2, \"db=debgu\": unknown level \"debgu\"",
            "WARNING",
            "part 3, \"=info\": the name of a logger is missing",
            "part 4, \"a b=info\": \"a b\" is not the name of a logger",
            "part 5, \"x=y=1\": unknown level \"y=1\"",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_text_with_a_mistake_changes_nothing_and_a_good_one_switches_loggers_on() {
        let runtime = runtime();
        let db = runtime.get_logger("db");
        db.set_disabled(true);
        assert!(runtime.set_levels("db=debug,root=loud").is_err());
        assert_eq!(db.level(), Level::NOTSET);
        runtime.set_levels("db=debug,root=error").unwrap();
        assert_eq!((db.level(), db.disabled()), (Level::DEBUG, false));
        assert_eq!(effective(&runtime, "other"), Level::ERROR);
        runtime.set_levels("db=off").unwrap();
        assert!(!db.is_enabled_for(Level::CRITICAL));
    }

    #[test]
    fn temporary_levels_that_overlap_end_in_any_order() {
        let runtime = runtime();
        let db = runtime.get_logger("db");
        let first = db.temporary_level(Level::DEBUG);
        let second = runtime.temporary_levels("db=error,error").unwrap();
        let third = db.temporary_level(Level::TRACE);
        assert_eq!(effective(&runtime, "db.pool"), Level::TRACE);
        assert_eq!(effective(&runtime, "other"), Level::ERROR);
        drop(first);
        assert_eq!(effective(&runtime, "db"), Level::TRACE);
        third.revert();
        assert_eq!(effective(&runtime, "db"), Level::ERROR);
        drop(second);
        assert_eq!(effective(&runtime, "db"), Level::INFO);
        assert_eq!(effective(&runtime, "other"), Level::INFO);
    }

    #[test]
    fn what_is_set_under_a_temporary_level_holds_after_it() {
        let runtime = runtime();
        let db = runtime.get_logger("db");
        let guard = db.temporary_level(Level::DEBUG);
        db.set_level(Level::ERROR);
        assert_eq!((db.level(), db.effective_level()), (Level::ERROR, Level::DEBUG));
        assert!(db.is_enabled_for(Level::DEBUG));
        drop(guard);
        assert_eq!(db.effective_level(), Level::ERROR);
        assert!(!db.is_enabled_for(Level::WARNING));
    }

    #[test]
    fn a_temporary_level_ends_by_itself_although_nobody_logs() {
        let runtime = runtime();
        let db = runtime.get_logger("db");
        let begun = Instant::now();
        db.temporary_level(Level::DEBUG).revert_after(Duration::from_millis(20)).unwrap();
        let guard = db.temporary_level(Level::TRACE);
        while begun.elapsed() < Duration::from_millis(30) {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Under the guard nothing is seen of it.
        assert_eq!(db.effective_level(), Level::TRACE);
        drop(guard);
        while db.effective_level() != Level::INFO && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(db.effective_level(), Level::INFO);
    }

    #[test]
    fn a_temporary_level_may_outlive_its_runtime() {
        let runtime = runtime();
        let guard = runtime.root().temporary_level(Level::DEBUG);
        drop(runtime);
        drop(guard);
    }
}
