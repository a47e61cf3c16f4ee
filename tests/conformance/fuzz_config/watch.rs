//! Notices cases that panic and cases that never end, and keeps them.
//!
//! Time is the process's own processor time: a machine that gives this process no time for a
//! minute has found no fault.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) struct Watch {
    shared: Arc<Shared>,
}

struct Shared {
    folder: PathBuf,
    name: String,
    limit: Duration,
    running: Mutex<Option<Running>>,
    panicked: AtomicBool,
    slowest: Mutex<Duration>,
}

struct Running {
    number: u64,
    input: Vec<u8>,
    begun: Duration,
}

pub(crate) fn start(folder: &Path, format: &str, seed: u64, limit: Duration) -> Watch {
    let shared = Arc::new(Shared {
        folder: folder.to_owned(),
        name: format!("{format}-{seed}"),
        limit,
        running: Mutex::new(None),
        panicked: AtomicBool::new(false),
        slowest: Mutex::new(Duration::ZERO),
    });
    let seen = shared.clone();
    std::panic::set_hook(Box::new(move |panic| {
        eprintln!("{panic}");
        eprintln!("{}", std::backtrace::Backtrace::force_capture());
        seen.panicked.store(true, Ordering::Relaxed);
        seen.keep("panic");
    }));
    let seen = shared.clone();
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let over = match &*seen.running.lock().unwrap() {
                Some(running) => processor_time().saturating_sub(running.begun) > seen.limit,
                None => false,
            };
            if over {
                seen.keep("hang");
                eprintln!("a case takes longer than {:?}", seen.limit);
                std::process::exit(2);
            }
        }
    });
    Watch { shared }
}

impl Watch {
    pub(crate) fn begin(&self, number: u64, input: &[u8]) {
        let running = Running { number, input: input.to_vec(), begun: processor_time() };
        *self.shared.running.lock().unwrap() = Some(running);
    }

    /// Returns true if the case panicked.
    pub(crate) fn end(&self) -> bool {
        if let Some(running) = self.shared.running.lock().unwrap().take() {
            let took = processor_time().saturating_sub(running.begun);
            let mut slowest = self.shared.slowest.lock().unwrap();
            *slowest = took.max(*slowest);
        }
        self.shared.panicked.swap(false, Ordering::Relaxed)
    }

    /// The processor time of the slowest case, in steps of a tick.
    pub(crate) fn slowest(&self) -> Duration {
        *self.shared.slowest.lock().unwrap()
    }
}

impl Shared {
    fn keep(&self, what: &str) {
        let running = self.running.lock().unwrap();
        let Some(running) = &*running else { return };
        let file = self.folder.join(format!("{}-{}.{what}", self.name, running.number));
        let kept = std::fs::create_dir_all(&self.folder)
            .and_then(|()| std::fs::write(&file, &running.input));
        eprintln!(
            "case {} of {}: {what}, kept as {} {kept:?}",
            running.number,
            self.name,
            file.display()
        );
    }
}

/// What this process has taken, in ticks of a hundredth of a second; zero where nobody tells.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = |at: usize| fields.split_whitespace().nth(at).and_then(|it| it.parse().ok());
    let (user, system): (u64, u64) = (ticks(11).unwrap_or(0), ticks(12).unwrap_or(0));
    Duration::from_millis((user + system) * 10)
}
