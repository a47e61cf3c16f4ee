use sawmill::info;

fn main() {
    info!("a {0 b", 1);
}
