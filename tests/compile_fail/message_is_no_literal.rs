use sawmill::info;

fn main() {
    let text = "t";
    info!(text);
}
