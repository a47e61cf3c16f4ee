//! Formatters.

use super::Registry;

pub(super) fn register(registry: &mut Registry) {
    let _ = registry;
}
