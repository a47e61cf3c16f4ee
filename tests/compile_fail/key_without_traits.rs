use sawmill::info;

#[allow(dead_code)]
struct Plain;

fn main() {
    info!(key = Plain; "m");
}
