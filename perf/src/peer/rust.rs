//! Other Rust loggers, each set up for a file as its documentation recommends, with a worker thread
//! where it has one.

use crate::report::Figure;
use crate::subject::{Ended, Overflow, Setup, Subject};
use crate::workload::{Size, Workload};
use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex};

pub(crate) const NAMES: [&str; 7] =
    ["slog-async", "spdlog-rs", "flexi_logger", "log4rs", "ftlog", "fast_log", "logforth"];

pub(crate) fn run(
    peer: &str,
    workload: Workload,
    setup: &Setup,
    size: &Size,
) -> Result<Vec<Figure>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("{peer}: {e}");
    Ok(match peer {
        "slog-async" => workload.run(Slog::start(setup).map_err(|e| wrong(&e))?, setup, size),
        "spdlog-rs" => workload.run(Spdlog::start(setup).map_err(|e| wrong(&e))?, setup, size),
        _ => {
            let facade = match peer {
                "flexi_logger" => flexi_logger(setup).map_err(|e| wrong(&e))?,
                "log4rs" => log4rs(setup).map_err(|e| wrong(&*e))?,
                "ftlog" => ftlog(setup).map_err(|e| wrong(&*e))?,
                "fast_log" => fast_log(setup).map_err(|e| wrong(&e))?,
                "logforth" => logforth(setup).map_err(|e| wrong(&e))?,
                _ => return Err(format!("unknown peer {peer:?}")),
            };
            workload.run(facade, setup, size)
        }
    })
}

/// slog with slog-async before slog-term's full format.
struct Slog {
    logger: slog::Logger,
    guard: slog_async::AsyncGuard,
}

impl Slog {
    fn start(setup: &Setup) -> std::io::Result<Self> {
        use slog::Drain as _;
        let writer = BufWriter::with_capacity(64 << 10, File::create(&setup.file)?);
        let decorator = slog_term::PlainSyncDecorator::new(writer);
        let format = slog_term::FullFormat::new(decorator).build().fuse();
        let strategy = match setup.overflow {
            Overflow::Block => slog_async::OverflowStrategy::Block,
            _ => slog_async::OverflowStrategy::DropAndReport,
        };
        let (drain, guard) = slog_async::Async::new(format)
            .chan_size(8192)
            .overflow_strategy(strategy)
            .build_with_guard();
        let drain = drain.filter_level(slog::Level::Info).fuse();
        Ok(Self { logger: slog::Logger::root(drain, slog::o!()), guard })
    }
}

impl Subject for Slog {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        slog::info!(self.logger, "Logging int: {}, int: {}, double: {}", a, b, c);
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        slog::info!(self.logger, "Logging str: {}, int: {}", text, n);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        slog::debug!(self.logger, "Logging int: {}, int: {}, double: {}", a, b, c);
    }
    fn end(self) -> Ended {
        drop(self.logger);
        drop(self.guard);
        Ended::default()
    }
}

/// spdlog-rs with its pool of one worker and a buffered file.
struct Spdlog {
    logger: Arc<spdlog::Logger>,
    pool: Arc<spdlog::ThreadPool>,
}

impl Spdlog {
    fn start(setup: &Setup) -> spdlog::Result<Self> {
        use spdlog::sink::{AsyncPoolSink, FileSink, OverflowPolicy};
        let policy = match setup.overflow {
            Overflow::Drop => OverflowPolicy::DropIncoming,
            _ => OverflowPolicy::Block,
        };
        let pool = Arc::new(spdlog::ThreadPool::new()?);
        let file = FileSink::builder().path(&setup.file).build_arc()?;
        let sink = AsyncPoolSink::builder()
            .sink(file)
            .overflow_policy(policy)
            .thread_pool(pool.clone())
            .build_arc()?;
        let logger = spdlog::Logger::builder().sink(sink).build_arc()?;
        Ok(Self { logger, pool })
    }
}

impl Subject for Spdlog {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        spdlog::info!(logger: self.logger, "Logging int: {}, int: {}, double: {}", a, b, c);
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        spdlog::info!(logger: self.logger, "Logging str: {}, int: {}", text, n);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        spdlog::debug!(logger: self.logger, "Logging int: {}, int: {}, double: {}", a, b, c);
    }
    fn end(self) -> Ended {
        self.logger.flush();
        drop(self.logger);
        // The last owner of the pool joins its worker.
        drop(self.pool);
        Ended::default()
    }
}

