use sawmill::info;

fn main() {
    info!("{} of {}", 1, 2);
}
