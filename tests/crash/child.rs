//! The process that dies.

use crate::held;
use crate::kinds::Kind;
use crate::memory;
use crate::shared::{Shared, THREADS};
use sawmill::{
    BinaryFileHandler, CrashHandling, Drain, FileHandler, Formatter, HandlerRef, Level, Naming,
    Overflow, Rotate, RotatingFileHandler, Runtime, info,
};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process, thread};

/// Tells the program that it is a child: `kind,lanes,seed`.
pub(crate) const VARIABLE: &str = "SAWMILL_DEATH";
/// Tells it that the log is a binary one.
pub(crate) const BINARY: &str = "SAWMILL_DEATH_BINARY";
/// The file that the child logs to.
pub(crate) const LOG: &str = "app.log";
pub(crate) const PATTERN: &str =
    "%(run)d %(process)d %(lane)d %(sequence)d %(name)s %(levelname)s %(message)s";

/// What the process is that clears up behind a dead one.
pub(crate) const CLEAR_UP: &str = "clear-up";
/// Where mapped lanes lie.
pub(crate) const LANES: &str = "lanes";

/// When a death begins after the threads log.
pub(crate) fn moment(seed: u64) -> Duration {
    Duration::from_micros(500 + random(seed) % 25_000)
}

fn random(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

pub(crate) fn run() {
    let told = env::var(VARIABLE).expect("told how to die");
    let mut words = told.split(',');
    let kind = words.next().expect("a kind");
    let lanes = words.next().expect("the lanes");
    let seed: u64 = words.next().and_then(|word| word.parse().ok()).expect("a seed");
    if kind == CLEAR_UP {
        return drop(start(kind, lanes, seed, None).shutdown(Duration::from_secs(30)));
    }
    let kind = Kind::of(kind).expect("a known kind");
    if kind == Kind::Oom {
        memory::enter();
    }
    // Whoever runs this in the background has requests to end ignored.
    for signal in [libc::SIGINT, libc::SIGHUP] {
        // SAFETY: the default action is one that every process may have.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
    let shared: &'static Shared =
        Box::leak(Box::new(Shared::open(Path::new("counts")).expect("the counts")));
    shared.note_start();
    if kind == Kind::HeldCallers {
        held::end_with_first_call(shared);
    }
    drop(start(&kind.to_string(), lanes, seed, Some(shared)));
    let stop = Arc::new(AtomicBool::new(false));
    let threads: Vec<_> = (0..THREADS)
        .map(|number| {
            let stop = stop.clone();
            let named = thread::Builder::new().name(format!("worker-{number}"));
            named.spawn(move || log(number, shared, seed, &stop)).expect("a thread")
        })
        .collect();
    while (0..THREADS).any(|number| shared.returned(number) == 0) {
        thread::sleep(Duration::from_micros(100));
    }
    shared.set_ready();
    if kind.needs_signal() {
        loop {
            thread::sleep(Duration::from_secs(3600));
        }
    }
    thread::sleep(moment(seed));
    shared.note_death();
    match kind {
        Kind::Return => {}
        Kind::Exit => process::exit(7),
        // SAFETY: ends the process.
        Kind::ExitAtOnce => unsafe { libc::_exit(7) },
        Kind::Panic => panic!("as asked"),
        Kind::PanicAbort => {
            // What `panic = "abort"` does behind the hook; without the backtrace that a panic
            // which must not unwind shows here, for seconds.
            std::panic::set_hook(Box::new(|_| process::abort()));
            panic!("as asked");
        }
        Kind::Abort => process::abort(),
        Kind::Segv => fault(),
        Kind::DrainSegv | Kind::DrainAbort => {
            FUSE.store(true, Ordering::Relaxed);
            loop {
                thread::sleep(Duration::from_secs(3600));
            }
        }
        Kind::DrainStuck => {
            FUSE.store(true, Ordering::Relaxed);
            thread::sleep(moment(seed / 7));
            process::abort();
        }
        Kind::HeapLock => {
            HELD.store(true, Ordering::Release);
            thread::sleep(moment(seed / 7) / 10);
            fault();
        }
        Kind::Bus => bus_error(),
        Kind::StackOverflow => {
            // In a thread, whose stack has an end whatever the limit of the first one's is.
            let deep = || std::hint::black_box(deep(std::hint::black_box(1)));
            let thread = thread::Builder::new().stack_size(1 << 20).spawn(deep).expect("a thread");
            drop(thread.join());
        }
        Kind::Oom => eat(),
        Kind::HeldCallers => held::hold(&threads, shared),
        Kind::ThreadsEnd => {
            stop.store(true, Ordering::Relaxed);
            let until = Instant::now() + Duration::from_secs(20);
            for thread in threads {
                while !thread.is_finished() && Instant::now() < until {
                    thread::sleep(Duration::from_micros(50));
                }
            }
        }
        Kind::Destructors => {
            stop.store(true, Ordering::Relaxed);
            threads.into_iter().for_each(|thread| drop(thread.join()));
            destructors(shared);
        }
        Kind::Fork | Kind::PreFork => fork(kind.children()),
        Kind::ForkExec => {
            let mut command = process::Command::new("true");
            // SAFETY: the hook does nothing; it is there so that the process is really forked.
            unsafe { std::os::unix::process::CommandExt::pre_exec(&mut command, || Ok(())) };
            assert!(command.status().expect("a child").success());
        }
        Kind::Term | Kind::Int | Kind::Hup | Kind::Kill => unreachable!("sent by the parent"),
        Kind::SentSegv | Kind::SentBus | Kind::SentIll | Kind::SentFpe => {
            unreachable!("sent by the parent")
        }
    }
}

/// The longest burst of a thread; a build that is not optimised needs less to be busy.
const BURST: u64 = if cfg!(debug_assertions) { 80 } else { 400 };

/// Whether the log is rotated meanwhile: every fourth death of a kind, but for forks, for several
/// processes do not rotate one file together.
pub(crate) fn rotates(kind: &str, seed: u64) -> bool {
    seed / 64 % 4 == 3 && !kind.contains("fork")
}

/// Whether the log is a binary one: every fourth death of a kind, and half of those that rotate.
/// Forked children append their blocks to it, too.
pub(crate) fn is_binary(seed: u64) -> bool {
    seed / 64 % 4 == 1 || seed / 64 % 8 == 7
}

/// Whether lanes on the heap are spilled: every other death, but for forks, and where the drain
/// writes nothing any more.
pub(crate) fn spills(kind: &str, lanes: &str, seed: u64) -> bool {
    let spills =
        |kind: Kind| kind.takes_the_drain() || (seed / 128 % 2 == 1 && kind.children() == 0);
    lanes == "heap" && Kind::of(kind).is_none_or(spills)
}

/// What the children's handlers look like to the command.
pub(crate) fn config(binary: bool) -> String {
    if binary {
        return format!(
            r#"{{"version": 1, "handlers": {{"file": {{
                "class": "sawmill.BinaryFileHandler", "filename": "{LOG}"}}}},
                "root": {{"level": "INFO", "handlers": ["file"]}}}}"#
        );
    }
    format!(
        r#"{{"version": 1, "formatters": {{"line": {{"format": "{PATTERN}"}}}},
            "handlers": {{"file": {{
                "class": "logging.FileHandler", "filename": "{LOG}", "formatter": "line"}}}},
            "root": {{"level": "INFO", "handlers": ["file"]}}}}"#
    )
}

