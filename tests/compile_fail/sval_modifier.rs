use sawmill::info;

fn main() {
    info!(key:sval = 1; "m");
}
