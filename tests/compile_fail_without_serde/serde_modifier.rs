use sawmill::info;

fn main() {
    info!(key:serde = 1; "m");
}
