use sawmill::info;

fn main() {
    let (user, ms) = ("ada", 5);
    info!("{user} took {ms} ms");
}