fn start(kind: &str, lanes: &str, seed: u64, shared: Option<&'static Shared>) -> Runtime {
    // Once in many batches with Python's chain of names, or many times in one with rising ones.
    let handler = if env::var_os(BINARY).is_some() {
        let mut file = BinaryFileHandler::builder(LOG);
        if rotates(kind, seed) {
            file = file.rotate(Rotate::size(20_000)).naming(Naming::Rising);
        }
        HandlerRef::new(file.build().expect("a log file"))
    } else if rotates(kind, seed) && (seed / 512).is_multiple_of(2) {
        let file = RotatingFileHandler::builder(LOG).max_bytes(300_000).backup_count(1000);
        HandlerRef::new(file.build().expect("a log file"))
    } else if rotates(kind, seed) {
        let file = FileHandler::builder(LOG).rotate(Rotate::size(20_000)).naming(Naming::Rising);
        HandlerRef::new(file.build().expect("a log file"))
    } else {
        // Forked children write to it as well.
        let file = FileHandler::builder(LOG).shared(kind.contains("fork"));
        HandlerRef::new(file.build().expect("a log file"))
    };
    let handler = handler.with_formatter(Formatter::new(PATTERN).expect("a pattern"));
    let folder = env::current_dir().expect("a directory").join(LANES);
    let mapped = lanes == "mapped";
    let drain = Kind::of(kind).filter(|kind| kind.takes_the_drain());
    let patience = if drain.is_some() { 300 } else { 30_000 };
    let mut crash = CrashHandling::new().panics(false).deadline(Duration::from_millis(patience));
    if spills(kind, lanes, seed) {
        crash = crash.spill(&folder);
    }
    let mut builder = Runtime::builder();
    if let Some(kind) = drain {
        // Half of them get a record before the file does.
        let bomb = HandlerRef::new(Bomb(kind));
        let first = (seed / 64).is_multiple_of(2);
        builder = if first {
            builder.handler("bomb", bomb).handler("file", handler)
        } else {
            builder.handler("file", handler).handler("bomb", bomb)
        };
    } else {
        builder = builder.handler("file", handler);
    }
    if let Some(shared) = shared {
        builder = builder.handler("stamp", HandlerRef::new(Stamp { shared, looks: [0; 2] }));
    }
    if kind.contains("fork") && seed / 64 % 8 == 5 {
        // Each call delivers its own record, in forked children too.
        builder = builder.drain(Drain::Inline);
    }
    builder
        .durability(if mapped { sawmill::Lanes::Mapped(folder) } else { sawmill::Lanes::Heap })
        .level(Level::INFO)
        .overflow(Overflow::block())
        .crash_handling(crash)
        .init()
        .expect("a runtime")
}

