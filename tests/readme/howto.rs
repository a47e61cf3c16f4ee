use sawmill::{critical, debug, error, info, warning};

fn main() -> Result<(), sawmill::Error> {
    sawmill::file_config("logging.yaml")?;
    let logger = sawmill::get_logger("simpleExample");
    debug!(logger: logger, "debug message");
    info!(logger: logger, "info message");
    warning!(logger: logger, "warn message");
    error!(logger: logger, "error message");
    critical!(logger: logger, "critical message");
    Ok(())
}
