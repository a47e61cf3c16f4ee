//! sawmill in its several settings.

use crate::subject::{Ended, Overflow, Setup, Subject};
use sawmill::{
    BinaryFileHandler, FileHandler, Formatter, HandlerExt, HandlerRef, JsonFormatter, Keep, Lanes,
    Level, MmapRotatingFileHandler, NullHandler, Rotate, Runtime, Wait, debug, info,
};
use std::path::PathBuf;
use std::time::Duration;

/// Time with microseconds, level, logger, file and line, thread.
pub(crate) fn line() -> Formatter {
    const PATTERN: &str = "%(asctime)s %(levelname)-8s %(name)s %(filename)s:%(lineno)d \
                           [%(threadName)s] %(message)s";
    let builder = Formatter::builder().pattern(PATTERN).date_format("%Y-%m-%d %H:%M:%S.%f");
    builder.build().expect("the pattern is known to be good")
}

const LIMIT: Duration = Duration::from_secs(120);

pub(crate) struct Sawmill {
    runtime: Runtime,
    /// A folder that goes at the end.
    lanes: Option<PathBuf>,
}

impl Sawmill {
    pub(crate) fn start(setup: &Setup) -> Result<Self, sawmill::Error> {
        let mut builder = sawmill::builder().level(Level::INFO).handler("file", handler(setup)?);
        let mut folder = None;
        let mut keep = |lanes: Lanes| {
            if let Lanes::Mapped(at) = &lanes {
                folder = Some(at.clone());
            }
            lanes
        };
        builder = match setup.variant.as_str() {
            "spin" => builder.wait(Wait::Spin).affinity(1),
            "park" => builder.wait(Wait::Park),
            "mapped-lanes" => {
                let name = format!("sawmill-perf-{}", std::process::id());
                builder.durability(keep(Lanes::mapped(&name)))
            }
            // On the disk that the log lies on.
            "mapped-lanes-disk" => {
                builder.durability(keep(Lanes::Mapped(setup.file.with_file_name("lanes"))))
            }
            _ => builder,
        };
        builder = match setup.overflow {
            Overflow::Default => builder,
            Overflow::Block => builder.overflow(sawmill::Overflow::block()),
            Overflow::Drop => builder.overflow(sawmill::Overflow::drop()),
        };
        if setup.elaborate {
            for n in 0..20 {
                let logger = format!("service.part{n}");
                let handler = HandlerRef::new(NullHandler::new()).with_level(Level::new(n));
                builder = builder
                    .handler_for(&logger, &format!("null{n}"), handler)
                    .level_for(&logger, Level::DEBUG);
            }
        }
        Ok(Self { runtime: builder.init()?, lanes: folder })
    }
}

fn handler(setup: &Setup) -> Result<HandlerRef, sawmill::Error> {
    Ok(match setup.variant.as_str() {
        "json" => FileHandler::new(&setup.file)?.with_formatter(JsonFormatter::new()),
        "binary" => BinaryFileHandler::builder(&setup.file)
            .rotate(Rotate::size(1 << 30))
            .keep(Keep::files(1))
            .build()?
            .into(),
        "mapped" => MmapRotatingFileHandler::builder(&setup.file)
            .max_bytes(1 << 30)
            .backup_count(10)
            .build()?
            .with_formatter(line()),
        _ => FileHandler::new(&setup.file)?.with_formatter(line()),
    })
}

impl Subject for Sawmill {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        info!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        info!("Logging str: {}, int: {}", text, n);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        debug!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    fn end(self) -> Ended {
        let report = self.runtime.shutdown(LIMIT);
        if !report.is_complete() {
            eprintln!("the shutdown did not write everything: {report:?}");
        }
        if let Some(folder) = self.lanes {
            let _ = std::fs::remove_dir_all(folder);
        }
        Ended { dropped: Some(self.runtime.stats().dropped) }
    }
}
