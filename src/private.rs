//! What expansions of the macros name. No part of the public interface: anything here may change
//! in any release.
#![allow(missing_docs)]

pub use crate::callsite::{Callsite, Metadata, Threshold};
#[cfg(feature = "serde")]
pub use crate::capture::Serialized;
pub use crate::capture::emit::*;
pub use crate::capture::{
    Derived, DynEncode, Encode, Encodes, Fields, Formatted, Held, Hold, Keyed, Scratch, Sink, Slot,
    Via, ViaDebug, ViaDebugged, ViaDeref, ViaDerefTwice, ViaDisplay, ViaError, ViaFlag,
    ViaRendered, ViaShown, ViaStack, Width, field, field_words,
};
// What those return: no expansion names them, but they are part of its types.
pub use crate::capture::{
    Block, Bytes, Debugged, Kept, List, Opt, Pair, Quad, Raw, Rendered, Shown, Single, Str, Text,
    Triple, Wide, Words,
};
// What formatters and the buffers of handlers have between them.
pub use crate::format::Scripted;
pub use crate::global::{AtLevel, Fixed, OnLogger, admit, enabled, logger_beside, logger_for};
pub use crate::level::{Level, is_compiled};
pub use crate::text::Sheet;
pub use crate::tree::Logger;
pub use crate::value::{Align, Count, Kind, Piece, Role, Shape, ShapeStyle, Spec};
pub use sawmill_macros::log_call;
