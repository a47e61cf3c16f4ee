use sawmill::info;

#[allow(dead_code)]
#[derive(Debug)]
struct Plain;

fn main() {
    info!("{} {}", 1, Plain);
}
