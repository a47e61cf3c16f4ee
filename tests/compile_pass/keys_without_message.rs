use sawmill::info;

fn main() {
    info!(key = 1; "m");
}
