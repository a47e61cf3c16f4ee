//! Numbers and texts as bytes, sealed entry by entry.

/// Writes an entry.
#[derive(Debug, Default)]
pub(crate) struct Out(pub(crate) Vec<u8>);

impl Out {
    pub(crate) fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.number(text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    /// The entry with its length and a sum that a torn or damaged one does not have.
    pub(crate) fn sealed(&self) -> Vec<u8> {
        let mut entry = Vec::with_capacity(self.0.len() + 16);
        entry.extend_from_slice(&(self.0.len() as u64).to_le_bytes());
        entry.extend_from_slice(&sum(&self.0).to_le_bytes());
        entry.extend_from_slice(&self.0);
        entry
    }
}

/// Reads an entry.
#[derive(Debug)]
pub(crate) struct In<'a>(pub(crate) &'a [u8]);

impl<'a> In<'a> {
    pub(crate) fn number(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub(crate) fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    /// A count of things that take at least a word each.
    pub(crate) fn count(&mut self) -> Option<usize> {
        usize::try_from(self.number()?).ok().filter(|count| *count <= self.0.len())
    }
}

/// The entries that are whole; the first that is not ends them.
pub(crate) fn entries(mut bytes: &[u8]) -> impl Iterator<Item = In<'_>> {
    std::iter::from_fn(move || {
        let mut head = In(bytes);
        let length = usize::try_from(head.number()?).ok()?;
        let expected = head.number()?;
        let (entry, rest) = head.0.split_at_checked(length)?;
        if sum(entry) != expected {
            return None;
        }
        bytes = rest;
        Some(In(entry))
    })
}

/// How many bytes the entries take that are whole.
pub(super) fn whole(bytes: &[u8]) -> u64 {
    entries(bytes).map(|entry| entry.0.len() as u64 + 16).sum()
}

/// FNV-1a over 64 bits.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
