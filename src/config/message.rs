//! Messages that carry a configuration: a length, then JSON or INI, as `logging.config.listen`
//! takes them.

use super::Config;
use crate::error::{Error, ErrorKind};
use std::io::{ErrorKind as Io, Read};

/// Reads one message: four bytes, the length of what follows with the most significant byte first,
/// and that many bytes. At most `limit` bytes are taken into memory.
///
/// # Errors
///
/// [`Error::is_invalid`] if the length is more than `limit`; [`Error::is_timeout`] if the source
/// gave nothing within its own time limit; [`Error::is_io`] if it failed or ended early.
///
/// # Examples
///
/// ```
/// let mut source = &b"\0\0\0\x02{}rest"[..];
/// assert_eq!(sawmill::config::read_message(&mut source, 1024)?, b"{}");
/// # Ok::<(), sawmill::Error>(())
/// ```
pub fn read_message(source: &mut impl Read, limit: usize) -> Result<Vec<u8>, Error> {
    let mut length = [0; 4];
    source.read_exact(&mut length).map_err(|error| failed("length", error))?;
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Error::invalid(format!(
            "a message of {length} bytes is longer than the limit of {limit}"
        )));
    }
    // Grows with what comes, whatever was announced.
    let mut message = Vec::new();
    let mut source = source.take(length as u64);
    source.read_to_end(&mut message).map_err(|error| failed("text", error))?;
    if message.len() < length {
        let text = format!("the message ended after {} of {length} bytes", message.len());
        return Err(Error::new(ErrorKind::Io, text));
    }
    Ok(message)
}

#[cold]
fn failed(what: &str, error: std::io::Error) -> Error {
    let kind = match error.kind() {
        Io::WouldBlock | Io::TimedOut => ErrorKind::Timeout,
        _ => ErrorKind::Io,
    };
    Error::new(kind, format!("cannot read the message's {what}")).because(error)
}

impl Config {
    /// Reads the text of a message: a JSON object in `dictConfig`'s schema, or INI.
    ///
    /// # Errors
    ///
    /// If the bytes are not UTF-8, or not well formed; or if the cargo feature `json` or `ini` is
    /// missing that the text needs.
    pub fn from_message(message: &[u8]) -> Result<Self, Error> {
        let text = std::str::from_utf8(message)
            .map_err(|error| Error::invalid("the message is not UTF-8").because(error))?;
        // No section of an INI file begins like this.
        match text.trim_start().starts_with('{') {
            true => Self::from_json(text),
            false => Self::from_ini_named(text, "<message>"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut source = bytes;
        read_message(&mut source, 100)
    }

    #[test]
    fn a_message_is_as_long_as_it_says() {
        assert_eq!(read(b"\0\0\0\x03abcdef").unwrap(), b"abc");
        assert_eq!(read(b"\0\0\0\0").unwrap(), b"");
    }

    #[test]
    fn one_that_ends_early_or_is_too_long_is_refused() {
        assert!(read(b"\0\0").unwrap_err().is_io());
        assert!(read(b"\0\0\0\x03ab").unwrap_err().to_string().contains("after 2 of 3 bytes"));
        let error = read(b"\xff\xff\xff\xffabc").unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("4294967295"), "{error}");
    }
}
