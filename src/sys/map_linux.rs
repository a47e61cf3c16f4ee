//! Linux: a window of a file in memory, that a file cut short from outside cannot kill.
//!
//! A store to a mapped page behind the end of its file raises SIGBUS. The first window installs a
//! handler for it, which puts anonymous pages over the whole window, raises the window's flag and
//! returns; the store then succeeds into memory that is nobody's, and whoever stored looks at the
//! flag. Any other SIGBUS goes on to the handler that was there before.
#![allow(unsafe_code)]

use super::imp::signal;
use crate::sync::{AtomicBool, AtomicUsize, Mutex, OnceLock, Ordering, compiler_fence, lock};
use memmap2::{Advice, MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::ptr;

/// Windows that may be open in one process at a time.
const SLOTS: usize = 64;

/// A window as the signal handler knows it.
struct Slot {
    /// The first address; 0: free.
    start: AtomicUsize,
    len: AtomicUsize,
    lost: AtomicBool,
}

static WINDOWS: [Slot; SLOTS] = [const {
    Slot { start: AtomicUsize::new(0), len: AtomicUsize::new(0), lost: AtomicBool::new(false) }
}; SLOTS];
/// Serialises changes of the table and of the signal's disposition.
static CHANGES: Mutex<()> = Mutex::new(());
/// What was to be done about SIGBUS before.
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// A part of a file in memory, shared with the file.
#[derive(Debug)]
pub(crate) struct Window {
    map: MmapRaw,
    slot: usize,
}

/// The window is cut off from its file: what was stored last may not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl Window {
    /// Maps `len` bytes of a file from `offset`, a multiple of the page size.
    ///
    /// The file must reach to the end of the window and have its blocks allocated there.
    ///
    /// # Errors
    ///
    /// As `mmap(2)`; `Unsupported` if somebody else took the SIGBUS signal over, or 64 windows
    /// are open.
    pub(crate) fn map(file: &File, offset: u64, len: usize) -> io::Result<Self> {
        let map = MmapOptions::new().offset(offset).len(len).map_raw(file)?;
        let _changing = lock(&CHANGES);
        guard()?;
        let slot = WINDOWS.iter().position(|slot| slot.start.load(Ordering::Relaxed) == 0);
        let slot = slot.ok_or_else(|| unsupported("too many mapped windows"))?;
        let entry = &WINDOWS[slot];
        entry.lost.store(false, Ordering::Relaxed);
        entry.len.store(len, Ordering::Relaxed);
        // ORDERING(window-entry): Release, pairs with the Acquire in `on_bus_error`: a handler
        // that sees the start sees the length of the same window.
        entry.start.store(map.as_ptr() as usize, Ordering::Release);
        Ok(Self { map, slot })
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Brings pages into memory, ready for stores, so that a store meets no page fault.
    ///
    /// # Errors
    ///
    /// If there is no memory, or no space on the disk that the allocation failed to secure.
    pub(crate) fn populate(&self, at: usize, len: usize) -> io::Result<()> {
        let page = super::page_bytes();
        let begin = at / page * page;
        let end = (at + len).min(self.len());
        if begin >= end {
            return Ok(());
        }
        match self.map.advise_range(Advice::PopulateWrite, begin, end - begin) {
            // Before Linux 5.14 there is no such advice; a store does the same, page by page.
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => {
                for at in (begin..end).step_by(page) {
                    // SAFETY: in bounds. The byte is written back as it was; nobody else stores
                    // to this window. A fault is answered by the handler.
                    unsafe {
                        let byte = self.map.as_mut_ptr().add(at);
                        byte.write_volatile(byte.read_volatile());
                    }
                }
                if self.is_lost() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
            }
            done => done,
        }
    }

    /// Stores bytes, which the kernel has from then on, whatever becomes of this process.
    ///
    /// # Errors
    ///
    /// [`Lost`] if the file was cut short meanwhile.
    ///
    /// # Panics
    ///
    /// If the bytes do not fit.
    pub(crate) fn store(&mut self, at: usize, bytes: &[u8]) -> Result<(), Lost> {
        assert!(at <= self.len() && bytes.len() <= self.len() - at);
        // SAFETY: in bounds as just asserted; a slice in Rust's memory does not overlap the
        // mapping, which this type never lends out. A fault is answered by the handler.
        unsafe {
            ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(at), bytes.len());
        }
        // The handler ran on this very thread, in the midst of the copy: only the compiler could
        // move the question before it.
        compiler_fence(Ordering::SeqCst);
        if self.is_lost() { Err(Lost) } else { Ok(()) }
    }

    /// Returns true once the window was cut off from its file.
    pub(crate) fn is_lost(&self) -> bool {
        WINDOWS[self.slot].lost.load(Ordering::Relaxed)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        let _changing = lock(&CHANGES);
        // The mapping goes after the entry, so that no address of somebody else's next mapping is
        // ever taken for ours.
        WINDOWS[self.slot].start.store(0, Ordering::Release);
    }
}

