use sawmill::exception;

fn main() {
    exception!(5, "m");
}
