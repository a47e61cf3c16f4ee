use sawmill::info;

fn main() {
    info!("{:x}", 1);
}
