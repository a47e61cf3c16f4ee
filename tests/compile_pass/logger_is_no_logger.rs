use sawmill::info;

fn main() {
    let logger = sawmill::get_logger("name");
    info!(logger: logger, "m");
}
