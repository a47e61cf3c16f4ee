//! The texts that follow a message: of an error, of a stack.

use super::message::SiteValues;
use super::{Body, LogRecord};
use crate::decode::Value;
use crate::value::Role;
use std::fmt::Write as _;

impl LogRecord<'_> {
    /// Returns true if [`exception`](Self::exception) or [`stack`](Self::stack) may give a text.
    /// Cheap, unlike asking them, for records that carry none.
    #[inline]
    pub(crate) fn may_carry_text(&self) -> bool {
        self.overlay.is_some()
            || match &self.body {
                Body::Site { site, .. } => {
                    site.meta.roles.iter().any(|role| matches!(role, Role::Exception | Role::Stack))
                }
                Body::Described(described) => {
                    described.exception.is_some() || described.stack.is_some()
                }
            }
    }

    /// The text of the error that the record carries, if any: `exception!`, or `exc_text`.
    ///
    /// Allocates for records of call sites.
    pub fn exception(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self.changed("exc_text") {
            Some(Value::Str(text) | Value::Text(text)) => return Some(text.into()),
            Some(_) => return None,
            None => {}
        }
        match &self.body {
            Body::Described(described) => described.exception.map(Into::into),
            Body::Site { .. } => self.with_role(Role::Exception, exception_text),
        }
    }

    /// The stack text that the record carries, if any.
    pub fn stack(&self) -> Option<std::borrow::Cow<'_, str>> {
        match self.changed("stack_info") {
            Some(Value::Str(text) | Value::Text(text)) => return Some(text.into()),
            Some(_) => return None,
            None => {}
        }
        match &self.body {
            Body::Described(described) => described.stack.map(Into::into),
            // Empty where `stack_info = false` was given.
            Body::Site { .. } => self
                .with_role(Role::Stack, |value| value.to_string())
                .filter(|text| !text.is_empty()),
        }
    }

    fn with_role(
        &self,
        wanted: Role,
        show: impl Fn(Value<'_>) -> String,
    ) -> Option<std::borrow::Cow<'_, str>> {
        let Body::Site { site, words } = &self.body else { return None };
        if !site.meta.roles.contains(&wanted) {
            return None;
        }
        let mut values = SiteValues::new(site.meta.roles.len(), words)?;
        site.meta.roles.iter().find_map(|role| {
            let value = values.next()?;
            (*role == wanted).then(|| show(value).into())
        })
    }
}

/// How an error chain reads behind a record: its text, then `Caused by:` and the sources.
pub(crate) fn exception_text(value: Value<'_>) -> String {
    let Value::Error(chain) = value else { return value.to_string() };
    let mut text = String::new();
    for (at, part) in chain.iter().enumerate() {
        if at != 0 {
            text.push_str("\nCaused by: ");
        }
        let _ = write!(text, "{part}");
    }
    text
}
