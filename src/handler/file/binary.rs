//! Files of packed records.

use super::output::{Blocks, Mark, Options, Output, absolute};
use super::plain::try_roll;
use super::rotate::Rotate;
use super::rotation::{Plan, Rotation};
use super::squeeze::{Block, Squeeze};
use crate::binary::{Bounds, Encoder, FrameSource, HEADER_BYTES, Kind, Start, index_block};
use crate::error::Error;
use crate::handler::{Context, Handler, HandlerRef};
use crate::level::Level;
use crate::record::LogRecord;
use std::path::{Path, PathBuf};

/// A block is ended once it has so many bytes.
const BLOCK_BYTES: usize = 64 << 10;
/// What an index takes for a block, at most.
const INDEXED_BYTES: u64 = 48;

/// Writes records to a file as packed values, a quarter of the size of text and faster to write;
/// `sawmill decode` makes text or JSON of them, as any formatter would have.
///
/// What a record carries is kept, and in the order of its coming: values with their types, fields
/// and scopes, errors and stacks, lane and sequence. Formatters are not asked; a formatter of this
/// handler has no effect. A file decodes alone, whatever became of the others.
/// [`docs::binary_log`](crate::docs::binary_log) has the format, and how damage is dealt with.
///
/// Records gather in blocks of 64 KiB and are written when 256 KiB are full or the rings ran dry,
/// as by [`FileHandler`](crate::FileHandler). Rotation, retention, full disks and syncing are as
/// there; the size of a file counts a little early, for a record's bytes are not known beforehand.
/// When a file is closed, an index of its blocks by time and level is put at its end.
///
/// | option | default | |
/// |---|---|---|
/// | `rotate`, `naming`, `keep`, `compress`, `latest` | as for [`FileHandler`](crate::FileHandler) | |
/// | `delay` | `false` | open at the first record |
/// | `follow` | `true` | notice a file that was moved or removed |
/// | `reserve` | `true` | allocate space ahead of the writes |
/// | `permissions`, `owner` | `0o640` | of new files, less the umask |
/// | `create_dirs` | `false` | |
/// | `sync`, `on_failure` | as for [`FileHandler`](crate::FileHandler) | |
/// | `compress_blocks` | off | zstd for each block, by a thread of the handler's own |
///
/// # Examples
///
/// ```
/// # let directory = std::env::temp_dir().join(format!("sawmill-doc-bin-{}", std::process::id()));
/// use sawmill::{BinaryFileHandler, Keep, Rotate};
///
/// let handler = BinaryFileHandler::builder(directory.join("app.slog"))
///     .create_dirs(true)
///     .rotate(Rotate::size(256 << 20).or_daily())
///     .keep(Keep::files(30))
///     .build()?;
/// # drop(handler);
/// # std::fs::remove_dir_all(directory).unwrap();
/// # Ok::<(), sawmill::Error>(())
/// ```
#[derive(Debug)]
pub struct BinaryFileHandler {
    output: Output,
    rotation: Option<Box<Rotation>>,
    encoder: Encoder,
    /// Records of the block in the making that the books know of.
    open_records: u64,
    /// Who compresses blocks, if anybody does.
    squeeze: Option<Box<Squeeze>>,
}

/// Builds a [`BinaryFileHandler`]; see there for the defaults.
#[derive(Debug, Clone)]
#[must_use]
pub struct BinaryFileHandlerBuilder {
    options: Options,
    plan: Plan,
    squeeze: Option<i32>,
}

impl BinaryFileHandlerBuilder {
    open_file_steps!(options);
    plan_steps!(plan);

    /// Sets when the file is moved away.
    pub fn rotate(mut self, rotate: Rotate) -> Self {
        self.plan.rotate = Some(rotate);
        self
    }

    /// Compresses each block with zstd, at one of its levels 1 to 19; needs the cargo feature
    /// `zstd`. A thread of the handler's own does it, `sawmill-zstd`.
    ///
    /// At the end of a batch, for a flush and for a rotation the drain waits for the blocks under
    /// way, 16 of 64 KiB at most, so that what is written is what it would be without.
    pub fn compress_blocks(mut self, level: i32) -> Self {
        self.squeeze = Some(level);
        self
    }

