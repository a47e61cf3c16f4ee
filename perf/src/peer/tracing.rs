//! tracing, the logger that most Rust programs write their files with.

use crate::subject::{Ended, Overflow, Setup, Subject};
use std::fs::File;
use std::io::BufWriter;

/// tracing-appender writes each line with a call of its own unless given a buffered writer.
pub(super) const VARIANTS: [&str; 2] = ["default", "bufwriter"];

/// tracing, its text formatter and tracing-appender's worker.
pub(super) struct Tracing {
    guard: tracing_appender::non_blocking::WorkerGuard,
    errors: tracing_appender::non_blocking::ErrorCounter,
}

impl Tracing {
    pub(super) fn start(setup: &Setup) -> std::io::Result<Self> {
        let file = File::create(&setup.file)?;
        let builder = tracing_appender::non_blocking::NonBlockingBuilder::default()
            .lossy(setup.overflow != Overflow::Block);
        let (writer, guard) = match setup.variant.as_str() {
            "bufwriter" => builder.finish(BufWriter::with_capacity(64 << 10, file)),
            _ => builder.finish(file),
        };
        let errors = writer.error_counter();
        tracing_subscriber::fmt()
            .with_writer(writer)
            .with_ansi(false)
            .with_max_level(tracing::Level::INFO)
            .init();
        Ok(Self { guard, errors })
    }
}

impl Subject for Tracing {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        tracing::info!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        tracing::info!("Logging str: {}, int: {}", text, n);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        tracing::debug!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    fn end(self) -> Ended {
        drop(self.guard);
        Ended { dropped: Some(self.errors.dropped_lines() as u64) }
    }
}
