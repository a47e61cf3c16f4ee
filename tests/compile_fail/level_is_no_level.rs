use sawmill::log;

fn main() {
    log!("info", "m");
}
