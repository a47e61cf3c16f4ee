use sawmill::info;

fn main() {
    info!(key:debug = 1; "m");
}
