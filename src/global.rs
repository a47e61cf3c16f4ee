//! The default runtime, and Python's module-level functions on it.

#[cfg(feature = "config")]
mod configure;
pub(crate) mod targets;

#[cfg(feature = "config")]
pub use configure::{dict_config, file_config, listen, watch};

use crate::callsite::{Callsite, Threshold};
use crate::capture::Encodes;
use crate::capture::emit::Emit;
use crate::drain::Report;
use crate::error::{Error, ErrorKind};
use crate::front::{self, Redirect};
use crate::handler::{HandlerRef, last_resort};
use crate::level::{Level, is_compiled};
use crate::record::LogRecord;
use crate::runtime::{BasicConfig, Core, Runtime, RuntimeBuilder, default_options};
use crate::sync::{Arc, Mutex, OnceLock, lock};
use crate::tree::{Logger, RecordFactory, Tree};
use std::panic::Location;
use std::time::Duration;

static DEFAULT: OnceLock<Runtime> = OnceLock::new();
/// Who configured the default runtime.
static CLAIM: Mutex<Option<&'static Location<'static>>> = Mutex::new(None);

/// The default runtime: the one that macros without `logger:` use.
///
/// Made when first needed, unconfigured: there is no thread, no hook and no file, and records at
/// `WARNING` and above go to stderr, message only, before the call returns: Python's last resort.
pub fn default() -> &'static Runtime {
    DEFAULT.get_or_init(|| {
        let core = Core::new(default_options(), true);
        let _ = core.tree().change(|state| {
            state.set_last_resort(Some(last_resort()));
            Ok(())
        });
        Runtime::from_core(core)
    })
}

struct TheDefault;
impl front::Default for TheDefault {
    fn tree() -> &'static Arc<Tree> {
        default().core().tree()
    }
}

/// Notes who configures the default runtime.
pub(crate) fn claim(place: &'static Location<'static>) -> Result<(), Error> {
    let mut claim = lock(&CLAIM);
    if let Some(first) = *claim {
        return Err(Error::new(
            ErrorKind::Already,
            format!("the default runtime was configured already, at {first}"),
        ));
    }
    *claim = Some(place);
    Ok(())
}

/// The configuration failed: another may be tried.
pub(crate) fn disclaim() {
    *lock(&CLAIM) = None;
}

/// Begins the default runtime's configuration; finish with [`init`](RuntimeBuilder::init).
///
/// # Examples
///
/// ```no_run
/// sawmill::builder().console().init()?;
/// sawmill::info!("up");
/// # Ok::<(), sawmill::Error>(())
/// ```
pub fn builder() -> RuntimeBuilder {
    Runtime::builder()
}

/// Begins Python's `basicConfig` on the default runtime.
pub fn basic_config() -> BasicConfig {
    default().basic_config()
}

impl Runtime {
    /// Runs `f` with this thread's macro calls going to this runtime instead of the default one.
    ///
    /// For tests. While any scope is open, calls of all threads take the slow path.
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        let _redirect = Redirect::new(self.core().tree().clone(), default().core().tree());
        f()
    }
}

/// The default runtime's logger of this name: Python's `getLogger`. `::` reads as a dot, so that
/// `get_logger(module_path!())` is Python's `getLogger(__name__)`.
pub fn get_logger(name: &str) -> Logger {
    default().get_logger(name)
}

/// The default runtime's root logger.
pub fn root() -> Logger {
    default().root()
}

/// Names a level: Python's `addLevelName`.
pub fn add_level_name(level: Level, name: &str) {
    default().add_level_name(level, name);
}

/// The name of a level, or `Level N`: Python's `getLevelName`.
pub fn level_name(level: Level) -> Arc<str> {
    default().level_name(level)
}

/// Switches off all records at `level` and below: Python's `disable`. `NOTSET` lifts it.
pub fn disable(level: Level) {
    default().disable(level);
}

/// Sets what may change every record of the default runtime on the thread that logs it: Python's
/// `setLogRecordFactory`. Returns the one before. See [`Runtime::set_record_factory`].
pub fn set_record_factory(
    factory: impl Fn(&mut LogRecord<'_>) + Send + Sync + 'static,
) -> Option<Arc<RecordFactory>> {
    default().set_record_factory(factory)
}

/// What changes the default runtime's records on the thread that logs, if something does: Python's
/// `getLogRecordFactory`.
pub fn record_factory() -> Option<Arc<RecordFactory>> {
    default().record_factory()
}

/// The default runtime's handler of this name: Python's `getHandlerByName`.
pub fn handler_by_name(name: &str) -> Option<HandlerRef> {
    default().handler_by_name(name)
}

/// Flushes the default runtime.
pub fn flush(timeout: Duration) -> Report {
    default().flush(timeout)
}

/// Ends the default runtime: Python's `shutdown`.
pub fn shutdown(timeout: Duration) -> Report {
    default().shutdown(timeout)
}

/// A call with its level in the site, on the default runtime.
#[derive(Debug)]
#[doc(hidden)]
pub struct Fixed(pub &'static Callsite, pub Threshold);
impl Emit for Fixed {
    #[inline(always)]
    fn emit<A: Encodes>(self, values: A) {
        front::put::<TheDefault, A>(self.0, self.1, values);
    }
}

/// A call with a level chosen at run time.
#[derive(Debug)]
#[doc(hidden)]
pub struct AtLevel(pub &'static Callsite, pub Threshold, pub Level);
impl Emit for AtLevel {
    #[inline(always)]
    fn emit<A: Encodes>(self, values: A) {
        front::put_at::<TheDefault, A>(self.0, self.1, self.2, values);
    }
}

/// A call on an explicit logger.
#[derive(Debug)]
#[doc(hidden)]
pub struct OnLogger<'a>(pub &'static Callsite, pub &'a Logger, pub Threshold, pub Level);
impl Emit for OnLogger<'_> {
    #[inline(always)]
    fn emit<A: Encodes>(self, values: A) {
        front::put_to::<TheDefault, A>(self.0, self.1, self.2, self.3, values);
    }
}

/// The threshold word if a call at `level` has anything to do; asked before arguments are
/// evaluated. Below the ceiling of the crate's features nothing has.
#[inline(always)]
#[doc(hidden)]
pub fn admit(site: &'static Callsite, level: i32) -> Option<Threshold> {
    if is_compiled(level) { front::admit::<TheDefault>(site, level) } else { None }
}

/// What `log_enabled!` answers.
#[inline]
#[doc(hidden)]
pub fn enabled(site: &'static Callsite, level: Level) -> bool {
    admit(site, level.as_i32()).is_some()
}

/// The logger of a target that is not a literal; this thread remembers the latest.
#[doc(hidden)]
pub fn logger_for(target: &str) -> Logger {
    targets::logger(target)
}

/// The logger of this target in the runtime of another logger.
#[doc(hidden)]
pub fn logger_beside(logger: &Logger, target: &str) -> Logger {
    let tree = logger.tree();
    Logger::new(tree.node(&targets::name(target)), tree.clone())
}
