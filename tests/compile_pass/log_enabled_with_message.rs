use sawmill::{Level, log_enabled};

fn main() {
    let _ = log_enabled!(Level::INFO);
}
