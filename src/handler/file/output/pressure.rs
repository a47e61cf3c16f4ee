//! While the file takes nothing: what waits, what is shed, and what is told of it.

use super::*;

impl Output {
    /// The file takes nothing: decides what becomes of a record. False: it was shed.
    #[cold]
    pub(crate) fn has_room(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> bool {
        let mut cause = self.write_out(self.is_due(), cx).err();
        let all = self.options.on_failure.buffer_bytes;
        let important = record.level().is_at_least(self.options.on_failure.shed_below);
        let limit = if important { all } else { all / 2 };
        while self.committed >= limit {
            if !self.trouble.as_mut().is_some_and(Trouble::wait_a_moment) {
                self.shed(record, cause, cx);
                return false;
            }
            cause = self.write_out(true, cx).err().or(cause);
        }
        if let Some(cause) = cause {
            cx.report(cause);
        }
        true
    }

    pub(super) fn shed(
        &mut self,
        record: &LogRecord<'_>,
        cause: Option<Error>,
        cx: &mut Context<'_>,
    ) {
        self.gap.get_or_insert_with(|| Gap::new(record)).add(record);
        cx.shed(1);
        if let Some(fallback) = &self.options.on_failure.fallback {
            cx.forward(fallback, record.keep(), true);
        }
        if let Some(trouble) = &mut self.trouble
            && !std::mem::replace(&mut trouble.told, true)
        {
            cx.report(shedding(&self.path, cause));
        }
    }

    /// The disk is full: lets the oldest rotated file go, if there is one and it may.
    pub(super) fn make_room(&mut self, error: &Error, cx: &mut Context<'_>) -> bool {
        let no_space = error.io_error().is_some_and(sys::is_full);
        let Some(archives) = self.archives.as_ref().filter(|_| no_space) else { return false };
        if !self.options.on_failure.delete_archives {
            return false;
        }
        match archives.remove_oldest() {
            Ok(removed) => removed,
            Err(error) => {
                cx.report(error);
                false
            }
        }
    }

    /// Writes a line about the records that were shed.
    #[cold]
    pub(super) fn tell_gap(&mut self, cx: &mut Context<'_>) {
        let Some(gap) = self.gap.take() else { return };
        let notice = gap.record(&self.path, cx);
        if let Some(blocks) = &mut self.blocks {
            blocks.notice = Some(notice);
            return;
        }
        // A line may be in the making behind the complete ones.
        let begun = self.buffer[self.committed..].to_vec();
        self.buffer.truncate(self.committed);
        let mut line = Vec::new();
        let made = cx.format_into(&notice.view(), &mut line).and_then(|()| {
            line.extend_from_slice(self.options.terminator.as_bytes());
            match &self.encoding {
                None => self.buffer.extend_from_slice(&line),
                Some(encoding) => self
                    .buffer
                    .with_vec(|buffer| encoding.encode(&mut self.state, &line, buffer))?,
            }
            Ok(())
        });
        match made {
            Ok(()) => {
                self.commit();
                self.notices.push_back(self.committed);
            }
            // The counts stand in the books all the same.
            Err(error) => {
                self.buffer.truncate(self.committed);
                cx.report(error);
            }
        }
        self.buffer.extend_from_slice(&begun);
        if let Err(error) = self.try_write(cx) {
            self.note_trouble();
            cx.report(error);
        }
    }
}
