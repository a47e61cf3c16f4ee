//! Loggers by the targets that a thread used last.
//!
//! A lookup in the tree takes a lock and, for a module path, a new string. Calls with a computed
//! target and the `log` bridge name the same few targets again and again, mostly static strings,
//! so each thread keeps a small table under their addresses. Loggers are never removed, so what it
//! holds stays true; the text is compared, so an address that was re-used misleads nobody.

use super::get_logger;
use crate::front;
use crate::tree::Logger;
use std::borrow::Cow;
use std::cell::RefCell;

const PLACES: usize = 64;

type Place = Option<(Box<str>, Logger)>;

thread_local! {
    static KNOWN: RefCell<[Place; PLACES]> = const { RefCell::new([const { None }; PLACES]) };
}

/// The logger of this target; `::` reads as a dot. The default runtime's, unless a scope sends
/// this thread's calls elsewhere.
pub(crate) fn logger(target: &str) -> Logger {
    if let Some(tree) = front::redirected() {
        return Logger::new(tree.node(&name(target)), tree);
    }
    let at = (target.as_ptr() as usize / 8 + target.len() * 7) % PLACES;
    let known = KNOWN.try_with(|known| match &known.try_borrow().ok()?[at] {
        Some((name, logger)) if **name == *target => Some(logger.clone()),
        _ => None,
    });
    if let Ok(Some(logger)) = known {
        return logger;
    }
    let logger = get_logger(&name(target));
    let _ = KNOWN.try_with(|known| {
        if let Ok(mut known) = known.try_borrow_mut() {
            known[at] = Some((target.into(), logger.clone()));
        }
    });
    logger
}

/// A target as a logger's name.
pub(crate) fn name(target: &str) -> Cow<'_, str> {
    match target.contains("::") {
        true => target.replace("::", ".").into(),
        false => target.into(),
    }
}
