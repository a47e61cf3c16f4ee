use sawmill::info;

fn main() {
    info!(key:display = 1; "m");
}