/// The time has come for the drain.
static FUSE: AtomicBool = AtomicBool::new(false);

/// A handler that takes the drain with it.
struct Bomb(Kind);

impl sawmill::Handler for Bomb {
    fn emit(
        &mut self,
        record: &sawmill::LogRecord<'_>,
        _cx: &mut sawmill::Context<'_>,
    ) -> Result<(), sawmill::Error> {
        // The drain needs the heap for each record.
        drop(std::hint::black_box(Box::new(record.line())));
        if FUSE.load(Ordering::Relaxed) {
            match self.0 {
                Kind::DrainSegv => fault(),
                Kind::DrainAbort => process::abort(),
                Kind::DrainStuck => loop {
                    thread::sleep(Duration::from_secs(3600));
                },
                _ => {}
            }
        }
        Ok(())
    }
}

/// A handler behind the file's, which notes when the drain looked at the lanes for what it has
/// written.
struct Stamp {
    shared: &'static Shared,
    /// The looks before the latest passes that found something: with several lanes a pass takes
    /// what the look before its own saw.
    looks: [i64; 2],
}

impl sawmill::Handler for Stamp {
    fn emit(
        &mut self,
        _record: &sawmill::LogRecord<'_>,
        cx: &mut sawmill::Context<'_>,
    ) -> Result<(), sawmill::Error> {
        if cx.now_ns() != self.looks[1] {
            self.looks = [self.looks[1], cx.now_ns()];
        }
        Ok(())
    }

    fn batch_end(&mut self, _cx: &mut sawmill::Context<'_>) -> Result<(), sawmill::Error> {
        if self.looks[0] != 0 {
            self.shared.note_look(self.looks[0]);
        }
        Ok(())
    }
}

fn fault() {
    let nowhere = std::hint::black_box(8_usize) as *mut u64;
    // SAFETY: none: the fault is what is wanted.
    unsafe { nowhere.write_volatile(1) };
}

/// The system's heap, behind a lock that one thread may keep.
struct Heap;

