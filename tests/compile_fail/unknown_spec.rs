use sawmill::info;

fn main() {
    info!("{:q}", 1);
}
