use sawmill::info;

struct Plain;
impl std::fmt::Display for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("plain")
    }
}

fn main() {
    info!("{:?}", Plain);
}