/// A logger behind the `log` crate, with what ends it.
struct Facade {
    end: Mutex<Box<dyn FnMut() + Send>>,
}

impl Facade {
    fn new(end: impl FnMut() + Send + 'static) -> Self {
        Self { end: Mutex::new(Box::new(end)) }
    }
}

impl Subject for Facade {
    #[inline(always)]
    fn ints(&self, a: u64, b: u64, c: f64) {
        log::info!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    #[inline(always)]
    fn text(&self, text: &str, n: i32) {
        log::info!("Logging str: {}, int: {}", text, n);
    }
    #[inline(always)]
    fn off(&self, a: u64, b: u64, c: f64) {
        log::debug!("Logging int: {}, int: {}, double: {}", a, b, c);
    }
    fn end(self) -> Ended {
        (self.end.into_inner().expect("nothing panicked while it was held"))();
        Ended::default()
    }
}

fn flexi_logger(setup: &Setup) -> Result<Facade, flexi_logger::FlexiLoggerError> {
    let file = flexi_logger::FileSpec::try_from(&setup.file)?;
    let handle = flexi_logger::Logger::try_with_str("info")?
        .log_to_file(file)
        .format(flexi_logger::detailed_format)
        .write_mode(flexi_logger::WriteMode::Async)
        .start()?;
    Ok(Facade::new(move || handle.shutdown()))
}

/// log4rs has no worker: it writes on the caller.
fn log4rs(setup: &Setup) -> Result<Facade, Box<dyn std::error::Error>> {
    use log4rs::append::file::FileAppender;
    use log4rs::config::{Appender, Config, Root};
    use log4rs::encode::pattern::PatternEncoder;
    let pattern = PatternEncoder::new("{d} {l} {t} {f}:{L} [{T}] {m}{n}");
    let file = FileAppender::builder().encoder(Box::new(pattern)).build(&setup.file)?;
    let config = Config::builder()
        .appender(Appender::builder().build("file", Box::new(file)))
        .build(Root::builder().appender("file").build(log::LevelFilter::Info))?;
    log4rs::init_config(config)?;
    Ok(Facade::new(|| log::logger().flush()))
}

fn ftlog(setup: &Setup) -> Result<Facade, Box<dyn std::error::Error>> {
    let file = ftlog::appender::FileAppender::builder().path(&setup.file).build();
    let guard = ftlog::builder()
        .max_log_level(ftlog::LevelFilter::Info)
        .bounded(100_000, setup.overflow == Overflow::Block)
        .utc()
        .root(file)
        .try_init()?;
    let mut guard = Some(guard);
    Ok(Facade::new(move || drop(guard.take())))
}

fn fast_log(setup: &Setup) -> Result<Facade, fast_log::error::LogError> {
    let config = fast_log::Config::new()
        .file(&setup.file.to_string_lossy())
        .level(log::LevelFilter::Info)
        .chan_len(Some(100_000));
    fast_log::init(config)?;
    Ok(Facade::new(|| {
        if let Ok(group) = fast_log::flush() {
            group.wait();
        }
    }))
}

fn logforth(setup: &Setup) -> Result<Facade, logforth::Error> {
    let folder = setup.file.parent().unwrap_or(std::path::Path::new(".")).to_owned();
    let name = setup.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = logforth::append::file::FileBuilder::new(folder, name)
        .layout(logforth::layout::PlainTextLayout::default())
        .build()?;
    let worker = logforth::append::asynchronous::AsyncBuilder::new("logforth")
        .buffered_lines_limit(Some(8192))
        .append(file);
    let worker = match setup.overflow {
        Overflow::Drop => worker.overflow_drop_incoming(),
        _ => worker.overflow_block(),
    };
    let worker = worker.build();
    let level = logforth::record::LevelFilter::MoreSevereEqual(logforth::record::Level::Info);
    logforth::starter_log::builder().dispatch(|d| d.filter(level).append(worker)).apply();
    Ok(Facade::new(|| logforth::core::default_logger().exit()))
}
