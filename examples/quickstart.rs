//! The shortest program that logs.

use sawmill::{info, warning};

fn main() -> Result<(), sawmill::Error> {
    sawmill::builder().console().init()?;
    let (user, took_ms) = ("ada", 12.345);
    info!("user {user} logged in after {took_ms:.1} ms");
    warning!(user, attempts = 3; "the password was wrong at first");
    Ok(())
}
