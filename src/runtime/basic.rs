//! Python's `basicConfig`.

use super::Runtime;
use crate::error::Error;
use crate::format::{Formatter, FormatterRef, Style};
use crate::handler::file::{FileHandler, FileMode};
use crate::handler::{HandlerRef, StreamHandler};
use crate::level::Level;
use std::path::PathBuf;

/// The format that `basicConfig` gives handlers in the `%` style: Python's `BASIC_FORMAT`.
pub const BASIC_FORMAT: &str = "%(levelname)s:%(name)s:%(message)s";

/// Configures the root logger in one step, as Python's `basicConfig` does; finish with
/// [`apply`](Self::apply).
///
/// | option | default |
/// |---|---|
/// | [`filename`](Self::filename) | none: standard error |
/// | [`file_mode`](Self::file_mode) | append |
/// | [`format`](Self::format) | `%(levelname)s:%(name)s:%(message)s`, in the style |
/// | [`date_format`](Self::date_format) | `%Y-%m-%d %H:%M:%S`, then milliseconds |
/// | [`style`](Self::style) | `%` |
/// | [`level`](Self::level) | unchanged (`WARNING` at first) |
/// | [`stream`](Self::stream) | standard error |
/// | [`handler`](Self::handler) | none |
/// | [`force`](Self::force) | off |
/// | [`encoding`](Self::encoding), [`errors`](Self::errors) | UTF-8, `backslashreplace` |
///
/// # Examples
///
/// ```
/// use sawmill::{Level, NullHandler};
///
/// let runtime = sawmill::Runtime::builder().build()?;
/// assert!(runtime.basic_config().level(Level::INFO).handler(NullHandler::new()).apply()?);
/// assert!(!runtime.basic_config().level(Level::DEBUG).apply()?, "the root has a handler");
/// assert_eq!(runtime.root().level(), Level::INFO);
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing happens until `apply`"]
pub struct BasicConfig {
    runtime: Runtime,
    filename: Option<PathBuf>,
    file_mode: FileMode,
    format: Option<String>,
    date_format: Option<String>,
    style: Style,
    level: Option<Level>,
    stream: Option<StreamHandler>,
    handlers: Vec<HandlerRef>,
    force: bool,
    encoding: Option<String>,
    errors: Option<String>,
}

impl BasicConfig {
    pub(crate) fn new(runtime: Runtime) -> Self {
        Self {
            runtime,
            filename: None,
            file_mode: FileMode::Append,
            format: None,
            date_format: None,
            style: Style::Percent,
            level: None,
            stream: None,
            handlers: Vec::new(),
            force: false,
            encoding: None,
            errors: None,
        }
    }

    /// Logs to a file.
    pub fn filename(mut self, path: impl Into<PathBuf>) -> Self {
        self.filename = Some(path.into());
        self
    }

    /// How the file is opened.
    pub fn file_mode(mut self, mode: FileMode) -> Self {
        self.file_mode = mode;
        self
    }

    /// The pattern of a line, in the chosen style.
    pub fn format(mut self, pattern: impl Into<String>) -> Self {
        self.format = Some(pattern.into());
        self
    }

    /// The pattern of a time, as `strftime`'s.
    pub fn date_format(mut self, pattern: impl Into<String>) -> Self {
        self.date_format = Some(pattern.into());
        self
    }

    /// The style of the pattern.
    pub fn style(mut self, style: Style) -> Self {
        self.style = style;
        self
    }

    /// The root logger's level.
    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Logs to a stream.
    pub fn stream(mut self, stream: StreamHandler) -> Self {
        self.stream = Some(stream);
        self
    }

    /// Adds a handler of one's own; it gets the formatter if it has none.
    pub fn handler(mut self, handler: impl Into<HandlerRef>) -> Self {
        self.handlers.push(handler.into());
        self
    }

    /// Removes and closes the root's handlers first.
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// The file's encoding, by any of Python's names for it.
    pub fn encoding(mut self, name: impl Into<String>) -> Self {
        self.encoding = Some(name.into());
        self
    }

    /// What becomes of characters that the encoding lacks.
    pub fn errors(mut self, name: impl Into<String>) -> Self {
        self.errors = Some(name.into());
        self
    }

    /// Configures the root logger, and starts the default runtime if nobody has configured it
    /// yet. Returns false, having done nothing, if the root has handlers and `force` is off.
    ///
    /// # Errors
    ///
    /// [`Error::is_invalid`] if `stream`, `filename` and `handler` are given together, or for a
    /// pattern that means nothing; [`Error::is_io`] if the file cannot be opened. Nothing has
    /// changed then.
    pub fn apply(self) -> Result<bool, Error> {
        let root = self.runtime.root();
        let before = root.handlers();
        if !before.is_empty() && !self.force {
            return Ok(false);
        }
        let Self { runtime, filename, stream, mut handlers, .. } = self;
        if !handlers.is_empty() && (stream.is_some() || filename.is_some()) {
            return Err(Error::invalid(
                "basic_config: 'stream' or 'filename' should not be specified together with \
                 'handlers'",
            ));
        }
        let formatter = formatter(self.format, self.date_format, self.style)?;
        match (filename, stream) {
            (Some(_), Some(_)) => {
                return Err(Error::invalid(
                    "basic_config: 'stream' and 'filename' should not be specified together",
                ));
            }
            (Some(path), None) => {
                let file = FileHandler::builder(path)
                    .mode(self.file_mode)
                    .encoding(self.encoding.unwrap_or_else(|| "utf-8".to_owned()))
                    .errors(self.errors.unwrap_or_else(|| "backslashreplace".to_owned()));
                handlers.push(HandlerRef::new(file.build()?));
            }
            (None, Some(stream)) => handlers.push(HandlerRef::new(stream)),
            (None, None) if handlers.is_empty() => {
                handlers.push(HandlerRef::new(StreamHandler::stderr()));
            }
            (None, None) => {}
        }
        for handler in &handlers {
            if handler.formatter().is_none() {
                handler.set_formatter(Some(formatter.clone()));
            }
        }
        runtime.reconfigure(|state| {
            before.iter().for_each(|handler| state.close(handler));
            let settings = state.settings_mut(0);
            for handler in &handlers {
                if !settings.handlers.contains(handler) {
                    settings.handlers.push(handler.clone());
                }
            }
            settings.level = self.level.unwrap_or(settings.level);
            Ok(())
        })?;
        runtime.core().start_if_unconfigured()?;
        Ok(true)
    }
}

fn formatter(
    pattern: Option<String>,
    date_format: Option<String>,
    style: Style,
) -> Result<FormatterRef, Error> {
    let pattern = pattern.unwrap_or_else(|| {
        match style {
            Style::Percent => BASIC_FORMAT,
            Style::Brace => "{levelname}:{name}:{message}",
            Style::Dollar => "${levelname}:${name}:${message}",
        }
        .to_owned()
    });
    let mut builder = Formatter::builder().like_python().style(style).pattern(pattern);
    if let Some(date_format) = date_format {
        builder = builder.date_format(date_format);
    }
    Ok(FormatterRef::new(builder.build()?))
}
