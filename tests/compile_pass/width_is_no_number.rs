use sawmill::info;

fn main() {
    let width = 5;
    info!("{:width$}", 1);
}
