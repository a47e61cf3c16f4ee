use sawmill::log;

fn main() {
    log!(sawmill::Level::INFO, "m");
}
