use sawmill::info;

fn main() {
    info!("5" = 1; "m");
}
