//! Levels: Python's numbers, any `i32`, and their names.

use crate::error::Error;
use crate::sync::Arc;
use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// The importance of a record: an `i32`, higher is more important.
///
/// The numbers are Python's, with `TRACE` added; any other number is a level too
/// ([`Level::new`]), named with [`add_level_name`](crate::add_level_name) or shown as `Level 25`.
///
/// # Examples
///
/// ```
/// use sawmill::Level;
///
/// const NOTICE: Level = Level::new(25);
/// assert!(NOTICE.is_at_least(Level::INFO));
/// assert_eq!("warning".parse::<Level>().unwrap(), Level::WARNING);
/// assert_eq!("25".parse::<Level>().unwrap(), NOTICE);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Level(i32);

impl Level {
    /// 0: on a logger, "ask the parent"; on a handler, "everything".
    pub const NOTSET: Self = Self(0);
    /// 5: finer than Python's levels, for the `log` crate's `trace`.
    pub const TRACE: Self = Self(5);
    /// 10.
    pub const DEBUG: Self = Self(10);
    /// 20.
    pub const INFO: Self = Self(20);
    /// 30.
    pub const WARNING: Self = Self(30);
    /// 40.
    pub const ERROR: Self = Self(40);
    /// 50.
    pub const CRITICAL: Self = Self(50);

    /// [`TRACE`](Self::TRACE) as the `log` crate spells it, so that its users change an import only.
    #[doc(hidden)]
    #[allow(non_upper_case_globals)]
    pub const Trace: Self = Self::TRACE;
    /// [`DEBUG`](Self::DEBUG) as the `log` crate spells it.
    #[doc(hidden)]
    #[allow(non_upper_case_globals)]
    pub const Debug: Self = Self::DEBUG;
    /// [`INFO`](Self::INFO) as the `log` crate spells it.
    #[doc(hidden)]
    #[allow(non_upper_case_globals)]
    pub const Info: Self = Self::INFO;
    /// [`WARNING`](Self::WARNING) as the `log` crate spells it.
    #[doc(hidden)]
    #[allow(non_upper_case_globals)]
    pub const Warn: Self = Self::WARNING;
    /// [`ERROR`](Self::ERROR) as the `log` crate spells it.
    #[doc(hidden)]
    #[allow(non_upper_case_globals)]
    pub const Error: Self = Self::ERROR;

    /// Returns the level with this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn as_i32(self) -> i32 {
        self.0
    }

    /// The number that `log!` compares with a threshold: the greatest one stands for "disabled".
    #[doc(hidden)]
    #[inline(always)]
    pub const fn asked(self) -> i32 {
        if self.0 == i32::MAX { i32::MAX - 1 } else { self.0 }
    }

    /// Returns true if this level is `other` or more important.
    pub const fn is_at_least(self, other: Self) -> bool {
        self.0 >= other.0
    }

    /// Returns the standard name of one of the seven standard levels.
    pub const fn standard_name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NOTSET",
            5 => "TRACE",
            10 => "DEBUG",
            20 => "INFO",
            30 => "WARNING",
            40 => "ERROR",
            50 => "CRITICAL",
            _ => return None,
        })
    }

    /// The class under which the books count.
    #[inline(always)]
    pub(crate) const fn class(self) -> Class {
        match if self.0 < 0 { 0 } else { self.0 as u32 } / 10 {
            0 => Class::Trace,
            1 => Class::Debug,
            2 => Class::Info,
            3 => Class::Warning,
            4 => Class::Error,
            _ => Class::Critical,
        }
    }
}

/// The least level that is compiled into this program; calls below it vanish from the binary.
///
/// Set by the cargo features `max_level_*`, in builds without debug assertions by
/// `release_max_level_*` where one is given. As in the `log` crate, features of the whole
/// dependency tree add up, and of several the one that lets least through wins.
pub const STATIC_LEVEL: Level = Level(match cfg!(debug_assertions) {
    true => max_level(),
    false => match release_max_level() {
        Some(number) => number,
        None => max_level(),
    },
});

const fn max_level() -> i32 {
    if cfg!(feature = "max_level_off") {
        i32::MAX
    } else if cfg!(feature = "max_level_critical") {
        50
    } else if cfg!(feature = "max_level_error") {
        40
    } else if cfg!(feature = "max_level_warning") {
        30
    } else if cfg!(feature = "max_level_info") {
        20
    } else if cfg!(feature = "max_level_debug") {
        10
    } else if cfg!(feature = "max_level_trace") {
        5
    } else {
        i32::MIN
    }
}

const fn release_max_level() -> Option<i32> {
    Some(if cfg!(feature = "release_max_level_off") {
        i32::MAX
    } else if cfg!(feature = "release_max_level_critical") {
        50
    } else if cfg!(feature = "release_max_level_error") {
        40
    } else if cfg!(feature = "release_max_level_warning") {
        30
    } else if cfg!(feature = "release_max_level_info") {
        20
    } else if cfg!(feature = "release_max_level_debug") {
        10
    } else if cfg!(feature = "release_max_level_trace") {
        5
    } else {
        return None;
    })
}

