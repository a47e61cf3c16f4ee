//! A batch of finished lines, and how far it has been written.

use crate::handler::worker::Job;

/// Memory of a written batch that is kept for re-use.
const KEEP_BYTES: usize = 256 << 10;

/// Lines with the ends of their records, so that a partial write can be counted exactly.
#[derive(Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// The end of what is complete: a formatter that panicked may have left bytes behind it.
    clean: usize,
    /// Ends of records in `bytes`, ascending. Bytes behind the last end belong to no record.
    ends: Vec<usize>,
    /// Bytes written.
    at: usize,
    /// Records written: ends at or below `at`.
    done: usize,
}

impl Lines {
    /// The bytes, to append a line to; [`end_record`](Self::end_record) or
    /// [`end_notice`](Self::end_notice) follows, else they are taken back.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.bytes.truncate(self.clean);
        &mut self.bytes
    }

    /// What was appended is one record's.
    pub(super) fn end_record(&mut self) {
        self.ends.push(self.bytes.len());
        self.clean = self.bytes.len();
    }

    /// What was appended belongs to no record.
    pub(super) fn end_notice(&mut self) {
        self.clean = self.bytes.len();
    }

    /// Bytes appended since the last complete line.
    pub(super) fn begun(&self) -> usize {
        self.bytes.len() - self.clean
    }

    pub(super) fn len(&self) -> usize {
        self.clean
    }

    pub(super) fn is_empty(&self) -> bool {
        self.clean == 0
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
        self.clean = 0;
        self.ends.clear();
        self.at = 0;
        self.done = 0;
    }

    pub(super) fn is_done(&self) -> bool {
        self.at == self.clean
    }

    /// Nothing has been written yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.at == 0
    }

    /// A record is written in part.
    pub(super) fn is_torn(&self) -> bool {
        let begin = self.done.checked_sub(1).map_or(0, |last| self.ends[last]);
        self.at > begin
    }

    /// Puts bytes of no record in front.
    pub(super) fn put_before(&mut self, bytes: &[u8]) {
        self.bytes.splice(..0, bytes.iter().copied());
        self.clean += bytes.len();
        for end in &mut self.ends {
            *end += bytes.len();
        }
    }

    /// What to write next: at most `limit` bytes, whole records if one fits, so that the lines of
    /// several processes that write to one pipe do not mix.
    pub(super) fn next_bytes(&self, limit: usize) -> &[u8] {
        let rest = &self.bytes[self.at..self.clean];
        if rest.len() <= limit {
            return rest;
        }
        let fits = self.ends[self.done..].partition_point(|end| end - self.at <= limit);
        match fits.checked_sub(1) {
            Some(last) => &self.bytes[self.at..self.ends[self.done + last]],
            None => &rest[..limit],
        }
    }

    /// Notes that `bytes` more are written; returns how many records that completes.
    pub(super) fn advance(&mut self, bytes: usize) -> u64 {
        self.at = (self.at + bytes).min(self.clean);
        let complete = self.ends[self.done..].partition_point(|end| *end <= self.at);
        self.done += complete;
        complete as u64
    }
}

impl Job for Lines {
    fn left(&self) -> u64 {
        (self.ends.len() - self.done) as u64
    }

    fn bytes(&self) -> usize {
        self.bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Lines {
        let mut lines = Lines::default();
        for text in ["one\n", "three\n", "fifteen bytes!\n"] {
            lines.begin().extend_from_slice(text.as_bytes());
            lines.end_record();
        }
        lines
    }

    #[test]
    fn a_partial_write_counts_whole_records_only() {
        let mut lines = three();
        assert_eq!(lines.advance(3), 0);
        assert!(lines.is_torn());
        assert_eq!(lines.advance(1), 1);
        assert!(!lines.is_torn());
        assert_eq!(lines.advance(7), 1);
        assert!(lines.is_torn());
        assert_eq!(lines.left(), 1);
        assert_eq!(lines.advance(14), 1);
        assert!(lines.is_done());
    }

    #[test]
    fn pieces_end_with_a_record_where_one_fits() {
        let mut lines = three();
        assert_eq!(lines.next_bytes(12), b"one\nthree\n");
        assert_eq!(lines.next_bytes(5), b"one\n");
        assert_eq!(lines.next_bytes(3), b"one");
        lines.advance(10);
        assert_eq!(lines.next_bytes(12), b"fifteen byte");
        lines.advance(12);
        assert_eq!(lines.next_bytes(12), b"s!\n");
    }

    #[test]
    fn a_line_that_was_not_ended_leaves_nothing_behind() {
        let mut lines = three();
        let length = lines.len();
        lines.begin().extend_from_slice(b"half a li");
        assert_eq!((lines.begun(), lines.len()), (9, length));
        assert!(!lines.next_bytes(usize::MAX).ends_with(b"li"));
        lines.begin().extend_from_slice(b"whole\n");
        lines.end_notice();
        assert_eq!(lines.advance(length), 3);
        assert_eq!(lines.next_bytes(usize::MAX), b"whole\n");
    }

    #[test]
    fn bytes_put_before_count_for_nobody() {
        let mut lines = three();
        lines.put_before(b"\n");
        assert_eq!(lines.advance(1), 0);
        assert_eq!(lines.advance(4), 1);
        assert_eq!(lines.left(), 2);
    }
}
