use sawmill::info;

fn main() {
    info!(target: "t",);
}