/// Returns true if calls at this level are compiled in.
#[doc(hidden)]
#[inline(always)]
// With the ceiling `off` the comparison is with the greatest level.
#[allow(clippy::absurd_extreme_comparisons)]
pub const fn is_compiled(level: i32) -> bool {
    level >= STATIC_LEVEL.0 && STATIC_LEVEL.0 != i32::MAX
}

/// A class of levels, of ten numbers each but for the first and the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Class {
    Trace,
    Debug,
    Info,
    Warning,
    Error,
    Critical,
}

impl Class {
    /// Index into [`CLASS_LEVELS`].
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// How many classes of level the books distinguish.
pub(crate) const CLASSES: usize = 6;
/// The least level of each class.
pub(crate) const CLASS_LEVELS: [Level; CLASSES] =
    [Level::TRACE, Level::DEBUG, Level::INFO, Level::WARNING, Level::ERROR, Level::CRITICAL];

impl From<i32> for Level {
    fn from(number: i32) -> Self {
        Self(number)
    }
}

impl fmt::Debug for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standard_name() {
            Some(name) => f.pad(name),
            None => f.pad(&format!("Level {}", self.0)),
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    /// Reads a standard name in any case (`warn` and `fatal` too) or a number.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`], listing the known names.
    fn from_str(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i32>() {
            return Ok(Self(number));
        }
        Ok(match text.to_ascii_lowercase().as_str() {
            "notset" => Self::NOTSET,
            "trace" => Self::TRACE,
            "debug" => Self::DEBUG,
            "info" => Self::INFO,
            "warning" | "warn" => Self::WARNING,
            "error" => Self::ERROR,
            "critical" | "fatal" => Self::CRITICAL,
            _ => {
                return Err(Error::invalid(format!(
                    "unknown level {text:?}: expected a number or one of NOTSET, TRACE, DEBUG, \
                     INFO, WARNING, ERROR, CRITICAL"
                )));
            }
        })
    }
}

/// The names of levels as one runtime knows them; immutable, replaced as a whole.
///
/// As in Python, a number shows under its latest name, and every name ever given still reads.
#[derive(Clone, Debug)]
pub(crate) struct LevelNames {
    /// Levels 0 to 63, where nearly all levels are: found without hashing.
    few: [Option<Arc<str>>; 64],
    by_level: HashMap<i32, Arc<str>>,
    by_name: Vec<(Arc<str>, Level)>,
}

impl Default for LevelNames {
    fn default() -> Self {
        let mut names =
            Self { few: [const { None }; 64], by_level: HashMap::new(), by_name: Vec::new() };
        for (level, name) in [
            (50, "FATAL"),
            (30, "WARN"),
            (50, "CRITICAL"),
            (40, "ERROR"),
            (30, "WARNING"),
            (20, "INFO"),
            (10, "DEBUG"),
            (5, "TRACE"),
            (0, "NOTSET"),
        ] {
            names.add(Level(level), name);
        }
        names
    }
}

impl LevelNames {
    pub(crate) fn add(&mut self, level: Level, name: &str) {
        let name: Arc<str> = name.into();
        if let Some(slot) = usize::try_from(level.0).ok().and_then(|at| self.few.get_mut(at)) {
            *slot = Some(name.clone());
        }
        self.by_level.insert(level.0, name.clone());
        match self.by_name.iter_mut().find(|(known, _)| *known == name) {
            Some(entry) => entry.1 = level,
            None => self.by_name.push((name, level)),
        }
    }

    /// Forgets a name.
    pub(crate) fn remove(&mut self, name: &str) {
        for slot in &mut self.few {
            if slot.as_ref().is_some_and(|known| **known == *name) {
                *slot = None;
            }
        }
        self.by_level.retain(|_, known| **known != *name);
        self.by_name.retain(|(known, _)| **known != *name);
    }

    /// The name for output, or `None` for a level nobody named (shown as `Level N`).
    pub(crate) fn name(&self, level: Level) -> Option<&Arc<str>> {
        match usize::try_from(level.0).ok().and_then(|at| self.few.get(at)) {
            Some(slot) => slot.as_ref(),
            None => self.by_level.get(&level.0),
        }
    }

    pub(crate) fn text(&self, level: Level) -> Arc<str> {
        match self.name(level) {
            Some(name) => name.clone(),
            None => format!("Level {}", level.0).into(),
        }
    }

    /// The level of a name, exact case, as configurations spell it.
    pub(crate) fn level(&self, name: &str) -> Option<Level> {
        self.by_name.iter().find(|(known, _)| **known == *name).map(|(_, level)| *level)
    }

    /// Every name that reads, in the order in which they were first given.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, Level)> {
        self.by_name.iter().map(|(name, level)| (&**name, *level))
    }
}
