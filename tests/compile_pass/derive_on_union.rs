use sawmill::Capture;

#[allow(dead_code)]
#[derive(Capture)]
enum Either {
    A(u8),
    B(i8),
}

fn main() {}
