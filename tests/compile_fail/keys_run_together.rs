use sawmill::info;

fn main() {
    info!(one = 1 two = 2; "m");
}
