//! The time of a record as text.

mod civil;
mod shown;
mod strftime;
mod text;
mod zone;

pub(crate) use shown::Shown;
pub(crate) use text::{Dialect, TimeText, TimeTextOptions};
pub(crate) use zone::Zone;
