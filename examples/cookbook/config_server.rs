//! A configuration server: a running program takes a new configuration over a connection.
//!
//! A message is four bytes, its length with the most significant byte first, and the text of an
//! INI file (or JSON in `dictConfig`'s schema), so Python's clients for `logging.config.listen`
//! work as they are. A hook looks at each message first: here it wants a password before the text.

mod place;

use sawmill::config::{Config, Door, Listener, Registry};
use sawmill::{debug, error, info, warning};
use std::error::Error;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Everything at `level` and above goes to `file`.
fn configuration(file: &str, level: &str) -> String {
    format!(
        "[loggers]\nkeys=root,simpleExample\n\
         [handlers]\nkeys=file\n\
         [formatters]\nkeys=simple\n\
         [logger_root]\nlevel=WARNING\nhandlers=file\n\
         [logger_simpleExample]\nlevel={level}\nhandlers=file\nqualname=simpleExample\npropagate=0\n\
         [handler_file]\nclass=FileHandler\nformatter=simple\nargs=({file:?}, 'a')\n\
         [formatter_simple]\nformat=%(levelname)s %(message)s\n"
    )
}

/// The client: what `struct.pack('>L', len(text))` and two calls of `send` do in Python.
fn send(to: SocketAddr, password: &str, text: &str) -> std::io::Result<()> {
    let message = format!("{password}\n{text}");
    let mut connection = TcpStream::connect(to)?;
    connection.write_all(&(message.len() as u32).to_be_bytes())?;
    connection.write_all(message.as_bytes())
}

fn until(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the listener did not take it");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    const PASSWORD: &[u8] = b"open sesame\n";
    let place = place::Place::new()?;
    let file = place.path("app.log").display().to_string();
    let runtime = sawmill::default();
    Config::from_ini(&configuration(&file, "INFO"))?.with_door(Door::python()).apply()?;

    let listener = Listener::builder()
        .verify(|message| message.strip_prefix(PASSWORD).map(<[u8]>::to_vec))
        .registry(Registry::new())
        .start("127.0.0.1:0", runtime)?;
    let logger = sawmill::get_logger("simpleExample");
    let work = || {
        debug!(logger: logger, "debug message");
        info!(logger: logger, "info message");
        warning!(logger: logger, "warn message");
        error!(logger: logger, "error message");
    };

    work();
    // An operator wants to see more, once with a wrong password, once with a mistake.
    send(listener.address(), "open barley", &configuration(&file, "DEBUG"))?;
    until(|| listener.stats().discarded == 1);
    send(listener.address(), "open sesame", &configuration(&file, "DBUG"))?;
    until(|| listener.stats().refused == 1);
    work();
    send(listener.address(), "open sesame", &configuration(&file, "DEBUG"))?;
    until(|| listener.stats().applied == 1);
    work();
    listener.stop();

    assert!(sawmill::flush(Duration::from_secs(5)).is_complete());
    let lines = place.show("app.log")?;
    let shown = |text: &str| lines.iter().filter(|line| line.contains(text)).count();
    assert_eq!((shown("debug message"), shown("info message")), (1, 3));
    assert_eq!(shown("refused, the former one stays"), 1);
    assert_eq!(shown("logger_simpleExample.level: \"INFO\" -> \"DEBUG\""), 1);
    Ok(())
}
