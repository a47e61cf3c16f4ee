use sawmill::info;

fn main() {
    let width = "wide";
    info!("{:width$}", 1);
}
