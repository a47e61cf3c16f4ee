use sawmill::info;

fn main() {
    let logger = "name";
    info!(logger: logger, "m");
}