fn unsupported(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, text)
}

type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);

/// Sees to it that our handler is the one that SIGBUS calls.
fn guard() -> io::Result<()> {
    let ours = on_bus_error as Handler as libc::sighandler_t;
    // SAFETY: all-zero bytes are a valid value of this plain C structure.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only; the structure is alive and writable.
    if unsafe { libc::sigaction(libc::SIGBUS, ptr::null(), &mut now) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if now.sa_sigaction == ours || now.sa_sigaction == OUTER.load(Ordering::Relaxed) {
        return Ok(());
    }
    if BEFORE.set(now).is_err() {
        // It may hand on to us or not, and we to it would be a circle.
        return Err(unsupported("another SIGBUS handler was installed"));
    }
    // SAFETY: as above.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = ours;
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the structure is complete: an empty mask, and a handler of the kind that the flag
    // says, which lives as long as the program and is safe to call at any point.
    match unsafe { libc::sigaction(libc::SIGBUS, &action, ptr::null_mut()) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A handler that calls [`mend`] before it does anything else; installed over ours, it serves as
/// well.
static OUTER: AtomicUsize = AtomicUsize::new(0);

/// Notes a handler for SIGBUS that calls [`mend`] first.
pub(super) fn asks_first(handler: usize) {
    OUTER.store(handler, Ordering::Relaxed);
}

extern "C" fn on_bus_error(
    signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    if !mend(info) {
        // SAFETY: with SA_SIGINFO the kernel passes a valid structure.
        let raised = unsafe { (*info).si_code > 0 };
        signal::hand_on(BEFORE.get(), signal, info, context, raised);
    }
}

/// Puts memory under a window whose file was cut short, if that is what the signal is about.
///
/// Safe at any point of the program: atomics and one system call, no lock, no allocation.
pub(super) fn mend(info: *mut libc::siginfo_t) -> bool {
    // SAFETY: with SA_SIGINFO the kernel passes a valid structure, which for a SIGBUS that it
    // raised itself (a positive code) holds the address.
    let (address, raised) = unsafe { ((*info).si_addr() as usize, (*info).si_code > 0) };
    for slot in &WINDOWS {
        // ORDERING(window-entry): Acquire, pairs with the Release in `Window::map`.
        let start = slot.start.load(Ordering::Acquire);
        let len = slot.len.load(Ordering::Relaxed);
        if !raised || start == 0 || address < start || address - start >= len {
            continue;
        }
        // SAFETY: errno of this thread, kept for the code that was interrupted.
        let errno = unsafe { *libc::__errno_location() };
        // SAFETY: the range is that of a window of ours, which nobody borrows; its thread is the
        // one that stores to it and waits here.
        let over = unsafe {
            libc::mmap(
                start as *mut libc::c_void,
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED,
                -1,
                0,
            )
        };
        // SAFETY: as above.
        unsafe { *libc::__errno_location() = errno };
        if over != libc::MAP_FAILED {
            slot.lost.store(true, Ordering::Relaxed);
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str) -> (File, std::path::PathBuf) {
        let path = std::env::temp_dir().join(format!("sawmill-{name}-{}", std::process::id()));
        let mut options = File::options();
        let options = options.read(true).write(true).create(true).truncate(true);
        (options.open(&path).unwrap(), path)
    }

    #[test]
    fn stores_reach_the_file_without_a_system_call() {
        let (file, path) = file("window");
        file.set_len(8192).unwrap();
        let mut window = Window::map(&file, 0, 8192).unwrap();
        window.populate(0, 8192).unwrap();
        window.store(4090, b"across pages").unwrap();
        assert_eq!(&std::fs::read(&path).unwrap()[4090..4102], b"across pages");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_store_behind_the_end_of_the_file_is_told_and_kills_nobody() {
        let (file, path) = file("bus");
        file.set_len(3 << 12).unwrap();
        let (mut hit, mut other) = (
            Window::map(&file, 0, 2 << 12).unwrap(),
            Window::map(&file, 2 << 12, 1 << 12).unwrap(),
        );
        hit.store(0, b"before").unwrap();
        file.set_len(0).unwrap();
        assert_eq!(hit.store(5000, b"into nothing"), Err(Lost));
        assert!(hit.is_lost() && !other.is_lost());
        assert_eq!(hit.store(0, b"still"), Err(Lost));
        assert_eq!(other.store(0, b"too"), Err(Lost));
        drop(hit);
        file.set_len(4096).unwrap();
        // The slot is free again, and its flag down.
        let mut next = Window::map(&file, 0, 4096).unwrap();
        assert!(next.store(0, b"fine").is_ok());
        assert_eq!(&std::fs::read(&path).unwrap()[..4], b"fine");
        std::fs::remove_file(path).unwrap();
    }
}