static HELD: AtomicBool = AtomicBool::new(false);

impl Heap {
    fn enter() {
        while HELD.load(Ordering::Acquire) {
            // SAFETY: takes nothing.
            unsafe { libc::sched_yield() };
        }
    }
}

// SAFETY: everything is the system's allocator's.
unsafe impl std::alloc::GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        Self::enter();
        // SAFETY: as the caller promises.
        unsafe { std::alloc::System.alloc(layout) }
    }

    unsafe fn dealloc(&self, place: *mut u8, layout: std::alloc::Layout) {
        Self::enter();
        // SAFETY: as above.
        unsafe { std::alloc::System.dealloc(place, layout) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap;

/// Logs without end, in bursts with short pauses; each call that returned is counted.
fn log(number: usize, shared: &Shared, seed: u64, stop: &AtomicBool) {
    let filler = "x".repeat(200);
    let mut state = random(seed ^ (number as u64) << 32);
    let mut n = 0_u64;
    while !stop.load(Ordering::Relaxed) {
        state = random(state);
        for _ in 0..state % BURST {
            n += 1;
            if n.is_multiple_of(16) {
                info!("thread {number} record {n} {}", &filler[..(n % 200) as usize]);
            } else {
                info!("thread {number} record {n} with {} and {}", n * 3, 0.5);
            }
            shared.note(number, n);
        }
        shared.note_time(number, n);
        match state % 4 {
            0 => thread::yield_now(),
            _ => thread::sleep(Duration::from_micros(state >> 16 & 0x3ff)),
        }
    }
}

/// Records of each forked child.
pub(crate) const OF_CHILD: u64 = 300;

/// Forks children that log, and waits for them.
fn fork(children: u64) {
    let mut running = Vec::new();
    for child in 0..children {
        // SAFETY: the child goes on as a process of one thread, which logs and exits.
        match unsafe { libc::fork() } {
            0 => {
                for n in 1..=OF_CHILD {
                    info!("child {child} record {n}");
                }
                process::exit(0);
            }
            pid => running.push(pid),
        }
    }
    for pid in running {
        let mut status = 0;
        // SAFETY: the child is ours, the place alive and writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0, "a forked child ended otherwise");
    }
}

#[allow(unconditional_recursion)]
fn deep(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 64]);
    deep(frame[5] + 1) + frame[7]
}

/// A mapping behind the end of its file.
fn bus_error() {
    let file = fs::File::options().read(true).write(true).create(true).truncate(true).open("bus");
    let file = file.expect("a file");
    file.set_len(4096).expect("a page");
    let map = memmap2::MmapRaw::map_raw(&file).expect("a mapping");
    file.set_len(0).expect("no page");
    // SAFETY: none: the fault is what is wanted.
    unsafe { map.as_mut_ptr().write_volatile(1) };
}

fn eat() {
    let mut all = Vec::new();
    loop {
        all.push(std::hint::black_box(vec![1_u8; 1 << 20]));
    }
}

/// Logs from a thread-local's destructor and from an exit handler, as threads 0 and 1 went on.
fn destructors(shared: &'static Shared) {
    struct Last(&'static Shared, usize);
    impl Drop for Last {
        fn drop(&mut self) {
            let n = self.0.returned(self.1) + 1;
            info!("thread {} record {n} from a destructor", self.1);
            self.0.note(self.1, n);
        }
    }
    thread_local!(static LAST: std::cell::RefCell<Option<Last>> = const { std::cell::RefCell::new(None) });
    extern "C" fn at_exit() {
        info!("thread 1 record {} from an exit handler", AT_EXIT.load(Ordering::Relaxed));
    }
    static AT_EXIT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let thread = thread::spawn(move || {
        LAST.with(|last| *last.borrow_mut() = Some(Last(shared, 0)));
    });
    thread.join().expect("it ends");
    AT_EXIT.store(shared.returned(1) + 1, Ordering::Relaxed);
    // SAFETY: a plain function of this program.
    unsafe { libc::atexit(at_exit) };
    shared.note(1, shared.returned(1) + 1);
}
