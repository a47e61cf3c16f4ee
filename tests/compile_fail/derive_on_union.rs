use sawmill::Capture;

#[allow(dead_code)]
#[derive(Capture)]
union Either {
    a: u8,
    b: i8,
}

fn main() {}
