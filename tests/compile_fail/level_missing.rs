use sawmill::log;

fn main() {
    log!("m");
}