    /// Checks the options and opens the file, unless it is to be opened later.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened, or an option is not understood; the text names the path or
    /// the option.
    pub fn build(self) -> Result<BinaryFileHandler, Error> {
        let Self { mut options, plan, squeeze } = self;
        let squeeze = squeeze.map(Squeeze::new).transpose()?.map(Box::new);
        let path = absolute(&options.path)?;
        let rotation = plan.build(&path, &options.storage)?;
        let opens = !options.delay && !options.later;
        // Nothing ends a block but its length, and one that was torn is passed over.
        options.terminator = String::new();
        options.mend = false;
        let mut output = Output::new(Options { later: true, ..options })?;
        if let Some(rotation) = &rotation {
            output.set_archives(rotation.archives().clone());
        }
        let (encoder, preamble) = Encoder::new(&Start::now());
        output.set_blocks(Blocks::new(preamble));
        let rotation = rotation.map(Box::new);
        let open_records = 0;
        let mut handler = BinaryFileHandler { output, rotation, encoder, open_records, squeeze };
        if opens {
            handler.start()?;
        }
        Ok(handler)
    }
}

impl BinaryFileHandler {
    /// Opens a file to append to, with the defaults of the table above.
    ///
    /// # Errors
    ///
    /// If the file cannot be opened.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self, Error> {
        Self::builder(path).build()
    }

    /// Begins to build a handler for the file at `path`.
    pub fn builder(path: impl Into<PathBuf>) -> BinaryFileHandlerBuilder {
        let (options, plan) = (Options::new(path), Plan::default());
        BinaryFileHandlerBuilder { options, plan, squeeze: None }
    }

    /// The absolute path of the file.
    pub fn path(&self) -> &Path {
        self.output.path()
    }

    /// Writes what waits, closes the file and opens its path again, for tools that move files
    /// away (`logrotate`).
    ///
    /// # Errors
    ///
    /// If blocks cannot be written or the path cannot be opened; the next record tries again.
    pub fn reopen(&mut self) -> Result<(), Error> {
        let cx = &mut Context::detached();
        self.end_block();
        self.end_file(cx)?;
        self.output.reopen_now(cx)
    }

    /// Moves the file away now, whatever its size and time, and begins the next one. Nothing
    /// happens if it is empty, or if no rotation was asked for.
    ///
    /// # Errors
    ///
    /// If blocks cannot be written, or a file cannot be moved or opened; the records go on into
    /// the old file.
    pub fn do_rollover(&mut self) -> Result<(), Error> {
        if self.rotation.is_none() {
            return Ok(());
        }
        self.start()?;
        self.end_block();
        if self.output.size() == 0 { Ok(()) } else { self.roll(&mut Context::detached()) }
    }

    /// Opens the file for the first time since it was made or closed.
    fn start(&mut self) -> Result<(), Error> {
        let Self { output, rotation, .. } = self;
        let rotation = rotation.as_mut().filter(|rotation| !rotation.has_started());
        let Some(rotation) = rotation else { return output.open() };
        let meta = output.storage().metadata(output.path()).ok().filter(|meta| meta.is_file());
        if rotation.start(meta.as_ref()) {
            if let Err(error) = rotation.archive(output.path()) {
                let _ = output.open_to_append();
                return Err(error);
            }
            rotation.note(true);
        }
        output.open()?;
        rotation.took(output.file_number());
        rotation.try_link(output.path())
    }

    /// Ends the block in the making and has it wait to be written.
    fn end_block(&mut self) {
        self.end_block_early();
        self.take_squeezed(true);
    }

    /// As [`end_block`](Self::end_block), but a block that is being compressed is left to that.
    fn end_block_early(&mut self) {
        let Self { output, encoder, open_records, squeeze, .. } = self;
        encoder.take(|entries, header, payload| {
            let mark = Mark { header, records: std::mem::take(open_records) };
            let Some(squeeze) = squeeze else { return output.add_block(entries, mark, payload) };
            while squeeze.is_full()
                && let Some(done) = squeeze.next(true)
            {
                output.add_block(&done.entries, done.mark, &done.payload);
            }
            let (entries, payload) = (entries.to_vec(), payload.to_vec());
            if let Err(block) = squeeze.give(Block { entries, mark, payload }) {
                output.add_block(&block.entries, block.mark, &block.payload);
            }
        });
        self.take_squeezed(false);
    }

    /// Has the blocks wait to be written that are compressed, with `all` those as well that are
    /// about to be.
    #[inline]
    fn take_squeezed(&mut self, all: bool) {
        let Self { output, squeeze: Some(squeeze), .. } = self else { return };
        while let Some(done) = squeeze.next(all) {
            output.add_block(&done.entries, done.mark, &done.payload);
        }
    }

    /// Bytes that are in nobody's hands yet but the encoder's and the compressor's.
    fn open_bytes(&self) -> u64 {
        let squeezed = self.squeeze.as_ref().map_or(0, |squeeze| squeeze.bytes());
        self.encoder.len() as u64 + squeezed
    }

    /// Puts the index at the end of the file, which is about to be left.
    fn end_file(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.output.write_all(cx)?;
        let written = self.output.take_written();
        if let Some((_, header)) = written.iter().find(|(_, header)| header.kind == Kind::Records) {
            self.output.add_whole_block(&index_block(header.segment, &written));
        }
        Ok(())
    }

    #[cold]
    fn roll(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.end_block();
        self.end_file(cx)?;
        let Self { output, rotation: Some(rotation), .. } = self else { return Ok(()) };
        let done = try_roll(output, rotation, cx);
        // A file that takes nothing has a pause of its own, which may be over sooner.
        if done.is_ok() || !output.is_in_trouble() {
            rotation.note(done.is_ok());
        }
        done
    }

    /// Looks whether the file is to be moved away before this record.
    fn roll_if_due(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) {
        if self.rotation.as_ref().is_some_and(|rotation| !rotation.has_started())
            && let Err(error) = self.start()
        {
            cx.report(error);
        }
        // A file that holds nothing yet is none to be moved away, whatever it is to get first.
        let waits = self.open_bytes();
        let Self { output, rotation: Some(rotation), encoder, .. } = self else { return };
        let size = output.known_size() + waits;
        let more = encoder.at_most(record) + more_bytes(output);
        let number = output.file_number();
        if rotation.is_due(number, record.time_ns(), size, more)
            && !output.is_in_trouble()
            && output.is_regular()
            && let Err(error) = self.roll(cx)
        {
            cx.report(error);
        }
    }

    /// Takes records as their frames say them, up to the first that [`emit`](Handler::emit) has to
    /// look at, or to the end of a block. What it does is what `emit` would have done.
    #[inline]
    pub(crate) fn take_frames<'w>(
        &mut self,
        source: &mut (impl FrameSource<'w> + Copy),
        cx: &mut Context<'_>,
    ) {
        let Self { output, rotation, encoder, squeeze, .. } = self;
        if !output.is_open() || output.is_full() {
            return;
        }
        let mut bounds = Bounds { block: BLOCK_BYTES, until_ns: i64::MAX, room: u64::MAX };
        if let Some(rotation) = rotation {
            let Some((next_ns, max_bytes)) = rotation.bounds(output.file_number()) else { return };
            bounds.until_ns = next_ns;
            let squeezed = squeeze.as_ref().map_or(0, |squeeze| squeeze.bytes());
            let known = output.known_size() + squeezed + more_bytes(output);
            bounds.room = max_bytes.saturating_sub(known);
        }
        let taken = encoder.take_run(source, bounds);
        if taken.records == 0 {
            return;
        }
        output.note_level(Level::new(taken.greatest));
        self.open_records += taken.records;
        self.end_full_block(cx);
    }

    /// Ends the block in the making if it is full, and writes if a batch is.
    #[inline]
    fn end_full_block(&mut self, cx: &mut Context<'_>) {
        if self.encoder.len() >= BLOCK_BYTES {
            self.end_block_early();
            self.output.write_full(cx);
            self.tell_gap();
        }
    }

    /// Tells in the file of records that were shed.
    #[cold]
    fn tell_gap(&mut self) {
        if let Some(notice) = self.output.take_notice()
            && self.encoder.push(&notice.view()).is_ok()
        {
            self.end_block();
        }
    }
}

