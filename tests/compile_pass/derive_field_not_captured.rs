use sawmill::Capture;

#[allow(dead_code)]
#[derive(Capture)]
struct Inner;

#[derive(Capture)]
struct Outer {
    id: u8,
    inner: Inner,
}

fn main() {
    let _ = Outer { id: 1, inner: Inner };
}
