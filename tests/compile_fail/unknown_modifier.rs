use sawmill::info;

fn main() {
    info!(key:hex = 1; "m");
}
