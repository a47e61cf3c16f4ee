use sawmill::exception;

fn main() {
    exception!("x".parse::<u8>().unwrap_err(), "m");
}
