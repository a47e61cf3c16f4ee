//! Several records as one text.

use super::Format;
use crate::error::Error;
use crate::record::OwnedRecord;
use std::fmt;

/// Writes a run of records as one text, with a header and a footer: Python's
/// `BufferingFormatter`.
///
/// Nothing is put between the records: a separator belongs into the pattern. Used by handlers
/// that deliver several records at once.
///
/// # Examples
///
/// ```
/// use sawmill::{BufferingFormatter, Formatter, OwnedRecord};
///
/// let formatter = BufferingFormatter::new(Formatter::new("%(message)s;")?)
///     .with_header(|records: &[OwnedRecord]| format!("{} records: ", records.len()));
/// let mut out = Vec::new();
/// formatter.format(&[], &mut out)?;
/// assert!(out.is_empty());
/// # Ok::<(), sawmill::Error>(())
/// ```
pub struct BufferingFormatter {
    line: Box<dyn Format>,
    header: Option<Edge>,
    footer: Option<Edge>,
}

type Edge = Box<dyn Fn(&[OwnedRecord]) -> String + Send>;

impl BufferingFormatter {
    /// Makes a formatter that writes each record with `line`.
    pub fn new(line: impl Format + 'static) -> Self {
        Self { line: Box::new(line), header: None, footer: None }
    }

    /// Sets what stands before the records.
    #[must_use]
    pub fn with_header(
        mut self,
        header: impl Fn(&[OwnedRecord]) -> String + Send + 'static,
    ) -> Self {
        self.header = Some(Box::new(header));
        self
    }

    /// Sets what stands behind the records.
    #[must_use]
    pub fn with_footer(
        mut self,
        footer: impl Fn(&[OwnedRecord]) -> String + Send + 'static,
    ) -> Self {
        self.footer = Some(Box::new(footer));
        self
    }

    /// Appends header, records and footer; nothing at all if there are no records.
    ///
    /// # Errors
    ///
    /// What the line's formatter says; `out` is then as it was.
    pub fn format(&self, records: &[OwnedRecord], out: &mut Vec<u8>) -> Result<(), Error> {
        if records.is_empty() {
            return Ok(());
        }
        let start = out.len();
        let edge = |edge: &Option<Edge>, out: &mut Vec<u8>| {
            if let Some(edge) = edge {
                out.extend_from_slice(edge(records).as_bytes());
            }
        };
        edge(&self.header, out);
        for record in records {
            self.line.format(&record.view(), out).inspect_err(|_| out.truncate(start))?;
        }
        edge(&self.footer, out);
        Ok(())
    }
}

impl fmt::Debug for BufferingFormatter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BufferingFormatter")
            .field("header", &self.header.is_some())
            .field("footer", &self.footer.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Formatter;
    use crate::record::sample::Sample;

    #[test]
    fn header_and_footer_stand_around_the_records() {
        let sample = |message: &str| Sample { message: message.into(), ..Sample::default() }.keep();
        let records = [sample("a"), sample("b")];
        let formatter = BufferingFormatter::new(Formatter::new("%(message)s;").unwrap())
            .with_header(|records| format!("<{}>", records.len()))
            .with_footer(|_| "</>".into());
        let mut out = b"x".to_vec();
        formatter.format(&records, &mut out).unwrap();
        assert_eq!(out, b"x<2>a;b;</>");
        let formatter = BufferingFormatter::new(Formatter::new("%(no)s").unwrap());
        formatter.format(&records, &mut out).unwrap_err();
        assert_eq!(out, b"x<2>a;b;</>");
    }
}
