use sawmill::info;

fn main() {
    let user = "ada";
    info!("{user} took {ms} ms");
}