/// What a file is still to get beside the records of the block in the making.
fn more_bytes(output: &Output) -> u64 {
    // The preamble's, this one, and its entries.
    let blocks = 4 + output.block_count();
    output.head_bytes() + blocks * INDEXED_BYTES + 2 * HEADER_BYTES as u64
}

#[cfg(feature = "config")]
impl crate::handler::file::TakesFallback for BinaryFileHandler {
    fn set_fallback(&mut self, handler: HandlerRef) {
        self.output.set_fallback(handler);
    }
}

impl Handler for BinaryFileHandler {
    fn emit(&mut self, record: &LogRecord<'_>, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.is_some() {
            self.roll_if_due(record, cx);
        }
        if !self.output.reopen(cx).inspect_err(|_| cx.escape())? {
            return Ok(());
        }
        if self.output.is_full() && !self.output.has_room(record, cx) {
            return Ok(());
        }
        self.encoder.push(record)?;
        self.output.note(record);
        self.open_records += 1;
        self.end_full_block(cx);
        Ok(())
    }

    fn batch_end(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.end_block();
        let done = self.output.batch_end(cx);
        self.tell_gap();
        if done.is_ok() && self.output.waiting() > 0 { self.output.batch_end(cx) } else { done }
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.end_block();
        self.output.write_all(cx)?;
        self.tell_gap();
        self.output.flush(cx)
    }

    fn close(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        self.end_block();
        // What fails here is tried again by the closing.
        let _ = self.end_file(cx);
        self.tell_gap();
        let done = self.output.close(cx);
        if let Some(rotation) = &mut self.rotation {
            rotation.end();
            rotation.tick(cx);
        }
        done
    }

    fn open(&mut self, _cx: &mut Context<'_>) -> Result<(), Error> {
        if self.rotation.is_some() && !self.output.options().delay {
            return self.start();
        }
        self.output.open_as_told()
    }

    fn tick(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        let open = self.open_bytes();
        if let Some(rotation) = &mut self.rotation {
            rotation.tick(cx);
            let size = self.output.known_size() + open;
            if rotation.is_past(cx.now_ns(), size) && !self.output.is_in_trouble() {
                self.roll(cx)?;
            }
        }
        self.output.tick(cx)
    }

    fn held(&self) -> u64 {
        let squeezed = self.squeeze.as_ref().map_or(0, |squeeze| squeeze.records());
        self.output.held() + squeezed + self.open_records
    }

    fn begin_in_child(&mut self) {
        // The block in the making is the parent's, and so are the numbers.
        let (encoder, preamble) = Encoder::new(&Start::now());
        self.encoder = encoder;
        self.open_records = 0;
        if let Some(squeeze) = &mut self.squeeze {
            squeeze.begin_in_child();
        }
        self.output.set_blocks(Blocks::new(preamble));
    }

    fn length(&mut self) -> Option<u64> {
        // Asked once before a commit, when something waits: what is still in the making is to be
        // in the size that is noted.
        self.end_block();
        self.output.length()
    }

    fn place(&mut self, fresh: bool) -> Option<crate::handler::Place<'_>> {
        let open = if self.encoder.records() > 0 { self.encoder.len() as u64 } else { 0 };
        let squeezed = self.squeeze.as_ref().map_or(0, |squeeze| squeeze.bytes());
        let mut place = self.output.place(fresh)?;
        place.waiting += open + squeezed;
        Some(place)
    }

    fn targets(&self) -> Vec<HandlerRef> {
        self.output.targets()
    }
}

impl Drop for BinaryFileHandler {
    fn drop(&mut self) {
        self.end_block();
    }
}
