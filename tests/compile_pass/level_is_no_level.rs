use sawmill::log;

fn main() {
    log!(20, "m");
}
