use sawmill::Capture;

#[derive(Capture)]
#[capture(crate = "::sawmill")]
struct One {
    id: u8,
}

fn main() {
    let _ = One { id: 1 };
}
